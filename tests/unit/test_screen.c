// SPDX-License-Identifier: MIT
//
// The picture between a device and a window: sizes, the box of what changed, copies, and two threads at once.
#include "ui/screen.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/tap.h"

static bool rect_is(struct screen_rect r, unsigned x, unsigned y, unsigned width, unsigned height)
{
    return r.x == x && r.y == y && r.width == width && r.height == height;
}

static unsigned refreshed, invalidated;
static bool count_refresh(void *opaque, struct screen *screen) { return (refreshed += *(unsigned *)opaque); }
static void count_invalidate(void *opaque) { invalidated++; }
static bool text_size(void *opaque, unsigned *columns, unsigned *rows)
{
    *columns = 80;
    *rows = 25;
    return true;
}

static void test_boxes(void)
{
    struct screen *screen = screen_new();
    uint32_t *mine = NULL;
    unsigned width = 0, height = 0, stride = 0;
    struct screen_rect box;
    tap_ok(!screen_refresh(screen), "no device changes anything");
    tap_ok(!screen_is_dirty(screen) && !screen_take(screen, &mine, &width, &height, &box), "nothing was drawn: nothing to take");
    unsigned w, h;
    tap_ok(!screen_copy(screen, &w, &h), "and no copy");

    uint32_t *p = screen_lock(screen, 8, 4, &stride);
    bool black = true;
    for (int i = 0; i < 32; i++)
        black &= p[i] == 0;
    tap_ok(black && stride == 8, "a new size is black");
    p[9] = 0x123456;
    screen_unlock(screen);
    tap_ok(screen_take(screen, &mine, &width, &height, &box) && width == 8 && height == 4 && rect_is(box, 0, 0, 8, 4),
       "a new size is dirty as a whole");
    tap_ok(mine[9] == 0x123456 && mine[10] == 0, "its pixels arrive");
    tap_ok(!screen_take(screen, &mine, &width, &height, &box), "and only once");

    p = screen_lock(screen, 8, 4, &stride);
    p[8 + 2] = 1;
    p[2 * 8 + 5] = 2;
    p[0] = 3; // not reported
    screen_dirty(screen, (struct screen_rect){ 2, 1, 1, 1 });
    screen_dirty(screen, (struct screen_rect){ 5, 2, 1, 1 });
    screen_unlock(screen);
    tap_ok(screen_take(screen, &mine, &width, &height, &box) && rect_is(box, 2, 1, 4, 2), "two parts: their bounding box");
    tap_ok(mine[10] == 1 && mine[21] == 2 && mine[0] == 0, "only the box is copied");

    screen_lock(screen, 8, 4, &stride);
    screen_dirty(screen, (struct screen_rect){ 8, 0, 1, 1 });
    screen_dirty(screen, (struct screen_rect){ 0, 0, 0, 4 });
    screen_unlock(screen);
    tap_ok(!screen_take(screen, &mine, &width, &height, &box), "parts outside and empty parts are nothing");
    screen_lock(screen, 8, 4, &stride);
    screen_dirty(screen, (struct screen_rect){ 6, 3, 100, 0xffffffffu });
    screen_unlock(screen);
    tap_ok(screen_take(screen, &mine, &width, &height, &box) && rect_is(box, 6, 3, 2, 1), "a part is cut to the picture");

    p = screen_lock(screen, 3, 2, &stride);
    p[5] = 7;
    screen_unlock(screen);
    uint32_t *copy = screen_copy(screen, &w, &h);
    tap_ok(copy && w == 3 && h == 2 && copy[5] == 7, "a copy takes nothing from the window");
    free(copy);
    tap_ok(screen_take(screen, &mine, &width, &height, &box) && width == 3 && height == 2 && mine[5] == 7, "a smaller picture");
    free(mine);
    screen_free(screen);
}

static void test_source(void)
{
    struct screen *screen = screen_new();
    unsigned step = 2, columns = 0, rows = 0;
    tap_ok(!screen_text_size(screen, &columns, &rows), "no source: no text mode");
    screen_set_source(screen, &(struct screen_source){ count_refresh, count_invalidate, text_size, &step });
    screen_refresh(screen);
    tap_ok(refreshed == 2 && !invalidated, "refresh asks the source");
    screen_redraw(screen);
    tap_ok(refreshed == 4 && invalidated == 1, "redraw invalidates and asks");
    tap_ok(screen_text_size(screen, &columns, &rows) && columns == 80 && rows == 25, "the source's text mode");
    screen_set_source(screen, NULL);
    screen_refresh(screen);
    tap_ok(refreshed == 4, "a source that left is not asked");
    screen_free(screen);
}

// The drawer fills the whole picture with one value, in sizes that change; a taker never sees two values in what it took.
enum { FRAMES = 3000 };
static void *draw(void *opaque)
{
    struct screen *screen = opaque;
    for (unsigned i = 1; i <= FRAMES; i++) {
        unsigned width = 16 + i / 100 % 3, height = 8 + i / 70 % 3, stride;
        uint32_t *p = screen_lock(screen, width, height, &stride);
        for (unsigned n = 0; n < stride * height; n++)
            p[n] = i;
        screen_dirty(screen, (struct screen_rect){ 0, 0, width, height });
        screen_unlock(screen);
    }
    return NULL;
}

static void test_threads(void)
{
    struct screen *screen = screen_new();
    pthread_t thread;
    uint32_t *mine = NULL, last = 0;
    unsigned width = 0, height = 0, torn = 0, backwards = 0;
    struct screen_rect box;
    pthread_create(&thread, NULL, draw, screen);
    while (last < FRAMES) {
        if (!screen_take(screen, &mine, &width, &height, &box))
            continue;
        for (unsigned n = 1; n < width * height; n++)
            torn += mine[n] != mine[0];
        backwards += mine[0] < last;
        last = mine[0];
    }
    pthread_join(thread, NULL);
    tap_ok(!torn, "no frame is torn between two threads");
    tap_ok(!backwards, "frames come in order");
    free(mine);
    screen_free(screen);
}

int main(void)
{
    test_boxes();
    test_source();
    test_threads();
    return tap_done();
}
