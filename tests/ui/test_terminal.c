// SPDX-License-Identifier: MIT
//
// The text of a console tab: what comes out of the bytes that went in, at several sizes.
#include <stdlib.h>
#include <string.h>
#include "tests/unit/tap.h"

#if defined HAVE_SDL2 && defined HAVE_VTERM
#include "ui/input.h"
#include "ui/terminal.h"

struct sent { char text[4096]; size_t len; };

static void send(void *opaque, const char *bytes, size_t len)
{
    struct sent *s = opaque;
    if (s->len + len < sizeof s->text) {
        memcpy(s->text + s->len, bytes, len);
        s->len += len;
        s->text[s->len] = 0;
    }
}

static void put(struct terminal *t, const char *text) { terminal_write(t, text, strlen(text)); }

// A size in characters.
static void size(struct terminal *t, int columns, int rows)
{
    struct font f = font_for_scale(1);
    terminal_place(t, (struct rect){ 0, 0, columns * f.width + 12, rows * f.height + 8 }, &f);
}

// Row of the view as UTF-8 without blanks at its end.
static const char *row(struct terminal *t, int n)
{
    static char text[2048];
    struct cell cells[t->columns];
    size_t length = 0, end = 0;
    if (!terminal_line(t, terminal_top(t) + (uint64_t)n, cells))
        return "(none)";
    for (int i = 0; i < t->columns; i++) {
        if (!cells[i].width)
            continue;
        length += utf8_put(text + length, cells[i].code ? cells[i].code : ' ');
        if (text[length - 1] != ' ')
            end = length;
    }
    text[end] = 0;
    return text;
}

static void is(struct terminal *t, int n, const char *wanted, const char *what)
{
    if (!tap_ok(!strcmp(row(t, n), wanted), "%s", what))
        printf("# row %d is '%s', not '%s'\n", n, row(t, n), wanted);
}

static void test_text(struct terminal *t)
{
    size(t, 40, 10);
    tap_ok(t->columns == 40 && t->rows == 10, "40x10");
    put(t, "gr\xc3\xbcn \xe6\x97\xa5. \x1b[31mred\x1b[0m");
    is(t, 0, "gr\xc3\xbcn \xe6\x97\xa5. red", "UTF-8 in one piece");
    put(t, "\r\ngr");
    for (const char *p = "\xc3\xbcn \xe6\x97\xa5.x"; *p; p++)
        terminal_write(t, p, 1);
    is(t, 1, "gr\xc3\xbcn \xe6\x97\xa5.x", "UTF-8 byte by byte");
    put(t, "\r\na\xc3");
    put(t, "\xbcz\xf0\x9f");
    put(t, "\x98\x80.");
    is(t, 2, "a\xc3\xbcz\xf0\x9f\x98\x80.", "cut in characters");
    put(t, "\r\n\x1b(B\x1b)0\x0f" "b\xc3");
    put(t, "\xa4" "d");
    is(t, 3, "b\xc3\xa4" "d", "after a change of character sets");
    put(t, "\r\n");
    for (int i = 0; i < 300; i++)
        put(t, i & 1 ? "\xf0" : "\xc3\xe6\xff");
    put(t, "\r\nok");
    bool found = false;
    for (int i = 0; i < 10; i++)
        found |= !strcmp(row(t, i), "ok");
    tap_ok(found, "damaged UTF-8 does no harm");
}

static void test_scroll(struct terminal *t)
{
    char line[32];
    put(t, "\x1b" "c");
    terminal_forget(t);
    for (int i = 0; i < 10100; i++) {
        snprintf(line, sizeof line, "%sline %d", i ? "\r\n" : "", i);
        put(t, line);
    }
    is(t, 9, "line 10099", "the last line");
    tap_ok(t->count == SCROLL_BACK, "10,000 lines are kept, not more: %u", t->count);
    terminal_scroll(t, 20000);
    is(t, 0, "line 90", "the oldest");
    put(t, "\r\nmore");
    is(t, 0, "line 91", "it leaves when one more comes");
    terminal_scroll(t, -20000);
    terminal_scroll(t, 5);
    put(t, "\r\nmore");
    is(t, 9, "line 10095", "what is looked at stays");
    terminal_scroll(t, -20000);
}

