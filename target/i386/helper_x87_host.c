// SPDX-License-Identifier: MIT
//
// The common x87 instructions on the host's own x87, where it gives the same bits: arithmetic, comparisons, loads,
// stores, square root, rounding; never its transcendentals. Compiled for general registers only; the host's x87
// stack is empty between helpers and its control word is the default (all masked, extended, nearest).
//
// The host's sticky flags are not cleared before an operation, which would cost more than the operation: if it
// leaves a flag that the guest does not have yet, it is done again after FNCLEX, and the flags are exact.
// [SDM 1 8]
#include "target/i386/helpers_fp.h"
#include "target/i386/x87.h"

#ifdef __x86_64__
static inline void load_control(uint16_t control) { __asm__ volatile("fldcw %0" : : "m"(control)); }
#define M80(r) (*(char(*)[10])(r))

// Runs `code` (which leaves the result on the x87 stack and the status word in sw), then `keep`, which pops it.
#define HOST_RUN(cpu, code, drop, keep)                                                   \
    uint16_t sw;                                                                          \
    bool odd = (cpu)->fpu_control != X87_DEFAULT_CONTROL;                                 \
    if (__builtin_expect(odd, 0))                                                         \
        load_control((cpu)->fpu_control);                                                 \
    code;                                                                                 \
    if (__builtin_expect(sw & ~(cpu)->fpu_status & SF_ALL_FLAGS, 0)) {                    \
        drop;                                                                             \
        __asm__ volatile("fnclex");                                                       \
        code;                                                                             \
    }                                                                                     \
    keep;                                                                                 \
    if (__builtin_expect(odd, 0))                                                         \
        load_control(X87_DEFAULT_CONTROL)
#define DROP __asm__ volatile("fstp %st(0)")
#define NOTHING (void)0

static inline void merge_status(struct x86_cpu *cpu, uint16_t sw, unsigned cc)
{
    cpu->fpu_status = (uint16_t)((cpu->fpu_status & ~cc) | (sw & (cc | SF_ALL_FLAGS)));
}

// The byte forms name the operation without the assembler's two readings of FSUB and FSUBR: DE xx, ST1 = ST1 op ST0.
#define ARITH_HOST(op, code_rr, mnemonic)                                                 \
    static inline void op##_reg(struct x86_cpu *cpu, uint64_t info)                       \
    {                                                                                     \
        struct x87_reg *d = x87_dst(cpu, info), *s = x87_src(cpu, info);                  \
        HOST_RUN(cpu,                                                                     \
                 __asm__ volatile("fldt %1\n\tfldt %2\n\t.byte 0xde, " code_rr "\n\tfnstsw %0" \
                                  : "=a"(sw) : "m"(M80(d)), "m"(M80(s))),                 \
                 DROP, __asm__ volatile("fstpt %0" : "=m"(M80(d))));                      \
        merge_status(cpu, sw, X87_C1);                                                    \
        x87_commit(cpu, info);                                                            \
    }                                                                                     \
    static inline void op##_f32(struct x86_cpu *cpu, uint64_t info, uint32_t b)           \
    {                                                                                     \
        struct x87_reg *d = x87_dst(cpu, info);                                           \
        HOST_RUN(cpu,                                                                     \
                 __asm__ volatile("fldt %1\n\t" mnemonic "s %2\n\tfnstsw %0"              \
                                  : "=a"(sw) : "m"(M80(d)), "m"(b)),                      \
                 DROP, __asm__ volatile("fstpt %0" : "=m"(M80(d))));                      \
        merge_status(cpu, sw, X87_C1);                                                    \
        x87_commit(cpu, info);                                                            \
    }                                                                                     \
    static inline void op##_f64(struct x86_cpu *cpu, uint64_t info, uint64_t b)           \
    {                                                                                     \
        struct x87_reg *d = x87_dst(cpu, info);                                           \
        HOST_RUN(cpu,                                                                     \
                 __asm__ volatile("fldt %1\n\t" mnemonic "l %2\n\tfnstsw %0"              \
                                  : "=a"(sw) : "m"(M80(d)), "m"(b)),                      \
                 DROP, __asm__ volatile("fstpt %0" : "=m"(M80(d))));                      \
        merge_status(cpu, sw, X87_C1);                                                    \
        x87_commit(cpu, info);                                                            \
    }                                                                                     \
    static inline void op##_int(struct x86_cpu *cpu, uint64_t info, uint64_t b)           \
    {                                                                                     \
        struct x87_reg *d = x87_dst(cpu, info);                                           \
        HOST_RUN(cpu,                                                                     \
                 __asm__ volatile("fldt %1\n\tfildll %2\n\t.byte 0xde, " code_rr "\n\tfnstsw %0" \
                                  : "=a"(sw) : "m"(M80(d)), "m"(b)),                      \
                 DROP, __asm__ volatile("fstpt %0" : "=m"(M80(d))));                      \
        merge_status(cpu, sw, X87_C1);                                                    \
        x87_commit(cpu, info);                                                            \
    }
