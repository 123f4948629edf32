// SPDX-License-Identifier: MIT
//
// The window and its events, with SDL. The thread sleeps in poll() on the display's connection and on the
// eventfd of the other threads, so an idle window costs nothing; SDL_WaitEvent would let the others call into the display.
#include <SDL.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ui/input.h"
#include "ui/internal.h"

#define FRAME_MS 12

// The window's size or its place in the display's memory has changed.
static void take_pixels(struct ui *ui)
{
    if (!pixels_take(ui) || ui->options.scale || ui->ratio <= 1)
        return;
    ui->scale = ui->ratio < 1.75 ? 1.5 : ui->ratio < 2.5 ? 2 : ui->ratio < 3.5 ? 3 : 4; // as the output says
    ui->font = font_for_scale(ui->scale);
    ui->unit = (ui->font.height + 8) / 16;
}

// ---- what the tabs ask for

char *window_clipboard(bool primary)
{
    char *text = primary ? SDL_GetPrimarySelectionText() : SDL_GetClipboardText();
    char *copy = strdup(text ? text : "");
    SDL_free(text);
    return copy;
}

void window_set_clipboard(const char *text, bool primary)
{
    if (primary)
        SDL_SetPrimarySelectionText(text);
    else
        SDL_SetClipboardText(text);
}

// An input method must not take keys that are the guest's.
void window_text_input(bool on)
{
    if (on)
        SDL_StartTextInput();
    else
        SDL_StopTextInput();
}

static void set_title(struct ui *ui)
{
    static const char *const release[] = { "Ctrl-Alt-G", "Ctrl-Alt-Shift-G", "Right Ctrl-G" };
    char title[200];
    snprintf(title, sizeof title, "%s%s%s%s", ui->options.title ? ui->options.title : "Ramjet", ui->grabbed ? " - " : "",
             ui->grabbed ? release[ui->options.grab] : "", ui->grabbed ? " lets the mouse go" : "");
    SDL_SetWindowTitle(ui->window, title);
}

void window_set_full_screen(struct ui *ui, bool on)
{
    SDL_Rect all;
    if (on == ui->full_screen)
        return;
    if (display_has_manager(ui)) {
        if (SDL_SetWindowFullscreen(ui->window, on ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0)) {
            ui_say(ui, true, "no full screen: %s", SDL_GetError());
            return;
        }
    } else if (on && !SDL_GetDisplayBounds(SDL_GetWindowDisplayIndex(ui->window), &all)) { // a bare X server
        SDL_GetWindowSize(ui->window, &ui->normal_width, &ui->normal_height);
        SDL_SetWindowPosition(ui->window, all.x, all.y);
        SDL_SetWindowSize(ui->window, all.w, all.h);
    } else {
        SDL_SetWindowSize(ui->window, ui->normal_width, ui->normal_height);
    }
    ui->full_screen = on;
    take_pixels(ui);
}

void window_grab(struct ui *ui, bool on)
{
    if (on && SDL_SetRelativeMouseMode(SDL_TRUE)) {
        ui_say(ui, true, "cannot take the mouse: %s", SDL_GetError());
        return;
    }
    if (!on)
        SDL_SetRelativeMouseMode(SDL_FALSE);
    SDL_SetWindowGrab(ui->window, on ? SDL_TRUE : SDL_FALSE);
    ui->grabbed = on;
    ui->draw_bars = true;
    if (!on && ui->input)
        input_release_all(ui->input);
    set_title(ui);
}

void window_grow(struct ui *ui, int width, int height)
{
    SDL_Rect usable;
    int bars = ui->canvas.height - ui->content.h, h = (int)((height + bars) / ui->ratio), w = (int)(width / ui->ratio), now_w, now_h;
    if (ui->user_sized || ui->full_screen || SDL_GetDisplayUsableBounds(SDL_GetWindowDisplayIndex(ui->window), &usable))
        return;
    w = w > usable.w ? usable.w : w;
    h = h > usable.h ? usable.h : h;
    SDL_GetWindowSize(ui->window, &now_w, &now_h);
    if (w > now_w || h > now_h)
        SDL_SetWindowSize(ui->window, w > now_w ? w : now_w, h > now_h ? h : now_h);
}

// ---- events

