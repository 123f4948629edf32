// SPDX-License-Identifier: MIT
//
// Line editing. The line is redrawn whole after each change, in as many rows as it takes: its width is counted in the columns of its
// characters, as the terminal does, so that the cursor is found in any row. Where the terminal has fewer rows, the line falls into pages
// that fill it, and the one with the cursor is drawn. Simple beats clever here.
#include "monitor/readline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY 200

struct readline {
    const char *prompt;
    bool editing;
    size_t max, length, cursor;
    char *text;
    char *history[HISTORY];
    unsigned history_count, history_at;
    unsigned escape; // 0 none, 1 after ESC, 2 after ESC [, 3 after ESC [ digit
    uint8_t digit;
    bool after_cr;
    char part[4];              // a character whose last bytes have not come
    unsigned part_count;
    bool finished;             // the terminal's cursor is at the start of an empty row
    size_t shown;              // byte of the text before which the terminal's cursor stands
    size_t first, end;         // bytes of the text that are on the terminal
    void (*print)(void *, const char *);
    void (*line)(void *, const char *);
    void (*complete)(void *, const char *, void (*)(void *, const char *), void *);
    struct text_size (*size)(void *);
    void *opaque;
};

struct readline *readline_new(const char *prompt, bool editing, size_t max, void (*print)(void *, const char *), void (*line)(void *, const char *),
                              void (*complete)(void *, const char *, void (*)(void *, const char *), void *), struct text_size (*size)(void *),
                              void *opaque)
{
    struct readline *r = calloc(1, sizeof *r);
    *r = (struct readline){ .prompt = prompt, .editing = editing, .max = max, .print = print, .line = line, .complete = complete,
                            .size = size, .opaque = opaque };
    r->text = calloc(1, max + 1);
    return r;
}

void readline_free(struct readline *r)
{
    for (unsigned i = 0; i < r->history_count; i++)
        free(r->history[i]);
    free(r->text);
    free(r);
}

// ---- on the terminal

struct place { size_t row, column; };

static struct text_size size_of(struct readline *r)
{
    struct text_size n = r->size ? r->size(r->opaque) : (struct text_size){ 0 };
    return (struct text_size){ n.columns ? n.columns : 80, n.rows };
}

// Where text goes on from `at`; a row that is full is left only when something follows.
static struct place put(struct place at, size_t width, const char *text, size_t len)
{
    while (len) {
        size_t bytes, wide = unicode_width(utf8_get(text, len, &bytes));
        if (at.column + wide > width)
            at = (struct place){ at.row + 1, 0 };
        at.column += wide;
        text += bytes;
        len -= bytes;
    }
    return at;
}

static const char *mark(const struct readline *r) { return r->first ? "<" : ""; } // the page is not the first

static struct place start(struct readline *r, size_t width)
{
    return put(put((struct place){ 0 }, width, r->prompt, strlen(r->prompt)), width, mark(r), strlen(mark(r)));
}

// Which page has the cursor.
static void turn_page(struct readline *r)
{
    struct text_size size = size_of(r);
    r->first = r->end = 0;
    do {
        r->first = r->end;
        struct place at = start(r, size.columns);
        for (size_t bytes; r->end < r->length; r->end += bytes) {
            utf8_get(r->text + r->end, r->length - r->end, &bytes);
            at = put(at, size.columns, r->text + r->end, bytes);
            if (size.rows && r->end > r->first && (at.row >= size.rows || (at.row == size.rows - 1 && at.column == size.columns)))
                break; // nor may the last row be full: the cursor would stand in the next
        }
    } while (r->end < r->length && r->cursor >= r->end);
}

// The cursor's place before byte `to` of the text; at the end of a full row it stands in the next one.
static struct place place_of(struct readline *r, size_t to)
{
    size_t width = size_of(r).columns, wide = 1, bytes;
    struct place at = put(start(r, width), width, r->text + r->first, to - r->first);
    if (to < r->end)
        wide = unicode_width(utf8_get(r->text + to, r->length - to, &bytes));
    if (at.column + wide > width)
        at = (struct place){ at.row + 1, 0 };
    return at;
}

static void move(struct readline *r, size_t count, char how)
{
    char text[32];
    snprintf(text, sizeof text, "\x1b[%zu%c", count, how);
    if (count)
        r->print(r->opaque, text);
}

// To the start of the prompt; nothing of the line is left.
static void clear(struct readline *r, struct place from)
{
    r->print(r->opaque, "\r");
    move(r, from.row, 'A');
    r->print(r->opaque, "\x1b[J");
}

// The cursor goes from the end of what is shown to where it belongs.
static void go_back(struct readline *r)
{
    struct place end = place_of(r, r->end), to = place_of(r, r->cursor);
    if (end.row && !end.column)
        r->print(r->opaque, " \r"); // else the terminal waits for the next character at the end of its full row
    if (r->cursor < r->end) {
        r->print(r->opaque, "\r");
        move(r, end.row - to.row, 'A');
        move(r, to.column, 'C');
    }
    r->shown = r->cursor;
}

