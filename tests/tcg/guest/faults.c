// SPDX-License-Identifier: MIT
//
// Commit last (contract 2): an instruction that faults has changed no register, flag or memory, and the flags pushed are
// those of the instruction before, whatever recipe they are kept in. Fails without the order that ir_verify checks, or
// without exact rows in the side table (a lost flag recipe shows as a wrong RFLAGS, a lost row as a wrong RIP).
#include "traps.h"

void ap_main(void) {}
static uint64_t page_a[512] __attribute__((aligned(4096))), page_b[512] __attribute__((aligned(4096)));
#define BAD PAGE(3)      // never mapped; PAGE(2) before it is

#define ONE(n, text) CODE(one_##n, text)
ONE(push, "push %rax"); ONE(pop, "pop %rax"); ONE(pop_m, "pop (%rdi)"); ONE(push_m, "push (%rdi)"); ONE(call, "call 1f\n1: nop");
ONE(ret, "ret"); ONE(ret_n, "ret $16"); ONE(leave, "leave"); ONE(enter, "enter $16, $0"); ONE(pushf, "pushf"); ONE(popf, "popf");
ONE(add, "add %rax, (%rdi)"); ONE(add_r, "add (%rdi), %rax"); ONE(inc, "incq (%rdi)"); ONE(shl, "shlq $3, (%rdi)"); ONE(neg, "negb (%rdi)");
ONE(adc, "adc (%rdi), %eax"); ONE(imul, "imul (%rdi), %rax"); ONE(mul, "mulq (%rdi)"); ONE(div, "divq (%rdi)"); ONE(bts, "bts %rax, (%rdi)");
ONE(xadd, "xadd %rax, (%rdi)"); ONE(xchg, "xchg %rax, (%rdi)"); ONE(cmpxchg, "cmpxchg %rbx, (%rdi)"); ONE(lcmpxchg, "lock cmpxchg %rbx, (%rdi)");
ONE(cmpxchg8b, "cmpxchg8b (%rdi)"); ONE(cmpxchg16b, "cmpxchg16b (%rdi)"); ONE(movs, "movsq"); ONE(stos, "stosq"); ONE(lods, "lodsl");
ONE(scas, "scasb"); ONE(cmps, "cmpsw"); ONE(rep_cmps, "repe cmpsb"); ONE(rep_scas, "repne scasb"); ONE(rep_stos, "rep stosb"); ONE(rep_movs, "rep movsb"); ONE(mov, "mov (%rdi), %al"); ONE(movzx, "movzbl (%rdi), %eax");
ONE(cmov, "cmovz (%rdi), %rax"); ONE(setc, "setc (%rdi)"); ONE(bsf, "bsf (%rdi), %rax"); ONE(shld, "shld $5, %rax, (%rdi)"); ONE(call_m, "call *(%rdi)");
ONE(jmp_m, "jmp *(%rdi)"); ONE(ladd, "lock add %rax, (%rdi)"); ONE(rcl, "rclq (%rdi)"); ONE(test, "testb $3, (%rdi)"); ONE(lea_pop, "pop 8(%rsp)");
ONE(iret, "iretq"); ONE(xlat, "xlat %ds:(%rbx)"); ONE(fld, "fldl (%rdi)"); ONE(movq, "movq (%rdi), %xmm0"); ONE(not, "notq (%rdi)"); ONE(lss, "lss (%rdi), %eax");

static const struct { const char *name; uint8_t *code; bool stack; } ones[] = {
#define ROW(n) { #n, one_##n, false }
#define STACK(n) { #n, one_##n, true }
    STACK(push), STACK(pop), ROW(pop_m), ROW(push_m), STACK(call), STACK(ret), STACK(ret_n), STACK(enter), STACK(pushf), STACK(popf), ROW(add),
    ROW(add_r), ROW(inc), ROW(shl), ROW(neg), ROW(adc), ROW(imul), ROW(mul), ROW(div), ROW(bts), ROW(xadd), ROW(xchg), ROW(cmpxchg), ROW(lcmpxchg),
    ROW(cmpxchg8b), ROW(cmpxchg16b), ROW(movs), ROW(stos), ROW(scas), ROW(cmps), ROW(rep_stos), ROW(rep_movs), ROW(mov), ROW(movzx), ROW(cmov),
    ROW(setc), ROW(bsf), ROW(shld), ROW(call_m), ROW(jmp_m), ROW(ladd), ROW(rcl), ROW(test), STACK(lea_pop), STACK(iret), ROW(fld), ROW(movq), ROW(not),
    ROW(lss),
};

