// SPDX-License-Identifier: MIT
//
// Line editing. The line is redrawn whole after each change: it is one terminal line, and simple beats clever here.
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
    void (*print)(void *, const char *);
    void (*line)(void *, const char *);
    void (*complete)(void *, const char *, void (*)(void *, const char *), void *);
    void *opaque;
};

struct readline *readline_new(const char *prompt, bool editing, size_t max, void (*print)(void *, const char *), void (*line)(void *, const char *),
                              void (*complete)(void *, const char *, void (*)(void *, const char *), void *), void *opaque)
{
    struct readline *r = calloc(1, sizeof *r);
    *r = (struct readline){ .prompt = prompt, .editing = editing, .max = max, .print = print, .line = line, .complete = complete, .opaque = opaque };
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

static void redraw(struct readline *r)
{
    char move[32];
    r->print(r->opaque, "\r\x1b[K");
    r->print(r->opaque, r->prompt);
    r->print(r->opaque, r->text);
    if (r->cursor < r->length) {
        snprintf(move, sizeof move, "\x1b[%zuD", r->length - r->cursor);
        r->print(r->opaque, move);
    }
}

void readline_prompt(struct readline *r)
{
    if (r->editing)
        redraw(r);
    else
        r->print(r->opaque, r->prompt);
}

void readline_reset(struct readline *r)
{
    r->length = r->cursor = 0;
    r->text[0] = 0;
    r->escape = 0;
}

void readline_above(struct readline *r, const char *text)
{
    r->print(r->opaque, "\r\x1b[K");
    r->print(r->opaque, text);
    redraw(r);
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
        r->print(r->opaque, "\n");
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
    readline_reset(r);
    if (at < r->history_count)
        insert(r, r->history[at]);
}

// ---- completion: the common start of all candidates; all of them when there is nothing to add

struct candidates { char common[128]; unsigned count; struct readline *r; bool show; };

static void candidate(void *opaque, const char *name)
{
    struct candidates *c = opaque;
    size_t length = strcspn(name, "\t");
    if (c->show) {
        char text[300];
        bool help = name[length];
        snprintf(text, sizeof text, "%-*.*s%s%s%s\n", help ? 20 : 0, (int)length, name, help ? " \x1b[90m" : "", help ? name + length + 1 : "", help ? "\x1b[0m" : "");
        c->r->print(c->r->opaque, text);
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
        if (c.count == 1)
            insert(r, " ");
    } else if (c.count > 1) {
        c.show = true;
        r->print(r->opaque, "\n");
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

static void control(struct readline *r, uint8_t c)
{
    switch (c) {
    case 1: r->cursor = 0; break;
    case 2: r->cursor -= r->cursor > 0; break;
    case 4:
        if (r->cursor < r->length)
            erase(r, r->cursor, r->cursor + 1);
        break;
    case 5: r->cursor = r->length; break;
    case 6: r->cursor += r->cursor < r->length; break;
    case 8: case 127:
        if (r->cursor)
            erase(r, r->cursor - 1, r->cursor);
        break;
    case 9: complete(r); break;
    case 11: erase(r, r->cursor, r->length); break;
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

static void edit(struct readline *r, uint8_t c)
{
    if (r->escape) {
        escape(r, c);
    } else if (c == 27) {
        r->escape = 1;
        return;
    } else if (c < 32 || c == 127) {
        control(r, c);
    } else {
        bool at_end = r->cursor == r->length;
        insert(r, (char[]){ (char)c, 0 });
        if (at_end) { // so that a long line goes on in the next row
            r->print(r->opaque, (char[]){ (char)c, 0 });
            return;
        }
    }
    if (!r->escape)
        redraw(r);
}

static void plain(struct readline *r, uint8_t c)
{
    if (c == 8 || c == 127) {
        if (r->length)
            erase(r, r->length - 1, r->length);
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
