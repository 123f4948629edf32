// SPDX-License-Identifier: MIT
//
// The state of one x86 vCPU, and what the files of target/i386/ offer each other and exec/.
//
// Head first (softmmu/tlb.h): generated code knows its offsets. General registers are IR globals, in the
// struct exact only outside generated code or in a helper that READS. Flags: the six arithmetic ones
// live in head.cc_lo/cc_of (LAHF layout + OF); `eflags` holds the others (TF IF DF IOPL NT AC ID ...) and has
// bit 1 set; use cpu_get_eflags / cpu_set_eflags for the whole.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "softmmu/tlb.h"
#include "softmmu/watch.h"

struct error;

enum gpr { R_RAX, R_RCX, R_RDX, R_RBX, R_RSP, R_RBP, R_RSI, R_RDI, R_R8, R_R15 = 15 };
enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

// EFLAGS [SDM 1 3.4.3]
#define F_CF 0x1u
#define F_PF 0x4u
#define F_AF 0x10u
#define F_ZF 0x40u
#define F_SF 0x80u
#define F_TF 0x100u
#define F_IF 0x200u
#define F_DF 0x400u
#define F_OF 0x800u
#define F_IOPL 0x3000u
#define F_NT 0x4000u
#define F_RF 0x10000u
#define F_VM 0x20000u
#define F_AC 0x40000u
#define F_VIF 0x80000u
#define F_VIP 0x100000u
#define F_ID 0x200000u
#define F_ARITH 0x8d5u
// CR0, CR4, EFER [SDM 3A 2.5]
#define CR0_PE 1u
#define CR0_MP 2u
#define CR0_EM 4u
#define CR0_TS 8u
#define CR0_ET 0x10u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_AM 0x40000u
#define CR0_NW 0x20000000u
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u
#define CR4_VME 1u
#define CR4_PVI 2u
#define CR4_TSD 4u
#define CR4_DE 8u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_MCE 0x40u
#define CR4_PGE 0x80u
#define CR4_PCE 0x100u
#define CR4_OSFXSR 0x200u
#define CR4_OSXMMEXCPT 0x400u
#define CR4_UMIP 0x800u
#define CR4_LA57 0x1000u
#define CR4_FSGSBASE 0x10000u
#define CR4_PCIDE 0x20000u
#define CR4_OSXSAVE 0x40000u
#define CR4_SMEP 0x100000u
#define CR4_SMAP 0x200000u
#define EFER_SCE 1u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define EFER_NXE 0x800u

enum vector { // [SDM 3A 6.3.1]
    VEC_DE, VEC_DB, VEC_NMI, VEC_BP, VEC_OF, VEC_BR, VEC_UD, VEC_NM, VEC_DF, VEC_TS = 10, VEC_NP, VEC_SS, VEC_GP, VEC_PF,
    VEC_MF = 16, VEC_AC, VEC_MC, VEC_XM,
};

struct segment {
    uint64_t base;
    uint32_t limit;     // in bytes, granularity applied
    uint16_t selector;
    uint16_t attr;      // descriptor bits 55:40: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, DB 14, G 15; 0: unusable (null)
};
#define SEG_TYPE(a) ((a) & 15)
#define SEG_S 0x10
#define SEG_DPL(a) ((a) >> 5 & 3)
#define SEG_P 0x80
#define SEG_L 0x2000
#define SEG_DB 0x4000
#define SEG_G 0x8000

union xmm { uint64_t d[2]; }; // d[0] low; other widths by shifts where the host may be big-endian
struct x87_reg { uint64_t mant; uint16_t se; uint16_t pad[3]; };

// vcpu_head.pending bits
enum pending {
    PENDING_INTR = 1,   // the interrupt line (local APIC or PIC) is up
    PENDING_NMI = 2,
    PENDING_INIT = 4,
    PENDING_SIPI = 8,
    PENDING_STOP = 0x10,  // leave the vCPU loop: safe point, stop command, kick by the I/O thread
    PENDING_SMI = 0x20,
};

