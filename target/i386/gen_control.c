// SPDX-License-Identifier: MIT
//
// Branches, calls, returns, interrupts, system calls, HLT, and the string instructions.
#include <stddef.h>
#include "target/i386/gen_int.h"

static uint64_t branch_target(const struct translator *t, const struct insn *in)
{
    return (uint64_t)in->op[0].imm; // the decoder made it absolute
}

void gen_jcc(struct translator *t, const struct insn *in)
{
    unsigned taken = ir_label(t->ir);
    gen_branch(t, &t->cc, (unsigned)in->row->arg, taken);
    gen_exit_to(t, in->next_rip);
    gen_label(t, taken);
    gen_exit_to(t, branch_target(t, in));
}

void gen_jmp(struct translator *t, const struct insn *in)
{
    gen_exit_to(t, branch_target(t, in));
}

static ir_var indirect_target(struct translator *t, const struct insn *in)
{
    ir_var target = gen_read(t, in, 0), masked;
    if (in->opsize == 3) {
        masked = ir_temp(t->ir);
        ir_2(t->ir, IR_MOV, 3, masked, target);
        return masked;
    }
    masked = ir_temp(t->ir);
    ir_2(t->ir, in->opsize == 2 ? IR_ZX32 : IR_ZX16, 3, masked, target);
    return masked;
}

// A near branch to an address that is not canonical faults as itself, before anything is committed. Blocks that are as fast as can be
// find out when the jump cache does not know the target: cpu.c, target_undo_jump; this instruction is then run by itself.
static void check_target(struct translator *t, ir_var target)
{
    if (t->flags & BF_CS_L && t->flags & (BF_ONE_INSN | BF_TF | BF_INHIBIT | BF_BREAKPOINT))
        gen_call(t, H_check_canonical, IR_NONE, 1, target);
}

void gen_jmp_indirect(struct translator *t, const struct insn *in)
{
    ir_var target = indirect_target(t, in);
    check_target(t, target);
    gen_exit_indirect(t, target);
}

void gen_call_near(struct translator *t, const struct insn *in)
{
    gen_push_value(t, in->opsize, gen_const(t, (int64_t)in->next_rip));
    gen_exit_to(t, branch_target(t, in));
}

void gen_call_indirect(struct translator *t, const struct insn *in)
{
    ir_var target = indirect_target(t, in);
    check_target(t, target);
    gen_push_value(t, in->opsize, gen_const(t, (int64_t)in->next_rip));
    gen_exit_indirect(t, target);
}

void gen_ret(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_stack_at(t, 0);
    ir_var target = gen_load(t, &m, in->opsize, 0);
    check_target(t, target);
    gen_stack_adjust(t, (1ll << in->opsize) + (in->op[0].kind == OPK_IMM ? in->op[0].imm : 0));
    gen_exit_indirect(t, target);
}

void gen_loop(struct translator *t, const struct insn *in)
{
    unsigned which = (unsigned)in->row->arg, size = in->addrsize, taken = ir_label(t->ir), over = ir_label(t->ir); // 3: jrcxz
    ir_var rcx = gen_reg(R_RCX);
    if (which < 3) {
        gen_protect(t, rcx);
        struct recipe before = t->cc;
        ir_3(t->ir, IR_SUB, size, rcx, rcx, gen_const(t, 1));
        if (which < 2) // LOOPNE: ZF clear as well; LOOPE: ZF set
            gen_branch(t, &before, which == 0 ? 4 : 5, over);
    }
    struct recipe test = { CC_LOGIC, (uint8_t)size, rcx, IR_NONE, IR_NONE };
    gen_branch(t, &test, which == 3 ? 4 : 5, taken);
    gen_label(t, over);
    gen_exit_to(t, in->next_rip);
    gen_label(t, taken);
    gen_exit_to(t, branch_target(t, in));
}

// ---- far transfers: the helpers set rip and everything else

