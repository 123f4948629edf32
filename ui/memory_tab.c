// SPDX-License-Identifier: MIT
//
// The guest's physical memory: the map of memory_map.c, the slots for DIMMs, buttons that plug and eject, and the map as a list; all of
// it scrolls. A button runs a line of the monitor, which is shown.
#include <stdlib.h>
#include <string.h>
#include "ui/internal.h"
#include "util/format.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

// ---- where everything is

static const uint64_t sizes[] = { 128 * MIB, 256 * MIB, 512 * MIB, GIB, 2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB, 32 * GIB };

#define GAP(ui) (2 * (ui)->unit) // between rows

struct parts { struct rect map, summary, plug, slots, list; int height; }; // in the window; height: of all, in sight or not

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

static void summary(const struct ui *ui, char *out, size_t room)
{
    const struct ui_facts *f = &ui->facts;
    struct size_text ram = size_text(f->ram_size), plugged = size_text(f->plugged), more = size_text(f->pluggable);
    if (f->slots)
        snprintf(out, room, "boot RAM %s, plugged %s, room for %s more; %u of %u slots in use", ram.text, f->plugged ? plugged.text : "nothing", f->pluggable ? more.text : "nothing",
                 f->dimm_count, f->slots);
    else
        snprintf(out, room, "boot RAM %s. No slots: start with -m %lluM,slots=3,maxmem=%lluM to plug memory.", ram.text, (unsigned long long)(f->ram_size / MIB),
                 (unsigned long long)(f->ram_size / MIB + 3072));
}

static void dimm_words(const struct ui_dimm *d, char *out, size_t room)
{
    snprintf(out, room, "%-9s %s at 0x%llx, backend %s, node %u", size_text(d->size).text, *d->id ? d->id : "(no name)", (unsigned long long)d->addr, d->backend, d->node);
}

// An empty slot has one line; a DIMM as many as there is to say.
static int row_height(const struct ui *ui, const struct ui_dimm *d, int width)
{
    int lines = 1, characters = words_rect(ui, (struct rect){ .w = width }).w / ui->font.width;
    char text[320];
    if (d) {
        dimm_words(d, text, sizeof text);
        lines = line_count(text, characters) + line_count(d->state, characters) + line_count(d->reason, characters);
    }
    return lines * ui->font.height + 8 * ui->unit + GAP(ui);
}

static struct parts parts_of(const struct ui *ui)
{
    int u = ui->unit, h = ui->font.height, top = ui->content.y - ui->memory_scroll, x = ui->content.x + 12 * u, w = ui->content.w - 24 * u;
    struct parts p;
    char text[200];
    summary(ui, text, sizeof text);
    p.map = (struct rect){ x, top + 8 * u + h * 3 / 2, w, h * 5 / 2 };
    p.summary = (struct rect){ x, p.map.y + p.map.h + 10 * u + h * 3 / 2, w, line_count(text, w / ui->font.width) * h };
    p.plug = (struct rect){ x, p.summary.y + p.summary.h + 6 * u, w, h + 8 * u };
    p.slots = (struct rect){ x, p.plug.y + p.plug.h + 8 * u, w, 0 };
    for (unsigned slot = 0; slot < ui->facts.slots; slot++)
        p.slots.h += row_height(ui, dimm_in(ui, slot), w);
    if (!ui->facts.slots)
        p.slots.y = p.summary.y + p.summary.h;
    p.list = (struct rect){ x, p.slots.y + p.slots.h + h, w, memory_list_height(ui) };
    p.height = p.list.y + p.list.h + 6 * u - top;
    return p;
}

// ---- buttons

static bool slot_free(const struct ui_facts *f)
{
    unsigned used = 0;
    for (unsigned i = 0; i < f->dimm_count; i++)
        used += f->dimms[i].slot >= 0;
    return used < f->slots;
}

