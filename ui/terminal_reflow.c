// SPDX-License-Identifier: MIT
//
// A text tab gets another size: lines that were broken at the right edge are joined and broken anew. libvterm only crops, so its
// screen is cleared and the new text is put there with escape sequences, as the guest could have done. Which lines go on in the next
// one is known from terminal_joins.c.
#include <stdlib.h>
#include <string.h>
#include "ui/terminal.h"

struct text { struct line **lines; size_t count, capacity; };

static void add(struct text *text, const struct cell *cells, size_t count, bool joined)
{
    if (text->count == text->capacity) {
        text->capacity = text->capacity ? text->capacity * 2 : 256;
        text->lines = realloc(text->lines, text->capacity * sizeof *text->lines);
    }
    struct line *line = malloc(sizeof *line + count * sizeof *cells);
    line->count = (unsigned)count;
    line->joined = joined;
    if (count)
        memcpy(line->cells, cells, count * sizeof *cells);
    text->lines[text->count++] = line;
}

// Break one whole line into pieces of `columns`. at: of the cursor in it, -1: not in this one; says where it went.
static void put_broken(struct text *to, const struct cell *cells, size_t count, int columns, int64_t at, size_t *row, int *column)
{
    size_t done = 0;
    do {
        size_t n = count - done < (size_t)columns ? count - done : (size_t)columns;
        if (done + n < count && !cells[done + n].width && n > 1) // a wide character is not cut in two
            n--;
        if (at >= (int64_t)done && (at < (int64_t)(done + n) || done + n == count)) {
            *row = to->count;
            *column = (int)(at - (int64_t)done);
        }
        add(to, cells + done, n, done != 0);
        done += n;
    } while (done < count);
    if (at >= 0 && *column >= columns) { // behind a row that is full: in one more, where the text will go on
        *row = to->count;
        *column = 0;
        add(to, NULL, 0, true);
    }
}

static unsigned used(const struct cell *cells, int columns)
{
    while (columns && (!cells[columns - 1].code || cells[columns - 1].code == ' ') && cells[columns - 1].back == CELL_DEFAULT && cells[columns - 1].width)
        columns--;
    return (unsigned)columns;
}

// All lines to the cursor's or the last one with text, in the new width.
static struct text rebreak(struct terminal *t, int columns, size_t *cursor_row, int *cursor_column)
{
    struct text text = { 0 };
    struct cell row[t->columns], *whole = NULL;
    size_t length = 0, capacity = 0;
    int64_t at = -1;
    uint64_t first_row = t->dropped + t->count, cursor_line = first_row + (uint64_t)(t->cursor.row < 0 ? 0 : t->cursor.row), last = cursor_line;
    for (uint64_t n = cursor_line + 1; n < terminal_end(t); n++)
        if (terminal_line(t, n, row) && used(row, t->columns))
            last = n;
    for (uint64_t n = t->dropped; n <= last && terminal_line(t, n, row); n++) {
        bool goes_on = n != last && terminal_goes_on(t, n);
        unsigned count = !goes_on ? used(row, t->columns) : (unsigned)t->columns - (row[t->columns - 1].width && !row[t->columns - 1].code);
        if (n == cursor_line) { // blanks before the cursor are text
            bool waits = t->last_row == t->cursor.row && t->last_end == t->columns && t->cursor.col == t->last_start;
            unsigned column = waits ? (unsigned)t->columns : t->cursor.col < 0 ? 0 : (unsigned)t->cursor.col;
            at = (int64_t)length + column;
            count = column > count ? column : count;
        }
        if (length + count > capacity) {
            capacity = (length + count) * 2 + 256;
            whole = realloc(whole, capacity * sizeof *whole);
        }
        if (count)
            memcpy(whole + length, row, count * sizeof *row);
        length += count;
        if (goes_on)
            continue;
        put_broken(&text, whole, length, columns, at, cursor_row, cursor_column);
        length = 0;
        at = -1;
    }
    free(whole);
    return text;
}

static void put_colour(FILE *out, uint32_t colour, int base)
{
    if (colour == CELL_DEFAULT)
        fprintf(out, ";%d", base + 9);
    else
        fprintf(out, ";%d;2;%u;%u;%u", base + 8, colour >> 16 & 255, colour >> 8 & 255, colour & 255);
}

static void put_pen(FILE *out, uint32_t fore, uint32_t back, unsigned attributes)
{
    fprintf(out, "\x1b[0%s%s%s%s", attributes & CELL_BOLD ? ";1" : "", attributes & CELL_UNDERLINE ? ";4" : "", attributes & CELL_REVERSE ? ";7" : "",
            attributes & CELL_STRIKE ? ";9" : "");
    put_colour(out, fore, 30);
    put_colour(out, back, 40);
    fputc('m', out);
}

static void put_line(FILE *out, const struct line *line)
{
    struct cell pen = { .fore = CELL_DEFAULT, .back = CELL_DEFAULT };
    for (unsigned i = 0; i < line->count; i++) {
        const struct cell *c = &line->cells[i];
        char bytes[4];
        if (!c->width)
            continue;
        if (c->fore != pen.fore || c->back != pen.back || c->attributes != pen.attributes)
            put_pen(out, c->fore, c->back, c->attributes);
        pen = *c;
        fwrite(bytes, 1, utf8_put(bytes, c->code ? c->code : ' '), out);
    }
    fputs("\x1b[0m", out);
}

