// SPDX-License-Identifier: MIT
#include "util/width.h"

struct range { uint32_t first, last; };

static unsigned has(const struct range *ranges, unsigned count, uint32_t code)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && code >= ranges[low].first;
}

unsigned unicode_width(uint32_t code)
{
    static const struct range zero[] = {
#define ZERO(first, last) { first, last },
#define WIDE(first, last)
#include "util/width.def"
#undef ZERO
#undef WIDE
    }, wide[] = {
#define ZERO(first, last)
#define WIDE(first, last) { first, last },
#include "util/width.def"
#undef ZERO
#undef WIDE
    };
    if (code < 0x300)
        return 1;
    if (has(zero, sizeof zero / sizeof *zero, code))
        return 0;
    return 1 + has(wide, sizeof wide / sizeof *wide, code);
}

unsigned utf8_length(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

uint32_t utf8_get(const char *text, size_t len, size_t *bytes)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const uint8_t *p = (const uint8_t *)text;
    unsigned n = utf8_length(*p);
    uint32_t code = n == 1 ? *p : *p & (0x7fu >> n);
    *bytes = 1;
    if (!n || n > len)
        return 0xfffd;
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0xfffd;
    *bytes = n;
    return code;
}