// Until REP CMPS and REP SCAS have ended the flags are those before them, at a fault [SDM 2B REP] and under TF. Of the operands
// of CMPS the destination faults first.
static void compare_strings(void)
{
    for (unsigned f = 0; f < 2; f++) {
        uint64_t flags = f ? 2 | F_ARITHMETIC : 2;
        struct regs r = regs_for(one_rep_cmps);
        r.rflags = flags;
        r.rsi = PAGE(2) + 0x100;
        r.rdi = BAD - 0x10;
        r.rcx = 0x40;
        for (unsigned i = 0; i < 0x10; i++)
            *(volatile uint8_t *)(r.rdi + i) = *(volatile uint8_t *)(r.rsi + i) = (uint8_t)(0x90 + i);
        uint64_t vector = run(r);
        check("repe cmps: a fault after 16 iterations", vector << 32 | trap.rcx, 14ull << 32 | 0x30);
        check("repe cmps: the flags before it", trap.rflags & F_ARITHMETIC, flags & F_ARITHMETIC);
        r.rflags = flags | F_TRAP;
        vector = run(r);
        check("repe cmps under TF: one iteration", vector << 32 | trap.rcx, 1ull << 32 | 0x3f);
        check("repe cmps under TF: the flags before it", trap.rflags & F_ARITHMETIC, flags & F_ARITHMETIC);
        r.rflags = flags;
        r.rcx = 0x10;
        run(r);
        check("repe cmps: the flags of its last iteration", trap.rflags & F_ARITHMETIC, F_ZERO | F_PARITY);
        struct regs scan = r;
        scan.rip = (uint64_t)one_rep_scas;
        scan.rax = 1;
        scan.rcx = 0x40;
        vector = run(scan);
        check("repne scas: a fault", vector << 32 | trap.rcx, 14ull << 32 | 0x30);
        check("repne scas: the flags before it", trap.rflags & F_ARITHMETIC, flags & F_ARITHMETIC);
    }
    struct regs r = regs_for(one_cmps);
    r.rsi = BAD + 0x10;
    r.rdi = BAD + 0x20;
    run(r);
    check("cmps: the destination faults first", read_cr2(), BAD + 0x20);
    r.rip = (uint64_t)one_rep_cmps;
    r.rcx = 5;
    run(r);
    check("repe cmps: the destination faults first", read_cr2(), BAD + 0x20);
}

