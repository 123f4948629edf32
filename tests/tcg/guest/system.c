// SPDX-License-Identifier: MIT
//
// What only a kernel does: system calls, far transfers, call gates, compatibility mode, IRET with bad frames, descriptors as
// operands, single steps, debug registers, MSRs, extended state. All values are the manual's [SDM 2, 3A 5, 6; 3B 17].
#include "traps.h"

void ap_main(void) {}
static uint64_t stack_page[512] __attribute__((aligned(4096))), data_page[512] __attribute__((aligned(4096)));
static uint8_t ring0_stack[4096] __attribute__((aligned(16)));
static uint64_t gdt[32];
#define STACK_TOP PAGE(0x100)
#define LOW(n) (0x3fe00000ull + (n) * 0x1000ull) // the window once more, below 4 GiB
#define IN_LOW(code) (LOW(0x18) + ((uint64_t)(code) & 0xfff))
#define EFER 0xc0000080
#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define SFMASK 0xc0000084
#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101
#define KERNEL_GS_BASE 0xc0000102
#define NOT_CANONICAL 0x800000000000ull
enum { CODE_32 = 0x48, GATE = 0x50, LDT = 0x60, ABSENT = 0x70, READ_ONLY = 0x78, EXECUTE_ONLY = 0x80, CONFORMING = 0x88, GATE_ABSENT = 0x90,
       TSS_2 = 0xa0, CODE_BOTH = 0xb0, SMALL = 0xb8, KERNEL_GATE = 0xc0 };

static struct regs start(const void *code)
{
    struct regs r = regs_for(code);
    r.rsp = STACK_TOP;
    r.rdi = PAGE(1);
    return r;
}
static struct regs user(const void *code)
{
    struct regs r = start(code);
    as_user(&r);
    return r;
}
// How it ended, where, relative to the first instruction.
static void expect(const char *name, struct regs r, uint64_t vector, uint64_t error, int64_t offset)
{
    run(r);
    check(name, trap.vector << 48 | trap.error << 32 | (uint32_t)(trap.rip - r.rip), vector << 48 | error << 32 | (uint32_t)offset);
}
#define FINE(name, r, length) expect(name, r, 3, 0, (length) + 1)

static void tables(void)
{
    for (unsigned i = 0; i < 9; i++)
        gdt[i] = trap_gdt[i];
    gdt[CODE_32 / 8] = 0x00cf9b000000ffffull;
    gdt[LDT / 8] = 0x000082000000000full | ((uint64_t)data_page & 0xffffff) << 16 | ((uint64_t)data_page >> 24 & 0xff) << 56;
    gdt[ABSENT / 8] = 0x00cf13000000ffffull;
    gdt[READ_ONLY / 8] = 0x00cf91000000ffffull;
    gdt[EXECUTE_ONLY / 8] = 0x00cff9000000ffffull;
    gdt[CONFORMING / 8] = 0x00af9f000000ffffull;
    gdt[TSS_2 / 8] = gdt[7] & ~(2ull << 40);
    gdt[TSS_2 / 8 + 1] = gdt[8];
    gdt[CODE_BOTH / 8] = 0x00ef9b000000ffffull;
    gdt[SMALL / 8] = 0x0040f30000001234ull;
    struct table_register g = { sizeof gdt - 1, (uint64_t)gdt };
    asm volatile("lgdt %0" ::"m"(g));
    trap_tss.rsp[0] = (uint64_t)(ring0_stack + sizeof ring0_stack);
}

static void set_call_gate(unsigned selector, void *to, unsigned type)
{
    uint64_t at = (uint64_t)to;
    gdt[selector / 8] = (at & 0xffff) | (uint64_t)KERNEL_CS << 16 | (uint64_t)type << 40 | (at >> 16 & 0xffff) << 48;
    gdt[selector / 8 + 1] = at >> 32;
}

// ---- system calls

CODE(call_it, "syscall\n inc %rax"); CODE(entry, "nop"); CODE(ret_64, "sysretq"); CODE(ret_32, "sysretl"); CODE(enter, "sysenter");
CODE(exit_64, "sysexitq"); CODE(gs, "swapgs"); CODE(landing, "nop");

