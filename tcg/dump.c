// SPDX-License-Identifier: MIT
//
// Text of a block (docs/ir.md). One op a line: name.size{field=value,...} operands. Fields that are 0 are left out; temps
// are numbered in order of appearance, so that ir_parse gives the same text back.
#include <string.h>
#include "tcg/internal.h"
#include "tcg/vec.h"

struct dumper {
    const struct ir_block *block;
    FILE *out;
    uint16_t number[IR_MAX_VARS]; // 0: not met yet; else number + 1
    unsigned temps;
};

const char *ir_kind_name(unsigned kind)
{
    static const char *const names[CC__COUNT] = { "env", "eflags", "add", "sub", "subr", "adc", "sbb", "logic", "inc", "dec",
                                                  "shl", "shr", "mul" };
    return kind < CC__COUNT ? names[kind] : NULL;
}

const char *ir_condition_name(unsigned cond)
{
    static const char *const names[16] = { "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g" };
    return cond < 16 ? names[cond] : NULL;
}

static void put_number(FILE *out, int64_t value)
{
    if (value > -4096 && value < 4096)
        fprintf(out, "%lld", (long long)value);
    else
        fprintf(out, "%#llx", (unsigned long long)value);
}

static void put_var(struct dumper *d, ir_var v)
{
    if (v == IR_NONE) {
        fputc('_', d->out);
        return;
    }
    const struct ir_variable *var = &d->block->vars[v];
    if (var->kind == IR_GLOBAL || var->kind == IR_VGLOBAL) {
        fprintf(d->out, "%%%s", d->block->target->globals[var->global].name);
    } else if (var->kind == IR_CONST) {
        fputc('$', d->out);
        put_number(d->out, var->value);
    } else {
        if (!d->number[v])
            d->number[v] = (uint16_t)++d->temps;
        fprintf(d->out, "%c%u", var->kind == IR_VTEMP ? 'v' : 't', d->number[v] - 1u);
    }
}

// ---- fields

struct fields { FILE *out; char separator; };

static void put_key(struct fields *f, const char *name)
{
    fprintf(f->out, "%c%s=", f->separator, name);
    f->separator = ',';
}

static void put_field(struct fields *f, const char *name, int64_t value)
{
    if (!value)
        return;
    put_key(f, name);
    put_number(f->out, value);
}

static void put_name(struct fields *f, const char *name, const char *value)
{
    put_key(f, name);
    fputs(value ? value : "?", f->out);
}

static void put_fields(struct dumper *d, const struct ir_op *op)
{
    struct fields f = { d->out, '{' };
    if (op->kind)
        put_name(&f, "kind", ir_kind_name(op->kind));
    if (op->cond || op->opcode == IR_SETCC || op->opcode == IR_MOVCC || op->opcode == IR_BRCC)
        put_name(&f, "cond", ir_condition_name(op->cond));
    put_field(&f, "scale", op->scale);
    put_field(&f, "ext", op->ext);
    put_field(&f, "size2", op->size2);
    put_field(&f, "edge", op->edge);
    put_field(&f, "addr32", op->addr32);
    put_field(&f, "align", op->align);
    if (op->opcode == IR_CALL)
        put_name(&f, "helper", d->block->target->helpers[op->helper].name);
    else if (ir_is_vop(op))
        put_name(&f, "row", vec_rows[op->helper].name);
    put_field(&f, "site", op->site);
    put_field(&f, "dead", op->dead);
    put_field(&f, "imm", op->imm);
    if (op->opcode == IR_CALL) {
        put_field(&f, "defs", op->defs);
        put_field(&f, "uses", op->uses);
    }
    if (f.separator == ',')
        fputc('}', d->out);
}

// ---- lines

static void put_site(struct dumper *d, const struct ir_site *s)
{
    fputs("site rip=", d->out);
    put_number(d->out, (int64_t)s->rip);
    fprintf(d->out, " insn=%u kind=%s size=%u slot=%u ", s->insn, ir_kind_name(s->kind), s->size, s->cc_slot);
    const ir_var vars[3] = { s->a, s->b, s->c };
    for (unsigned k = 0; k < 3; k++) {
        fputs(k ? ", " : "", d->out);
        put_var(d, vars[k]);
    }
    fputc('\n', d->out);
}

static void put_op(struct dumper *d, const struct ir_op *op)
{
    fprintf(d->out, "%s%s.%u", op->opcode == IR_INSN || op->opcode == IR_LABEL ? "" : "  ", ir_opcode_name(op->opcode), op->size);
    put_fields(d, op);
    for (unsigned k = 0; k < ir_arg_count(op); k++) {
        fputs(k ? ", " : " ", d->out);
        put_var(d, op->arg[k]);
    }
    fputc('\n', d->out);
}

void ir_dump(const struct ir_block *block, FILE *out)
{
    struct dumper d = { .block = block, .out = out };
    fputs("block rip=", out);
    put_number(out, (int64_t)block->rip);
    fprintf(out, " insns=%u labels=%u\n", block->insn_count, block->label_count);
    for (unsigned i = 0; i < block->site_count; i++)
        put_site(&d, &block->sites[i]);
    for (unsigned i = 0; i < block->edge_count; i++) {
        fputs("edge rip=", out);
        put_number(out, (int64_t)block->edges[i].rip);
        fprintf(out, " flags=%u cross=%u\n", block->edges[i].flags_id, block->edges[i].cross_page);
    }
    for (unsigned i = 0; i < block->op_count; i++)
        put_op(&d, &block->ops[i]);
}
