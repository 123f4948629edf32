// SPDX-License-Identifier: MIT
//
// Keys and pointer movements from the monitor, and what the window shows.
#include <stdlib.h>
#include <string.h>
#include "monitor/internal.h"
#include "ui/input.h"
#include "ui/ui.h"
#include "util/parse.h"

// A key by name, or by number (0x1e: a set 1 scan code, which up to 0x58 is the Linux code).
static unsigned key_code(const char *word)
{
    uint64_t number;
    unsigned code = input_key_code(word);
    if (!code && !strncmp(word, "0x", 2) && parse_u64(word, &number, NULL) && number && number <= 0x58)
        code = (unsigned)number;
    return code;
}

bool cmd_sendkey(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *keys = next_word(&arguments), *hold = next_word(&arguments);
    uint64_t ms = 100;
    if (!keys)
        return error_set(errp, "sendkey: keys are missing (ctrl-alt-f2)");
    if (hold && (!parse_u64(hold, &ms, NULL) || ms > 60000))
        return error_set(errp, "sendkey: '%s' is not a time in milliseconds up to 60000", hold);
    unsigned codes[INPUT_CHORD], count = 0;
    char *save = NULL;
    for (char *word = strtok_r(keys, "-", &save); word; word = strtok_r(NULL, "-", &save)) {
        unsigned code = key_code(word);
        if (!code)
            return error_set(errp, "sendkey: unknown key '%s'", word);
        if (count == INPUT_CHORD)
            return error_set(errp, "sendkey: more than %d keys", INPUT_CHORD);
        codes[count++] = code;
    }
    input_chord(machine->input, codes, count, (unsigned)ms);
    return true;
}

static bool number(char **arguments, const char *what, bool needed, int64_t limit, int64_t *value, struct error **errp)
{
    char *word = next_word(arguments);
    *value = 0;
    if (!word && !needed)
        return true;
    if (!word || !parse_i64(word, value, NULL) || *value > limit || *value < -limit)
        return error_set(errp, "%s: '%s' is not a number from %lld to %lld", what, word ? word : "", (long long)-limit, (long long)limit);
    return true;
}

static bool nothing_more(char **arguments, const char *what, struct error **errp)
{
    const char *word = next_word(arguments);
    return !word || error_set(errp, "%s: '%s' is one argument too many", what, word);
}

bool cmd_mouse_move(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    int64_t dx, dy, dz;
    if (!number(&arguments, "mouse_move", true, 10000, &dx, errp) || !number(&arguments, "mouse_move", true, 10000, &dy, errp) ||
        !number(&arguments, "mouse_move", false, 100, &dz, errp) || !nothing_more(&arguments, "mouse_move", errp))
        return false;
    input_pointer(machine->input, (int)dx, (int)dy, (int)dz, machine->mouse_buttons);
    return true;
}

bool cmd_mouse_button(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    int64_t bits;
    if (!number(&arguments, "mouse_button", true, 7, &bits, errp) || !nothing_more(&arguments, "mouse_button", errp))
        return false;
    if (bits < 0)
        return error_set(errp, "mouse_button: 1 left, 2 middle, 4 right, and their sums");
    // QEMU's bits: 1 left, 2 middle, 4 right.
    machine->mouse_buttons = (bits & 1 ? INPUT_LEFT : 0) | (bits & 2 ? INPUT_MIDDLE : 0) | (bits & 4 ? INPUT_RIGHT : 0);
    input_pointer(machine->input, 0, 0, 0, machine->mouse_buttons);
    return true;
}

bool info_ui(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (!machine->ui)
        return error_set(errp, "info ui: there is no window");
    return ui_print(machine->ui, *arguments ? arguments : NULL, out->print, out->opaque, errp);
}
