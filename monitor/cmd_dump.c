// SPDX-License-Identifier: MIT
//
// x, xp, p: memory and expressions; info mem and info tlb: the guest's page tables, walked without a trace.
#include <stdlib.h>
#include <string.h>
#include "monitor/internal.h"
#include "target/i386/cpu.h"
#include "target/i386/page_tables.h"
#include "target/i386/disas.h"

struct format { unsigned count, size; char kind; }; // size in bytes, kind x d u o c i

static bool parse_format(const char *text, struct format *f, struct error **errp)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end != text)
        f->count = (unsigned)n;
    for (; *end; end++) {
        if (strchr("xduoci", *end))
            f->kind = *end;
        else if (*end == 'b' || *end == 'h' || *end == 'w' || *end == 'g')
            f->size = *end == 'b' ? 1 : *end == 'h' ? 2 : *end == 'w' ? 4 : 8;
        else
            return error_set(errp, "invalid char in format: '%c'", *end);
    }
    return f->count <= 65536 ? true : error_set(errp, "format asks for %u items, at most 65536 are shown", f->count);
}

static bool operators(struct machine *machine, const char **p, int least, uint64_t *value, struct error **errp);

// A number, a $register, or a sign or brackets before or around more.
static bool term(struct machine *machine, const char **p, uint64_t *value, struct error **errp)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    struct x86_cpu *cpu = pc_cpu(machine, 0);
    *p += strspn(*p, " \t");
    if (**p == '-' || **p == '~') {
        char op = *(*p)++;
        if (!term(machine, p, value, errp))
            return false;
        *value = op == '-' ? -*value : ~*value;
        return true;
    }
    if (**p == '(') {
        ++*p;
        if (!operators(machine, p, 1, value, errp))
            return false;
        return *(*p)++ == ')' ? true : (--*p, error_set(errp, "')' expected at '%s'", *p));
    }
    if (**p == '$') {
        const char *name = ++*p;
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
        *p += n;
        for (unsigned i = 0; i < 16; i++) {
            if (strlen(names[i]) == n && !strncmp(names[i], name, n)) {
                *value = cpu->regs[i];
                return true;
            }
        }
        if ((n == 3 && !strncmp(name, "rip", 3)) || (n == 2 && !strncmp(name, "pc", 2))) {
            *value = cpu->head.rip + cpu->head.code_base;
            return true;
        }
        if (n == 6 && !strncmp(name, "eflags", 6)) {
            *value = cpu_get_eflags(cpu);
            return true;
        }
        return error_set(errp, "unknown register '$%.*s'", (int)n, name);
    }
    char *end;
    *value = strtoull(*p, &end, 0);
    if (end == *p)
        return **p ? error_set(errp, "invalid char '%c' in expression: number or $register expected at '%s'", **p, *p)
                   : error_set(errp, "unexpected end of expression: number or $register expected");
    *p = end;
    return true;
}

// Binding strength of an operator, 0: none.
static int strength(char op)
{
    return !op ? 0 : strchr("*/%", op) ? 3 : strchr("+-", op) ? 2 : strchr("&|^", op) ? 1 : 0;
}

static bool apply(char op, uint64_t *value, uint64_t right, struct error **errp)
{
    if ((op == '/' || op == '%') && !right)
        return error_set(errp, "division by zero");
    switch (op) {
    case '*': *value *= right; break;
    case '/': *value /= right; break;
    case '%': *value %= right; break;
    case '+': *value += right; break;
    case '-': *value -= right; break;
    case '&': *value &= right; break;
    case '|': *value |= right; break;
    default: *value ^= right; break;
    }
    return true;
}

// Operators at least as strong as `least`, from the left.
static bool operators(struct machine *machine, const char **p, int least, uint64_t *value, struct error **errp)
{
    if (!term(machine, p, value, errp))
        return false;
    for (;;) {
        *p += strspn(*p, " \t");
        char op = **p;
        uint64_t right;
        if (!strength(op) || strength(op) < least)
            return true;
        ++*p;
        if (!operators(machine, p, strength(op) + 1, &right, errp) || !apply(op, value, right, errp))
            return false;
    }
}