static void commit_last(void)
{
    for (unsigned i = 0; i < sizeof ones / sizeof *ones; i++) {
        for (unsigned f = 0; f < 2; f++) {
            struct regs r = regs_for(ones[i].code);
            r.rflags = f ? 2 | F_ARITHMETIC : 2;
            r.rdi = r.rbx = BAD;
            r.rax = ones[i].code == one_bts ? 3 : 0x1011; // the bit string starts at the page
            r.rsi = PAGE(2);
            r.rcx = 100;
            r.rsp = ones[i].stack ? BAD + (f ? 0x800 : 0x808) : PAGE(2) + 0x800;
            if (ones[i].code == one_push_m || ones[i].code == one_call_m)
                r.rsp = PAGE(2) + 0x800;
            uint64_t vector = run(r);
            check(ones[i].name, vector << 32 | changed(&r), 14ull << 32);
        }
    }
    struct regs r = regs_for(one_rep_movs);
    r.rsi = PAGE(2) + 0x100;
    r.rdi = BAD - 0x10;
    r.rcx = 0x40;
    run(r);
    check("rep movs stops at the border: rcx", trap.rcx, 0x30);
    check("rep movs stops at the border: rdi", trap.rdi, BAD);
    check("rep movs stops at the border: rsi", trap.rsi, PAGE(2) + 0x110);
    check("rep movs: rip is the instruction", trap.rip, (uint64_t)one_rep_movs);
    check("rep movs: cr2", read_cr2(), BAD);
    check("rep movs: error", trap.error, 2);
    r.rdi = BAD - 3;
    r.rip = (uint64_t)one_stos;
    page_b[511] = 0x1122334455667788ull;
    run(r);
    check("page-crossing store: registers", changed(&r), 0);
    check("page-crossing store: nothing written", page_b[511], 0x1122334455667788ull);
    check("page-crossing store: cr2 is the second page", read_cr2(), BAD);
    r.rdi = BAD - 3;
    r.rip = (uint64_t)one_add;
    run(r);
    check("page-crossing rmw: nothing written", page_b[511] ^ changed(&r), 0x1122334455667788ull);
    window_pt[2] &= ~P_WRITE;
    r.rdi = PAGE(1) + 0xffd;
    write_cr0(read_cr0() | 1 << 16);
    page_a[511] = 0x99;
    run(r);
    check("store into a read-only second page", page_a[511] ^ changed(&r), 0x99);
    check("its error", trap.error, 3);
    check("its cr2", read_cr2(), PAGE(2));
    write_cr0(read_cr0() & ~(1ull << 16));
    window_pt[2] |= P_WRITE;
}

#define RECIPE(n, text) CODE(recipe_##n, text "\n mov (%rdi), %r8\n xor %eax, %eax")
RECIPE(add, "add %rbx, %rax"); RECIPE(sub, "sub %rbx, %rax"); RECIPE(inc, "stc\n inc %eax"); RECIPE(dec, "clc\n dec %al"); RECIPE(shl, "shl %cl, %rax");
RECIPE(shl0, "add %rbx, %rax\n shl $0, %rbx"); RECIPE(adc, "stc\n adc %rbx, %rax"); RECIPE(sbb, "stc\n sbb %ebx, %eax"); RECIPE(and, "and %rbx, %rax");
RECIPE(neg, "neg %eax"); RECIPE(cmp8, "cmp %bl, %al"); RECIPE(test, "test %ax, %bx"); RECIPE(sar, "sar $1, %rax"); RECIPE(bt, "bt $3, %rax"); RECIPE(stc, "xor %ecx, %ecx\n stc");
RECIPE(cmc, "sub %rbx, %rax\n cmc"); RECIPE(sahf, "sahf"); RECIPE(two, "add %rbx, %rax\n inc %rcx\n mov %rcx, %rdx"); RECIPE(dead, "add %rbx, %rax\n mov (%rdi), %r9\n sub %rbx, %rax");

// RFLAGS by hand from the manual: rax 0x7fffffffffffffff, rbx 1, rcx 1.
static const struct { const char *name; uint8_t *code; uint32_t flags, mask; } recipes[] = {
#define FLAGS(n, f, m) { #n, recipe_##n, f, m }
#define ALL F_ARITHMETIC
    FLAGS(add, F_OVERFLOW | F_SIGN | F_ADJUST | F_PARITY, ALL),
    FLAGS(sub, 0, ALL),                                             // ...fe
    FLAGS(inc, F_CARRY | F_ADJUST | F_ZERO | F_PARITY, ALL),        // eax ffffffff
    FLAGS(dec, F_SIGN, ALL),                                        // al fe: 7 ones
    FLAGS(shl, F_SIGN | F_OVERFLOW, ALL & ~F_ADJUST),
    FLAGS(shl0, F_OVERFLOW | F_SIGN | F_ADJUST | F_PARITY, ALL),
    FLAGS(adc, F_OVERFLOW | F_SIGN | F_ADJUST, ALL),                // ...01
    FLAGS(sbb, F_SIGN, ALL),                                        // eax fffffffd
    FLAGS(and, 0, ALL & ~F_ADJUST),
    FLAGS(neg, F_CARRY | F_ADJUST, ALL),                            // eax 1
    FLAGS(cmp8, F_SIGN, ALL),
    FLAGS(test, 0, ALL & ~F_ADJUST),
    FLAGS(sar, F_CARRY | F_PARITY, ALL & ~F_ADJUST),
    FLAGS(bt, F_CARRY, F_CARRY | F_ZERO),
    FLAGS(stc, F_CARRY | F_ZERO | F_PARITY, ALL & ~F_ADJUST),
    FLAGS(cmc, F_CARRY, ALL),
    FLAGS(sahf, F_CARRY | F_PARITY | F_ADJUST | F_ZERO | F_SIGN, ALL),
    FLAGS(two, 0, ALL),                                             // inc keeps carry 0: 2
    FLAGS(dead, F_OVERFLOW | F_SIGN | F_ADJUST | F_PARITY, ALL),
};