void gen_far_memory(struct translator *t, const struct insn *in)
{
    unsigned size = in->opsize;
    struct gen_mem m = gen_address(t, in);
    ir_var offset = gen_load(t, &m, size, 0);
    m.disp += 1ll << size;
    ir_var selector = gen_load(t, &m, 1, 0);
    gen_call(t, in->row->arg ? H_far_call : H_far_jump, IR_NONE, 4, selector, offset, gen_const(t, size), gen_const(t, (int64_t)in->next_rip));
    gen_exit_loop_stored(t);
}

void gen_far_direct(struct translator *t, const struct insn *in)
{
    gen_call(t, in->row->arg ? H_far_call : H_far_jump, IR_NONE, 4, gen_const(t, (int64_t)in->imm2), gen_const(t, in->op[0].imm),
             gen_const(t, in->opsize), gen_const(t, (int64_t)in->next_rip));
    gen_exit_loop_stored(t);
}

void gen_far_ret(struct translator *t, const struct insn *in)
{
    int64_t pop = in->op[0].kind == OPK_IMM ? in->op[0].imm : 0;
    gen_call(t, H_far_return, IR_NONE, 2, gen_const(t, in->opsize), gen_const(t, pop));
    gen_exit_loop_stored(t);
}

void gen_iret(struct translator *t, const struct insn *in)
{
    gen_call(t, H_iret, IR_NONE, 1, gen_const(t, in->opsize));
    gen_resume(t, true);
}

void gen_int(struct translator *t, const struct insn *in)
{
    int64_t vector = in->row->arg >= 0 ? in->row->arg : in->op[0].imm;
    gen_call(t, H_interrupt, IR_NONE, 2, gen_const(t, vector), gen_const(t, (int64_t)in->next_rip));
    t->ended = true;
}

void gen_into(struct translator *t, const struct insn *in)
{
    unsigned over = ir_label(t->ir);
    gen_site(t);
    gen_branch(t, &t->cc, 1, over);
    gen_call(t, H_interrupt, IR_NONE, 2, gen_const(t, VEC_OF), gen_const(t, (int64_t)in->next_rip));
    gen_label(t, over);
    gen_exit_to(t, in->next_rip);
}

void gen_syscall(struct translator *t, const struct insn *in)
{
    switch (in->row->arg) {
    case 0: gen_call(t, H_syscall, IR_NONE, 1, gen_const(t, (int64_t)in->next_rip)); break;
    case 1: gen_call(t, H_sysret, IR_NONE, 1, gen_const(t, in->rex & 8)); break;
    case 2: gen_call(t, H_sysenter, IR_NONE, 0); break;
    default: gen_call(t, H_sysexit, IR_NONE, 1, gen_const(t, in->rex & 8)); break;
    }
    gen_resume(t, in->row->arg > 1); // of SYSCALL and SYSRET, TF as it is afterwards counts
}

void gen_hlt(struct translator *t, const struct insn *in)
{
    gen_store_env(t, 0, offsetof(struct x86_cpu, halted), gen_const(t, 1));
    gen_exit_halt(t, in->next_rip);
}

void gen_pause(struct translator *t, const struct insn *in)
{
    gen_store_env(t, 0, offsetof(struct vcpu_head, yield), gen_const(t, 1));
    gen_exit_loop(t, in->next_rip); // another vCPU may have what this one waits for
}

// ---- strings

enum string { STRING_MOVS, STRING_CMPS, STRING_STOS, STRING_LODS, STRING_SCAS, STRING_INS, STRING_OUTS };

static unsigned string_size(const struct insn *in)
{
    return in->op[0].size == 1 && in->row->op[0] == O_DX ? in->op[1].size : in->op[0].size;
}

static struct gen_mem string_at(struct translator *t, const struct insn *in, unsigned reg, unsigned seg)
{
    ir_var offset = gen_reg(reg);
    if (in->addrsize < 3) {
        ir_var narrow = ir_temp(t->ir);
        ir_2(t->ir, in->addrsize == 2 ? IR_ZX32 : IR_ZX16, 3, narrow, offset);
        offset = narrow;
    }
    return gen_mem_at(t, seg, offset);
}

