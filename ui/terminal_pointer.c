// SPDX-License-Identifier: MIT
//
// The pointer in a text tab: the scroll bar, the selection that is pulled beyond an edge, and what goes to the program.
#include "ui/input.h"
#include "ui/terminal.h"

#define PULL_MS 40

// ---- scroll bar

static void bar_update(struct terminal *t)
{
    struct scroll_bar *b = &t->bar;
    b->place = (struct rect){ t->place.x + t->place.w - 8 * t->unit, t->place.y, 8 * t->unit, t->place.h };
    b->unit = t->unit;
    b->shown = t->rows;
    b->total = t->rows + (t->alternate ? 0 : (int64_t)t->count);
    b->at = (int64_t)t->count - t->view;
}

void terminal_bar_draw(struct terminal *t, struct canvas *canvas)
{
    bar_update(t);
    scroll_bar_draw(&t->bar, canvas);
}

static bool bar_pointer(struct terminal *t, const struct pointer *p)
{
    bar_update(t);
    bool its = scroll_bar_pointer(&t->bar, p, &t->all_dirty);
    terminal_scroll(t, (int)((int64_t)t->count - t->bar.at) - (int)t->view);
    return its;
}

// ---- selection beyond an edge

static void start_pull(struct terminal *t, const struct pointer *p, int column)
{
    int above = t->place.y - p->y, below = p->y - (t->place.y + t->place.h - 1), far = above > 0 ? above : below > 0 ? below : 0;
    int lines = far ? 1 + far / (2 * t->font.height) : 0;
    t->pull = !t->selecting ? 0 : above > 0 ? lines : -lines;
    t->pull_column = column;
}

bool terminal_pull(struct terminal *t)
{
    int64_t now = ui_host_ms();
    if (!t->pull || !t->selecting)
        return false;
    if (now - t->pull_at < PULL_MS)
        return true;
    t->pull_at = now;
    terminal_scroll(t, t->pull);
    uint64_t edge = terminal_top(t) + (t->pull > 0 ? 0 : (unsigned)t->rows - 1);
    terminal_select_pointer(t, &(struct pointer){ .buttons = INPUT_LEFT }, (struct point){ edge, t->pull_column });
    return true;
}

// ---- all of it

// The program in there wants it.
static void send_pointer(struct terminal *t, const struct pointer *p, int row, int column)
{
    static const unsigned bits[] = { INPUT_LEFT, INPUT_MIDDLE, INPUT_RIGHT };
    VTermModifier mods = terminal_modifiers(p->mods);
    vterm_mouse_move(t->vt, row, column, mods);
    for (int i = 0; i < 3; i++)
        if ((p->pressed | p->released) & bits[i])
            vterm_mouse_button(t->vt, i + 1, p->pressed & bits[i], mods);
    if (p->wheel)
        vterm_mouse_button(t->vt, p->wheel > 0 ? 4 : 5, true, mods);
}

static void wheel(struct terminal *t, int steps)
{
    if (!t->alternate)
        terminal_scroll(t, 3 * steps);
    for (int i = 0; t->alternate && i < 3; i++)
        vterm_keyboard_key(t->vt, steps > 0 ? VTERM_KEY_UP : VTERM_KEY_DOWN, VTERM_MOD_NONE);
}

void terminal_pointer(struct terminal *t, const struct pointer *p)
{
    if (!t->font.width) // not laid out so far
        return;
    int column = (p->x - t->place.x - TERMINAL_MARGIN(t)) / t->font.width;
    int row = (p->y - t->place.y - TERMINAL_MARGIN(t)) / t->font.height + terminal_shift(t);
    column = column < 0 ? 0 : column >= t->columns ? t->columns - 1 : column;
    row = row < 0 ? 0 : row >= t->rows ? t->rows - 1 : row;
    if (!t->selecting && bar_pointer(t, p))
        return;
    if (t->mouse != VTERM_PROP_MOUSE_NONE && !(p->mods & MOD_SHIFT)) {
        send_pointer(t, p, row, column);
    } else if (p->wheel) {
        wheel(t, p->wheel);
    } else if (p->pressed & INPUT_MIDDLE) {
        terminal_paste_clipboard(t, true);
    } else {
        terminal_select_pointer(t, p, (struct point){ terminal_top(t) + (uint64_t)row, column });
        start_pull(t, p, column);
    }
}
