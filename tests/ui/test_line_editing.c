// SPDX-License-Identifier: MIT
//
// Line editing as a terminal shows it: after each of many random keys, at several widths and while the width changes, the rows hold
// the prompt and the text, once and whole, and the cursor stands where the next character goes. Where there are fewer rows than the line
// takes, they hold a part of it, with the cursor.
#include <stdlib.h>
#include <string.h>
#include "monitor/readline.h"
#include "tests/unit/tap.h"

#if defined HAVE_SDL2 && defined HAVE_VTERM
#include "ui/terminal.h"
#include "util/width.h"

#define PROMPT "(p) "
struct shown { struct readline *r; struct terminal *t; char line[4200]; };

static void print(void *opaque, const char *text)
{
    struct shown *s = opaque;
    for (; *text; text++) {
        if (*text == '\n')
            terminal_write(s->t, "\r", 1);
        terminal_write(s->t, text, 1);
    }
}

static void line(void *opaque, const char *text)
{
    struct shown *s = opaque;
    snprintf(s->line, sizeof s->line, "%s", text);
    readline_prompt(s->r);
}

static void complete(void *opaque, const char *text, void (*candidate)(void *, const char *), void *to)
{
    candidate(to, "one\thelp");
    candidate(to, "other\thelp");
}

static struct text_size rows_and_columns(void *opaque) { return terminal_size(((struct shown *)opaque)->t); }
static void nowhere(void *opaque, const char *bytes, size_t len) { }

static void size(struct terminal *t, int wide, int high)
{
    struct font f = font_for_scale(1);
    terminal_place(t, (struct rect){ 0, 0, wide * f.width + 12, high * f.height + 8 }, &f);
}

// The text from the last prompt on, as it stands in the rows; *cursor: characters before the cursor.
static void look(struct shown *s, char *text, size_t *cursor)
{
    struct terminal *t = s->t;
    struct cell cells[t->columns];
    uint64_t start = t->dropped + t->count, first = start + (uint64_t)t->cursor.row, top = t->dropped;
    size_t length = 0, end = 0, count = 0;
    *cursor = 0;
    while (first > top && terminal_line(t, first, cells) && !(cells[0].code == '(' && cells[1].code == 'p' && cells[2].code == ')'))
        first--;
    for (uint64_t n = first; n < terminal_end(t) && terminal_line(t, n, cells); n++) {
        for (int i = 0; i < t->columns; i++) {
            if (n == start + (uint64_t)t->cursor.row && i == t->cursor.col)
                *cursor = count;
            if (!cells[i].width || (!cells[i].code && i == t->columns - 1)) // a wide character did not fit there
                continue;
            count++;
            length += utf8_put(text + length, cells[i].code ? cells[i].code : ' ');
            if (cells[i].code && cells[i].code != ' ')
                end = length;
        }
    }
    text[end] = 0;
}

// What ought to be there: edited by the rules of the keys, without a terminal.
struct model { uint32_t codes[400]; size_t length, cursor; };

static void model_key(struct model *m, uint32_t key)
{
    switch (key) {
    case 1: m->cursor = 0; return;
    case 2: m->cursor -= m->cursor > 0; return;
    case 5: m->cursor = m->length; return;
    case 6: m->cursor += m->cursor < m->length; return;
    case 11: m->length = m->cursor; return;
    case 127: if (!m->cursor)
            return;
        m->cursor--; // fall through
    case 4:
        if (m->cursor < m->length)
            memmove(m->codes + m->cursor, m->codes + m->cursor + 1, (--m->length - m->cursor) * sizeof *m->codes);
        return;
    default:
        memmove(m->codes + m->cursor + 1, m->codes + m->cursor, (m->length++ - m->cursor) * sizeof *m->codes);
        m->codes[m->cursor++] = key;
    }
}

static bool same(struct shown *s, const struct model *m, unsigned step)
{
    static char text[9000], wanted[9000];
    size_t cursor, length = strlen(PROMPT), end = length - 1;
    strcpy(wanted, PROMPT);
    for (size_t i = 0; i < m->length; i++) {
        length += utf8_put(wanted + length, m->codes[i]);
        if (m->codes[i] != ' ')
            end = length;
    }
    wanted[end] = 0;
    look(s, text, &cursor);
    if (!strcmp(text, wanted) && cursor == m->cursor + strlen(PROMPT))
        return true;
    printf("# step %u, %d columns: cursor %zu, not %zu\n# is     '%s'\n# wanted '%s'\n", step, s->t->columns, cursor, m->cursor + strlen(PROMPT), text, wanted);
    return false;
}

// The same of a terminal that is too small: behind the prompt (and a '<') stands a part of the text, and nothing has scrolled away.
static bool same_part(struct shown *s, const struct model *m, unsigned step)
{
    static char text[9000];
    size_t cursor, lead = strlen(PROMPT), skipped = 0, shown = 0, bytes;
    bool good;
    look(s, text, &cursor);
    if (m->length && (text[lead] == '<'))
        lead++;
    good = !s->t->count && !strncmp(text, PROMPT, strlen(PROMPT) - 1) && cursor >= lead && cursor - lead <= m->cursor;
    if (good) {
        skipped = m->cursor - (cursor - lead);
        good = (skipped > 0) == (lead > strlen(PROMPT));
    }
    for (const char *at = text + lead; good && strlen(text) > lead && *at; at += bytes, shown++)
        good = skipped + shown < m->length && utf8_get(at, strlen(at), &bytes) == m->codes[skipped + shown];
    for (size_t i = skipped + shown; good && i < m->length && m->codes[i] == ' '; i++)
        shown++; // a space at the end is not seen
    good = good && skipped + shown >= m->cursor;
    if (!good)
        printf("# step %u: cursor %zu, for %zu of %zu; %zu rows scrolled away\n# is     '%s'\n", step, cursor, m->cursor, m->length, (size_t)s->t->count, text);
    return good;
}

