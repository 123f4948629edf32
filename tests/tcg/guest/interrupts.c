// SPDX-License-Identifier: MIT
//
// Where a guest can stop, and what an interrupt does (contract 2 and 3; SDM 3A 6). The sweep lets the APIC timer fire after
// every possible count in one stretch of code; the states between its instructions were recorded before by single steps, and
// each interrupted state must be one of them. Fails when a block edge leaves with a wrong budget or recipe, when an
// interrupt gets into a shadow, or when one is lost.
#include "traps.h"

static uint64_t page_a[512] __attribute__((aligned(4096))), page_b[512] __attribute__((aligned(4096)));
static uint64_t stack_page[512] __attribute__((aligned(4096)));
#define APIC 0xfee00000ull
#define STACK_TOP PAGE(0x100)
#define TIMER 0x40
#define RF 0x10000ull

static uint32_t apic_read(unsigned reg) { return *(volatile uint32_t *)(APIC + reg); }
static void apic_write(unsigned reg, uint32_t v) { *(volatile uint32_t *)(APIC + reg) = v; }
static void send(uint32_t low) { apic_write(0x310, 0); apic_write(0x300, low); }
static void send_self(uint32_t vector) { apic_write(0x300, 0x40000 | vector); }

// The other processor sends what it is told to.
static volatile uint32_t ap_command;
static volatile bool ap_runs;
void ap_main(void)
{
    ap_runs = true;
    for (;;) {
        if (ap_command) {
            send(ap_command);
            ap_command = 0;
        }
        asm volatile("pause");
    }
}

static struct regs seen[8];         // the first interrupts of a run, as they found the guest
static unsigned seen_count;
static uint64_t seen_frame, seen_handler_flags;
static bool no_eoi;
static bool note(struct regs *r)
{
    if (r->vector < 32 && r->vector != 2)
        return false;
    if (seen_count < 8)
        seen[seen_count] = *r;
    seen_count++;
    seen_frame = (uint64_t)r;
    asm volatile("pushfq; pop %0" : "=r"(seen_handler_flags));
    if (r->vector >= 32 && !no_eoi)
        apic_write(0xb0, 0);
    return true;
}

static struct regs start(const void *code)
{
    struct regs r = regs_for(code);
    seen_count = 0;
    r.r14 = APIC;
    r.rsp = STACK_TOP;
    trap_hook = note;
    return r;
}

// ---- shadows

CODE(sti_two, "sti\n inc %rax\n inc %rbx");
CODE(sti_popf, "pushf\n orl $0x200, (%rsp)\n popf\n inc %rax\n inc %rbx");
CODE(sti_sti, "sti\n sti\n inc %rbx");
CODE(sti_hlt, "mov %r15d, 0x380(%r14)\n sti\n hlt\n sti_hlt_after: inc %rax");
CODE(sti_branch, "sti\n jmp 1f\n ud2\n 1: inc %rax\n inc %rbx");
CODE(sti_fault, "sti\n ud2");
CODE(cli_again, "sti\n cli\n inc %rax");
CODE(tpr_down, "mov %rax, %cr8\n inc %rax");
extern uint8_t sti_hlt_after[];

static void shadow_case(const char *name, void *code, uint64_t offset)
{
    for (unsigned i = 0; i < 8; i++) {
        struct regs r = start(code);
        bool quiet = i < 4; // so that all edges are linked before something is pending
        if (!quiet)
            send_self(0x50);
        uint64_t vector = run(r);
        check(name, seen_count << 16 | vector << 8 | (quiet ? 0 : seen[0].rip - r.rip), quiet ? 3 << 8 : 1 << 16 | 3 << 8 | offset);
    }
}

static void shadows(void)
{
    shadow_case("STI: taken after the next instruction", sti_two, 4);
    shadow_case("POPF has no shadow", sti_popf, 9);
    shadow_case("STI with interrupts on starts no second shadow", sti_sti, 2);
    shadow_case("STI, then a jump: taken at its target", sti_branch, 5);
    struct regs r = start(cli_again);
    send_self(0x50);
    run(r);
    check("STI, CLI: not taken", seen_count, 0);
    asm volatile("sti; nop; cli" ::: "memory");
    check("taken later", seen_count, 1);
    r = start(sti_fault);
    send_self(0x50);
    check("STI, a fault: the fault comes first", run(r) << 8 | seen_count, 6 << 8);
    asm volatile("sti; nop; cli" ::: "memory");
}

