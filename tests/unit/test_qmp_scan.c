// SPDX-License-Identifier: MIT
//
// The cutter of QMP's byte stream: what comes out does not depend on the pieces in which the bytes come in, limits hold to the byte,
// and nothing inside a refused text comes out as a text.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/qmp_scan.h"
#include "tests/unit/tap.h"

struct results { char *text; size_t length; unsigned texts, errors; };

static void append(struct results *r, char kind, const char *text, size_t len)
{
    r->text = realloc(r->text, r->length + len + 2);
    r->text[r->length] = kind;
    memcpy(r->text + r->length + 1, text, len);
    r->length += len + 1;
    r->text[r->length] = 0;
}

// In pieces of `piece` bytes; 0: of random sizes.
static struct results scan(const char *data, size_t len, size_t piece)
{
    struct results r = { 0 };
    struct qmp_scan s = { 0 };
    append(&r, ' ', "", 0);
    while (len) {
        size_t n = piece ? piece : 1 + (size_t)rand() % 9;
        n = n < len ? n : len;
        uint8_t *copy = malloc(n); // so that a sanitizer sees every look behind the end
        memcpy(copy, data, n);
        for (size_t at = 0; at < n;) {
            enum qmp_scan_result result;
            at += qmp_scan(&s, copy + at, n - at, &result);
            if (result == QMP_SCAN_TEXT) {
                append(&r, '+', s.text, s.length);
                r.texts++;
            } else if (result == QMP_SCAN_ERROR) {
                append(&r, '-', s.error, strlen(s.error));
                r.errors++;
            }
        }
        free(copy);
        data += n;
        len -= n;
    }
    qmp_scan_release(&s);
    return r;
}

static void expect(const char *data, const char *want)
{
    struct results r = scan(data, strlen(data), 1);
    bool good = !strcmp(r.text, want);
    char name[64];
    snprintf(name, sizeof name, "%s", data);
    for (char *p = name; *p; p++)
        *p = *p >= ' ' && *p < 0x7f && *p != '#' ? *p : '.';
    tap_ok(good, "%s", name);
    if (!good)
        printf("# got '%s', expected '%s'\n", r.text, want);
    free(r.text);
}

static void test_texts(void)
{
    expect("{}{}", " +{}+{}");
    expect(" {\"a\" : [1, {\"b\":2}]}\r\n\t5 ", " +{\"a\" : [1, {\"b\":2}]}+5");
    expect("\"}{][\"[\"\\\"]\"]", " +\"}{][\"+[\"\\\"]\"]");
    expect("{'a':'b\\'c\"d'}", " +{\"a\":\"b'c\\\"d\"}");
    expect("true false{}", " +true+false+{}");
    expect("{\"a\":[1}, {\"b\":2}\n{}", " -JSON parse error, expected separator in list+{}");
    expect("@ {}\n{}", " -JSON parse error, stray '@'+{}");
    expect("{\"a\":\"x\n\n{}", " -JSON parse error, stray byte 0x0a+{}");
    expect("{\"a\":\"x\xff{}", " -JSON parse error, stray byte 0xff+{}");
    expect("[[[\xff[]", " -JSON parse error, stray byte 0xff+[]");
    expect("@ {\xff{}", " -JSON parse error, stray '@'+{}");
    expect("]\n}\n[]", " -JSON parse error, expecting value-JSON parse error, expecting value+[]");
    expect("{\x80}\n{}", " -JSON parse error, stray byte 0x80+{}");
}

// `count` times `part` within [ ], then {}.
static void limit(const char *name, char part, size_t count, bool good)
{
    char *data = malloc(2 * count + 16);
    size_t n = 0;
    data[n++] = '[';
    memset(data + n, part, count);
    n += count;
    for (size_t i = 0; part == '[' && i < count; i++)
        data[n++] = ']';
    memcpy(data + n, "]{}", 3);
    n += 3;
    for (size_t piece = 4096; piece; piece = piece == 4096 ? 1000 : piece == 1000 && good ? 777 : 0) {
        struct results r = scan(data, n, piece);
        tap_ok(r.texts == 1u + good && r.errors == !good, "%s, %zu times, pieces of %zu: %u texts, %u errors", name, count, piece, r.texts, r.errors);
        free(r.text);
    }
    free(data);
}

static void test_pieces(void)
{
    static const char alphabet[] = "{}[]\"'\\,: \n\rax0.-@\x01\x80\xff{}\"{}\"[]\n";
    unsigned different = 0, texts = 0, errors = 0;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char data[64];
        size_t len = (size_t)rand() % sizeof data;
        for (size_t i = 0; i < len; i++)
            data[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        struct results whole = scan(data, len, sizeof data), one = scan(data, len, 1), some = scan(data, len, 0);
        different += whole.length != one.length || whole.length != some.length || memcmp(whole.text, one.text, one.length) ||
                     memcmp(whole.text, some.text, some.length);
        texts += whole.texts;
        errors += whole.errors;
        free(whole.text);
        free(one.text);
        free(some.text);
    }
    tap_ok(!different, "20000 random streams: %u differ by their pieces", different);
    tap_ok(texts > 10000 && errors > 10000, "%u texts and %u errors in them", texts, errors);
}

int main(void)
{
    test_texts();
    limit("spaces", ' ', QMP_TEXT_MAX - 2, true);
    limit("spaces", ' ', QMP_TEXT_MAX - 1, false);
    limit("spaces", ' ', QMP_TEXT_MAX, false);
    limit("spaces", ' ', 3 * QMP_TEXT_MAX, false);
    limit("brackets", '[', QMP_DEPTH_MAX - 1, true);
    limit("brackets", '[', QMP_DEPTH_MAX, false);
    limit("brackets", '[', 300000, false);
    test_pieces();
    return tap_done();
}
