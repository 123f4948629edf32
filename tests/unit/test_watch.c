// SPDX-License-Identifier: MIT
//
// softmmu/watch.c in the slow path, against a list of ranges: random accesses of all kinds and sizes, also over page borders, go
// through the arrays first, as generated code would. Each access to a watched byte leaves exactly with nothing done, and
// is noted when it runs again; all others go on as if there were no watchpoints.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "softmmu/memory.h"
#include "softmmu/watch.h"
#include "tests/unit/tap.h"

#define RAM_SIZE 0x10000u
#define SPAN 0x6000u // addresses that accesses and watchpoints use
enum { WATCHES = 5, ROUNDS = 400000 };

static struct address_space space;
static struct region ram_region;
static struct ram_block *ram;
static struct tlb_machine *tlb;
static struct vcpu_head cpu, other_cpu;
static struct watchpoint watches[WATCHES];
static bool placed[WATCHES];
static struct tap_random rnd = { 7 };
static jmp_buf escape;

static bool target_walk(struct vcpu_head *head, enum tlb_view view, uint64_t va, enum access access, struct translation *out)
{
    *out = (struct translation){ .physical = va, .page_size = PAGE_SIZE, .writable = true, .executable = true };
    return true;
}
static void __attribute__((noreturn)) target_raise(struct vcpu_head *head) { abort(); }
static void __attribute__((noreturn)) target_leave(struct vcpu_head *head) { longjmp(escape, 1); }
static bool target_look(struct vcpu_head *head, uint64_t va, struct translation *out)
{
    return target_walk(head, VIEW_SUPERVISOR, va, ACCESS_READ, out);
}
static const struct tlb_target_ops target_ops = { .walk = target_walk, .raise = target_raise, .look = target_look };

enum what { LOAD, STORE, LOAD128, STORE128, RMW, BULK_READ, BULK_WRITE, KINDS };
struct access_try { enum what what; uint64_t va, len; unsigned size_log2; };

static bool reads(enum what what) { return what == LOAD || what == LOAD128 || what == RMW || what == BULK_READ; }
static bool writes(enum what what) { return what == STORE || what == STORE128 || what == RMW || what == BULK_WRITE; }

// As generated code: by the arrays when they have the page.
static bool direct(const struct access_try *t)
{
    const struct tlb_entry *entries = writes(t->what) ? cpu.context->write : cpu.context->read;
    const struct tlb_entry *e = &entries[t->va >> PAGE_BITS & (TLB_SIZE - 1)];
    if (t->va - e->tag > PAGE_SIZE - t->len)
        return false;
    if (writes(t->what))
        memset((uint8_t *)(uintptr_t)e->host + (t->va - e->tag), 0x5a, t->len);
    return true;
}

static void slow(const struct access_try *t)
{
    uint64_t pair[2] = { 0x5a5a5a5a5a5a5a5aull, 0x5a5a5a5a5a5a5a5aull };
    uint8_t *host;
    switch (t->what) {
    case LOAD: ldst_load(&cpu, t->va, t->size_log2); break;
    case STORE: ldst_store(&cpu, t->va, pair[0], t->size_log2); break;
    case LOAD128: ldst_load128(&cpu, t->va, pair); break;
    case STORE128: ldst_store128(&cpu, t->va, pair); break;
    case RMW:
        host = ldst_probe_rmw(&cpu, t->va, (unsigned)t->len);
        if (host)
            memset(host, 0x5a, t->len);
        else
            ldst_store(&cpu, t->va, pair[0], t->size_log2);
        break;
    case BULK_READ:
        ldst_page_pointer(&cpu, t->va, t->len, ACCESS_READ);
        ldst_bulk_read(&cpu, t->va, t->len);
        break;
    default:
        host = ldst_page_pointer(&cpu, t->va, t->len, ACCESS_WRITE);
        memset(host, 0x5a, t->len);
        break;
    }
}

// 1: left exactly.
static int attempt(const struct access_try *t, bool allowed)
{
    cpu.site = 1;
    cpu.io_allowed = allowed;
    if (setjmp(escape))
        return 1;
    slow(t);
    return 0;
}

// WATCH_* that the access must raise at watchpoint i.
static unsigned expected(const struct access_try *t, unsigned i)
{
    const struct watchpoint *w = &watches[i];
    if (!placed[i] || w->cpu == &other_cpu || t->va >= w->va + w->len || w->va >= t->va + t->len)
        return 0;
    return w->kinds & ((reads(t->what) ? WATCH_READ : 0) | (writes(t->what) ? WATCH_WRITE : 0));
}

static bool holds(uint64_t va, uint64_t len, uint8_t value)
{
    for (uint64_t i = 0; i < len; i++)
        if (ram->host[va + i] != value)
            return false;
    return true;
}