static void halt(void)
{
    for (uint32_t n = 1; n < 40; n++) {
        struct regs r = start(sti_hlt);
        r.r15 = n;
        run(r);
        check("STI, HLT: the timer wakes the halted processor", seen_count << 16 | (seen[0].rip - (uint64_t)sti_hlt_after), 1 << 16);
    }
    struct regs r = start(sti_hlt);
    r.r15 = 100000;
    run(r);
    check("HLT waits", seen[0].rip, (uint64_t)sti_hlt_after);
}

// ---- an interrupt after each count

CODE(sweep, "mov %r15d, 0x380(%r14)\n inc %rax\n add %rax, %rbx\n push %rbx\n pop %rdx\n call 1f\n 1: inc %rcx\n pop %r8\n"
            "mov %r13d, %ss\n sweep_ss: inc %rax\n sub %rax, %rbx\n cli\n inc %rbx\n sti\n sweep_sti: inc %rbx\n inc %rcx\n"
            "pushf\n adc $1, %rax\n popf\n cmp %rax, %rbx\n jb 2f\n nop\n 2: mov $4, %ecx\n 3: shl $1, %rax\n dec %ecx\n jnz 3b\n"
            "mov $0x30, %ecx\n sweep_rep: rep stosb\n lock xadd %rax, (%rsi)\n cmpxchg %rbx, 8(%rsi)\n mov 0x20(%r14), %r9d\n neg %rbx\n"
            "in $0x21, %al\n setc %cl\n mov $100, %eax\n xor %edx, %edx\n divl %r12d\n movb $0x48, sweep_code(%rip)\n sweep_code: rex.w nop\n bt $3, %rax\n"
            "lea 1f(%rip), %r10\n jmp *%r10\n nop\n 1: loop 2f\n 2: cmovc %rax, %rbx\n sweep_end: nop");
extern uint8_t sweep_ss[], sweep_sti[], sweep_rep[], sweep_end[];
#define STATES 256
static struct regs states[STATES];
static bool hit[STATES];
static unsigned state_count;

static bool record(struct regs *r)
{
    if (r->vector != 1)
        return note(r);
    if (state_count < STATES)
        states[state_count++] = *r;
    return true;
}

static struct regs sweep_start(uint32_t n)
{
    struct regs r = start(sweep);
    r.r13 = KERNEL_SS;
    r.r12 = 7;
    r.r15 = n;
    r.rsi = PAGE(1);
    r.rdi = PAGE(2) + 0xff0;
    r.rflags = 2 | F_INTERRUPT;
    page_a[0] = 5;
    page_a[1] = 6;
    return r;
}

static bool same_state(const struct regs *a, const struct regs *b)
{
    const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
    for (unsigned i = 1; i < 15; i++) // r15 has the count
        if (x[i] != y[i])
            return false;
    return a->rip == b->rip && a->cs == b->cs && a->ss == b->ss && a->rsp == b->rsp && !((a->rflags ^ b->rflags) & ~(uint64_t)(F_TRAP | RF));
}

static unsigned find_state(const struct regs *r)
{
    for (unsigned i = 0; i < state_count; i++)
        if (same_state(&states[i], r))
            return i;
    return STATES;
}

// Is one instruction one nanosecond? Only with -icount shift=0.
static bool counted_time(void)
{
    for (unsigned i = 0; i < 20; i++) {
        uint32_t a, b;
        asm volatile("rdtsc\n mov %%eax, %%ecx\n rdtsc" : "=a"(b), "=c"(a)::"edx");
        if (b - a != 2)
            return false;
    }
    return true;
}

// ---- what is counted: rax is the time between the two RDTSC, in instructions