static void flags_at_fault(void)
{
    for (unsigned i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct regs r = regs_for(recipes[i].code);
        r.rax = 0x7fffffffffffffffull;
        r.rbx = r.rcx = 1;
        r.rdi = BAD;
        run(r);
        uint32_t mask = recipes[i].mask;
        if (recipes[i].code == recipe_sahf)
            mask &= ~F_OVERFLOW;
        check(recipes[i].name, (trap.vector << 32) | (trap.rflags & mask), 14ull << 32 | (recipes[i].flags & mask));
        check("the load did not happen", trap.r8, 0x8081);
    }
}

CODE(divide, "xor %edx, %edx\n xor %ecx, %ecx\n div %ecx"); CODE(divide_big, "div %rcx"); CODE(invalid, "ud2"); CODE(noncanonical, "mov (%rdi), %rax");
CODE(bad_cr, "mov %rax, %cr4"); CODE(bad_cs, "ljmp *(%rdi)"); CODE(breakpoint, "nop"); CODE(bad_ds, "mov %eax, %ds"); CODE(software, "int $0x55");
CODE(misaligned, "movaps (%rdi), %xmm0"); CODE(noncanonical_push, "push %rax"); CODE(lock_reg, ".byte 0xf0, 0x01, 0xc0");

static void one_exception(const char *name, struct regs r, uint64_t vector, uint64_t error, uint64_t offset)
{
    r.rdi = r.rdi == 0x6061 ? PAGE(2) : r.rdi;
    run(r);
    check(name, trap.vector << 32 | trap.error << 16 | (trap.rip - r.rip), vector << 32 | error << 16 | offset);
}


static void exceptions(void)
{
    struct regs r = regs_for(divide);
    one_exception("#DE", r, 0, 0, 4);
    r = regs_for(divide_big);
    r.rcx = 1;
    one_exception("#DE, quotient too big", r, 0, 0, 0);
    check("#DE changed nothing", changed(&r) & ~(1u << 9), 0);
    one_exception("#UD", regs_for(invalid), 6, 0, 0);
    one_exception("#UD for LOCK on a register", regs_for(lock_reg), 6, 0, 0);
    one_exception("#BP", regs_for(breakpoint), 3, 0, 2);
    r = regs_for(noncanonical);
    r.rdi = 0x800000000000ull;
    one_exception("#GP, not canonical", r, 13, 0, 0);
    r = regs_for(noncanonical_push);
    r.rsp = 0x800000000100ull;
    one_exception("#SS, stack not canonical", r, 12, 0, 0);
    r = regs_for(bad_cr);
    r.rax = read_cr4() | 1ull << 40;
    one_exception("#GP, reserved bit of CR4", r, 13, 0, 0);
    r = regs_for(bad_ds);
    r.rax = 0x1008;
    one_exception("#GP, selector outside the GDT", r, 13, 0x1008, 0);
    one_exception("INT n at CPL 0", regs_for(software), 0x55, 0, 2);
    r = regs_for(misaligned);
    r.rdi = PAGE(2) + 8;
    one_exception("#GP, MOVAPS misaligned", r, 13, 0, 0);
    // A page fault whose gate is not present is a contributory pair: #DF on IST2.
    trap_idt[14].type = 0x0e;
    set_gate(8, 2, 0);
    r = regs_for(noncanonical);
    r.rdi = BAD;
    one_exception("#DF: page fault without a gate", r, 8, 0, 0);
    set_gate(14, 1, 0);
    set_gate(14, 0, 0); // no IST: the fault's frame goes to the broken stack
    r.rsp = BAD + 0x800;
    one_exception("#DF: page fault on a bad stack, through IST", r, 8, 0, 0);
    check("#DF: RSP of the first fault", trap.rsp, BAD + 0x800);
    set_gate(14, 1, 0);
}

