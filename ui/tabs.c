// SPDX-License-Identifier: MIT
//
// The tab bar, the layout of the window, and where its events go.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "ui/input.h"
#include "ui/internal.h"

struct tab *tabs_current(struct ui *ui) { return &ui->tabs[ui->selected]; }

static void send_bytes(void *opaque, const char *bytes, size_t len)
{
    console_send(opaque, bytes, len);
}

static void tab_insert(struct ui *ui, unsigned at, const struct tab *tab)
{
    memmove(&ui->tabs[at + 1], &ui->tabs[at], (ui->tab_count - at) * sizeof *ui->tabs);
    ui->tabs[at] = *tab;
    ui->tab_count++;
    if (ui->selected >= at && ui->tab_count > 1)
        ui->selected++;
}

void tabs_update(struct ui *ui)
{
    if (!ui->tab_count) {
        tab_insert(ui, 0, &(struct tab){ .kind = TAB_SCREEN, .title = "Screen" });
        tab_insert(ui, 1, &(struct tab){ .kind = TAB_MEMORY, .title = "Memory" });
        ui->selected = 0;
    }
    pthread_mutex_lock(&ui->lock);
    struct console *first = ui->consoles;
    pthread_mutex_unlock(&ui->lock);
    for (struct console *c = first; c; c = c->next) { // consoles are only ever added at the end
        bool known = ui->tab_count == TABS_MAX;
        unsigned at = 1;
        for (unsigned i = 0; i < ui->tab_count; i++) {
            known |= ui->tabs[i].console == c;
            if (ui->tabs[i].console && ui->tabs[i].console->rank <= c->rank && !(ui->tabs[i].console->rank == c->rank && c->rank < 3 &&
                                                                                strcmp(ui->tabs[i].title, c->title) > 0))
                at = i + 1;
        }
        if (known)
            continue;
        struct tab tab = { .kind = TAB_TEXT, .console = c, .terminal = terminal_new(send_bytes, c) };
        memcpy(tab.title, c->title, sizeof tab.title);
        tab_insert(ui, at, &tab);
        ui->draw_all = true;
    }
}

void tabs_select(struct ui *ui, unsigned index)
{
    if (index >= ui->tab_count)
        return;
    if (ui->grabbed)
        window_grab(ui, false);
    if (ui->input)
        input_release_all(ui->input);
    ui->selected = index;
    ui->message[0] = ui->focus[0] = 0;
    ui->tabs[index].unread = false;
    ui->draw_all = true;
    window_text_input(tabs_current(ui)->terminal);
    atomic_store(&ui->watching, tabs_current(ui)->kind == TAB_SCREEN && !ui->hidden);
    atomic_store(&ui->memory_on_view, tabs_current(ui)->kind == TAB_MEMORY);
    if (tabs_current(ui)->kind == TAB_SCREEN)
        ui_refresh_soon(ui);
    else if (tabs_current(ui)->kind == TAB_MEMORY)
        ui_facts_soon(ui);
}

// ---- layout

void tabs_layout(struct ui *ui)
{
    int x = 0;
    for (unsigned i = 0; i < ui->tab_count; i++) {
        int w = text_width(&ui->font, ui->tabs[i].title) + ui->font.width * 7 / 2;
        ui->tabs[i].place = (struct rect){ x, 0, ui->tab_bar.h ? w : 0, ui->tab_bar.h };
        x += w + ui->unit;
    }
    const struct rect *chosen = &ui->tabs[ui->selected].place; // in sight, with the next one's begin, where there is no room for all
    int over = chosen->x + chosen->w + 2 * ui->font.width - ui->canvas.width, most = x - ui->canvas.width;
    over = over > most ? most : over;
    for (unsigned i = 0; over > 0 && i < ui->tab_count; i++)
        ui->tabs[i].place.x -= over;
}

static void quit_layout(struct ui *ui)
{
    int w = button_width(ui, "Keep it running"), h = ui->font.height + 10 * ui->unit, y = ui->canvas.height / 2 + ui->unit * 4, middle = ui->canvas.width / 2;
    ui->button_count = 0;
    button_add(ui, (struct rect){ middle - w - 6 * ui->unit, y, w, h }, false, COLOUR_BAD, "quit-yes", "End it");
    button_add(ui, (struct rect){ middle + 6 * ui->unit, y, w, h }, false, 0, "quit-no", "Keep it running");
}

void ui_layout(struct ui *ui)
{
    int w = ui->canvas.width, h = ui->canvas.height, bar = ui->font.height + 10 * ui->unit;
    struct tab *tab = tabs_current(ui);
    bool no_tabs = ui->options.hide_tabs || (ui->full_screen && tab->kind == TAB_SCREEN);
    ui->tab_bar = (struct rect){ 0, 0, w, no_tabs ? 0 : bar };
    ui->button_count = 0;
    ui->button_clip = (struct rect){ 0, 0, w, h };
    tabs_layout(ui);
    status_layout(ui);
    ui->content = (struct rect){ 0, ui->tab_bar.h, w, ui->status_bar.y - ui->tab_bar.h };
    if (tab->kind == TAB_MEMORY)
        memory_tab_layout(ui);
    if (tab->terminal) {
        terminal_place(tab->terminal, ui->content, &ui->font);
        atomic_store(&tab->console->size, terminal_size(tab->terminal));
    }
    if (ui->asking_quit)
        quit_layout(ui);
}

