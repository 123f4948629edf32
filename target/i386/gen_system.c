// SPDX-License-Identifier: MIT
//
// Segments, system registers, ports, interrupt flag. Most go through helpers; what is hot in a kernel is inline.
#include <stddef.h>
#include "target/i386/cpuid.h"
#include "target/i386/gen_fp.h"
#include "target/i386/gen_int.h"

#define ENV(field) ((int64_t)offsetof(struct x86_cpu, field))
#define SEG_FIELD(n, field) (int64_t)(offsetof(struct x86_cpu, seg) + (n) * sizeof(struct segment) + offsetof(struct segment, field))

static ir_var imm(struct translator *t, int64_t v) { return gen_const(t, v); }
static void ud(struct translator *t) { gen_raise(t, VEC_UD, false, 0); }

// The state that block flags depend on changed: on through the loop, at the next instruction.
static void next_through_loop(struct translator *t, const struct insn *in) { gen_exit_loop(t, in->next_rip); }

// ---- segment registers

static void next_after_segment(struct translator *t, const struct insn *in, unsigned seg)
{
    if (seg == SEG_SS)
        gen_exit_untrapped(t, in->next_rip, false);
    else
        next_through_loop(t, in);
}

void gen_push_seg(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_stack_at(t, -(1ll << in->opsize));
    // 32-bit code moves 16 bits and leaves what is above them, as Intel's processors do [SDM 2B PUSH].
    gen_store(t, &m, in->opsize == 2 ? 1 : in->opsize, gen_load_env(t, 1, SEG_FIELD(in->row->arg, selector)));
    gen_stack_adjust(t, -(1ll << in->opsize));
}

static void load_segment(struct translator *t, const struct insn *in, unsigned seg, ir_var selector)
{
    gen_call(t, H_load_segment, IR_NONE, 2, imm(t, seg), selector);
    if (seg == SEG_SS)
        gen_store_env(t, 0, ENV(inhibit), imm(t, INHIBIT_TRAPS));
}

void gen_pop_seg(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_stack_at(t, 0);
    ir_var selector = gen_load(t, &m, 1, 0);
    load_segment(t, in, (unsigned)in->row->arg, selector);
    gen_stack_adjust(t, 1ll << in->opsize);
    next_after_segment(t, in, (unsigned)in->row->arg);
}

void gen_mov_from_seg(struct translator *t, const struct insn *in)
{
    ir_var selector = gen_load_env(t, 1, SEG_FIELD(in->op[1].reg, selector));
    struct insn narrow = *in;
    if (in->mem)
        narrow.op[0].size = 1;
    gen_write(t, &narrow, 0, selector);
}

void gen_mov_to_seg(struct translator *t, const struct insn *in)
{
    unsigned seg = in->op[0].reg;
    if (seg == SEG_CS) {
        ud(t);
        return;
    }
    load_segment(t, in, seg, gen_read(t, in, 1));
    next_after_segment(t, in, seg);
}

void gen_load_far(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    ir_var offset = gen_load(t, &m, in->opsize, 0);
    m.disp += 1ll << in->opsize;
    ir_var selector = gen_load(t, &m, 1, 0);
    load_segment(t, in, (unsigned)in->row->arg, selector);
    gen_write_reg(t, in->op[0].reg, in->opsize, offset);
    next_after_segment(t, in, (unsigned)in->row->arg);
}

void gen_bound(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    unsigned size = in->opsize;
    ir_var low = gen_load(t, &m, size, 1), value = ir_temp(t->ir);
    ir_2(t->ir, size == 1 ? IR_SX16 : IR_SX32, 3, value, gen_reg(in->op[0].reg));
    gen_call(t, H_bound, IR_NONE, 3, value, low, imm(t, INT64_MAX)); // #BR before the upper bound is read
    m.disp += 1ll << size;
    gen_call(t, H_bound, IR_NONE, 3, value, low, gen_load(t, &m, size, 1));
}

// LAR, LSL, VERR, VERW: the helper leaves ZF in the struct and returns the value (old one when ZF = 0).
void gen_descriptor(struct translator *t, const struct insn *in)
{
    ir_var selector = gen_read(t, in, 1), how = imm(t, in->row->arg), result = ir_temp(t->ir);
    gen_call(t, H_descriptor, result, 2, selector, how);
    gen_cc_from_env(t);
    if (in->row->arg >= 2)
        return;
    unsigned size = in->opsize;
    ir_var d = gen_reg(in->op[0].reg);
    struct recipe found = { CC_ENV, 0, IR_NONE, IR_NONE, IR_NONE };
    ir_var value = ir_temp(t->ir);
    ir_2(t->ir, IR_MOV, 3, value, d);
    ir_2(t->ir, IR_MOV, size, value, result);
    gen_move_if(t, &found, 4, 3, d, value);
}

