// SPDX-License-Identifier: MIT
//
// Translator driver: decode a block, find out which flags somebody may see, generate IR for each instruction.
//
// What a block may contain: instructions of one page (one that crosses into the next page is a block of its own), up
// to the first that ends it. Flags are seen by readers, by any instruction that may leave (a fault shows them), and by
// whatever follows the block.
#include "target/i386/translate.h"
#include <stddef.h>
#include <string.h>
#include "target/i386/gen_int.h"

const struct helper_row x86_helpers[] = {
#define HELPER(name, flags, results, arguments) { #name, (void *)helper_##name, flags, results, arguments },
#include "target/i386/helpers.def"
#undef HELPER
};
static const struct ir_global globals[G__COUNT] = {
#define GPR(n, text) { text, offsetof(struct x86_cpu, regs) + (n) * 8, false }
    GPR(0, "rax"), GPR(1, "rcx"), GPR(2, "rdx"), GPR(3, "rbx"), GPR(4, "rsp"), GPR(5, "rbp"), GPR(6, "rsi"), GPR(7, "rdi"),
    GPR(8, "r8"), GPR(9, "r9"), GPR(10, "r10"), GPR(11, "r11"), GPR(12, "r12"), GPR(13, "r13"), GPR(14, "r14"), GPR(15, "r15"),
#define XMM(n, text) { text, offsetof(struct x86_cpu, xmm) + (n) * 16, true }
    XMM(0, "xmm0"), XMM(1, "xmm1"), XMM(2, "xmm2"), XMM(3, "xmm3"), XMM(4, "xmm4"), XMM(5, "xmm5"), XMM(6, "xmm6"), XMM(7, "xmm7"),
    XMM(8, "xmm8"), XMM(9, "xmm9"), XMM(10, "xmm10"), XMM(11, "xmm11"), XMM(12, "xmm12"), XMM(13, "xmm13"), XMM(14, "xmm14"), XMM(15, "xmm15"),
};
const struct ir_target x86_ir_target = {
    .globals = globals, .global_count = G__COUNT, .helpers = x86_helpers, .helper_count = H__COUNT, .cpu_size = sizeof(struct x86_cpu),
};

// ---- decoding a block

static bool may_leave(const struct insn *in, uint32_t flags)
{
    uint32_t row = in->row->flags;
    if (row & (ROW_LEAVES | ROW_FPU | ROW_MMX | ROW_CPL0))
        return true;
    if (row & ROW_SSE && (!(flags & BF_SSE_OK) || flags & (BF_NO_FPU | BF_EM)))
        return true;
    if (row & ROW_FLOAT && flags & BF_FLOAT_EXACT)
        return true;
    return in->mem && in->row->gen != gen_lea && in->row->gen != gen_nothing;
}

static bool ends_block(const struct insn *in)
{
    return in->row->flags & ROW_ENDS || (in->row->flags & ROW_STRING && in->prefix_rep);
}

void gen_undefined(struct translator *t, const struct insn *in)
{
    gen_raise(t, VEC_UD, false, 0);
}
static void gen_too_long(struct translator *t, const struct insn *in)
{
    gen_raise(t, VEC_GP, true, 0);
}
// A fetch from the next page that is not mapped: the fault is that of the page's first byte.
static void gen_fetch_fault(struct translator *t, const struct insn *in)
{
    gen_call(t, H_fetch_next_page, IR_NONE, 1, gen_const(t, (int64_t)in->next_rip));
    t->ended = true;
}
static const struct opcode_row too_long_row = { .name = "(too long)", .gen = gen_too_long, .flags = ROW_ENDS | ROW_LEAVES };
static const struct opcode_row fetch_row = { .name = "(next page)", .gen = gen_fetch_fault, .flags = ROW_ENDS | ROW_LEAVES };

struct window { const uint8_t *page, *next; size_t available, next_available; };

static enum decode_status decode_at(const struct window *w, size_t at, uint64_t rip, uint32_t flags, struct insn *in)
{
    size_t have = w->available - at;
    if (have >= 15)
        return decode_insn(w->page + at, have, rip, flags, in);
    uint8_t joined[32];
    size_t more = w->next ? w->next_available < 16 ? w->next_available : 16 : 0;
    memcpy(joined, w->page + at, have);
    if (more)
        memcpy(joined + have, w->next, more);
    return decode_insn(joined, have + more, rip, flags, in);
}

static void replace(struct insn *in, const struct opcode_row *row, uint64_t rip, size_t length)
{
    *in = (struct insn){ .row = row, .rip = rip, .next_rip = rip + length, .length = (uint8_t)length, .base = -1, .index = -1 };
}