static void system_calls(void)
{
    wrmsr(STAR, 0x0020001000000000ull);
    wrmsr(LSTAR, (uint64_t)entry);
    wrmsr(SFMASK, F_INTERRUPT | F_TRAP | 0x400 | F_ACCESS);
    struct regs r = user(call_it);
    r.rflags = 2 | F_ARITHMETIC | F_INTERRUPT | 0x400 | F_ACCESS;
    run(r);
    check("SYSCALL: at LSTAR", trap.vector << 48 | (trap.rip - (uint64_t)entry), 3ull << 48 | 2);
    check("RCX and R11", (trap.rcx - r.rip) << 32 | trap.r11, 2ull << 32 | r.rflags);
    check("CS, SS", trap.cs << 16 | trap.ss, KERNEL_CS << 16 | KERNEL_SS);
    check("flags under the mask", trap.rflags & ~0x10000ull, 2 | F_ARITHMETIC);
    check("RSP stays", trap.rsp, r.rsp);
    r.rflags |= F_TRAP;
    run(r);
    check("TF under the mask: no trap at the entry", trap.vector << 32 | (trap.r11 & F_TRAP), 3ull << 32 | F_TRAP);
    wrmsr(SFMASK, 0);
    run(r);
    check("TF not masked: a trap at the entry", trap.vector << 48 | (trap.rip - (uint64_t)entry), 1ull << 48);
    wrmsr(EFER, rdmsr(EFER) & ~1ull);
    expect("SYSCALL without SCE", user(call_it), 6, 0, 0);
    expect("SYSRET without SCE", start(ret_64), 6, 0, 0);
    wrmsr(EFER, rdmsr(EFER) | 1);

    struct regs to = user(landing);
    r = start(ret_64);
    r.rcx = to.rip;
    r.r11 = 0x3ffffdull & ~(uint64_t)(F_TRAP | F_ACCESS | 0x300000);
    run(r);
    check("SYSRET: at RCX", trap.vector << 48 | (trap.rip - to.rip), 3ull << 48 | 2);
    check("SYSRET: CS, SS", trap.cs << 16 | trap.ss, USER_CS << 16 | USER_SS);
    check("SYSRET: flags", trap.rflags & ~0x10000ull, (r.r11 & 0x3c7fd7) | 2);
    r.r11 = 2 | F_TRAP;
    run(r);
    check("SYSRET with TF: a trap before the first instruction", trap.vector << 48 | (trap.rip - to.rip), 1ull << 48);
    r.r11 = 2;
    r.rcx = NOT_CANONICAL;
    expect("SYSRET to an address that is not canonical: in the kernel", r, 13, 0, 0);
    check("at its CPL", trap.cs, KERNEL_CS);
    expect("SYSRET in user mode", user(ret_64), 13, 0, 0);
    window_pt[0x18] = window_pt[0x10];
    r = start(ret_32);
    r.r11 = 2;
    r.rcx = IN_LOW(landing) | 0x1234500000000ull;
    run(r);
    check("SYSRET to 32 bit: EIP", trap.vector << 48 | trap.rip, 3ull << 48 | (IN_LOW(landing) + 2));
    check("SYSRET to 32 bit: CS, SS", trap.cs << 16 | trap.ss, 0x23 << 16 | USER_SS);

    wrmsr(0x174, KERNEL_CS);
    wrmsr(0x175, STACK_TOP - 64);
    wrmsr(0x176, (uint64_t)entry);
    r = user(enter);
    r.rflags |= F_INTERRUPT | F_CARRY;
    run(r);
    check("SYSENTER: RIP", trap.vector << 48 | (trap.rip - (uint64_t)entry), 3ull << 48 | 2);
    check("SYSENTER: RSP, CS, SS", trap.rsp ^ (trap.cs << 16 | trap.ss), (STACK_TOP - 64) ^ (KERNEL_CS << 16 | KERNEL_SS));
    check("SYSENTER: flags", trap.rflags & ~0x10000ull, 2 | F_CARRY);
    r = start(exit_64);
    r.rdx = to.rip;
    r.rcx = STACK_TOP - 32;
    run(r);
    check("SYSEXIT: RIP, RSP", trap.rip << 1 ^ trap.rsp, (to.rip + 2) << 1 ^ (STACK_TOP - 32));
    check("SYSEXIT: CS, SS", trap.cs << 16 | trap.ss, 0x33 << 16 | 0x3b);
    r.rdx = NOT_CANONICAL;
    expect("SYSEXIT, RDX not canonical", r, 13, 0, 0);
    wrmsr(0x174, 0);
    expect("SYSENTER without a segment", user(enter), 13, 0, 0);
    wrmsr(GS_BASE, 0x1111);
    wrmsr(KERNEL_GS_BASE, 0x2222);
    FINE("SWAPGS", start(gs), 3);
    check("both bases", rdmsr(GS_BASE) << 32 | rdmsr(KERNEL_GS_BASE), 0x222200001111);
    expect("SWAPGS in user mode", user(gs), 13, 0, 0);
}

// ---- IRET, far transfers, call gates, compatibility mode

CODE(iret_any, "push %rax\n push %rbx\n push %rcx\n push %rdx\n push %rsi\n iretq");
static struct regs iret_to(uint64_t cs, uint64_t rip, uint64_t ss)
{
    struct regs r = start(iret_any);
    r.rax = ss;
    r.rbx = STACK_TOP - 0x80;
    r.rcx = 2;
    r.rdx = cs;
    r.rsi = rip;
    return r;
}

