// SPDX-License-Identifier: MIT
//
// Rectangles and text on a canvas. Each change is noted as a dirty rectangle; when there are too many they become one.
#include <string.h>
#include "ui/internal.h"

struct rect rect_cut(struct rect a, struct rect b)
{
    int x0 = a.x > b.x ? a.x : b.x, y0 = a.y > b.y ? a.y : b.y;
    int x1 = a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w, y1 = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){ x0, y0, x1 - x0, y1 - y0 };
}

static struct rect join(struct rect a, struct rect b)
{
    int x0 = a.x < b.x ? a.x : b.x, y0 = a.y < b.y ? a.y : b.y;
    int x1 = a.x + a.w > b.x + b.w ? a.x + a.w : b.x + b.w, y1 = a.y + a.h > b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){ x0, y0, x1 - x0, y1 - y0 };
}

void canvas_dirty(struct canvas *c, struct rect part)
{
    part = rect_cut(part, (struct rect){ 0, 0, c->width, c->height });
    if (part.w <= 0 || part.h <= 0)
        return;
    for (unsigned i = 0; i < c->dirty_count; i++) { // touches or continues one that is there already
        struct rect both = join(c->dirty[i], part);
        if ((int64_t)both.w * both.h <= (int64_t)c->dirty[i].w * c->dirty[i].h + (int64_t)part.w * part.h) {
            c->dirty[i] = both;
            return;
        }
    }
    if (c->dirty_count == DIRTY_MAX) {
        for (unsigned i = 1; i < DIRTY_MAX; i++)
            c->dirty[0] = join(c->dirty[0], c->dirty[i]);
        c->dirty[0] = join(c->dirty[0], part);
        c->dirty_count = 1;
        return;
    }
    c->dirty[c->dirty_count++] = part;
}

static struct rect limits(const struct canvas *c)
{
    struct rect whole = { 0, 0, c->width, c->height };
    return c->clip.w ? rect_cut(whole, c->clip) : whole;
}

static void fill(struct canvas *c, struct rect part, uint32_t colour)
{
    part = rect_cut(part, limits(c));
    for (int y = part.y; y < part.y + part.h; y++)
        for (int x = part.x; x < part.x + part.w; x++)
            c->pixels[(size_t)y * (size_t)c->width + (size_t)x] = colour;
}

void draw_fill(struct canvas *c, struct rect part, uint32_t colour)
{
    fill(c, part, colour);
    canvas_dirty(c, part);
}

void draw_frame(struct canvas *c, struct rect r, int t, uint32_t colour)
{
    fill(c, (struct rect){ r.x, r.y, r.w, t }, colour);
    fill(c, (struct rect){ r.x, r.y + r.h - t, r.w, t }, colour);
    fill(c, (struct rect){ r.x, r.y, t, r.h }, colour);
    fill(c, (struct rect){ r.x + r.w - t, r.y, t, r.h }, colour);
    canvas_dirty(c, r);
}

// A character that the font lacks: an empty box.
static void draw_box(struct canvas *c, const struct font *f, struct rect clip, int x, int y, uint32_t colour)
{
    struct rect box = { x + f->zoom, y + f->height / 8, f->width - 2 * f->zoom, f->height * 3 / 4 };
    struct rect sides[] = { { box.x, box.y, box.w, f->zoom }, { box.x, box.y + box.h - f->zoom, box.w, f->zoom },
                            { box.x, box.y, f->zoom, box.h }, { box.x + box.w - f->zoom, box.y, f->zoom, box.h } };
    for (int i = 0; i < 4; i++)
        fill(c, rect_cut(sides[i], clip), colour);
}

// Triangles and arrows, which spleen lacks and full-screen programs mark columns and directions with: 0 to 3, up, right, down,
// left; -1: another character.
static int triangle(uint32_t code)
{
    static const int arrows[] = { 3, 0, 1, 2 };
    if (code >= 0x2190 && code <= 0x2193)
        return arrows[code - 0x2190];
    return code < 0x25b2 || code > 0x25c5 ? -1 : code < 0x25b6 ? 0 : code < 0x25bc ? 1 : code < 0x25c0 ? 2 : 3;
}