static void string_step(struct translator *t, const struct insn *in, unsigned reg, unsigned size)
{
    ir_var delta = ir_temp(t->ir), g = gen_reg(reg); // (DF ? -1 : 1) << size
    ir_var flags = gen_load_env(t, 3, offsetof(struct x86_cpu, eflags));
    ir_3(t->ir, IR_SHR, 3, flags, flags, gen_const(t, 9)); // DF is bit 10: 2 or 0
    ir_3(t->ir, IR_AND, 3, flags, flags, gen_const(t, 2));
    ir_2(t->ir, IR_MOV, 3, delta, gen_const(t, 1));
    ir_3(t->ir, IR_SUB, 3, delta, delta, flags);
    ir_3(t->ir, IR_SHL, 3, delta, delta, gen_const(t, size));
    gen_protect(t, g);
    ir_3(t->ir, IR_ADD, in->addrsize, g, g, delta);
}

static void gen_string_once(struct translator *t, const struct insn *in, enum string which, unsigned size)
{
    struct gen_mem source, destination;
    ir_var a, b;
    switch (which) {
    case STRING_MOVS:
        source = string_at(t, in, R_RSI, in->segment);
        destination = string_at(t, in, R_RDI, SEG_ES);
        gen_store(t, &destination, size, gen_load(t, &source, size, 0));
        string_step(t, in, R_RSI, size);
        string_step(t, in, R_RDI, size);
        break;
    case STRING_STOS:
        destination = string_at(t, in, R_RDI, SEG_ES);
        gen_store(t, &destination, size, gen_reg(R_RAX));
        string_step(t, in, R_RDI, size);
        break;
    case STRING_LODS:
        source = string_at(t, in, R_RSI, in->segment);
        a = gen_load(t, &source, size, 0);
        gen_write_reg(t, R_RAX, size, a);
        string_step(t, in, R_RSI, size);
        break;
    case STRING_CMPS:
        source = string_at(t, in, R_RSI, in->segment);
        destination = string_at(t, in, R_RDI, SEG_ES);
        b = gen_load(t, &destination, size, 0); // faults: the destination's first
        a = gen_load(t, &source, size, 0);
        string_step(t, in, R_RSI, size);
        string_step(t, in, R_RDI, size);
        gen_set_cc(t, CC_SUB, size, a, b, IR_NONE);
        break;
    default: // SCAS
        destination = string_at(t, in, R_RDI, SEG_ES);
        b = gen_load(t, &destination, size, 0);
        a = ir_temp(t->ir);
        ir_2(t->ir, IR_MOV, 3, a, gen_reg(R_RAX));
        string_step(t, in, R_RDI, size);
        gen_set_cc(t, CC_SUB, size, a, b, IR_NONE);
        break;
    }
}

void gen_string(struct translator *t, const struct insn *in)
{
    enum string which = in->row->arg;
    unsigned size = string_size(in);
    bool io = which == STRING_INS || which == STRING_OUTS;
    if (size == 3 && io)
        size = 2;
    if (!in->prefix_rep && !io) {
        gen_string_once(t, in, which, size);
        return;
    }
    // One chunk by a helper; it says whether there is more to do.
    int64_t how = which | size << 4 | (int64_t)in->addrsize << 8 | (in->prefix_rep ? 1 << 12 : 0) | (in->prefix_rep == 0xf2 ? 1 << 13 : 0) |
                  (int64_t)in->segment << 16 | (t->flags & BF_IOPL_OK ? 1 << 20 : 0) | (t->flags & BF_TF ? 1 << 21 : 0);
    ir_var more = ir_temp(t->ir);
    gen_call(t, io ? H_string_io : H_string, more, 1, gen_const(t, how));
    gen_cc_from_env(t);
    unsigned done = ir_label(t->ir);
    struct recipe test = { CC_LOGIC, 3, more, IR_NONE, IR_NONE };
    gen_branch(t, &test, 4, done);
    gen_exit_to(t, in->rip); // under TF an iteration is an instruction
    gen_label(t, done);
    t->ended = false;
    if (in->prefix_rep && !(t->flags & BF_TF))
        gen_exit_to(t, in->next_rip);
}