static struct access_try random_access(void)
{
    struct access_try t = { .what = tap_next(&rnd) % KINDS, .size_log2 = tap_next(&rnd) % 4 };
    bool bulk = t.what == BULK_READ || t.what == BULK_WRITE;
    t.len = bulk ? 1 + tap_next(&rnd) % 300 : t.what == LOAD128 || t.what == STORE128 ? 16 : 1u << t.size_log2;
    t.va = PAGE_SIZE + tap_next(&rnd) % SPAN;
    if (tap_next(&rnd) & 1) // near a watchpoint
        t.va = watches[tap_next(&rnd) % WATCHES].va + tap_next(&rnd) % 40 - 20;
    if (t.va < PAGE_SIZE || t.va > SPAN)
        t.va = PAGE_SIZE;
    if (bulk && (t.va & PAGE_OFFSET_MASK) + t.len > PAGE_SIZE)
        t.len = PAGE_SIZE - (t.va & PAGE_OFFSET_MASK);
    return t;
}

static void change_watch(void)
{
    unsigned i = tap_next(&rnd) % WATCHES;
    if (placed[i])
        watch_remove(tlb, &watches[i]);
    placed[i] = tap_next(&rnd) % 3;
    uint64_t len = tap_next(&rnd) % 8 ? 1 + tap_next(&rnd) % 16 : 1 + tap_next(&rnd) % 0x2000;
    watches[i] = (struct watchpoint){ .va = PAGE_SIZE + tap_next(&rnd) % SPAN, .len = len, .kinds = (uint8_t)(WATCH_READ + tap_next(&rnd) % 3),
                                      .cpu = tap_next(&rnd) % 4 ? NULL : tap_next(&rnd) & 1 ? &cpu : &other_cpu };
    if (placed[i])
        watch_add(tlb, &watches[i]);
}

static unsigned hits, fast;

static const char *try_once(const struct access_try *t)
{
    bool hit = false;
    for (unsigned i = 0; i < WATCHES; i++)
        hit |= expected(t, i) != 0;
    memset(ram->host + t->va, 0x11, t->len);
    if (direct(t)) {
        fast++;
        return hit ? "a watched access went by the arrays" : cpu.watch_hit ? "noted by nobody" : NULL;
    }
    if (hit) {
        hits++;
        if (!attempt(t, false))
            return "did not leave exactly";
        if (!holds(t->va, t->len, 0x11) || cpu.watch_hit)
            return "left with something done";
    }
    if (attempt(t, hit))
        return "left without a reason";
    if (!holds(t->va, t->len, writes(t->what) ? 0x5a : 0x11))
        return "wrong bytes";
    for (unsigned i = 0; i < WATCHES; i++) {
        if (watches[i].hit != expected(t, i))
            return "noted wrongly";
        watches[i].hit = 0;
    }
    if (cpu.watch_hit != hit)
        return "watch_hit is wrong";
    cpu.watch_hit = 0;
    return NULL;
}

int main(void)
{
    address_space_init(&space, "memory", UINT64_MAX);
    ram = ram_block_new("ram", RAM_SIZE, NULL);
    region_init_ram(&ram_region, "ram", ram, 0, RAM_SIZE);
    region_add(&space.root, &ram_region, 0, 0);
    tlb = tlb_machine_new(&space, 12);
    cpu.tlb = other_cpu.tlb = tlb;
    cpu.tlb_ops = &target_ops;
    cpu.memory = &space;
    cpu.leave_exactly = target_leave;
    for (unsigned v = 0; v < VIEW_COUNT; v++)
        cpu.views[v] = tlb_context_get(tlb, 0x1000, v);
    cpu.context = cpu.views[VIEW_SUPERVISOR];
    unsigned bad = 0;
    for (unsigned round = 0; round < ROUNDS && bad < 5; round++) {
        if (round % 64 == 0)
            change_watch();
        struct access_try t = random_access();
        const char *wrong = try_once(&t);
        if (wrong) {
            bad++;
            printf("# %s: kind %d at %#llx, %llu bytes\n", wrong, t.what, (unsigned long long)t.va, (unsigned long long)t.len);
        }
    }
    tap_ok(!bad, "%d random accesses: watched ones leave exactly and are noted", ROUNDS);
    tap_ok(hits > ROUNDS / 50, "%u of them were watched", hits);
    tap_ok(fast > ROUNDS / 50, "%u went by the arrays", fast);
    for (unsigned i = 0; i < WATCHES; i++)
        if (placed[i])
            watch_remove(tlb, &watches[i]);
    tap_ok(!watch_any(tlb), "none left");
    tlb_machine_free(tlb);
    address_space_release(&space);
    ram_block_unref(ram);
    return tap_done();
}
