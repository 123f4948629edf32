// SPDX-License-Identifier: MIT
//
// The status bar: state of the guest, picture, speed, what the keys do; buttons at its right end.
#include <string.h>
#include "ui/internal.h"

// A button has to leave room for the light; without that it is not there.
static int put_right(struct ui *ui, int right, bool disabled, const char *id, const char *label)
{
    int w = button_width(ui, label), pad = 2 * ui->unit;
    if (right - w < 3 * ui->font.width)
        return right;
    button_add(ui, (struct rect){ right - w, ui->status_bar.y + pad, w, ui->status_bar.h - 2 * pad }, disabled, 0, id, label);
    return right - w - 3 * ui->unit;
}

void status_layout(struct ui *ui)
{
    static const char *const scalings[] = { "Scale whole", "Scale to fit", "Scale 1:1" };
    int right = ui->canvas.width - 3 * ui->unit;
    bool ended = ui->facts.state == UI_SHUT_DOWN || ui->facts.state == UI_FAILED, screen = tabs_current(ui)->kind == TAB_SCREEN;
    if (ui->grabbed)
        return; // the pointer cannot reach them, and the key that lets it go must be seen
    int needed = 14 * ui->font.width; // the state and the others
    for (unsigned i = 0; i < 3; i++)
        needed += button_width(ui, "Pause") + 3 * ui->unit;
    if (screen && needed + button_width(ui, "Screenshot") + button_width(ui, scalings[ui->scaling]) < right) {
        right = put_right(ui, right, !ui->picture_width, "screenshot", "Screenshot");
        right = put_right(ui, right, !ui->picture_width, "scaling", scalings[ui->scaling]);
    }
    right = put_right(ui, right, ui->facts.state != UI_RUNNING, "power", "Power");
    right = put_right(ui, right, false, "reset", "Reset");
    put_right(ui, right, ended, "pause", ui->facts.state == UI_RUNNING ? "Pause" : "Run");
}

void status_draw(struct ui *ui)
{
    static const struct { const char *name; uint32_t colour; } states[] = {
        { "not started", COLOUR_WARN }, { "running", COLOUR_GOOD }, { "paused", COLOUR_WARN }, { "shut down", COLOUR_BAD }, { "failed", COLOUR_BAD },
    };
    const struct font *f = &ui->font;
    struct rect bar = ui->status_bar;
    int y = bar.y + (bar.h - f->height) / 2, x = bar.x + f->width, d = 8 * ui->unit;
    char text[128] = "";
    draw_fill(&ui->canvas, bar, COLOUR_BAR);
    for (unsigned i = 0; i < ui->button_count; i++) {
        struct rect place = ui->buttons[i].place;
        if (place.y < bar.y)
            continue;
        button_draw(ui, &ui->buttons[i]);
        if (place.x - f->width < bar.x + bar.w)
            bar.w = place.x - f->width - bar.x;
    }
    if (bar.w > x + d)
        draw_fill(&ui->canvas, (struct rect){ x, bar.y + (bar.h - d) / 2, d, d }, states[ui->facts.state].colour);
    x = draw_text(&ui->canvas, f, bar, x + d + f->width, y, states[ui->facts.state].name, COLOUR_TEXT) + 2 * f->width;
    if (ui->grabbed) { // always to be seen while it lasts
        static const char *const keys[] = { "Ctrl-Alt-G", "Ctrl-Alt-Shift-G", "Right Ctrl-G" };
        snprintf(text, sizeof text, "%s lets the mouse go", keys[ui->options.grab]);
        if (x + text_width(f, text) > bar.x + bar.w) { // the keys alone, instead of the state
            x = bar.x + 3 * f->width;
            draw_fill(&ui->canvas, (struct rect){ x, bar.y, bar.w - x, bar.h }, COLOUR_BAR);
            snprintf(text, sizeof text, "%s", keys[ui->options.grab]);
        }
        draw_text(&ui->canvas, f, bar, x, y, text, COLOUR_WARN);
        return;
    }
    if (*ui->message) {
        draw_text(&ui->canvas, f, bar, x, y, ui->message, ui->message_bad ? COLOUR_BAD : COLOUR_ACCENT);
        return;
    }
    if (tabs_current(ui)->kind == TAB_SCREEN && ui->picture_width)
        snprintf(text, sizeof text, "%ux%u", ui->picture_width, ui->picture_height);
    if (*text)
        x = draw_text(&ui->canvas, f, bar, x, y, text, COLOUR_DIM) + 2 * f->width;
    if (ui->facts.state == UI_RUNNING) {
        snprintf(text, sizeof text, "%llu.%llu MIPS", (unsigned long long)(ui->rate / 1000000), (unsigned long long)(ui->rate / 100000 % 10));
        x = draw_text(&ui->canvas, f, bar, x, y, text, COLOUR_DIM) + 2 * f->width;
    }
    const struct tab *tab = tabs_current(ui);
    static const char *const text_hints[] = { "Ctrl-Shift: C copy, V paste, F find  Shift-PgUp: scroll", "Ctrl-Shift: C copy, V paste, F find", "" };
    static const char *const screen_hints[] = { "Click: take the mouse  Ctrl-Alt-F: full screen", "Ctrl-Alt-F: full screen", "Ctrl-Alt-F full screen", "" };
    static const char *const no_hints[] = { "" };
    const char *const *hint = tab->terminal ? text_hints : tab->kind == TAB_SCREEN && ui->picture_width ? screen_hints : no_hints;
    while (**hint && x + text_width(f, *hint) > bar.x + bar.w) // the longest that there is room for
        hint++;
    draw_text(&ui->canvas, f, bar, x, y, *hint, 0x6f7b87);
}