static unsigned code_of(SDL_Scancode scancode)
{
    static const struct { SDL_Scancode scancode; unsigned code; } keys[] = {
#define KEY(code, scancode, name, alias, plain, shifted) { SDL_SCANCODE_##scancode, code },
#include "ui/keymap.def"
#undef KEY
        { SDL_SCANCODE_NONUSHASH, 43 }, { SDL_SCANCODE_SYSREQ, 99 }, { SDL_SCANCODE_LANG1, 122 }, { SDL_SCANCODE_LANG2, 123 },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].scancode == scancode)
            return keys[i].code;
    return 0;
}

static unsigned mods_now(void)
{
    SDL_Keymod m = SDL_GetModState();
    bool alt_gr = m & KMOD_MODE;
    return (m & KMOD_SHIFT ? MOD_SHIFT : 0) | (m & KMOD_CTRL ? MOD_CTRL : 0) | (m & KMOD_LALT && !alt_gr ? MOD_ALT : 0) | (m & KMOD_RCTRL ? MOD_RIGHT_CTRL : 0) |
           (m & KMOD_NUM ? MOD_NUM : 0);
}

static void on_key(struct ui *ui, const SDL_KeyboardEvent *e)
{
    int symbol = e->keysym.sym;
    struct key key = { .code = code_of(e->keysym.scancode), .mods = mods_now(), .down = e->type == SDL_KEYDOWN, .repeat = e->repeat,
                       .symbol = symbol >= 32 && symbol < 127 ? (uint32_t)symbol : 0 };
    ui_key(ui, &key);
}

static unsigned button_bits(Uint32 state)
{
    return (state & SDL_BUTTON_LMASK ? INPUT_LEFT : 0) | (state & SDL_BUTTON_RMASK ? INPUT_RIGHT : 0) | (state & SDL_BUTTON_MMASK ? INPUT_MIDDLE : 0) |
           (state & SDL_BUTTON_X1MASK ? INPUT_SIDE : 0) | (state & SDL_BUTTON_X2MASK ? INPUT_EXTRA : 0);
}

static void on_pointer(struct ui *ui, const SDL_Event *e)
{
    struct pointer p = { .mods = mods_now() };
    int x, y, w, h;
    p.buttons = button_bits(SDL_GetMouseState(&x, &y));
    if (e->type == SDL_MOUSEMOTION) {
        x = e->motion.x;
        y = e->motion.y;
        p.dx = e->motion.xrel;
        p.dy = e->motion.yrel;
        p.buttons = button_bits(e->motion.state);
    } else if (e->type == SDL_MOUSEWHEEL) {
        p.wheel = e->wheel.direction == SDL_MOUSEWHEEL_FLIPPED ? -e->wheel.y : e->wheel.y;
    } else {
        unsigned bit = button_bits(SDL_BUTTON(e->button.button));
        x = e->button.x;
        y = e->button.y;
        *(e->type == SDL_MOUSEBUTTONDOWN ? &p.pressed : &p.released) = bit;
        p.buttons = e->type == SDL_MOUSEBUTTONDOWN ? p.buttons | bit : p.buttons & ~bit;
        p.clicks = e->button.clicks;
    }
    SDL_GetWindowSize(ui->window, &w, &h);
    p.x = w ? (int)((int64_t)x * ui->canvas.width / w) : x; // where a window's unit is several pixels
    p.y = h ? (int)((int64_t)y * ui->canvas.height / h) : y;
    ui_pointer(ui, &p);
}

static void on_focus(struct ui *ui, bool have)
{
    ui->focused = have;
    ui->draw_all = true;
    if (have)
        return;
    if (ui->grabbed)
        window_grab(ui, false);
    if (ui->input)
        input_release_all(ui->input); // nothing stays pressed in the guest
}

// -full-screen, when the window is there: only then it takes.
static void start_full_screen(struct ui *ui)
{
    if (ui->options.full_screen) {
        ui->options.full_screen = false;
        window_set_full_screen(ui, true);
    }
}