void gen_store_selector(struct translator *t, const struct insn *in)
{
    unsigned which = (unsigned)in->row->arg; // 0 SLDT 1 STR 2 SMSW
    if (t->flags & BF_UMIP && !(t->flags & BF_CPL_0)) {
        gen_raise(t, VEC_GP, true, 0);
        return;
    }
    ir_var value = which == 0 ? gen_load_env(t, 1, ENV(ldt.selector)) : which == 1 ? gen_load_env(t, 1, ENV(tr.selector)) : gen_load_env(t, 3, ENV(cr0));
    struct insn narrow = *in;
    if (in->mem)
        narrow.op[0].size = 1;
    gen_write(t, &narrow, 0, value);
}

void gen_load_table(struct translator *t, const struct insn *in)
{
    gen_call(t, H_load_table, IR_NONE, 2, gen_read(t, in, 0), imm(t, in->row->arg));
}

static ir_var linear(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_mem_at(t, in->segment, gen_ea(t, in));
    return gen_lea_op(t, m.addr32 ? 2 : 3, m.base, m.index, 0, 0);
}

void gen_table_register(struct translator *t, const struct insn *in)
{
    if (in->row->arg < 2 && t->flags & BF_UMIP && !(t->flags & BF_CPL_0)) {
        gen_raise(t, VEC_GP, true, 0);
        return;
    }
    int64_t size = long64(t) ? 3 : in->opsize;
    gen_call(t, H_table_register, IR_NONE, 3, linear(t, in), imm(t, in->row->arg), imm(t, size));
}

// ---- control, debug, model specific registers

void gen_lmsw(struct translator *t, const struct insn *in)
{
    ir_var value = gen_read(t, in, 0), cr0 = gen_load_env(t, 3, ENV(cr0)), low = ir_temp(t->ir), keep = ir_temp(t->ir);
    ir_3(t->ir, IR_AND, 3, low, value, imm(t, 15));
    ir_3(t->ir, IR_AND, 3, keep, cr0, imm(t, ~14ll)); // PE cannot be cleared
    ir_3(t->ir, IR_OR, 3, low, low, keep);
    gen_call(t, H_write_cr, IR_NONE, 2, imm(t, 0), low);
    next_through_loop(t, in);
}

void gen_clts(struct translator *t, const struct insn *in)
{
    ir_var cr0 = gen_load_env(t, 3, ENV(cr0));
    ir_3(t->ir, IR_AND, 3, cr0, cr0, imm(t, ~(int64_t)CR0_TS));
    gen_store_env(t, 3, ENV(cr0), cr0);
    next_through_loop(t, in);
}

static bool known_cr(unsigned cr) { return cr == 0 || cr == 2 || cr == 3 || cr == 4 || cr == 8; }

void gen_mov_cr(struct translator *t, const struct insn *in)
{
    bool write = in->row->arg;
    unsigned cr = in->op[write ? 0 : 1].reg, reg = in->op[write ? 1 : 0].reg, size = long64(t) ? 3 : 2;
    if (!known_cr(cr)) {
        ud(t);
        return;
    }
    if (!write) {
        ir_var value = ir_temp(t->ir);
        gen_call(t, H_read_cr, value, 1, imm(t, cr));
        gen_write_reg(t, reg, size, value);
        return;
    }
    ir_var value = ir_temp(t->ir);
    ir_2(t->ir, size == 3 ? IR_MOV : IR_ZX32, 3, value, gen_reg(reg));
    if (cr == 3) {
        gen_call(t, H_write_cr3, IR_NONE, 2, value, imm(t, (int64_t)in->next_rip));
        gen_resume(t, true);
        return;
    }
    gen_call(t, H_write_cr, IR_NONE, 2, imm(t, cr), value);
    next_through_loop(t, in);
}

void gen_mov_dr(struct translator *t, const struct insn *in)
{
    bool write = in->row->arg;
    unsigned dr = in->op[write ? 0 : 1].reg, reg = in->op[write ? 1 : 0].reg, size = long64(t) ? 3 : 2;
    if (dr > 7) {
        ud(t);
        return;
    }
    if (write) {
        gen_call(t, H_write_dr, IR_NONE, 2, imm(t, dr), gen_reg(reg));
        next_through_loop(t, in);
        return;
    }
    ir_var value = ir_temp(t->ir);
    gen_call(t, H_read_dr, value, 1, imm(t, dr));
    gen_write_reg(t, reg, size, value);
}