// ---- drawing

// -1: none.
static int tab_at(const struct ui *ui, int x, int y)
{
    for (unsigned i = 0; i < ui->tab_count; i++)
        if (rect_has(ui->tabs[i].place, x, y))
            return (int)i;
    return -1;
}

void tabs_draw(struct ui *ui)
{
    if (!ui->tab_bar.h)
        return;
    draw_fill(&ui->canvas, ui->tab_bar, COLOUR_BAR);
    int under = tab_at(ui, ui->pointer_x, ui->pointer_y);
    for (unsigned i = 0; i < ui->tab_count; i++) {
        const struct tab *t = &ui->tabs[i];
        bool chosen = i == ui->selected, hover = under == (int)i && !ui->asking_quit;
        int x = t->place.x + ui->font.width * 3 / 2, y = t->place.y + (t->place.h - ui->font.height) / 2;
        if (chosen) {
            draw_fill(&ui->canvas, t->place, COLOUR_BACK);
            draw_fill(&ui->canvas, (struct rect){ t->place.x, t->place.y, t->place.w, 2 * ui->unit }, COLOUR_ACCENT);
        }
        if (!chosen && hover)
            draw_fill(&ui->canvas, t->place, COLOUR_BUTTON);
        draw_text(&ui->canvas, &ui->font, t->place, x, y, t->title, chosen || hover ? COLOUR_TEXT : COLOUR_DIM);
        if (t->unread) { // the dot
            int d = 6 * ui->unit;
            struct rect dot = { t->place.x + t->place.w - ui->font.width * 3 / 2, t->place.y + (t->place.h - d) / 2, d, d };
            draw_fill(&ui->canvas, (struct rect){ dot.x + ui->unit, dot.y, d - 2 * ui->unit, d }, COLOUR_WARN);
            draw_fill(&ui->canvas, (struct rect){ dot.x, dot.y + ui->unit, d, d - 2 * ui->unit }, COLOUR_WARN);
        }
    }
}

static void quit_draw(struct ui *ui)
{
    static const char *const text = "The guest is running. End it?";
    int w = 2 * button_width(ui, "Keep it running") + 60 * ui->unit, h = 3 * ui->font.height + 40 * ui->unit;
    struct rect box = { (ui->canvas.width - w) / 2, (ui->canvas.height - h) / 2, w, h };
    draw_fill(&ui->canvas, box, COLOUR_BAR);
    draw_frame(&ui->canvas, box, 2 * ui->unit, COLOUR_ACCENT);
    draw_text(&ui->canvas, &ui->font, box, box.x + (w - text_width(&ui->font, text)) / 2, ui->buttons[0].place.y - 2 * ui->font.height, text, COLOUR_TEXT);
    buttons_draw(ui, box);
}

static void content_draw(struct ui *ui, bool all)
{
    struct tab *tab = tabs_current(ui);
    if (tab->terminal)
        terminal_draw(tab->terminal, &ui->canvas, all, ui->focused);
    else if (tab->kind == TAB_SCREEN && (all || ui->draw_content))
        screen_tab_draw(ui);
    else if (tab->kind == TAB_MEMORY && (all || ui->draw_content))
        memory_tab_draw(ui);
}

void ui_draw(struct ui *ui)
{
    struct rect before = ui->content;
    if (ui->draw_all || ui->draw_bars || (ui->draw_content && tabs_current(ui)->kind == TAB_MEMORY))
        ui_layout(ui);
    bool all = ui->draw_all || memcmp(&before, &ui->content, sizeof before);
    content_draw(ui, all);
    if (all || ui->draw_bars) {
        tabs_draw(ui);
        status_draw(ui);
    }
    if (ui->asking_quit)
        quit_draw(ui);
    ui->draw_all = ui->draw_bars = ui->draw_content = false;
}

void ui_say(struct ui *ui, bool bad, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(ui->message, sizeof ui->message, fmt, args);
    va_end(args);
    ui->message_bad = bad;
    ui->message_at = ui_host_ms();
    ui->draw_bars = true;
}

// ---- events

static bool window_mods(const struct ui *ui, const struct key *key)
{
    if (ui->options.grab == GRAB_RIGHT_CTRL)
        return key->mods & MOD_RIGHT_CTRL;
    return !(key->mods & MOD_SHIFT) == (ui->options.grab != GRAB_SHIFT_CTRL_ALT) && (key->mods & (MOD_CTRL | MOD_ALT)) == (MOD_CTRL | MOD_ALT);
}

