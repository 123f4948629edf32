// SPDX-License-Identifier: MIT
//
// The status bar: state of the guest, picture, speed, what the keys do; buttons at its right end. A message that has no room beside them
// gets lines of its own above.
#include <string.h>
#include "ui/internal.h"

static const struct { const char *name; uint32_t colour; } states[] = {
    { "not started", COLOUR_WARN }, { "running", COLOUR_GOOD }, { "paused", COLOUR_WARN }, { "shut down", COLOUR_BAD }, { "failed", COLOUR_BAD },
};

static int bar_height(const struct ui *ui) { return ui->font.height + 10 * ui->unit; }

// The last line of the bar, where buttons and state are.
static struct rect last_line(const struct ui *ui)
{
    int h = bar_height(ui);
    return (struct rect){ ui->status_bar.x, ui->status_bar.y + ui->status_bar.h - h, ui->status_bar.w, h };
}

// ---- layout

// A button has to leave room for the light; without that it is not there.
static int put_right(struct ui *ui, int right, bool disabled, const char *id, const char *label)
{
    struct rect line = last_line(ui);
    int w = button_width(ui, label), pad = 2 * ui->unit;
    if (right - w < 3 * ui->font.width)
        return right;
    button_add(ui, (struct rect){ right - w, line.y + pad, w, line.h - 2 * pad }, disabled, 0, id, label);
    return right - w - 3 * ui->unit;
}

// Returns where they begin.
static int put_buttons(struct ui *ui)
{
    static const char *const scalings[] = { "Scale whole", "Scale to fit", "Scale 1:1" };
    int right = ui->canvas.width - 3 * ui->unit;
    bool ended = ui->facts.state == UI_SHUT_DOWN || ui->facts.state == UI_FAILED, screen = tabs_current(ui)->kind == TAB_SCREEN;
    if (ui->grabbed)
        return right; // the pointer cannot reach them, and the key that lets it go must be seen
    int needed = 14 * ui->font.width; // the state and the others
    for (unsigned i = 0; i < 3; i++)
        needed += button_width(ui, "Pause") + 3 * ui->unit;
    if (screen && needed + button_width(ui, "Screenshot") + button_width(ui, scalings[ui->scaling]) < right) {
        right = put_right(ui, right, !ui->picture_width, "screenshot", "Screenshot");
        right = put_right(ui, right, !ui->picture_width, "scaling", scalings[ui->scaling]);
    }
    right = put_right(ui, right, ui->facts.state != UI_RUNNING, "power", "Power");
    right = put_right(ui, right, false, "reset", "Reset");
    return put_right(ui, right, ended, "pause", ui->facts.state == UI_RUNNING ? "Pause" : "Run");
}

static int state_end(const struct ui *ui)
{
    return ui->font.width * 2 + 8 * ui->unit + text_width(&ui->font, states[ui->facts.state].name);
}

static bool message_beside(const struct ui *ui)
{
    return state_end(ui) + 2 * ui->font.width + text_width(&ui->font, ui->message) <= ui->status_end;
}

static struct rect message_rect(const struct ui *ui)
{
    return (struct rect){ ui->font.width, ui->status_bar.y + 5 * ui->unit, ui->canvas.width - 2 * ui->font.width, ui->status_bar.h - bar_height(ui) };
}

void status_layout(struct ui *ui)
{
    int bar = bar_height(ui), lines;
    ui->status_bar = (struct rect){ 0, ui->canvas.height - bar, ui->canvas.width, bar };
    ui->status_end = put_buttons(ui) - ui->font.width;
    if (!*ui->message || ui->grabbed || message_beside(ui))
        return;
    lines = line_count(ui->message, message_rect(ui).w / ui->font.width);
    ui->status_bar.y -= lines * ui->font.height + 4 * ui->unit;
    ui->status_bar.h += lines * ui->font.height + 4 * ui->unit;
}

