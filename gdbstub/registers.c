// SPDX-License-Identifier: MIT
//
// The vCPU's registers in the order of registers.def, and the target description made from the same rows.
//
// The description is always that of x86-64, as the client keeps the one it got first. Outside 64-bit code the general
// registers and RIP show their low halves, R8 to R15 show 0.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gdbstub/internal.h"
#include "target/i386/segment.h"

enum kind { GENERAL, RIP, EFLAGS, SEGMENT, X87, X87_CONTROL, XMM, MXCSR, SEGMENT_BASE, KERNEL_GS_BASE, CONTROL, EFER };
struct row { const char *feature, *name; unsigned bits; const char *type, *group; enum kind kind; unsigned index; };

static const struct row rows[] = {
#define FEATURE(name_) { .feature = name_ },
#define REGISTER(name_, bits_, type_, group_, kind_, index_) { NULL, name_, bits_, type_, group_, kind_, index_ },
#include "gdbstub/registers.def"
#undef FEATURE
#undef REGISTER
};
#define ROWS (sizeof rows / sizeof *rows)

static const struct row *row_of(unsigned number)
{
    for (size_t i = 0; i < ROWS; i++)
        if (!rows[i].feature && !number--)
            return &rows[i];
    return NULL;
}

unsigned register_count(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < ROWS; i++)
        count += !rows[i].feature;
    return count;
}

unsigned register_size(unsigned number)
{
    return row_of(number)->bits / 8;
}

// ---- reading

static uint64_t general_mask(const struct x86_cpu *cpu, unsigned number)
{
    return code_is_64(cpu) ? ~0ull : number < 8 ? 0xffffffff : 0;
}

// The tag word as FNSTENV stores it [SDM 1 8.1.7]: 0 valid, 1 zero, 2 special, 3 empty, by physical register.
static unsigned tag_word(const struct x86_cpu *cpu)
{
    unsigned word = 0;
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[i];
        unsigned exponent = r->se & 0x7fff, tag = exponent == 0x7fff ? 2 : !exponent ? (r->mant ? 2 : 1) : r->mant >> 63 ? 0 : 2;
        word |= (cpu->fpu_empty >> i & 1 ? 3 : tag) << 2 * i;
    }
    return word;
}

static uint64_t x87_control(const struct x86_cpu *cpu, unsigned index)
{
    switch (index) {
    case 0: return cpu->fpu_control;
    case 1: return (uint64_t)(cpu->fpu_status & ~0x3800u) | cpu->fpu_top << 11;
    case 2: return tag_word(cpu);
    case 3: return 0; // no FCS
    case 4: return (uint32_t)cpu->fpu_ip;
    case 5: return 0; // no FDS
    case 6: return (uint32_t)cpu->fpu_dp;
    default: return cpu->fpu_opcode;
    }
}

static uint64_t control(struct x86_cpu *cpu, unsigned index)
{
    switch (index) {
    case 0: return cpu->cr0;
    case 2: return cpu->cr2;
    case 3: return cpu->cr3;
    case 4: return cpu->cr4;
    default: return cpu->host->read_cr8 ? cpu->host->read_cr8(cpu->host_opaque) : cpu->cr8;
    }
}

static uint64_t read_word(struct x86_cpu *cpu, const struct row *row)
{
    switch (row->kind) {
    case GENERAL: return cpu->regs[row->index] & general_mask(cpu, row->index);
    case RIP: return cpu->head.rip & general_mask(cpu, 0);
    case EFLAGS: return cpu_get_eflags(cpu);
    case SEGMENT: return cpu->seg[row->index].selector;
    case X87_CONTROL: return x87_control(cpu, row->index);
    case MXCSR: return cpu->head.mxcsr;
    case SEGMENT_BASE: return cpu->seg[row->index].base;
    case KERNEL_GS_BASE: return cpu->kernel_gs_base;
    case CONTROL: return control(cpu, row->index);
    case EFER: return cpu->efer;
    default: return 0;
    }
}

