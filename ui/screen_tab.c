// SPDX-License-Identifier: MIT
//
// The guest's picture. Whole: each guest pixel is n by n pixels of the window, as many as fit (shrunk only when not even one does);
// fit: as large as possible; 1:1. Only what the guest changed is drawn again.
#include <string.h>
#include <time.h>
#include "ui/input.h"
#include "ui/internal.h"

static struct rect place_of(const struct ui *ui)
{
    int w = (int)ui->picture_width, h = (int)ui->picture_height;
    struct rect c = ui->content;
    if (!w || !h || c.w <= 0 || c.h <= 0)
        return (struct rect){ c.x, c.y, 0, 0 };
    int zoom = c.w / w < c.h / h ? c.w / w : c.h / h, pw, ph;
    if (ui->scaling == SCALING_WHOLE && ui->zoom)
        zoom = ui->zoom;
    if (ui->scaling == SCALING_1_1)
        zoom = 1;
    if (ui->scaling == SCALING_FIT || !zoom) {
        bool wide = (int64_t)c.w * h < (int64_t)c.h * w;
        pw = wide ? c.w : (int)((int64_t)w * c.h / h);
        ph = wide ? (int)((int64_t)h * c.w / w) : c.h;
    } else {
        pw = w * zoom;
        ph = h * zoom;
    }
    pw = pw < 1 ? 1 : pw;
    ph = ph < 1 ? 1 : ph;
    return (struct rect){ c.x + (c.w - pw) / 2, c.y + (c.h - ph) / 2, pw, ph };
}

static uint32_t mix(uint32_t a, uint32_t b, unsigned part) // part of 256 of b
{
    uint32_t rb = ((a & 0xff00ff) * (256 - part) + (b & 0xff00ff) * part) >> 8 & 0xff00ff;
    uint32_t g = ((a & 0x00ff00) * (256 - part) + (b & 0x00ff00) * part) >> 8 & 0x00ff00;
    return rb | g;
}

// Each of these puts row y of the window's part [x, x + w) from the picture.

static void draw_whole(struct ui *ui, struct rect p, int x, int w, int y, uint32_t *out)
{
    unsigned pw = ui->picture_width, zoom = (unsigned)p.w / pw, from = (unsigned)(x - p.x) / zoom, of = (unsigned)(x - p.x) % zoom;
    const uint32_t *row = ui->picture + (size_t)((unsigned)(y - p.y) / ((unsigned)p.h / ui->picture_height)) * pw;
    if (zoom == 1) {
        memcpy(out + x, row + from, (size_t)w * sizeof *out);
        return;
    }
    for (int i = x; i < x + w; i++) {
        out[i] = row[from];
        of = of + 1 < zoom ? of + 1 : 0;
        from += !of;
    }
}

// Larger: between the middles of pixels, in 1/256.
static void draw_larger(struct ui *ui, struct rect p, int x, int w, int y, uint32_t *out)
{
    unsigned pw = ui->picture_width, ph = ui->picture_height;
    int64_t fy = (((int64_t)(y - p.y) * 2 + 1) * ph * 256 / p.h - 256) / 2;
    fy = fy < 0 ? 0 : fy;
    unsigned y0 = (unsigned)(fy >> 8), y1 = y0 + 1 < ph ? y0 + 1 : y0, part_y = fy & 255;
    for (int i = x; i < x + w; i++) {
        int64_t fx = (((int64_t)(i - p.x) * 2 + 1) * pw * 256 / p.w - 256) / 2;
        fx = fx < 0 ? 0 : fx;
        unsigned x0 = (unsigned)(fx >> 8), x1 = x0 + 1 < pw ? x0 + 1 : x0, part_x = fx & 255;
        const uint32_t *a = ui->picture + (size_t)y0 * pw, *b = ui->picture + (size_t)y1 * pw;
        out[i] = mix(mix(a[x0], a[x1], part_x), mix(b[x0], b[x1], part_x), part_y) & 0xffffff;
    }
}

// What of [from, to), in 1/256, lies in pixel i.
static uint64_t share(uint64_t from, uint64_t to, uint64_t i)
{
    uint64_t a = i << 8 > from ? i << 8 : from, b = (i + 1) << 8 < to ? (i + 1) << 8 : to;
    return b - a;
}

// Smaller: the mean of all that a pixel stands for, so that no line of the guest's is lost.
static void draw_smaller(struct ui *ui, struct rect p, int x, int w, int y, uint32_t *out)
{
    uint64_t pw = ui->picture_width, ph = ui->picture_height, row = (uint64_t)(y - p.y);
    uint64_t top = row * ph * 256 / (uint64_t)p.h, bottom = (row + 1) * ph * 256 / (uint64_t)p.h;
    for (int i = x; i < x + w; i++) {
        uint64_t column = (uint64_t)(i - p.x), left = column * pw * 256 / (uint64_t)p.w, right = (column + 1) * pw * 256 / (uint64_t)p.w;
        uint64_t red = 0, green = 0, blue = 0, all = (bottom - top) * (right - left);
        for (uint64_t sy = top >> 8; sy << 8 < bottom; sy++) {
            for (uint64_t sx = left >> 8; sx << 8 < right; sx++) {
                uint64_t part = share(top, bottom, sy) * share(left, right, sx);
                uint32_t pixel = ui->picture[sy * pw + sx];
                red += (pixel >> 16 & 255) * part;
                green += (pixel >> 8 & 255) * part;
                blue += (pixel & 255) * part;
            }
        }
        out[i] = (uint32_t)((red / all) << 16 | (green / all) << 8 | blue / all);
    }
}