static void test_reflow(struct terminal *t)
{
    char cursor[40];
    put(t, "\x1b" "c");
    terminal_forget(t);
    size(t, 40, 10);
    put(t, "one\r\n");
    for (int i = 0; i < 7; i++)
        put(t, "0123456789");
    put(t, "\r\n\x1b[1;32mthree\x1b[0m\r\n$ ty");
    is(t, 2, "012345678901234567890123456789", "a long line takes two rows");
    size(t, 100, 10);
    is(t, 1, "0123456789012345678901234567890123456789012345678901234567890123456789", "and one when there is room");
    is(t, 3, "$ ty", "the last line");
    snprintf(cursor, sizeof cursor, "%d,%d", t->cursor.col, t->cursor.row);
    tap_ok(!strcmp(cursor, "4,3"), "the cursor is behind it: %s", cursor);
    put(t, "ped");
    is(t, 3, "$ typed", "text goes on there");
    size(t, 20, 4);
    is(t, 3, "$ typed", "small: the end is seen");
    is(t, 1, "0123456789", "the long line's end");
    terminal_scroll(t, 100);
    is(t, 0, "one", "the start scrolled out");
    is(t, 1, "01234567890123456789", "with the long line's start");
    terminal_scroll(t, -100);
    size(t, 80, 24);
    is(t, 0, "one", "large again: all of it");
    is(t, 2, "three", "in its place");
    struct cell cells[80];
    terminal_line(t, terminal_top(t) + 2, cells);
    tap_ok(cells[0].attributes & CELL_BOLD && cells[0].fore != CELL_DEFAULT, "with its colour");
    terminal_line(t, terminal_top(t) + 3, cells);
    tap_ok(cells[0].fore == CELL_DEFAULT && !cells[0].attributes, "which ends where it ended");
    put(t, "\x1b[35m");
    size(t, 60, 24);
    put(t, "!");
    terminal_line(t, terminal_top(t) + 4, cells);
    tap_ok(cells[7].code == '!' && cells[7].fore != CELL_DEFAULT, "the pen of the guest survives");
    put(t, "\x1b[0m\x1b[?1049h\x1b[Hfull");
    size(t, 30, 8);
    is(t, 0, "full", "a full-screen program");
    put(t, "\x1b[?1049l");
    size(t, 40, 10);
    tap_ok(!t->alternate, "and its end");
}

// What is beneath a full-screen program is broken anew as well, and what that has drawn stays: nobody draws it again.
static void test_alternate(void)
{
    struct sent sent = { .len = 0 };
    struct terminal *t = terminal_new(send, &sent);
    size(t, 20, 6);
    put(t, "\x1b[H\x1b[2Jone two three four five six seven\r\n$ vi");
    put(t, "\x1b[?1049h\x1b[H\x1b[31mred\x1b[0m\x1b[2;1Hsecond line of it.\x1b[6;1H:wq\x1b[2;4H");
    size(t, 12, 4);
    tap_ok(t->alternate, "still the program's screen");
    is(t, 1, "second line", "as much of it as fits");
    put(t, "!");
    is(t, 1, "sec!nd line", "its cursor");
    size(t, 40, 6);
    put(t, "\x1b[?1049l");
    is(t, 0, "one two three four five six seven", "the shell's line is whole again");
    is(t, 1, "$ vi", "and its prompt");
    put(t, "m");
    is(t, 1, "$ vim", "with the cursor behind it");
    size(t, 10, 6);
    put(t, "\x1b[?1049h\x1b[Hx");
    size(t, 40, 10);
    size(t, 7, 5);
    size(t, 30, 6);
    is(t, 0, "x", "what the program drew");
    put(t, "\x1b[?1049l!");
    is(t, 0, "one two three four five six se", "after several sizes the shell's line");
    is(t, 1, "ven", "in two pieces");
    is(t, 2, "$ vim!", "and its prompt");
    terminal_free(t);
}

