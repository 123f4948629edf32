// SPDX-License-Identifier: MIT
//
// A scroll bar: how much of something is in sight and where; its thumb is pulled, a click beside it brings it.
#include "ui/input.h"
#include "ui/internal.h"

static bool needed(const struct scroll_bar *b) { return b->total > b->shown && b->shown > 0; }

static struct rect thumb_of(const struct scroll_bar *b)
{
    struct rect p = b->place;
    int64_t h = (int64_t)p.h * b->shown / b->total, least = 16 * b->unit, most = b->total - b->shown;
    h = h < least ? least : h;
    h = h > p.h ? p.h : h;
    return (struct rect){ p.x + 2 * b->unit, p.y + (int)((p.h - h) * b->at / most), 5 * b->unit, (int)h };
}

void scroll_bar_draw(const struct scroll_bar *b, struct canvas *canvas)
{
    draw_fill(canvas, (struct rect){ b->place.x + 2 * b->unit, b->place.y, b->place.w - 2 * b->unit, b->place.h }, COLOUR_BACK);
    if (needed(b))
        draw_fill(canvas, thumb_of(b), b->held || b->hover ? COLOUR_ACCENT : COLOUR_LINE);
}

// The thumb follows: its point `grip` is at y.
static int64_t pulled(const struct scroll_bar *b, int y)
{
    int64_t way = b->place.h - thumb_of(b).h, at = y - b->grip - b->place.y;
    at = at < 0 ? 0 : at > way ? way : at;
    return way ? (b->total - b->shown) * at / way : 0;
}

bool scroll_bar_pointer(struct scroll_bar *b, const struct pointer *p, bool *changed)
{
    bool over = needed(b) && rect_has(b->place, p->x, p->y), held = b->held;
    *changed |= over != b->hover;
    b->hover = over;
    if (over && p->pressed & INPUT_LEFT) {
        struct rect thumb = thumb_of(b);
        b->held = true;
        b->grip = p->y >= thumb.y && p->y < thumb.y + thumb.h ? p->y - thumb.y : thumb.h / 2;
    }
    if (!b->held || !needed(b)) {
        b->held = false;
        return over && p->pressed;
    }
    int64_t at = pulled(b, p->y);
    b->held = p->buttons & INPUT_LEFT;
    *changed |= at != b->at || b->held != held;
    b->at = at;
    return true;
}
