// SPDX-License-Identifier: MIT
//
// The guest's physical memory: a map of what lies at which address, the slots for DIMMs, and buttons that plug and eject. A button
// runs a line of the monitor, which is shown.
#include <stdlib.h>
#include <string.h>
#include "ui/internal.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

void ui_size_text(char *out, size_t room, uint64_t bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    unsigned u = 0;
    while (u < 4 && bytes >= 1024 && (bytes % 1024 == 0 || bytes >= 10240 * 1024ull)) {
        bytes /= 1024;
        u++;
    }
    if (u == 1 && bytes >= 1024) { // the rest of a mebibyte does not matter
        bytes /= 1024;
        u++;
    }
    if (u == 2 && bytes >= 1024 && bytes % 256 == 0) // 2.5, 2.25
        snprintf(out, room, "%llu.%llu GiB", (unsigned long long)(bytes / 1024), (unsigned long long)(bytes % 512 ? bytes % 1024 * 100 / 1024 : bytes % 1024 * 10 / 1024));
    else
        snprintf(out, room, "%llu %s", (unsigned long long)bytes, units[u]);
}

static const struct { const char *name; uint32_t colour; } kinds[] = {
    [UI_RAM] = { "boot RAM", 0x3f7fbf }, [UI_DIMM] = { "DIMM", 0x3f9f5f }, [UI_ROM] = { "ROM", 0x8a63b8 }, [UI_DEVICE] = { "device", 0xb07a3a },
};
#define HOLE_COLOUR 0x20262c

// ---- the map: widths grow with the logarithm of the size, so that a page can be seen next to a gigabyte

static int weight(uint64_t size)
{
    int bits = 0;
    while (size >> 12 >> bits)
        bits++;
    return 4 + bits * bits / 3;
}

struct piece { uint64_t start, size; int region; }; // region -1: a hole

static unsigned pieces(const struct ui_facts *f, struct piece *out)
{
    unsigned n = 0;
    uint64_t at = 0;
    for (unsigned i = 0; i < f->region_count; i++) {
        const struct ui_region *r = &f->regions[i];
        if (r->start > at)
            out[n++] = (struct piece){ at, r->start - at, -1 };
        out[n++] = (struct piece){ r->start, r->size, (int)i };
        at = r->start + r->size;
    }
    return n;
}

static void describe_region(struct ui *ui, const struct piece *p, char *out, size_t room)
{
    char size[32];
    ui_size_text(size, sizeof size, p->size);
    if (p->region < 0)
        snprintf(out, room, "hole: nothing at 0x%llx-0x%llx, %s", (unsigned long long)p->start, (unsigned long long)(p->start + p->size - 1), size);
    else
        snprintf(out, room, "%s \"%s\": 0x%llx-0x%llx, %s", kinds[ui->facts.regions[p->region].kind].name, ui->facts.regions[p->region].name,
                 (unsigned long long)p->start, (unsigned long long)(p->start + p->size - 1), size);
}

static struct rect map_rect(const struct ui *ui)
{
    int u = ui->unit, h = ui->font.height;
    return (struct rect){ ui->content.x + 12 * u, ui->content.y + 8 * u + h * 3 / 2, ui->content.w - 24 * u, h * 5 / 2 };
}

static void draw_map(struct ui *ui)
{
    const struct font *f = &ui->font;
    struct piece all[UI_REGIONS * 2 + 1];
    unsigned count = pieces(&ui->facts, all);
    struct rect m = map_rect(ui);
    char text[256];
    int total = 0, sum = 0, x = m.x;
    draw_text(&ui->canvas, f, ui->content, m.x, ui->content.y + 6 * ui->unit, "Guest physical memory", COLOUR_TEXT);
    for (unsigned i = 0; i < count; i++)
        total += weight(all[i].size);
    for (unsigned i = 0; i < count; i++) {
        sum += weight(all[i].size);
        int end = m.x + (int)((int64_t)m.w * sum / total);
        struct rect r = { x, m.y, end - x, m.h };
        uint32_t colour = all[i].region < 0 ? HOLE_COLOUR : kinds[ui->facts.regions[all[i].region].kind].colour;
        ui->map_places[i] = r;
        draw_fill(&ui->canvas, r, colour);
        draw_fill(&ui->canvas, (struct rect){ r.x, r.y, ui->unit, r.h }, COLOUR_BACK);
        if (ui->map_at == (int)i)
            draw_frame(&ui->canvas, r, 2 * ui->unit, 0xffffff);
        ui_size_text(text, sizeof text, all[i].size);
        if (all[i].region >= 0 && text_width(f, text) + 4 * ui->unit <= r.w)
            draw_text(&ui->canvas, f, r, r.x + (r.w - text_width(f, text)) / 2, r.y + (r.h - f->height) / 2, text, 0xffffff);
        x = end;
    }
    ui->map_count = count;
    int y = m.y + m.h + 5 * ui->unit; // the piece under the pointer, or what the colours mean
    if (ui->map_at >= 0 && (unsigned)ui->map_at < count) {
        describe_region(ui, &all[ui->map_at], text, sizeof text);
        draw_text(&ui->canvas, f, ui->content, m.x, y, text, COLOUR_TEXT);
        return;
    }
    x = m.x;
    for (unsigned i = 0; i <= 4; i++) {
        struct rect box = { x, y + f->height / 4, f->height / 2, f->height / 2 };
        draw_fill(&ui->canvas, box, i < 4 ? kinds[i].colour : HOLE_COLOUR);
        draw_frame(&ui->canvas, box, ui->unit, COLOUR_LINE);
        x = draw_text(&ui->canvas, f, ui->content, x + f->height * 3 / 4, y, i < 4 ? kinds[i].name : "hole", COLOUR_DIM) + f->width * 2;
    }
}