static bool expression(struct machine *machine, const char *text, uint64_t *value, struct error **errp)
{
    if (!operators(machine, &text, 1, value, errp))
        return false;
    return *text ? error_set(errp, "unexpected '%c' in expression", *text) : true;
}

static bool parse(struct machine *machine, char *arguments, struct format *f, uint64_t *value, struct error **errp)
{
    if (*arguments == '/') {
        char *word = next_word(&arguments);
        if (!parse_format(word + 1, f, errp))
            return false;
    }
    return expression(machine, arguments, value, errp);
}

static bool read_bytes(struct machine *machine, bool physical, uint64_t at, void *buffer, size_t size)
{
    if (!physical)
        return ldst_peek(&pc_cpu(machine, 0)->head, at, buffer, size);
    const struct section *s = address_space_find(&machine->memory, at);
    return s && physical_read(&machine->memory, at, buffer, size);
}

static void dump_instructions(struct machine *machine, bool physical, uint64_t at, unsigned count, const struct output *out)
{
    const struct x86_cpu *cpu = pc_cpu(machine, 0);
    uint32_t flags = cpu_block_flags(cpu);
    unsigned bits = flags & BF_CS_L ? 64 : flags & BF_CS_DB ? 32 : 16;
    while (count--) {
        uint8_t code[15];
        char text[160];
        size_t have = sizeof code;
        while (have && !read_bytes(machine, physical, at, code, have))
            have--;
        if (!have) {
            out_printf(out, "%016llx: Cannot access memory\n", (unsigned long long)at);
            return;
        }
        unsigned length = disas_one(code, have, at, bits, text, sizeof text);
        out_printf(out, "0x%08llx:  %s\n", (unsigned long long)at, text);
        at += length;
    }
}

static void show_value(uint64_t v, const struct format *f, const struct output *out)
{
    switch (f->kind) {
    case 'd': out_printf(out, " %lld", (long long)((int64_t)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size))); break;
    case 'u': out_printf(out, " %llu", (unsigned long long)v); break;
    case 'o': out_printf(out, " 0%llo", (unsigned long long)v); break;
    case 'c': out_printf(out, " '%c'", v >= 32 && v < 127 ? (char)v : '.'); break;
    default: out_printf(out, " 0x%0*llx", (int)f->size * 2, (unsigned long long)v); break;
    }
}

static bool dump(struct machine *machine, char *arguments, bool physical, const struct output *out, struct error **errp)
{
    struct format f = { .count = 1, .size = 4, .kind = 'x' };
    uint64_t at;
    if (!parse(machine, arguments, &f, &at, errp))
        return false;
    if (f.kind == 'i') {
        dump_instructions(machine, physical, at, f.count, out);
        return true;
    }
    unsigned per_line = f.size == 1 ? 8 : f.size == 2 ? 8 : f.size == 4 ? 4 : 2;
    for (unsigned i = 0; i < f.count; i++, at += f.size) {
        uint64_t v = 0;
        uint8_t raw[8];
        if (i % per_line == 0)
            out_printf(out, "%s%016llx:", i ? "\n" : "", (unsigned long long)at);
        if (!read_bytes(machine, physical, at, raw, f.size)) {
            out_printf(out, " Cannot access memory\n");
            return true;
        }
        for (unsigned b = 0; b < f.size; b++)
            v |= (uint64_t)raw[b] << 8 * b;
        show_value(v, &f, out);
    }
    out_printf(out, "\n");
    return true;
}

bool cmd_x(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return dump(machine, arguments, false, out, errp);
}

bool cmd_xp(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return dump(machine, arguments, true, out, errp);
}