static void put_bytes(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_bytes(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

const char *register_name(unsigned number) { return row_of(number)->name; }

int register_find(const char *name)
{
    for (unsigned i = 0; i < register_count(); i++)
        if (!strcmp(register_name(i), name))
            return (int)i;
    return -1;
}

void register_read(struct x86_cpu *cpu, unsigned number, uint8_t *to)
{
    const struct row *row = row_of(number);
    if (row->kind == X87) {
        const struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + row->index) & 7];
        put_bytes(to, r->mant, 8);
        put_bytes(to + 8, r->se, 2);
    } else if (row->kind == XMM) {
        put_bytes(to, cpu->xmm[row->index].d[0], 8);
        put_bytes(to + 8, cpu->xmm[row->index].d[1], 8);
    } else {
        put_bytes(to, read_word(cpu, row), row->bits / 8);
    }
}

// ---- writing

// What the guest could not write (it would get #GP), the client cannot, either.
static bool __attribute__((noinline)) try_write(struct x86_cpu *cpu, void (*write)(struct x86_cpu *, uint64_t), uint64_t value)
{
    void *frame[5];
    cpu->catch_frame = frame;
    if (__builtin_setjmp(frame)) {
        cpu->catch_frame = NULL;
        cpu->exception.valid = false;
        return false;
    }
    write(cpu, value);
    cpu->catch_frame = NULL;
    return true;
}

static bool write_control(struct x86_cpu *cpu, unsigned index, uint64_t value)
{
    switch (index) {
    case 0: return try_write(cpu, cpu_write_cr0, value);
    case 2: cpu->cr2 = value; return true;
    case 3: return try_write(cpu, cpu_write_cr3, value);
    case 4: return try_write(cpu, cpu_write_cr4, value);
    default:
        if (value > 15)
            return false;
        cpu->cr8 = value;
        if (cpu->host->write_cr8)
            cpu->host->write_cr8(cpu->host_opaque, value);
        return true;
    }
}

static bool write_x87_control(struct x86_cpu *cpu, unsigned index, uint64_t value)
{
    switch (index) {
    case 0: cpu->fpu_control = (uint16_t)((value & 0x1f3f) | 0x40); break;
    case 1:
        cpu->fpu_status = (uint16_t)(value & ~0x3800u);
        cpu->fpu_top = value >> 11 & 7;
        break;
    case 2:
        cpu->fpu_empty = 0;
        for (unsigned i = 0; i < 8; i++)
            cpu->fpu_empty |= (uint8_t)((value >> 2 * i & 3) == 3) << i;
        break;
    case 3: break;
    case 4: cpu->fpu_ip = (uint32_t)value; break;
    case 5: break;
    case 6: cpu->fpu_dp = (uint32_t)value; break;
    default: cpu->fpu_opcode = value & 0x7ff; break;
    }
    return true;
}

// In protected mode a selector means a descriptor, and loading CS or SS a change of privilege: only the guest does that.
static bool write_segment(struct x86_cpu *cpu, unsigned index, uint64_t value)
{
    if (value == cpu->seg[index].selector)
        return true;
    if ((cpu->cr0 & CR0_PE && !(cpu->eflags & F_VM)) || value > 0xffff)
        return false;
    cpu->seg[index].selector = (uint16_t)value;
    cpu->seg[index].base = value << 4;
    return true;
}

static bool write_flags(struct x86_cpu *cpu, uint64_t value)
{
    if ((value ^ cpu->eflags) & F_VM)
        return false;
    cpu_set_eflags(cpu, value & 0x3f7fd5);
    return true;
}