// Interrupt controller and outside world as the CPU sees them; filled by hw/ (local APIC), NULL functions allowed.
struct cpu_host_ops {
    int (*acknowledge)(void *opaque);      // highest pending vector, -1: none (spurious)
    bool (*has_interrupt)(void *opaque);
    uint64_t (*read_cr8)(void *opaque);
    void (*write_cr8)(void *opaque, uint64_t value);
    bool (*read_msr)(void *opaque, uint32_t msr, uint64_t *value);  // APIC_BASE, x2APIC 0x800-0x8ff, TSC_DEADLINE; false: not mine
    int (*write_msr)(void *opaque, uint32_t msr, uint64_t value);   // 1 done, 0 not mine, -1 #GP
    void (*halted)(void *opaque);
    void (*triple_fault)(void *opaque);
    void (*tsc_changed)(void *opaque);     // TSC or TSC_ADJUST was written: a deadline in it is at another time
    uint64_t (*random)(void *opaque);      // for RDRAND, RDSEED
    int64_t (*time_ns)(void *opaque);      // virtual time, for RDTSC
    void (*ferr)(void *opaque);            // x87 error on IRQ 13 (CR0.NE = 0)
};

enum inhibit { INHIBIT_NONE, INHIBIT_INTERRUPTS /* after STI */, INHIBIT_TRAPS /* after a load of SS: interrupts and debug traps */ };

struct cpu_model; // cpuid.c

struct x86_cpu {
    struct vcpu_head head;
    uint64_t regs[16];
    union xmm xmm[16];
    uint64_t eflags;          // without the arithmetic flags
    struct segment seg[SEG_COUNT];
    struct segment ldt, tr;
    struct { uint64_t base; uint16_t limit; } gdt, idt;
    uint64_t cr0, cr2, cr3, cr4, cr8, xcr0, efer;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_adjust, tsc_aux, misc_enable, mtrr_deftype, mtrr_fixed[11], mtrr_var[16], spec_ctrl, xss;
    uint64_t dr[8];
    struct watchpoint dr_watch[4]; // of the data breakpoints, placed by the loop
    bool dr_changed;
    uint8_t cpl;
    uint8_t inhibit;          // enum inhibit: what waits until the next instruction ends
    bool halted, waiting_sipi;
    bool nmi_blocked;
    uint8_t sipi_vector;
    bool a20_unused;
    // x87: physical registers; the stack top is fpu_top (ST(i) = fpr[(top + i) & 7])
    struct x87_reg fpr[8];
    uint64_t fpu_top;         // 0..7
    uint16_t fpu_control, fpu_status; // status without TOP
    uint8_t fpu_empty;        // bit i: physical register i is empty
    uint16_t fpu_opcode;
    uint64_t fpu_ip, fpu_dp;
    // an exception to deliver: recorded by raise, delivered by the loop (cpu_deliver)
    struct { bool valid, has_error, software; uint8_t vector; uint32_t error; uint64_t next_rip; uint64_t cr2; } exception;
    uint64_t second_result;   // of helpers with two results
    uint64_t root_key;        // page-table root and mode bits that head.views belong to
    void *catch_frame;        // outside generated code: where cpu_raise goes (jmp_buf *), NULL: to the loop
    uint64_t instructions;    // completed, up to the last leave of generated code (exec/)
    uint32_t flags_id;        // of the current state; exec recomputes it when needed
    const struct cpu_model *model;
    unsigned apic_id, cpu_count;
    const struct cpu_host_ops *host;
    void *host_opaque;
    uint64_t tsc_khz;
    bool log_int;
};
#define TRAP_STEP 0x4000u  // head.trap: bits of DR6,
#define TRAP_LOOK 0x8000u  // and: DR7 has enabled something
static inline struct x86_cpu *x86_of(struct vcpu_head *head) { return (struct x86_cpu *)head; }