static void plug_buttons(struct ui *ui, struct rect row)
{
    const struct ui_facts *f = &ui->facts;
    char label[32], id[32];
    int x = row.x + text_width(&ui->font, "Plug a DIMM: "), end = row.x + row.w;
    if (f->nodes > 1) {
        ui->plug_node %= f->nodes;
        snprintf(label, sizeof label, "to node %u", ui->plug_node);
        int w = button_width(ui, label);
        button_add(ui, (struct rect){ end - w, row.y, w, row.h }, false, 0, "plug-node", label);
        end -= w + 4 * ui->unit;
    }
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(label, sizeof label, "%s", size_text(sizes[i]).text);
        int w = button_width(ui, label);
        if (x + w > end || (sizes[i] > f->largest && sizes[i] > GIB))
            break;
        snprintf(id, sizeof id, "plug-%lluM", (unsigned long long)(sizes[i] / MIB));
        button_add(ui, (struct rect){ x, row.y, w, row.h }, sizes[i] > f->largest || !slot_free(f), 0, id, label);
        x += w + 4 * ui->unit;
    }
}

static void eject_buttons(struct ui *ui, struct rect list)
{
    int y = list.y, w = button_width(ui, "Eject"), h = ui->font.height + 4 * ui->unit;
    for (unsigned slot = 0; slot < ui->facts.slots; slot++) {
        const struct ui_dimm *d = dimm_in(ui, slot);
        int row = row_height(ui, d, list.w);
        char id[80];
        if (d && *d->id) {
            snprintf(id, sizeof id, "eject-%s", d->id);
            button_add(ui, (struct rect){ list.x + list.w - w - 6 * ui->unit, y + (row - GAP(ui) - h) / 2, w, h }, d->leaving, 0, id, "Eject");
        }
        y += row;
    }
}

static void scroll_to(struct ui *ui, int64_t at)
{
    int64_t most = parts_of(ui).height - ui->content.h;
    at = at > most ? most : at;
    at = at < 0 ? 0 : at;
    ui->draw_content |= at != ui->memory_scroll;
    ui->memory_scroll = (int)at;
}

void memory_tab_layout(struct ui *ui)
{
    scroll_to(ui, ui->memory_scroll);
    struct parts p = parts_of(ui);
    struct rect c = ui->content, whole = ui->button_clip;
    ui->memory_bar.place = (struct rect){ c.x + c.w - 8 * ui->unit, c.y, 8 * ui->unit, c.h };
    ui->memory_bar.total = p.height;
    ui->memory_bar.shown = c.h;
    ui->memory_bar.at = ui->memory_scroll;
    ui->memory_bar.unit = ui->unit;
    ui->button_clip = c;
    if (ui->facts.slots)
        plug_buttons(ui, p.plug);
    eject_buttons(ui, p.slots);
    ui->button_clip = whole;
}

// ---- drawing

static void draw_slot(struct ui *ui, struct rect r, unsigned slot, const struct ui_dimm *d)
{
    const struct font *f = &ui->font;
    char text[320];
    bool warn = d && (d->leaving || *d->reason);
    struct rect words = words_rect(ui, r);
    words.y += 3 * ui->unit;
    draw_fill(&ui->canvas, r, !d ? COLOUR_HOLE : *d->reason ? 0x332d1d : 0x1d3327);
    draw_fill(&ui->canvas, (struct rect){ r.x, r.y, 3 * ui->unit, r.h }, !d ? COLOUR_LINE : warn ? COLOUR_WARN : region_colour(UI_DIMM));
    snprintf(text, sizeof text, "slot %-3u", slot);
    draw_text(&ui->canvas, f, r, r.x + 8 * ui->unit, words.y, text, COLOUR_DIM);
    if (!d) {
        draw_text(&ui->canvas, f, r, words.x, words.y, "empty", COLOUR_DIM);
        return;
    }
    dimm_words(d, text, sizeof text);
    words.y = draw_lines(ui, words, text, COLOUR_TEXT) + ui->unit;
    words.y = draw_lines(ui, words, d->state, warn ? COLOUR_WARN : COLOUR_DIM); // what the guest makes of it, and why
    draw_lines(ui, words, d->reason, COLOUR_DIM);
}

static void draw_slots(struct ui *ui, struct rect list)
{
    for (unsigned slot = 0; slot < ui->facts.slots; slot++) {
        const struct ui_dimm *d = dimm_in(ui, slot);
        int row = row_height(ui, d, list.w);
        struct rect r = { list.x, list.y, list.w, row - GAP(ui) };
        if (rect_cut(r, ui->content).h > 0)
            draw_slot(ui, r, slot, d);
        list.y += row;
    }
}