static void bad_iret(void)
{
    struct regs to = user(landing);
    expect("IRET, null CS", iret_to(0, to.rip, USER_SS), 13, 0, 5);
    check("IRET that faults leaves RSP", trap.rsp, STACK_TOP - 40);
    expect("IRET, CS is data", iret_to(KERNEL_SS, to.rip, KERNEL_SS), 13, KERNEL_SS, 5);
    expect("IRET, CS outside the GDT", iret_to(0x1000, to.rip, KERNEL_SS), 13, 0x1000, 5);
    expect("IRET, CS without an LDT", iret_to(0x14, to.rip, KERNEL_SS), 13, 0x14, 5);
    expect("IRET, SS of the kernel", iret_to(USER_CS, to.rip, KERNEL_SS), 13, KERNEL_SS, 5);
    expect("IRET, null SS for user mode", iret_to(USER_CS, to.rip, 0), 13, 0, 5);
    expect("IRET, SS read-only", iret_to(KERNEL_CS, to.rip, READ_ONLY), 13, READ_ONLY, 5);
    expect("IRET, SS absent", iret_to(KERNEL_CS, to.rip, ABSENT), 12, ABSENT, 5);
    expect("IRET, RIP not canonical", iret_to(USER_CS, NOT_CANONICAL, USER_SS), 13, 0, 5);
    expect("IRET, both L and D", iret_to(CODE_BOTH, to.rip, KERNEL_SS), 13, CODE_BOTH, 5);
    struct regs r = iret_to(KERNEL_CS, (uint64_t)landing, 0);
    run(r);
    check("IRET, null SS in the kernel is fine", trap.vector << 32 | trap.ss, 3ull << 32);
    check("its RSP", trap.rsp, r.rbx);
    r = iret_to(KERNEL_CS, (uint64_t)landing, KERNEL_SS);
    r.rflags |= 0x4000;
    expect("IRET with NT", r, 13, 0, 5);
    r = iret_to(CONFORMING, (uint64_t)landing, KERNEL_SS);
    r.rcx = 0x247fd7 & ~F_TRAP;
    run(r);
    check("IRET to a conforming segment: CPL 0, all flags", trap.cs << 32 | (trap.rflags & ~0x10000ull), (uint64_t)CONFORMING << 32 | r.rcx);
    r = iret_to(USER_CS, to.rip, USER_SS);
    run(r);
    check("IRET outwards: null segments", trap.vector << 32 | trap.cs, 3ull << 32 | USER_CS);
}

CODE(far_call, "rex.w lcall *(%rdi)\n inc %rax"); CODE(far_target, "mov (%rsp), %rbx\n mov 8(%rsp), %rcx\n lretq"); CODE(far_jump, "rex.w ljmp *(%rdi)");
CODE(gate_target, "mov %rsp, %rbx\n mov (%rsp), %rcx\n mov 8(%rsp), %rdx\n mov 16(%rsp), %rsi\n mov 24(%rsp), %r8\n lretq");
CODE(far_return, "push %rax\n push %rbx\n lretq");
static void far_pointer(uint64_t offset, uint64_t selector)
{
    data_page[0] = offset;
    data_page[1] = selector;
}

static void far_transfers(void)
{
    far_pointer((uint64_t)far_target, KERNEL_CS);
    struct regs r = start(far_call);
    run(r);
    check("far call and back", trap.vector << 48 | (trap.rip - r.rip) << 32 | trap.rax, 3ull << 48 | 7ull << 32 | (r.rax + 1));
    check("what it pushed", (trap.rbx - r.rip) << 32 | trap.rcx, 3ull << 32 | KERNEL_CS);
    check("RSP", trap.rsp, r.rsp);
    far_pointer((uint64_t)landing, KERNEL_SS);
    expect("far call to data", start(far_call), 13, KERNEL_SS, 0);
    far_pointer((uint64_t)landing, 0);
    expect("far jump to null", start(far_jump), 13, 0, 0);
    far_pointer(NOT_CANONICAL, KERNEL_CS);
    expect("far jump, not canonical", start(far_jump), 13, 0, 0);
    far_pointer((uint64_t)landing, USER_CS);
    expect("far jump to a less privileged segment", start(far_jump), 13, USER_CS & ~3, 0);
    far_pointer((uint64_t)landing, CODE_BOTH);
    expect("far jump, both L and D", start(far_jump), 13, CODE_BOTH, 0);
    r = start(far_return);
    r.rax = 0;
    expect("far return to null", r, 13, 0, 2);
    r.rax = KERNEL_CS;
    r.rbx = NOT_CANONICAL;
    expect("far return, not canonical", r, 13, 0, 2);
    // from user mode through a call gate and back
    set_call_gate(GATE, gate_target, 0xec);
    set_call_gate(GATE_ABSENT, gate_target, 0x6c);
    set_call_gate(KERNEL_GATE, gate_target, 0x8c);
    far_pointer(0x123456789, GATE | 3); // the offset does not count
    r = user(far_call);
    run(r);
    check("call gate and back", trap.vector << 48 | (trap.rip - r.rip) << 32 | trap.rax, 3ull << 48 | 7ull << 32 | (r.rax + 1));
    check("its stack from the TSS", trap.rbx, trap_tss.rsp[0] - 32);
    check("RIP and CS on it", (trap.rcx - r.rip) << 32 | trap.rdx, 3ull << 32 | USER_CS);
    check("RSP and SS on it", trap.rsi ^ trap.r8 << 48, r.rsp ^ (uint64_t)USER_SS << 48);
    check("back at CPL 3 with the old stack", trap.cs << 48 ^ trap.ss << 32 ^ trap.rsp, (uint64_t)USER_CS << 48 ^ (uint64_t)USER_SS << 32 ^ r.rsp);
    far_pointer(0, GATE_ABSENT | 3);
    expect("gate not present", user(far_call), 11, GATE_ABSENT, 0);
    far_pointer(0, KERNEL_GATE | 3);
    expect("gate of the kernel", user(far_call), 13, KERNEL_GATE, 0);
    far_pointer(0, TSS_2);
    expect("far call to a TSS", start(far_call), 13, TSS_2, 0);
}