#else
#define ARITH_HOST(op, code_rr, mnemonic)                                                 \
    static inline void op##_reg(struct x86_cpu *cpu, uint64_t info) {}                    \
    static inline void op##_f32(struct x86_cpu *cpu, uint64_t info, uint32_t b) {}        \
    static inline void op##_f64(struct x86_cpu *cpu, uint64_t info, uint64_t b) {}        \
    static inline void op##_int(struct x86_cpu *cpu, uint64_t info, uint64_t b) {}
#endif

#define ARITH(op, sf_op, code_rr, mnemonic)                                               \
    ARITH_HOST(op, code_rr, mnemonic)                                                     \
    uint64_t helper_##op##_reg(struct vcpu_head *head, uint64_t info)                     \
    {                                                                                     \
        if (x87_on_host(x86_of(head), info))                                              \
            op##_reg(x86_of(head), info);                                                 \
        else                                                                              \
            x87_soft_arith(x86_of(head), info, sf_op, X87_REG, 0);                        \
        return 0;                                                                         \
    }                                                                                     \
    uint64_t helper_##op##_f32(struct vcpu_head *head, uint64_t info, uint64_t b)         \
    {                                                                                     \
        if (x87_on_host(x86_of(head), info))                                              \
            op##_f32(x86_of(head), info, (uint32_t)b);                                    \
        else                                                                              \
            x87_soft_arith(x86_of(head), info, sf_op, X87_F32, b);                        \
        return 0;                                                                         \
    }                                                                                     \
    uint64_t helper_##op##_f64(struct vcpu_head *head, uint64_t info, uint64_t b)         \
    {                                                                                     \
        if (x87_on_host(x86_of(head), info))                                              \
            op##_f64(x86_of(head), info, b);                                              \
        else                                                                              \
            x87_soft_arith(x86_of(head), info, sf_op, X87_F64, b);                        \
        return 0;                                                                         \
    }                                                                                     \
    uint64_t helper_##op##_int(struct vcpu_head *head, uint64_t info, uint64_t b)         \
    {                                                                                     \
        if (x87_on_host(x86_of(head), info))                                              \
            op##_int(x86_of(head), info, b);                                              \
        else                                                                              \
            x87_soft_arith(x86_of(head), info, sf_op, X87_INT, b);                        \
        return 0;                                                                         \
    }
ARITH(fadd, SF_ADD, "0xc1", "fadd")
ARITH(fmul, SF_MUL, "0xc9", "fmul")
ARITH(fsub, SF_SUB, "0xe9", "fsub")
ARITH(fsubr, SF_SUBR, "0xe1", "fsubr")
ARITH(fdiv, SF_DIV, "0xf9", "fdiv")
ARITH(fdivr, SF_DIVR, "0xf1", "fdivr")

// ---- comparisons: dst against src or an operand
#ifdef __x86_64__
static inline uint64_t compared(struct x86_cpu *cpu, uint64_t info, uint16_t sw, bool to_eflags)
{
    merge_status(cpu, sw, to_eflags ? X87_C1 : X87_CC);
    x87_commit(cpu, info);
    return sf_f80_cc_to_eflags(sw);
}
#define COMPARE_HOST(cpu, info, load, insn, operand, to_eflags)                           \
    struct x87_reg *d = x87_dst(cpu, info);                                               \
    HOST_RUN(cpu, __asm__ volatile(load "fldt %1\n\t" insn "\n\tfnstsw %0"                \
                                   : "=a"(sw) : "m"(M80(d)), "m"(operand)),               \
             NOTHING, NOTHING);                                                           \
    return compared(cpu, info, sw, to_eflags)
#else
#define COMPARE_HOST(cpu, info, load, insn, operand, to_eflags) return 0
#endif
#define COMPARE_REG(name, how, insn, to_eflags)                                           \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t info)                         \
    {                                                                                     \
        struct x86_cpu *cpu = x86_of(head);                                               \
        if (!x87_on_host(cpu, info))                                                      \
            return x87_soft_compare(cpu, info, how, X87_REG, 0);                          \
        COMPARE_HOST(cpu, info, "fldt %2\n\t", insn, M80(x87_src(cpu, info)), to_eflags); \
    }
#define COMPARE_MEM(name, kind, load, insn)                                               \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t info, uint64_t b)             \
    {                                                                                     \
        struct x86_cpu *cpu = x86_of(head);                                               \
        if (!x87_on_host(cpu, info))                                                      \
            return x87_soft_compare(cpu, info, X87_COM, kind, b);                         \
        COMPARE_HOST(cpu, info, load, insn, b, false);                                    \
    }
