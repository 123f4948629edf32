// SPDX-License-Identifier: MIT
//
// Selection, copy and find in a text tab.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "ui/input.h"
#include "ui/terminal.h"

size_t utf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out[0] = (char)(0xff00u >> (more + 1) | code >> 6 * more);
    for (unsigned i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
    return more + 1;
}

static bool before(struct point a, struct point b)
{
    return a.line < b.line || (a.line == b.line && a.column < b.column);
}

bool terminal_is_selected(const struct terminal *t, uint64_t line, int column)
{
    struct point at = { line, column };
    if (!t->selected)
        return false;
    bool ordered = !before(t->head, t->anchor);
    return !before(at, ordered ? t->anchor : t->head) && !before(ordered ? t->head : t->anchor, at);
}

char *terminal_selection(struct terminal *t)
{
    if (!t->selected)
        return NULL;
    struct point from = before(t->head, t->anchor) ? t->head : t->anchor, to = before(t->head, t->anchor) ? t->anchor : t->head;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct cell cells[t->columns];
    for (uint64_t number = from.line < t->dropped ? t->dropped : from.line; number <= to.line && terminal_line(t, number, cells); number++) {
        int start = number == from.line ? from.column : 0, end = number == to.line ? to.column + 1 : t->columns;
        bool goes_on = end == t->columns && terminal_goes_on(t, number);
        while (end > start && number != to.line && cells[end - 1].width && (!cells[end - 1].code || (cells[end - 1].code == ' ' && !goes_on)))
            end--;
        for (int i = start; i < end; i++) {
            char bytes[4];
            if (cells[i].width)
                fwrite(bytes, 1, utf8_put(bytes, cells[i].code ? cells[i].code : ' '), out);
        }
        if (number != to.line && !goes_on)
            fputc('\n', out);
    }
    fclose(out);
    return text;
}

static bool in_word(const struct terminal *t, struct point at)
{
    struct cell cells[t->columns];
    uint32_t c = terminal_line(t, at.line, cells) ? cells[at.column].code : 0;
    return c >= 0x80 || isalnum((int)c) || (c && strchr("_-./:~%+@,=", (int)c));
}

static void select_word(struct terminal *t, struct point at)
{
    t->anchor = t->head = at;
    while (t->anchor.column && in_word(t, (struct point){ at.line, t->anchor.column - 1 }))
        t->anchor.column--;
    while (t->head.column + 1 < t->columns && in_word(t, (struct point){ at.line, t->head.column + 1 }))
        t->head.column++;
}

static void to_primary(struct terminal *t)
{
    char *text = terminal_selection(t);
    if (text && *text)
        window_set_clipboard(text, true);
    free(text);
}

void terminal_select_pointer(struct terminal *t, const struct pointer *p, struct point at)
{
    if (p->pressed & INPUT_LEFT) {
        t->all_dirty = t->all_dirty || t->selected;
        t->selected = false;
        t->selecting = true;
        t->anchor = t->head = at;
        if (p->clicks == 2 && in_word(t, at)) {
            select_word(t, at);
            t->selected = t->all_dirty = true;
            t->selecting = false;
            to_primary(t);
        } else if (p->clicks >= 3) {
            while (t->anchor.line > t->dropped && terminal_goes_on(t, t->anchor.line - 1)) // all of the line, however it is broken
                t->anchor.line--;
            while (terminal_goes_on(t, t->head.line))
                t->head.line++;
            t->anchor.column = 0;
            t->head.column = t->columns - 1;
            t->selected = t->all_dirty = true;
            t->selecting = false;
            to_primary(t);
        }
    } else if (t->selecting && p->buttons & INPUT_LEFT && (at.line != t->head.line || at.column != t->head.column)) {
        t->head = at;
        t->selected = t->all_dirty = true;
    }
    if (t->selecting && p->released & INPUT_LEFT) {
        t->selecting = false;
        if (t->selected)
            to_primary(t);
    }
}

#define FIND_ROWS 2 // covered by its line, which is higher than one

// ---- find: from the last hit on, upwards (Enter, F3) or downwards (with Shift); case does not matter

static uint32_t folded(uint32_t c)
{
    return c < 0x80 ? (uint32_t)tolower((int)c) : c;
}

// Column of the needle in a line, -1: not there.
static int find_in(const struct terminal *t, uint64_t number, const uint32_t *needle, int length)
{
    struct cell cells[t->columns];
    if (!terminal_line(t, number, cells))
        return -1;
    for (int i = 0; i + length <= t->columns; i++) {
        int k = 0;
        while (k < length && folded(cells[i + k].code ? cells[i + k].code : ' ') == needle[k])
            k++;
        if (k == length)
            return i;
    }
    return -1;
}

// Have this row above the line for finding.
static void uncover(struct terminal *t, int row)
{
    int last = t->rows - 1 - FIND_ROWS;
    if (row < t->find_shift)
        t->find_shift = row;
    else if (row - t->find_shift > last)
        t->find_shift = row - last;
}

