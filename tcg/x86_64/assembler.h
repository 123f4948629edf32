// SPDX-License-Identifier: MIT
//
// Instruction encoder for x86-64: writes bytes at a pointer, knows nothing of the IR.
//
// An opcode is one number: the opcode byte, the map, the mandatory prefix and how to treat registers (X_ bits).
// An operand is a register, memory (base, index, displacement) or an immediate. No checks for room: the
// caller keeps a margin.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum gpr_number { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
#define NO_REG 0xff

enum x_bits {
    X_0F = 0x100, X_0F38 = 0x200, X_0F3A = 0x300,
    X_66 = 0x1000, X_F2 = 0x2000, X_F3 = 0x3000, // one mandatory prefix
    X_W = 0x4000,                                // REX.W
    X_RB = 0x8000, X_MB = 0x10000,               // the reg / rm operand is a byte register (4..7 need a REX)
};
enum x_alu { X_ADD, X_OR, X_ADC, X_SBB, X_AND, X_SUB, X_XOR, X_CMP };
enum x_shift { X_ROL, X_ROR, X_RCL, X_RCR, X_SHL, X_SHR, X_SAR = 7 };
enum x_cond { C_O, C_NO, C_B, C_AE, C_E, C_NE, C_BE, C_A, C_S, C_NS, C_P, C_NP, C_L, C_GE, C_LE, C_G };

enum operand_kind { OPND_REG, OPND_MEM, OPND_IMM };
struct operand {
    uint8_t kind;
    uint8_t reg;          // OPND_REG: the register; OPND_MEM: base or NO_REG
    uint8_t index, scale; // OPND_MEM: index register or NO_REG
    int32_t disp;
    int64_t imm;
};
static inline struct operand opnd_reg(unsigned reg) { return (struct operand){ .kind = OPND_REG, .reg = (uint8_t)reg }; }
static inline struct operand opnd_mem(unsigned base, int32_t disp)
{
    return (struct operand){ .kind = OPND_MEM, .reg = (uint8_t)base, .index = NO_REG, .disp = disp };
}
static inline struct operand opnd_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (struct operand){ .kind = OPND_MEM, .reg = (uint8_t)base, .index = (uint8_t)index, .scale = (uint8_t)scale,
                             .disp = disp };
}
static inline struct operand opnd_imm(int64_t imm) { return (struct operand){ .kind = OPND_IMM, .imm = imm }; }
static inline bool opnd_is_reg(struct operand o, unsigned reg) { return o.kind == OPND_REG && o.reg == reg; }

struct x86_asm {
    uint8_t *p; // next byte, writable view
};

static inline void x_byte(struct x86_asm *a, unsigned v) { *a->p++ = (uint8_t)v; }
static inline void x_u16(struct x86_asm *a, unsigned v)
{
    uint16_t w = (uint16_t)v;
    memcpy(a->p, &w, 2);
    a->p += 2;
}
static inline void x_u32(struct x86_asm *a, uint32_t v)
{
    memcpy(a->p, &v, 4);
    a->p += 4;
}
static inline void x_u64(struct x86_asm *a, uint64_t v)
{
    memcpy(a->p, &v, 8);
    a->p += 8;
}
static inline bool fits8(int64_t v) { return v == (int8_t)v; }
static inline bool fits32(int64_t v) { return v == (int32_t)v; }

// ModRM, SIB, displacement of a memory operand.
static inline void x_modrm_mem(struct x86_asm *a, unsigned reg, struct operand m)
{
    unsigned r = (reg & 7) << 3;
    if (m.reg == NO_REG) { // [index * scale + disp32]
        x_byte(a, r | 4);
        x_byte(a, (unsigned)m.scale << 6 | (m.index == NO_REG ? 4u : (m.index & 7u)) << 3 | 5);
        x_u32(a, (uint32_t)m.disp);
        return;
    }
    unsigned mod = m.disp == 0 && (m.reg & 7) != RBP ? 0 : fits8(m.disp) ? 0x40 : 0x80;
    if (m.index != NO_REG || (m.reg & 7) == RSP) {
        x_byte(a, mod | r | 4);
        x_byte(a, (unsigned)m.scale << 6 | (m.index == NO_REG ? 4u : (m.index & 7u)) << 3 | (m.reg & 7));
    } else {
        x_byte(a, mod | r | (m.reg & 7));
    }
    if (mod == 0x40)
        x_byte(a, (unsigned)m.disp);
    else if (mod == 0x80)
        x_u32(a, (uint32_t)m.disp);
}

