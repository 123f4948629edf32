// SPDX-License-Identifier: MIT
//
// Which rows of the decode table are compared with the host, and which flags the manual leaves undefined after them
// [SDM 2, each instruction's "Flags Affected"]. The emulator gives such flags a value from a table of its own.
#include <string.h>
#include "target/i386/cpu.h"
#include "target/i386/cpuid.h"
#include "tests/fuzz/fuzz.h"

#define MAX_ROWS 2048

static const struct { const char *name, *reason; } skipped[] = {
    { "rcpps", "approximations are the emulator's own, not the host's" }, { "rcpss", "approximation" },
    { "rsqrtps", "approximation" }, { "rsqrtss", "approximation" },
    { "f2xm1", "transcendentals are the emulator's own" }, { "fyl2x", "transcendental" }, { "fyl2xp1", "transcendental" },
    { "fptan", "transcendental" }, { "fpatan", "transcendental" }, { "fsin", "transcendental" }, { "fcos", "transcendental" },
    { "fsincos", "transcendental" },
    { "cpuid", "the model is not the host" }, { "rdtsc", "time" }, { "rdtscp", "time" }, { "rdpmc", "counters" }, { "rdpid", "host's CPU number" },
    { "rdrand", "random" }, { "rdseed", "random" },
    { "xsave", "layout depends on XCR0" }, { "xrstor", "layout depends on XCR0" }, { "xsaveopt", "layout depends on XCR0" },
    { "xsavec", "layout depends on XCR0" },
    { "xgetbv", "XCR0 is the host's" }, { "vmx", "depends on CR4 of the host" }, { "svm", "depends on EFER of the host" },
    { "rdpkru", "depends on CR4 of the host" }, { "vmcall", "host" }, { "monitor", "host" }, { "xtest", "host" },
    { "syscall", "enters the host's kernel" }, { "sysenter", "enters the host's kernel" }, { "sysexit", "not on hosts of all vendors" },
    { "swapgs", "a group of instructions, some of the host's own" },
    { "clac", "a group of instructions, some of the host's own" },
    { "int", "enters the host's kernel" }, { "int1", "a debug trap that the host's kernel handles its own way" },
    { "iret", "needs the host's segment descriptors" }, { "lret", "needs the host's segment descriptors" },
    { "ljmp", "needs the host's segment descriptors" }, { "lcall", "needs the host's segment descriptors" },
    { "lss", "needs the host's segment descriptors" }, { "lfs", "needs the host's segment descriptors" },
    { "lgs", "needs the host's segment descriptors" }, { "lar", "reads the host's descriptor tables" },
    { "lsl", "reads the host's descriptor tables" }, { "verr", "reads the host's descriptor tables" },
    { "verw", "reads the host's descriptor tables" }, { "sldt", "the host has UMIP" }, { "str", "the host has UMIP" },
    { "sgdt", "the host has UMIP" }, { "sidt", "the host has UMIP" }, { "smsw", "the host has UMIP" },
    { "les", "needs the host's segment descriptors" }, { "lds", "needs the host's segment descriptors" },
    { "fxrstor", "tested through fxsave, which is followed by it" },
};

static const struct { const char *name, *reason; } skipped_elsewhere[] = { // on hosts that are not Intel's
    { "bound", "the upper bound is read, too, when the value is below the lower" },
    { "dpps", "which of several NaNs is kept differs" }, { "dppd", "which of several NaNs is kept differs" },
};

static const struct table_slot *rows[MAX_ROWS];
static unsigned row_count;

static void add_row(void *opaque, const struct table_slot *slot)
{
    if (row_count < MAX_ROWS)
        rows[row_count++] = slot;
}

unsigned rows_load(void)
{
    row_count = 0;
    opcode_table_walk(add_row, NULL);
    return row_count;
}

const struct table_slot *row_slot(unsigned index) { return rows[index]; }