// Keys that the window takes for itself, in every tab.
static bool own_key(struct ui *ui, const struct key *key)
{
    struct key plain = *key;
    if (key->code == K_EQUAL && ui->options.grab != GRAB_SHIFT_CTRL_ALT) // plus is with Shift on some keyboards
        plain.mods &= ~(unsigned)MOD_SHIFT;
    if (!window_mods(ui, &plain))
        return false;
    bool screen = tabs_current(ui)->kind == TAB_SCREEN;
    if (key->code >= K_1 && key->code <= K_9) {
        if (key->down)
            tabs_select(ui, key->code - K_1);
    } else if (key->code == K_LEFT || key->code == K_RIGHT) {
        if (key->down)
            tabs_select(ui, (ui->selected + ui->tab_count + (key->code == K_LEFT ? ui->tab_count - 1 : 1)) % ui->tab_count);
    } else if (key->code == K_F) {
        if (key->down && !key->repeat)
            window_set_full_screen(ui, !ui->full_screen);
    } else if (key->code == K_Q) {
        if (key->down && !key->repeat)
            ui_close_request(ui);
    } else if (key->code == K_G) {
        if (key->down && !key->repeat && (ui->grabbed || screen))
            window_grab(ui, !ui->grabbed);
    } else if (screen && (key->code == K_EQUAL || key->code == K_KPPLUS)) {
        if (key->down)
            screen_tab_scale(ui, 1);
    } else if (screen && (key->code == K_MINUS || key->code == K_KPMINUS)) {
        if (key->down)
            screen_tab_scale(ui, -1);
    } else if (screen && (key->code == K_0 || key->code == K_KP0)) {
        if (key->down)
            screen_tab_scale(ui, 0);
    } else if (screen && key->code == K_V) {
        if (key->down) {
            char *text = window_clipboard(false);
            ui_type(ui, text);
            free(text);
        }
    } else {
        return false;
    }
    if (ui->input)
        input_release_all(ui->input);
    return true;
}

void ui_key(struct ui *ui, const struct key *key)
{
    struct tab *tab = tabs_current(ui);
    if (ui->asking_quit) {
        if (key->down && key->code == K_ESC)
            button_press(ui, "quit-no");
        else
            buttons_key(ui, key);
        return;
    }
    if (own_key(ui, key))
        return;
    if (tab->kind == TAB_SCREEN)
        screen_tab_key(ui, key);
    else if (tab->terminal)
        terminal_key(tab->terminal, ui, key);
    else
        memory_tab_key(ui, key);
}

void ui_text(struct ui *ui, const char *utf8)
{
    if (tabs_current(ui)->terminal && !ui->asking_quit)
        terminal_text(tabs_current(ui)->terminal, utf8);
}

static void hover(struct ui *ui, const struct pointer *p)
{
    ui->draw_bars |= tab_at(ui, ui->pointer_x, ui->pointer_y) != tab_at(ui, p->x, p->y);
    buttons_hover(ui, p->x, p->y);
}

// What is pressed on bars and buttons; true: used.
static bool press(struct ui *ui, const struct pointer *p)
{
    const struct button *b = button_at(ui, p->x, p->y);
    int tab = tab_at(ui, p->x, p->y);
    if (!(p->pressed & INPUT_LEFT) || (!b && tab < 0))
        return false;
    if (b && !b->disabled) {
        char id[sizeof b->id];
        memcpy(id, b->id, sizeof id);
        button_press(ui, id);
    } else if (!b && !ui->asking_quit) {
        tabs_select(ui, (unsigned)tab);
    }
    return true;
}

void ui_pointer(struct ui *ui, const struct pointer *p)
{
    struct tab *tab = tabs_current(ui);
    if (ui->grabbed) {
        screen_tab_pointer(ui, p);
        return;
    }
    hover(ui, p);
    if (press(ui, p) || ui->asking_quit)
        return;
    bool inside = rect_has(ui->content, p->x, p->y);
    if (tab->kind == TAB_SCREEN && inside)
        screen_tab_pointer(ui, p);
    else if (tab->terminal && (inside || !p->pressed))
        terminal_pointer(tab->terminal, p);
    else if (tab->kind == TAB_MEMORY && (inside || !p->pressed))
        memory_tab_pointer(ui, p);
}

void ui_close_request(struct ui *ui)
{
    bool alive = ui->facts.state == UI_RUNNING || ui->facts.state == UI_PAUSED;
    if (ui->options.refuse_close) {
        ui_say(ui, true, "the window stays open (window-close=off); 'quit' in the monitor ends the guest");
    } else if (!alive) {
        ui_command(ui, "quit");
    } else {
        if (ui->grabbed)
            window_grab(ui, false);
        snprintf(ui->focus, sizeof ui->focus, "quit-no"); // not to be ended by what is being typed
        ui->asking_quit = ui->draw_all = true;
    }
}
