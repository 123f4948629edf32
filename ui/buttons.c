// SPDX-License-Identifier: MIT
//
// Buttons: made anew with each layout, known by their id; pressed with the mouse, or with Tab and Enter.
#include <string.h>
#include "ui/internal.h"

int button_width(const struct ui *ui, const char *label)
{
    return text_width(&ui->font, label) + 12 * ui->unit;
}

void button_add(struct ui *ui, struct rect place, bool disabled, uint32_t colour, const char *id, const char *label)
{
    struct rect clip = rect_cut(place, ui->button_clip);
    if (ui->button_count == BUTTONS_MAX || clip.w <= 0 || clip.h <= 0)
        return;
    struct button *b = &ui->buttons[ui->button_count++];
    *b = (struct button){ .place = place, .clip = clip, .disabled = disabled, .colour = colour };
    snprintf(b->id, sizeof b->id, "%s", id);
    snprintf(b->label, sizeof b->label, "%s", label);
}

static void draw(struct ui *ui, const struct button *b)
{
    bool hover = !b->disabled && rect_has(b->clip, ui->pointer_x, ui->pointer_y), focus = !b->disabled && !strcmp(b->id, ui->focus);
    uint32_t back = hover ? COLOUR_LINE : COLOUR_BUTTON, text = b->disabled ? COLOUR_OFF : b->colour ? b->colour : COLOUR_TEXT;
    int x = b->place.x + (b->place.w - text_width(&ui->font, b->label)) / 2, y = b->place.y + (b->place.h - ui->font.height) / 2;
    struct rect before = ui->canvas.clip;
    ui->canvas.clip = b->clip;
    draw_fill(&ui->canvas, b->place, b->disabled ? COLOUR_BAR : back);
    draw_frame(&ui->canvas, b->place, focus ? 2 * ui->unit : ui->unit, focus ? COLOUR_ACCENT : b->disabled ? COLOUR_BUTTON : COLOUR_LINE);
    draw_text(&ui->canvas, &ui->font, b->place, x, y, b->label, text);
    ui->canvas.clip = before;
}

void buttons_draw(struct ui *ui, struct rect part)
{
    for (unsigned i = 0; i < ui->button_count; i++)
        if (rect_has(part, ui->buttons[i].clip.x, ui->buttons[i].clip.y))
            draw(ui, &ui->buttons[i]);
}

const struct button *button_at(const struct ui *ui, int x, int y)
{
    for (unsigned i = 0; i < ui->button_count; i++)
        if (rect_has(ui->buttons[i].clip, x, y))
            return &ui->buttons[i];
    return NULL;
}

void buttons_hover(struct ui *ui, int x, int y)
{
    const struct button *before = button_at(ui, ui->pointer_x, ui->pointer_y), *now = button_at(ui, x, y);
    ui->pointer_x = x;
    ui->pointer_y = y;
    if (before && before != now)
        draw(ui, before);
    if (now && before != now)
        draw(ui, now);
}

// ---- keyboard

static int focused(const struct ui *ui)
{
    for (unsigned i = 0; i < ui->button_count; i++)
        if (!strcmp(ui->buttons[i].id, ui->focus) && !ui->buttons[i].disabled)
            return (int)i;
    return -1;
}

// Of the tab itself; those of the status bar come after all of them.
static int first_button(const struct ui *ui)
{
    int i = 0;
    while (i < (int)ui->button_count && ui->buttons[i].clip.y >= ui->status_bar.y)
        i++;
    return i;
}

static void move_focus(struct ui *ui, int step)
{
    int count = (int)ui->button_count, at = focused(ui);
    at = at >= 0 ? at : step < 0 ? first_button(ui) : first_button(ui) - 1;
    for (int i = 0; i < count; i++) {
        at = (at + step + count) % count;
        if (!ui->buttons[at].disabled)
            break;
    }
    if (!count || ui->buttons[at].disabled)
        return;
    memcpy(ui->focus, ui->buttons[at].id, sizeof ui->focus);
    ui->draw_bars = ui->draw_content = true;
}

bool buttons_key(struct ui *ui, const struct key *key)
{
    int at = focused(ui);
    if (!key->down || key->mods & (MOD_CTRL | MOD_ALT))
        return false;
    if (key->code == K_TAB || key->code == K_LEFT || key->code == K_RIGHT) {
        move_focus(ui, key->code == K_LEFT || (key->code == K_TAB && key->mods & MOD_SHIFT) ? -1 : 1);
        return true;
    }
    if (at < 0 || key->repeat || (key->code != K_ENTER && key->code != K_KPENTER && key->code != K_SPACE))
        return false;
    char id[sizeof ui->focus];
    memcpy(id, ui->buttons[at].id, sizeof id);
    button_press(ui, id);
    return true;
}

// ---- what they do

static void next_scaling(struct ui *ui)
{
    ui->scaling = (ui->scaling + 1) % 3;
    ui->zoom = 0;
    ui->draw_all = true;
}

void button_press(struct ui *ui, const char *id)
{
    ui->message[0] = 0;
    ui->draw_bars = true;
    if (!strcmp(id, "quit-yes")) {
        ui_command(ui, "quit");
    } else if (!strcmp(id, "quit-no")) {
        ui->asking_quit = false;
        ui->draw_all = true;
    } else if (!strcmp(id, "pause")) {
        ui_command(ui, ui->facts.state == UI_RUNNING ? "stop" : "cont");
    } else if (!strcmp(id, "reset")) {
        ui_command(ui, "system_reset");
        ui_say(ui, false, "reset");
    } else if (!strcmp(id, "power")) {
        ui_command(ui, "system_powerdown");
        ui_say(ui, false, "power button pressed: the guest decides");
    } else if (!strcmp(id, "screenshot")) {
        screen_tab_shot(ui);
    } else if (!strcmp(id, "scaling")) {
        next_scaling(ui);
    } else {
        memory_tab_press(ui, id);
    }
}
