// SPDX-License-Identifier: MIT
//
// What the keys of a text tab do: its own, and what the others send. Where xterm and libvterm differ (Shift-Enter, Ctrl-[, Ctrl-/) it is
// what xterm sends: a shell takes the newer sequences for text. [xterm, Control Sequences: Special Keyboard Keys]
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "ui/input.h"
#include "ui/terminal.h"

VTermModifier terminal_modifiers(unsigned mods)
{
    return (mods & MOD_SHIFT ? VTERM_MOD_SHIFT : 0) | (mods & MOD_CTRL ? VTERM_MOD_CTRL : 0) | (mods & MOD_ALT ? VTERM_MOD_ALT : 0);
}

static VTermKey special_key(unsigned code)
{
    static const struct { unsigned code; VTermKey key; } keys[] = {
        { K_ENTER, VTERM_KEY_ENTER }, { K_KPENTER, VTERM_KEY_ENTER }, { K_TAB, VTERM_KEY_TAB }, { K_BACKSPACE, VTERM_KEY_BACKSPACE },
        { K_ESC, VTERM_KEY_ESCAPE }, { K_UP, VTERM_KEY_UP }, { K_DOWN, VTERM_KEY_DOWN }, { K_LEFT, VTERM_KEY_LEFT },
        { K_RIGHT, VTERM_KEY_RIGHT }, { K_INSERT, VTERM_KEY_INS }, { K_DELETE, VTERM_KEY_DEL }, { K_HOME, VTERM_KEY_HOME },
        { K_END, VTERM_KEY_END }, { K_PAGEUP, VTERM_KEY_PAGEUP }, { K_PAGEDOWN, VTERM_KEY_PAGEDOWN },
        { K_F11, VTERM_KEY_FUNCTION(11) }, { K_F12, VTERM_KEY_FUNCTION(12) },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].code == code)
            return keys[i].key;
    return code >= K_F1 && code < K_F1 + 10 ? VTERM_KEY_FUNCTION(code - K_F1 + 1) : VTERM_KEY_NONE;
}

// The keypad without NumLock.
static unsigned keypad(const struct key *key)
{
    static const uint8_t moves[] = { K_HOME, K_UP, K_PAGEUP, 0, K_LEFT, 0, K_RIGHT, 0, K_END, K_DOWN, K_PAGEDOWN, K_INSERT, K_DELETE };
    bool is = key->code >= K_KP7 && key->code < K_KP7 + sizeof moves && moves[key->code - K_KP7] && !(key->mods & MOD_NUM);
    return is ? moves[key->code - K_KP7] : key->code;
}

static void send_special(struct terminal *t, VTermKey special, unsigned mods)
{
    if (special == VTERM_KEY_BACKSPACE && mods & MOD_CTRL) {
        t->send(t->opaque, "\b", 1);
        return;
    }
    if (special == VTERM_KEY_ENTER || special == VTERM_KEY_BACKSPACE || special == VTERM_KEY_ESCAPE)
        mods &= MOD_ALT;
    else if (special == VTERM_KEY_TAB)
        mods &= MOD_ALT | MOD_SHIFT;
    vterm_keyboard_key(t->vt, special, terminal_modifiers(mods));
}

// The character of a key: of the host's layout, or, where that has none below 128 (Cyrillic, Greek), of a US keyboard.
static char character(const struct key *key)
{
    bool shift = key->mods & MOD_SHIFT;
    char us = input_key_character(key->code, false), symbol = key->symbol ? (char)key->symbol : us;
    if (!shift)
        return symbol;
    return symbol == us ? input_key_character(key->code, true) : (char)toupper(symbol);
}

static char control_of(char c)
{
    if (c == ' ' || c == '2')
        return 0;
    if (c >= '3' && c <= '8')
        return (char)(c == '8' ? 0x7f : 0x1b + c - '3');
    return (char)(c == '/' ? 0x1f : c == '?' ? 0x7f : c >= '@' ? c & 0x1f : c);
}

// Ctrl, Alt or both, and a character.
static void send_chord(struct terminal *t, const struct key *key)
{
    char bytes[2] = "\x1b", c = character(key);
    if (!c)
        return;
    terminal_scroll_end(t);
    bytes[1] = key->mods & MOD_CTRL ? control_of(c) : c;
    t->send(t->opaque, key->mods & MOD_ALT ? bytes : bytes + 1, key->mods & MOD_ALT ? 2 : 1);
}

static bool copy(struct terminal *t)
{
    char *text = terminal_selection(t);
    if (text)
        window_set_clipboard(text, false);
    free(text);
    return true;
}

bool terminal_paste_clipboard(struct terminal *t, bool primary)
{
    char *text = window_clipboard(primary);
    terminal_paste(t, text);
    free(text);
    return true;
}

static bool scroll_key(struct terminal *t, unsigned code)
{
    int page = t->rows > 1 ? t->rows - 1 : 1;
    switch (code) {
    case K_PAGEUP: terminal_scroll(t, page); return true;
    case K_PAGEDOWN: terminal_scroll(t, -page); return true;
    case K_HOME: terminal_scroll(t, (int)SCROLL_BACK); return true;
    case K_END: terminal_scroll_end(t); return true;
    default: return false;
    }
}

// Keys of the tab itself.
static bool own_key(struct terminal *t, const struct key *key, unsigned code)
{
    unsigned mods = key->mods & (MOD_CTRL | MOD_SHIFT | MOD_ALT);
    if (mods == (MOD_CTRL | MOD_SHIFT) && code == K_F) {
        terminal_find_open(t);
        return true;
    }
    if ((mods == (MOD_CTRL | MOD_SHIFT) && code == K_C) || (mods == MOD_CTRL && code == K_INSERT))
        return copy(t);
    if (mods == (MOD_CTRL | MOD_SHIFT) && code == K_V)
        return terminal_paste_clipboard(t, false);
    if (mods == MOD_SHIFT && code == K_INSERT)
        return terminal_paste_clipboard(t, true);
    return mods & MOD_SHIFT && scroll_key(t, code);
}

bool terminal_key(struct terminal *t, struct ui *ui, const struct key *key)
{
    unsigned code = keypad(key);
    if (!key->down)
        return false;
    if (own_key(t, key, code))
        return true;
    if (t->finding)
        return terminal_find_key(t, key);
    VTermKey special = special_key(code);
    if (special != VTERM_KEY_NONE) {
        terminal_scroll_end(t);
        send_special(t, special, key->mods);
        return true;
    }
    if (key->mods & (MOD_CTRL | MOD_ALT))
        send_chord(t, key);
    return key->mods & (MOD_CTRL | MOD_ALT);
}

void terminal_text(struct terminal *t, const char *utf8)
{
    if (t->finding) {
        terminal_find_text(t, utf8);
        return;
    }
    terminal_scroll_end(t);
    for (uint32_t code; (code = utf8_next(&utf8));)
        vterm_keyboard_unichar(t->vt, code, VTERM_MOD_NONE);
}

void terminal_paste(struct terminal *t, const char *utf8)
{
    char *text = malloc(strlen(utf8) * 3 + 1);
    size_t n = 0;
    for (uint32_t code; (code = utf8_next(&utf8));) {
        if (code == '\r' && *utf8 == '\n')
            continue;
        if (code >= 32 || code == '\n' || code == '\t' || code == '\r') // nothing that could close the brackets
            n += utf8_put(text + n, code == '\n' ? '\r' : code);
    }
    vterm_keyboard_start_paste(t->vt);
    t->send(t->opaque, text, n);
    vterm_keyboard_end_paste(t->vt);
    free(text);
}