// 32-bit code: 0x40 is INC EAX; the far jump brings it back to 64 bits, where 0x40 is a prefix.
CODE(compat_syscall, ".code32\n syscall\n .code64"); CODE(compat_sysret, ".code32\n sysret\n .code64");
CODE(compat_push, ".code32\n push %cs\n .code64");
CODE(compat, ".code32\n inc %eax\n push %eax\n mov %esp, %ebx\n pop %ecx\n movl $0x12345678, (%edi)\n lea -1(%edx), %edx\n int $0x60\n"
             "mov $0xffffffff, %esi\n mov 5(%esi,%edi), %esi\n .byte 0xea\n .long compat_64\n .word 0x10\n .code64\n compat_64: inc %rax\n inc %r12");
static struct regs from_compat;
static bool compat_hook(struct regs *r)
{
    if (r->vector == 0x60)
        from_compat = *r;
    return r->vector == 0x60;
}

static void compatibility(void)
{
    window_pt[0x18] = ((uint64_t)compat & ~0xfffull) | P_PRESENT | P_USER;
    struct regs r = start((void *)IN_LOW(compat));
    r.cs = CODE_32;
    r.rsp = LOW(0x100);
    r.rax = 0xffffffff;
    r.rdx = 0;
    r.rdi = LOW(1);
    r.r12 = 0x123456789abcdef0;
    data_page[0] = ~0ull;
    trap_hook = compat_hook;
    run(r);
    trap_hook = 0;
    check("32-bit code: EAX wraps", from_compat.rax, 0);
    check("PUSH moves ESP by 4", from_compat.rbx << 32 | from_compat.rcx, (LOW(0x100) - 4) << 32);
    check("a 4-byte store", data_page[0], 0xffffffff12345678);
    check("EDX", from_compat.rdx, 0xffffffff);
    check("its interrupt has a 64-bit frame", from_compat.rsp << 16 | from_compat.cs, LOW(0x100) << 16 | CODE_32);
    check("the address wraps at 4 GiB", trap.rsi, 0xffffffff);
    check("far jump to 64 bits", trap.vector << 48 | trap.cs << 32 | trap.rax, 3ull << 48 | (uint64_t)KERNEL_CS << 32 | 1);
    check("R12 kept", trap.r12, r.r12 + 1);
}

// What 32-bit code does otherwise on other vendors' processors.
static void compatibility_of_vendors(void)
{
    uint8_t *const code[] = { compat_syscall, compat_sysret, compat_push };
    for (unsigned i = 0; i < 3; i++) {
        window_pt[0x18] = ((uint64_t)code[i] & ~0xfffull) | P_PRESENT | P_USER;
        struct regs r = start((void *)IN_LOW(code[i]));
        r.cs = CODE_32;
        r.rsp = LOW(0x100);
        stack_page[511] = ~0ull;
        if (i < 2)
            expect(i ? "SYSRET in 32-bit code" : "SYSCALL in 32-bit code", r, 6, 0, 0);
        else
            expect("PUSH CS in 32-bit code", r, 3, 0, 2);
    }
    check("PUSH CS moves 16 bits", stack_page[511], 0xffff0000ffffffff | (uint64_t)CODE_32 << 32);
}

// ---- descriptors as operands

#define ASK(insn, selector) ({ uint64_t v = 0x5555; uint8_t z; asm volatile(insn " %w2, %k0\n setz %1" : "+r"(v), "=q"(z) : "r"(selector)); v << 8 | z; })
#define VERIFY(insn, selector) ({ uint8_t z; asm volatile(insn " %w1\n setz %0" : "=q"(z) : "r"(selector)); z; })
CODE(load_ldt, "lldt %ax"); CODE(load_task, "ltr %ax"); CODE(load_ds, "mov %eax, %ds"); CODE(load_ss, "mov %eax, %ss"); CODE(load_fs, "mov %eax, %fs");
CODE(user_str, "str %eax\n lar %bx, %ecx\n setz %dl");

static struct regs with_rax(struct regs r, uint64_t rax)
{
    r.rax = rax;
    return r;
}

