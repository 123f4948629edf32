// SPDX-License-Identifier: MIT
//
// What a program switches on with one "CSI ? 1006 ; 1000 h" is handed over as "CSI ? 1006 h CSI ? 1000 h": libvterm before 0.2 heeds
// only the first of several private modes, and ncurses asks for the mouse that way.
#include "ui/terminal.h"

enum { TEXT, ESCAPE, BRACKET, MODES };

static void modes_end(struct terminal *t, char last)
{
    unsigned start = 0;
    for (unsigned i = 0; i < t->modes_count; i++) {
        if (t->modes[i] != ';' || (last != 'h' && last != 'l'))
            continue;
        vterm_input_write(t->vt, t->modes + start, i - start);
        vterm_input_write(t->vt, &last, 1);
        vterm_input_write(t->vt, "\x1b[?", 3);
        start = i + 1;
    }
    vterm_input_write(t->vt, t->modes + start, t->modes_count - start);
    t->modes_count = 0;
}

void terminal_feed(struct terminal *t, const char *bytes, size_t len)
{
    size_t start = 0; // of what has not been handed over
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (t->modes_state == MODES) {
            if (((c >= '0' && c <= '9') || c == ';') && t->modes_count < sizeof t->modes) {
                t->modes[t->modes_count++] = c;
                start = i + 1;
                continue;
            }
            modes_end(t, c);
        }
        bool next = (t->modes_state == ESCAPE && c == '[') || (t->modes_state == BRACKET && c == '?');
        t->modes_state = c == '\x1b' ? ESCAPE : next ? t->modes_state + 1 : TEXT;
        if (t->modes_state == MODES) {
            vterm_input_write(t->vt, bytes + start, i + 1 - start);
            start = i + 1;
        }
    }
    vterm_input_write(t->vt, bytes + start, len - start);
}