static void key(struct shown *s, struct model *m, uint32_t code)
{
    char bytes[4];
    size_t n = utf8_put(bytes, code);
    readline_input(s->r, (const uint8_t *)bytes, n);
    model_key(m, code);
}

static void test_random(int wide, int high, bool resize)
{
    static const uint32_t keys[] = { 'a', 'b', 'c', 'x', 'y', ' ', '.', 0xe4, 0x65e5, 0x672c, 0x1f600, 2, 2, 2, 6, 1, 5, 127, 4, 11 };
    struct tap_random random = { (uint64_t)wide };
    struct shown s = { .t = NULL };
    struct model m = { .length = 0 };
    bool good = true;
    s.t = terminal_new(nowhere, NULL);
    size(s.t, wide, high);
    s.r = readline_new(PROMPT, true, 4096, print, line, complete, rows_and_columns, &s);
    readline_prompt(s.r);
    for (unsigned step = 0; good && step < 4000; step++) {
        uint32_t k = keys[tap_below(&random, sizeof keys / sizeof *keys - (m.length < 150 ? 5 : 0))];
        if (k >= 32 && k != 127 && m.length > 300)
            k = 127;
        if (tap_below(&random, 60) == 0)
            k = 11;
        key(&s, &m, k);
        if (high == 40 && tap_below(&random, 50) == 0) {
            readline_above(s.r, "a notice\n");
        } else if (high == 40 && tap_below(&random, 300) == 0) {
            model_key(&m, 5);
            model_key(&m, ' '); // after a space there are two candidates with a common start
            readline_input(s.r, (const uint8_t *)"\x05 \t\t", 4);
            model_key(&m, 'o');
        } else if (resize && tap_below(&random, 20) == 0) {
            size(s.t, 10 + (int)tap_below(&random, 60), 40);
        }
        good = high == 40 ? same(&s, &m, step) : same_part(&s, &m, step);
    }
    tap_ok(good, "4000 random keys at %d columns, %d rows%s", wide, high, resize ? " and other sizes" : "");
    terminal_free(s.t);
    readline_free(s.r);
}

// Nothing is left over from a line that took several rows, nor is one of them lost, when the line is finished in its middle.
static void test_finished(void)
{
    struct shown s = { .t = terminal_new(nowhere, NULL) };
    struct cell cells[20];
    size(s.t, 20, 10);
    s.r = readline_new(PROMPT, true, 4096, print, line, complete, rows_and_columns, &s);
    readline_prompt(s.r);
    readline_input(s.r, (const uint8_t *)"0123456789abcdefghijklmnopqrstuvwxyz\x01\x06\x06\r", 40);
    tap_ok(!strcmp(s.line, "0123456789abcdefghijklmnopqrstuvwxyz"), "the line is whole");
    tap_ok(s.t->cursor.row == 2 && s.t->cursor.col == 4, "the prompt comes behind its two rows: row %d", s.t->cursor.row);
    terminal_line(s.t, terminal_top(s.t) + 1, cells);
    tap_ok(cells[19].code == 'z', "which are full");
    terminal_free(s.t);
    readline_free(s.r);
}

static void test_width(void)
{
    size_t n;
    tap_ok(unicode_width('a') == 1 && unicode_width(0xe4) == 1 && unicode_width(0x300) == 0 && unicode_width(0x65e5) == 2 &&
           unicode_width(0x1f600) == 2 && unicode_width(0x200b) == 0 && unicode_width(0x2500) == 1 && unicode_width(0x10ffff) == 1, "widths");
    tap_ok(utf8_get("\xc3\xa4", 2, &n) == 0xe4 && n == 2, "two bytes");
    tap_ok(utf8_get("\xc3", 1, &n) == 0xfffd && n == 1 && utf8_get("\xc0\x80", 2, &n) == 0xfffd && utf8_get("\xed\xa0\x80", 3, &n) == 0xfffd &&
           utf8_get("\xf4\x90\x80\x80", 4, &n) == 0xfffd && utf8_get("\xe0\x80\x80", 3, &n) == 0xfffd, "what is no UTF-8");
}

int main(void)
{
    static const int widths[] = { 10, 11, 20, 37, 80 };
    test_width();
    test_finished();
    for (unsigned i = 0; i < sizeof widths / sizeof *widths; i++)
        test_random(widths[i], 40, false);
    test_random(30, 40, true);
    for (int high = 1; high < 8; high++)
        test_random(10 + 2 * high, high, false);
    return tap_done();
}
#else
int main(void)
{
    printf("1..0 # SKIP a build without SDL2 or libvterm has no window\n");
    return 0;
}
#endif