void memory_tab_draw(struct ui *ui)
{
    struct parts p = parts_of(ui);
    char text[200];
    ui->canvas.clip = ui->content; // what is scrolled out is not there
    draw_fill(&ui->canvas, ui->content, COLOUR_BACK);
    draw_text(&ui->canvas, &ui->font, ui->content, p.map.x, p.map.y - ui->font.height * 3 / 2 - 2 * ui->unit, "Guest physical memory", COLOUR_TEXT);
    memory_map_draw(ui, p.map);
    summary(ui, text, sizeof text);
    draw_lines(ui, p.summary, text, COLOUR_TEXT);
    if (ui->facts.slots)
        draw_text(&ui->canvas, &ui->font, ui->content, p.plug.x, p.plug.y + 4 * ui->unit, "Plug a DIMM:", COLOUR_DIM);
    draw_slots(ui, p.slots);
    memory_list_draw(ui, p.list);
    scroll_bar_draw(&ui->memory_bar, &ui->canvas);
    buttons_draw(ui, ui->content);
    ui->canvas.clip = (struct rect){ 0 };
}

// ---- pointer and keys

void memory_tab_pointer(struct ui *ui, const struct pointer *p)
{
    int at = -1;
    if (scroll_bar_pointer(&ui->memory_bar, p, &ui->draw_content)) {
        scroll_to(ui, ui->memory_bar.at);
        return;
    }
    for (unsigned i = 0; i < ui->map_count; i++)
        if (rect_has(rect_cut(ui->map_places[i], ui->content), p->x, p->y))
            at = (int)i;
    ui->draw_content |= at != ui->map_at;
    ui->map_at = at;
    if (p->wheel)
        scroll_to(ui, ui->memory_scroll - (int64_t)p->wheel * 3 * ui->font.height);
}

bool memory_tab_key(struct ui *ui, const struct key *key)
{
    int line = ui->font.height, page = ui->content.h - 2 * line;
    if (!key->down)
        return false;
    switch (key->code) {
    case K_UP: scroll_to(ui, ui->memory_scroll - line); return true;
    case K_DOWN: scroll_to(ui, ui->memory_scroll + line); return true;
    case K_PAGEUP: scroll_to(ui, ui->memory_scroll - page); return true;
    case K_PAGEDOWN: scroll_to(ui, ui->memory_scroll + page); return true;
    case K_HOME: scroll_to(ui, 0); return true;
    case K_END: scroll_to(ui, parts_of(ui).height); return true;
    default: return buttons_key(ui, key);
    }
}

bool memory_tab_press(struct ui *ui, const char *id)
{
    char line[128];
    if (!strcmp(id, "plug-node")) {
        ui->plug_node++;
        ui->draw_content = true;
        return true;
    }
    if (!strncmp(id, "plug-", 5) && ui->facts.nodes > 1)
        snprintf(line, sizeof line, "memory +%s node=%u", id + 5, ui->plug_node);
    else if (!strncmp(id, "plug-", 5))
        snprintf(line, sizeof line, "memory +%s", id + 5);
    else if (!strncmp(id, "eject-", 6))
        snprintf(line, sizeof line, "memory -%s", id + 6);
    else
        return false;
    ui_command(ui, line);
    ui_say(ui, false, "(qemu) %s", line);
    return true;
}

void memory_tab_print(const struct ui *ui, FILE *out)
{
    int64_t most = ui->memory_bar.total - ui->memory_bar.shown;
    fprintf(out, "scroll %d of %d\n", ui->memory_scroll, most > 0 ? (int)most : 0);
    for (unsigned i = 0; i < ui->facts.dimm_count; i++) {
        const struct ui_dimm *d = &ui->facts.dimms[i];
        fprintf(out, "dimm %s slot %d size %llu addr 0x%llx backend %s node %u state %s%s\n", d->id, d->slot, (unsigned long long)d->size, (unsigned long long)d->addr,
                d->backend, d->node, d->state, d->leaving ? " leaving" : "");
    }
    memory_list_print(ui, out);
}