static void draw_triangle(struct canvas *c, const struct font *f, struct rect clip, int x, int y, int way, uint32_t colour)
{
    int base = f->width - 2 * f->zoom, tip = way & 1 ? base : f->height / 3, top = y + (f->height - (way & 1 ? base : tip)) / 2;
    for (int i = 0; i < tip; i++) {
        int from_tip = way == 0 || way == 3 ? i : tip - 1 - i, half = (from_tip * base / tip + 2) / 2, middle = base / 2;
        struct rect line = way & 1 ? (struct rect){ x + f->zoom + i, top + middle - half, 1, 2 * half }
                                   : (struct rect){ x + f->zoom + middle - half, top + i, 2 * half, 1 };
        fill(c, rect_cut(line, clip), colour);
    }
}

void draw_char(struct canvas *c, const struct font *f, struct rect clip, int x, int y, uint32_t code, uint32_t colour)
{
    int glyph = code == ' ' || code == 0xa0 ? -2 : font_glyph(f, code);
    clip = rect_cut(clip, limits(c));
    canvas_dirty(c, rect_cut(clip, (struct rect){ x, y, f->width, f->height }));
    if (glyph == -2)
        return;
    if (glyph < 0 && triangle(code) >= 0) {
        draw_triangle(c, f, clip, x, y, triangle(code), colour);
        return;
    }
    if (glyph < 0) {
        draw_box(c, f, clip, x, y, colour);
        return;
    }
    const uint8_t *bits = f->bits + (size_t)glyph * (size_t)(f->cell_height * f->pitch);
    for (int row = 0; row < f->height; row++) {
        const uint8_t *line = bits + row / f->zoom * f->pitch;
        int py = y + row;
        if (py < clip.y || py >= clip.y + clip.h)
            continue;
        for (int column = 0; column < f->width; column++) {
            int at = column / f->zoom, px = x + column;
            if (line[at >> 3] >> (7 - (at & 7)) & 1 && px >= clip.x && px < clip.x + clip.w)
                c->pixels[(size_t)py * (size_t)c->width + (size_t)px] = colour;
        }
    }
}

uint32_t utf8_next(const char **text)
{
    const uint8_t *p = (const uint8_t *)*text;
    uint32_t code = *p;
    unsigned more = code < 0x80 ? 0 : code >= 0xc2 && code < 0xe0 ? 1 : code >= 0xe0 && code < 0xf0 ? 2 : code >= 0xf0 && code < 0xf5 ? 3 : 9;
    if (!code)
        return 0;
    if (more == 9) {
        *text += 1;
        return 0xfffd;
    }
    if (more)
        code &= 0x3fu >> more;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *text += i;
            return 0xfffd;
        }
        code = code << 6 | (p[i] & 0x3f);
    }
    *text += more + 1;
    return code;
}

int text_width(const struct font *f, const char *text)
{
    int n = 0;
    while (utf8_next(&text))
        n++;
    return n * f->width;
}

int draw_text(struct canvas *c, const struct font *f, struct rect clip, int x, int y, const char *text, uint32_t colour)
{
    int end = clip.x + clip.w;
    bool fits = x + text_width(f, text) <= end;
    for (uint32_t code; (code = utf8_next(&text)); x += f->width) {
        if (!fits && x + 2 * f->width > end) { // the rest does not fit
            draw_char(c, f, clip, x, y, font_glyph(f, 0x2026) < 0 ? '>' : 0x2026, colour);
            return x + f->width;
        }
        draw_char(c, f, clip, x, y, code, colour);
    }
    return x;
}

// ---- text of several lines

// Bytes of text on one line of so many characters, broken at a space where there is one.
static size_t line_length(const char *text, int characters)
{
    size_t most = characters > 8 ? (size_t)characters : 8, n = strlen(text);
    if (n <= most)
        return n;
    for (n = most; n > most / 2; n--)
        if (text[n] == ' ')
            return n;
    return most;
}

static size_t next_line(const char *text, int characters)
{
    size_t length = line_length(text, characters);
    return length + (text[length] == ' ');
}

int line_count(const char *text, int characters)
{
    int lines = 0;
    for (; *text; text += next_line(text, characters))
        lines++;
    return lines;
}

int draw_lines(struct ui *ui, struct rect place, const char *text, uint32_t colour)
{
    int characters = place.w / ui->font.width, y = place.y;
    for (; *text; text += next_line(text, characters), y += ui->font.height) {
        char line[400];
        snprintf(line, sizeof line, "%.*s", (int)line_length(text, characters), text);
        draw_text(&ui->canvas, &ui->font, (struct rect){ place.x, y, place.w, ui->font.height }, place.x, y, line, colour);
    }
    return y;
}
