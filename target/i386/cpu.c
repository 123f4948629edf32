// SPDX-License-Identifier: MIT
//
// Life of a vCPU: power-up, INIT and SIPI [SDM 3A 9.1, 9.4], and its part in the vCPU loop (x86_engine_target).
#include "target/i386/cpu.h"
#include <stdlib.h>
#include <string.h>
#include "softmmu/memory.h"
#include "target/i386/decode.h"
#include "target/i386/engine_target.h"
#include "target/i386/translate.h"
#include "util/log.h"

static const struct cpu_host_ops no_host;

struct x86_cpu *cpu_new(unsigned index, const struct cpu_model *model, struct tlb_machine *tlb, struct address_space *memory,
                        struct address_space *ports)
{
    struct x86_cpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);
    memset(cpu, 0, sizeof *cpu);
    cpu->head.index = index;
    cpu->head.tlb = tlb;
    cpu->head.tlb_ops = &x86_tlb_ops;
    cpu->head.memory = memory;
    cpu->head.ports = ports;
    cpu->model = model;
    cpu->apic_id = index;
    cpu->host = &no_host;
    cpu->tsc_khz = 1000000;
    cpu_reset(cpu);
    return cpu;
}

void cpu_free(struct x86_cpu *cpu)
{
    free(cpu);
}

// What INIT and power-up have in common.
static void reset_core(struct x86_cpu *cpu)
{
    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu->regs[R_RDX] = 0x600;
    cpu->eflags = 2;
    cpu_set_arith_flags(cpu, 0);
    for (int i = 0; i < SEG_COUNT; i++)
        cpu->seg[i] = (struct segment){ .limit = 0xffff, .attr = SEG_P | SEG_S | 3 };
    cpu->seg[SEG_CS] = (struct segment){ .selector = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = SEG_P | SEG_S | 0xb };
    cpu->ldt = (struct segment){ .limit = 0xffff, .attr = SEG_P | 2 };
    cpu->tr = (struct segment){ .limit = 0xffff, .attr = SEG_P | 0xb };
    cpu->gdt.base = cpu->idt.base = 0;
    cpu->gdt.limit = cpu->idt.limit = 0xffff;
    cpu->head.rip = 0xfff0;
    cpu->cr0 = CR0_ET | CR0_NW | CR0_CD;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->cr8 = cpu->efer = 0;
    memset(cpu->dr, 0, sizeof cpu->dr);
    cpu->dr[6] = 0xffff0ff0;
    cpu->dr[7] = 0x400;
    cpu->head.trap = 0;
    cpu_debug_changed(cpu);
    cpu->cpl = 0;
    cpu->inhibit = 0;
    cpu->halted = cpu->nmi_blocked = false;
    cpu->exception.valid = false;
    cpu->head.pending = 0;
    cpu->head.site = 0;
    cpu_update_context(cpu);
}

void cpu_reset(struct x86_cpu *cpu)
{
    reset_core(cpu);
    memset(cpu->xmm, 0, sizeof cpu->xmm);
    memset(cpu->fpr, 0, sizeof cpu->fpr);
    cpu->head.mxcsr = 0x1f80;
    cpu->fpu_control = 0x40;
    cpu->fpu_status = 0;
    cpu->fpu_top = 0;
    cpu->fpu_empty = 0;
    cpu->fpu_opcode = 0;
    cpu->fpu_ip = cpu->fpu_dp = 0;
    cpu->xcr0 = 1;
    cpu->star = cpu->lstar = cpu->cstar = cpu->sfmask = cpu->kernel_gs_base = 0;
    cpu->sysenter_cs = cpu->sysenter_esp = cpu->sysenter_eip = 0;
    cpu->pat = 0x0007040600070406ull;
    cpu->misc_enable = 1;
    cpu->mtrr_deftype = 0;
    memset(cpu->mtrr_fixed, 0, sizeof cpu->mtrr_fixed);
    memset(cpu->mtrr_var, 0, sizeof cpu->mtrr_var);
    cpu->tsc_adjust = cpu->tsc_aux = cpu->spec_ctrl = cpu->xss = 0;
    cpu->waiting_sipi = cpu->head.index != 0; // application processors
    cpu->halted = cpu->waiting_sipi;
}

void cpu_init_ipi(struct x86_cpu *cpu)
{
    bool boot = cpu->head.index == 0;
    reset_core(cpu);
    cpu->waiting_sipi = !boot;
    cpu->halted = cpu->waiting_sipi;
}

void cpu_sipi(struct x86_cpu *cpu, uint8_t vector)
{
    if (!cpu->waiting_sipi)
        return;
    cpu->waiting_sipi = cpu->halted = false;
    cpu->seg[SEG_CS].selector = (uint16_t)(vector << 8);
    cpu->seg[SEG_CS].base = (uint64_t)vector << 12;
    cpu->head.rip = 0;
}

// ---- the loop's view

static uint32_t target_flags(struct vcpu_head *head)
{
    uint32_t flags = cpu_block_flags(x86_of(head));
    head->code_base = flags & BF_CS_BASE ? x86_of(head)->seg[SEG_CS].base : 0;
    return flags;
}