#define TIMED(name, text) CODE(name, "rdtsc\n mov %eax, %ebx\n" text "\n rdtsc\n sub %rbx, %rax")
TIMED(time_nothing, "sti\n nop"); TIMED(time_fault, "ud2"); TIMED(time_int, "int $0x5b"); TIMED(time_rep, "rep movsb"); TIMED(time_load, "mov 0x20(%r14), %ecx");
asm(".text\nonly_iret: iretq\nskip_ud: addq $2, (%rsp)\n iretq\n");
extern uint8_t only_iret[], skip_ud[];
static void point(unsigned vector, const void *to)
{
    trap_idt[vector].low = (uint16_t)(uint64_t)to;
    trap_idt[vector].middle = (uint16_t)((uint64_t)to >> 16);
}

static uint64_t timed(void *code, uint64_t bytes)
{
    struct regs r = start(code);
    r.rsi = PAGE(1);
    r.rdi = PAGE(3);
    r.rcx = bytes;
    run(r);
    return trap.rax;
}

static void counts(void)
{
    if (!counted_time())
        return;
    point(0x5a, only_iret);
    point(0x5b, only_iret);
    point(6, skip_ud);
    check("four instructions", timed(time_nothing, 0), 4);
    send_self(0x5a);
    check("with an interrupt: delivery and IRET", timed(time_nothing, 0), 6);
    apic_write(0xb0, 0);
    check("INT n counts once", timed(time_int, 0), 4);
    check("a fault counts once, its instruction does not", timed(time_fault, 0), 5);
    check("an access to a device counts once", timed(time_load, 0), 3);
    check("REP of nothing", timed(time_rep, 0), 3);
    check("REP: a chunk is 1 + bytes / 64", timed(time_rep, 0x800), 3 + 0x800 / 64);
    set_gate(6, 1, 0);
    set_gate(0x5a, 1, 0);
    set_gate(0x5b, 1, 0);
}

static void sweep_counts(void)
{
    bool counted = counted_time();
    put_text(counted ? "# counted time\n" : "# host time\n");
    struct regs r = sweep_start(0);
    trap_hook = record;
    r.rflags |= F_TRAP;
    run(r);
    struct regs end = trap;
    unsigned bad = 0, shadows = 0, count_wrong = 0, end_wrong = 0, backwards = 0, last = 0, taken = 0;
    unsigned rep_between = 0;
    check("single steps recorded", state_count > 80 && state_count < STATES, 1);
    for (uint32_t n = 1; n < state_count + 40; n++) {
        r = sweep_start(n);
        run(r);
        struct regs final = trap;
        final.rflags |= F_TRAP;
        end_wrong += !same_state(&final, &end);
        if (seen_count) {
            unsigned at = find_state(&seen[0]);
            taken++;
            bad += at == STATES;
            shadows += seen[0].rip == (uint64_t)sweep_ss || seen[0].rip == (uint64_t)sweep_sti;
            if (at < STATES) {
                backwards += at < last;
                last = at;
                hit[at] = true;
            }
            rep_between += seen[0].rip == (uint64_t)sweep_rep && seen[0].rcx < 0x30;
        }
        if (!seen_count)
            asm volatile("sti; hlt; cli" ::: "memory");
        count_wrong += seen_count != 1;
    }
    check("each interrupted state is one between two instructions", bad, 0);
    check("none inside the shadow of MOV SS or STI", shadows, 0);
    check("each timer interrupt came exactly once", count_wrong, 0);
    check("the end is the same with and without an interrupt", end_wrong, 0);
    if (!counted)
        return;
    check("a later count is a later place", backwards, 0);
    check("REP is interrupted between two chunks", rep_between > 0, 1);
    unsigned missed = 0;
    for (unsigned i = 2; i < state_count; i++) {
        bool open = states[i].rflags & F_INTERRUPT && states[i].rip != (uint64_t)sweep_sti && states[i].rip != (uint64_t)sweep_rep &&
                    states[i].rip <= (uint64_t)sweep_end;
        if (open && !hit[i]) {
            missed++;
            put_text("# never interrupted at +");
            put_hex(states[i].rip - (uint64_t)sweep);
            put_char('\n');
        }
    }
    check("interrupted at each place where interrupts are open", missed, 0);
    check("all counts that fit were taken", taken + 2 > state_count - 0x30 - 6, 1);
}

