// SPDX-License-Identifier: MIT
//
// String instructions with REP: one call is one chunk, up to the nearest page boundary of either pointer. A chunk of
// n bytes is charged n / 64 on top of the instruction itself. Registers hold the progress between chunks, so faults and
// interrupts fall between iterations, as the architecture says. One iteration a call on devices, with DF set, and under TF.
#include <string.h>
#include "softmmu/memory.h"
#include "target/i386/helpers_int.h"
#include "target/i386/segment.h"
#include "tcg/ir.h"

enum { MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS };
struct string {
    struct x86_cpu *cpu;
    unsigned what, size, addrsize, segment;
    bool rep, repne, backward, trap, port_free;
    uint64_t mask;           // of the address size
    uint64_t source, destination; // linear
    uint64_t a, b;           // CMPS, SCAS: what was compared last
};

static struct string decode(struct vcpu_head *head, uint64_t how)
{
    struct x86_cpu *cpu = x86_of(head);
    struct string s = { .cpu = cpu, .what = how & 15, .size = how >> 4 & 15, .addrsize = how >> 8 & 15, .rep = how >> 12 & 1, .repne = how >> 13 & 1,
                        .segment = how >> 16 & 15, .port_free = how >> 20 & 1, .trap = how >> 21 & 1, .backward = cpu->eflags & F_DF };
    s.mask = s.addrsize == 3 ? ~0ull : s.addrsize == 2 ? 0xffffffff : 0xffff;
    bool flat = code_is_64(cpu);
    uint64_t wrap = flat ? ~0ull : 0xffffffff;
    uint64_t source_base = flat && s.segment < SEG_FS ? 0 : cpu->seg[s.segment].base, es = flat ? 0 : cpu->seg[SEG_ES].base;
    s.source = (source_base + (cpu->regs[R_RSI] & s.mask)) & wrap;
    s.destination = (es + (cpu->regs[R_RDI] & s.mask)) & wrap;
    s.a = cpu->regs[R_RAX];
    return s;
}

static void add(struct string *s, unsigned reg, int64_t delta)
{
    uint64_t *r = &s->cpu->regs[reg], v = *r + (uint64_t)delta;
    *r = s->addrsize == 3 ? v : s->addrsize == 2 ? (uint32_t)v : (*r & ~0xffffull) | (v & 0xffff);
}

static bool uses_source(const struct string *s) { return s->what == MOVS || s->what == CMPS || s->what == LODS || s->what == OUTS; }
static bool uses_destination(const struct string *s) { return s->what != LODS && s->what != OUTS; }

static void advance(struct string *s, uint64_t count)
{
    int64_t bytes = (int64_t)(count << s->size);
    if (s->backward)
        bytes = -bytes;
    if (uses_source(s))
        add(s, R_RSI, bytes);
    if (uses_destination(s))
        add(s, R_RDI, bytes);
    if (s->rep)
        add(s, R_RCX, -(int64_t)count);
}

static uint64_t to_boundary(uint64_t va) { return PAGE_SIZE - (va & PAGE_OFFSET_MASK); }

// How many elements a chunk may have: 1 when it must be one iteration.
static uint64_t chunk(const struct string *s)
{
    uint64_t n = s->cpu->regs[R_RCX] & s->mask, left = ~0ull;
    if (s->backward || s->trap)
        return 1;
    if (uses_source(s))
        left = to_boundary(s->source);
    if (uses_destination(s) && to_boundary(s->destination) < left)
        left = to_boundary(s->destination);
    uint64_t room = left >> s->size;
    if (s->addrsize < 3) { // no wrap of the offset inside a chunk
        uint64_t to_wrap = s->mask + 1 - ((s->what == STOS || s->what == SCAS ? s->cpu->regs[R_RDI] : s->cpu->regs[R_RSI]) & s->mask);
        uint64_t other = s->mask + 1 - (s->cpu->regs[R_RDI] & s->mask);
        to_wrap = to_wrap < other ? to_wrap : other;
        if (to_wrap >> s->size < room)
            room = to_wrap >> s->size;
    }
    if (!room)
        return 1; // the element itself crosses
    return n < room ? n : room;
}

static void charge(struct string *s, uint64_t bytes)
{
    s->cpu->head.budget -= (int32_t)(bytes / 64);
}

// Copy as the element-wise loop does: overlapping upwards repeats the pattern.
static void copy_up(uint8_t *to, const uint8_t *from, uint64_t bytes, unsigned element)
{
    if (to <= from || to >= from + bytes) {
        memmove(to, from, bytes);
        return;
    }
    uint64_t distance = (uint64_t)(to - from);
    if (distance < element) { // elements overlap themselves
        for (uint64_t i = 0; i < bytes; i += element) {
            uint8_t tmp[8];
            memcpy(tmp, from + i, element);
            memcpy(to + i, tmp, element);
        }
        return;
    }
    for (uint64_t i = 0; i < bytes; i += distance)
        memcpy(to + i, from + i, bytes - i < distance ? bytes - i : distance);
}

