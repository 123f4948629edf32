// SPDX-License-Identifier: MIT
//
// Shared by the files of the window. Everything here belongs to the window's thread, but for what `lock` guards.
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "ui/screen.h"
#include "ui/ui.h"
#include "util/width.h"

// ---- draw.c, font.c: a canvas of XRGB pixels that knows what changed
struct rect { int x, y, w, h; };
static inline bool rect_has(struct rect r, int x, int y) { return x >= r.x && y >= r.y && x < r.x + r.w && y < r.y + r.h; }
struct rect rect_cut(struct rect a, struct rect b); // w or h <= 0: nothing is left
#define DIRTY_MAX 24
struct canvas {
    uint32_t *pixels;
    int width, height;         // pixels, rows without gaps
    struct rect clip;          // nothing is drawn outside; no width: all may be
    struct rect dirty[DIRTY_MAX];
    unsigned dirty_count;
};
struct font {
    int width, height, zoom;   // of a character, in pixels of the window; each pixel of the font is zoom wide
    int cell_width, cell_height, pitch; // of the font's own bits
    const uint8_t *bits;
    const uint16_t (*map)[2];  // Unicode, glyph; sorted
    unsigned count;
};
struct font font_for_scale(double scale);
int font_glyph(const struct font *font, uint32_t code); // -1: none
void canvas_dirty(struct canvas *canvas, struct rect part);
void draw_fill(struct canvas *canvas, struct rect part, uint32_t colour);
void draw_frame(struct canvas *canvas, struct rect part, int thickness, uint32_t colour);
void draw_char(struct canvas *canvas, const struct font *font, struct rect clip, int x, int y, uint32_t code, uint32_t colour);
// UTF-8, cut off at the clip with a mark; returns the x after it.
int draw_text(struct canvas *canvas, const struct font *font, struct rect clip, int x, int y, const char *text, uint32_t colour);
int text_width(const struct font *font, const char *text);
// Broken at spaces into lines of so many characters; draw_lines returns the y below the last one.
int line_count(const char *text, int characters);
int draw_lines(struct ui *ui, struct rect place, const char *text, uint32_t colour);
uint32_t utf8_next(const char **text); // 0 at the end; bytes that are no UTF-8 give U+FFFD

enum colour {
    COLOUR_BACK = 0x14181c, COLOUR_BAR = 0x262c33, COLOUR_BUTTON = 0x3a434d, COLOUR_LINE = 0x4c5763, COLOUR_TEXT = 0xdde3e9,
    COLOUR_DIM = 0x94a0ac, COLOUR_ACCENT = 0x4da3ff, COLOUR_GOOD = 0x59c36a, COLOUR_WARN = 0xe8b339, COLOUR_BAD = 0xee6a5f,
    COLOUR_SELECT = 0x2f5d92, COLOUR_HOLE = 0x20262c, COLOUR_OFF = 0x7b8691, // OFF: of what cannot be pressed
};

// ---- keys, as Linux input codes; only those that the window itself looks at
enum { K_ESC = 1, K_1 = 2, K_9 = 10, K_0 = 11, K_MINUS = 12, K_EQUAL = 13, K_BACKSPACE = 14, K_TAB = 15, K_Q = 16, K_ENTER = 28, K_F = 33, K_G = 34,
       K_C = 46, K_V = 47, K_SPACE = 57, K_F1 = 59, K_F3 = 61, K_KP7 = 71, K_KPMINUS = 74, K_KPPLUS = 78, K_KP0 = 82, K_F11 = 87, K_F12 = 88, K_KPENTER = 96, K_HOME = 102, K_UP,
       K_PAGEUP, K_LEFT, K_RIGHT, K_END, K_DOWN, K_PAGEDOWN, K_INSERT, K_DELETE };
enum { MOD_SHIFT = 1, MOD_CTRL = 2, MOD_ALT = 4, MOD_RIGHT_CTRL = 8, MOD_NUM = 16 };
struct key { unsigned code, mods; uint32_t symbol; bool down, repeat; }; // symbol: character of the host's layout, 0: none
struct pointer { int x, y, dx, dy, wheel; unsigned buttons, pressed, released, clicks, mods; }; // buttons: enum input_button