static void descriptors(void)
{
    check("LAR of code", ASK("lar", KERNEL_CS) & 0xf0ff00ff, 0xa09b0001 & 0xf0ff00ff);
    check("LAR of a call gate", ASK("lar", GATE) >> 16 & 0xff, 0xec);
    check("LAR of the TSS", ASK("lar", 0x38) >> 16 & 0xff, 0x8b);
    check("LAR of null keeps the register", ASK("lar", 0), 0x5555 << 8);
    check("LAR outside", ASK("lar", 0x2000), 0x5555 << 8);
    check("LSL, pages", ASK("lsl", KERNEL_CS), 0xffffffffull << 8 | 1);
    check("LSL, bytes", ASK("lsl", SMALL), 0x1234 << 8 | 1);
    check("LSL of a gate", ASK("lsl", GATE), 0x5555 << 8);
    check("VERR", VERIFY("verr", KERNEL_SS) << 3 | VERIFY("verr", EXECUTE_ONLY) << 2 | VERIFY("verr", KERNEL_CS) << 1 | VERIFY("verr", 0x38), 10);
    check("VERW", VERIFY("verw", KERNEL_SS) << 3 | VERIFY("verw", READ_ONLY) << 2 | VERIFY("verw", KERNEL_CS) << 1 | VERIFY("verw", SMALL), 9);
    struct regs r = user(user_str);
    r.rbx = KERNEL_CS;
    run(r);
    check("STR and LAR in user mode", trap.rax << 8 | (trap.rdx & 1), 0x38 << 8);
    FINE("LLDT null", with_rax(start(load_ldt), 0), 3);
    FINE("LLDT", with_rax(start(load_ldt), LDT), 3);
    data_page[1] = 0x00cf93000000ffffull;
    FINE("a segment of the LDT", with_rax(start(load_fs), 0xc), 2);
    expect("LDT: outside", with_rax(start(load_fs), 0x14), 13, 0x14, 0);
    expect("LLDT of data", with_rax(start(load_ldt), KERNEL_SS), 13, KERNEL_SS, 0);
    expect("LLDT in the LDT", with_rax(start(load_ldt), LDT | 4), 13, LDT | 4, 0);
    expect("LLDT in user mode", with_rax(user(load_ldt), 0), 13, 0, 0);
    FINE("LLDT null again", with_rax(start(load_ldt), 0), 3);
    expect("LTR null", with_rax(start(load_task), 0), 13, 0, 0);
    expect("LTR of a busy TSS", with_rax(start(load_task), 0x38), 13, 0x38, 0);
    FINE("LTR", with_rax(start(load_task), TSS_2), 3);
    check("it is busy now", gdt[TSS_2 / 8] >> 40 & 0xff, 0x8b);
    gdt[7] &= ~(2ull << 40);
    FINE("LTR of the first", with_rax(start(load_task), 0x38), 3);
    expect("MOV SS, null in user mode", with_rax(user(load_ss), 0), 13, 0, 0);
    expect("MOV SS, other RPL", with_rax(start(load_ss), KERNEL_SS | 3), 13, KERNEL_SS, 0);
    expect("MOV SS, absent", with_rax(start(load_ss), ABSENT), 12, ABSENT, 0);
    expect("MOV DS, absent", with_rax(start(load_ds), ABSENT), 11, ABSENT, 0);
    expect("MOV DS, execute-only", with_rax(start(load_ds), EXECUTE_ONLY | 3), 13, EXECUTE_ONLY, 0);
    expect("MOV DS of the kernel in user mode", with_rax(user(load_ds), KERNEL_SS), 13, KERNEL_SS, 0);
    FINE("MOV DS null", with_rax(start(load_ds), 0), 2);
    FINE("MOV DS", with_rax(start(load_ds), KERNEL_SS), 2);
}

CODE(load_8, "mov 1(%rdi), %rax"); CODE(load_1, "movb 1(%rdi), %al"); CODE(push_odd, "push %rax"); CODE(rep_odd, "rep movsl"); CODE(rmw_odd, "incw 3(%rdi)");
CODE(load_16, "movups 1(%rdi), %xmm0"); CODE(call_odd, "mov 4(%rdi), %eax\n mov 4(%rdi), %rax");

static void alignment(void)
{
    static uint8_t *const codes[] = { load_8, push_odd, rep_odd, rmw_odd, load_16, load_1 };
    uint64_t cr0 = read_cr0();
    for (unsigned on = 0; on < 8; on++) {
        write_cr0((cr0 & ~14ull & ~(1ull << 18)) | (on & 1) << 18);
        for (unsigned i = 0; i < 6; i++) {
            struct regs r = on & 2 ? user(codes[i]) : start(codes[i]);
            r.rflags |= on & 4 ? F_ACCESS : 0;
            r.rsp -= codes[i] == push_odd ? 3 : 0x40;
            r.rsi = PAGE(1) + 2;
            r.rcx = 2;
            bool fault = on == 7 && i < 4;
            run(r);
            check("#AC: CR0.AM, EFLAGS.AC and user mode", trap.vector << 16 | trap.error << 8 | (fault ? changed(&r) : 0), fault ? 17 << 16 : 3 << 16);
        }
    }
    struct regs r = user(call_odd);
    r.rflags |= F_ACCESS;
    expect("#AC by the size", r, 17, 0, 3);
    write_cr0(cr0);
}

// ---- single steps and debug registers

static struct { uint64_t rip, rcx; } steps[32];
static unsigned step_count;
static uint64_t read_dr6(void) { uint64_t v; asm volatile("mov %%dr6, %0" : "=r"(v)); return v; }
static void write_dr6(uint64_t v) { asm volatile("mov %0, %%dr6" ::"r"(v)); }
static void write_dr7(uint64_t v) { asm volatile("mov %0, %%dr7" ::"r"(v)); }
static uint64_t read_dr7(void) { uint64_t v; asm volatile("mov %%dr7, %0" : "=r"(v)); return v; }
static void write_dr0(uint64_t v) { asm volatile("mov %0, %%dr0" ::"r"(v)); }
static uint64_t step_dr6;
static bool step_hook(struct regs *r)
{
    if (r->vector != 1)
        return false;
    if (step_count < 32) {
        steps[step_count].rip = r->rip;
        steps[step_count].rcx = r->rcx;
    }
    step_count++;
    step_dr6 = read_dr6();
    write_dr6(0);
    return true;
}