COMPARE_REG(fcom_reg, X87_COM, "fcompp", false)
COMPARE_REG(fucom_reg, X87_UCOM, "fucompp", false)
COMPARE_REG(fcomi_reg, X87_COMI, "fcompp", true)
COMPARE_REG(fucomi_reg, X87_UCOMI, "fucompp", true)
COMPARE_MEM(fcom_f32, X87_F32, "", "fcomps %2")
COMPARE_MEM(fcom_f64, X87_F64, "", "fcompl %2")
COMPARE_MEM(fcom_int, X87_INT, "fildll %2\n\t", "fcompp")

// ---- loads
#ifdef __x86_64__
#define LOAD_HOST(cpu, info, insn, operand)                                               \
    struct x87_reg *d = x87_dst(cpu, info);                                               \
    HOST_RUN(cpu, __asm__ volatile(insn " %1\n\tfnstsw %0" : "=a"(sw) : "m"(operand)), DROP, \
             __asm__ volatile("fstpt %0" : "=m"(M80(d))));                                \
    merge_status(cpu, sw, X87_C1);                                                        \
    x87_commit(cpu, info)
#else
#define LOAD_HOST(cpu, info, insn, operand) (void)0
#endif
#define LOAD(name, kind, insn)                                                            \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t info, uint64_t b)             \
    {                                                                                     \
        struct x86_cpu *cpu = x86_of(head);                                               \
        if (!x87_on_host(cpu, info)) {                                                    \
            x87_soft_load(cpu, info, kind, b);                                            \
            return 0;                                                                     \
        }                                                                                 \
        LOAD_HOST(cpu, info, insn, b);                                                    \
        return 0;                                                                         \
    }
LOAD(fld_f32, X87_F32, "flds")
LOAD(fld_f64, X87_F64, "fldl")
LOAD(fild, X87_INT, "fildll")

// ---- moves of all 80 bits. On the host by FLD and FSTP m80, which keep every encoding: ten bytes written at
// once can be forwarded to the next load of ten.
#ifdef __x86_64__
// Host address of a guest operand that the first-level TLB knows, or NULL.
static inline void *direct(const struct tlb_entry *array, uint64_t va, unsigned size)
{
    const struct tlb_entry *entry = &array[va >> 12 & (TLB_SIZE - 1)];
    uint64_t offset = va - entry->tag;
    return offset <= 4096 - size ? (void *)(uintptr_t)(entry->host + offset) : NULL;
}
static inline void move80(void *to, const void *from)
{
    __asm__ volatile("fldt %1\n\tfstpt %0" : "=m"(M80(to)) : "m"(M80(from)));
}
#endif

uint64_t helper_fmov(struct vcpu_head *head, uint64_t info)
{
    struct x86_cpu *cpu = x86_of(head);
#ifdef __x86_64__
    if (x87_on_host(cpu, info) && !x87_is_fld_st7(info)) {
        move80(x87_dst(cpu, info), x87_src(cpu, info));
        x87_set_cc(cpu, X87_C1, 0);
        x87_commit(cpu, info);
        return 0;
    }
#endif
    x87_soft_move(cpu, info);
    return 0;
}

uint64_t helper_fxch(struct vcpu_head *head, uint64_t info)
{
    struct x86_cpu *cpu = x86_of(head);
#ifdef __x86_64__
    if (x87_on_host(cpu, info)) {
        struct x87_reg *a = x87_dst(cpu, info), *b = x87_src(cpu, info);
        __asm__ volatile("fldt %0\n\tfldt %1\n\tfstpt %0\n\tfstpt %1" : "+m"(M80(a)), "+m"(M80(b)));
        x87_set_cc(cpu, X87_C1, 0);
        x87_commit(cpu, info);
        return 0;
    }
#endif
    x87_soft_exchange(cpu, info);
    return 0;
}

uint64_t helper_fld_f80(struct vcpu_head *head, uint64_t info, uint64_t address)
{
    struct x86_cpu *cpu = x86_of(head);
#ifdef __x86_64__
    const void *from = direct(head->context->read, address, 10);
    if (from && x87_on_host(cpu, info)) {
        move80(x87_dst(cpu, info), from);
        x87_set_cc(cpu, X87_C1, 0);
        x87_commit(cpu, info);
        return 0;
    }
#endif
    x87_soft_load80(cpu, info, address);
    return 0;
}

uint64_t helper_fstp_f80(struct vcpu_head *head, uint64_t info, uint64_t address)
{
    struct x86_cpu *cpu = x86_of(head);
#ifdef __x86_64__
    void *to = direct(head->context->write, address, 10);
    if (to && x87_on_host(cpu, info)) {
        move80(to, x87_src(cpu, info));
        x87_set_cc(cpu, X87_C1, 0);
        x87_commit(cpu, info);
        return 0;
    }
#endif
    x87_soft_store80(cpu, info, address);
    return 0;
}