static bool write_word(struct x86_cpu *cpu, const struct row *row, uint64_t value)
{
    switch (row->kind) {
    case GENERAL:
        if (value & ~general_mask(cpu, row->index))
            return false;
        cpu->regs[row->index] = value;
        return true;
    case RIP: cpu->head.rip = value & general_mask(cpu, 0); return true;
    case EFLAGS: return write_flags(cpu, value);
    case SEGMENT: return write_segment(cpu, row->index, value);
    case X87_CONTROL: return write_x87_control(cpu, row->index, value);
    case MXCSR:
        if (value > 0xffff)
            return false;
        cpu->head.mxcsr = (uint32_t)value;
        return true;
    case SEGMENT_BASE: cpu->seg[row->index].base = value; return true;
    case KERNEL_GS_BASE: cpu->kernel_gs_base = value; return true;
    case CONTROL: return write_control(cpu, row->index, value);
    case EFER: return try_write(cpu, cpu_write_efer, value);
    default: return false;
    }
}

bool register_write(struct x86_cpu *cpu, unsigned number, const uint8_t *from)
{
    const struct row *row = row_of(number);
    if (row->kind == X87) {
        struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + row->index) & 7];
        r->mant = get_bytes(from, 8);
        r->se = (uint16_t)get_bytes(from + 8, 2);
        return true;
    }
    if (row->kind == XMM) {
        cpu->xmm[row->index].d[0] = get_bytes(from, 8);
        cpu->xmm[row->index].d[1] = get_bytes(from + 8, 8);
        return true;
    }
    return write_word(cpu, row, get_bytes(from, row->bits / 8));
}

// ---- the description [GDB manual, G]

struct field { const char *type, *feature; unsigned bytes; const char *name; unsigned first, last; bool end; };
static const struct field fields[] = {
#define FLAGS(name_, feature_, bytes_) { .type = name_, .feature = feature_, .bytes = bytes_ },
#define FIELD(name_, first_, last_) { .name = name_, .first = first_, .last = last_ },
#define END_FLAGS { .end = true },
#include "gdbstub/types.def"
#undef FLAGS
#undef FIELD
#undef END_FLAGS
};

static void describe_flags(FILE *out, const char *feature)
{
    bool ours = false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *f = &fields[i];
        if (f->type)
            ours = !strcmp(f->feature, feature);
        if (!ours)
            continue;
        if (f->type)
            fprintf(out, "<flags id=\"%s\" size=\"%u\">", f->type, f->bytes);
        else if (f->end)
            fprintf(out, "</flags>");
        else
            fprintf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", f->name, f->first, f->last);
    }
}

static void describe_vector(FILE *out)
{
    static const struct { const char *id, *type, *field; unsigned count; } parts[] = {
        { "v4f", "ieee_single", "v4_float", 4 }, { "v2d", "ieee_double", "v2_double", 2 }, { "v16i8", "int8", "v16_int8", 16 },
        { "v8i16", "int16", "v8_int16", 8 }, { "v4i32", "int32", "v4_int32", 4 }, { "v2i64", "int64", "v2_int64", 2 },
    };
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
        fprintf(out, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>", parts[i].id, parts[i].type, parts[i].count);
    fprintf(out, "<union id=\"vec128\">");
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
        fprintf(out, "<field name=\"%s\" type=\"%s\"/>", parts[i].field, parts[i].id);
    fprintf(out, "<field name=\"uint128\" type=\"uint128\"/></union>");
}

char *register_description(void)
{
    char *text;
    size_t size;
    unsigned number = 0;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                 "<target version=\"1.0\"><architecture>i386:x86-64</architecture>");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        if (r->feature) {
            fprintf(out, "%s<feature name=\"%s\">", number ? "</feature>" : "", r->feature);
            describe_flags(out, r->feature);
            if (!strcmp(r->feature, "org.gnu.gdb.i386.sse"))
                describe_vector(out);
            continue;
        }
        fprintf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"", r->name, r->bits, r->type, number++);
        fprintf(out, *r->group ? " group=\"%s\"/>" : "%s/>", r->group);
    }
    fprintf(out, "</feature></target>");
    fclose(out);
    return text;
}