// ---- priorities

static void priorities(void)
{
    asm volatile("mov %0, %%cr8" ::"r"(5ull));
    check("CR8 is the TPR's upper half", apic_read(0x80), 0x50);
    struct regs r = start(sti_two);
    send_self(0x55);
    run(r);
    check("masked by the task priority", seen_count, 0);
    r = start(sti_two);
    send_self(0x61);
    run(r);
    check("above it", seen_count << 8 | seen[0].vector, 1 << 8 | 0x61);
    r = start(tpr_down);
    r.rflags |= F_INTERRUPT;
    r.rax = 4;
    run(r);
    check("CR8 lowered: delivered after it", seen_count << 16 | seen[0].vector << 8 | (seen[0].rip - r.rip), 1 << 16 | 0x55 << 8 | 4);
    asm volatile("mov %0, %%cr8" ::"r"(0ull));
    no_eoi = true;
    r = start(sti_two);
    send_self(0x71);
    run(r);
    check("in service", seen_count << 16 | apic_read(0xa0), 1 << 16 | 0x70);
    r = start(sti_two);
    send_self(0x62);
    run(r);
    check("a lower one waits for the EOI", seen_count, 0);
    r = start(sti_two);
    send_self(0x83);
    run(r);
    check("a higher one does not", seen_count << 8 | seen[0].vector, 1 << 8 | 0x83);
    no_eoi = false;
    apic_write(0xb0, 0);
    apic_write(0xb0, 0);
    r = start(sti_two);
    run(r);
    check("after the EOI", seen_count << 8 | seen[0].vector, 1 << 8 | 0x62);
    r = start(sti_two);
    send_self(0x50);
    send_self(0x50);
    send_self(0xa0);
    run(r);
    check("two kinds pending: the higher first, equal ones once", seen_count << 16 | seen[0].vector << 8 | seen[1].vector, 2 << 16 | 0xa0 << 8 | 0x50);
}

// A deadline is a value of the TSC: whoever moves that moves the moment.
static void tsc_deadline(void)
{
    apic_write(0x320, 2 << 17 | TIMER);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t far = rdmsr(0x10) + (1ull << 50);
        start(0);
        wrmsr(0x6e0, far);
        asm volatile("sti; nop; cli" ::: "memory");
        check("a deadline a week ahead", seen_count, 0);
        wrmsr(i ? 0x3b : 0x10, i ? rdmsr(0x3b) + (1ull << 50) : far);
        for (unsigned n = 0; n < 100000 && !seen_count; n++)
            asm volatile("sti; pause; cli" ::: "memory");
        check(i ? "TSC_ADJUST brings it" : "the TSC written to it", seen_count << 8 | seen[0].vector, 1 << 8 | TIMER);
        check("and it is spent", rdmsr(0x6e0), 0);
    }
    apic_write(0x320, TIMER);
}

static void pic_timer(void)
{
    static const uint8_t master[] = { 0x20, 4, 1 }, slave[] = { 0x28, 2, 1 };
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    for (unsigned i = 0; i < 3; i++) {
        outb(0x21, master[i]);
        outb(0xa1, slave[i]);
    }
    outb(0xa1, 0xff);
    outb(0x21, 0xfe);
    apic_write(0x350, 0x700); // LINT0: ExtINT
    start(0);
    outb(0x43, 0x30);         // channel 0, mode 0
    outb(0x40, 0x40);
    outb(0x40, 0);
    asm volatile("sti; hlt; cli" ::: "memory");
    check("the 8254's interrupt through the 8259", seen_count << 8 | seen[0].vector, 1 << 8 | 0x20);
    outb(0x20, 0x20);
    outb(0x21, 0xff);
}

// ---- NMI