static bool loads_segment(const struct opcode_row *row)
{
    bool segment = row->op[0] == O_Sw;
    return segment || (!strcmp(row->name, "pop") && row->op[0] == O_NONE); // POP FS and the like
}

const char *row_skip_reason(unsigned index, bool compat)
{
    const struct table_slot *slot = rows[index];
    const struct opcode_row *row = slot->row;
    if (!row->gen)
        return "undefined opcode";
    if (row->flags & (compat ? ROW_ONLY64 : ROW_NO64))
        return "not in this mode";
    if (compat && slot->map == 0 && slot->opcode == 0x63)
        return "ARPL there";
    if (opcode_find(slot->map, slot->prefix, slot->opcode, slot->reg == ANY ? 0xc0 : slot->reg >= 0xc0 ? slot->reg :
                    slot->reg & 0x18 ? 0xc0 | (slot->reg & 7) << 3 : (slot->reg & 7) << 3) == NULL)
        return "a feature that no model offers";
    if (slot->map == 4 && slot->opcode == 0xd9 && slot->reg == MOD3(3))
        return "an undocumented alias that does not look at the stack's state on all hosts";
    if (loads_segment(row))
        return "needs the host's segment descriptors";
    for (unsigned i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (!strcmp(row->name, skipped[i].name))
            return skipped[i].reason;
    for (unsigned i = 0; !host_is_intel() && i < sizeof skipped_elsewhere / sizeof *skipped_elsewhere; i++)
        if (!strcmp(row->name, skipped_elsewhere[i].name))
            return skipped_elsewhere[i].reason;
    if (!host_is_intel() && compat && !strcmp(row->name, "push") && row->op[0] == O_NONE)
        return "32-bit code: the upper half that is written for a segment differs";
    return NULL;
}

void row_name(unsigned index, char *text, size_t size)
{
    static const char *const maps[] = { "", "0f ", "0f38 ", "0f3a ", "" };
    const struct table_slot *s = rows[index];
    char prefix[8] = "", reg[12] = "";
    if (s->prefix)
        snprintf(prefix, sizeof prefix, "%02x ", s->prefix);
    if (s->reg >= 0xc0)
        snprintf(reg, sizeof reg, " %02x", s->reg);
    else if (s->reg != ANY)
        snprintf(reg, sizeof reg, " /%u%s", s->reg & 7u, s->reg & 0x18 ? " r" : "");
    snprintf(text, size, "%-10s %s%s%02x%s", s->row->name, prefix, maps[s->map], s->opcode, reg);
}

void rows_print_skipped(FILE *out, bool compat)
{
    for (unsigned i = 0; i < row_count; i++) {
        char name[64];
        row_name(i, name, sizeof name);
        if (row_skip_reason(i, compat))
            fprintf(out, "not tested: %-32s %s\n", name, row_skip_reason(i, compat));
    }
}

// At CPL 3 it does nothing but fault.
bool row_faults(unsigned index)
{
    static const char *const names[] = { "in", "out", "ins", "outs", "cli", "sti", "hlt", "int3" };
    if (rows[index]->row->flags & ROW_CPL0)
        return true;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(rows[index]->row->name, names[i]))
            return true;
    return false;
}

// ---- flags

static bool is(const struct opcode_row *row, const char *name) { return !strcmp(row->name, name); }

static bool is_any(const struct opcode_row *row, const char *const *names)
{
    for (; *names; names++)
        if (is(row, *names))
            return true;
    return false;
}

static const char *const shifts[] = { "shl", "shr", "sar", "shld", "shrd", NULL };
static const char *const rotates[] = { "rol", "ror", "rcl", "rcr", NULL };

// The constant count of a shift, masked; -1: in CL.
static int shift_count(const struct insn *in)
{
    unsigned n = in->row->op[2] == O_Ib || in->row->op[2] == O_CL ? 2 : 1;
    if (in->op[n].kind != OPK_IMM)
        return -1;
    return (int)(in->op[n].imm & (in->op[0].size == 3 ? 63 : 31));
}