void gen_msr(struct translator *t, const struct insn *in)
{
    gen_call(t, H_msr, IR_NONE, 1, imm(t, in->row->arg));
    if (in->row->arg)
        next_through_loop(t, in);
}

void gen_rdtsc(struct translator *t, const struct insn *in)
{
    if (t->flags & BF_TSD)
        gen_raise(t, VEC_GP, true, 0);
    else
        gen_call(t, H_rdtsc, IR_NONE, 1, imm(t, 0));
}

// RDRAND and RDSEED: the machine's generator always has a number, so CF is 1 and the other flags are 0.
void gen_random(struct translator *t, const struct insn *in)
{
    ir_var value = ir_temp(t->ir);
    gen_call(t, H_random, value, 0);
    if (t->needed & F_ARITH) {
        ir_var flags = ir_temp(t->ir);
        ir_2(t->ir, IR_MOV, 3, flags, imm(t, F_CF));
        gen_set_cc(t, CC_EFLAGS, 3, flags, IR_NONE, IR_NONE);
    }
    gen_write(t, in, 0, value);
}

void gen_rdpid(struct translator *t, const struct insn *in)
{
    gen_write(t, in, 0, gen_load_env(t, 3, offsetof(struct x86_cpu, tsc_aux)));
}

void gen_rdpmc(struct translator *t, const struct insn *in)
{
    gen_raise(t, VEC_GP, true, 0); // no performance counters
}

void gen_cpuid(struct translator *t, const struct insn *in)
{
    gen_call(t, H_cpuid, IR_NONE, 0);
}

void gen_segment_base(struct translator *t, const struct insn *in)
{
    unsigned how = (unsigned)in->row->arg, size = in->op[0].size; // 0 rdfs 1 rdgs 2 wrfs 3 wrgs
    if (!(t->flags & BF_FSGSBASE)) {
        ud(t);
        return;
    }
    int64_t at = SEG_FIELD(how & 1 ? SEG_GS : SEG_FS, base);
    if (how < 2) {
        gen_write_reg(t, in->op[0].reg, size, gen_load_env(t, 3, at));
        return;
    }
    ir_var value = ir_temp(t->ir);
    ir_2(t->ir, size == 3 ? IR_MOV : IR_ZX32, 3, value, gen_reg(in->op[0].reg));
    if (size == 3)
        gen_call(t, H_check_canonical, IR_NONE, 1, value);
    gen_store_env(t, 3, at, value);
}

// ---- TLB: contexts are coherent with the tables, so there is nothing to flush

void gen_invlpg(struct translator *t, const struct insn *in)
{
}

void gen_invpcid(struct translator *t, const struct insn *in)
{
    gen_call(t, H_invpcid, IR_NONE, 2, gen_reg(in->op[0].reg), linear(t, in));
}

// ---- 0F 01 with a register operand: the ModRM byte is the opcode

static void gen_ac(struct translator *t, const struct insn *in, bool set)
{
    if (!(t->flags & BF_CPL_0) || !(t->flags & BF_SMAP)) {
        if (!(t->flags & BF_CPL_0))
            ud(t);
        else { // without SMAP only the flag changes
            gen_call(t, H_set_ac, IR_NONE, 1, imm(t, set));
            next_through_loop(t, in);
        }
        return;
    }
    ir_var flags = gen_load_env(t, 3, ENV(eflags));
    ir_3(t->ir, set ? IR_OR : IR_AND, 3, flags, flags, imm(t, set ? (int64_t)F_AC : ~(int64_t)F_AC));
    gen_store_env(t, 3, ENV(eflags), flags);
    ir_append(t->ir, IR_CTX, 3)->imm = set ? VIEW_SUPERVISOR_AC : VIEW_SUPERVISOR;
    t->flags = set ? t->flags | BF_AC_VIEW : t->flags & ~(uint32_t)BF_AC_VIEW;
    t->flags_id = t->intern(t->opaque, t->flags);
    gen_exit_to(t, in->next_rip);
}

static void gen_swapgs(struct translator *t, const struct insn *in)
{
    if (!long64(t)) {
        ud(t);
    } else if (!(t->flags & BF_CPL_0)) {
        gen_raise(t, VEC_GP, true, 0);
    } else {
        ir_var gs = gen_load_env(t, 3, SEG_FIELD(SEG_GS, base)), kernel = gen_load_env(t, 3, ENV(kernel_gs_base));
        gen_store_env(t, 3, SEG_FIELD(SEG_GS, base), kernel);
        gen_store_env(t, 3, ENV(kernel_gs_base), gs);
    }
}

