// SPDX-License-Identifier: MIT
//
// What other threads left for the window: text for consoles, facts, messages, the wish for a description of all it shows.
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ui/internal.h"

#define MESSAGE_MS 8000

static void take_text(struct ui *ui)
{
    for (unsigned i = 0; i < ui->tab_count; i++) {
        struct tab *tab = &ui->tabs[i];
        char *bytes;
        size_t count = tab->console ? console_take(tab->console, &bytes) : 0;
        if (!count)
            continue;
        terminal_write(tab->terminal, bytes, count);
        free(bytes);
        if (i != ui->selected && !tab->unread)
            tab->unread = ui->draw_bars = true;
    }
}

static const struct ui_dimm *find_dimm(const struct ui_facts *facts, const char *id)
{
    for (unsigned i = 0; i < facts->dimm_count; i++)
        if (!strcmp(facts->dimms[i].id, id))
            return &facts->dimms[i];
    return NULL;
}

// What became of DIMMs that the guest was asked to let go of.
static void tell_ejected(struct ui *ui, const struct ui_facts *old)
{
    for (unsigned i = 0; i < old->dimm_count; i++) {
        const struct ui_dimm *before = &old->dimms[i], *now = find_dimm(&ui->facts, before->id);
        if (!before->leaving || (now && now->leaving))
            continue;
        if (now)
            ui_say(ui, true, "%s stays%s%s", now->id, *now->reason ? ": " : "", now->reason);
        else
            ui_say(ui, false, "%s is out", before->id);
    }
}

static void take_facts(struct ui *ui, const struct ui_facts *facts)
{
    struct ui_facts old = ui->facts;
    int64_t now = ui_host_ms();
    uint64_t rate = ui->rate;
    ui->facts = *facts;
    if (now - ui->rate_at >= 900) {
        rate = facts->state == UI_RUNNING && facts->instructions >= ui->rate_count ? (facts->instructions - ui->rate_count) * 1000 / (uint64_t)(now - ui->rate_at) : 0;
        ui->rate_count = facts->instructions;
        ui->rate_at = now;
    }
    if (old.state != facts->state || rate / 100000 != ui->rate / 100000)
        ui->draw_bars = true;
    ui->rate = rate;
    old.instructions = facts->instructions;
    if (memcmp(&old, facts, sizeof old)) {
        tell_ejected(ui, &old);
        ui->draw_content |= tabs_current(ui)->kind == TAB_MEMORY;
        ui->map_at = -1;
    }
}

void ui_dump(struct ui *ui, const char *tab, FILE *out)
{
    static const char *const states[] = { "not-started", "running", "paused", "shut-down", "failed" }, *const scalings[] = { "whole", "fit", "1:1" };
    if (ui->draw_all || ui->draw_bars || ui->draw_content)
        ui_draw(ui);
    fprintf(out, "window %dx%d scale %g full-screen %s focus %s grab %s state %s\n", ui->canvas.width, ui->canvas.height, ui->scale,
            ui->full_screen ? "on" : "off", ui->focused ? "on" : "off", ui->grabbed ? "on" : "off", states[ui->facts.state]);
    unsigned shown = ui->selected;
    for (unsigned i = 0; i < ui->tab_count; i++) {
        const struct tab *t = &ui->tabs[i];
        char number[8];
        snprintf(number, sizeof number, "%u", i + 1);
        fprintf(out, "tab %u \"%s\" %d,%d %dx%d%s%s\n", i + 1, t->title, t->place.x, t->place.y, t->place.w, t->place.h, i == ui->selected ? " selected" : "",
                t->unread ? " unread" : "");
        if (!strcasecmp(tab, t->title) || !strcmp(tab, number))
            shown = i;
    }
    for (unsigned i = 0; i < ui->button_count; i++) {
        const struct button *b = &ui->buttons[i];
        fprintf(out, "button %s \"%s\" %d,%d %dx%d%s\n", b->id, b->label, b->clip.x, b->clip.y, b->clip.w, b->clip.h, b->disabled ? " disabled" : "");
    }
    if (*ui->focus)
        fprintf(out, "focus %s\n", ui->focus);
    if (*ui->message)
        fprintf(out, "message %s\n", ui->message);
    const struct tab *t = &ui->tabs[shown];
    if (t->kind == TAB_SCREEN)
        fprintf(out, "picture %ux%d at %d,%d %dx%d scaling %s\n", ui->picture_width, (int)ui->picture_height, ui->picture_place.x, ui->picture_place.y,
                ui->picture_place.w, ui->picture_place.h, scalings[ui->scaling]);
    else if (t->terminal)
        terminal_print(t->terminal, out);
    else
        memory_tab_print(ui, out);
}

int ui_poll(struct ui *ui)
{
    tabs_update(ui);
    take_text(ui);
    pthread_mutex_lock(&ui->lock);
    struct ui_facts *facts = ui->news;
    ui->news = NULL;
    char said[sizeof ui->message_new];
    memcpy(said, ui->message_new, sizeof said);
    ui->message_new[0] = 0;
    bool wanted = ui->dump_wanted && !ui->dump;
    char tab[sizeof ui->dump_tab];
    memcpy(tab, ui->dump_tab, sizeof tab);
    pthread_mutex_unlock(&ui->lock);
    if (facts)
        take_facts(ui, facts);
    free(facts);
    if (*ui->message && !ui->message_bad && ui_host_ms() - ui->message_at >= MESSAGE_MS) {
        ui->message[0] = 0;
        ui->draw_bars = true;
    }
    if (*said)
        ui_say(ui, !strncmp(said, "Error", 5), "%s", said);
    if (tabs_current(ui)->kind == TAB_SCREEN)
        screen_tab_take(ui);
    if (wanted) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        ui_dump(ui, tab, out);
        fclose(out);
        pthread_mutex_lock(&ui->lock);
        if (ui->dump_wanted)
            ui->dump = text;
        else
            free(text);
        pthread_cond_broadcast(&ui->moved);
        pthread_mutex_unlock(&ui->lock);
    }
    return tabs_current(ui)->terminal && terminal_pull(tabs_current(ui)->terminal) ? 20 : -1;
}
