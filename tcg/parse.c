// SPDX-License-Identifier: MIT
//
// Reads what ir_dump writes (docs/ir.md). Numbers of temps are names only: they become new variables in order of appearance.
#include <stdlib.h>
#include <string.h>
#include "tcg/internal.h"
#include "tcg/vec.h"
#include "util/error.h"

struct parser {
    struct ir_block *block;
    const char *at;
    unsigned line;
    ir_var names[IR_MAX_VARS]; // number in the text -> variable
    struct error **errp;
};

static bool fail(struct parser *p, const char *what)
{
    size_t rest = strcspn(p->at, "\n");
    return error_set(p->errp, "line %u: %s at '%.*s'", p->line, what, rest < 20 ? (int)rest : 20, p->at);
}

static void skip_spaces(struct parser *p)
{
    while (*p->at == ' ')
        p->at++;
}

static bool word(struct parser *p, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(p->at, text, n))
        return false;
    p->at += n;
    return true;
}

static bool number(struct parser *p, int64_t *value)
{
    char *end;
    *value = *p->at == '-' ? strtoll(p->at, &end, 0) : (int64_t)strtoull(p->at, &end, 0);
    if (end == p->at)
        return fail(p, "number expected");
    p->at = end;
    return true;
}

// One of the names in the text, or its number.
typedef const char *(*name_fn)(const struct parser *p, unsigned i);

static const char *kind_name(const struct parser *p, unsigned i) { return ir_kind_name(i); }
static const char *cond_name(const struct parser *p, unsigned i) { return ir_condition_name(i); }
static const char *row_name(const struct parser *p, unsigned i) { return i < vec_row_count ? vec_rows[i].name : NULL; }
static const char *helper_name(const struct parser *p, unsigned i)
{
    const struct ir_target *target = p->block->target;
    return i < target->helper_count ? target->helpers[i].name : NULL;
}

static bool one_of(struct parser *p, name_fn names, int64_t *value)
{
    size_t n = strcspn(p->at, " ,}\n");
    const char *name;
    for (unsigned i = 0; (name = names(p, i)); i++) {
        if (strlen(name) == n && !strncmp(name, p->at, n)) {
            p->at += n;
            *value = i;
            return true;
        }
    }
    return number(p, value);
}

static bool global(struct parser *p, ir_var *out)
{
    size_t n = strcspn(p->at, " ,\n");
    for (unsigned i = 0; i < p->block->target->global_count; i++) {
        const char *name = p->block->target->globals[i].name;
        if (strlen(name) == n && !strncmp(name, p->at, n)) {
            p->at += n;
            *out = ir_global(i);
            return true;
        }
    }
    return fail(p, "unknown global");
}

static bool variable(struct parser *p, ir_var *out)
{
    int64_t n;
    char kind = *p->at++;
    switch (kind) {
    case '_': *out = IR_NONE; return true;
    case '%': return global(p, out);
    case '$':
        if (!number(p, &n))
            return false;
        *out = ir_const(p->block, n);
        return true;
    case 't': case 'v':
        if (!number(p, &n))
            return false;
        if (n < 0 || n >= IR_MAX_VARS)
            return fail(p, "bad temp");
        if (p->names[n] == IR_NONE)
            p->names[n] = kind == 't' ? ir_temp(p->block) : ir_vtemp(p->block);
        *out = p->names[n];
        return (p->block->vars[*out].kind == IR_TEMP) == (kind == 't') || fail(p, "temp of the other kind");
    default:
        p->at--;
        return fail(p, "operand expected");
    }
}

static bool field(struct parser *p, struct ir_op *op)
{
    int64_t v;
    size_t n = strcspn(p->at, "=}\n");
    const char *name = p->at;
    p->at += n;
    if (*p->at != '=')
        return fail(p, "field expected");
    p->at++;
#define FIELD(text, member, read) \
    if (n == strlen(text) && !strncmp(name, text, n)) { \
        if (!(read)) \
            return false; \
        op->member = v; \
        return true; \
    }
    FIELD("kind", kind, one_of(p, kind_name, &v))
    FIELD("cond", cond, one_of(p, cond_name, &v))
    FIELD("helper", helper, one_of(p, helper_name, &v))
    FIELD("row", helper, one_of(p, row_name, &v))
    FIELD("scale", scale, number(p, &v))
    FIELD("ext", ext, number(p, &v))
    FIELD("size2", size2, number(p, &v))
    FIELD("edge", edge, number(p, &v))
    FIELD("addr32", addr32, number(p, &v))
    FIELD("align", align, number(p, &v))
    FIELD("site", site, number(p, &v))
    FIELD("dead", dead, number(p, &v))
    FIELD("imm", imm, number(p, &v))
    FIELD("defs", defs, number(p, &v))
    FIELD("uses", uses, number(p, &v))
#undef FIELD
    return fail(p, "unknown field");
}