static bool nested_nmi;
static unsigned nmi_in_handler;
static bool nmi_hook(struct regs *r)
{
    bool handled = note(r);
    if (r->vector == 2 && nested_nmi) {
        nested_nmi = false;
        send(0x4400);
        for (volatile unsigned i = 0; i < 100; i++)
            ;
        nmi_in_handler = seen_count;
    }
    return handled;
}

CODE(ud, "ud2");
CODE(nmi_self, "movl $0x4400, 0x300(%r14)\n inc %rax\n inc %rax");
static void nmi(void)
{
    struct regs r = start(nmi_self);
    apic_write(0x310, 0);
    run(r);
    check("NMI with interrupts off", seen_count << 16 | seen[0].vector << 8 | (seen[0].rip - r.rip), 1 << 16 | 2 << 8 | 11);
    r = start(nmi_self);
    trap_hook = nmi_hook;
    nested_nmi = true;
    run(r);
    check("a second NMI waits for IRET", nmi_in_handler, 1);
    check("and comes right after it", seen_count << 16 | (seen[1].rip - r.rip), 2 << 16 | 11);
}

// ---- gates, stacks, privilege

CODE(user_int, "int $0x90\n inc %rax");
CODE(user_popf, "pushf\n orl $0x3200, (%rsp)\n popf\n pushf\n pop %rbx");
CODE(user_bad_int, "int $0x91"); CODE(kernel_int, "int $0x92"); CODE(user_hlt, "hlt"); CODE(user_cli, "cli");
static uint8_t ring0_stack[4096] __attribute__((aligned(16)));

static struct regs user(void *code)
{
    struct regs r = start(code);
    as_user(&r);
    return r;
}

static void gates(void)
{
    trap_tss.rsp[0] = (uint64_t)(ring0_stack + sizeof ring0_stack);
    set_gate(0x90, 0, 3);
    struct regs r = user(user_int);
    r.rflags |= F_INTERRUPT | F_ARITHMETIC;
    run(r);
    check("INT n from user mode: its frame on RSP0", seen_frame + sizeof(struct regs), trap_tss.rsp[0]);
    check("saved SS:RSP", seen[0].ss << 48 | seen[0].rsp, (uint64_t)USER_SS << 48 | STACK_TOP);
    check("saved CS:RIP", seen[0].cs << 48 | (seen[0].rip - r.rip), (uint64_t)USER_CS << 48 | 2);
    check("saved flags", seen[0].rflags, r.rflags);
    check("an interrupt gate clears IF", seen_handler_flags & F_INTERRUPT, 0);
    check("IRET back to user mode: all registers", changed(&(struct regs){ 0 }) ? trap.rax : 0, r.rax + 1);
    check("IRET back: CS, SS", trap.cs << 16 | trap.ss, USER_CS << 16 | USER_SS);
    trap_idt[0x90].type |= 1;
    run(r = user(user_int));
    check("a trap gate keeps IF off", seen_handler_flags & F_INTERRUPT, 0);
    r.rflags |= F_INTERRUPT;
    run(r);
    check("a trap gate keeps IF on", seen_handler_flags & F_INTERRUPT, F_INTERRUPT);
    trap_idt[0x90].ist = 2;
    run(user(user_int));
    check("IST2", seen_frame + sizeof(struct regs), trap_tss.ist[1]);
    run(r = user(user_popf));
    check("POPF in user mode changes neither IF nor IOPL", trap.rbx & 0x3200, 0);
    r = user(user_popf);
    r.rflags |= 0x3000;
    run(r);
    check("with IOPL 3 it changes IF", trap.rbx & 0x3200, 0x3200);
    run(r = user(user_bad_int));
    check("INT n through a gate of the kernel", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 13ull << 32 | (0x91 * 8 + 2) << 16);
    run(r = user(user_hlt));
    check("HLT in user mode", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 13ull << 32);
    run(r = user(user_cli));
    check("CLI in user mode", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 13ull << 32);
    r = user(user_cli);
    r.rflags |= 0x3000 | F_INTERRUPT;
    run(r);
    check("CLI with IOPL 3", trap.vector << 16 | (trap.rflags & F_INTERRUPT), 3 << 16);
    // the kernel's stack, no IST: the frame goes below RSP, aligned to 16
    set_gate(0x92, 0, 0);
    r = start(kernel_int);
    r.rsp = STACK_TOP - 0x103;
    run(r);
    check("same privilege: the frame is aligned", seen_frame + sizeof(struct regs), STACK_TOP - 0x110);
    check("same privilege: RSP is saved and comes back", seen[0].rsp << 1 ^ trap.rsp, r.rsp << 1 ^ r.rsp);
    // gates that cannot be used
    trap_idt[0x92].type = 0x0e;
    run(r = start(kernel_int));
    check("#NP: INT n, gate not present", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 11ull << 32 | (0x92 * 8 + 2) << 16);
    trap_idt[0x92].type = 0x8c;
    run(r = start(kernel_int));
    check("#GP: INT n, a call gate in the IDT", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 13ull << 32 | (0x92 * 8 + 2) << 16);
    set_gate(0x92, 0, 0);
    trap_idt[0x92].selector = 0;
    run(r = start(kernel_int));
    check("#GP: INT n, null selector", trap.vector << 32 | trap.error << 16, 13ull << 32);
    trap_idt[0x92].selector = KERNEL_SS;
    run(r = start(kernel_int));
    check("#GP: INT n, not a code segment", trap.vector << 32 | trap.error << 16, 13ull << 32 | KERNEL_SS << 16);
    trap_idt[0x92].selector = KERNEL_CS;
    trap_idt[0x93].type = 0x0e;
    r = start(sti_two);
    send_self(0x93);
    run(r);
    check("#NP: an interrupt's gate, with EXT", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 11ull << 32 | (0x93 * 8 + 3) << 16 | 4);
    apic_write(0xb0, 0);
    // a not-present gate for #UD: #NP names it with EXT; for #GP: a double fault
    trap_idt[6].type = 0x0e;

    run(r = start(ud));
    check("#NP: an exception's gate, with EXT", trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), 11ull << 32 | (6 * 8 + 3) << 16);
    set_gate(6, 1, 0);
    trap_idt[13].type = 0x0e;
    run(r = user(user_hlt));
    check("#DF: #GP without a gate", trap.vector << 32 | trap.error, 8ull << 32);
    set_gate(13, 1, 0);
}