// ---- slots

static const uint64_t sizes[] = { 128 * MIB, 256 * MIB, 512 * MIB, GIB, 2 * GIB, 4 * GIB, 8 * GIB };

#define GAP(ui) (2 * (ui)->unit) // between rows

static bool slot_free(const struct ui_facts *f)
{
    unsigned used = 0;
    for (unsigned i = 0; i < f->dimm_count; i++)
        used += f->dimms[i].slot >= 0;
    return used < f->slots;
}

static struct rect list_rect(const struct ui *ui)
{
    struct rect m = map_rect(ui);
    int top = m.y + m.h + ui->font.height * 4 + 26 * ui->unit;
    return (struct rect){ m.x, top, m.w, ui->content.y + ui->content.h - top - 4 * ui->unit };
}

static const struct ui_dimm *dimm_in(const struct ui *ui, unsigned slot)
{
    for (unsigned i = 0; i < ui->facts.dimm_count; i++)
        if (ui->facts.dimms[i].slot == (int)slot)
            return &ui->facts.dimms[i];
    return NULL;
}

// What a row says, between the slot's number and the button.
static struct rect words_rect(const struct ui *ui, struct rect row)
{
    int left = 8 * ui->unit + 9 * ui->font.width, right = button_width(ui, "Eject") + 12 * ui->unit;
    return (struct rect){ row.x + left, row.y, row.w - left - right, row.h };
}

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

// An empty slot has one line; a DIMM two, and as many as its reason needs.
static int row_height(const struct ui *ui, unsigned slot)
{
    const struct ui_dimm *d = dimm_in(ui, slot);
    int lines = d ? 2 : 1, characters = words_rect(ui, list_rect(ui)).w / ui->font.width;
    size_t length;
    for (const char *line = d ? d->reason : ""; *line; line += length + (line[length] == ' ')) {
        length = line_length(line, characters);
        lines++;
    }
    return lines * ui->font.height + 8 * ui->unit + GAP(ui);
}

// How far down the list can be scrolled: the last slot is at the bottom then.
static int last_scroll(const struct ui *ui, int height)
{
    int first = (int)ui->facts.slots;
    while (first > 0 && (height -= row_height(ui, (unsigned)first - 1)) >= 0)
        first--;
    return first < (int)ui->facts.slots ? first : first ? first - 1 : 0;
}

void memory_tab_layout(struct ui *ui)
{
    struct rect list = list_rect(ui);
    int x = list.x, h = ui->font.height + 8 * ui->unit, y = list.y - h - 8 * ui->unit;
    x += text_width(&ui->font, "Plug a DIMM: ");
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char label[32], id[32];
        ui_size_text(label, sizeof label, sizes[i]);
        int w = button_width(ui, label);
        if (x + w > list.x + list.w || y + h > ui->content.y + ui->content.h || (sizes[i] > ui->facts.pluggable && sizes[i] > GIB))
            break;
        snprintf(id, sizeof id, "plug-%lluM", (unsigned long long)(sizes[i] / MIB));
        button_add(ui, (struct rect){ x, y, w, h }, sizes[i] > ui->facts.pluggable || !slot_free(&ui->facts), 0, id, label);
        x += w + 4 * ui->unit;
    }
    int most = last_scroll(ui, list.h);
    ui->memory_scroll = ui->memory_scroll > most ? most : ui->memory_scroll < 0 ? 0 : ui->memory_scroll;
    int row;
    for (unsigned slot = (unsigned)ui->memory_scroll; slot < ui->facts.slots && list.h > 0; slot++, list.y += row, list.h -= row) {
        const struct ui_dimm *d = dimm_in(ui, slot);
        int w = button_width(ui, "Eject"), button = ui->font.height + 4 * ui->unit;
        char id[80];
        row = row_height(ui, slot);
        if (!d || !*d->id || row > list.h)
            continue;
        snprintf(id, sizeof id, "eject-%s", d->id);
        button_add(ui, (struct rect){ list.x + list.w - w - 6 * ui->unit, list.y + (row - GAP(ui) - button) / 2, w, button }, d->leaving, 0, id, "Eject");
    }
}

