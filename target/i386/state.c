// SPDX-License-Identifier: MIT
//
// The state of a vCPU as a table. What belongs to the engine (contexts, budgets) and what is recorded for the moment only (the
// exception being delivered, results of helpers) is not state: at an instruction boundary it means nothing.
#include "target/i386/state.h"
#include "target/i386/cpu.h"

static const struct state_field segment_state_fields[] = {
    STATE_FIELD(segment, selector), STATE_FIELD(segment, base), STATE_FIELD(segment, limit), STATE_FIELD(segment, attr),
};
static STATE_TABLE(segment_state);
static const struct state_field xmm_state_fields[] = { { "d", STATE_SCALARS, offsetof(union xmm, d), 8, 2, NULL, 0 } };
static STATE_TABLE(xmm_state);
static const struct state_field x87_reg_state_fields[] = { STATE_FIELD(x87_reg, mant), STATE_FIELD(x87_reg, se) };
static STATE_TABLE(x87_reg_state);

#define F(f) STATE_FIELD(x86_cpu, f)
static const struct state_field x86_cpu_state_fields[] = {
    F(head.instructions), STATE_STRUCTS(x86_cpu, xmm, xmm_state), F(head.mxcsr), STATE_STRUCTS(x86_cpu, seg, segment_state),
    STATE_STRUCT(x86_cpu, ldt, segment_state), STATE_STRUCT(x86_cpu, tr, segment_state), F(gdt.base), F(gdt.limit), F(idt.base),
    F(idt.limit), F(cr0), F(cr2), F(cr3), F(cr4), F(cr8), F(xcr0), F(efer), STATE_ARRAY(x86_cpu, dr), F(cpl), F(inhibit), F(halted),
    F(waiting_sipi), F(nmi_blocked), F(sipi_vector), F(star), F(lstar), F(cstar), F(sfmask), F(kernel_gs_base), F(sysenter_cs),
    F(sysenter_esp), F(sysenter_eip), F(pat), F(tsc_adjust), F(tsc_aux), F(misc_enable), F(mtrr_deftype),
    STATE_ARRAY(x86_cpu, mtrr_fixed), STATE_ARRAY(x86_cpu, mtrr_var), F(spec_ctrl), F(xss), STATE_STRUCTS(x86_cpu, fpr, x87_reg_state),
    F(fpu_top), F(fpu_control), F(fpu_status), F(fpu_empty), F(fpu_opcode), F(fpu_ip), F(fpu_dp), F(apic_id),
};
static STATE_TABLE(x86_cpu_state);

void cpu_write_state(const struct x86_cpu *cpu, const struct state_writer *w)
{
    static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    const uint32_t shown = PENDING_INTR | PENDING_NMI | PENDING_INIT | PENDING_SIPI | PENDING_SMI;
    w->value(w->opaque, "rip", cpu->head.rip, 8);
    w->value(w->opaque, "eflags", cpu_get_eflags(cpu), 8);
    for (int i = 0; i < 16; i++)
        w->value(w->opaque, names[i], cpu->regs[i], 8);
    w->value(w->opaque, "pending", atomic_load(&cpu->head.pending) & shown, 4);
    state_write(w, &x86_cpu_state, cpu);
}