// ---- ui.c: between the threads
struct console {               // of one vc chardev
    struct ui *ui;
    struct chardev *chardev;   // machine thread; NULL: gone
    char title[40];
    int rank;                  // order of the tabs
    uint8_t *in, *out;         // lock: guest to window, window to guest
    size_t in_count, in_capacity, out_count, out_capacity;
    bool out_posted, stalled;
    _Atomic struct text_size size; // as the window shows it; 0: not shown so far
    struct console *next;
};
void console_send(struct console *console, const char *bytes, size_t len);
// What came for it, moved out; malloced. 0: nothing.
size_t console_take(struct console *console, char **bytes);
void ui_command(struct ui *ui, const char *line);  // run on the machine thread; its output becomes the message
void ui_type(struct ui *ui, const char *text);     // typed at the guest's keyboard, one key at a time
void ui_refresh_soon(struct ui *ui);               // the guest's screen is looked at
void ui_facts_soon(struct ui *ui);                 // and the machine
void ui_wake(struct ui *ui);                       // any thread
int64_t ui_host_ms(void);

// ---- scroll_bar.c
struct scroll_bar { struct rect place; int64_t total, shown, at; int unit, grip; bool held, hover; }; // at: what is above
void scroll_bar_draw(const struct scroll_bar *bar, struct canvas *canvas);
// True: it was for the bar. *changed: at is another, or it looks different.
bool scroll_bar_pointer(struct scroll_bar *bar, const struct pointer *p, bool *changed);

// ---- terminal.c
struct terminal;
struct terminal *terminal_new(void (*send)(void *opaque, const char *bytes, size_t len), void *opaque);
void terminal_free(struct terminal *t);
void terminal_write(struct terminal *t, const char *bytes, size_t len);
struct text_size terminal_size(const struct terminal *t);
// Lays it out; draws later what changed (all: the canvas holds something else).
void terminal_place(struct terminal *t, struct rect place, const struct font *font);
void terminal_draw(struct terminal *t, struct canvas *canvas, bool all, bool focused);
bool terminal_key(struct terminal *t, struct ui *ui, const struct key *key); // true: used; no text follows
void terminal_text(struct terminal *t, const char *utf8);
void terminal_paste(struct terminal *t, const char *utf8);
void terminal_pointer(struct terminal *t, const struct pointer *p);
bool terminal_pull(struct terminal *t);            // a selection is held beyond an edge: true: call it again soon
char *terminal_selection(struct terminal *t);      // malloced; NULL: none
void terminal_print(struct terminal *t, FILE *out); // for ui_print
// ---- window.c: what needs SDL
char *window_clipboard(bool primary);              // malloced UTF-8, never NULL
void window_set_clipboard(const char *text, bool primary);
void window_set_full_screen(struct ui *ui, bool on);
void window_grab(struct ui *ui, bool on);
void window_text_input(bool on);                   // keys make text
void window_grow(struct ui *ui, int width, int height); // if the user has not chosen a size
bool window_open(struct ui *ui, char **why);       // why: malloced
void window_run(struct ui *ui);                    // until ui->quit or the display is lost
void window_close(struct ui *ui);

// ---- pixels.c
bool pixels_take(struct ui *ui);                   // the canvas gets the window's size
void pixels_show(struct ui *ui);                   // what is dirty
void pixels_drop(struct ui *ui);

// ---- display.c
void display_guard(struct ui *ui);                 // the end of the connection ends this thread, not the process
void display_unguard(void);
void display_lose(struct ui *ui);                  // the display is gone: tells the machine
int display_fd(struct ui *ui);                     // of the connection; -1: this kind of display has none
bool display_has_manager(struct ui *ui);           // someone gives windows their size

// ---- the window's state
enum tab_kind { TAB_SCREEN, TAB_TEXT, TAB_MEMORY };
struct tab { enum tab_kind kind; char title[40]; struct console *console; struct terminal *terminal; bool unread; struct rect place; };
#define TABS_MAX 24
struct button { struct rect place, clip; char id[80], label[64]; bool disabled; uint32_t colour; }; // clip: what of it can be seen
#define BUTTONS_MAX 600
#define MAP_PIECES (UI_REGIONS * 2 + 1)
enum screen_scaling { SCALING_WHOLE, SCALING_FIT, SCALING_1_1 };
struct ui {
    struct ui_options options;
    struct loop *loop;
    struct chardev_console *hooks;
    struct ui_model model;
    struct screen *screen;
    struct input *input;
    pthread_t thread;
    bool have_thread;
    int wake_fd;
    // machine thread
    unsigned idle_ticks, look;
    int64_t facts_at;
    bool stopped, lost_said;
    struct typing *typing;
    // any thread
    _Atomic bool watching;     // the guest's screen is on view
    _Atomic bool active;       // the guest changed its picture, or the user did something
    _Atomic bool lost;         // the display is gone
    _Atomic bool memory_on_view; // the facts are wanted in full
    bool stuck;                // the display does not answer: its thread is left alone

