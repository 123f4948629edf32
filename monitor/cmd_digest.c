// SPDX-License-Identifier: MIT
//
// info digest: the state of the machine in a few words, to compare two runs.
#include "monitor/internal.h"
#include "snapshot/digest.h"

struct lines { const struct output *out; uint64_t count; };

static void show(void *opaque, const char *part, const char *hex)
{
    const struct lines *l = opaque;
    out_printf(l->out, "digest %llu %s %s\n", (unsigned long long)l->count, part, hex);
}

bool info_digest(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    struct lines l = { out, engine_instructions(pc_engine(machine)) };
    if (!digest_supported(errp))
        return false;
    digest_machine(machine, show, &l, NULL);
    return true;
}