CODE(step_rep, "mov $3, %ecx\n rep stosb\n mov $0, %ecx\n rep stosb\n nop"); CODE(step_ss, "mov %eax, %ss\n inc %rbx\n inc %rbx");
CODE(step_popf, "pushf\n orl $0x100, (%rsp)\n popf\n inc %rax\n pushf\n andl $~0x100, (%rsp)\n popf\n inc %rax");
CODE(step_far, "push %rax\n lea 1f(%rip), %rbx\n push %rbx\n lretq\n ud2\n 1: hlt\n nop"); CODE(step_int, "int $0x61\n nop");
CODE(step_fault, "mov (%rsi), %rax"); CODE(step_iret, "iretq"); CODE(step_load, "cli\n sti\n mov %eax, %ds\n cpuid\n nop");

static void single_steps(void)
{
    trap_hook = step_hook;
    struct regs r = start(step_rep);
    r.rflags |= F_TRAP;
    step_count = 0;
    run(r);
    check("REP: a trap after each iteration", step_count, 7); // mov, 3, mov, 1, nop
    check("inside", (steps[1].rip - r.rip) << 32 | steps[1].rcx, 5ull << 32 | 2);
    check("after the last", (steps[3].rip - r.rip) << 32 | steps[3].rcx, 7ull << 32);
    check("DR6.BS", step_dr6 & 0xe00f, 0x4000);
    r = with_rax(start(step_ss), KERNEL_SS);
    r.rflags |= F_TRAP;
    step_count = 0;
    run(r);
    check("no trap after MOV SS", step_count << 16 | (steps[0].rip - r.rip), 2 << 16 | 5);
    step_count = 0;
    run(r = start(step_popf));
    check("POPF sets TF: the first trap is after the next instruction", (steps[0].rip - r.rip), 12);
    check("POPF clears TF: the last is after itself", step_count << 16 | (steps[step_count - 1].rip - r.rip), 4 << 16 | 21);
    r = with_rax(start(step_far), KERNEL_CS);
    r.rflags |= F_TRAP;
    step_count = 0;
    run(r);
    check("a trap after a far return, and after HLT, which does not wait", step_count << 16 | (steps[3].rip - r.rip) << 8 | (steps[4].rip - r.rip), 6 << 16 | 13 << 8 | 14);
    r = start(step_load);
    r.rax = KERNEL_SS;
    r.rflags |= F_TRAP;
    step_count = 0;
    run(r);
    check("CLI, STI, MOV DS, CPUID, NOP: one trap each", step_count, 5);
    r = start(step_fault);
    r.rsi = PAGE(0x200 - 1);
    r.rflags |= F_TRAP;
    step_count = 0;
    run(r);
    check("a fault is not a step", step_count << 8 | trap.vector, 14);
    trap_hook = 0;
}

CODE(break_nop, "nop\n nop\n inc %rax\n jmp 1f\n 1: inc %rbx"); CODE(break_store, "inc %rax\n mov %rax, (%rdi)\n inc %rbx\n mov (%rdi), %rcx\n inc %rbx");
CODE(break_push, "push %rax\n inc %rbx\n pop %rcx\n inc %rbx"); CODE(get_dr6, "mov %dr6, %rax"); CODE(get_dr4, "mov %dr4, %rax"); CODE(set_dr7, "mov %rax, %dr7");
CODE(break_rmw, "lock incl (%rdi)\n nop"); CODE(break_bytes, "movb $1, 3(%rdi)\n movb $1, 4(%rdi)\n nop"); CODE(break_rep, "rep stosb\n nop");

static void debug_registers(void)
{
    trap_hook = step_hook;
    write_dr0((uint64_t)break_nop + 2);
    check("DR7 after reset", read_dr7(), 0x400);
    write_dr7(0x401);
    for (unsigned i = 0; i < 5; i++) {
        step_count = 0;
        struct regs r = start(break_nop);
        trap_hook = 0;
        expect("instruction breakpoint: a fault", r, 1, 0, 2);
        check("nothing done", trap.rax << 1 | (trap.rflags >> 16 & 1), r.rax << 1);
        check("DR6.B0", read_dr6() & 0xe00f, 1);
        write_dr6(0);
        trap.rflags |= 0x10000;
        trap_hook = step_hook;
        r = trap;
        run(r);
        check("with RF it goes on", trap.vector << 32 | trap.rbx, 3ull << 32 | (r.rbx + 1));
    }
    write_dr7(0x400);
    FINE("disabled", start(break_nop), 10);
    write_dr0(PAGE(1));
    write_dr7(0xd0402); // 4 bytes, writes, G0
    step_count = 0;
    struct regs r = start(break_store);
    run(r);
    check("data breakpoint: after the store, not at the load", step_count << 16 | (steps[0].rip - r.rip), 1 << 16 | 6);
    check("DR6.B0", step_dr6 & 0xe00f, 1);
    step_count = 0;
    run(r = start(break_rmw));
    check("after a locked rmw", step_count << 16 | (steps[0].rip - r.rip), 1 << 16 | 3);
    step_count = 0;
    run(r = start(break_bytes));
    check("its last byte, not the one behind", step_count << 16 | (steps[0].rip - r.rip), 1 << 16 | 4);
    step_count = 0;
    r = start(break_rep);
    r.rdi = PAGE(1) - 0x10; // page 0 and page 1
    r.rcx = 0x40;
    run(r);
    check("REP STOS over it", step_count > 0 && trap.vector == 3 && trap.rcx == 0, 1);
    write_dr7(0xf0402); // reads and writes
    step_count = 0;
    run(r = start(break_store));
    check("read or write: both", step_count << 24 | (steps[0].rip - r.rip) << 8 | (steps[1].rip - r.rip), 2 << 24 | 6 << 8 | 12);
    r.rflags |= F_TRAP;
    step_count = 0;
    run(r);
    check("with TF: one trap each", step_count, 5);
    write_dr0(STACK_TOP - 8);
    write_dr7(0x90402); // 8 bytes, writes
    step_count = 0;
    run(r = start(break_push));
    check("PUSH", step_count << 16 | (steps[0].rip - r.rip), 1 << 16 | 1);
    write_dr7(0x400);
    trap_hook = 0;
    write_dr6(0);
    check("DR6 as written", read_dr6(), 0xffff0ff0);
    expect("DR7 above 32 bits", with_rax(start(set_dr7), 1ull << 32), 13, 0, 0);
    expect("MOV DR in user mode", user(get_dr6), 13, 0, 0);
    FINE("DR4 is DR6", start(get_dr4), 3);
    check("its value", trap.rax, 0xffff0ff0);
    write_cr4(read_cr4() | 8);
    expect("DR4 with CR4.DE", start(get_dr4), 6, 0, 0);
    write_cr4(read_cr4() & ~8ull);
    FINE("DR7.GD set", with_rax(start(set_dr7), 0x2400), 3);
    expect("MOV DR under GD", start(get_dr6), 1, 0, 0);
    check("DR6.BD; GD is off in the handler", (read_dr6() & 0xe00f) << 16 | read_dr7(), 0x2000 << 16 | 0x400);
    write_dr6(0);
}

