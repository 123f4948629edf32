// SPDX-License-Identifier: MIT
//
// Time and what ends a run: -rtc, -icount, -action.
#define _GNU_SOURCE
#include "options_internal.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "util/error.h"
#include "util/nearest.h"

bool option_rtc(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "base", "clock", "driftfix" };
    struct option_pairs p;
    bool ok = option_split(&p, "rtc", text, "base", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct option_pair *k = &p.items[i];
        struct tm tm = { 0 };
        time_t now = time(NULL);
        if (!strcmp(k->key, "base")) {
            o->run.rtc_given = true;
            o->run.rtc_from_host = !strcmp(k->value, "utc") || !strcmp(k->value, "localtime");
        }
        if (!strcmp(k->key, "clock") || !strcmp(k->key, "driftfix")) {
            if (strcmp(k->value, "vm") && strcmp(k->value, "host") && strcmp(k->value, "rt") && strcmp(k->value, "none") && strcmp(k->value, "slew"))
                ok = error_set(errp, "-rtc: invalid value '%s' of '%s'", k->value, k->key);
            o->run.rtc_clock_host |= *k->key == 'c' && strcmp(k->value, "vm");
        } else if (strcmp(k->key, "base")) {
            ok = option_invalid("rtc", text, k->key, known, 3, errp);
        } else if (!strcmp(k->value, "utc")) {
            o->pc.rtc_base_ns = (int64_t)now * NS_PER_SECOND;
        } else if (!strcmp(k->value, "localtime")) {
            localtime_r(&now, &tm);
            o->pc.rtc_base_ns = (int64_t)timegm(&tm) * NS_PER_SECOND;
        } else if (strptime(k->value, "%Y-%m-%dT%H:%M:%S", &tm) || strptime(k->value, "%Y-%m-%d", &tm)) {
            o->pc.rtc_base_ns = (int64_t)timegm(&tm) * NS_PER_SECOND;
        } else {
            ok = error_set(errp, "-rtc: invalid date '%s' (2026-01-31T12:00:00, 2026-01-31, utc or localtime)", k->value);
        }
    }
    free(p.text);
    return ok;
}

static bool icount_pair(struct options *o, const struct option_pair *k, const char *text, struct error **errp)
{
    static const char *const known[] = { "shift", "sleep", "align" };
    uint64_t n = 0;
    if (!strcmp(k->key, "sleep"))
        return o->run.sleep_given = option_on_off("icount", k, &o->run.sleep_on, errp);
    if (!strcmp(k->key, "align"))
        return option_on_off("icount", k, &o->pc.engine.icount_align, errp);
    if (!strncmp(k->key, "rr", 2)) { // QEMU's
        error_set(errp, "-icount %s: Invalid parameter '%s'", text, k->key);
        error_hint(errp, "-deterministic -record FILE records a run here, and -deterministic -script FILE replays it");
        return false;
    }
    if (strcmp(k->key, "shift"))
        return option_invalid("icount", text, k->key, known, 3, errp);
    bool automatic = !strcmp(k->value, "auto");
    if (!automatic && !option_number("icount", k, 10, &n, NULL))
        return error_set(errp, "-icount: Parameter 'shift' expects a number from 0 to 10, or auto, not '%s'", k->value);
    o->pc.engine.icount_shift = automatic ? ICOUNT_AUTO : (int)n;
    return true;
}

bool option_icount(struct options *o, const char *text, struct error **errp)
{
    struct option_pairs p;
    bool ok = option_split(&p, "icount", text, "shift", errp);
    o->run.icount_given = true;
    o->run.sleep_on = true;
    for (unsigned i = 0; ok && i < p.count; i++)
        ok = icount_pair(o, &p.items[i], text, errp);
    if (ok && o->pc.engine.icount_shift == ICOUNT_OFF)
        ok = error_set(errp, "-icount %s: shift=N or shift=auto is needed", text);
    if (ok && o->pc.engine.icount_align && !o->run.sleep_on)
        ok = error_set(errp, "-icount %s: align=on and sleep=off are incompatible", text);
    free(p.text);
    return ok;
}

// Row of the values that a key of -action takes; -1 when the value is none of them.
static int action_value(const struct option_pair *k, const char *const *values, size_t count, struct error **errp)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(values[i], k->value))
            return (int)i;
    error_set(errp, "-action: Parameter '%s' does not accept value '%s'", k->key, k->value);
    const char *nearest = nearest_name(k->value, values, count);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return -1;
}

bool option_action(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "reboot", "shutdown", "panic" }, *const reboot[] = { "reset", "shutdown" };
    static const char *const shutdown[] = { "poweroff", "pause" }, *const panic[] = { "shutdown", "pause", "exit-failure", "none" };
    struct option_pairs p;
    bool ok = option_split(&p, "action", text, NULL, errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        const struct option_pair *k = &p.items[i];
        int v = 0;
        if (!strcmp(k->key, "reboot"))
            o->pc.no_reboot = (v = action_value(k, reboot, 2, errp)) > 0;
        else if (!strcmp(k->key, "shutdown"))
            o->pc.no_shutdown = (v = action_value(k, shutdown, 2, errp)) > 0;
        else if (!strcmp(k->key, "panic"))
            o->pc.panic = (enum panic_action)(v = action_value(k, panic, 4, errp));
        else if (!strcmp(k->key, "watchdog"))
            ok = error_set(errp, "-action watchdog=%s: there is no watchdog in this version", k->value);
        else
            ok = option_invalid("action", text, k->key, known, 3, errp);
        ok = ok && v >= 0;
    }
    free(p.text);
    return ok;
}