void gen_group7_register(struct translator *t, const struct insn *in)
{
    bool ends = in->row->flags & ROW_ENDS;
    switch (in->modrm) {
    case 0xca: case 0xcb:
        gen_ac(t, in, in->modrm == 0xcb);
        return;
    case 0xd0: gen_xgetbv(t, in); break;
    case 0xd1: gen_xsetbv(t, in); break;
    case 0xf8: gen_swapgs(t, in); break;
    case 0xf9:
        if (t->flags & BF_TSD)
            gen_raise(t, VEC_GP, true, 0);
        else
            gen_call(t, H_rdtsc, IR_NONE, 1, imm(t, 1));
        break;
    default: ud(t); break;
    }
    if (ends && !t->ended)
        next_through_loop(t, in);
}

// ---- ports and the interrupt flag

static ir_var port_of(struct translator *t, const struct insn *in, unsigned n)
{
    ir_var port = ir_temp(t->ir);
    if (in->op[n].kind == OPK_IMM)
        ir_2(t->ir, IR_MOV, 3, port, imm(t, in->op[n].imm));
    else
        ir_2(t->ir, IR_ZX16, 3, port, gen_reg(R_RDX));
    return port;
}

void gen_in(struct translator *t, const struct insn *in)
{
    ir_var value = ir_temp(t->ir), port = port_of(t, in, 1);
    gen_call(t, H_port_in, value, 2, port, imm(t, in->op[0].size | (t->flags & BF_IOPL_OK ? 8 : 0)));
    gen_write_reg(t, R_RAX, in->op[0].size, value);
}

void gen_out(struct translator *t, const struct insn *in)
{
    gen_call(t, H_port_out, IR_NONE, 3, port_of(t, in, 0), gen_reg(R_RAX), imm(t, in->op[1].size | (t->flags & BF_IOPL_OK ? 8 : 0)));
}

void gen_cli(struct translator *t, const struct insn *in)
{
    if (!(t->flags & BF_IOPL_OK)) {
        gen_raise(t, VEC_GP, true, 0);
        return;
    }
    ir_var flags = gen_load_env(t, 3, ENV(eflags));
    ir_3(t->ir, IR_AND, 3, flags, flags, imm(t, ~(int64_t)F_IF));
    gen_store_env(t, 3, ENV(eflags), flags);
}

void gen_sti(struct translator *t, const struct insn *in)
{
    if (!(t->flags & BF_IOPL_OK)) {
        gen_raise(t, VEC_GP, true, 0);
        return;
    }
    // The shadow: no interrupt before the next instruction ends. In a block that goes on it is there by itself.
    bool alone = t->current + 1 == t->count;
    ir_var old = gen_load_env(t, 3, ENV(eflags)), flags = ir_temp(t->ir), was_off = ir_temp(t->ir);
    ir_3(t->ir, IR_OR, 3, flags, old, imm(t, F_IF));
    ir_3(t->ir, IR_SHR, 3, was_off, old, imm(t, 9));
    ir_3(t->ir, IR_AND, 3, was_off, was_off, imm(t, 1));
    ir_3(t->ir, IR_XOR, 3, was_off, was_off, imm(t, 1));
    gen_store_env(t, 3, ENV(eflags), flags);
    if (alone) {
        gen_store_env(t, 0, ENV(inhibit), was_off);
        gen_exit_loop(t, in->next_rip);
        return;
    }
    unsigned go_on = ir_label(t->ir);
    ir_var pending = gen_load_env(t, 2, offsetof(struct vcpu_head, pending));
    gen_site(t);
    gen_branch(t, &(struct recipe){ CC_LOGIC, 2, pending, IR_NONE, IR_NONE }, 4, go_on);
    struct recipe cc = t->cc;
    uint8_t cc_saved = t->cc_saved;
    gen_call(t, H_sti_pending, IR_NONE, 2, imm(t, (int64_t)in->next_rip), was_off);
    t->cc = cc;
    t->cc_saved = cc_saved;
    gen_label(t, go_on);
}

void gen_decimal(struct translator *t, const struct insn *in)
{
    int64_t base = in->op[0].kind == OPK_IMM ? in->op[0].imm : 0;
    gen_call(t, H_decimal, IR_NONE, 2, imm(t, in->row->arg), imm(t, base));
    gen_cc_from_env(t);
}
