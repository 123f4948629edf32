// SPDX-License-Identifier: MIT
//
// `info registers` and -d cpu: the state of one vCPU as text, in the layout that scripts know from QEMU.
#include <stdio.h>
#include "target/i386/cpu.h"
#include "target/i386/engine_target.h"

static void dump_segment(FILE *out, const char *name, const struct segment *s)
{
    uint32_t flags = (uint32_t)s->attr << 8 | (s->limit >> 16 & 0xf) << 16;
    fprintf(out, "%-3s=%04x %016llx %08x %08x", name, s->selector, (unsigned long long)s->base, s->limit, flags);
    if (s->attr & SEG_P)
        fprintf(out, " DPL=%u %s", SEG_DPL(s->attr),
                !(s->attr & SEG_S) ? "SYS" : s->attr & 8 ? s->attr & SEG_L ? "CS64" : s->attr & SEG_DB ? "CS32" : "CS16" : "DS");
    fputc('\n', out);
}

void cpu_dump_state(struct vcpu_head *head, FILE *out)
{
    const struct x86_cpu *cpu = x86_of(head);
    static const char *const names[16] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                           "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
    static const uint8_t order[16] = { 0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15 };
    for (int i = 0; i < 16; i++)
        fprintf(out, "%s=%016llx%c", names[order[i]], (unsigned long long)cpu->regs[order[i]], i % 4 == 3 ? '\n' : ' ');
    uint64_t f = cpu_get_eflags(cpu);
    fprintf(out, "RIP=%016llx RFL=%08llx [%c%c%c%c%c%c%c] CPL=%u II=%u A20=%u SMM=0 HLT=%u\n", (unsigned long long)head->rip,
            (unsigned long long)f, f & F_DF ? 'D' : '-', f & F_OF ? 'O' : '-', f & F_SF ? 'S' : '-', f & F_ZF ? 'Z' : '-',
            f & F_AF ? 'A' : '-', f & F_PF ? 'P' : '-', f & F_CF ? 'C' : '-', cpu->cpl, cpu->inhibit, 1u, cpu->halted);
    static const char *const segs[SEG_COUNT] = { "ES", "CS", "SS", "DS", "FS", "GS" };
    for (int i = 0; i < SEG_COUNT; i++)
        dump_segment(out, segs[i], &cpu->seg[i]);
    dump_segment(out, "LDT", &cpu->ldt);
    dump_segment(out, "TR", &cpu->tr);
    fprintf(out, "GDT=     %016llx %08x\nIDT=     %016llx %08x\n", (unsigned long long)cpu->gdt.base, cpu->gdt.limit,
            (unsigned long long)cpu->idt.base, cpu->idt.limit);
    fprintf(out, "CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx\n", (unsigned long long)cpu->cr0, (unsigned long long)cpu->cr2,
            (unsigned long long)cpu->cr3, (unsigned long long)cpu->cr4);
    fprintf(out, "DR0=%016llx DR1=%016llx DR2=%016llx DR3=%016llx\nDR6=%016llx DR7=%016llx\n", (unsigned long long)cpu->dr[0],
            (unsigned long long)cpu->dr[1], (unsigned long long)cpu->dr[2], (unsigned long long)cpu->dr[3],
            (unsigned long long)cpu->dr[6], (unsigned long long)cpu->dr[7]);
    fprintf(out, "EFER=%016llx\nFCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", (unsigned long long)cpu->efer, cpu->fpu_control,
            (unsigned)(cpu->fpu_status | cpu->fpu_top << 11), (unsigned)cpu->fpu_top, (uint8_t)~cpu->fpu_empty, head->mxcsr);
    for (int i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + (unsigned)i) & 7];
        fprintf(out, "FPR%d=%016llx %04x%c", i, (unsigned long long)r->mant, r->se, i % 2 ? '\n' : ' ');
    }
    for (int i = 0; i < 16; i++)
        fprintf(out, "XMM%02d=%016llx%016llx%c", i, (unsigned long long)cpu->xmm[i].d[1], (unsigned long long)cpu->xmm[i].d[0],
                i % 2 ? '\n' : ' ');
}