static void draw(struct readline *r)
{
    turn_page(r);
    char kept = r->text[r->end];
    r->print(r->opaque, r->prompt);
    r->print(r->opaque, mark(r));
    r->text[r->end] = 0;
    r->print(r->opaque, r->text + r->first);
    r->text[r->end] = kept;
    go_back(r);
}

// Down behind the line, at the start of a row.
static void finish(struct readline *r)
{
    struct place end = place_of(r, r->end);
    move(r, end.row - place_of(r, r->shown).row, 'B');
    r->print(r->opaque, end.row && !end.column ? "\r\x1b[K" : "\n");
    r->shown = r->first = r->end = 0;
}

void readline_prompt(struct readline *r)
{
    if (r->editing) {
        r->print(r->opaque, "\r\x1b[J");
        draw(r);
    } else {
        r->print(r->opaque, r->prompt);
    }
}

void readline_reset(struct readline *r)
{
    r->length = r->cursor = r->shown = r->first = r->end = 0;
    r->text[0] = 0;
    r->escape = r->part_count = 0;
}

void readline_above(struct readline *r, const char *text)
{
    clear(r, place_of(r, r->shown));
    r->print(r->opaque, text);
    draw(r);
}

static void remember(struct readline *r)
{
    if (!r->length || (r->history_count && !strcmp(r->history[r->history_count - 1], r->text)))
        return;
    if (r->history_count == HISTORY) {
        free(r->history[0]);
        memmove(r->history, r->history + 1, (HISTORY - 1) * sizeof *r->history);
        r->history_count--;
    }
    r->history[r->history_count++] = strdup(r->text);
}

static void accept_line(struct readline *r)
{
    char *copy = strdup(r->text);
    if (r->editing)
        finish(r);
    remember(r);
    r->history_at = r->history_count;
    readline_reset(r);
    r->line(r->opaque, copy);
    free(copy);
}

static void insert(struct readline *r, const char *s)
{
    size_t n = strlen(s);
    if (r->length + n > r->max)
        return;
    memmove(r->text + r->cursor + n, r->text + r->cursor, r->length - r->cursor + 1);
    memcpy(r->text + r->cursor, s, n);
    r->length += n;
    r->cursor += n;
}

static void erase(struct readline *r, size_t from, size_t to)
{
    memmove(r->text + from, r->text + to, r->length - to + 1);
    r->length -= to - from;
    r->cursor = from;
}

static void recall(struct readline *r, int step)
{
    unsigned at = r->history_at + (unsigned)step;
    if (step < 0 && !r->history_at)
        return;
    if (at > r->history_count)
        return;
    r->history_at = at;
    erase(r, 0, r->length);
    if (at < r->history_count)
        insert(r, r->history[at]);
}

// ---- completion: the common start of all candidates; all of them when there is nothing to add

struct candidates { char common[512]; unsigned count; struct readline *r; bool show; };

// One line each: of a long help, what the terminal has room for.
static void show_candidate(struct readline *r, const char *name, size_t length)
{
    char text[300];
    const char *help = name[length] ? name + length + 1 : NULL;
    size_t used = (length > 20 ? length : 20) + 2, columns = size_of(r).columns, room = columns > used + 8 ? columns - used : 8;
    bool cut = help && strlen(help) > room;
    if (help)
        snprintf(text, sizeof text, "%-20.*s \x1b[90m%.*s%s\x1b[0m\n", (int)length, name, (int)(cut ? room - 3 : room), help, cut ? "..." : "");
    else
        snprintf(text, sizeof text, "%.*s\n", (int)length, name);
    r->print(r->opaque, text);
}

static void candidate(void *opaque, const char *name)
{
    struct candidates *c = opaque;
    size_t length = strcspn(name, "\t");
    if (c->show) {
        show_candidate(c->r, name, length);
        return;
    }
    if (!c->count++) {
        snprintf(c->common, sizeof c->common, "%.*s", (int)length, name);
        return;
    }
    size_t n = 0;
    while (c->common[n] && c->common[n] == name[n])
        n++;
    c->common[n] = 0;
}

static void complete(struct readline *r)
{
    struct candidates c = { .r = r };
    char *before = strndup(r->text, r->cursor);
    char *space = strrchr(before, ' ');
    size_t typed = strlen(space ? space + 1 : before);
    r->complete(r->opaque, before, candidate, &c);
    if (c.count && strlen(c.common) > typed) {
        insert(r, c.common + typed);
        if (c.count == 1 && !strchr("=,", c.common[strlen(c.common) - 1])) // else something follows
            insert(r, " ");
    } else if (c.count > 1) {
        c.show = true;
        finish(r);
        r->finished = true;
        r->complete(r->opaque, before, candidate, &c);
    }
    free(before);
}

