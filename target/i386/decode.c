// SPDX-License-Identifier: MIT
//
// The decoder: prefixes, opcode maps, ModRM and SIB, immediates, by the operand letters of the row [SDM 2 2.1, 2.2].
//
// Pure: bytes and block flags in, struct insn out. What has no row, or a prefix or operand form that the row does
// not allow, is DECODE_UD with the length of what was read.
#include "target/i386/cpu.h"
#include "target/i386/decode.h"

struct reader {
    const uint8_t *bytes;
    size_t available;
    unsigned at;
    bool out;       // more bytes wanted than there are
};

static uint8_t next8(struct reader *r)
{
    if (r->at >= r->available) {
        r->out = true;
        r->at++;
        return 0;
    }
    return r->bytes[r->at++];
}

static uint64_t next_bytes(struct reader *r, unsigned size_log2)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 1u << size_log2; i++)
        value |= (uint64_t)next8(r) << (8 * i);
    return value;
}

static int64_t next_signed(struct reader *r, unsigned size_log2)
{
    uint64_t value = next_bytes(r, size_log2);
    unsigned shift = 64 - (8u << size_log2);
    return (int64_t)(value << shift) >> shift;
}

// ---- prefixes

struct prefixes { uint8_t rep; bool opsize, address; };

static void read_prefixes(struct reader *r, bool long_mode, struct insn *in, struct prefixes *p)
{
    for (;;) {
        uint8_t b = r->at < r->available ? r->bytes[r->at] : 0x90;
        switch (b) {
        case 0x26: case 0x2e: case 0x36: case 0x3e:
            if (!long_mode)
                in->seg_override = b >> 3 & 3;
            break;
        case 0x64: case 0x65:
            in->seg_override = b == 0x64 ? SEG_FS : SEG_GS;
            break;
        case 0x66: p->opsize = true; break;
        case 0x67: p->address = true; break;
        case 0xf0: in->lock = true; break;
        case 0xf2: case 0xf3: p->rep = b; break;
        default:
            if (!long_mode || (b & 0xf0) != 0x40)
                return;
            r->at++;
            in->rex = b;
            if (r->at >= r->available || r->at >= 15)
                return;
            b = r->bytes[r->at];
            bool another = (b & 0xf0) == 0x40 || b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e || (b & 0xfe) == 0x64 ||
                           (b & 0xfe) == 0x66 || b == 0xf0 || (b & 0xfe) == 0xf2;
            if (!another)
                return;
            in->rex = 0; // REX counts only just before the opcode
            continue;
        }
        r->at++;
        if (r->at >= 15)
            return;
    }
}

// ---- memory operands

static void address_16(struct reader *r, struct insn *in)
{
    static const int8_t bases[8] = { R_RBX, R_RBX, R_RBP, R_RBP, R_RSI, R_RDI, R_RBP, R_RBX };
    static const int8_t indices[8] = { R_RSI, R_RDI, R_RSI, R_RDI, -1, -1, -1, -1 };
    unsigned mod = in->modrm >> 6, rm = in->modrm & 7;
    in->base = bases[rm];
    in->index = indices[rm];
    if (mod == 0 && rm == 6) {
        in->base = -1;
        in->disp = next_signed(r, 1);
    } else if (mod == 1) {
        in->disp = next_signed(r, 0);
    } else if (mod == 2) {
        in->disp = next_signed(r, 1);
    }
    if (in->base == R_RBP)
        in->segment = SEG_SS;
}

static void address_32(struct reader *r, bool long_mode, struct insn *in)
{
    unsigned mod = in->modrm >> 6, rm = in->modrm & 7, rex = in->rex;
    in->base = (int8_t)(rm | (rex & 1) << 3);
    if (rm == 4) {
        uint8_t sib = next8(r);
        in->scale = sib >> 6;
        in->index = (int8_t)((sib >> 3 & 7) | (rex & 2) << 2);
        if (in->index == 4)
            in->index = -1;
        in->base = (int8_t)((sib & 7) | (rex & 1) << 3);
        if ((sib & 7) == 5 && mod == 0) {
            in->base = -1;
            in->disp = next_signed(r, 2);
        }
    } else if (rm == 5 && mod == 0) {
        in->base = long_mode ? -2 : -1;
        in->disp = next_signed(r, 2);
    }
    if (mod == 1)
        in->disp = next_signed(r, 0);
    else if (mod == 2)
        in->disp = next_signed(r, 2);
    if (in->base == R_RSP || in->base == R_RBP)
        in->segment = SEG_SS;
}

