// SPDX-License-Identifier: MIT
//
// Decoder: bytes -> struct insn. One decoder for the translator, the tests and the coverage report.
// Rows of the opcode tables (opcodes_*.def) speak the manual's operand letters [SDM 2 appendix A].
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct translator;
struct insn;
typedef void (*gen_fn)(struct translator *t, const struct insn *in);

// How an operand is found and how wide it is, in the manual's letters.
enum operand_spec {
    O_NONE,
    // general, ModRM.rm register or memory: b byte, w word, d dword, q qword, v 16/32/64 by operand size, y 32/64
    O_Eb, O_Ew, O_Ed, O_Eq, O_Ev, O_Ey,
    O_Mb, O_Mw, O_Md, O_Mq, O_Mdq, O_M, O_Mp, // memory only
    O_Gb, O_Gw, O_Gd, O_Gq, O_Gv, O_Gy, // ModRM.reg
    O_Rv, O_Rd, O_Ry,                   // ModRM.rm register only
    O_Zb, O_Zv, O_Zq,                   // register in the opcode's low 3 bits (Zq: 64 bits in long mode)
    O_AL, O_AX, O_eAX, O_rAX, O_CL, O_DX, O_1, // fixed
    O_Ib, O_sIb, O_Iw, O_Iz, O_Iv, O_Id, // immediates (sIb sign-extended; Iz: imm16/32 sign-extended; Iv up to 64)
    O_Jb, O_Jz,                         // relative branch
    O_Ap, O_Ob, O_Ov,                   // far pointer, absolute moffs
    O_Sw, O_Cd, O_Dd,                   // segment, control, debug register in ModRM.reg
    O_Xb, O_Xv, O_Yb, O_Yv,             // string operands
    // vectors: V ModRM.reg, W ModRM.rm xmm or memory, U rm xmm only, H vvvv (VEX, later); P/Q/N the same for MMX
    O_Vx, O_Wx, O_Ux, O_Wd, O_Wq, O_Ww, O_Hx, O_Pq, O_Qq, O_Qd, O_Nq,
};

enum row_flags {
    ROW_LOCK = 1,        // LOCK allowed with a memory destination
    ROW_NO64 = 2,        // #UD in 64-bit mode
    ROW_ONLY64 = 4,
    ROW_D64 = 8,         // operand size 64 by default in long mode (push, call...)
    ROW_F64 = 16,        // operand size forced to 64 in long mode (near branches)
    ROW_CPL0 = 32,       // #GP(0) unless CPL 0
    ROW_PE = 64,         // #UD in real and VM86 mode
    ROW_FPU = 128,       // x87: #NM when EM or TS
    ROW_SSE = 256,       // SSE: #UD when EM or !OSFXSR, #NM when TS
    ROW_MMX = 512,       // MMX: #UD when EM, #NM when TS
    ROW_ALIGN16 = 1024,  // the 16-byte memory operand must be aligned
    ROW_ENDS = 2048,     // ends the block (changes mode, mapping, rip)
    ROW_LEAVES = 4096,   // may leave even without a memory operand (helpers, system)
    ROW_STRING = 8192,   // REP prefixes apply
    ROW_NOMODRM = 16384,
    ROW_FLOAT = 32768,   // SSE arithmetic: exact helper when BF_FLOAT_EXACT
    ROW_CCMERGE = 65536, // may leave flags as they were (shift by a variable count): kills none
    ROW_MODRM = 131072,  // has a ModRM byte although no operand names it
};

struct opcode_row {
    const char *name;       // mnemonic, lower case
    gen_fn gen;             // NULL: #UD
    uint8_t op[4];          // enum operand_spec
    uint32_t flags;
    uint16_t reads, writes; // arithmetic EFLAGS bits read; written (or made undefined)
    uint16_t feature;       // cpuid feature needed (enum cpu_feature of cpuid.h), 0: none
    int arg;                // for gen: ALU operation, condition, vec.def row, ...
};

struct operand {
    uint8_t kind;       // OPK_*
    uint8_t size;       // log2 bytes; vectors 4
    uint8_t reg;        // register number 0..15 (OPK_REG; high byte registers AH..BH: OPK_REGH with reg 0..3)
    int64_t imm;
};
enum operand_kind { OPK_NONE, OPK_REG, OPK_REGH, OPK_MEM, OPK_IMM, OPK_XMM, OPK_MMX, OPK_SEG, OPK_CR, OPK_DR };

struct insn {
    const struct opcode_row *row;
    uint64_t rip, next_rip;
    struct operand op[4];
    uint8_t length;
    uint8_t prefix_rep;      // 0, 0xf2, 0xf3 (as prefix with REP meaning; mandatory prefixes of SSE rows are consumed)
    bool lock, opsize16, addr_override;
    uint8_t rex, seg_override; // enum seg, 0xff none
    uint8_t opsize, addrsize; // log2 bytes: 1, 2, 3
    uint8_t modrm, opcode;
    bool has_modrm;
    // memory operand
    int8_t base, index;      // register numbers, -1 none; -2 base = rip (next_rip + disp is in disp)
    uint8_t scale, segment;  // shift; enum seg to use
    int64_t disp;
    uint64_t imm2;           // second immediate (ENTER, far pointer selector)
    bool mem;
};

enum decode_status { DECODE_OK, DECODE_UD, DECODE_SHORT /* needs more bytes than given */, DECODE_TOO_LONG /* #GP */ };
// flags: enum block_flags. bytes: what is available at rip (up to 15 are looked at).
enum decode_status decode_insn(const uint8_t *bytes, size_t available, uint64_t rip, uint32_t flags, struct insn *in);

// Tables, for tests and coverage (table.c): all rows in a walkable order. map: 0 one-byte, 1 0F, 2 0F38, 3 0F3A, 4 x87.
// reg: ANY; 0..7: ModRM.reg; MOD3(0..7): the same with mod 3 only; from 0xc0: this ModRM byte alone.
#define ANY 0x20
#define MOD3(digit) (0x10 | (digit))
struct table_slot { uint8_t map, opcode, prefix /* 0, 0x66, 0xf3, 0xf2 */, reg; const struct opcode_row *row; };
// The row for an opcode: of the mandatory prefix when there is one, else of prefix 0. modrm: the byte that follows.
const struct table_slot *opcode_find(unsigned map, unsigned prefix, unsigned opcode, unsigned modrm);
extern const struct opcode_row opcode_undefined; // what undefined bytes decode to: raises #UD
size_t opcode_table_walk(void (*visit)(void *opaque, const struct table_slot *slot), void *opaque);