static void draw_part(struct ui *ui, struct rect part)
{
    struct rect p = ui->picture_place;
    part = rect_cut(rect_cut(part, p), ui->content);
    if (part.w <= 0 || part.h <= 0)
        return;
    unsigned pw = ui->picture_width, ph = ui->picture_height;
    bool whole = (unsigned)p.w % pw == 0 && (unsigned)p.h % ph == 0, smaller = (unsigned)p.w < pw || (unsigned)p.h < ph;
    for (int y = part.y; y < part.y + part.h; y++) {
        uint32_t *out = ui->canvas.pixels + (size_t)y * (size_t)ui->canvas.width;
        (whole ? draw_whole : smaller ? draw_smaller : draw_larger)(ui, p, part.x, part.w, y, out);
    }
    canvas_dirty(&ui->canvas, part);
}

void screen_tab_take(struct ui *ui)
{
    unsigned w = ui->picture_width, h = ui->picture_height;
    struct screen_rect c;
    pthread_mutex_lock(&ui->lock);
    struct screen *screen = ui->screen;
    pthread_mutex_unlock(&ui->lock);
    if (!screen || !screen_take(screen, &ui->picture, &ui->picture_width, &ui->picture_height, &c))
        return;
    if (w != ui->picture_width || h != ui->picture_height) {
        ui->draw_all = true;
        window_grow(ui, (int)ui->picture_width, (int)ui->picture_height);
        return;
    }
    if (ui->draw_all || tabs_current(ui)->kind != TAB_SCREEN || !w || !h || ui->asking_quit) {
        ui->draw_all |= ui->asking_quit;
        return;
    }
    struct rect p = ui->picture_place;
    int x0 = p.x + (int)((int64_t)c.x * p.w / w) - 1, y0 = p.y + (int)((int64_t)c.y * p.h / h) - 1;
    int x1 = p.x + (int)((int64_t)(c.x + c.width) * p.w / w) + 2, y1 = p.y + (int)((int64_t)(c.y + c.height) * p.h / h) + 2;
    draw_part(ui, (struct rect){ x0, y0, x1 - x0, y1 - y0 });
}

static void draw_notes(struct ui *ui, const char *const *lines, int count)
{
    const struct font *f = &ui->font;
    int y = ui->content.y + (ui->content.h - count * f->height * 3 / 2) / 2;
    for (int i = 0; i < count; i++, y += f->height * 3 / 2)
        draw_text(&ui->canvas, f, ui->content, ui->content.x + (ui->content.w - text_width(f, lines[i])) / 2, y, lines[i], i ? COLOUR_DIM : COLOUR_TEXT);
}

void screen_tab_draw(struct ui *ui)
{
    ui->picture_place = place_of(ui);
    draw_fill(&ui->canvas, ui->content, ui->picture_width ? 0 : COLOUR_BACK);
    if (!ui->picture_width) {
        static const char *const lines[] = { "The guest has drawn nothing yet.", "Ctrl-Alt-2 to Ctrl-Alt-9 and the tabs above lead to monitor, serial ports and memory." };
        draw_notes(ui, lines, 2);
        return;
    }
    draw_part(ui, ui->picture_place);
}

void screen_tab_key(struct ui *ui, const struct key *key)
{
    if (!ui->input)
        return;
    input_key(ui->input, key->code, key->down);
    ui_refresh_soon(ui);
}

void screen_tab_pointer(struct ui *ui, const struct pointer *p)
{
    if (!ui->grabbed) {
        if (p->pressed & INPUT_LEFT && ui->picture_width && ui->input)
            window_grab(ui, true);
        return;
    }
    if (ui->input && (p->dx || p->dy || p->wheel || p->pressed || p->released))
        input_pointer(ui->input, p->dx, p->dy, p->wheel, p->buttons);
}

void screen_tab_scale(struct ui *ui, int step)
{
    int now = ui->picture_width ? ui->picture_place.w / (int)ui->picture_width : 1;
    ui->scaling = SCALING_WHOLE;
    ui->zoom = step ? now + step : 0;
    if (step && ui->zoom < 1)
        ui->zoom = 1;
    if (ui->zoom > 8)
        ui->zoom = 8;
    ui->draw_all = true;
}

void screen_tab_shot(struct ui *ui)
{
    char name[64], command[128];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(name, sizeof name, "ramjet-%Y%m%d-%H%M%S.png", &tm);
    snprintf(command, sizeof command, "screendump %s -f png", name);
    ui_command(ui, command);
    ui_say(ui, false, "saved as %s", name);
}
