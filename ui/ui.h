// SPDX-License-Identifier: MIT
//
// The window: tabs for the guest's screen, for text consoles (chardev kind vc) and for its memory, and a status bar. It has a thread
// of its own, which draws and takes the user's input; the machine thread never waits for it (but ui_print, and a text console
// that is flooded, at most for a second). What the window shows of the machine, and what its buttons do, comes in a ui_model.
// All functions here: machine thread.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct chardev_list;
struct error;
struct input;
struct loop;
struct screen;
struct ui;

struct ui_options {
    bool hide_tabs, refuse_close, full_screen, fit;
    double scale;              // of texts and buttons: 1, 1.5, 2, 3, 4; 0: as the display says
    enum { GRAB_CTRL_ALT, GRAB_SHIFT_CTRL_ALT, GRAB_RIGHT_CTRL } grab;
    const char *title;         // NULL: "Ramjet"
};
// The text after -display: "none", "sdl[,key=value...]". Anything else is refused by name, and sdl, too, in a build without
// SDL2 or libvterm. *window: there is to be one.
bool ui_options_parse(struct ui_options *options, const char *text, bool *window, struct error **errp);

// ---- what the window knows of the machine
enum ui_state { UI_NOT_STARTED, UI_RUNNING, UI_PAUSED, UI_SHUT_DOWN, UI_FAILED };
enum ui_region_kind { UI_RAM, UI_DIMM, UI_ROM, UI_DEVICE };
struct ui_region { uint64_t start, size; enum ui_region_kind kind; char name[40]; }; // sorted by start
// state: what the guest makes of it; reason: more about that, or why it does not go.
struct ui_dimm { char id[64], backend[64], state[64], reason[320]; uint64_t addr, size; int slot; unsigned node; bool leaving; };
#define UI_REGIONS 640
#define UI_DIMMS 256
struct ui_facts {
    bool detail;               // in: state and reason of the DIMMs are wanted, too (they cost a look at all their pages)
    enum ui_state state;
    uint64_t instructions;     // completed so far, by all CPUs
    uint64_t ram_size, plugged, pluggable, largest; // bytes; pluggable: more that would still fit; largest: in one DIMM
    unsigned nodes, slots, region_count, dimm_count;
    struct ui_region regions[UI_REGIONS];
    struct ui_dimm dimms[UI_DIMMS];
};
struct ui_model {
    void (*facts)(void *opaque, struct ui_facts *facts); // *facts is zeroed but for detail
    void (*command)(void *opaque, const char *line, void (*print)(void *, const char *), void *to); // a line for the monitor
    void *opaque;
};

// Opens the window; on false *errp says why (no display, mostly).
struct ui *ui_new(const struct ui_options *options, struct loop *loop, struct error **errp);
// vc chardevs of this list become tabs.
void ui_attach_consoles(struct ui *ui, struct chardev_list *chardevs);
// The machine is there. screen and input may be NULL.
void ui_start(struct ui *ui, const struct ui_model *model, struct screen *screen, struct input *input);
// Something that the facts say may have changed (they are looked at every second anyway).
void ui_changed(struct ui *ui);
// Closes the window and ends its thread; before the machine goes. Consoles may still be written to.
void ui_stop(struct ui *ui);
void ui_free(struct ui *ui); // after the character devices
// Lines that say what the window shows: places of tabs and buttons, text of the tab (by name or number, NULL: the selected one).
bool ui_print(struct ui *ui, const char *tab, void (*print)(void *, const char *), void *opaque, struct error **errp);