// ---- block flags: everything besides rip that translation depends on. Interned to a small id by exec/.
// Bits of the 32-bit key:
enum block_flags {
    BF_CPL_USER = 1 << 0,      // CPL 3
    BF_CS_L = 1 << 1,          // 64-bit code
    BF_CS_DB = 1 << 2,         // 32-bit default size (when not L)
    BF_SS_DB = 1 << 3,         // 32-bit stack (when not L)
    BF_PE = 1 << 4,            // protected mode
    BF_VM = 1 << 5,
    BF_SEG_BASES = 1 << 6,     // not L: DS ES SS or CS has a base != 0 or a limit < 4 GiB: add bases (and check limits)
    BF_NO_FPU = 1 << 7,        // CR0.TS or EM set: x87/SSE need the slow check
    BF_TF = 1 << 8,            // single step trap after each instruction
    BF_INHIBIT = 1 << 9,       // interrupt shadow: one instruction, then the loop
    BF_AC_VIEW = 1 << 10,      // EFLAGS.AC matters (SMAP on, CPL < 3): view is VIEW_SUPERVISOR_AC
    BF_FLOAT_EXACT = 1 << 11,  // MXCSR has an unmasked exception: SSE arithmetic goes through exact helpers
    BF_CPL_0 = 1 << 12,        // CPL 0 (privileged instructions allowed)
    BF_SSE_OK = 1 << 13,       // CR4.OSFXSR
    BF_IOPL_OK = 1 << 14,      // CPL <= IOPL: CLI STI IN OUT allowed without the TSS bitmap
    BF_SMAP = 1 << 15,         // SMAP is on: STAC and CLAC change the view
    BF_EM = 1 << 16,           // CR0.EM
    BF_ALIGN_CHECK = 1 << 17,  // CR0.AM && EFLAGS.AC && CPL 3
    BF_FPU_EXC = 1 << 18,      // an unmasked x87 exception is pending
    BF_TSD = 1 << 19,          // CR4.TSD and CPL 3
    BF_FPU_TOP_SHIFT = 20,     // 3 bits: x87 stack top
    BF_FSGSBASE = 1 << 23,
    BF_ONE_INSN = 1 << 24,     // translate exactly one instruction (I/O, budget tail); set by exec only
    BF_BREAKPOINT = 1 << 25,   // DR7 has an instruction breakpoint: one instruction, then the loop
    BF_UMIP = 1 << 26,
    BF_XSAVE = 1 << 27,        // CR4.OSXSAVE
    BF_CS_BASE = 1 << 28,      // not L: CS has a base; such blocks are found through the loop only
};
uint32_t cpu_block_flags(const struct x86_cpu *cpu);
// The running instruction changed what block flags depend on, and rip is where it goes: may generated code go on there by
// itself (head.resume_id), or must the loop look?
void cpu_resume(struct x86_cpu *cpu);

// ---- flags
uint64_t cpu_get_eflags(const struct x86_cpu *cpu);
// Sets all of EFLAGS from value (bit 1 forced); recomputes the view when AC changed.
void cpu_set_eflags(struct x86_cpu *cpu, uint64_t value);
static inline uint32_t cpu_arith_flags(const struct x86_cpu *cpu)
{
    return (cpu->head.cc_lo & 0xd5u) | (uint32_t)cpu->head.cc_of << 11;
}
static inline void cpu_set_arith_flags(struct x86_cpu *cpu, uint32_t f)
{
    cpu->head.cc_lo = (uint8_t)(f & 0xd5u);
    cpu->head.cc_of = f >> 11 & 1;
}

// ---- lifecycle, model (cpu.c, cpuid.c)
struct x86_cpu *cpu_new(unsigned index, const struct cpu_model *model, struct tlb_machine *tlb, struct address_space *memory,
                        struct address_space *ports);
void cpu_free(struct x86_cpu *cpu);
void cpu_reset(struct x86_cpu *cpu);                  // power-up state [SDM 3A 9.1]
void cpu_init_ipi(struct x86_cpu *cpu);               // INIT: keeps x87/SSE/TSC; APs wait for SIPI
void cpu_sipi(struct x86_cpu *cpu, uint8_t vector);
const struct cpu_model *cpu_model_find(const char *spec, struct error **errp); // "max", "qemu64", "name,+feature,-feature,feature=on"
void cpu_model_free(const struct cpu_model *model);
void cpu_model_print_help(void (*print)(void *, const char *), void *opaque);
const char *cpu_model_name(const struct cpu_model *model);
unsigned cpu_model_phys_bits(const struct cpu_model *model); // general registers only
uint64_t cpu_model_cr4(const struct cpu_model *model);       // bits of CR4 that may be set
uint64_t cpu_model_xcr0(const struct cpu_model *model);      // bits of XCR0 that may be set
void cpu_cpuid(struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]); // eax ebx ecx edx

// ---- mode, mmu (mmu.c, modes.c)
// Recompute head.views and head.context after CR0/CR3/CR4/EFER/CPL/AC changes.
void cpu_update_context(struct x86_cpu *cpu);
extern const struct tlb_target_ops x86_tlb_ops;
void cpu_write_cr0(struct x86_cpu *cpu, uint64_t value); // these raise #GP themselves when the value is refused
void cpu_write_cr3(struct x86_cpu *cpu, uint64_t value);
void cpu_write_cr4(struct x86_cpu *cpu, uint64_t value);
void cpu_write_efer(struct x86_cpu *cpu, uint64_t value);
bool cpu_look(struct x86_cpu *cpu, uint64_t va, uint64_t *physical); // for monitor