static bool fields(struct parser *p, struct ir_op *op)
{
    if (*p->at != '{')
        return true;
    do {
        p->at++;
        if (!field(p, op))
            return false;
    } while (*p->at == ',');
    return *p->at++ == '}' ? true : fail(p, "'}' expected");
}

static bool operation(struct parser *p)
{
    size_t n = strcspn(p->at, ".\n");
    int64_t size;
    for (unsigned i = 0; i < IR__COUNT; i++) {
        const char *name = ir_opcode_name(i);
        if (strlen(name) != n || strncmp(name, p->at, n) || p->at[n] != '.')
            continue;
        p->at += n + 1;
        if (!number(p, &size))
            return false;
        struct ir_op op = *ir_append(p->block, i, (unsigned)size);
        if (!fields(p, &op))
            return false;
        if (ir_arg_count(&op) > 6)
            return fail(p, "too many operands");
        for (unsigned k = 0; k < ir_arg_count(&op); k++) {
            if (k && *p->at++ != ',')
                return fail(p, "',' expected");
            skip_spaces(p);
            if (!variable(p, &op.arg[k]))
                return false;
        }
        p->block->ops[p->block->op_count - 1] = op;
        return true;
    }
    return fail(p, "unknown operation");
}

static bool named(struct parser *p, const char *name, int64_t *value)
{
    skip_spaces(p);
    return word(p, name) && word(p, "=") ? number(p, value) : fail(p, name);
}

static bool header(struct parser *p)
{
    int64_t rip, insns, labels;
    if (!named(p, "rip", &rip) || !named(p, "insns", &insns) || !named(p, "labels", &labels))
        return false;
    p->block->rip = (uint64_t)rip;
    p->block->insn_count = (uint16_t)insns;
    p->block->label_count = (unsigned)labels;
    return true;
}

static bool kind_of_site(struct parser *p, int64_t *kind)
{
    skip_spaces(p);
    return word(p, "kind=") ? one_of(p, kind_name, kind) : fail(p, "kind");
}

static bool site(struct parser *p)
{
    int64_t rip, insn, kind, size, slot;
    struct ir_site s;
    if (!named(p, "rip", &rip) || !named(p, "insn", &insn) || !kind_of_site(p, &kind) || !named(p, "size", &size) ||
        !named(p, "slot", &slot))
        return false;
    s = (struct ir_site){ .rip = (uint64_t)rip, .insn = (uint16_t)insn, .kind = (uint8_t)kind, .size = (uint8_t)size, .cc_slot = (uint8_t)slot };
    ir_var *vars[3] = { &s.a, &s.b, &s.c };
    for (unsigned k = 0; k < 3; k++) {
        if (k && *p->at++ != ',')
            return fail(p, "',' expected");
        skip_spaces(p);
        if (!variable(p, vars[k]))
            return false;
    }
    ir_site(p->block, &s);
    return true;
}

static bool edge(struct parser *p)
{
    int64_t rip, flags, cross;
    if (!named(p, "rip", &rip) || !named(p, "flags", &flags) || !named(p, "cross", &cross))
        return false;
    if (p->block->edge_count == IR_MAX_EDGES)
        return fail(p, "too many edges");
    p->block->edges[p->block->edge_count++] = (struct ir_edge){ (uint64_t)rip, (uint32_t)flags, cross };
    return true;
}

static bool line(struct parser *p)
{
    skip_spaces(p);
    if (*p->at == '\n' || *p->at == '#' || !*p->at) {
        p->at += strcspn(p->at, "\n");
        return true;
    }
    if (word(p, "block "))
        return header(p);
    if (word(p, "site "))
        return site(p);
    return word(p, "edge ") ? edge(p) : operation(p);
}

struct ir_block *ir_parse(const struct ir_target *target, const char *text, struct error **errp)
{
    struct parser p = { .block = ir_block_new(target), .at = text, .errp = errp };
    for (unsigned i = 0; i < IR_MAX_VARS; i++)
        p.names[i] = IR_NONE;
    while (*p.at) {
        p.line++;
        bool ok = line(&p);
        skip_spaces(&p);
        if (ok && p.block->overflow)
            ok = fail(&p, "too much for one block");
        if (ok && *p.at && *p.at != '\n')
            ok = fail(&p, "junk");
        if (!ok) {
            ir_block_free(p.block);
            return NULL;
        }
        if (*p.at)
            p.at++;
    }
    return p.block;
}