// All text as lines, however they are broken; malloced.
static char *whole_text(struct terminal *t)
{
    char *text;
    size_t size;
    struct cell cells[t->columns];
    FILE *out = open_memstream(&text, &size);
    for (uint64_t n = t->dropped; terminal_line(t, n, cells); n++) {
        int end = t->columns;
        bool goes_on = terminal_goes_on(t, n);
        while (end && cells[end - 1].width && (!cells[end - 1].code || (!goes_on && cells[end - 1].code == ' ')))
            end--;
        for (int i = 0; i < end; i++) {
            char bytes[4];
            if (cells[i].width)
                fwrite(bytes, 1, utf8_put(bytes, cells[i].code ? cells[i].code : ' '), out);
        }
        if (!goes_on)
            fputc('\n', out);
    }
    fclose(out);
    while (size && text[size - 1] == '\n') // empty rows below
        text[--size] = 0;
    return text;
}

// What is broken is known, not guessed: random lines come back as they were from all sizes.
static void test_joins(void)
{
    static const char *const pieces[] = { "a", "bc", " ", "   ", "0123456789", "\xc3\xa4", "\xe6\x97\xa5", "\x1b[32mx\x1b[0m", "e\xcc\x81" };
    struct tap_random random = { 11 };
    struct terminal *t = terminal_new(send, &(struct sent){ .len = 0 });
    bool good = true;
    size(t, 40, 10);
    for (int i = 0; i < 4; i++)
        put(t, "0123456789");
    put(t, "\r\n");
    for (int i = 0; i < 4; i++)
        put(t, "abcdefghij");
    put(t, "\r\nend");
    size(t, 100, 10);
    is(t, 0, "0123456789012345678901234567890123456789", "a line exactly as wide as the terminal");
    is(t, 1, "abcdefghijabcdefghijabcdefghijabcdefghij", "is not joined with the next one");
    is(t, 2, "end", "nor is that");
    put(t, "\x1b" "c");
    terminal_forget(t);
    size(t, 20, 6);
    put(t, "name                 value of it              end");
    size(t, 60, 6);
    is(t, 0, "name                 value of it              end", "blanks where it was broken are kept");
    put(t, "\x1b" "c");
    size(t, 20, 6);
    put(t, "01234567890123456789abc\x1b[1;1H\x1b[2Knew\x1b[2;1H\x1b[2Kother");
    size(t, 60, 6);
    is(t, 0, "new", "lines that were erased and written again");
    is(t, 1, "other", "are two");
    for (int round = 0; good && round < 40; round++) {
        put(t, "\x1b" "c");
        terminal_forget(t);
        size(t, 10 + (int)tap_below(&random, 60), 4 + (int)tap_below(&random, 20));
        char wanted[60000] = "", plain[400];
        for (int n = 0; n < 60; n++) {
            size_t length = 0;
            for (unsigned i = (unsigned)tap_below(&random, 30); i; i--) {
                unsigned which = (unsigned)tap_below(&random, sizeof pieces / sizeof *pieces);
                put(t, pieces[which]);
                length += (size_t)snprintf(plain + length, sizeof plain - length, "%s", which == 7 ? "x" : which == 8 ? "e" : pieces[which]);
            }
            while (length && plain[length - 1] == ' ')
                length--;
            plain[length] = 0;
            put(t, "\r\n");
            strcat(strcat(wanted, plain), "\n");
            if (tap_below(&random, 10) == 0)
                size(t, 10 + (int)tap_below(&random, 60), 4 + (int)tap_below(&random, 20));
        }
        size_t end = strlen(wanted);
        while (end && wanted[end - 1] == '\n')
            wanted[--end] = 0;
        for (int n = 0; good && n < 10; n++) {
            size(t, 10 + (int)tap_below(&random, 90), 4 + (int)tap_below(&random, 30));
            char *now = whole_text(t);
            good = !strcmp(now, wanted);
            size_t at = 0;
            while (!good && now[at] && now[at] == wanted[at])
                at++;
            if (!good)
                printf("# round %d, %dx%d, at %zu: '%.60s', not '%.60s'\n", round, t->columns, t->rows, at, now + (at > 20 ? at - 20 : 0), wanted + (at > 20 ? at - 20 : 0));
            free(now);
        }
    }
    tap_ok(good, "random lines at random sizes");
    terminal_free(t);
}

