// SPDX-License-Identifier: MIT
//
// Scripts of input at counts: what is written reads back, what is wrong is refused with its line.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "replay/script.h"
#include "tests/unit/tap.h"
#include "util/error.h"

static char path[] = "/tmp/test_script.XXXXXX";

static void put(const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

static void test_reading(void)
{
    struct script s;
    put("# a script\n\n0 contract x=1 y=2\n5 serial ls\\n\\x1b\\0\\\\\n0x10 serial1  two spaces\n016 break\n17 break 3\n"
        "20 monitor device_add pc-dimm,id=d\n21 end 3 00ff\n");
    if (!tap_ok(script_read(&s, path, NULL) && s.count == 7, "a script is read"))
        return;
    const struct script_event *e = s.events;
    tap_ok(e[0].kind == SCRIPT_CONTRACT && !strcmp(e[0].text, "x=1 y=2") && e[0].line == 3, "contract");
    tap_ok(e[1].kind == SCRIPT_SERIAL && e[1].count == 5 && e[1].length == 6 && !memcmp(e[1].text, "ls\n\033\0\\", 6), "escapes");
    tap_ok(e[2].port == 1 && e[2].count == 16 && !strcmp(e[2].text, " two spaces"), "another port, a count in hexadecimal");
    tap_ok(e[3].kind == SCRIPT_BREAK && e[3].port == 0 && e[4].port == 3, "break");
    tap_ok(e[5].kind == SCRIPT_MONITOR && !strcmp(e[5].text, "device_add pc-dimm,id=d"), "monitor");
    tap_ok(e[6].kind == SCRIPT_END && e[6].status == 3 && !strcmp(e[6].text, "00ff"), "end");
    script_release(&s);
}

static void test_refusals(void)
{
    static const char *const bad[] = { "5", "5 ", "serial x", "-5 serial x", "5x serial x", "99999999999999999999999 serial x", "5 sing x",
                                       "5 serial9 x", "5 serial \\y", "5 serial \\x4", "5 break x", "5 end 256", "5 end -1", "5 end x", "5 key",
                                       "5 serial", "5 digest 12", "5 digest 0123456789abcdef0123456789abcdeX", "9 serial x\n8 serial x", "9 end 0\n9 serial x" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct script s;
        struct error *err = NULL;
        put(bad[i]);
        bool refused = !script_read(&s, path, &err);
        tap_ok(refused && strstr(err->message, strchr(bad[i], '\n') ? ":2: " : ":1: ") && !s.count, "refused: %s",
               strchr(bad[i], '\n') ? "by its order" : bad[i]);
        error_free(err);
    }
}

static char random_letter(struct tap_random *r, enum script_kind kind)
{
    if (kind == SCRIPT_SERIAL) // others are words of a line
        return (char)tap_below(r, 256);
    return kind == SCRIPT_DIGEST ? "0123456789abcdef"[tap_below(r, 16)] : (char)('a' + tap_below(r, 26));
}

static struct script_event random_event(struct tap_random *r, uint64_t *count, bool last)
{
    struct script_event e = { .count = *count += tap_below(r, 1000000), .kind = last ? SCRIPT_END : (enum script_kind)tap_below(r, SCRIPT_END) };
    e.length = e.kind == SCRIPT_DIGEST ? 32 : 1 + tap_below(r, 40);
    e.text = calloc(1, e.length + 1);
    for (size_t i = 0; i < e.length; i++)
        e.text[i] = random_letter(r, e.kind);
    if (e.kind == SCRIPT_SERIAL || e.kind == SCRIPT_BREAK)
        e.port = (unsigned)tap_below(r, 4);
    if (e.kind == SCRIPT_END)
        e.status = (int)tap_below(r, 256);
    return e;
}

static bool equal(const struct script_event *a, const struct script_event *b)
{
    bool text = a->kind == SCRIPT_BREAK || (a->kind == SCRIPT_END ? !strcmp(a->text, b->text)
                                                                  : a->length == b->length && !memcmp(a->text, b->text, a->length));
    return a->count == b->count && a->kind == b->kind && a->port == b->port && a->status == b->status && text;
}

static void test_round_trip(void)
{
    enum { EVENTS = 2000 };
    struct tap_random r = { 7 };
    struct script_event *events = calloc(EVENTS, sizeof *events);
    struct script s;
    uint64_t count = 0;
    FILE *f = fopen(path, "w");
    for (int i = 0; i < EVENTS; i++) {
        events[i] = random_event(&r, &count, i == EVENTS - 1);
        script_write(f, &events[i]);
    }
    fclose(f);
    bool same = script_read(&s, path, NULL) && s.count == EVENTS;
    for (int i = 0; i < EVENTS; i++) {
        same = same && equal(&events[i], &s.events[i]);
        script_event_free(&events[i]);
    }
    free(events);
    tap_ok(same, "%d random events read back", EVENTS);
    script_release(&s);
}

int main(void)
{
    close(mkstemp(path));
    test_reading();
    test_refusals();
    test_round_trip();
    unlink(path);
    return tap_done();
}