// ---- operands

static bool needs_modrm(const struct table_slot *slot)
{
    if (slot->reg != ANY)
        return true;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t spec = slot->row->op[i];
        if ((spec >= O_Eb && spec <= O_Ry) || spec == O_Sw || spec == O_Cd || spec == O_Dd || spec >= O_Vx)
            return true;
    }
    return false;
}

static void set_reg(struct insn *in, struct operand *op, unsigned reg, unsigned size)
{
    op->size = (uint8_t)size;
    op->reg = (uint8_t)reg;
    op->kind = OPK_REG;
    if (size == 0 && !in->rex && reg >= 4 && !(in->row->flags & ROW_SSE)) { // PINSRB, PEXTRB: a 32-bit register
        op->kind = OPK_REGH;
        op->reg = (uint8_t)(reg - 4);
    }
}

static bool set_rm(struct insn *in, struct operand *op, unsigned size)
{
    if (in->modrm >= 0xc0) {
        set_reg(in, op, (in->modrm & 7u) | (in->rex & 1u) << 3, size);
    } else {
        op->kind = OPK_MEM;
        op->size = (uint8_t)size;
    }
    return true;
}

static bool set_mem(struct insn *in, struct operand *op, unsigned size)
{
    op->kind = OPK_MEM;
    op->size = (uint8_t)size;
    return in->modrm < 0xc0;
}

static bool set_vector(struct insn *in, struct operand *op, enum operand_kind kind, bool rm, bool memory_ok)
{
    op->size = kind == OPK_XMM ? 4 : 3;
    if (rm && in->modrm < 0xc0) {
        op->kind = OPK_MEM;
        return memory_ok;
    }
    op->kind = (uint8_t)kind;
    op->reg = rm ? in->modrm & 7 : in->modrm >> 3 & 7;
    if (kind == OPK_XMM)
        op->reg |= rm ? (in->rex & 1) << 3 : (in->rex & 4) << 1;
    return true;
}

static void set_imm(struct operand *op, unsigned size, int64_t value)
{
    op->kind = OPK_IMM;
    op->size = (uint8_t)size;
    op->imm = value;
}

static bool general_operand(struct insn *in, struct operand *op, enum operand_spec spec)
{
    unsigned v = in->opsize, y = v == 3 ? 3 : 2, reg = (in->modrm >> 3 & 7u) | (in->rex & 4u) << 1;
    unsigned low = (in->opcode & 7u) | (in->rex & 1u) << 3;
    switch (spec) {
    case O_Eb: return set_rm(in, op, 0);
    case O_Ew: return set_rm(in, op, 1);
    case O_Ed: return set_rm(in, op, 2);
    case O_Eq: return set_rm(in, op, 3);
    case O_Ev: return set_rm(in, op, v);
    case O_Ey: return set_rm(in, op, y);
    case O_Mb: return set_mem(in, op, 0);
    case O_Mw: return set_mem(in, op, 1);
    case O_Md: return set_mem(in, op, 2);
    case O_Mq: return set_mem(in, op, 3);
    case O_Mdq: return set_mem(in, op, 4);
    case O_M: case O_Mp: return set_mem(in, op, v);
    case O_Gb: set_reg(in, op, reg, 0); return true;
    case O_Gw: set_reg(in, op, reg, 1); return true;
    case O_Gd: set_reg(in, op, reg, 2); return true;
    case O_Gq: set_reg(in, op, reg, 3); return true;
    case O_Gv: set_reg(in, op, reg, v); return true;
    case O_Gy: set_reg(in, op, reg, y); return true;
    case O_Rv: set_rm(in, op, v); return in->modrm >= 0xc0;
    case O_Rd: set_rm(in, op, 2); return in->modrm >= 0xc0;
    case O_Ry: set_rm(in, op, y); return in->modrm >= 0xc0;
    case O_Zb: set_reg(in, op, low, 0); return true;
    case O_Zv: set_reg(in, op, low, v); return true;
    case O_Zq: set_reg(in, op, low, v); return true;
    case O_AL: set_reg(in, op, R_RAX, 0); return true;
    case O_AX: set_reg(in, op, R_RAX, 1); return true;
    case O_eAX: set_reg(in, op, R_RAX, v == 3 ? 2 : v); return true;
    case O_rAX: set_reg(in, op, R_RAX, v); return true;
    case O_CL: set_reg(in, op, R_RCX, 0); return true;
    case O_DX: set_reg(in, op, R_RDX, 1); return true;
    case O_1: set_imm(op, 0, 1); return true;
    case O_Sw:
        op->kind = OPK_SEG;
        op->reg = in->modrm >> 3 & 7;
        op->size = 1;
        return op->reg < SEG_COUNT;
    case O_Cd: case O_Dd:
        op->kind = spec == O_Cd ? OPK_CR : OPK_DR;
        op->reg = (uint8_t)reg;
        op->size = 3;
        return true;
    default:
        return false;
    }
}

