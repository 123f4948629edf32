// SPDX-License-Identifier: MIT
//
// A text tab: libvterm interprets what comes, lines that scroll out of it are kept here, and rows that changed are drawn.
#include "ui/terminal.h"
#include <stdlib.h>
#include <string.h>

static struct cell cell_of(const struct terminal *t, const VTermScreenCell *from)
{
    struct cell c = { .code = from->chars[0], .width = (uint8_t)from->width, .fore = CELL_DEFAULT, .back = CELL_DEFAULT };
    VTermColor fore = from->fg, back = from->bg;
    if (c.code == (uint32_t)-1) // the right half of a wide character
        c.code = c.width = 0;
    if (!VTERM_COLOR_IS_DEFAULT_FG(&fore)) {
        vterm_screen_convert_color_to_rgb(t->screen, &fore);
        c.fore = (uint32_t)fore.rgb.red << 16 | (uint32_t)fore.rgb.green << 8 | fore.rgb.blue;
    }
    if (!VTERM_COLOR_IS_DEFAULT_BG(&back)) {
        vterm_screen_convert_color_to_rgb(t->screen, &back);
        c.back = (uint32_t)back.rgb.red << 16 | (uint32_t)back.rgb.green << 8 | back.rgb.blue;
    }
    c.attributes = (uint8_t)((from->attrs.bold ? CELL_BOLD : 0) | (from->attrs.underline ? CELL_UNDERLINE : 0) |
                             (from->attrs.reverse ? CELL_REVERSE : 0) | (from->attrs.strike ? CELL_STRIKE : 0));
    return c;
}

static bool is_blank(const struct cell *c)
{
    return (!c->code || c->code == ' ') && c->back == CELL_DEFAULT && !(c->attributes & (CELL_REVERSE | CELL_UNDERLINE)) && c->width;
}

// ---- lines that scrolled out

void terminal_push(struct terminal *t, struct line *line)
{
    if (t->count == SCROLL_BACK) {
        free(t->lines[t->first]);
        t->first = (t->first + 1) % SCROLL_BACK;
        t->count--;
        t->dropped++;
    }
    t->lines[(t->first + t->count++) % SCROLL_BACK] = line;
    if (t->view && t->view < t->count) // what is looked at stays where it is
        t->view++;
    if (t->view > t->count)
        t->view = t->count;
}

void terminal_forget(struct terminal *t)
{
    for (unsigned i = 0; i < t->count; i++)
        free(t->lines[(t->first + i) % SCROLL_BACK]);
    t->dropped += t->count;
    t->first = t->count = t->view = 0;
}

static int push_line(int columns, const VTermScreenCell *cells, void *opaque)
{
    struct terminal *t = opaque;
    if (t->resizing || t->alternate)
        return 0;
    struct line *line = malloc(sizeof *line + (size_t)columns * sizeof *line->cells);
    int row = t->pushed++;
    bool goes_on = row + 1 < t->rows && t->row_joined[0][row + 1]; // then blanks at its end are of its text
    line->count = 0;
    line->joined = row < t->rows && t->row_joined[0][row];
    for (int i = 0; i < columns; i++) {
        line->cells[i] = cell_of(t, &cells[i]);
        if (!is_blank(&line->cells[i]) || (goes_on && line->cells[i].code))
            line->count = (unsigned)i + 1;
    }
    line = realloc(line, sizeof *line + line->count * sizeof *line->cells);
    terminal_push(t, line);
    return 1;
}

// ---- what libvterm tells

// While libvterm resizes its rows may be out of bounds, also below 0.
static void touch(struct terminal *t, int row)
{
    if (row >= 0 && row < t->rows)
        t->row_dirty[row] = true;
}

static int damage(VTermRect r, void *opaque)
{
    for (int row = r.start_row < 0 ? 0 : r.start_row; row < r.end_row && row < ((struct terminal *)opaque)->rows; row++)
        touch(opaque, row);
    joins_damage(opaque, r);
    return 1;
}

static int move_rows(VTermRect to, VTermRect from, void *opaque)
{
    for (int row = to.start_row; row < to.end_row; row++)
        touch(opaque, row);
    joins_move(opaque, to, from);
    return 1;
}

static int move_cursor(VTermPos to, VTermPos from, int visible, void *opaque)
{
    struct terminal *t = opaque;
    touch(t, from.row);
    touch(t, to.row);
    joins_cursor(t, to);
    t->cursor = to;
    return 1;
}