    pthread_mutex_t lock;
    pthread_cond_t moved;      // with lock: an answer or room in a queue is there
    bool opened, quit, finished; // lock, as all to the next gap
    char *why;
    struct console *consoles;
    struct ui_facts *news;     // newest facts, NULL: taken
    bool started;
    char message_new[256];
    bool dump_wanted;
    char dump_tab[40];
    char *dump;

    struct canvas canvas;
    struct font font;
    double scale;
    int unit;                  // scale in whole pixels: thickness of lines
    bool full_screen, focused, grabbed, hidden;
    void *window, *surface, *renderer, *texture; // SDL's; pixels.c: the surface, or the two others
    double ratio;              // pixels in a unit of the window
    bool user_sized;
    int normal_width, normal_height; // to come back to from full screen
    bool draw_all, draw_bars, draw_content;
    struct tab tabs[TABS_MAX];
    unsigned tab_count, selected;
    struct rect tab_bar, content, status_bar;
    int status_end;            // of what the status bar says before its buttons
    struct button buttons[BUTTONS_MAX];
    unsigned button_count;
    struct rect button_clip;   // for buttons that are added
    char focus[80];            // id of the button that Enter presses
    int pointer_x, pointer_y;  // -1: outside
    struct ui_facts facts;
    uint64_t rate;             // instructions a second
    uint64_t rate_count;
    int64_t rate_at;
    char message[256];         // in the status bar: an error until something else is done, what is none goes by itself
    int64_t message_at;
    bool message_bad, asking_quit;
    // Screen tab
    enum screen_scaling scaling;
    int zoom;                  // SCALING_WHOLE: chosen factor, 0: the largest that fits
    uint32_t *picture;
    unsigned picture_width, picture_height;
    struct rect picture_place;
    // Memory tab
    int memory_scroll;         // pixels
    struct scroll_bar memory_bar;
    unsigned plug_node;        // where a DIMM goes that a button plugs
    int map_at;                // piece under the pointer, -1: none
    struct rect map_places[MAP_PIECES];
    unsigned map_count;
};

// ---- tabs.c
void tabs_update(struct ui *ui);                   // consoles that are new
void tabs_layout(struct ui *ui);
void tabs_draw(struct ui *ui);
void tabs_select(struct ui *ui, unsigned index);
struct tab *tabs_current(struct ui *ui);
void ui_layout(struct ui *ui);
void ui_draw(struct ui *ui);
void ui_key(struct ui *ui, const struct key *key);
void ui_text(struct ui *ui, const char *utf8);
void ui_pointer(struct ui *ui, const struct pointer *p);
void ui_close_request(struct ui *ui);
int ui_poll(struct ui *ui);                        // takes what other threads left; in how many ms again at the latest, -1: when woken
void ui_say(struct ui *ui, bool bad, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// ---- buttons.c
void button_add(struct ui *ui, struct rect place, bool disabled, uint32_t colour, const char *id, const char *label);
int button_width(const struct ui *ui, const char *label);
void buttons_draw(struct ui *ui, struct rect part); // those in it
bool buttons_key(struct ui *ui, const struct key *key); // Tab and its like choose one, Enter presses it; true: used
void buttons_hover(struct ui *ui, int x, int y);
const struct button *button_at(const struct ui *ui, int x, int y); // NULL: none
void button_press(struct ui *ui, const char *id);
// ---- poll.c
void ui_dump(struct ui *ui, const char *tab, FILE *out);
// ---- screen_tab.c
void screen_tab_take(struct ui *ui);               // the guest's picture, if it changed
void screen_tab_draw(struct ui *ui);
void screen_tab_key(struct ui *ui, const struct key *key);
void screen_tab_pointer(struct ui *ui, const struct pointer *p);
void screen_tab_scale(struct ui *ui, int step);    // +1, -1; 0: back to the largest
void screen_tab_shot(struct ui *ui);
// ---- memory_tab.c
void memory_tab_layout(struct ui *ui);
void memory_tab_draw(struct ui *ui);
void memory_tab_pointer(struct ui *ui, const struct pointer *p);
bool memory_tab_press(struct ui *ui, const char *id);
bool memory_tab_key(struct ui *ui, const struct key *key); // true: used
void memory_tab_print(const struct ui *ui, FILE *out); // for ui_print
// ---- memory_map.c
uint32_t region_colour(enum ui_region_kind kind);
void memory_map_draw(struct ui *ui, struct rect place); // and below it a line that explains it
int memory_list_height(const struct ui *ui);       // of all that is at an address, as lines
void memory_list_draw(struct ui *ui, struct rect place);
void memory_list_print(const struct ui *ui, FILE *out);
// ---- status.c
void status_layout(struct ui *ui);
void status_draw(struct ui *ui);
