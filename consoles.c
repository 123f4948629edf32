// SPDX-License-Identifier: MIT
//
// The character devices of the command line: made, and given to serial ports, monitors and QMP.
#include "consoles.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "chardev/chardev.h"
#include "util/error.h"

static bool add_monitor_device(struct consoles *s, struct chardev *c, struct error **errp)
{
    if (!c)
        return true;
    if (s->monitor_count == MAX_MONITORS)
        return error_set(errp, "more than %d monitors", MAX_MONITORS);
    s->monitors[s->monitor_count++] = c;
    return true;
}

static bool add_control_device(struct consoles *s, struct chardev *c, bool pretty, struct error **errp)
{
    if (!c)
        return true;
    if (s->control_count == MAX_MONITORS)
        return error_set(errp, "more than %d QMP connections", MAX_MONITORS);
    s->controls[s->control_count].pretty = pretty;
    s->controls[s->control_count++].device = c;
    return true;
}

static bool open_mon(struct consoles *s, struct chardev_list *list, const struct mon_option *o, struct error **errp)
{
    struct chardev *c = chardev_find(list, o->chardev);
    if (!c)
        return error_set(errp, "-mon: chardev \"%s\" not found", o->chardev);
    return o->control ? add_control_device(s, c, o->pretty, errp) : add_monitor_device(s, c, errp);
}

// The device of a short form ("stdio", "unix:..."): -OPTION VALUE. NULL without an error: none.
static bool open_short(struct chardev_list *list, const char *option, const char *label, size_t number, const char *value, struct chardev **c,
                       struct error **errp)
{
    struct error *why = NULL;
    char name[32];
    snprintf(name, sizeof name, "%s%zu", label, number);
    *c = chardev_from_legacy(list, name, value, &why);
    if (!why)
        return true;
    error_prefix(&why, "-%s %s: ", option, value);
    error_propagate(errp, why);
    return false;
}

// QEMU's defaults: a window has both; -nographic and a terminal mean both on stdio.
static void add_defaults(struct options *o, bool window)
{
    bool serial = !o->serials.count && !o->nodefaults, monitor = !o->monitors.count && !o->mon_count && !o->qmps.count && !o->nodefaults;
    if (window) {
        if (serial)
            text_list_add(&o->serials, "vc");
        if (monitor)
            text_list_add(&o->monitors, "vc");
    } else if (serial && (o->nographic || (isatty(0) && !o->daemonize))) {
        text_list_add(&o->serials, monitor ? "mon:stdio" : "stdio");
    }
}

static bool open_serials(struct consoles *s, struct options *o, struct chardev_list *list, struct error **errp)
{
    if (o->serials.count > PC_MAX_SERIAL)
        return error_set(errp, "-serial: at most %d serial ports", PC_MAX_SERIAL);
    for (size_t i = 0; i < o->serials.count; i++) {
        const char *value = o->serials.items[i];
        if (!open_short(list, "serial", "serial", i, value, &o->pc.serial[i], errp))
            return false;
        if (!strncmp(value, "mon:", 4) && !add_monitor_device(s, o->pc.serial[i], errp))
            return false;
    }
    return true;
}

bool consoles_open(struct consoles *s, struct options *o, struct chardev_list *list, bool window, struct error **errp)
{
    struct chardev *c;
    for (size_t i = 0; i < o->chardevs.count; i++)
        if (!chardev_new(list, o->chardevs.items[i], errp))
            return false;
    add_defaults(o, window);
    if (!open_serials(s, o, list, errp))
        return false;
    for (size_t i = 0; i < o->monitors.count; i++)
        if (!open_short(list, "monitor", "compat_monitor", i, o->monitors.items[i], &c, errp) || !add_monitor_device(s, c, errp))
            return false;
    for (size_t i = 0; i < o->qmps.count; i++)
        if (!open_short(list, o->qmp_pretty[i] ? "qmp-pretty" : "qmp", "compat_monitor", o->monitors.count + i, o->qmps.items[i], &c, errp) ||
            !add_control_device(s, c, o->qmp_pretty[i], errp))
            return false;
    for (size_t i = 0; i < o->mon_count; i++)
        if (!open_mon(s, list, &o->mons[i], errp))
            return false;
    return true;
}