static void between_processors(void)
{
    start_ap();
    for (volatile int i = 0; i < 2000000 && !ap_runs; i++)
        ;
    put_text(ap_runs ? "# two processors\n" : "# one processor\n");
    if (!ap_runs)
        return;
    static const uint32_t commands[] = { 0x50, 0x4400, 0xf1, 0x0cb };
    for (unsigned i = 0; i < 4; i++) {
        start(0);
        ap_command = commands[i];
        while (ap_command)
            asm volatile("pause");
        asm volatile("sti; nop; cli" ::: "memory");
        check("sent by the other processor", seen_count << 8 | seen[0].vector, 1 << 8 | (commands[i] & 0x700 ? 2 : commands[i]));
    }
    ap_command = 0x52;
    start(0);
    asm volatile("sti; hlt; cli" ::: "memory");
    check("wakes from HLT", seen_count << 8 | seen[0].vector, 1 << 8 | 0x52);
}

int guest_main(void)
{
    traps_init();
    write_cr0(read_cr0() & ~(1ull << 16)); // the sweep writes to its own code
    window_pt[1] = (uint64_t)page_a | P_WRITE | P_PRESENT;
    window_pt[2] = (uint64_t)page_b | P_WRITE | P_PRESENT;
    window_pt[3] = (uint64_t)page_a | P_WRITE | P_PRESENT;
    window_pt[0xff] = (uint64_t)stack_page | P_WRITE | P_PRESENT;
    apic_write(0xf0, 0x1ff);
    apic_write(0x3e0, 0xb); // timer: no division
    apic_write(0x320, TIMER);
    shadows();
    halt();
    sweep_counts();
    counts();
    priorities();
    tsc_deadline();
    pic_timer();
    nmi();
    gates();
    between_processors();
    return guest_failures ? 1 : 0;
}