static size_t word_start(const struct readline *r)
{
    size_t at = r->cursor;
    while (at && r->text[at - 1] == ' ')
        at--;
    while (at && r->text[at - 1] != ' ')
        at--;
    return at;
}

// The bytes of the character at a place, with what combines with it.
static size_t after(const struct readline *r, size_t at)
{
    size_t bytes;
    for (bool first = true; at < r->length; first = false) {
        unsigned width = unicode_width(utf8_get(r->text + at, r->length - at, &bytes));
        if (!first && width)
            break;
        at += bytes;
    }
    return at;
}

static size_t before(const struct readline *r, size_t at)
{
    size_t bytes;
    while (at) {
        do
            at--;
        while (at && (r->text[at] & 0xc0) == 0x80);
        if (unicode_width(utf8_get(r->text + at, r->length - at, &bytes)))
            break;
    }
    return at;
}

static void control(struct readline *r, uint8_t c)
{
    switch (c) {
    case 1: r->cursor = 0; break;
    case 2: r->cursor = before(r, r->cursor); break;
    case 4: erase(r, r->cursor, after(r, r->cursor)); break;
    case 5: r->cursor = r->length; break;
    case 6: r->cursor = after(r, r->cursor); break;
    case 8: case 127: erase(r, before(r, r->cursor), r->cursor); break;
    case 9: complete(r); break;
    case 11: erase(r, r->cursor, r->length); break;
    case 12:
        r->print(r->opaque, "\x1b[H\x1b[2J");
        r->finished = true;
        break;
    case 14: recall(r, 1); break;
    case 16: recall(r, -1); break;
    case 21: erase(r, 0, r->cursor); break;
    case 23: erase(r, word_start(r), r->cursor); break;
    default: break;
    }
}

static void escape(struct readline *r, uint8_t c)
{
    if (r->escape == 1) {
        r->escape = c == '[' || c == 'O' ? 2 : 0;
        return;
    }
    if (r->escape == 2 && c >= '0' && c <= '9') {
        r->digit = c;
        r->escape = 3;
        return;
    }
    static const struct { char key; uint8_t as; } keys[] = { { 'A', 16 }, { 'B', 14 }, { 'C', 6 }, { 'D', 2 }, { 'H', 1 }, { 'F', 5 } };
    for (unsigned i = 0; r->escape == 2 && i < 6; i++)
        if (keys[i].key == c)
            control(r, keys[i].as);
    if (r->escape == 3 && c == '~')
        control(r, r->digit == '3' ? 4 : r->digit == '1' || r->digit == '7' ? 1 : r->digit == '4' || r->digit == '8' ? 5 : 0);
    r->escape = 0;
}

// A byte of text; true: with it a character is whole, and was put into the line.
static bool text_byte(struct readline *r, uint8_t c)
{
    size_t bytes;
    if (r->part_count && (c & 0xc0) != 0x80) // the one before was cut off
        r->part_count = 0;
    if (!r->part_count && !utf8_length(c))
        return false;
    r->part[r->part_count++] = (char)c;
    if (r->part_count < utf8_length((uint8_t)r->part[0]))
        return false;
    char whole[5] = { 0 };
    memcpy(whole, r->part, r->part_count);
    uint32_t code = utf8_get(whole, r->part_count, &bytes);
    r->part_count = 0;
    if (code < 32 || (code >= 0x7f && code < 0xa0) || code == 0xfffd)
        return false;
    insert(r, whole);
    return true;
}

static void edit(struct readline *r, uint8_t c)
{
    struct place from = place_of(r, r->shown);
    r->finished = false;
    if (r->escape) {
        escape(r, c);
    } else if (c == 27) {
        r->escape = 1;
    } else if (c < 32 || c == 127) {
        control(r, c);
    } else {
        size_t at = r->cursor, page = r->first, bytes;
        if (!text_byte(r, c))
            return;
        if (r->cursor == r->length && unicode_width(utf8_get(r->text + at, r->length - at, &bytes))) { // the usual case
            turn_page(r);
            if (r->first == page) {
                r->print(r->opaque, r->text + at);
                go_back(r);
                return;
            }
        }
    }
    if (r->escape)
        return;
    if (!r->finished)
        clear(r, from);
    draw(r);
}

static void plain(struct readline *r, uint8_t c)
{
    if (c == 8 || c == 127) {
        erase(r, before(r, r->length), r->length);
    } else if (c >= 32 || c == 9) {
        insert(r, (char[]){ (char)c, 0 });
    }
}

void readline_input(struct readline *r, const uint8_t *data, size_t len)
{
    for (; len; data++, len--) {
        bool newline = *data == '\r' || (*data == '\n' && !r->after_cr);
        bool skip = *data == '\n' && r->after_cr;
        r->after_cr = *data == '\r';
        if (skip)
            continue;
        if (newline)
            accept_line(r);
        else if (r->editing)
            edit(r, *data);
        else
            plain(r, *data);
    }
}