static void test_keys(struct terminal *t, struct sent *s)
{
    s->len = 0;
    terminal_text(t, "a\xc3\xbc");
    terminal_key(t, NULL, &(struct key){ .code = K_UP, .down = true });
    terminal_key(t, NULL, &(struct key){ .code = K_C, .symbol = 'c', .mods = MOD_CTRL, .down = true });
    terminal_key(t, NULL, &(struct key){ .code = K_ENTER, .down = true });
    tap_ok(!strcmp(s->text, "a\xc3\xbc\x1b[A\x03\r"), "what keys send");
    put(t, "\x1b[?1h");
    s->len = 0;
    terminal_key(t, NULL, &(struct key){ .code = K_UP, .down = true });
    tap_ok(!strcmp(s->text, "\x1bOA"), "cursor keys of a program");
    put(t, "\x1b[?1l\x1b[?2004h");
    s->len = 0;
    terminal_paste(t, "x\n\x1b[201~y");
    tap_ok(!strcmp(s->text, "\x1b[200~x\r[201~y\x1b[201~"), "a paste cannot end its own brackets");
    put(t, "\x1b[?2004l\x1b[6n");
    tap_ok(strstr(s->text, "R"), "a question for the cursor is answered");
}

static void press(struct terminal *t, struct sent *s, struct key key, const char *wanted, const char *what)
{
    key.down = true;
    s->len = 0;
    memset(s->text, 0, 16);
    terminal_key(t, NULL, &key);
    tap_ok(s->len == (*wanted ? strlen(wanted) : 1) && !strcmp(s->text, wanted), "%s", what);
}

// Keys with Ctrl, Shift and Alt send what xterm sends, and never a sequence that a shell takes for text.
static void test_chords(struct terminal *t, struct sent *s)
{
    press(t, s, (struct key){ .code = K_ENTER, .mods = MOD_SHIFT }, "\r", "Shift-Enter");
    press(t, s, (struct key){ .code = K_ENTER, .mods = MOD_CTRL }, "\r", "Ctrl-Enter");
    press(t, s, (struct key){ .code = K_BACKSPACE, .mods = MOD_SHIFT }, "\x7f", "Shift-Backspace");
    press(t, s, (struct key){ .code = K_BACKSPACE, .mods = MOD_CTRL }, "\b", "Ctrl-Backspace");
    press(t, s, (struct key){ .code = K_BACKSPACE, .mods = MOD_ALT }, "\x1b\x7f", "Alt-Backspace");
    press(t, s, (struct key){ .code = K_ESC, .mods = MOD_SHIFT }, "\x1b", "Shift-Escape");
    press(t, s, (struct key){ .code = K_TAB, .mods = MOD_SHIFT }, "\x1b[Z", "Shift-Tab");
    press(t, s, (struct key){ .code = K_TAB, .mods = MOD_CTRL }, "\t", "Ctrl-Tab");
    press(t, s, (struct key){ .code = K_LEFT, .mods = MOD_CTRL }, "\x1b[1;5D", "Ctrl-Left");
    press(t, s, (struct key){ .code = 26, .symbol = '[', .mods = MOD_CTRL }, "\x1b", "Ctrl-[");
    press(t, s, (struct key){ .code = 36, .symbol = 'j', .mods = MOD_CTRL }, "\n", "Ctrl-J");
    press(t, s, (struct key){ .code = 50, .symbol = 'm', .mods = MOD_CTRL }, "\r", "Ctrl-M");
    press(t, s, (struct key){ .code = 23, .symbol = 'i', .mods = MOD_CTRL }, "\t", "Ctrl-I");
    press(t, s, (struct key){ .code = 57, .symbol = ' ', .mods = MOD_CTRL }, "", "Ctrl-Space is NUL");
    press(t, s, (struct key){ .code = 3, .symbol = '2', .mods = MOD_CTRL }, "", "Ctrl-2 as well");
    press(t, s, (struct key){ .code = 7, .symbol = '6', .mods = MOD_CTRL }, "\x1e", "Ctrl-6");
    press(t, s, (struct key){ .code = K_MINUS, .symbol = '-', .mods = MOD_CTRL | MOD_SHIFT }, "\x1f", "Ctrl-_");
    press(t, s, (struct key){ .code = 53, .symbol = '/', .mods = MOD_CTRL }, "\x1f", "Ctrl-/");
    press(t, s, (struct key){ .code = K_EQUAL, .symbol = '=', .mods = MOD_CTRL }, "=", "Ctrl-= is no control character");
    press(t, s, (struct key){ .code = 48, .symbol = 'b', .mods = MOD_ALT }, "\x1b" "b", "Alt-B");
    press(t, s, (struct key){ .code = 48, .symbol = 'b', .mods = MOD_ALT | MOD_SHIFT }, "\x1b" "B", "Alt-Shift-B");
    press(t, s, (struct key){ .code = 52, .symbol = '.', .mods = MOD_ALT | MOD_SHIFT }, "\x1b>", "Alt->");
    press(t, s, (struct key){ .code = K_C, .mods = MOD_CTRL }, "\x03", "Ctrl and a key of a layout without Latin letters");
    press(t, s, (struct key){ .code = 44, .symbol = 'y', .mods = MOD_CTRL }, "\x19", "the host's layout counts");
    press(t, s, (struct key){ .code = 72 }, "\x1b[A", "the keypad moves");
    press(t, s, (struct key){ .code = 83 }, "\x1b[3~", "its Delete");
    s->len = 0;
    terminal_key(t, NULL, &(struct key){ .code = 72, .mods = MOD_NUM, .down = true });
    tap_ok(!s->len, "with NumLock its text comes");
}