bool cmd_print(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    struct format f = { .count = 1, .size = 8, .kind = 'x' };
    uint64_t value;
    if (!parse(machine, arguments, &f, &value, errp))
        return false;
    if (f.kind == 'x')
        out_printf(out, "%#llx\n", (unsigned long long)value);
    else {
        show_value(value, &f, out);
        out_printf(out, "\n");
    }
    return true;
}

// ---- where an address leads

static bool no_more_words(const char *command, const char *rest, const struct output *out)
{
    if (!rest[strspn(rest, " \t")])
        return true;
    out_printf(out, "%s: extraneous characters at the end of line\nTry \"help %s\" for more information\n", command, command);
    return false;
}

bool cmd_gpa2hva(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    uint64_t at;
    char *word = next_word(&arguments);
    if (!no_more_words("gpa2hva", arguments, out))
        return true;
    if (!expression(machine, word ? word : "", &at, errp))
        return false;
    const struct section *s = address_space_find(&machine->memory, at);
    if (!s)
        return error_set(errp, "No memory is mapped at address 0x%llx", (unsigned long long)at);
    if (!s->host)
        return error_set(errp, "Memory at address 0x%llx is not RAM", (unsigned long long)at);
    out_printf(out, "Host virtual address for 0x%llx (%s) is %p\n", (unsigned long long)at, s->ram->name, (void *)(s->host + (at - s->start)));
    return true;
}

bool cmd_gva2gpa(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    uint64_t at, physical;
    char *word = next_word(&arguments);
    if (!no_more_words("gva2gpa", arguments, out))
        return true;
    if (!expression(machine, word ? word : "", &at, errp))
        return false;
    if (cpu_look(pc_cpu(machine, 0), at, &physical))
        out_printf(out, "gpa: 0x%llx\n", (unsigned long long)physical);
    else
        out_printf(out, "Unmapped\n");
    return true;
}

// ---- page tables

struct page_list {
    const struct output *out;
    uint64_t start, end, rights; // info mem: the range being joined
};

static bool report(enum page_visit result, const struct output *out)
{
    if (result == PAGES_OFF)
        out_printf(out, "PG disabled\n");
    else if (result == PAGES_TOO_MANY)
        out_printf(out, "(there is more: the tables name each other)\n");
    return true;
}

static bool show_mapping(void *opaque, const struct page_mapping *p)
{
    const struct page_list *l = opaque;
    uint64_t e = p->entry;
    out_printf(l->out, "%016llx: %016llx %c%c%c%c%c%c%c%c%c\n", (unsigned long long)p->va, (unsigned long long)p->physical,
               e >> 63 ? 'X' : '-', e & 0x100 ? 'G' : '-', p->size > 4096 ? 'P' : '-', e & 0x40 ? 'D' : '-', e & 0x20 ? 'A' : '-',
               e & 0x10 ? 'C' : '-', e & 8 ? 'T' : '-', e & 4 ? 'U' : '-', e & 2 ? 'W' : '-');
    return true;
}

bool info_tlb(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    struct page_list l = { .out = out };
    return report(cpu_visit_pages(pc_cpu(machine, 0), 0, show_mapping, &l), out);
}

static void flush_range(struct page_list *l)
{
    if (l->end != l->start)
        out_printf(l->out, "%016llx-%016llx %016llx %c%c%c\n", (unsigned long long)l->start, (unsigned long long)l->end,
                   (unsigned long long)(l->end - l->start), l->rights & 4 ? 'u' : '-', 'r', l->rights & 2 ? 'w' : '-');
}

static bool join(void *opaque, const struct page_mapping *p)
{
    struct page_list *l = opaque;
    if (p->va != l->end || p->rights != l->rights) {
        flush_range(l);
        l->start = p->va;
        l->rights = p->rights;
    }
    l->end = p->va + p->size;
    return true;
}

bool info_mem(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    struct page_list l = { .out = out };
    enum page_visit result = cpu_visit_pages(pc_cpu(machine, 0), 0, join, &l);
    flush_range(&l);
    return report(result, out);
}
