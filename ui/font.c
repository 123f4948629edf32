// SPDX-License-Identifier: MIT
//
// Text has a font of its own for each scale, so that it is never stretched: 8x16, 12x24, 16x32. From 3 on pixels are doubled.
#include "ui/internal.h"
#include "ui/spleen_12x24.font.h"
#include "ui/spleen_16x32.font.h"
#include "ui/spleen_8x16.font.h"

#define FONT(name, NAME, zoom_) \
    (struct font){ .width = NAME##_WIDTH * (zoom_), .height = NAME##_HEIGHT * (zoom_), .zoom = zoom_, .cell_width = NAME##_WIDTH, \
                   .cell_height = NAME##_HEIGHT, .pitch = (NAME##_WIDTH + 7) / 8, .bits = name##_bits, .map = name##_map, \
                   .count = sizeof name##_map / sizeof *name##_map }

struct font font_for_scale(double scale)
{
    if (scale >= 3.5)
        return FONT(spleen_16x32, SPLEEN_16X32, 2);
    if (scale >= 2.5)
        return FONT(spleen_12x24, SPLEEN_12X24, 2);
    if (scale >= 1.75)
        return FONT(spleen_16x32, SPLEEN_16X32, 1);
    return scale >= 1.25 ? FONT(spleen_12x24, SPLEEN_12X24, 1) : FONT(spleen_8x16, SPLEEN_8X16, 1);
}

int font_glyph(const struct font *font, uint32_t code)
{
    unsigned low = 0, high = font->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (font->map[middle][0] < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < font->count && font->map[low][0] == code ? font->map[low][1] : -1;
}