static bool vector_operand(struct insn *in, struct operand *op, enum operand_spec spec)
{
    switch (spec) {
    case O_Vx: return set_vector(in, op, OPK_XMM, false, false);
    case O_Wx: case O_Wd: case O_Wq: case O_Ww: return set_vector(in, op, OPK_XMM, true, true);
    case O_Ux: return set_vector(in, op, OPK_XMM, true, false);
    case O_Pq: return set_vector(in, op, OPK_MMX, false, false);
    case O_Qq: case O_Qd: return set_vector(in, op, OPK_MMX, true, true);
    case O_Nq: return set_vector(in, op, OPK_MMX, true, false);
    default: return false; // O_Hx: no VEX
    }
}

static void moffs(struct reader *r, struct insn *in, struct operand *op, unsigned size)
{
    op->kind = OPK_MEM;
    op->size = (uint8_t)size;
    in->mem = true;
    in->disp = (int64_t)next_bytes(r, in->addrsize);
}

static bool operand(struct reader *r, struct insn *in, struct operand *op, enum operand_spec spec)
{
    unsigned v = in->opsize, z = v == 1 ? 1 : 2;
    switch (spec) {
    case O_NONE: return true;
    case O_Xb: case O_Yb: op->size = 0; return true; // implied: rSI, rDI
    case O_Xv: case O_Yv: op->size = (uint8_t)v; return true;
    case O_Ib: set_imm(op, 0, (int64_t)next_bytes(r, 0)); return true;
    case O_sIb: set_imm(op, v, next_signed(r, 0)); return true;
    case O_Iw: set_imm(op, 1, (int64_t)next_bytes(r, 1)); return true;
    case O_Id: set_imm(op, 2, next_signed(r, 2)); return true;
    case O_Iz: set_imm(op, v, next_signed(r, z)); return true;
    case O_Iv: set_imm(op, v, next_signed(r, v)); return true;
    case O_Jb: set_imm(op, v, next_signed(r, 0)); return true;
    case O_Jz: set_imm(op, v, next_signed(r, z)); return true;
    case O_Ap:
        set_imm(op, v, (int64_t)next_bytes(r, z));
        in->imm2 = next_bytes(r, 1);
        return true;
    case O_Ob: moffs(r, in, op, 0); return true;
    case O_Ov: moffs(r, in, op, v); return true;
    default:
        return spec >= O_Vx ? vector_operand(in, op, spec) : general_operand(in, op, spec);
    }
}

static uint64_t rip_mask(const struct insn *in)
{
    return in->opsize == 3 ? ~0ull : in->opsize == 2 ? 0xffffffff : 0xffff;
}

// What is relative to the next instruction, now that its address is known.
static void finish(struct insn *in, uint32_t flags)
{
    in->next_rip = in->rip + in->length;
    if (!(flags & BF_CS_L))
        in->next_rip &= flags & BF_CS_DB ? 0xffffffff : 0xffff;
    if (in->base == -2)
        in->disp += (int64_t)(in->rip + in->length);
    for (unsigned i = 0; i < 3; i++)
        if (in->row->op[i] == O_Jb || in->row->op[i] == O_Jz)
            in->op[i].imm = (int64_t)((in->next_rip + (uint64_t)in->op[i].imm) & rip_mask(in));
    if (in->seg_override != 0xff)
        in->segment = in->seg_override;
}