// The pen as the guest has set it, to be put back.
static void put_current_pen(struct terminal *t, FILE *out)
{
    static const VTermAttr which[] = { VTERM_ATTR_BOLD, VTERM_ATTR_UNDERLINE, VTERM_ATTR_REVERSE, VTERM_ATTR_STRIKE };
    VTermState *state = vterm_obtain_state(t->vt);
    unsigned attributes = 0;
    uint32_t colour[2] = { CELL_DEFAULT, CELL_DEFAULT };
    VTermValue v;
    for (int i = 0; i < 4; i++)
        if (vterm_state_get_penattr(state, which[i], &v) && (which[i] == VTERM_ATTR_UNDERLINE ? v.number : v.boolean))
            attributes |= 1u << i;
    for (int i = 0; i < 2; i++) {
        if (!vterm_state_get_penattr(state, i ? VTERM_ATTR_BACKGROUND : VTERM_ATTR_FOREGROUND, &v))
            continue;
        if (i ? VTERM_COLOR_IS_DEFAULT_BG(&v.color) : VTERM_COLOR_IS_DEFAULT_FG(&v.color))
            continue;
        vterm_state_convert_color_to_rgb(state, &v.color);
        colour[i] = (uint32_t)v.color.rgb.red << 16 | (uint32_t)v.color.rgb.green << 8 | v.color.rgb.blue;
    }
    put_pen(out, colour[0], colour[1], attributes);
}

static void set_size(struct terminal *t, int columns, int rows)
{
    free(t->row_dirty);
    t->row_dirty = calloc((size_t)rows, sizeof *t->row_dirty);
    joins_resize(t, rows);
    t->columns = columns;
    t->rows = rows;
    vterm_set_size(t->vt, rows, columns);
}

static void write_sequence(struct terminal *t, FILE *out, char **sequence, size_t *size)
{
    fclose(out);
    vterm_input_write(t->vt, *sequence, *size);
    free(*sequence);
}

static void reflow_primary(struct terminal *t, int columns, int rows)
{
    size_t cursor_row = 0, size;
    int cursor_column = 0;
    struct text text = rebreak(t, columns, &cursor_row, &cursor_column);
    char *sequence;
    FILE *out = open_memstream(&sequence, &size);
    size_t top = text.count > (size_t)rows ? text.count - (size_t)rows : 0;
    if (top > cursor_row)
        top = cursor_row;
    terminal_forget(t);
    set_size(t, columns, rows);
    for (size_t i = 0; i < top; i++)
        terminal_push(t, text.lines[i]);
    fputs("\x1b[0m\x1b[H\x1b[2J", out);
    for (size_t i = top; i < text.count && i < top + (size_t)rows; i++) {
        fprintf(out, "\x1b[%zuH", i - top + 1);
        put_line(out, text.lines[i]);
    }
    fprintf(out, "\x1b[%zu;%dH", cursor_row - top + 1, cursor_column + 1);
    put_current_pen(t, out);
    write_sequence(t, out, &sequence, &size);
    for (size_t i = top; i < text.count; i++) {
        if (i < top + (size_t)rows)
            t->row_joined[0][i - top] = text.lines[i]->joined;
        free(text.lines[i]);
    }
    free(text.lines);
}

// The alternate screen keeps what fits (a program behind a serial line is not told that the size changed), the shell's text beneath
// it is broken anew: with that in front for a moment, its cursor where a program that asked for 1049 has left it.
static void reflow_alternate(struct terminal *t, int columns, int rows)
{
    struct cell cells[t->columns];
    struct text text = { 0 };
    char *sequence;
    size_t size;
    VTermPos cursor = t->cursor;
    FILE *out = open_memstream(&sequence, &size);
    int lost = cursor.row >= rows ? cursor.row - rows + 1 : 0; // from the top, so that the cursor's row stays
    for (int row = lost; row < t->rows && row < lost + rows; row++) {
        bool there = terminal_line(t, terminal_end(t) - (uint64_t)(t->rows - row), cells);
        add(&text, cells, there ? used(cells, t->columns < columns ? t->columns : columns) : 0, false);
    }
    fputs("\x1b[?1047h", out);
    for (size_t i = 0; i < text.count; i++) {
        fprintf(out, "\x1b[%zuH", i + 1);
        put_line(out, text.lines[i]);
        free(text.lines[i]);
    }
    free(text.lines);
    fprintf(out, "\x1b[%d;%dH", cursor.row - lost + 1, (cursor.col < columns ? cursor.col : columns - 1) + 1);
    put_current_pen(t, out);
    static const char front[] = "\x1b[?1047l\x1b" "8", back[] = "\x1b" "7";
    vterm_input_write(t->vt, front, sizeof front - 1);
    vterm_screen_flush_damage(t->screen);
    reflow_primary(t, columns, rows);
    vterm_input_write(t->vt, back, sizeof back - 1);
    write_sequence(t, out, &sequence, &size);
}

void terminal_reflow(struct terminal *t, int columns, int rows)
{
    t->resizing = true;
    t->selected = t->selecting = false;
    if (t->alternate)
        reflow_alternate(t, columns, rows);
    else
        reflow_primary(t, columns, rows);
    vterm_screen_flush_damage(t->screen);
    t->resizing = false;
}