static uint32_t state_colour(const struct ui_dimm *d)
{
    return d->leaving || *d->reason ? COLOUR_WARN : kinds[UI_DIMM].colour;
}

static void draw_slot(struct ui *ui, struct rect r, unsigned slot)
{
    const struct font *f = &ui->font;
    const struct ui_dimm *d = dimm_in(ui, slot);
    char text[256], size[32];
    int y = r.y + 3 * ui->unit, x;
    draw_fill(&ui->canvas, r, !d ? HOLE_COLOUR : *d->reason ? 0x332d1d : 0x1d3327);
    draw_fill(&ui->canvas, (struct rect){ r.x, r.y, 3 * ui->unit, r.h }, d ? state_colour(d) : COLOUR_LINE);
    snprintf(text, sizeof text, "slot %-3u", slot);
    draw_text(&ui->canvas, f, r, r.x + 8 * ui->unit, y, text, COLOUR_DIM);
    struct rect words = words_rect(ui, r);
    if (!d) {
        draw_text(&ui->canvas, f, r, words.x, y, "empty", 0x6f7b87);
        return;
    }
    ui_size_text(size, sizeof size, d->size);
    snprintf(text, sizeof text, "%-9s", size);
    x = draw_text(&ui->canvas, f, words, words.x, y, text, 0xffffff);
    snprintf(text, sizeof text, "%s at 0x%llx, backend %s, node %u", *d->id ? d->id : "(no name)", (unsigned long long)d->addr, d->backend, d->node);
    draw_text(&ui->canvas, f, words, x + f->width, y, text, COLOUR_TEXT);
    y += f->height + ui->unit; // what the guest makes of it, and why
    draw_text(&ui->canvas, f, words, words.x, y, d->state, d->leaving || *d->reason ? COLOUR_WARN : COLOUR_DIM);
    size_t length;
    for (const char *line = d->reason; *line; line += length + (line[length] == ' ')) {
        y += f->height;
        length = line_length(line, words.w / f->width);
        snprintf(text, sizeof text, "%.*s", (int)length, line);
        draw_text(&ui->canvas, f, words, words.x, y, text, COLOUR_DIM);
    }
}

void memory_tab_draw(struct ui *ui)
{
    const struct font *f = &ui->font;
    const struct ui_facts *facts = &ui->facts;
    struct rect list = list_rect(ui);
    char text[200], ram[32], plugged[32], more[32];
    ui->canvas.clip = ui->content; // in a small window not all of it is there
    draw_fill(&ui->canvas, ui->content, COLOUR_BACK);
    draw_map(ui);
    ui_size_text(ram, sizeof ram, facts->ram_size);
    ui_size_text(plugged, sizeof plugged, facts->plugged);
    ui_size_text(more, sizeof more, facts->pluggable);
    snprintf(text, sizeof text, "boot RAM %s, plugged %s, room for %s more; %u slots", ram, plugged, more, facts->slots);
    int y = list.y - 3 * f->height - 14 * ui->unit;
    draw_text(&ui->canvas, f, ui->content, list.x, y + f->height / 2, text, COLOUR_TEXT);
    if (!facts->slots) {
        draw_text(&ui->canvas, f, ui->content, list.x, list.y, "No slots: start with -m 1G,slots=3,maxmem=4G to plug memory.", COLOUR_DIM);
    } else {
        draw_text(&ui->canvas, f, ui->content, list.x, list.y - f->height - 12 * ui->unit, "Plug a DIMM:", COLOUR_DIM);
    }
    int row;
    for (unsigned slot = (unsigned)ui->memory_scroll; slot < facts->slots && (row = row_height(ui, slot)) <= list.h; slot++) {
        draw_slot(ui, (struct rect){ list.x, list.y, list.w, row - GAP(ui) }, slot);
        list.y += row;
        list.h -= row;
    }
    for (unsigned i = 0; i < ui->button_count; i++)
        if (ui->buttons[i].place.y < ui->status_bar.y)
            button_draw(ui, &ui->buttons[i]);
    ui->canvas.clip = (struct rect){ 0 };
}

void memory_tab_pointer(struct ui *ui, const struct pointer *p)
{
    int at = -1;
    for (unsigned i = 0; i < ui->map_count; i++)
        if (rect_has(ui->map_places[i], p->x, p->y))
            at = (int)i;
    if (at != ui->map_at) {
        ui->map_at = at;
        ui->draw_content = true;
    }
    if (p->wheel) {
        ui->memory_scroll -= p->wheel;
        ui->draw_content = true;
    }
}

bool memory_tab_press(struct ui *ui, const char *id)
{
    char line[128];
    if (!strncmp(id, "plug-", 5))
        snprintf(line, sizeof line, "memory +%s", id + 5);
    else if (!strncmp(id, "eject-", 6))
        snprintf(line, sizeof line, "memory -%s", id + 6);
    else
        return false;
    ui_command(ui, line);
    ui_say(ui, false, "(qemu) %s", line);
    return true;
}
