// SPDX-License-Identifier: MIT
//
// monitor/readline.c: editing keys, history, completion; what a line is when it is finished.
#include <stdlib.h>
#include <string.h>
#include "monitor/readline.h"
#include "tests/unit/tap.h"

struct seen { struct readline *r; char line[256], output[4096]; unsigned lines; };

static void print(void *opaque, const char *text)
{
    struct seen *s = opaque;
    strncat(s->output, text, sizeof s->output - strlen(s->output) - 1);
}

static void line(void *opaque, const char *text)
{
    struct seen *s = opaque;
    snprintf(s->line, sizeof s->line, "%s", text);
    s->lines++;
    readline_prompt(s->r);
}

static void complete(void *opaque, const char *text, void (*candidate)(void *, const char *), void *to)
{
    const char *const words[] = { "status", "stop", "stopwatch", "quit" };
    for (unsigned i = 0; i < 4; i++)
        if (!strncmp(words[i], text, strlen(text)))
            candidate(to, words[i]);
}

static struct seen *start(bool editing, size_t max)
{
    struct seen *s = calloc(1, sizeof *s);
    s->r = readline_new("> ", editing, max, print, line, complete, NULL, s);
    return s;
}

static void end(struct seen *s)
{
    readline_free(s->r);
    free(s);
}

static void type(struct seen *s, const char *keys)
{
    s->output[0] = 0;
    readline_input(s->r, (const uint8_t *)keys, strlen(keys));
}

static void test_keys(void)
{
    static const struct { const char *keys, *want, *name; } rows[] = {
        { "plain\r", "plain", "a line" },
        { "abx\x7f" "c\r", "abc", "delete" },
        { "bc\x01" "a\r", "abc", "Ctrl-A" },
        { "bc\x1b[Ha\x1b[Fd\r", "abcd", "Home and End" },
        { "ac\x1b[Db\r", "abc", "left" },
        { "ac\x02" "b\x06" "d\r", "abcd", "Ctrl-B and Ctrl-F" },
        { "axbc\x1b[D\x1b[D\x1b[D\x1b[3~\r", "abc", "the delete key" },
        { "axbc\x01\x06\x04\r", "abc", "Ctrl-D" },
        { "abcxyz\x02\x02\x02\x0b\r", "abc", "Ctrl-K" },
        { "xyzabc\x02\x02\x02\x15\r", "abc", "Ctrl-U" },
        { "abc def\x17" "ghi\r", "abc ghi", "Ctrl-W" },
        { "ab\x1b[Zc\r", "abc", "a key that means nothing" },
        { "\x7f\x04\x02\x1b[Dabc\x06\r", "abc", "keys at the ends" },
    };
    struct seen *s = start(true, 100);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        type(s, rows[i].keys);
        tap_ok(!strcmp(s->line, rows[i].want) && s->lines == i + 1, "%s: '%s'", rows[i].name, s->line);
    }
    end(s);
}

static void test_history(void)
{
    struct seen *s = start(true, 100);
    type(s, "one\rtwo\rtwo\rthree\r");
    type(s, "\x1b[A\x1b[A\x1b[A\r");
    tap_ok(!strcmp(s->line, "one"), "three lines up, repeats kept once: '%s'", s->line);
    type(s, "\x10\x10\x0e!\r");
    tap_ok(!strcmp(s->line, "one!"), "Ctrl-P and Ctrl-N: '%s'", s->line);
    type(s, "\x10\x10\x10\x10\x10\x10\x10\x10\x10\r");
    tap_ok(!strcmp(s->line, "one"), "not beyond the oldest: '%s'", s->line);
    type(s, "\x10\x0e\x0e\x0e" "fresh\r");
    tap_ok(!strcmp(s->line, "fresh"), "down to an empty line: '%s'", s->line);
    for (int i = 0; i < 500; i++) {
        char text[16];
        snprintf(text, sizeof text, "n%d\r", i);
        type(s, text);
    }
    type(s, "\x10\x10\r");
    tap_ok(!strcmp(s->line, "n498"), "the last of many: '%s'", s->line);
    end(s);
}

static void test_completion(void)
{
    struct seen *s = start(true, 100);
    type(s, "q\t\r");
    tap_ok(!strncmp(s->line, "quit", 4), "one candidate: '%s'", s->line);
    type(s, "sto\t\r");
    tap_ok(!strncmp(s->line, "stop", 4), "the common start: '%s'", s->line);
    type(s, "st\t");
    tap_ok(strstr(s->output, "status") && strstr(s->output, "stopwatch"), "all when there is nothing to add");
    type(s, "\x15nothing\t\r");
    tap_ok(!strcmp(s->line, "nothing"), "no candidate: '%s'", s->line);
    end(s);
}

static void test_plain(void)
{
    struct seen *s = start(false, 8);
    type(s, "one\n");
    tap_ok(!strcmp(s->line, "one") && s->lines == 1, "a line ends with LF");
    type(s, "two\r\n");
    tap_ok(!strcmp(s->line, "two") && s->lines == 2, "CR LF is one end");
    type(s, "thr");
    type(s, "ee\nfour\n");
    tap_ok(!strcmp(s->line, "four") && s->lines == 4, "lines in pieces, and two in one");
    type(s, "0123456789abcdef\n");
    tap_ok(strlen(s->line) <= 8 && s->lines == 5, "a line that is too long does not run over");
    type(s, "half");
    readline_reset(s->r);
    type(s, "new\n");
    tap_ok(!strcmp(s->line, "new"), "reset forgets the half line");
    tap_ok(!strchr(s->output, '\x1b'), "no escape sequences");
    end(s);
}

static void test_above(void)
{
    struct seen *s = start(true, 100);
    type(s, "half a li");
    s->output[0] = 0;
    readline_above(s->r, "news\n");
    const char *news = strstr(s->output, "news\n"), *again = strstr(s->output, "> half a li");
    tap_ok(news && again && news < again, "a notice comes above the line, which is drawn again");
    type(s, "ne\r");
    tap_ok(!strcmp(s->line, "half a line"), "and goes on");
    end(s);
}

int main(void)
{
    test_keys();
    test_history();
    test_completion();
    test_plain();
    test_above();
    return tap_done();
}