// prefix, REX, opcode and operands; an immediate follows by hand.
static inline void x_rm(struct x86_asm *a, uint32_t opcode, unsigned reg, struct operand rm)
{
    static const uint8_t prefixes[4] = { 0, 0x66, 0xf2, 0xf3 };
    unsigned prefix = opcode >> 12 & 3, rex = opcode & X_W ? 0x48 : 0;
    if (prefix)
        x_byte(a, prefixes[prefix]);
    if (reg >= 8)
        rex |= 0x44;
    else if ((opcode & X_RB) && reg >= 4)
        rex |= 0x40;
    if (rm.kind == OPND_REG) {
        if (rm.reg >= 8)
            rex |= 0x41;
        else if ((opcode & X_MB) && rm.reg >= 4)
            rex |= 0x40;
    } else {
        if (rm.reg != NO_REG && rm.reg >= 8)
            rex |= 0x41;
        if (rm.index != NO_REG && rm.index >= 8)
            rex |= 0x42;
    }
    if (rex)
        x_byte(a, rex);
    unsigned map = opcode >> 8 & 3;
    if (map) {
        x_byte(a, 0x0f);
        if (map > 1)
            x_byte(a, map == 2 ? 0x38 : 0x3a);
    }
    x_byte(a, opcode);
    if (rm.kind == OPND_REG)
        x_byte(a, 0xc0 | (reg & 7) << 3 | (rm.reg & 7));
    else
        x_modrm_mem(a, reg, rm);
}

// The opcode of an instruction with byte form op8 and wider form op8 + 1, at a size.
static inline uint32_t x_sized(uint32_t op8, unsigned size)
{
    return size == 0 ? op8 | X_RB | X_MB : (op8 + 1) | (size == 1 ? X_66 : size == 3 ? X_W : 0);
}
// Opcode that exists only from 16 bits up.
static inline uint32_t x_wide(uint32_t op, unsigned size)
{
    return op | (size == 1 ? X_66 : size == 3 ? X_W : 0);
}

static inline void x_imm_sized(struct x86_asm *a, unsigned size, int64_t imm)
{
    if (size == 0)
        x_byte(a, (unsigned)imm);
    else if (size == 1)
        x_u16(a, (unsigned)imm);
    else
        x_u32(a, (uint32_t)imm);
}

