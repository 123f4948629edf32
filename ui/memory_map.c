// SPDX-License-Identifier: MIT
//
// What lies at which guest physical address: as a picture, and as a list that says it all.
#include <string.h>
#include "ui/internal.h"
#include "util/format.h"

static const struct { const char *name; uint32_t colour; } kinds[] = { // dark enough for white text
    [UI_RAM] = { "boot RAM", 0x336fa8 }, [UI_DIMM] = { "DIMM", 0x2f7d48 }, [UI_ROM] = { "ROM", 0x7d57aa }, [UI_DEVICE] = { "device", 0x8f5f28 },
};

uint32_t region_colour(enum ui_region_kind kind) { return kinds[kind].colour; }

// Widths grow with the logarithm of the size, so that a page can be seen next to a gigabyte.
static int weight(uint64_t size)
{
    int bits = 0;
    while (size >> 12 >> bits)
        bits++;
    return 4 + bits * bits / 3;
}

struct piece { uint64_t start, size; const struct ui_region *region; }; // region NULL: a hole

static unsigned pieces(const struct ui_facts *f, struct piece *out)
{
    unsigned n = 0;
    uint64_t at = 0;
    for (unsigned i = 0; i < f->region_count; i++) {
        const struct ui_region *r = &f->regions[i];
        if (r->start > at)
            out[n++] = (struct piece){ at, r->start - at, NULL };
        out[n++] = (struct piece){ r->start, r->size, r };
        at = r->start + r->size;
    }
    return n;
}

static void describe(const struct piece *p, char *out, size_t room)
{
    struct size_text size = size_text(p->size);
    unsigned long long first = p->start, last = p->start + p->size - 1;
    if (p->region)
        snprintf(out, room, "0x%09llx-0x%09llx  %-11s  %-8s  %s", first, last, size.text, kinds[p->region->kind].name, p->region->name);
    else
        snprintf(out, room, "0x%09llx-0x%09llx  %-11s  hole", first, last, size.text);
}

static uint32_t colour_of(const struct piece *p) { return p->region ? kinds[p->region->kind].colour : COLOUR_HOLE; }

static void draw_piece(struct ui *ui, const struct piece *p, struct rect r, bool chosen)
{
    const struct font *f = &ui->font;
    struct size_text size = size_text(p->size);
    draw_fill(&ui->canvas, r, colour_of(p));
    if (r.w > 3 * ui->unit) // else there would be nothing but lines
        draw_fill(&ui->canvas, (struct rect){ r.x, r.y, ui->unit, r.h }, COLOUR_BACK);
    if (chosen)
        draw_frame(&ui->canvas, r, 2 * ui->unit, 0xffffff);
    if (p->region && text_width(f, size.text) + 4 * ui->unit <= r.w)
        draw_text(&ui->canvas, f, r, r.x + (r.w - text_width(f, size.text)) / 2, r.y + (r.h - f->height) / 2, size.text, 0xffffff);
}

// What the colours mean; what has no room is left out.
static void draw_legend(struct ui *ui, int x, int y, int end)
{
    const struct font *f = &ui->font;
    for (unsigned i = 0; i <= 4; i++) {
        const char *name = i < 4 ? kinds[i].name : "hole";
        struct rect box = { x, y + f->height / 4, f->height / 2, f->height / 2 };
        if (x + f->height * 3 / 4 + text_width(f, name) > end)
            return;
        draw_fill(&ui->canvas, box, i < 4 ? kinds[i].colour : COLOUR_HOLE);
        draw_frame(&ui->canvas, box, ui->unit, COLOUR_LINE);
        x = draw_text(&ui->canvas, f, ui->content, x + f->height * 3 / 4, y, name, COLOUR_DIM) + f->width * 2;
    }
}

void memory_map_draw(struct ui *ui, struct rect m)
{
    struct piece all[MAP_PIECES];
    unsigned count = pieces(&ui->facts, all);
    int total = 0, sum = 0, x = m.x, y = m.y + m.h + 5 * ui->unit;
    char text[256];
    for (unsigned i = 0; i < count; i++)
        total += weight(all[i].size);
    for (unsigned i = 0; i < count; i++) {
        sum += weight(all[i].size);
        int end = m.x + (int)((int64_t)m.w * sum / total);
        ui->map_places[i] = (struct rect){ x, m.y, end - x, m.h };
        draw_piece(ui, &all[i], ui->map_places[i], ui->map_at == (int)i);
        x = end;
    }
    ui->map_count = count;
    if (ui->map_at < 0 || (unsigned)ui->map_at >= count) {
        draw_legend(ui, m.x, y, m.x + m.w);
        return;
    }
    describe(&all[ui->map_at], text, sizeof text);
    draw_text(&ui->canvas, &ui->font, (struct rect){ m.x, y, m.w, ui->font.height }, m.x, y, text, COLOUR_TEXT);
}

int memory_list_height(const struct ui *ui)
{
    struct piece all[MAP_PIECES];
    return (int)(pieces(&ui->facts, all) + 1) * ui->font.height + 4 * ui->unit;
}

void memory_list_draw(struct ui *ui, struct rect place)
{
    const struct font *f = &ui->font;
    struct piece all[MAP_PIECES];
    unsigned count = pieces(&ui->facts, all);
    char text[256];
    int y = place.y + f->height + 4 * ui->unit;
    draw_text(&ui->canvas, f, place, place.x, place.y, "What is where (info mtree -f)", COLOUR_TEXT);
    for (unsigned i = 0; i < count; i++, y += f->height) {
        if (y + f->height <= ui->content.y || y >= ui->content.y + ui->content.h)
            continue;
        describe(&all[i], text, sizeof text);
        draw_fill(&ui->canvas, (struct rect){ place.x, y, 3 * ui->unit, f->height }, colour_of(&all[i]));
        draw_text(&ui->canvas, f, place, place.x + 8 * ui->unit, y, text, all[i].region ? COLOUR_TEXT : COLOUR_DIM);
    }
}

void memory_list_print(const struct ui *ui, FILE *out)
{
    struct piece all[MAP_PIECES];
    unsigned count = pieces(&ui->facts, all);
    char text[256];
    for (unsigned i = 0; i < count; i++) {
        describe(&all[i], text, sizeof text);
        fprintf(out, "|%s\n", text);
    }
}
