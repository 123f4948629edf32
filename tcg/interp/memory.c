// SPDX-License-Identifier: MIT
//
// Guest memory: the TLB's inline hit as softmmu/tlb.h defines it, else the slow path with the site set. What leaves from
// there does not come back; what comes back finds the site 0 again.
#include <endian.h>
#include <string.h>
#include "tcg/interp/interp.h"

#define PAGE_BYTES 4096

static uint64_t address(const struct run *run, const struct iop *op, unsigned first)
{
    uint64_t va = interp_get(run, op, first) + (interp_get(run, op, first + 1) << op->scale) + (uint64_t)op->imm;
    return op->addr32 ? (uint32_t)va : va;
}

static char *lookup(const struct tlb_entry *entries, uint64_t va, unsigned size)
{
    const struct tlb_entry *entry = &entries[va >> 12 & (TLB_SIZE - 1)];
    uint64_t offset = va - entry->tag;
    return offset <= PAGE_BYTES - size ? (char *)(uintptr_t)entry->host + offset : NULL;
}

static uint64_t host_load(const char *host, unsigned size)
{
    uint16_t h;
    uint32_t w;
    uint64_t d;
    switch (size) {
    case 0: return *(const uint8_t *)host;
    case 1: memcpy(&h, host, 2); return le16toh(h);
    case 2: memcpy(&w, host, 4); return le32toh(w);
    default: memcpy(&d, host, 8); return le64toh(d);
    }
}

static void host_store(char *host, uint64_t value, unsigned size)
{
    uint16_t h = htole16((uint16_t)value);
    uint32_t w = htole32((uint32_t)value);
    uint64_t d = htole64(value);
    switch (size) {
    case 0: *host = (char)value; break;
    case 1: memcpy(host, &h, 2); break;
    case 2: memcpy(host, &w, 4); break;
    default: memcpy(host, &d, 8); break;
    }
}

static uint64_t load(struct run *run, const struct iop *op, uint64_t va)
{
    struct vcpu_head *cpu = run->cpu;
    const char *host = lookup(cpu->context->read, va, 1u << op->size);
    if (host)
        return host_load(host, op->size);
    cpu->site = op->site;
    uint64_t value = ldst_load(cpu, va, op->size);
    cpu->site = 0;
    return value;
}

static void store(struct run *run, const struct iop *op, uint64_t va, uint64_t value)
{
    struct vcpu_head *cpu = run->cpu;
    char *host = lookup(cpu->context->write, va, 1u << op->size);
    if (host) {
        host_store(host, value, op->size);
        return;
    }
    cpu->site = op->site;
    ldst_store(cpu, va, interp_truncate(value, op->size), op->size);
    cpu->site = 0;
}

static uint64_t extend(const struct iop *op, uint64_t value)
{
    if (op->ext == 0)
        return value;
    int64_t wide = interp_signed(value, op->size);
    return op->ext == 1 ? (uint64_t)wide : (uint32_t)wide;
}

void interp_GLD(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 3, extend(op, load(run, op, address(run, op, 1))));
}

void interp_GST(struct run *run, const struct iop *op)
{
    store(run, op, address(run, op, 0), interp_get(run, op, 2));
}

void interp_GRMW(struct run *run, const struct iop *op)
{
    struct vcpu_head *cpu = run->cpu;
    uint64_t va = address(run, op, 2), value;
    char *host = lookup(cpu->context->write, va, 1u << op->size);
    if (!host) {
        cpu->site = op->site;
        host = ldst_probe_rmw(cpu, va, 1u << op->size);
        value = host ? 0 : ldst_load(cpu, va, op->size);
        cpu->site = 0;
    }
    if (host)
        value = host_load(host, op->size);
    interp_put(run, op, 0, 3, extend(op, value));
    interp_put(run, op, 1, 3, (uintptr_t)host);
}

void interp_GRMWST(struct run *run, const struct iop *op)
{
    char *host = (char *)(uintptr_t)interp_get(run, op, 0);
    uint64_t value = interp_get(run, op, 3);
    if (host)
        host_store(host, value, op->size);
    else
        store(run, op, address(run, op, 1), value);
}

void interp_GPROBE(struct run *run, const struct iop *op)
{
    struct vcpu_head *cpu = run->cpu;
    uint64_t va = address(run, op, 0);
    if (lookup(cpu->context->write, va, 1u << op->size))
        return;
    cpu->site = op->site;
    ldst_probe(cpu, va, 1u << op->size, ACCESS_WRITE);
    cpu->site = 0;
}

// ---- vectors

static void check_alignment(struct run *run, const struct iop *op, uint64_t va)
{
    if (!op->align || !(va & 15))
        return;
    run->cpu->site = op->site;
    run->cpu->tlb_ops->misaligned(run->cpu);
}

void interp_GLDV(struct run *run, const struct iop *op)
{
    struct vcpu_head *cpu = run->cpu;
    uint64_t va = address(run, op, 1);
    union vec128 value = { .d = { 0, 0 } };
    check_alignment(run, op, va);
    if (op->size < 4) {
        value.d[0] = load(run, op, va);
    } else {
        const char *host = lookup(cpu->context->read, va, 16);
        if (host) {
            value.d[0] = host_load(host, 3);
            value.d[1] = host_load(host + 8, 3);
        } else {
            cpu->site = op->site;
            ldst_load128(cpu, va, value.d);
            cpu->site = 0;
        }
    }
    *interp_vector(run, op, 0) = value;
}

void interp_GSTV(struct run *run, const struct iop *op)
{
    struct vcpu_head *cpu = run->cpu;
    uint64_t va = address(run, op, 0);
    union vec128 value = *interp_vector(run, op, 2);
    check_alignment(run, op, va);
    if (op->size < 4) {
        store(run, op, va, value.d[0]);
        return;
    }
    char *host = lookup(cpu->context->write, va, 16);
    if (host) {
        host_store(host, value.d[0], 3);
        host_store(host + 8, value.d[1], 3);
        return;
    }
    cpu->site = op->site;
    ldst_store128(cpu, va, value.d);
    cpu->site = 0;
}