// ---- moves
static inline void x_load(struct x86_asm *a, unsigned size, unsigned reg, struct operand rm) // mov reg, rm
{
    x_rm(a, x_sized(0x8a, size), reg, rm);
}
static inline void x_store(struct x86_asm *a, unsigned size, struct operand rm, unsigned reg) // mov rm, reg
{
    x_rm(a, x_sized(0x88, size), reg, rm);
}
static inline void x_mov_rr(struct x86_asm *a, unsigned size, unsigned dst, unsigned src)
{
    x_rm(a, x_sized(0x88, size), src, opnd_reg(dst));
}
static inline void x_mov_imm(struct x86_asm *a, unsigned reg, uint64_t v) // all 64 bits; flags stay
{
    if (v <= UINT32_MAX) {
        if (reg >= 8)
            x_byte(a, 0x41);
        x_byte(a, 0xb8 | (reg & 7));
        x_u32(a, (uint32_t)v);
    } else if (fits32((int64_t)v)) {
        x_rm(a, 0xc7 | X_W, 0, opnd_reg(reg));
        x_u32(a, (uint32_t)v);
    } else {
        x_byte(a, reg >= 8 ? 0x49 : 0x48);
        x_byte(a, 0xb8 | (reg & 7));
        x_u64(a, v);
    }
}
static inline void x_store_imm(struct x86_asm *a, unsigned size, struct operand rm, int64_t imm) // mov rm, imm
{
    x_rm(a, x_sized(0xc6, size), 0, rm);
    x_imm_sized(a, size, imm);
}
// Zero / sign extend the low `from` bytes (log2) of rm; sign extension to size `to` (1..3), zero extension to 64.
static inline void x_movzx(struct x86_asm *a, unsigned from, unsigned reg, struct operand rm)
{
    if (from == 0)
        x_rm(a, 0xb6 | X_0F | X_MB, reg, rm);
    else if (from == 1)
        x_rm(a, 0xb7 | X_0F, reg, rm);
    else
        x_load(a, from, reg, rm);
}
static inline void x_movsx(struct x86_asm *a, unsigned from, unsigned to, unsigned reg, struct operand rm)
{
    if (from >= to)
        x_load(a, to, reg, rm);
    else if (from == 0)
        x_rm(a, x_wide(0xbe | X_0F | X_MB, to), reg, rm);
    else if (from == 1)
        x_rm(a, x_wide(0xbf | X_0F, to), reg, rm);
    else
        x_rm(a, 0x63 | X_W, reg, rm);
}
static inline void x_lea(struct x86_asm *a, unsigned size, unsigned reg, struct operand m)
{
    x_rm(a, x_wide(0x8d, size), reg, m);
}

// ---- arithmetic
static inline void x_alu(struct x86_asm *a, enum x_alu op, unsigned size, unsigned reg, struct operand rm)
{
    x_rm(a, x_sized((uint32_t)op << 3 | 2, size), reg, rm);
}
static inline void x_alu_store(struct x86_asm *a, enum x_alu op, unsigned size, struct operand rm, unsigned reg)
{
    x_rm(a, x_sized((uint32_t)op << 3, size), reg, rm);
}
static inline void x_alu_imm(struct x86_asm *a, enum x_alu op, unsigned size, struct operand rm, int64_t imm)
{
    imm = size == 0 ? (int8_t)imm : size == 1 ? (int16_t)imm : (int32_t)imm;
    if (size == 0) {
        x_rm(a, 0x80 | X_MB, op, rm);
        x_byte(a, (unsigned)imm);
    } else if (fits8(imm)) {
        x_rm(a, x_wide(0x83, size), op, rm);
        x_byte(a, (unsigned)imm);
    } else {
        x_rm(a, x_wide(0x81, size), op, rm);
        x_imm_sized(a, size, imm);
    }
}
static inline void x_test_rr(struct x86_asm *a, unsigned size, struct operand rm, unsigned reg)
{
    x_rm(a, x_sized(0x84, size), reg, rm);
}
static inline void x_test_imm(struct x86_asm *a, unsigned size, struct operand rm, int64_t imm)
{
    x_rm(a, x_sized(0xf6, size), 0, rm);
    x_imm_sized(a, size, imm);
}
static inline void x_group3(struct x86_asm *a, unsigned digit, unsigned size, struct operand rm) // 2 not 3 neg 4 mul ...
{
    x_rm(a, x_sized(0xf6, size), digit, rm);
}
static inline void x_incdec(struct x86_asm *a, bool dec, unsigned size, unsigned reg)
{
    x_rm(a, x_sized(0xfe, size), dec, opnd_reg(reg));
}
static inline void x_shift_imm(struct x86_asm *a, enum x_shift op, unsigned size, struct operand rm, unsigned count)
{
    if (count == 1) {
        x_rm(a, x_sized(0xd0, size), op, rm);
    } else {
        x_rm(a, x_sized(0xc0, size), op, rm);
        x_byte(a, count);
    }
}
static inline void x_shift_cl(struct x86_asm *a, enum x_shift op, unsigned size, struct operand rm)
{
    x_rm(a, x_sized(0xd2, size), op, rm);
}
static inline void x_bt_imm(struct x86_asm *a, unsigned size, struct operand rm, unsigned bit)
{
    x_rm(a, x_wide(0xba | X_0F, size), 4, rm);
    x_byte(a, bit);
}
static inline void x_setcc(struct x86_asm *a, unsigned cond, struct operand rm)
{
    x_rm(a, (0x90 + cond) | X_0F | X_MB, 0, rm);
}
static inline void x_cmov(struct x86_asm *a, unsigned cond, unsigned size, unsigned reg, struct operand rm)
{
    x_rm(a, x_wide((0x40 + cond) | X_0F, size), reg, rm);
}
// The high byte of rax..rbx (4..7 without REX): ah = RAX etc.
static inline void x_alu_high_imm(struct x86_asm *a, enum x_alu op, unsigned reg, unsigned imm)
{
    x_byte(a, 0x80);
    x_byte(a, 0xc0 | (unsigned)op << 3 | (reg + 4));
    x_byte(a, imm);
}