static int set_property(VTermProp property, VTermValue *value, void *opaque)
{
    struct terminal *t = opaque;
    if (property == VTERM_PROP_CURSORVISIBLE) {
        t->cursor_visible = value->boolean;
        touch(t, t->cursor.row);
    } else if (property == VTERM_PROP_ALTSCREEN) {
        t->alternate = value->boolean;
        t->view = 0;
        t->all_dirty = true;
    } else if (property == VTERM_PROP_MOUSE) {
        t->mouse = value->number;
    }
    return 1;
}

static void output(const char *bytes, size_t len, void *opaque)
{
    struct terminal *t = opaque;
    if (!t->resizing)
        t->send(t->opaque, bytes, len);
}

// The sixteen colours, for a dark ground.
static void set_colours(struct terminal *t)
{
    static const uint32_t colours[16] = { 0x1f252b, 0xe0605a, 0x5fba6e, 0xd8ac3f, 0x5b9bec, 0xbd7ad8, 0x4cb8c4, 0xc8ced5,
                                          0x828f9c, 0xf28b84, 0x8bd896, 0xf0cc6c, 0x8fbcf5, 0xd8a3ec, 0x82d8e2, 0xffffff };
    for (int i = 0; i < 16; i++) {
        VTermColor c;
        vterm_color_rgb(&c, colours[i] >> 16, colours[i] >> 8 & 255, colours[i] & 255);
        vterm_state_set_palette_color(vterm_obtain_state(t->vt), i, &c);
    }
}

struct terminal *terminal_new(void (*send)(void *opaque, const char *bytes, size_t len), void *opaque)
{
    static const VTermScreenCallbacks callbacks = { .damage = damage, .moverect = move_rows, .movecursor = move_cursor, .settermprop = set_property,
                                                   .sb_pushline = push_line };
    struct terminal *t = calloc(1, sizeof *t);
    t->send = send;
    t->opaque = opaque;
    t->rows = 24;
    t->columns = 80;
    t->unit = 1;
    t->cursor_visible = true;
    t->row_dirty = calloc(24, sizeof *t->row_dirty);
    joins_resize(t, 24);
    t->vt = vterm_new(t->rows, t->columns);
    vterm_set_utf8(t->vt, 1);
    vterm_output_set_callback(t->vt, output, t);
    t->screen = vterm_obtain_screen(t->vt);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_set_damage_merge(t->screen, VTERM_DAMAGE_CELL); // at once: see terminal_joins.c
    vterm_state_set_bold_highbright(vterm_obtain_state(t->vt), 1);
    vterm_screen_reset(t->screen, 1);
    set_colours(t);
    return t;
}

void terminal_free(struct terminal *t)
{
    terminal_forget(t);
    vterm_free(t->vt);
    free(t->row_dirty);
    free(t->row_joined[0]);
    free(t->row_joined[1]);
    free(t);
}

// Bytes at the end that start a character and do not end it. libvterm wants characters whole: it keeps one half in one decoder and
// may give the other half to another.
static size_t unfinished(const char *bytes, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t c = (uint8_t)bytes[len - back];
        size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if ((c & 0xc0) != 0x80)
            return needs > back ? back : 0;
    }
    return 0;
}

void terminal_write(struct terminal *t, const char *bytes, size_t len)
{
    unsigned before = t->count;
    uint64_t dropped = t->dropped, first = dropped + before;
    bool may_change = t->selected && !t->selecting && (t->anchor.line >= first || t->head.line >= first);
    char *selection = may_change ? terminal_selection(t) : NULL;
    while (t->carried && len) { // the rest of the character that is held back, byte by byte
        t->carry[t->carried++] = *bytes++;
        len--;
        if (t->carried == sizeof t->carry || !unfinished(t->carry, t->carried)) {
            terminal_feed(t, t->carry, t->carried);
            t->carried = 0;
        }
    }
    size_t whole = len - unfinished(bytes, len);
    terminal_feed(t, bytes, whole);
    memcpy(t->carry + t->carried, bytes + whole, len - whole);
    t->carried += (unsigned)(len - whole);
    vterm_screen_flush_damage(t->screen);
    if (t->view && (before != t->count || dropped != t->dropped))
        t->all_dirty = true;
    if (selection) { // other text has come there: nothing is selected any more
        char *now = terminal_selection(t);
        if (now && strcmp(now, selection)) {
            t->selected = false;
            t->all_dirty = true;
        }
        free(now);
        free(selection);
    }
}

