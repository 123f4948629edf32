// SPDX-License-Identifier: MIT
//
// Inside of a text tab, for the files terminal*.c. Lines have numbers that never change: what scrolled out is counted on.
#pragma once
#if defined HAVE_VTERM
#include <vterm.h>
#include "ui/internal.h"

#define SCROLL_BACK 10000u     // lines
#define CELL_DEFAULT 0x1000000u // the colour is the terminal's own
enum { CELL_BOLD = 1, CELL_UNDERLINE = 2, CELL_REVERSE = 4, CELL_STRIKE = 8, CELL_DIM = 16 };
struct cell { uint32_t code, fore, back; uint8_t attributes, width; }; // code 0: blank; width 0: right half of the one before
struct line { unsigned count; bool joined; struct cell cells[]; };     // without the blanks at its end; joined: continues the one before
struct point { uint64_t line; int column; };
struct terminal {
    VTerm *vt;
    VTermScreen *screen;
    void (*send)(void *opaque, const char *bytes, size_t len);
    void *opaque;
    struct font font;
    struct rect place;
    int unit, rows, columns;
    struct line *lines[SCROLL_BACK]; // a ring
    unsigned first, count;
    uint64_t dropped;          // lines that left the ring at its start
    unsigned view;             // lines scrolled back
    bool *row_dirty, all_dirty;
    // terminal_joins.c: rows of the screen and of the alternate one that continue the row above, as text ran over its end
    bool *row_joined[2];
    int last_row, last_start, last_end; // cells of the character that the cursor follows; row -1: it follows none
    int pushed;                // rows that have scrolled out and not yet moved
    VTermPos cursor;
    bool cursor_visible, alternate, resizing;
    char carry[4];             // start of a character whose rest has not come
    unsigned carried;
    char modes[60];            // terminal_modes.c: parameters of a CSI ? whose end has not come
    unsigned modes_count, modes_state;
    int mouse;                 // VTERM_PROP_MOUSE: who wants the pointer
    // terminal_select.c
    struct point anchor, head; // head is where the pointer is; both ends belong to it
    bool selecting, selected;
    int pull, pull_column;     // lines to scroll back while a selection is held beyond an edge
    int64_t pull_at;
    struct scroll_bar bar;
    bool finding, not_found;
    int find_shift;            // rows that the text stands higher while the line for finding covers the last FIND_ROWS
    char find[64];
};
static inline uint64_t terminal_top(const struct terminal *t) { return t->dropped + t->count - t->view; } // line of the top row
static inline uint64_t terminal_end(const struct terminal *t) { return t->dropped + t->count + (uint64_t)t->rows; }
// Cells of a line, columns of them (blank beyond its end); false: no such line.
bool terminal_line(const struct terminal *t, uint64_t number, struct cell *cells);
bool terminal_is_joined(const struct terminal *t, uint64_t number); // it continues the line before
bool terminal_goes_on(const struct terminal *t, uint64_t number); // in the next line
void terminal_scroll(struct terminal *t, int lines); // positive: back
static inline void terminal_scroll_end(struct terminal *t) { terminal_scroll(t, -(int)SCROLL_BACK); }
VTermModifier terminal_modifiers(unsigned mods);
bool terminal_paste_clipboard(struct terminal *t, bool primary); // always true
void terminal_push(struct terminal *t, struct line *line); // takes it
void terminal_forget(struct terminal *t);            // all that scrolled out
void terminal_feed(struct terminal *t, const char *bytes, size_t len); // to libvterm
void joins_resize(struct terminal *t, int rows);     // nothing is joined so far
void joins_damage(struct terminal *t, VTermRect r);
void joins_move(struct terminal *t, VTermRect to, VTermRect from);
void joins_cursor(struct terminal *t, VTermPos to);
void terminal_reflow(struct terminal *t, int columns, int rows);
bool terminal_is_selected(const struct terminal *t, uint64_t line, int column);
void terminal_find_open(struct terminal *t);
bool terminal_find_key(struct terminal *t, const struct key *key);
void terminal_find_text(struct terminal *t, const char *utf8);
void terminal_find_draw(struct terminal *t, struct canvas *canvas);
#define TERMINAL_MARGIN(t) (4 * (t)->unit)
static inline int terminal_shift(const struct terminal *t) { return t->finding ? t->find_shift : 0; }
void terminal_bar_draw(struct terminal *t, struct canvas *canvas);
void terminal_select_pointer(struct terminal *t, const struct pointer *p, struct point at);
size_t utf8_put(char *out, uint32_t code);           // 1 to 4 bytes
#endif