// ---- x87 and MMX. A store that an unmasked exception stops does not look at its operand: it faults at the next instruction
// that waits, as that exception.
#define STOPPED(n, text) CODE(stopped_##n, text "\n fwait")
STOPPED(fst32, "fsts (%rdi)"); STOPPED(fst64, "fstpl (%rdi)"); STOPPED(fist, "fistps (%rdi)"); STOPPED(fist64, "fistpll (%rdi)");
STOPPED(fisttp, "fisttpl (%rdi)"); STOPPED(fst80, "fstpt (%rdi)"); STOPPED(fbstp, "fbstp (%rdi)");
CODE(mmx_store, "movq %mm3, (%rdi)"); CODE(mmx_load, "movq (%rdi), %mm3");

static const struct { const char *name; uint8_t *code; uint16_t opcode; } stopped[] = {
    { "fst m32", stopped_fst32, 0x117 }, { "fstp m64", stopped_fst64, 0x51f }, { "fistp m16", stopped_fist, 0x71f },
    { "fistp m64", stopped_fist64, 0x73f }, { "fisttp m32", stopped_fisttp, 0x30f }, { "fstp m80", stopped_fst80, 0x33f },
    { "fbstp", stopped_fbstp, 0x737 },
};

static void load_control(uint16_t control) { asm volatile("fninit\n fldcw %0" ::"m"(control)); }

static void stopped_stores(void)
{
    write_cr0(read_cr0() | 1 << 5); // NE: #MF
    for (unsigned i = 0; i < sizeof stopped / sizeof *stopped; i++) {
        struct regs r = regs_for(stopped[i].code);
        uint32_t env[7];
        r.rdi = BAD;
        load_control(0x37e); // the stack is empty: invalid, not masked
        check(stopped[i].name, run(r) << 32 | (trap.rip - r.rip), 16ull << 32 | 2);
        asm volatile("fnstenv %0\n fninit" : "=m"(env));
        check("status, top as it was", env[1] & 0xffff, 0x80c1);
        check("its pointers", env[4] == (uint32_t)stopped[i].opcode << 16 && env[3] == (uint32_t)r.rip && env[5] == (uint32_t)BAD, true);
        load_control(0x37f); // masked: the indefinite is stored, and faults
        check(stopped[i].name, run(r) << 32 | (trap.rip - r.rip), 14ull << 32);
    }
}

static void mmx_keeps_top(void)
{
    uint8_t *const code[] = { mmx_store, mmx_load };
    for (unsigned i = 0; i < 2; i++) {
        struct regs r = regs_for(code[i]);
        uint32_t env[7];
        r.rdi = BAD;
        asm volatile("fninit\n fld1");
        check("MMX operand not mapped", run(r), 14);
        asm volatile("fnstenv %0\n fninit" : "=m"(env));
        check("top and tags as they were", env[1] << 16 | (env[2] & 0xffff), 0x38003fff);
    }
}

int guest_main(void)
{
    traps_init();
    write_cr4(read_cr4() | 0x600);
    window_pt[1] = (uint64_t)page_a | P_WRITE | P_PRESENT;
    window_pt[2] = (uint64_t)page_b | P_WRITE | P_PRESENT;
    write_cr0(read_cr0() & ~(1ull << 16));
    for (unsigned round = 0; round < 3; round++) { // the first translates, the others run what was linked
        commit_last();
        compare_strings();
        flags_at_fault();
        stopped_stores();
        mmx_keeps_top();
    }
    exceptions();
    return guest_failures ? 1 : 0;
}