static unsigned decode_block(const struct window *w, uint64_t rip, uint32_t flags, unsigned max, struct insn *insns, size_t *bytes)
{
    unsigned count = 0;
    size_t at = 0;
    while (count < max && at < w->available) {
        struct insn *in = &insns[count];
        enum decode_status status = decode_at(w, at, rip, flags, in);
        if (status == DECODE_SHORT) {
            if (count)
                break;
            replace(in, &fetch_row, rip, w->available - at); // needs a page that is not there
        } else if (status == DECODE_TOO_LONG) {
            replace(in, &too_long_row, rip, 1);
        } else if (status == DECODE_UD) {
            replace(in, &opcode_undefined, rip, in->length ? in->length : 1);
        }
        if (at + in->length > w->available && count)
            break; // crosses into the next page: a block of its own
        count++;
        at += in->length;
        rip = in->next_rip;
        if (ends_block(in))
            break;
    }
    *bytes = at;
    return count;
}

// ---- which flags are needed after each instruction

static void find_needed(const struct insn *insns, unsigned count, uint32_t flags, uint16_t *needed, bool *kills)
{
    uint16_t live = F_ARITH;
    for (unsigned i = count; i-- > 0;) {
        const struct opcode_row *row = insns[i].row;
        needed[i] = live;
        if (!(row->flags & ROW_CCMERGE))
            live &= (uint16_t)~row->writes;
        live |= row->reads;
        if (may_leave(&insns[i], flags))
            live = F_ARITH;
    }
    *kills = live == 0;
}

// ---- privilege and mode, checked once from the row

static bool check_row(struct translator *t, const struct insn *in)
{
    uint32_t f = in->row->flags;
    if (f & ROW_PE && (!(t->flags & BF_PE) || t->flags & BF_VM)) {
        gen_raise(t, VEC_UD, false, 0);
        return false;
    }
    if (f & ROW_CPL0 && !(t->flags & BF_CPL_0)) {
        gen_raise(t, VEC_GP, true, 0);
        return false;
    }
    return gen_require_fpu(t, in);
}

bool gen_require_fpu(struct translator *t, const struct insn *in)
{
    uint32_t f = in->row->flags;
    if (!(f & (ROW_FPU | ROW_SSE | ROW_MMX)))
        return true;
    bool ud = f & ROW_SSE ? t->flags & BF_EM || !(t->flags & BF_SSE_OK) : f & ROW_MMX ? t->flags & BF_EM : false;
    if (ud)
        gen_raise(t, VEC_UD, false, 0);
    else if (t->flags & BF_NO_FPU)
        gen_raise(t, VEC_NM, false, 0);
    else
        return true;
    return false;
}

static void gen_instruction(struct translator *t, unsigned i)
{
    const struct insn *in = &t->insns[i];
    struct ir_op *op = ir_append(t->ir, IR_INSN, 0);
    op->site = (uint16_t)i;
    op->imm = (int64_t)in->rip;
    t->current = i;
    t->needed = t->needed_after[i];
    t->site_made = false;
    if (check_row(t, in))
        in->row->gen(t, in);
}

unsigned translate_block(struct translator *t, const uint8_t *page_bytes, size_t available, const uint8_t *next_bytes, size_t next_available,
                         uint64_t rip, uint32_t flags, unsigned max_insns, bool *kills_flags)
{
    struct insn insns[MAX_BLOCK_INSNS];
    struct window w = { page_bytes, next_bytes, available, next_available };
    size_t bytes;
    unsigned done = 0;
    if (max_insns > MAX_BLOCK_INSNS)
        max_insns = MAX_BLOCK_INSNS;
    if (flags & (BF_TF | BF_INHIBIT | BF_ONE_INSN | BF_BREAKPOINT))
        max_insns = 1;
    ir_block_clear(t->ir);
    t->flags = flags;
    t->flags_id = t->intern(t->opaque, flags);
    t->insns = insns;
    t->current = 0;
    t->count = decode_block(&w, rip, flags, max_insns, insns, &bytes);
    t->ended = false;
    gen_cc_from_env(t);
    t->ir->rip = rip;
    find_needed(insns, t->count, flags, t->needed_after, kills_flags);
    while (done < t->count && !t->ended)
        gen_instruction(t, done++);
    t->ir->insn_count = (uint16_t)done; // some end the block before its end
    if (!t->ended)
        gen_exit_to(t, insns[done - 1].next_rip);
    return (unsigned)bytes;
}