static void sizes(struct insn *in, const struct opcode_row *row, uint32_t flags, const struct prefixes *p, bool consumed_66)
{
    bool wide = in->rex & 8, opsize = p->opsize && !consumed_66;
    if (flags & BF_CS_L) {
        in->opsize = wide ? 3 : opsize ? 1 : 2;
        if (row->flags & ROW_F64 || (row->flags & ROW_D64 && !opsize))
            in->opsize = 3;
        in->addrsize = p->address ? 2 : 3;
    } else {
        bool big = flags & BF_CS_DB;
        in->opsize = big != opsize ? 2 : 1;
        if (consumed_66)
            in->opsize = 2;
        in->addrsize = big != p->address ? 2 : 1;
    }
    in->opsize16 = p->opsize;
    in->addr_override = p->address;
}

static enum decode_status undefined(struct insn *in, const struct reader *r)
{
    in->row = &opcode_undefined;
    in->length = (uint8_t)(r->at < 15 ? r->at : 15);
    in->next_rip = in->rip + in->length;
    return DECODE_UD;
}

static unsigned opcode_map(struct reader *r, uint8_t *opcode)
{
    *opcode = next8(r);
    if (*opcode >= 0xd8 && *opcode <= 0xdf)
        return 4;
    if (*opcode != 0x0f)
        return 0;
    *opcode = next8(r);
    if (*opcode != 0x38 && *opcode != 0x3a)
        return 1;
    unsigned map = *opcode == 0x38 ? 2 : 3;
    *opcode = next8(r);
    return map;
}

static bool allowed(const struct insn *in, const struct opcode_row *row, uint32_t flags)
{
    bool long_mode = flags & BF_CS_L;
    if (row->flags & (long_mode ? ROW_NO64 : ROW_ONLY64))
        return false;
    if (row->flags & ROW_PE && (!(flags & BF_PE) || flags & BF_VM))
        return false;
    return !in->lock || (row->flags & ROW_LOCK && in->op[0].kind == OPK_MEM);
}

static enum decode_status out_of_bytes(const struct reader *r)
{
    return r->at > 15 ? DECODE_TOO_LONG : DECODE_SHORT;
}

static enum decode_status decode_with(struct reader *r, const struct table_slot *slot, uint32_t flags,
                                      const struct prefixes *p, unsigned map, struct insn *in)
{
    const struct opcode_row *row = slot->row;
    bool ok = true, control = map == 1 && (in->opcode & 0xfc) == 0x20 && !(row->flags & ROW_SSE);
    sizes(in, row, flags, p, slot->prefix == 0x66);
    if (slot->prefix == p->rep)
        in->prefix_rep = 0;
    in->row = row;
    in->has_modrm = needs_modrm(slot);
    if (in->has_modrm) {
        in->modrm = next8(r);
        if (control)
            in->modrm |= 0xc0;
        in->mem = in->modrm < 0xc0;
        if (in->mem && in->addrsize == 1)
            address_16(r, in);
        else if (in->mem)
            address_32(r, flags & BF_CS_L, in);
    }
    for (unsigned i = 0; i < 3; i++)
        ok &= operand(r, in, &in->op[i], row->op[i]);
    if (r->out || r->at > 15)
        return out_of_bytes(r);
    if (!ok || !allowed(in, row, flags))
        return undefined(in, r);
    in->length = (uint8_t)r->at;
    finish(in, flags);
    return DECODE_OK;
}

enum decode_status decode_insn(const uint8_t *bytes, size_t available, uint64_t rip, uint32_t flags, struct insn *in)
{
    struct reader r = { .bytes = bytes, .available = available > 15 ? 15 : available };
    struct prefixes p = { 0 };
    bool long_mode = flags & BF_CS_L;
    *in = (struct insn){ .rip = rip, .seg_override = 0xff, .segment = SEG_DS, .base = -1, .index = -1 };
    read_prefixes(&r, long_mode, in, &p);
    in->prefix_rep = p.rep;
    unsigned map = opcode_map(&r, &in->opcode);
    if (r.out)
        return out_of_bytes(&r);
    bool more = r.at < r.available;
    uint8_t modrm = more ? r.bytes[r.at] : 0;
    if (!long_mode && map == 0 && (in->opcode == 0xc4 || in->opcode == 0xc5 || in->opcode == 0x62) && more && modrm >= 0xc0)
        return undefined(in, &r); // VEX, EVEX
    const struct table_slot *slot = opcode_find(map, p.rep ? p.rep : p.opsize ? 0x66 : 0, in->opcode, modrm);
    if (!slot && !more && available < 15)
        return DECODE_SHORT;
    if (!slot)
        return undefined(in, &r);
    return decode_with(&r, slot, flags, &p, map, in);
}
