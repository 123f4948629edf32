// SPDX-License-Identifier: MIT
//
// Makes a differing case small: drops units, simplifies the state and the memory, as long as it still differs.
#include <stdlib.h>
#include <string.h>
#include "tests/fuzz/fuzz.h"

static bool accept(struct fuzz_case *c, struct fuzz_case *candidate, differs_fn differs, void *opaque)
{
    case_layout(candidate);
    if (candidate->invalid || !differs(opaque, candidate))
        return false;
    *c = *candidate;
    return true;
}

static void drop_unit(struct fuzz_case *c, unsigned n)
{
    memmove(&c->units[n], &c->units[n + 1], (c->unit_count - n - 1) * sizeof c->units[0]);
    c->unit_count--;
    for (unsigned i = 0; i < c->unit_count; i++)
        for (unsigned k = 0; k < c->units[i].fix_count; k++)
            if (c->units[i].fix[k].target > n)
                c->units[i].fix[k].target--;
}

static bool drop_units(struct fuzz_case *c, struct fuzz_case *t, differs_fn differs, void *opaque)
{
    bool any = false;
    for (unsigned i = c->unit_count; i-- > 0;) {
        if (c->unit_count == 1 || i >= c->unit_count)
            continue;
        *t = *c;
        drop_unit(t, i);
        any |= accept(c, t, differs, opaque);
    }
    return any;
}

// 8 bytes of the state at a time become zero.
static void simplify_state(struct fuzz_case *c, struct fuzz_case *t, differs_fn differs, void *opaque)
{
    for (unsigned i = 0; i < 16; i++) {
        *t = *c;
        if (i == 4 || !t->state.gpr[i])
            continue;
        t->state.gpr[i] = 0;
        accept(c, t, differs, opaque);
    }
    *t = *c;
    t->state.rflags = 0x202;
    accept(c, t, differs, opaque);
    *t = *c;
    t->pool_offset = UINT32_MAX;
    accept(c, t, differs, opaque);
    *t = *c;
    memset(t->state.fx, 0, 160);
    t->state.fx[0] = 0x7f;
    t->state.fx[1] = 3;
    memcpy(t->state.fx + 24, c->state.fx + 24, 4);
    accept(c, t, differs, opaque);
    *t = *c;
    memcpy(t->state.fx + 24, "\x80\x1f\0\0", 4);
    accept(c, t, differs, opaque);
    for (unsigned i = 32; i < 416; i += 16) {
        *t = *c;
        memset(t->state.fx + i, 0, 16);
        accept(c, t, differs, opaque);
    }
}

void case_shrink(struct fuzz_case *c, differs_fn differs, void *opaque)
{
    struct fuzz_case *t = malloc(sizeof *t);
    while (drop_units(c, t, differs, opaque)) {}
    *t = *c;
    t->start = 0;
    accept(c, t, differs, opaque);
    simplify_state(c, t, differs, opaque);
    drop_units(c, t, differs, opaque);
    case_layout(c);
    free(t);
}