static struct pointer at(int x, int y, unsigned pressed, unsigned buttons)
{
    return (struct pointer){ .x = x, .y = y, .pressed = pressed, .buttons = buttons, .clicks = 1 };
}

// The scroll bar is pulled with the pointer, and a selection that is held beyond an edge scrolls.
static void test_pull(struct terminal *t)
{
    char line[32];
    put(t, "\x1b" "c");
    terminal_forget(t);
    size(t, 40, 10);
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "%sline %d", i ? "\r\n" : "", i);
        put(t, line);
    }
    int x = t->place.w - 3, h = t->place.h;
    struct pointer p = at(x, h - 2, INPUT_LEFT, INPUT_LEFT);
    terminal_pointer(t, &p);
    tap_ok(!t->view && !t->selecting, "the thumb is held at the end");
    p = at(x, h / 2, 0, INPUT_LEFT);
    terminal_pointer(t, &p);
    tap_ok(t->view > 400 && t->view < 600, "half up: %u lines back", t->view);
    p = at(10, -500, 0, INPUT_LEFT);
    terminal_pointer(t, &p);
    is(t, 0, "line 0", "beyond the start is the start");
    p = at(10, -500, 0, 0);
    terminal_pointer(t, &p);
    p = at(10, h - 3, 0, 0);
    terminal_pointer(t, &p);
    is(t, 0, "line 0", "let go: it no longer follows");
    p = at(x, h - 3, INPUT_LEFT, INPUT_LEFT);
    terminal_pointer(t, &p);
    tap_ok(!t->view, "a click beside the thumb brings it");
    p = at(x, h - 3, 0, 0);
    terminal_pointer(t, &p);
    tap_ok(!terminal_pull(t), "nothing pulls");
    p = at(4 + 8 * 5, 5, INPUT_LEFT, INPUT_LEFT);
    terminal_pointer(t, &p);
    p = at(4, -40, 0, INPUT_LEFT);
    terminal_pointer(t, &p);
    for (int i = 0; i < 5; i++) {
        t->pull_at = 0;
        terminal_pull(t);
    }
    char *text = terminal_selection(t);
    tap_ok(t->view == 10 && text && !strncmp(text, "line 980\nline 981\n", 18), "a selection goes on above the top: %u back", t->view);
    free(text);
    p = at(4, -40, 0, 0);
    p.released = INPUT_LEFT;
    t->selecting = false;
    terminal_pointer(t, &p);
    tap_ok(!terminal_pull(t), "until the button is let go");
    t->selected = false;
}