static uint16_t shift_undefined(const struct opcode_row *row, const struct insn *in)
{
    int count = shift_count(in), bits = 8 << in->op[0].size;
    uint16_t undefined = F_AF | (count != 1 ? F_OF : 0);
    if (count == 0)
        return 0;
    if (!is(row, "sar") && (count < 0 ? bits < 32 : count >= bits))
        undefined |= F_CF;
    if ((is(row, "shld") || is(row, "shrd")) && count > bits)
        undefined = ALL_FLAGS;
    return undefined;
}

static uint16_t eflags_undefined(const struct opcode_row *row, const struct insn *in)
{
    static const char *const logic[] = { "and", "or", "xor", "test", NULL }, *const bits[] = { "bt", "bts", "btr", "btc", NULL },
                      *const multiply[] = { "mul", "imul", NULL }, *const divide[] = { "div", "idiv", NULL }, *const scan[] = { "bsf", "bsr", NULL };
    if (is_any(row, logic))
        return F_AF;
    if (is_any(row, bits))
        return F_OF | F_SF | F_AF | F_PF;
    if (is_any(row, multiply))
        return F_SF | F_ZF | F_AF | F_PF;
    if (is_any(row, divide))
        return ALL_FLAGS;
    if (is_any(row, scan))
        return F_CF | F_OF | F_SF | F_AF | F_PF;
    if (is(row, "daa") || is(row, "das"))
        return F_OF;
    if (is(row, "aaa") || is(row, "aas"))
        return F_OF | F_SF | F_ZF | F_PF;
    if (is(row, "aam") || is(row, "aad"))
        return F_OF | F_AF | F_CF;
    if (is(row, "lzcnt"))
        return F_OF | F_SF | F_AF | F_PF;
    if (is_any(row, shifts))
        return shift_undefined(row, in);
    if (is_any(row, rotates))
        return shift_count(in) == 1 || shift_count(in) == 0 ? 0 : F_OF;
    return 0;
}


// Besides EFLAGS the x87's C1 (FLAG_C1) is followed. By the manual comparisons clear it, which Intel's processors do not do; what
// the stack instructions do to it (Intel's clear it, but not FNOP) differs on others.
static const char *const c1_compares[] = { "fcomi", "fcomip", "fucomi", "fucomip", NULL };
static const char *const c1_stack[] = { "fnop", "ffree", "ffreep", "fincstp", "fdecstp", NULL };
static const char *const c1_kept[] = { "fnop", "fldcw", "fnstcw", "fnclex", "feni", "fdisi", "fsetpm", "fnstsw", "fwait", "fcmovb", "fcmove", "fcmovbe",
                                       "fcmovu", "fcmovnb", "fcmovne", "fcmovnbe", "fcmovnu", "emms", NULL };
static const char *const c1_read[] = { "fnstsw", "fnstenv", "fnsave", "fxsave", NULL };

uint16_t row_defined_flags(const struct opcode_row *row)
{
    uint16_t c1 = row->flags & ROW_FPU && !is_any(row, c1_kept) ? FLAG_C1 : 0;
    if (is_any(row, rotates))
        return F_CF | F_OF;
    return (row->writes & ALL_FLAGS) | c1;
}

uint16_t row_read_flags(const struct opcode_row *row)
{
    return row->reads | (is_any(row, c1_read) ? FLAG_C1 : 0);
}

uint16_t row_undefined_flags(const struct opcode_row *row, const struct insn *in)
{
    bool differs = is_any(row, c1_compares) || (is_any(row, c1_stack) && !host_is_intel());
    return eflags_undefined(row, in) | (differs ? FLAG_C1 : 0);
}

bool row_keeps_flags(const struct opcode_row *row, const struct insn *in)
{
    if (is_any(row, shifts) || is_any(row, rotates))
        return shift_count(in) <= 0;
    return row->flags & ROW_STRING && in->prefix_rep;
}