void cpu_resume(struct x86_cpu *cpu)
{
    struct vcpu_head *head = &cpu->head;
    head->resume_id = 0;
    if (head->trap || atomic_load_explicit(&head->pending, memory_order_relaxed))
        return;
    uint32_t flags = target_flags(head);
    if (flags & (BF_TF | BF_INHIBIT | BF_BREAKPOINT | BF_CS_BASE))
        return;
    cpu->eflags &= ~(uint64_t)F_RF; // as when the loop enters a block
    head->resume_id = engine_resume_id(head, flags);
}

static uint32_t target_intern(void *engine, uint32_t flags)
{
    return engine_intern_flags(engine, flags);
}

static unsigned target_translate(struct vcpu_head *head, struct ir_block *ir, const uint8_t *page, unsigned available,
                                 const uint8_t *next, unsigned next_available, uint64_t rip, uint32_t flags, unsigned max_insns,
                                 bool *kills_flags)
{
    struct translator t = { .ir = ir, .intern = target_intern, .opaque = head->engine };
    return translate_block(&t, page, available, next, next_available, rip, flags, max_insns, kills_flags);
}

static void target_deliver(struct vcpu_head *head)
{
    cpu_deliver_exception(x86_of(head));
}

static bool may_run(struct x86_cpu *cpu, unsigned *counted)
{
    if (cpu->head.trap && cpu_serve_code_breakpoint(cpu))
        ++*counted;
    return !cpu->halted;
}

// Traps, INIT, SIPI, NMI and interrupts, in the order of [SDM 3A 6.9]. Only what the current state allows is taken.
static bool target_service(struct vcpu_head *head, unsigned *counted)
{
    struct x86_cpu *cpu = x86_of(head);
    if (head->views[0]->root != cpu->root_key || !head->views[0]->in_use)
        cpu_update_context(cpu); // another vCPU's address spaces took the contexts
    uint32_t pending = atomic_load(&head->pending);
    if (head->trap && !cpu->waiting_sipi && cpu_serve_traps(cpu)) {
        ++*counted;
        return !cpu->halted; // by a triple fault
    }
    if (!pending)
        return may_run(cpu, counted);
    if (pending & PENDING_STOP)
        atomic_fetch_and(&head->pending, ~(uint32_t)PENDING_STOP);
    if (pending & PENDING_INIT) {
        atomic_fetch_and(&head->pending, ~(uint32_t)(PENDING_INIT));
        uint32_t keep = atomic_load(&head->pending);
        cpu_init_ipi(cpu);
        atomic_store(&head->pending, keep);
        pending = keep;
    }
    if (pending & PENDING_SIPI) {
        atomic_fetch_and(&head->pending, ~(uint32_t)PENDING_SIPI);
        cpu_sipi(cpu, cpu->sipi_vector);
    }
    if (cpu->waiting_sipi)
        return false;
    if (pending & PENDING_NMI && !cpu->nmi_blocked && !cpu->inhibit) {
        atomic_fetch_and(&head->pending, ~(uint32_t)PENDING_NMI);
        cpu->halted = false;
        cpu_deliver_nmi(cpu);
        ++*counted;
    } else if (pending & PENDING_INTR && cpu_interruptible(cpu)) {
        int vector = cpu->host->acknowledge ? cpu->host->acknowledge(cpu->host_opaque) : -1;
        if (vector >= 0) {
            cpu->halted = false;
            cpu_deliver_interrupt(cpu, (uint8_t)vector);
            ++*counted;
        }
    }
    return may_run(cpu, counted);
}

// In 64-bit mode no near branch leads to an address that is not canonical: it raises #GP as itself, its push or pop not done.
static bool target_undo_jump(struct vcpu_head *head, uint64_t source)
{
    struct x86_cpu *cpu = x86_of(head);
    struct insn in;
    uint64_t target = head->rip;
    if ((uint64_t)((int64_t)target >> 47) + 1 <= 1 || !(cpu_block_flags(cpu) & BF_CS_L))
        return false;
    head->rip = source;
    if (!cpu_decode_at_rip(cpu, &in)) { // cannot be: it was just run
        head->rip = target;
        return false;
    }
    if (!strcmp(in.row->name, "call"))
        cpu->regs[R_RSP] += 1ull << in.opsize;
    else if (!strcmp(in.row->name, "ret"))
        cpu->regs[R_RSP] -= (1ull << in.opsize) + (in.op[0].kind == OPK_IMM ? (uint64_t)in.op[0].imm : 0);
    return true;
}

static void target_entering(struct vcpu_head *head)
{
    x86_of(head)->inhibit = INHIBIT_NONE; // the block about to run is the one instruction in the shadow
    x86_of(head)->eflags &= ~(uint64_t)F_RF;
}

const struct engine_target x86_engine_target = {
    .ir = &x86_ir_target, .block_flags = target_flags, .one_insn = BF_ONE_INSN, .shadow = BF_INHIBIT | BF_TF | BF_BREAKPOINT, .translate = target_translate,
    .deliver = target_deliver, .service = target_service, .undo_jump = target_undo_jump, .entering = target_entering, .dump = cpu_dump_state,
};
