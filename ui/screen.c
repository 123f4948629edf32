// SPDX-License-Identifier: MIT
//
// The picture and its lock. What changed is one bounding box: a window copies and uploads rectangles, and most of what
// changes at once (a scrolled console, a moved window) lies together anyway.
#include "ui/screen.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct screen {
    pthread_mutex_t lock; // pixels, width, height, dirty
    uint32_t *pixels;     // width * height
    unsigned width, height;
    struct screen_rect dirty; // not taken yet; empty: width 0
    struct screen_source source; // machine thread
};

struct screen *screen_new(void)
{
    struct screen *screen = calloc(1, sizeof(*screen));
    if (!screen)
        abort();
    pthread_mutex_init(&screen->lock, NULL);
    return screen;
}

void screen_free(struct screen *screen)
{
    if (!screen)
        return;
    pthread_mutex_destroy(&screen->lock);
    free(screen->pixels);
    free(screen);
}

void screen_set_source(struct screen *screen, const struct screen_source *source)
{
    screen->source = source ? *source : (struct screen_source){ 0 };
}

bool screen_has_source(const struct screen *screen) { return screen->source.refresh; }

bool screen_refresh(struct screen *screen)
{
    return screen->source.refresh && screen->source.refresh(screen->source.opaque, screen);
}

bool screen_is_dirty(struct screen *screen)
{
    pthread_mutex_lock(&screen->lock);
    bool dirty = screen->dirty.width;
    pthread_mutex_unlock(&screen->lock);
    return dirty;
}

void screen_redraw(struct screen *screen)
{
    if (screen->source.invalidate)
        screen->source.invalidate(screen->source.opaque);
    screen_refresh(screen);
}

bool screen_text_size(struct screen *screen, unsigned *columns, unsigned *rows)
{
    return screen->source.text_size && screen->source.text_size(screen->source.opaque, columns, rows);
}

uint32_t *screen_lock(struct screen *screen, unsigned width, unsigned height, unsigned *stride)
{
    pthread_mutex_lock(&screen->lock);
    if (width != screen->width || height != screen->height) {
        free(screen->pixels);
        screen->pixels = calloc((size_t)width * height, sizeof(uint32_t));
        if (!screen->pixels && width && height)
            abort();
        screen->width = width;
        screen->height = height;
        screen->dirty = (struct screen_rect){ .width = width, .height = height };
    }
    *stride = width;
    return screen->pixels;
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }
static unsigned most(unsigned a, unsigned b) { return a > b ? a : b; }

void screen_dirty(struct screen *screen, struct screen_rect part)
{
    if (part.x >= screen->width || part.y >= screen->height || !part.width || !part.height)
        return;
    part.width = least(part.width, screen->width - part.x);
    part.height = least(part.height, screen->height - part.y);
    struct screen_rect *d = &screen->dirty;
    if (!d->width) {
        *d = part;
        return;
    }
    unsigned right = most(d->x + d->width, part.x + part.width), bottom = most(d->y + d->height, part.y + part.height);
    d->x = least(d->x, part.x);
    d->y = least(d->y, part.y);
    d->width = right - d->x;
    d->height = bottom - d->y;
}

void screen_unlock(struct screen *screen)
{
    pthread_mutex_unlock(&screen->lock);
}

uint32_t *screen_copy(struct screen *screen, unsigned *width, unsigned *height)
{
    uint32_t *copy = NULL;
    pthread_mutex_lock(&screen->lock);
    size_t count = (size_t)screen->width * screen->height;
    if (count && (copy = malloc(count * sizeof(uint32_t))) != NULL) {
        memcpy(copy, screen->pixels, count * sizeof(uint32_t));
        *width = screen->width;
        *height = screen->height;
    }
    pthread_mutex_unlock(&screen->lock);
    return copy;
}

bool screen_take(struct screen *screen, uint32_t **pixels, unsigned *width, unsigned *height, struct screen_rect *changed)
{
    pthread_mutex_lock(&screen->lock);
    bool resized = screen->width && (!*pixels || *width != screen->width || *height != screen->height);
    if (resized) {
        uint32_t *grown = realloc(*pixels, (size_t)screen->width * screen->height * sizeof(uint32_t));
        if (!grown)
            abort();
        *pixels = grown;
        *width = screen->width;
        *height = screen->height;
        screen->dirty = (struct screen_rect){ .width = screen->width, .height = screen->height };
    }
    struct screen_rect part = screen->dirty;
    screen->dirty = (struct screen_rect){ 0 };
    for (unsigned y = part.y; y < part.y + part.height; y++) {
        size_t at = (size_t)y * screen->width + part.x;
        memcpy(*pixels + at, screen->pixels + at, part.width * sizeof(uint32_t));
    }
    pthread_mutex_unlock(&screen->lock);
    *changed = part;
    return part.width != 0;
}