static void test_select(struct terminal *t)
{
    put(t, "\x1b" "c");
    terminal_forget(t);
    size(t, 20, 5);
    put(t, "0123456789012345678901234\r\nnext word-two end");
    terminal_pointer(t, &(struct pointer){ .x = 4 + 8 * 18 + 1, .y = 5, .pressed = INPUT_LEFT, .buttons = INPUT_LEFT, .clicks = 1 });
    terminal_pointer(t, &(struct pointer){ .x = 4 + 8 * 3 + 1, .y = 4 + 2 * 16 + 1, .buttons = INPUT_LEFT });
    char *text = terminal_selection(t);
    tap_ok(text && !strcmp(text, "8901234\nnext"), "a broken line is copied whole");
    free(text);
    t->selecting = false;
    put(t, "!");
    tap_ok(t->selected, "text elsewhere leaves it");
    put(t, "\x1b[Hother text");
    tap_ok(t->selected, "even in its line, before it");
    put(t, "\x1b[2J");
    tap_ok(!t->selected, "other text in its place ends it");
    t->selected = t->selecting = false;
    terminal_pointer(t, &(struct pointer){ .x = -50, .y = 9999, .pressed = INPUT_RIGHT, .buttons = INPUT_RIGHT });
    tap_ok(!t->selected, "a pointer outside does no harm");
}

// Nothing that a guest may write is a problem, at any size.
static void test_random(struct terminal *t)
{
    static const char *const words[] = { "\x1b[", ";", "?", "H", "J", "m", "38;5;200m", "48;2;1;2;3m", "\x1b[?1049h", "\x1b[?1049l", "\x1b]0;t\x07", "L", "M",
                                         "\x1b" "c", "\xc3\xbc", "\xe6\x97\xa5", "\r\n", "\t", "9999999", "r", "@", "P", "\x1b(0", "\x0e", "\x1b#8", "text text" };
    struct tap_random random = { 7 };
    struct canvas canvas = { .width = 900, .height = 700 };
    canvas.pixels = calloc(900 * 700, sizeof *canvas.pixels);
    for (int i = 0; i < 60000; i++) {
        put(t, words[tap_below(&random, sizeof words / sizeof *words)]);
        if (tap_below(&random, 400) == 0) {
            size(t, (int)tap_below(&random, 120), (int)tap_below(&random, 50));
            terminal_draw(t, &canvas, true, true);
        }
        if (tap_below(&random, 300) == 0)
            terminal_scroll(t, (int)tap_below(&random, 60) - 30);
        canvas.dirty_count = 0;
    }
    free(canvas.pixels);
    tap_ok(t->count <= SCROLL_BACK, "random output at random sizes");
}

// Several private modes in one sequence, as ncurses asks for the mouse, in all ways that it can be cut.
static void test_modes(struct terminal *t, struct sent *sent)
{
    static const char on[] = "\x1b[?1006;1000h";
    size(t, 40, 10);
    for (size_t cut = 0; cut < sizeof on; cut++) {
        terminal_write(t, on, cut);
        terminal_write(t, on + cut, sizeof on - 1 - cut);
        sent->len = 0;
        terminal_pointer(t, &(struct pointer){ .x = 30, .y = 30, .pressed = INPUT_LEFT, .buttons = INPUT_LEFT });
        terminal_pointer(t, &(struct pointer){ .x = 30, .y = 30, .released = INPUT_LEFT });
        if (strcmp(sent->len ? sent->text : "", "\x1b[<0;4;2M\x1b[<0;4;2m"))
            break;
        put(t, "\x1b[?1006;1000l");
        if (t->mouse != VTERM_PROP_MOUSE_NONE || !tap_ok(true, "modes cut at %zu", cut))
            break;
        if (cut == sizeof on - 1)
            return;
    }
    tap_ok(false, "several private modes at once; sent '%s'", sent->len ? sent->text : "");
}

int main(void)
{
    struct sent sent = { .len = 0 };
    struct terminal *t = terminal_new(send, &sent);
    test_text(t);
    test_scroll(t);
    test_reflow(t);
    test_alternate();
    test_joins();
    test_keys(t, &sent);
    test_chords(t, &sent);
    test_select(t);
    test_pull(t);
    test_modes(t, &sent);
    test_random(t);
    terminal_free(t);
    return tap_done();
}
#else
int main(void)
{
    printf("1..0 # SKIP a build without SDL2 or libvterm has no window\n");
    return 0;
}
#endif
