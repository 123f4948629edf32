// SPDX-License-Identifier: MIT
//
// One bit of the machine changes: planted differences, to test what finds them.
#include <stdlib.h>
#include <string.h>
#include "hw/core/machine.h"
#include "hw/pc/pc.h"
#include "snapshot/internal.h"
#include "target/i386/cpu.h"
#include "util/error.h"

static const struct { const char *name; uint32_t bit; } flags[] = {
    { "cf", F_CF }, { "pf", F_PF }, { "af", F_AF }, { "zf", F_ZF }, { "sf", F_SF }, { "of", F_OF }, { "df", F_DF },
};
static const char *const registers[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
struct place { enum { NOWHERE, FLAG, REGISTER, MEMORY } kind; uint64_t where; unsigned bit; };

static struct place find(const char *text)
{
    struct place p = { NOWHERE, 0, 0 };
    const char *dot = strchr(text, '.');
    char *end;
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcmp(flags[i].name, text))
            p = (struct place){ FLAG, flags[i].bit, 0 };
    if (!dot)
        return p;
    p.bit = (unsigned)strtoul(dot + 1, &end, 10);
    if (end == dot + 1 || *end)
        return p;
    for (unsigned i = 0; i < 16; i++)
        if (strlen(registers[i]) == (size_t)(dot - text) && !strncmp(registers[i], text, (size_t)(dot - text)) && p.bit < 64)
            return (struct place){ REGISTER, i, p.bit };
    p.where = strtoull(text, &end, 0);
    if (end != text && end == dot && p.bit < 8)
        p.kind = MEMORY;
    return p;
}

bool flip_check(const char *text, struct error **errp)
{
    return find(text).kind != NOWHERE || error_set(errp, "flip %s: expected ADDRESS.BIT, REGISTER.BIT or a flag", text);
}

static bool flip_memory(struct machine *machine, const struct place *p)
{
    uint8_t byte;
    if (!physical_read(&machine->memory, p->where, &byte, 1))
        return false;
    byte ^= (uint8_t)(1u << p->bit);
    return physical_write(&machine->memory, p->where, &byte, 1);
}

bool flip_bit(struct machine *machine, const char *text, struct error **errp)
{
    struct place p = find(text);
    struct x86_cpu *cpu = pc_cpu(machine, 0);
    if (p.kind == FLAG) {
        cpu_set_eflags(cpu, cpu_get_eflags(cpu) ^ p.where);
    } else if (p.kind == REGISTER) {
        cpu->regs[p.where] ^= 1ull << p.bit;
    } else if (p.kind == MEMORY && !flip_memory(machine, &p)) {
        return error_set(errp, "there is no memory at this address");
    }
    return true;
}
