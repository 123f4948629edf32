// SPDX-License-Identifier: MIT
//
// Blocks of IR and their builder. All arrays have their full size from the start, so that building never allocates;
// running out sets `overflow`, and the translator starts again with fewer instructions.
#include <stdlib.h>
#include <string.h>
#include "tcg/internal.h"

static const struct { const char *name; uint8_t defs, uses, flags; } ops[IR__COUNT] = {
#define P IRF_P
#define L IRF_L
#define E IRF_E
#define B IRF_B
#define F IRF_F
#define S IRF_S
#define LG (IRF_L | IRF_G)
#define BE (IRF_B | IRF_E)
#define PF (IRF_P | IRF_F)
#define OP(id, text, defs, uses, has_imm, flags) [IR_##id] = { text, defs, uses, flags },
#include "tcg/ops.def"
#undef OP
#undef P
#undef L
#undef E
#undef B
#undef F
#undef S
#undef LG
#undef BE
#undef PF
};

#define MAX_SITES 1024

const char *ir_opcode_name(enum ir_opcode opcode) { return ops[opcode].name; }
unsigned ir_opcode_flags(enum ir_opcode opcode) { return ops[opcode].flags; }
unsigned ir_opcode_defs(enum ir_opcode opcode) { return ops[opcode].defs; }
unsigned ir_opcode_uses(enum ir_opcode opcode) { return ops[opcode].uses; }

struct ir_block *ir_block_new(const struct ir_target *target)
{
    struct ir_block *block = calloc(1, sizeof *block);
    block->target = target;
    block->ops = calloc(IR_MAX_OPS, sizeof *block->ops);
    block->vars = calloc(IR_MAX_VARS, sizeof *block->vars);
    block->sites = calloc(MAX_SITES, sizeof *block->sites);
    ir_block_clear(block);
    return block;
}

void ir_block_free(struct ir_block *block)
{
    if (!block)
        return;
    free(block->ops);
    free(block->vars);
    free(block->sites);
    free(block);
}

void ir_block_clear(struct ir_block *block)
{
    block->op_count = block->site_count = block->edge_count = block->label_count = 0;
    block->insn_count = 0;
    block->rip = 0;
    block->overflow = false;
    memset(block->edges, 0, sizeof block->edges);
    block->var_count = block->target->global_count;
    for (unsigned i = 0; i < block->var_count; i++)
        block->vars[i] = (struct ir_variable){ .kind = block->target->globals[i].vector ? IR_VGLOBAL : IR_GLOBAL, .global = (uint16_t)i };
}

static ir_var new_var(struct ir_block *block, enum ir_var_kind kind, int64_t value)
{
    if (block->var_count == IR_MAX_VARS) {
        block->overflow = true;
        return (ir_var)(IR_MAX_VARS - 1);
    }
    block->vars[block->var_count] = (struct ir_variable){ .kind = (uint8_t)kind, .value = value };
    return (ir_var)block->var_count++;
}

ir_var ir_temp(struct ir_block *block) { return new_var(block, IR_TEMP, 0); }
ir_var ir_vtemp(struct ir_block *block) { return new_var(block, IR_VTEMP, 0); }

ir_var ir_const(struct ir_block *block, int64_t value)
{
    unsigned first = block->target->global_count;
    unsigned stop = block->var_count > first + 24 ? block->var_count - 24 : first;
    for (unsigned i = block->var_count; i-- > stop;) // one used lately, perhaps
        if (block->vars[i].kind == IR_CONST && block->vars[i].value == value)
            return (ir_var)i;
    return new_var(block, IR_CONST, value);
}

unsigned ir_label(struct ir_block *block) { return block->label_count++; }

struct ir_op *ir_append(struct ir_block *block, enum ir_opcode opcode, unsigned size)
{
    if (block->op_count == IR_MAX_OPS) {
        block->overflow = true;
        block->op_count--;
    }
    struct ir_op *op = &block->ops[block->op_count++];
    *op = (struct ir_op){ .opcode = (uint8_t)opcode, .size = (uint8_t)size, .defs = ops[opcode].defs, .uses = ops[opcode].uses };
    for (unsigned i = 0; i < 6; i++)
        op->arg[i] = IR_NONE;
    return op;
}

void ir_1(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a)
{
    ir_append(block, opcode, size)->arg[0] = a;
}

void ir_2(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a, ir_var b)
{
    struct ir_op *op = ir_append(block, opcode, size);
    op->arg[0] = a;
    op->arg[1] = b;
}

void ir_3(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a, ir_var b, ir_var c)
{
    struct ir_op *op = ir_append(block, opcode, size);
    op->arg[0] = a;
    op->arg[1] = b;
    op->arg[2] = c;
}

void ir_4(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a, ir_var b, ir_var c, ir_var d)
{
    struct ir_op *op = ir_append(block, opcode, size);
    op->arg[0] = a;
    op->arg[1] = b;
    op->arg[2] = c;
    op->arg[3] = d;
}

uint16_t ir_site(struct ir_block *block, const struct ir_site *site)
{
    if (block->site_count == MAX_SITES) {
        block->overflow = true;
        block->site_count--;
    }
    block->sites[block->site_count] = *site;
    return (uint16_t)block->site_count++;
}
