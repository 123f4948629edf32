// SPDX-License-Identifier: MIT
//
// Monitors: -mon, -qmp.
#include "options_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/monitor.h"
#include "util/error.h"

static bool qmp_exists(const char *option, const char *text, struct error **errp)
{
    if (qmp_available(errp))
        return true;
    error_prefix(errp, "-%s %s: ", option, text);
    return false;
}

bool option_qmp(struct options *o, const char *option, const char *text, bool pretty, struct error **errp)
{
    if (!qmp_exists(option, text, errp) || !option_list_add(&o->qmps, option, text, errp))
        return false;
    o->qmp_pretty[o->qmps.count - 1] = pretty;
    return true;
}

// [chardev=]ID[,mode=readline|control][,pretty=on|off]
bool option_mon(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "chardev", "mode", "pretty" };
    struct mon_option mon = { 0 };
    struct option_pairs p;
    bool ok = option_split(&p, "mon", text, "chardev", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        const struct option_pair *pair = &p.items[i];
        if (!strcmp(pair->key, "chardev"))
            snprintf(mon.chardev, sizeof mon.chardev, "%s", pair->value);
        else if (!strcmp(pair->key, "mode") && (!strcmp(pair->value, "readline") || !strcmp(pair->value, "control")))
            mon.control = *pair->value == 'c';
        else if (!strcmp(pair->key, "mode"))
            ok = error_set(errp, "-mon %s: Parameter 'mode' expects readline or control, not '%s'", text, pair->value);
        else if (!strcmp(pair->key, "pretty"))
            ok = option_on_off("mon", pair, &mon.pretty, errp);
        else
            ok = option_invalid("mon", text, pair->key, known, sizeof known / sizeof *known, errp);
    }
    free(p.text);
    if (ok && !*mon.chardev)
        ok = error_set(errp, "-mon %s: Parameter 'chardev' is missing", text);
    if (ok && mon.pretty && !mon.control)
        ok = error_set(errp, "-mon %s: 'pretty' is for mode=control", text);
    if (ok && o->mon_count == MAX_MON_OPTIONS)
        ok = error_set(errp, "-mon: given more than %d times", MAX_MON_OPTIONS);
    if (!ok || (mon.control && !qmp_exists("mon", text, errp)))
        return false;
    o->mons[o->mon_count++] = mon;
    return true;
}