// ---- MSRs, CPUID, extended state

CODE(read_msr, "rdmsr"); CODE(write_msr, "wrmsr"); CODE(set_xcr, "xsetbv"); CODE(use_x87, "fnop"); CODE(use_sse, "movaps %xmm0, %xmm1"); CODE(tsc, "rdtsc");
CODE(save_bad, "fxsave 8(%rdi)"); CODE(xrstor_it, "xrstor64 (%rdi)"); CODE(xsave_it, "xsave64 (%rdi)"); CODE(use_emms, "emms"); CODE(use_wait, "fwait");
CODE(port, "in $0x21, %al"); CODE(set_cr8, "mov %rax, %cr8"); CODE(set_cr0, "mov %rax, %cr0"); CODE(set_cr3, "mov %rax, %cr3");

static struct regs msr(void *code, uint32_t number, uint64_t value)
{
    struct regs r = start(code);
    r.rcx = number;
    r.rax = (uint32_t)value;
    r.rdx = value >> 32;
    return r;
}

static void model_specific(void)
{
    expect("unknown MSR", msr(read_msr, 0x12345, 0), 13, 0, 0);
    expect("unknown MSR, write", msr(write_msr, 0x12345, 0), 13, 0, 0);
    struct regs r = user(read_msr);
    r.rcx = STAR;
    expect("RDMSR in user mode", r, 13, 0, 0);
    static const uint32_t addresses[] = { LSTAR, FS_BASE, GS_BASE, KERNEL_GS_BASE, 0x175, 0x176 };
    for (unsigned i = 0; i < 6; i++)
        expect("not canonical", msr(write_msr, addresses[i], NOT_CANONICAL), 13, 0, 0);
    expect("EFER, reserved", msr(write_msr, EFER, rdmsr(EFER) | 1 << 9), 13, 0, 0);
    expect("EFER, LME while paging", msr(write_msr, EFER, rdmsr(EFER) & ~0x100ull), 13, 0, 0);
    expect("PAT, bad type", msr(write_msr, 0x277, 2), 13, 0, 0);
    uint64_t pat = rdmsr(0x277);
    wrmsr(0x277, 0x0007010600070106ull);
    check("PAT", rdmsr(0x277), 0x0007010600070106ull);
    wrmsr(0x277, pat);
    wrmsr(FS_BASE, 0xffff800000001234ull);
    check("FS base", rdmsr(FS_BASE), 0xffff800000001234ull);
    wrmsr(FS_BASE, 0);
    wrmsr(0x10, 1ull << 40);
    check("TSC as written", rdmsr(0x10) >> 40, 1);
    expect("CR0.PG without PE", with_rax(start(set_cr0), 0x80000010), 13, 0, 0);
    expect("CR0.NW without CD", with_rax(start(set_cr0), read_cr0() | 1 << 29), 13, 0, 0);
    expect("CR0, upper half", with_rax(start(set_cr0), read_cr0() | 1ull << 32), 13, 0, 0);
    expect("CR0, paging off in 64-bit code", with_rax(start(set_cr0), read_cr0() & ~(1ull << 31)), 13, 0, 0);
    expect("CR3, reserved", with_rax(start(set_cr3), read_cr3() | 1ull << 60), 13, 0, 0);
    expect("CR8, reserved", with_rax(start(set_cr8), 16), 13, 0, 0);
    expect("IN without permission", user(port), 13, 0, 0);
}

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}