static void on_window(struct ui *ui, const SDL_WindowEvent *e)
{
    switch (e->event) {
    case SDL_WINDOWEVENT_RESIZED: ui->user_sized = true; break;
    case SDL_WINDOWEVENT_SIZE_CHANGED: take_pixels(ui); break;
    case SDL_WINDOWEVENT_EXPOSED:
        canvas_dirty(&ui->canvas, (struct rect){ 0, 0, ui->canvas.width, ui->canvas.height });
        start_full_screen(ui);
        break;
    case SDL_WINDOWEVENT_FOCUS_GAINED: on_focus(ui, true); break;
    case SDL_WINDOWEVENT_FOCUS_LOST: on_focus(ui, false); break;
    case SDL_WINDOWEVENT_LEAVE:
        if (!ui->grabbed)
            ui_pointer(ui, &(struct pointer){ .x = -1, .y = -1 });
        break;
    case SDL_WINDOWEVENT_HIDDEN: case SDL_WINDOWEVENT_MINIMIZED:
        ui->hidden = true;
        atomic_store(&ui->watching, false);
        break;
    case SDL_WINDOWEVENT_SHOWN: case SDL_WINDOWEVENT_RESTORED: case SDL_WINDOWEVENT_MAXIMIZED:
        ui->hidden = false;
        ui->draw_all = true;
        if (strcmp(SDL_GetCurrentVideoDriver(), "x11")) // nothing is exposed there
            start_full_screen(ui);
        atomic_store(&ui->watching, tabs_current(ui)->kind == TAB_SCREEN);
        break;
    default: break;
    }
}

static void on_event(struct ui *ui, const SDL_Event *e)
{
    switch (e->type) {
    case SDL_KEYDOWN: case SDL_KEYUP: on_key(ui, &e->key); break;
    case SDL_TEXTINPUT:
        if (!(mods_now() & (MOD_CTRL | MOD_ALT)))
            ui_text(ui, e->text.text);
        break;
    case SDL_MOUSEMOTION: case SDL_MOUSEBUTTONDOWN: case SDL_MOUSEBUTTONUP: case SDL_MOUSEWHEEL: on_pointer(ui, e); break;
    case SDL_WINDOWEVENT: on_window(ui, &e->window); break;
    case SDL_QUIT: ui_close_request(ui); break;
    default: break;
    }
}

// ---- life

static double own_scale(void)
{
    float dpi;
    if (!strcmp(SDL_GetCurrentVideoDriver(), "wayland") || SDL_GetDisplayDPI(0, &dpi, NULL, NULL))
        return 1; // Wayland's outputs have their scale: take_pixels
    return dpi >= 180 ? 2 : dpi >= 132 ? 1.5 : 1;
}

// The displays that the environment names and no others: SDL would go on to what shows its windows nowhere.
static void name_drivers(char *out, size_t room)
{
    bool x = getenv("DISPLAY"), wayland = getenv("WAYLAND_DISPLAY");
    snprintf(out, room, "%s%s%s", x ? "x11" : "", x && wayland ? "," : "", wayland ? "wayland" : "");
}

static bool start_sdl(char **why)
{
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY"), *driver = getenv("SDL_VIDEODRIVER");
    char drivers[32], text[300];
    if (!x && !wayland && !driver) {
        *why = strdup("no display (neither DISPLAY nor WAYLAND_DISPLAY is set)");
        return false;
    }
    name_drivers(drivers, sizeof drivers);
    if (!driver)
        SDL_SetHint(SDL_HINT_VIDEODRIVER, drivers);
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_APP_NAME, "Ramjet");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "1");
    SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");          // Alt-Tab and its like are the guest's with the mouse,
    SDL_SetHint(SDL_HINT_ALLOW_ALT_TAB_WHILE_GRABBED, "0"); // also in full screen
    sigset_t all, before; // signals belong to the machine thread
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!SDL_InitSubSystem(SDL_INIT_VIDEO))
        return true;
    if (driver)
        snprintf(text, sizeof text, "no window: SDL_VIDEODRIVER=%s: %s", driver, SDL_GetError());
    else
        snprintf(text, sizeof text, "no window: cannot open the display (%s%s%s%s%s)", x ? "DISPLAY=" : "", x ? x : "", x && wayland ? ", " : "",
                 wayland ? "WAYLAND_DISPLAY=" : "", wayland ? wayland : "");
    *why = strdup(text);
    return false;
}