// ---- drawing

// A piece of text that is there as a whole or not at all; returns the x after it.
static int put(struct ui *ui, int x, const char *text, uint32_t colour)
{
    struct rect line = last_line(ui);
    if (!*text || x + text_width(&ui->font, text) > ui->status_end)
        return x;
    return draw_text(&ui->canvas, &ui->font, line, x, line.y + (line.h - ui->font.height) / 2, text, colour) + 2 * ui->font.width;
}

static void draw_release(struct ui *ui, int x)
{
    static const char *const keys[] = { "Ctrl-Alt-G", "Ctrl-Alt-Shift-G", "Right Ctrl-G" };
    char text[64];
    struct rect line = last_line(ui);
    snprintf(text, sizeof text, "%s lets the mouse go", keys[ui->options.grab]);
    if (x + text_width(&ui->font, text) > ui->status_end) { // the keys alone, instead of the state
        x = 3 * ui->font.width;
        draw_fill(&ui->canvas, (struct rect){ x, line.y, line.w - x, line.h }, COLOUR_BAR);
        snprintf(text, sizeof text, "%s", keys[ui->options.grab]);
    }
    put(ui, x, text, COLOUR_WARN);
}

// The longest that there is room for.
static const char *hint_for(const struct ui *ui, int x)
{
    static const char *const text_hints[] = { "Ctrl-Shift: C copy, V paste, F find  Shift-PgUp: scroll", "Ctrl-Shift: C copy, V paste, F find", "" };
    static const char *const screen_hints[] = { "Click: take the mouse  Ctrl-Alt-F: full screen", "Ctrl-Alt-F: full screen", "Ctrl-Alt-F full screen", "Click: take mouse", "" };
    static const char *const memory_hints[] = { "Tab, Enter: buttons  PgUp, PgDn: scroll  Ctrl-Alt-1: screen", "Tab, Enter: buttons", "" };
    const struct tab *tab = &ui->tabs[ui->selected];
    const char *const *hint = tab->terminal ? text_hints : tab->kind == TAB_SCREEN ? screen_hints : memory_hints;
    while (**hint && x + text_width(&ui->font, *hint) > ui->status_end)
        hint++;
    return *hint;
}

static void draw_facts(struct ui *ui, int x)
{
    char text[64];
    if (tabs_current(ui)->kind == TAB_SCREEN && ui->picture_width) {
        snprintf(text, sizeof text, "%ux%u", ui->picture_width, ui->picture_height);
        x = put(ui, x, text, COLOUR_DIM);
    }
    if (ui->facts.state == UI_RUNNING) {
        snprintf(text, sizeof text, "%llu.%llu MIPS", (unsigned long long)(ui->rate / 1000000), (unsigned long long)(ui->rate / 100000 % 10));
        x = put(ui, x, text, COLOUR_DIM);
    }
    put(ui, x, hint_for(ui, x), COLOUR_DIM);
}

void status_draw(struct ui *ui)
{
    struct rect line = last_line(ui);
    int d = 8 * ui->unit, x = ui->font.width;
    bool beside = message_beside(ui);
    uint32_t colour = ui->message_bad ? COLOUR_BAD : COLOUR_ACCENT;
    draw_fill(&ui->canvas, ui->status_bar, COLOUR_BAR);
    buttons_draw(ui, ui->status_bar);
    draw_fill(&ui->canvas, (struct rect){ x, line.y + (line.h - d) / 2, d, d }, states[ui->facts.state].colour);
    x = put(ui, x + d + ui->font.width, states[ui->facts.state].name, COLOUR_TEXT);
    if (ui->grabbed)
        draw_release(ui, x);
    else if (*ui->message && beside)
        put(ui, x, ui->message, colour);
    else
        draw_facts(ui, x);
    if (*ui->message && !ui->grabbed && !beside)
        draw_lines(ui, message_rect(ui), ui->message, colour);
}