static void fill(uint8_t *to, uint64_t value, uint64_t count, unsigned size)
{
    if (size == 0) {
        memset(to, (int)value & 0xff, count);
        return;
    }
    uint64_t low = size == 3 ? value : value & ((1ull << (8 << size)) - 1);
    if (low == 0) {
        memset(to, 0, count << size);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        for (unsigned b = 0; b < 1u << size; b++)
            to[(i << size) + b] = (uint8_t)(low >> 8 * b);
}

static uint64_t bulk_move(struct string *s, uint64_t n)
{
    struct vcpu_head *head = &s->cpu->head;
    uint8_t *from = ldst_page_pointer(head, s->source, n << s->size, ACCESS_READ);
    uint8_t *to = from ? ldst_page_pointer(head, s->destination, n << s->size, ACCESS_WRITE) : NULL;
    if (!to)
        return 0;
    copy_up(to, from, n << s->size, 1u << s->size);
    ldst_bulk_read(head, s->source, n << s->size);
    return n;
}

static uint64_t bulk_fill(struct string *s, uint64_t n)
{
    uint8_t *to = ldst_page_pointer(&s->cpu->head, s->destination, n << s->size, ACCESS_WRITE);
    if (!to)
        return 0;
    fill(to, s->cpu->regs[R_RAX], n, s->size);
    return n;
}

static uint64_t read_element(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 1u << size; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static bool compare_stops(const struct string *s)
{
    uint64_t mask = s->size == 3 ? ~0ull : (1ull << (8 << s->size)) - 1;
    return (((s->a ^ s->b) & mask) == 0) == s->repne;
}

// CMPS and SCAS in RAM: elements until the condition ends it. Returns how many were compared.
static uint64_t bulk_compare(struct string *s, uint64_t n, bool *stop)
{
    struct vcpu_head *head = &s->cpu->head;
    uint64_t i;
    const uint8_t *right = ldst_page_pointer(head, s->destination, n << s->size, ACCESS_READ); // faults: this first
    const uint8_t *left = right && s->what == CMPS ? ldst_page_pointer(head, s->source, n << s->size, ACCESS_READ) : NULL;
    if (!right || (s->what == CMPS && !left))
        return 0;
    for (i = 0; i < n && !*stop; i++) {
        if (left)
            s->a = read_element(left + (i << s->size), s->size);
        s->b = read_element(right + (i << s->size), s->size);
        *stop = compare_stops(s);
    }
    if (left)
        ldst_bulk_read(head, s->source, i << s->size);
    ldst_bulk_read(head, s->destination, i << s->size);
    return i;
}

static uint64_t one_iteration(struct string *s, bool *stop)
{
    struct vcpu_head *head = &s->cpu->head;
    uint64_t a = s->cpu->regs[R_RAX], mask = s->size == 3 ? ~0ull : (1ull << (8 << s->size)) - 1;
    switch (s->what) {
    case MOVS:
        ldst_probe(head, s->source, 1u << s->size, ACCESS_READ); // faults: the source's first
        ldst_probe(head, s->destination, 1u << s->size, ACCESS_WRITE); // a write probe comes before a device read
        ldst_store(head, s->destination, ldst_load(head, s->source, s->size), s->size);
        break;
    case STOS: ldst_store(head, s->destination, a, s->size); break;
    case LODS:
        a = ldst_load(head, s->source, s->size);
        s->cpu->regs[R_RAX] = s->size == 3 ? a : s->size == 2 ? (uint32_t)a : (s->cpu->regs[R_RAX] & ~mask) | (a & mask);
        break;
    default: // faults: the destination's first
        s->b = ldst_load(head, s->destination, s->size);
        if (s->what == CMPS)
            s->a = ldst_load(head, s->source, s->size);
        *stop = compare_stops(s);
        break;
    }
    return 1;
}

uint64_t helper_string(struct vcpu_head *head, uint64_t how)
{
    struct string s = decode(head, how);
    if (!(s.cpu->regs[R_RCX] & s.mask))
        return 0;
    if (cpu_block_flags(s.cpu) & BF_ALIGN_CHECK && ((uses_source(&s) ? s.source : 0) | (uses_destination(&s) ? s.destination : 0)) & ((1u << s.size) - 1))
        cpu_raise_error(s.cpu, VEC_AC, 0);
    uint64_t n = chunk(&s), done = 0;
    bool stop = false;
    if (n > 1 && s.what == MOVS)
        done = bulk_move(&s, n);
    else if (n > 1 && s.what == STOS)
        done = bulk_fill(&s, n);
    else if (n > 1 && (s.what == CMPS || s.what == SCAS))
        done = bulk_compare(&s, n, &stop);
    if (done)
        charge(&s, done << s.size);
    else
        done = one_iteration(&s, &stop);
    advance(&s, done);
    bool more = !stop && s.cpu->regs[R_RCX] & s.mask;
    if (!more && (s.what == CMPS || s.what == SCAS)) // until it ends the flags are those before it [SDM 2B REP]
        cpu_set_arith_flags(s.cpu, cc_compute(CC_SUB, s.size, s.a, s.b, 0));
    return more;
}

uint64_t helper_string_io(struct vcpu_head *head, uint64_t how)
{
    struct string s = decode(head, how);
    uint16_t port = (uint16_t)s.cpu->regs[R_RDX];
    unsigned size = s.size > 2 ? 2 : s.size, bytes = 1u << size;
    s.size = size;
    if (!s.port_free)
        cpu_check_io(s.cpu, port, bytes);
    if (s.rep && !(s.cpu->regs[R_RCX] & s.mask))
        return 0;
    if (s.what == INS)
        ldst_probe(head, s.destination, bytes, ACCESS_WRITE);
    if (!head->io_allowed && head->site)
        head->leave_exactly(head);
    if (s.what == INS)
        ldst_store(head, s.destination, port_read(head->ports, port, bytes), size);
    else
        port_write(head->ports, port, ldst_load(head, s.source, size), bytes);
    advance(&s, 1);
    return s.rep && (s.cpu->regs[R_RCX] & s.mask);
}