// VEX, 0F38 or 0F3A map, general registers, L0: pp 0 none, 1 66, 2 F3, 3 F2.
static inline void x_vex(struct x86_asm *a, unsigned map, unsigned pp, bool w, unsigned opcode, unsigned reg, unsigned vvvv,
                         struct operand rm)
{
    unsigned x = rm.kind == OPND_MEM && rm.index != NO_REG && rm.index >= 8;
    unsigned b = rm.reg != NO_REG && rm.reg >= 8;
    x_byte(a, 0xc4);
    x_byte(a, (reg >= 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | map);
    x_byte(a, (w ? 0x80u : 0) | (~vvvv & 15) << 3 | pp);
    x_byte(a, opcode);
    if (rm.kind == OPND_REG)
        x_byte(a, 0xc0 | (reg & 7) << 3 | (rm.reg & 7));
    else
        x_modrm_mem(a, reg, rm);
}

static inline void x_rorx(struct x86_asm *a, unsigned reg, struct operand rm, unsigned count) // 32 bits; flags stay
{
    x_vex(a, 3, 3, false, 0xf0, reg, 0, rm);
    x_byte(a, count);
}

// ---- control. Targets are in the same view as the code (distances are equal in both).
static inline void x_rel32(struct x86_asm *a, const uint8_t *target)
{
    x_u32(a, (uint32_t)(target - (a->p + 4)));
}
static inline void x_patch_rel32(uint8_t *at, const uint8_t *target)
{
    int32_t d = (int32_t)(target - (at + 4));
    memcpy(at, &d, 4);
}
static inline void x_jmp(struct x86_asm *a, const uint8_t *target)
{
    x_byte(a, 0xe9);
    x_rel32(a, target);
}
static inline void x_call(struct x86_asm *a, const uint8_t *target)
{
    x_byte(a, 0xe8);
    x_rel32(a, target);
}
// Returns the place of the rel32, to patch.
static inline uint8_t *x_jcc(struct x86_asm *a, unsigned cond)
{
    x_byte(a, 0x0f);
    x_byte(a, 0x80 | cond);
    x_u32(a, 0);
    return a->p - 4;
}
static inline uint8_t *x_jmp_patch(struct x86_asm *a)
{
    x_byte(a, 0xe9);
    x_u32(a, 0);
    return a->p - 4;
}

// ---- vector moves
static inline void x_movaps(struct x86_asm *a, unsigned dst, unsigned src) { x_rm(a, 0x28 | X_0F, dst, opnd_reg(src)); }
// size 4: 16 bytes, unaligned; 3, 2: movq, movd with zeroed upper lanes
static inline void x_vload(struct x86_asm *a, unsigned size, unsigned xmm, struct operand m)
{
    x_rm(a, size == 4 ? 0x10 | X_0F : size == 3 ? 0x7e | X_0F | X_F3 : 0x6e | X_0F | X_66, xmm, m);
}
static inline void x_vstore(struct x86_asm *a, unsigned size, struct operand m, unsigned xmm)
{
    x_rm(a, size == 4 ? 0x11 | X_0F : size == 3 ? 0xd6 | X_0F | X_66 : 0x7e | X_0F | X_66, xmm, m);
}