bool terminal_line(const struct terminal *t, uint64_t number, struct cell *cells)
{
    static const struct cell blank = { .fore = CELL_DEFAULT, .back = CELL_DEFAULT, .width = 1 };
    if (number < t->dropped || number >= terminal_end(t))
        return false;
    uint64_t index = number - t->dropped;
    const struct line *line = index < t->count ? t->lines[(t->first + index) % SCROLL_BACK] : NULL;
    for (int column = 0; column < t->columns; column++) {
        VTermScreenCell from;
        cells[column] = blank;
        if (line && (unsigned)column < line->count)
            cells[column] = line->cells[column];
        else if (!line && vterm_screen_get_cell(t->screen, (VTermPos){ (int)(index - t->count), column }, &from))
            cells[column] = cell_of(t, &from);
    }
    return true;
}

void terminal_scroll(struct terminal *t, int lines)
{
    int64_t wanted = (int64_t)t->view + lines;
    unsigned view = wanted < 0 || t->alternate ? 0 : wanted > t->count ? t->count : (unsigned)wanted;
    t->all_dirty |= view != t->view;
    t->view = view;
}

// ---- layout and drawing

void terminal_place(struct terminal *t, struct rect place, const struct font *font)
{
    if (!memcmp(&place, &t->place, sizeof place))
        return;
    t->font = *font;
    t->unit = (font->height + 8) / 16;
    t->place = place;
    int columns = (place.w - 2 * TERMINAL_MARGIN(t) - 4 * t->unit) / font->width, rows = (place.h - 2 * TERMINAL_MARGIN(t)) / font->height;
    columns = columns < 10 ? 10 : columns > 500 ? 500 : columns;
    rows = rows < 1 ? 1 : rows > 300 ? 300 : rows;
    if (columns != t->columns || rows != t->rows)
        terminal_reflow(t, columns, rows);
    t->all_dirty = true;
}

struct text_size terminal_size(const struct terminal *t) { return (struct text_size){ (unsigned)t->columns, (unsigned)t->rows }; }

static uint32_t fore_of(const struct cell *c)
{
    if (c->fore != CELL_DEFAULT)
        return c->fore;
    return c->attributes & CELL_BOLD ? 0xffffff : 0xd3d8de;
}

static void draw_row(struct terminal *t, struct canvas *canvas, int row, bool focused)
{
    struct cell cells[t->columns];
    const struct font *f = &t->font;
    uint64_t number = terminal_top(t) + (uint64_t)row;
    int left = t->place.x + TERMINAL_MARGIN(t), y = t->place.y + TERMINAL_MARGIN(t) + (row - terminal_shift(t)) * f->height;
    struct rect whole = rect_cut(t->place, (struct rect){ left, y, t->columns * f->width, f->height });
    draw_fill(canvas, whole, COLOUR_BACK);
    if (!terminal_line(t, number, cells))
        return;
    bool cursor_row = t->cursor_visible && !t->view && row == t->cursor.row;
    for (int column = 0; column < t->columns; column++) {
        const struct cell *c = &cells[column];
        uint32_t fore = fore_of(c), back = c->back == CELL_DEFAULT ? COLOUR_BACK : c->back, swap = fore;
        bool cursor = cursor_row && column == t->cursor.col;
        if (!c->width)
            continue;
        if (c->attributes & CELL_REVERSE) {
            fore = back;
            back = swap;
        }
        if (terminal_is_selected(t, number, column)) {
            fore = 0xffffff;
            back = COLOUR_SELECT;
        }
        struct rect r = { left + column * f->width, y, f->width * c->width, f->height };
        if (cursor && focused) {
            fore = COLOUR_BACK;
            back = COLOUR_ACCENT;
        }
        if (back != COLOUR_BACK)
            draw_fill(canvas, rect_cut(whole, r), back);
        if (c->code && c->code != ' ')
            draw_char(canvas, f, rect_cut(whole, r), r.x, r.y, c->code, fore);
        if (c->attributes & CELL_UNDERLINE)
            draw_fill(canvas, (struct rect){ r.x, r.y + r.h - t->unit, r.w, t->unit }, fore);
        if (c->attributes & CELL_STRIKE)
            draw_fill(canvas, (struct rect){ r.x, r.y + r.h / 2, r.w, t->unit }, fore);
        if (cursor && !focused)
            draw_frame(canvas, r, t->unit, COLOUR_ACCENT);
    }
}

void terminal_draw(struct terminal *t, struct canvas *canvas, bool all, bool focused)
{
    bool any = all = all || t->all_dirty;
    if (all)
        draw_fill(canvas, t->place, COLOUR_BACK);
    for (int row = terminal_shift(t); row < t->rows; row++) {
        if (all || (t->row_dirty[row] && !t->view)) {
            draw_row(t, canvas, row, focused);
            any = true;
        }
        t->row_dirty[row] = false;
    }
    t->all_dirty = false;
    if (any)
        terminal_bar_draw(t, canvas);
    if (t->finding)
        terminal_find_draw(t, canvas);
}
