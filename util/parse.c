// SPDX-License-Identifier: MIT
//
// Text to numbers. Everything is integer arithmetic: a fraction of a size is digits times unit over a
// power of ten in 128 bits. Pure functions.
#include "util/parse.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "util/error.h"

static int digit_of(char c, unsigned base)
{
    int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
    return d < (int)base ? d : -1;
}

enum parsed { PARSED, PARSED_NOTHING, PARSED_OVERFLOW };

// Digits at *text, with 0x for hexadecimal; leaves *text behind them.
static enum parsed take_number(const char **text, uint64_t *value, bool *hex)
{
    const char *p = *text;
    *hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    unsigned base = *hex ? 16 : 10;
    if (*hex)
        p += 2;
    if (digit_of(*p, base) < 0)
        return PARSED_NOTHING;
    bool over = false;
    uint64_t v = 0;
    for (int d; (d = digit_of(*p, base)) >= 0; p++) {
        over |= __builtin_mul_overflow(v, base, &v);
        over |= __builtin_add_overflow(v, (uint64_t)d, &v);
    }
    *text = p;
    *value = v;
    return over ? PARSED_OVERFLOW : PARSED;
}

bool parse_u64(const char *text, uint64_t *value, struct error **errp)
{
    const char *p = text + (text[0] == '+');
    bool hex;
    enum parsed got = take_number(&p, value, &hex);
    if (got == PARSED_NOTHING || *p)
        return error_set(errp, "'%s' is not a non-negative integer", text);
    if (got == PARSED_OVERFLOW)
        return error_set(errp, "'%s' is out of range (at most 2^64 - 1)", text);
    return true;
}

bool parse_i64(const char *text, int64_t *value, struct error **errp)
{
    bool negative = text[0] == '-', hex;
    const char *p = text + (negative || text[0] == '+');
    uint64_t v = 0;
    enum parsed got = take_number(&p, &v, &hex);
    if (got == PARSED_NOTHING || *p)
        return error_set(errp, "'%s' is not an integer", text);
    if (got == PARSED_OVERFLOW || v > (uint64_t)INT64_MAX + negative)
        return error_set(errp, "'%s' is out of range (63 bits and sign)", text);
    *value = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

// The unit at *text: 0 when it is none. Takes an optional B or iB after the letter, or a lone B.
static uint64_t take_unit(const char **text)
{
    const char letters[] = "kmgtpe", *p = *text;
    uint64_t unit = 1;
    const char *at = *p ? strchr(letters, tolower((unsigned char)*p)) : NULL;
    if (at) {
        unit = 1ull << 10 * (at - letters + 1);
        p++;
        if (p[0] == 'i' && (p[1] == 'B' || p[1] == 'b'))
            p++;
    }
    if (*p == 'B' || *p == 'b')
        p++;
    *text = p;
    return *p ? 0 : unit;
}

static bool size_refused(const char *text, struct error **errp)
{
    error_set(errp, "'%s' is not a size: expected a non-negative number below 2^64", text);
    error_hint(errp, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                     "and exabytes, respectively (powers of 1024; 512MiB and 4GB are understood, too).");
    return false;
}

bool parse_size(const char *text, uint64_t *bytes, struct error **errp)
{
    const char *p = text + (text[0] == '+');
    uint64_t whole = 0, fraction = 0, scale = 1;
    bool hex;
    enum parsed got = take_number(&p, &whole, &hex);
    if (got == PARSED_NOTHING)
        return size_refused(text, errp);
    if (!hex && *p == '.') {
        if (digit_of(*++p, 10) < 0)
            return size_refused(text, errp);
        for (; digit_of(*p, 10) >= 0; p++) {
            if (scale <= UINT64_MAX / 100) { // further digits are below one byte of an exabyte
                fraction = fraction * 10 + (uint64_t)digit_of(*p, 10);
                scale *= 10;
            }
        }
    }
    uint64_t unit = take_unit(&p);
    if (!unit)
        return size_refused(text, errp);
    unsigned __int128 total = (unsigned __int128)whole * unit + (unsigned __int128)fraction * unit / scale;
    if (got == PARSED_OVERFLOW || total > UINT64_MAX)
        return error_set(errp, "size '%s' is out of range (at most 2^64 - 1 bytes)", text);
    *bytes = (uint64_t)total;
    return true;
}

bool parse_bool(const char *text, bool *value, struct error **errp)
{
    const char *const words[] = { "on", "yes", "true", "y", "1", "off", "no", "false", "n", "0" };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcasecmp(text, words[i])) {
            *value = i < 5;
            return true;
        }
    }
    return error_set(errp, "expects 'on' or 'off', not '%s'", text);
}

bool identifier_valid(const char *id)
{
    if (!isalpha((unsigned char)id[0]))
        return false;
    for (const char *p = id; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
            return false;
    }
    return true;
}
