// SPDX-License-Identifier: MIT
//
// What can be known to be wrong with a script before the run.
#include "chardev/chardev.h"
#include "replay/script.h"
#include "snapshot/control.h"
#include "snapshot/digest.h"
#include "snapshot/internal.h"
#include "util/error.h"

static bool check_event(const struct script_event *e, const struct script_place *place, struct error **errp)
{
    switch (e->kind) {
    case SCRIPT_SERIAL: case SCRIPT_BREAK:
        return chardev_gate_exists(place->chardevs, e->port) || error_set(errp, "there is no serial port %u", e->port);
    case SCRIPT_KEY: return keys_check(e->text, errp);
    case SCRIPT_POINTER: return pointer_check(e->text, errp);
    case SCRIPT_MONITOR: case SCRIPT_QMP: return place->commands->check_command(e->kind == SCRIPT_QMP, e->text, errp);
    case SCRIPT_GDB: return place->commands->gdb_check(place->machine, e->text, errp);
    case SCRIPT_FLIP: return flip_check(e->text, errp);
    case SCRIPT_DIGEST: return digest_supported(errp);
    default: return true;
    }
}

bool script_check(const struct script *script, const struct script_place *place, const char *path, struct error **errp)
{
    for (size_t i = 0; i < script->count; i++) {
        struct error *why = NULL;
        if (check_event(&script->events[i], place, &why))
            continue;
        error_prefix(&why, "%s:%u: ", path, script->events[i].line);
        error_propagate(errp, why);
        return false;
    }
    return true;
}