// ---- exceptions (exception.c)
// Record and leave to the loop; restores state from head.site when set. For helpers and slow paths.
void cpu_raise(struct x86_cpu *cpu, enum vector vector) __attribute__((noreturn));
void cpu_raise_error(struct x86_cpu *cpu, enum vector vector, uint32_t error) __attribute__((noreturn));
// What is in cpu->exception already: to the loop (or to catch_frame).
void cpu_leave_with_exception(struct x86_cpu *cpu) __attribute__((noreturn));
// INT n, INT3, INTO: delivered with next_rip as return address.
void cpu_raise_software(struct x86_cpu *cpu, uint8_t vector, uint64_t next_rip) __attribute__((noreturn));
// A memory access alone does not know all that its fault depends on: a non-canonical address is #SS when it is the
// stack's, and a pending x87 exception (#MF) comes before the faults of the operand. Corrects what is recorded.
// cpu_deliver_exception begins with it.
void cpu_refine_exception(struct x86_cpu *cpu);
// The instruction at rip, without faults of its own; false: it cannot be read or is none.
struct insn;
bool cpu_decode_at_rip(struct x86_cpu *cpu, struct insn *in);
// Deliver the recorded exception or external interrupt `vector` (>= 0). Runs outside generated code with exact state;
// nested faults are handled inside (double, triple fault).
void cpu_deliver_exception(struct x86_cpu *cpu);
void cpu_deliver_interrupt(struct x86_cpu *cpu, uint8_t vector);
void cpu_deliver_nmi(struct x86_cpu *cpu);

// ---- debug registers (debug.c)
uint64_t cpu_read_dr(struct x86_cpu *cpu, unsigned dr); // MOV: raise
void cpu_write_dr(struct x86_cpu *cpu, unsigned dr, uint64_t value);
void cpu_debug_changed(struct x86_cpu *cpu);            // DR0 to DR3 or DR7 were set in another way
bool cpu_breaks_on_code(const struct x86_cpu *cpu);
// For the loop: true when a #DB was delivered.
bool cpu_serve_traps(struct x86_cpu *cpu);              // of the instruction before; comes before interrupts
bool cpu_serve_code_breakpoint(struct x86_cpu *cpu);    // of the instruction at rip; comes after them
void cpu_drop_traps(struct x86_cpu *cpu);               // the instruction faulted
// Use C state from head.site (rip, flags) when set, then site = 0. Filled by exec/ through head... (exec/restore.c)
// May an interrupt be taken now (IF, inhibit)?
static inline bool cpu_interruptible(const struct x86_cpu *cpu) { return (cpu->eflags & F_IF) && !cpu->inhibit; }

// ---- segments and system instructions as C functions (segment.c, system.c); raise on faults
void cpu_load_segment(struct x86_cpu *cpu, enum seg seg, uint16_t selector); // MOV/POP/LDS.. any mode
void cpu_load_segment_real(struct x86_cpu *cpu, enum seg seg, uint16_t selector);
void cpu_far_jump(struct x86_cpu *cpu, uint16_t selector, uint64_t offset, unsigned size_log2, uint64_t next_rip);
void cpu_far_call(struct x86_cpu *cpu, uint16_t selector, uint64_t offset, unsigned size_log2, uint64_t next_rip);
void cpu_far_return(struct x86_cpu *cpu, unsigned size_log2, uint16_t pop);
void cpu_iret(struct x86_cpu *cpu, unsigned size_log2);
void cpu_syscall(struct x86_cpu *cpu, uint64_t next_rip);
void cpu_sysret(struct x86_cpu *cpu, bool rex_w);
void cpu_sysenter(struct x86_cpu *cpu);
void cpu_sysexit(struct x86_cpu *cpu, bool rex_w);
uint64_t cpu_read_msr(struct x86_cpu *cpu, uint32_t msr);   // raise #GP for unknown ones
void cpu_write_msr(struct x86_cpu *cpu, uint32_t msr, uint64_t value);
uint64_t cpu_read_tsc(struct x86_cpu *cpu);
void cpu_set_cpl(struct x86_cpu *cpu, unsigned cpl);
void cpu_check_io(struct x86_cpu *cpu, uint16_t port, unsigned size); // TSS bitmap; raises #GP