// A memory module, so that the window is found among others.
static void set_icon(struct ui *ui)
{
    enum { SIZE = 32 };
    uint32_t pixels[SIZE * SIZE] = { 0 };
    struct canvas icon = { .pixels = pixels, .width = SIZE, .height = SIZE };
    draw_fill(&icon, (struct rect){ 1, 8, 30, 14 }, 0xff2f7d48);
    for (int i = 0; i < 4; i++)
        draw_fill(&icon, (struct rect){ 3 + i * 7, 11, 5, 8 }, 0xff14181c);
    for (int i = 0; i < 14; i++)
        draw_fill(&icon, (struct rect){ 2 + i * 2 + (i > 6), 22, 1, 4 }, 0xffe8b339);
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormatFrom(pixels, SIZE, SIZE, 32, SIZE * 4, SDL_PIXELFORMAT_ARGB8888);
    SDL_SetWindowIcon(ui->window, surface);
    SDL_FreeSurface(surface);
}

bool window_open(struct ui *ui, char **why)
{
    char text[300];
    if (!start_sdl(why))
        return false;
    if (SDL_GetCurrentVideoDriver() && !strcmp(SDL_GetCurrentVideoDriver(), "x11"))
        SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0"); // plain shared memory, no OpenGL
    ui->scale = ui->options.scale ? ui->options.scale : own_scale();
    ui->font = font_for_scale(ui->scale);
    ui->unit = (ui->font.height + 8) / 16;
    ui->scaling = ui->options.fit ? SCALING_FIT : SCALING_WHOLE;
    ui->pointer_x = ui->pointer_y = ui->map_at = -1;
    SDL_Rect usable = { 0, 0, 1024, 768 };
    int w = (int)(800 * ui->scale), h = (int)(600 * ui->scale) + 2 * (ui->font.height + 10 * ui->unit);
    SDL_GetDisplayUsableBounds(0, &usable);
    w = w > usable.w ? usable.w : w;
    h = h > usable.h ? usable.h : h;
    ui->window = SDL_CreateWindow(ui->options.title ? ui->options.title : "Ramjet", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, w, h,
                                  SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!ui->window) {
        snprintf(text, sizeof text, "no window: %s", SDL_GetError());
        *why = strdup(text);
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
        return false;
    }
    set_icon(ui);
    SDL_SetWindowMinimumSize(ui->window, 40 * ui->font.width, 12 * ui->font.height);
    display_guard(ui);
    SDL_StopTextInput(); // the guest's screen is first
    tabs_update(ui);
    atomic_store(&ui->watching, true);
    take_pixels(ui);
    if (!ui->canvas.pixels) {
        snprintf(text, sizeof text, "no window: %s", SDL_GetError());
        *why = strdup(text);
        window_close(ui);
        return false;
    }
    ui->user_sized = ui->options.full_screen;
    return true;
}

void window_run(struct ui *ui)
{
    struct pollfd fds[2] = { { .fd = ui->wake_fd, .events = POLLIN }, { .fd = display_fd(ui), .events = POLLIN } };
    int64_t shown_at = 0;
    for (;;) {
        SDL_Event e;
        uint64_t count;
        pthread_mutex_lock(&ui->lock);
        bool quit = ui->quit;
        pthread_mutex_unlock(&ui->lock);
        if (quit)
            return;
        int timeout = ui_poll(ui);
        int64_t now = ui_host_ms();
        if (now - shown_at < FRAME_MS) { // a flood of text is drawn at this pace
            timeout = FRAME_MS - (int)(now - shown_at);
        } else if (ui->canvas.pixels && !ui->hidden) {
            ui_draw(ui);
            if (ui->canvas.dirty_count)
                shown_at = now;
            pixels_show(ui);
        }
        SDL_PumpEvents();
        if (SDL_HasEvents(SDL_FIRSTEVENT, SDL_LASTEVENT)) {
            while (SDL_PollEvent(&e))
                on_event(ui, &e);
            continue;
        }
        if (fds[1].fd < 0 && (timeout < 0 || timeout > 20))
            timeout = 20;
        if (poll(fds, 2, timeout) < 0 && errno != EINTR)
            return;
        if (fds[0].revents && read(ui->wake_fd, &count, sizeof count) < 0)
            continue;
        if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
            display_lose(ui);
            return;
        }
        while (SDL_PollEvent(&e))
            on_event(ui, &e);
    }
}

void window_close(struct ui *ui)
{
    if (ui->grabbed)
        SDL_SetRelativeMouseMode(SDL_FALSE);
    pixels_drop(ui);
    SDL_DestroyWindow(ui->window);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    display_unguard();
}