// ---- stores that convert
#ifdef __x86_64__
#define STORE_HOST(cpu, info, insn, type, size, address)                                  \
    struct x87_reg *s = x87_src(cpu, info);                                               \
    type value;                                                                           \
    HOST_RUN(cpu, __asm__ volatile("fldt %2\n\t" insn " %1\n\tfnstsw %0"                  \
                                   : "=a"(sw), "=m"(value) : "m"(M80(s))),                \
             NOTHING, NOTHING);                                                           \
    struct unaligned { type v; } __attribute__((packed)) *to =                            \
        direct(head->context->write, address, sizeof(type));                              \
    if (to)                                                                               \
        to->v = value;                                                                    \
    else                                                                                  \
        ldst_store(head, address, value, size);                                           \
    merge_status(cpu, sw, X87_C1);                                                        \
    x87_commit(cpu, info)
#else
#define STORE_HOST(cpu, info, insn, type, size, address) (void)0
#endif
#define STORE(name, kind, insn, type, size)                                               \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t info, uint64_t address)       \
    {                                                                                     \
        struct x86_cpu *cpu = x86_of(head);                                               \
        if (!x87_on_host(cpu, info)) {                                                    \
            x87_soft_store(cpu, info, kind, address);                                     \
            return 0;                                                                     \
        }                                                                                 \
        STORE_HOST(cpu, info, insn, type, size, address);                                 \
        return 0;                                                                         \
    }
STORE(fst_f32, X87_ST_F32, "fstps", uint32_t, 2)
STORE(fst_f64, X87_ST_F64, "fstpl", uint64_t, 3)
STORE(fist_16, X87_ST_I16, "fistps", uint16_t, 1)
STORE(fist_32, X87_ST_I32, "fistpl", uint32_t, 2)
STORE(fist_64, X87_ST_I64, "fistpll", uint64_t, 3)
STORE(fistt_16, X87_ST_T16, "fisttps", uint16_t, 1)
STORE(fistt_32, X87_ST_T32, "fisttpl", uint32_t, 2)
STORE(fistt_64, X87_ST_T64, "fisttpll", uint64_t, 3)

// ---- one operand
#ifdef __x86_64__
#define UNARY_HOST(cpu, info, insn, cc)                                                   \
    struct x87_reg *d = x87_dst(cpu, info);                                               \
    HOST_RUN(cpu, __asm__ volatile("fldt %1\n\t" insn "\n\tfnstsw %0" : "=a"(sw) : "m"(M80(d))), DROP, \
             __asm__ volatile("fstpt %0" : "=m"(M80(d))));                                \
    merge_status(cpu, sw, cc);                                                            \
    x87_commit(cpu, info)
#else
#define UNARY_HOST(cpu, info, insn, cc) (void)0
#endif
#define UNARY(name, op, insn, cc)                                                         \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t info)                         \
    {                                                                                     \
        struct x86_cpu *cpu = x86_of(head);                                               \
        if (!x87_on_host(cpu, info)) {                                                    \
            x87_soft_unary(cpu, info, op);                                                \
            return 0;                                                                     \
        }                                                                                 \
        UNARY_HOST(cpu, info, insn, cc);                                                  \
        return 0;                                                                         \
    }
UNARY(fsqrt, X87_SQRT, "fsqrt", X87_C1)
UNARY(frndint, X87_RNDINT, "frndint", X87_C1)
UNARY(fchs, X87_CHS, "fchs", X87_C1)
UNARY(fabs, X87_ABS, "fabs", X87_C1)
UNARY(ftst, X87_TST, "ftst", X87_CC)

uint64_t helper_fxam(struct vcpu_head *head, uint64_t info)
{
    x87_soft_unary(x86_of(head), info, X87_XAM);
    return 0;
}

uint64_t helper_mmx_enter(struct vcpu_head *head)
{
    struct x86_cpu *cpu = x86_of(head);
    x87_wait(cpu);
    cpu->fpu_top = 0;
    cpu->fpu_empty = 0;
    return 0;
}

uint64_t helper_emms(struct vcpu_head *head)
{
    x87_wait(x86_of(head));
    x86_of(head)->fpu_top = 0;
    x86_of(head)->fpu_empty = 0xff;
    return 0;
}

// The one x87 instruction that TS stops only together with MP. [SDM 2 WAIT]
uint64_t helper_fwait(struct vcpu_head *head)
{
    struct x86_cpu *cpu = x86_of(head);
    if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
        cpu_raise(cpu, VEC_NM);
    x87_wait(cpu);
    return 0;
}