static void extended_state(void)
{
    uint32_t id[4];
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();
    cpuid(1, 0, id);
    check("CPUID: FPU, TSC, MSR, PAE, CX8, APIC, SEP, FXSR, SSE2", id[3] & 0x07000b71, 0x07000b71 & (id[3] | 0x05000b71));
    check("CPUID: OSXSAVE follows CR4", id[2] >> 27 & 1, cr4 >> 18 & 1);
    write_cr4((cr4 | 0x600) & ~(1ull << 18));
    write_cr0(cr0 & ~14ull);
    asm volatile("fninit");
    expect("XSETBV without OSXSAVE", start(set_xcr), 6, 0, 0);
    write_cr4(cr4 | 0x600 | 1 << 18);
    cpuid(1, 0, id);
    check("CPUID: OSXSAVE set", id[2] >> 27 & 1, 1);
    FINE("XSETBV", msr(set_xcr, 0, 3), 3);
    expect("XSETBV without x87", msr(set_xcr, 0, 2), 13, 0, 0);
    expect("XSETBV, unknown bits", msr(set_xcr, 0, 1ull << 63 | 3), 13, 0, 0);
    expect("XSETBV of register 1", msr(set_xcr, 1, 3), 13, 0, 0);
    struct regs r = user(set_xcr);
    r.rcx = 0;
    expect("XSETBV in user mode", r, 13, 0, 0);
    uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    check("XGETBV", (uint64_t)high << 32 | low, 3);

    volatile uint64_t *area = data_page;
    for (unsigned i = 0; i < 512; i++)
        area[i] = 0;
    uint64_t pattern = 0x1122334455667788ull, seen;
    asm volatile("movq %0, %%xmm5" ::"r"(pattern));
    asm volatile("xsave64 (%0)" ::"r"(data_page), "a"(3), "d"(0) : "memory");
    check("XSAVE: XMM5", area[20 + 10], pattern);
    check("XSAVE: header", (area[64] & 2) | area[65], 2);
    check("XSAVE: FCW, MXCSR and its mask", (area[0] & 0xffff) << 48 ^ area[3], 0x37full << 48 ^ 0x0000ffff00001f80ull);
    asm volatile("pxor %%xmm5, %%xmm5\n xrstor64 (%1)\n movq %%xmm5, %0" : "=r"(seen) : "r"(data_page), "a"(3), "d"(0) : "memory");
    check("XRSTOR", seen, pattern);
    area[64] = 0;
    asm volatile("xrstor64 (%1)\n movq %%xmm5, %0" : "=r"(seen) : "r"(data_page), "a"(2), "d"(0) : "memory");
    check("XRSTOR of a component in its initial state", seen, 0);
    area[64] = 8;
    expect("XRSTOR, component not in XCR0", msr(xrstor_it, 0, 3), 13, 0, 0);
    area[64] = 3;
    area[66] = 1;
    expect("XRSTOR, reserved header bytes", msr(xrstor_it, 0, 3), 13, 0, 0);
    area[66] = 0;
    area[3] = 0xffff0000;
    expect("XRSTOR, bad MXCSR", msr(xrstor_it, 0, 3), 13, 0, 0);
    area[3] = 0x1f80;
    r = msr(xsave_it, 0, 3);
    r.rdi += 16;
    expect("XSAVE not aligned to 64", r, 13, 0, 0);
    expect("FXSAVE not aligned to 16", start(save_bad), 13, 0, 0);

    write_cr0((cr0 & ~14ull) | 8);
    expect("CR0.TS: x87", start(use_x87), 7, 0, 0);
    expect("CR0.TS: SSE", start(use_sse), 7, 0, 0);
    expect("CR0.TS: MMX", start(use_emms), 7, 0, 0);
    FINE("CR0.TS without MP: FWAIT", start(use_wait), 1);
    write_cr0((cr0 & ~14ull) | 10);
    expect("CR0.TS and MP: FWAIT", start(use_wait), 7, 0, 0);
    asm volatile("clts");
    FINE("CLTS", start(use_sse), 3);
    write_cr0((cr0 & ~14ull) | 4);
    expect("CR0.EM: x87", start(use_x87), 7, 0, 0);
    expect("CR0.EM: SSE", start(use_sse), 6, 0, 0);
    expect("CR0.EM: MMX", start(use_emms), 6, 0, 0);
    write_cr0(cr0 & ~14ull);
    write_cr4(read_cr4() & ~0x200ull);
    expect("SSE without OSFXSR", start(use_sse), 6, 0, 0);
    write_cr4(cr4 | 0x604);
    expect("RDTSC in user mode under TSD", user(tsc), 13, 0, 0);
    FINE("RDTSC in the kernel under TSD", start(tsc), 2);
    write_cr4(cr4 | 0x600);
    FINE("RDTSC in user mode", user(tsc), 2);
    write_cr0(cr0);
}

int guest_main(void)
{
    traps_init();
    tables();
    own_pd[511] = (uint64_t)window_pt | P_WRITE | P_USER | P_PRESENT;
    write_cr4(read_cr4() | 0x600);
    window_pt[0] = window_pt[1] = (uint64_t)data_page | P_WRITE | P_USER | P_PRESENT;
    window_pt[0xff] = (uint64_t)stack_page | P_WRITE | P_PRESENT;
    for (unsigned round = 0; round < 2; round++) {
        system_calls();
        bad_iret();
        far_transfers();
        compatibility();
        compatibility_of_vendors();
        descriptors();
        alignment();
        single_steps();
        debug_registers();
        model_specific();
        extended_state();
        tables();
    }
    return guest_failures ? 1 : 0;
}