void terminal_find_open(struct terminal *t)
{
    t->finding = t->all_dirty = true;
    t->find_shift = 0;
    uncover(t, t->view ? t->rows - 1 : t->cursor.row);
}

static void find(struct terminal *t, bool down, bool again)
{
    uint32_t needle[64];
    int length = 0;
    const char *text = t->find;
    for (uint32_t c; (c = utf8_next(&text));)
        needle[length++] = folded(c);
    uint64_t end = terminal_end(t), at = t->selected ? t->head.line : end - 1;
    t->all_dirty = true;
    t->not_found = false;
    if (!length)
        return;
    if (at >= end || at < t->dropped)
        at = end - 1;
    for (uint64_t n = 0, total = end - t->dropped; n < total; n++) {
        if (n || (again && t->selected)) // once around
            at = down ? (at + 1 < end ? at + 1 : t->dropped) : (at > t->dropped ? at - 1 : end - 1);
        int column = find_in(t, at, needle, length);
        if (column < 0)
            continue;
        t->anchor = (struct point){ at, column };
        t->head = (struct point){ at, column + length - 1 };
        t->selected = true;
        int64_t from_bottom = (int64_t)(end - 1 - at), view = from_bottom - t->rows / 2; // into the middle
        terminal_scroll(t, (int)(from_bottom < t->rows ? 0 : view) - (int)t->view);
        uncover(t, t->rows - 1 - (int)(from_bottom - t->view));
        return;
    }
    t->not_found = true;
}

bool terminal_find_key(struct terminal *t, const struct key *key)
{
    if (key->code == K_ESC) {
        t->finding = false;
        t->all_dirty = true;
    } else if (key->code == K_BACKSPACE) {
        size_t n = strlen(t->find);
        while (n && (t->find[n - 1] & 0xc0) == 0x80)
            n--;
        if (n)
            t->find[n - 1] = 0;
        find(t, false, false);
    } else if (key->code == K_ENTER || key->code == K_KPENTER || key->code == K_F3 || key->code == K_UP || key->code == K_DOWN) {
        find(t, key->code == K_DOWN || key->mods & MOD_SHIFT, true);
    } else {
        return key->mods & (MOD_CTRL | MOD_ALT);
    }
    return true;
}

void terminal_find_text(struct terminal *t, const char *utf8)
{
    if (strlen(t->find) + strlen(utf8) < sizeof t->find)
        strcat(t->find, utf8);
    find(t, false, false);
}

void terminal_find_draw(struct terminal *t, struct canvas *canvas)
{
    const struct font *f = &t->font;
    int pad = 4 * t->unit, top = t->place.y + pad + (t->rows - FIND_ROWS) * f->height; // the first row that it covers
    struct rect under = { t->place.x, top, t->place.w, t->place.y + t->place.h - top };
    struct rect bar = { t->place.x, t->place.y + t->place.h - f->height - 2 * pad, t->place.w, f->height + 2 * pad };
    draw_fill(canvas, under, COLOUR_BACK);
    draw_fill(canvas, bar, COLOUR_BAR);
    int x = draw_text(canvas, f, bar, bar.x + pad, bar.y + pad, "Find: ", COLOUR_DIM);
    x = draw_text(canvas, f, bar, x, bar.y + pad, t->find, COLOUR_TEXT);
    draw_fill(canvas, (struct rect){ x, bar.y + pad, 2 * t->unit, f->height }, COLOUR_ACCENT);
    const char *hint = t->not_found ? "not found" : "Enter: further up  Shift-Enter: down  Esc: close";
    int w = text_width(f, hint);
    if (x + w + 4 * pad < bar.x + bar.w)
        draw_text(canvas, f, bar, bar.x + bar.w - w - pad, bar.y + pad, hint, t->not_found ? COLOUR_BAD : COLOUR_DIM);
}

void terminal_print(struct terminal *t, FILE *out)
{
    struct cell cells[t->columns];
    fprintf(out, "terminal %dx%d cell %dx%d origin %d,%d lines %u view %u cursor %d,%d%s%s\n", t->columns, t->rows, t->font.width, t->font.height,
            t->place.x + TERMINAL_MARGIN(t), t->place.y + TERMINAL_MARGIN(t), t->count, t->view, t->cursor.col, t->cursor.row, t->finding ? " finding" : "",
            t->finding && t->not_found ? " not-found" : "");
    char *selection = terminal_selection(t);
    if (selection)
        fprintf(out, "selection %s\n", selection);
    free(selection);
    int first = t->finding ? t->find_shift : 0, shown = t->rows - (t->finding ? FIND_ROWS : 0); // what can be seen
    for (int row = first; row < first + shown; row++) {
        if (!terminal_line(t, terminal_top(t) + (uint64_t)row, cells))
            continue;
        int end = t->columns;
        while (end && (!cells[end - 1].code || cells[end - 1].code == ' '))
            end--;
        fputc('|', out);
        for (int i = 0; i < end; i++) {
            char bytes[4];
            if (cells[i].width)
                fwrite(bytes, 1, utf8_put(bytes, cells[i].code ? cells[i].code : ' '), out);
        }
        fputc('\n', out);
    }
}
