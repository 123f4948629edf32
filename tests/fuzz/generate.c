// SPDX-License-Identifier: MIT
//
// From rows of the decode table to instructions: operands by the row's letters, prefixes, and for those that need it
// a preparation before (a pointer in RSI, a small count, a return address). Only flags that are defined are read: a unit
// that would read others begins with a CMP.
#include <string.h>
#include "target/i386/cpu.h"
#include "tests/fuzz/fuzz.h"

#define MAX_TRIES 20

struct encoder {
    struct rng *r;
    const struct table_slot *slot;
    bool compat, p66, p67, w, lock, need_rex, forbid_rex, has_modrm, memory, rip_relative, register_only, memory_only;
    uint8_t rep, seg, rex, modrm, sib, has_sib, disp_size, imm_size, opsize, access;
    bool align16;
    int64_t disp;
    uint64_t target;         // address of the memory operand
    uint64_t imm;
    uint8_t jump;            // bytes of a branch displacement
    bool sized;              // operand size matters
};
struct generator {
    struct rng r;
    struct fuzz_case *c;
    const struct generate_options *options;
    unsigned pointer[2], index;          // registers that hold addresses and a small number, mostly
    uint64_t pointer_value[2], index_value;
    uint16_t undefined[MAX_UNITS + 1];   // flags that may be undefined at the start of each unit
};
static unsigned refused_count;
static uint8_t refused[2048];
static unsigned eligible[2048], eligible_count, only[2048], only_count;
static const char *only_name;
static bool only_compat;

unsigned generate_refused(void) { return refused_count; }

// ---- registers and addresses

static unsigned registers(const struct generator *g) { return g->c->compat ? 8 : 16; }

static unsigned pick_register(struct generator *g)
{
    for (;;) {
        unsigned n = rng_below(&g->r, registers(g));
        bool held = n == g->pointer[0] || n == g->pointer[1] || n == g->index || n == R_RSP;
        if (!held || rng_percent(&g->r, 3))
            return n;
    }
}

static uint64_t pick_address(struct generator *g, struct encoder *e)
{
    struct rng *r = &g->r;
    unsigned size = e->access, kind = rng_below(r, 100);
    uint64_t a;
    if (kind < 72)
        a = DATA_BASE + rng_below(r, DATA_SIZE - size + 1);
    else if (kind < 86)
        a = DATA_BASE + 0x1000 - size + rng_below(r, size + 1);
    else if (kind < 88)
        a = (rng_percent(r, 50) ? DATA_BASE : DATA_BASE + DATA_SIZE) - size + rng_below(r, size + 1);
    else if (kind < 96)
        a = STACK_BASE + 1400 + rng_below(r, 600);
    else if (kind < 99)
        a = CODE_BASE + rng_below(r, CODE_SIZE);
    else
        a = (int64_t)(int32_t)rng_next(r);
    if (e->align16 ? rng_percent(r, 95) : rng_percent(r, 40))
        a &= ~(uint64_t)((e->align16 ? 16 : size & -size) - 1);
    return e->compat ? (uint32_t)a : a;
}

static void set_base(struct encoder *e, unsigned base, int64_t disp)
{
    bool small = disp >= -128 && disp < 128 && !rng_percent(e->r, 10);
    unsigned mod = disp == 0 && (base & 7) != R_RBP && !rng_percent(e->r, 20) ? 0 : small ? 1 : 2;
    e->disp_size = mod == 0 ? 0 : mod == 1 ? 1 : 4;
    e->disp = disp;
    e->rex |= base >> 3;
    e->modrm |= (uint8_t)(mod << 6);
    if ((base & 7) == R_RSP || e->has_sib) {
        e->modrm |= 4;
        e->sib = (uint8_t)((e->sib & 0xf8) | (base & 7));
        if (!e->has_sib)
            e->sib |= 4 << 3;
        e->has_sib = true;
    } else {
        e->modrm |= base & 7;
    }
}

static void set_absolute(struct encoder *e, int64_t address)
{
    if (e->compat && !e->has_sib && rng_percent(e->r, 50)) { // without SIB
        e->modrm |= 5;
        e->disp_size = 4;
        e->disp = address;
        return;
    }
    e->modrm |= 4;
    e->sib = (uint8_t)((e->has_sib ? e->sib & 0xf8 : 4 << 3) | 5);
    e->has_sib = true;
    e->disp_size = 4;
    e->disp = address;
}

static void set_memory(struct generator *g, struct encoder *e)
{
    struct rng *r = &g->r;
    e->memory = true;
    e->target = pick_address(g, e);
    if (rng_percent(r, 5))
        e->seg = rng_percent(r, e->compat ? 5 : 70) ? rng_percent(r, 50) ? 0x64 : 0x65 : (uint8_t)(0x26 + 8 * rng_below(r, 4));
    if (e->compat && (e->seg == 0x2e || e->seg >= 0x64)) // the emulator does not check segment types and null selectors
        e->seg = 0;
    uint64_t ea = e->target - (e->seg == 0x64 ? g->c->state.fs_base : e->seg == 0x65 ? g->c->state.gs_base : 0);
    e->p67 = !e->compat && rng_percent(r, 4) && !(ea >> 32);
    unsigned form = rng_below(r, 100), p = rng_below(r, 2), scale = rng_below(r, 4);
    if (form >= 50 && form < 75) {
        e->has_sib = true;
        e->sib = (uint8_t)(scale << 6 | (g->index & 7) << 3);
        e->rex |= g->index >> 3 << 1;
        ea -= g->index_value << scale;
    }
    int64_t from_base = (int64_t)(ea - g->pointer_value[p]);
    if (e->compat)
        from_base = (int32_t)from_base;
    if (form < 62 && from_base == (int32_t)from_base) {
        set_base(e, g->pointer[p], from_base);
    } else if (form < 75) {
        set_absolute(e, (int32_t)ea);
    } else if (form < 88 && !e->seg && !e->compat) {
        e->rip_relative = true;
        e->modrm |= 5;
        e->disp_size = 4;
    } else if (form == 99) {
        set_base(e, rng_below(r, registers(g)), (int8_t)rng_next(r)); // wherever it points
    } else {
        set_absolute(e, (int32_t)ea);
    }
}

// ---- operands

static unsigned letter_bytes(enum operand_spec s, const struct encoder *e)
{
    switch (s) {
    case O_Eb: case O_Mb: case O_Gb: case O_Ob: case O_Xb: case O_Yb: return 1;
    case O_Ew: case O_Mw: case O_Ww: return 2;
    case O_Ed: case O_Md: case O_Wd: case O_Qd: return 4;
    case O_Eq: case O_Mq: case O_Wq: case O_Qq: return 8;
    case O_Ey: return e->w ? 8 : 4;
    case O_Mdq: case O_Wx: case O_M: return 16;
    default: return e->opsize;
    }
}

static void set_rm_register(struct encoder *e, unsigned n, bool byte)
{
    e->modrm |= (uint8_t)(0xc0 | (n & 7));
    e->rex |= (uint8_t)(n >> 3);
    if (byte && n >= 4 && n < 8 && rng_percent(e->r, 50))
        e->need_rex = true;
}

static void set_reg_field(struct encoder *e, unsigned n, bool byte)
{
    e->modrm |= (uint8_t)((n & 7) << 3);
    e->rex |= (uint8_t)(n >> 3 << 2);
    if (byte && n >= 4 && n < 8 && rng_percent(e->r, 50))
        e->need_rex = true;
}

static void set_immediate(struct encoder *e, unsigned bytes)
{
    uint64_t v = rng_percent(e->r, 60) ? value_generate(e->r) : rng_next(e->r);
    e->imm |= (bytes == 8 ? v : v & ((1ull << 8 * bytes) - 1)) << 8 * e->imm_size;
    e->imm_size = (uint8_t)(e->imm_size + bytes);
}

static bool set_operand(struct generator *g, struct encoder *e, enum operand_spec s)
{
    struct rng *r = &g->r;
    switch (s) {
    case O_Eb: case O_Ew: case O_Ed: case O_Eq: case O_Ev: case O_Ey: case O_Wx: case O_Wd: case O_Wq: case O_Ww: case O_Qq: case O_Qd:
        e->has_modrm = true;
        e->access = (uint8_t)letter_bytes(s, e);
        e->align16 = s == O_Wx && e->slot->row->flags & ROW_ALIGN16;
        if (e->memory_only || (!e->register_only && rng_percent(r, 50)))
            set_memory(g, e);
        else
            set_rm_register(e, s >= O_Vx ? rng_below(r, registers(g)) : pick_register(g), s == O_Eb);
        return true;
    case O_Mb: case O_Mw: case O_Md: case O_Mq: case O_Mdq: case O_M: case O_Mp:
        if (e->register_only)
            return false;
        e->has_modrm = true;
        e->access = (uint8_t)letter_bytes(s, e);
        e->align16 = e->slot->row->flags & ROW_ALIGN16 || (s == O_M && rng_percent(r, 60));
        set_memory(g, e);
        return true;
    case O_Rv: case O_Rd: case O_Ry: e->has_modrm = true; set_rm_register(e, pick_register(g), false); return true;
    case O_Ux: case O_Nq: e->has_modrm = true; set_rm_register(e, rng_below(r, registers(g)), false); return true;
    case O_Gb: case O_Gw: case O_Gd: case O_Gq: case O_Gv: case O_Gy: e->has_modrm = true; set_reg_field(e, pick_register(g), s == O_Gb); return true;
    case O_Vx: case O_Pq: e->has_modrm = true; set_reg_field(e, rng_below(r, registers(g)), false); return true;
    case O_Sw: e->has_modrm = true; set_reg_field(e, rng_below(r, 6), false); return true;
    case O_Zb: case O_Zv: case O_Zq: e->rex |= !e->compat && rng_percent(r, 50) && (e->slot->opcode & 7) != 4; return true;
    case O_Ib: case O_sIb: set_immediate(e, 1); return true;
    case O_Iw: set_immediate(e, 2); return true;
    case O_Id: set_immediate(e, 4); return true;
    case O_Iz: set_immediate(e, e->opsize == 2 ? 2 : 4); return true;
    case O_Iv: set_immediate(e, e->opsize); return true;
    case O_Jb: e->jump = 1; return true;
    case O_Jz: e->jump = 4; return true;
    case O_Ob: case O_Ov:
        e->access = (uint8_t)letter_bytes(s, e);
        e->target = pick_address(g, e);
        e->p67 = !e->compat && rng_percent(r, 30) && !(e->target >> 32);
        e->imm = e->target;
        e->imm_size = e->p67 || e->compat ? 4 : 8;
        return true;
    case O_Cd: case O_Dd: e->has_modrm = true; set_reg_field(e, s == O_Cd ? rng_below(r, 5) & 6 : rng_below(r, 8), false); return true;
    case O_Ap: case O_Hx: return false;
    default: return true;
    }
}

static bool has_sized_operand(const struct opcode_row *row)
{
    static const char *const implied[] = { "cbw", "cwd", "pushf", "popf", "leave", "enter", "push", "pop", "pusha", "popa" };
    for (unsigned i = 0; i < 4; i++)
        switch (row->op[i]) {
        case O_Ev: case O_Gv: case O_Rv: case O_Zv: case O_eAX: case O_rAX: case O_Iz: case O_Iv: case O_sIb: case O_Ov: case O_Xv: case O_Yv:
            return !(row->flags & ROW_F64) && strcmp(row->name, "bswap");
        default:
            break;
        }
    for (unsigned i = 0; i < sizeof implied / sizeof *implied; i++)
        if (!strcmp(row->name, implied[i]))
            return true;
    return false;
}

static void set_operand_size(struct encoder *e)
{
    const struct opcode_row *row = e->slot->row;
    unsigned kind = rng_below(e->r, 100);
    e->sized = has_sized_operand(row);
    e->opsize = row->flags & (ROW_D64 | ROW_F64) && !e->compat ? 8 : 4;
    if (e->sized && kind < (row->flags & ROW_D64 ? 15u : 25u)) {
        e->p66 = true;
        e->opsize = 2;
    } else if (!e->compat && kind >= 65 && (e->sized || kind >= 95 || row->op[0] == O_Ey || row->op[1] == O_Ey || row->op[0] == O_Gy || row->op[1] == O_Gy ||
                              row->op[0] == O_Ry || !strcmp(row->name, "bswap") || !strcmp(row->name, "cmpxchg8b"))) {
        e->w = true;
        e->opsize = 8;
    }
}

// ---- bytes

static void put(struct unit *u, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && u->size < UNIT_BYTES; i++)
        u->bytes[u->size++] = (uint8_t)(v >> 8 * i);
}

static void put_raw(struct unit *u, const void *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put(u, ((const uint8_t *)bytes)[i], 1);
}
#define RAW(u, ...) put_raw(u, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static struct fixup *add_fixup(struct unit *u, enum fixup_kind kind, unsigned at, unsigned end)
{
    struct fixup *f = &u->fix[u->fix_count++];
    *f = (struct fixup){ .kind = (uint8_t)kind, .at = (uint8_t)at, .end = (uint8_t)end };
    return f;
}

static void step(struct unit *u, uint16_t defines, uint16_t undefines)
{
    if (u->step_count < MAX_STEPS)
        u->steps[u->step_count++] = (struct step){ .at = u->size, .defines = defines, .undefines = undefines };
}

static void emit(struct encoder *e, struct unit *u, uint8_t target)
{
    const struct table_slot *s = e->slot;
    uint8_t legacy[5];
    unsigned n = 0;
    if (e->p66 && s->prefix != 0x66)
        legacy[n++] = 0x66;
    if (e->p67)
        legacy[n++] = 0x67;
    if (e->seg)
        legacy[n++] = e->seg;
    if (e->lock)
        legacy[n++] = 0xf0;
    if (e->rep)
        legacy[n++] = e->rep;
    if (s->prefix)
        legacy[n++] = s->prefix;
    for (unsigned i = n; i > 1; i--) { // any order
        unsigned j = rng_below(e->r, i);
        uint8_t t = legacy[j];
        legacy[j] = legacy[i - 1];
        legacy[i - 1] = t;
    }
    put_raw(u, legacy, n);
    uint8_t rex = (uint8_t)(e->rex | (e->w ? 8 : 0));
    if (!e->compat && (rex || e->need_rex))
        put(u, 0x40 | rex, 1);
    static const uint8_t maps[5][2] = { { 0 }, { 0x0f }, { 0x0f, 0x38 }, { 0x0f, 0x3a }, { 0 } };
    for (unsigned i = 0; i < 2 && maps[s->map][i]; i++)
        put(u, maps[s->map][i], 1);
    put(u, s->opcode, 1);
    if (e->has_modrm)
        put(u, e->modrm, 1);
    if (e->has_sib)
        put(u, e->sib, 1);
    unsigned disp_at = u->size;
    put(u, (uint64_t)e->disp, e->disp_size);
    put(u, e->imm, e->imm_size);
    if (e->jump) {
        unsigned at = u->size;
        put(u, 0, e->jump);
        add_fixup(u, e->jump == 1 ? FIX_REL8 : FIX_REL32, at, u->size)->target = target;
    }
    if (e->rip_relative)
        add_fixup(u, FIX_RIP, disp_at, u->size)->address = e->target;
}

// ---- preparations

static void mov_imm32(struct unit *u, unsigned reg, uint32_t value) // zero extended
{
    step(u, 0, 0);
    if (reg >= 8)
        put(u, 0x41, 1);
    put(u, 0xb8 | (reg & 7), 1);
    put(u, value, 4);
}

static void mov_address(struct unit *u, unsigned reg, uint8_t target)
{
    mov_imm32(u, reg, 0);
    add_fixup(u, FIX_ABS32, u->size - 4u, u->size)->target = target;
}

// op dword [address], imm32: and (4), or (1), mov (-1)
static void memory_imm32(struct unit *u, int op, uint64_t address, uint32_t value)
{
    step(u, op < 0 ? 0 : ALL_FLAGS, op < 0 ? 0 : F_AF);
    RAW(u, op < 0 ? 0xc7 : 0x81, (uint8_t)((op < 0 ? 0 : op) << 3 | 4), 0x25);
    put(u, address, 4);
    put(u, value, 4);
}

static bool is(const struct encoder *e, const char *name) { return !strcmp(e->slot->row->name, name); }

static uint32_t data_pointer(struct generator *g)
{
    unsigned at = rng_percent(&g->r, 20) ? 0x1000 - rng_below(&g->r, 64) : 128 + rng_below(&g->r, DATA_SIZE - 256);
    return DATA_BASE + (rng_percent(&g->r, 30) ? at & ~15u : at);
}

static void prepare_string(struct generator *g, struct encoder *e, struct unit *u)
{
    struct rng *r = &g->r;
    if (rng_percent(r, 60))
        e->rep = rng_percent(r, 70) ? 0xf3 : 0xf2;
    if (rng_percent(r, 95)) {
        mov_imm32(u, R_RSI, data_pointer(g));
        mov_imm32(u, R_RDI, data_pointer(g));
    }
    if (e->rep)
        mov_imm32(u, R_RCX, rng_percent(r, 5) ? rng_below(r, 4000) : rng_below(r, 40));
    e->p67 = !e->compat && rng_percent(r, 4);
    if (!e->compat && rng_percent(r, 3))
        e->seg = 0x64;
}

// Instructions whose memory operand must hold something sensible: at a fixed address, so that it can be set before.
static void use_absolute(struct generator *g, struct encoder *e, unsigned align)
{
    e->modrm &= 0x38;
    e->rex = e->has_sib = e->seg = 0;
    e->rip_relative = e->p67 = false;
    do // whole in the pages: which byte of a large operand faults first depends on the host
        e->target = data_pointer(g) & ~(uint64_t)(align - 1);
    while (e->target + 512 > DATA_BASE + DATA_SIZE);
    set_absolute(e, (int64_t)e->target);
}

static void prepare_memory(struct generator *g, struct encoder *e, struct unit *u)
{
    struct rng *r = &g->r;
    bool easy = rng_percent(r, 80);
    uint32_t a = 0;
    if (is(e, "fldcw") || is(e, "ldmxcsr") || is(e, "fbld") || is(e, "fldenv") || is(e, "frstor") || is(e, "fxsave")) {
        use_absolute(g, e, is(e, "fxsave") ? 16 : 1);
        a = (uint32_t)e->target;
    }
    if (is(e, "fldcw")) {
        memory_imm32(u, 1, a, easy ? 0x3f : 0);
    } else if (is(e, "ldmxcsr")) {
        memory_imm32(u, 4, a, 0xffff);
        memory_imm32(u, 1, a, easy ? 0x1f80 : 0);
    } else if (is(e, "fbld")) {
        memory_imm32(u, 4, a, 0x77777777);
        memory_imm32(u, 4, a + 4, 0x77777777);
        memory_imm32(u, 4, a + 8, 0xffff8077);
    } else if (is(e, "fldenv") || is(e, "frstor")) {
        memory_imm32(u, 1, a, easy ? 0x3f : 0);
        memory_imm32(u, 4, a + 4, easy ? 0x7f7f : 0xffff);
    }
}

// What an instruction stores of its predecessors' addresses is not compared [the host leaves them out or not].
static void clean_after(struct encoder *e, struct unit *u)
{
    uint32_t a = (uint32_t)e->target;
    u->cleans = is(e, "fnstenv") || is(e, "fnsave") || is(e, "fxsave");
    if (is(e, "fnstenv") || is(e, "fnsave")) {
        for (unsigned i = 0; i < 4; i++)
            memory_imm32(u, -1, a + 12 + 4 * i, 0);
    } else if (is(e, "fxsave")) {
        step(u, 0, 0);
        RAW(u, 0x66, 0xc7, 0x04, 0x25);
        put(u, a + 6, 4);
        put(u, 0, 2);
        for (unsigned i = 0; i < 4; i++)
            memory_imm32(u, -1, a + 8 + 4 * i, 0);
        memory_imm32(u, -1, a + 28, 0xffff);
        step(u, 0, 0);
        RAW(u, 0x0f, 0xae, 0x0c, 0x25); // FXRSTOR
        put(u, a, 4);
    }
}

static void prepare_control(struct generator *g, struct encoder *e, struct unit *u, uint8_t target)
{
    struct rng *r = &g->r;
    bool indirect = (is(e, "jmp") || is(e, "call")) && !e->jump;
    if (indirect && !e->memory) {
        unsigned reg = (e->modrm & 7) | (e->rex & 1 ? 8 : 0);
        mov_address(u, reg, target);
    } else if (indirect) {
        e->modrm = (uint8_t)((e->modrm & 0x38) | 5);
        e->rex = e->has_sib = e->seg = 0;
        e->p67 = false;
        e->rip_relative = true;
        e->disp_size = 4;
    } else if (is(e, "ret") && rng_percent(r, 85)) {
        step(u, 0, 0);
        put(u, 0x68, 1);
        put(u, 0, 4);
        add_fixup(u, FIX_ABS32, u->size - 4u, u->size)->target = target;
        if (e->imm_size)
            e->imm = rng_below(r, 8) * 8;
    } else if (is(e, "popf")) { // alignment checks are not emulated: AC stays 0
        step(u, 0, 0);
        put(u, 0x68, 1);
        put(u, rng_next(r) & 0xffffffff & ~(uint64_t)(F_AC | (rng_percent(r, 90) ? F_TF : 0)), 4);
    } else if (is(e, "leave") && rng_percent(r, 95)) {
        mov_imm32(u, R_RBP, STACK_BASE + 1600 + 8 * rng_below(r, 60));
    } else if (is(e, "enter")) {
        e->imm = rng_below(r, 256) | (uint64_t)(rng_percent(r, 50) ? 0 : rng_below(r, 5)) << 16;
        if (rng_percent(r, 90))
            mov_imm32(u, R_RBP, STACK_BASE + 1600 + 8 * rng_below(r, 60));
    }
}

static void prepare_integer(struct generator *g, struct encoder *e, struct unit *u)
{
    struct rng *r = &g->r;
    const struct opcode_row *row = e->slot->row;
    if (row->flags & ROW_STRING) {
        prepare_string(g, e, u);
    } else if ((is(e, "div") || is(e, "idiv")) && rng_percent(r, 70)) {
        mov_imm32(u, R_RDX, rng_below(r, 2));
        if (row->op[0] == O_Eb)
            mov_imm32(u, R_RAX, rng_below(r, 0x400));
    } else if (!strncmp(row->name, "bt", 2) && row->op[1] == O_Gv && e->memory) {
        mov_imm32(u, (e->modrm >> 3 & 7) | (e->rex & 4 ? 8 : 0), rng_below(r, 2000) - (rng_percent(r, 30) ? 1000 : 0));
    } else if ((is(e, "shld") || is(e, "shrd")) && e->opsize == 2) { // more than 16 is undefined
        if (row->op[2] == O_Ib)
            e->imm = rng_below(r, 17);
        else
            mov_imm32(u, R_RCX, rng_below(r, 17) | (uint32_t)rng_next(r) << 8);
    } else if ((row->op[1] == O_CL || row->op[2] == O_CL) && rng_percent(r, 50)) {
        mov_imm32(u, R_RCX, rng_percent(r, 30) ? 0 : rng_below(r, 70));
    } else if (is(e, "xlat")) {
        mov_imm32(u, R_RBX, data_pointer(g));
    } else if (is(e, "maskmovdqu") || is(e, "maskmovq")) {
        mov_imm32(u, R_RDI, data_pointer(g));
    } else if (is(e, "wrfsbase") || is(e, "wrgsbase")) {
        if (rng_percent(r, 90))
            mov_imm32(u, (e->modrm & 7) | (e->rex & 1 ? 8 : 0), DATA_BASE);
    } else if (!strncmp(row->name, "pcmpestr", 8)) {
        if (rng_percent(r, 70)) {
            mov_imm32(u, R_RAX, rng_below(r, 20));
            mov_imm32(u, R_RDX, rng_below(r, 20));
        }
    }
}

// ---- one unit

static bool choose_prefixes(struct encoder *e)
{
    const struct opcode_row *row = e->slot->row;
    if (row->flags & ROW_LOCK && e->memory && (row->op[0] == O_Eb || row->op[0] == O_Ev || row->op[0] == O_M))
        e->lock = rng_percent(e->r, 25);
    else if (!(row->flags & (ROW_STRING | ROW_F64 | ROW_CPL0))) // AMD reads LOCK MOV CR0 as MOV CR8
        e->lock = rng_below(e->r, 1000) < 2; // #UD
    return true;
}

// A step for the row's instruction, as the decoder understands it; false: it means something else.
static bool check(struct unit *u, unsigned at, const struct encoder *e, const struct step *s)
{
    struct insn in;
    uint8_t bytes[16] = { 0 };
    unsigned size = u->size - at;
    memcpy(bytes, u->bytes + at, size > 15 ? 15 : size);
    enum decode_status status = decode_insn(bytes, 15, CODE_BASE, DECODE_FLAGS(e->compat), &in);
    struct step *mine = &u->steps[u->step_count - 1];
    *mine = *s;
    if (e->lock && !(e->slot->row->flags & ROW_LOCK))
        return true; // #UD or the decoder is wrong: the comparison shows it
    if (status != DECODE_OK || in.row != e->slot->row || in.length != size)
        return false;
    mine->reads = row_read_flags(in.row);
    mine->defines = row_defined_flags(in.row);
    mine->undefines = row_undefined_flags(in.row, &in);
    mine->merges = row_keeps_flags(in.row, &in);
    return true;
}

static uint16_t flow(uint16_t undefined, const struct step *s)
{
    uint16_t after = (uint16_t)((undefined & ~s->defines) | s->undefines);
    return s->merges ? after | undefined : after;
}

static bool try_unit(struct generator *g, unsigned row, unsigned number, struct unit *u)
{
    const struct table_slot *slot = row_slot(row);
    struct encoder e = { .r = &g->r, .slot = slot, .compat = g->c->compat };
    unsigned target = number + 1 + rng_below(&g->r, 3);
    if (target > g->c->unit_count)
        target = g->c->unit_count;
    memset(u, 0, sizeof *u);
    u->row = (int16_t)row;
    e.register_only = slot->reg != ANY && (slot->reg >= 0xc0 || slot->reg & 0x18);
    e.memory_only = (slot->map == 4 && !e.register_only) || (slot->map == 1 && slot->opcode == 0x0d); // 0F 0D: #UD for registers on some hosts
    if (slot->reg != ANY || slot->row->flags & (ROW_MODRM | ROW_FPU))
        e.has_modrm = true;
    set_operand_size(&e);
    for (unsigned i = 0; i < 4; i++)
        if (!set_operand(g, &e, slot->row->op[i]))
            return false;
    if (slot->reg >= 0xc0)
        e.modrm = slot->reg;
    else if (slot->reg != ANY)
        e.modrm = (uint8_t)((e.modrm & 0xc7) | (slot->reg & 7) << 3);
    if (e.register_only && slot->row->op[0] == O_NONE && slot->reg < 0xc0)
        e.modrm |= (uint8_t)(0xc0 | rng_below(&g->r, 8));
    if (is(&e, "fnstenv") || is(&e, "fnsave") || is(&e, "fxsave"))
        use_absolute(g, &e, is(&e, "fxsave") ? 16 : 1);
    if (is(&e, "cmpxchg") && !e.memory && e.opsize == 4 && !e.compat)
        return false; // whether a register that is not exchanged loses its upper half depends on the vendor
    if (is(&e, "movsxd") && e.p66)
        return false; // vendors differ in whether it reads 2 or 4 bytes
    choose_prefixes(&e);
    uint16_t reads = row_read_flags(slot->row) & g->undefined[number];
    if (reads & FLAG_C1) {
        step(u, FLAG_C1, 0);
        RAW(u, 0xd9, 0xe5); // FXAM
    }
    if (reads & ALL_FLAGS) {
        step(u, ALL_FLAGS, 0);
        unsigned a = rng_below(&g->r, 8), b = rng_below(&g->r, 8);
        if (!e.compat)
            put(u, 0x48, 1);
        RAW(u, 0x39, (uint8_t)(0xc0 | a << 3 | b));
    }
    prepare_integer(g, &e, u);
    prepare_memory(g, &e, u);
    prepare_control(g, &e, u, (uint8_t)target);
    struct step mine = { .at = u->size };
    step(u, 0, 0);
    emit(&e, u, (uint8_t)target);
    if (u->size - mine.at > 15 || !check(u, mine.at, &e, &mine))
        return false;
    if (is(&e, "call") || (is(&e, "jmp") && !e.jump))
        u->falls_undefined = is(&e, "call");
    if ((is(&e, "call") || is(&e, "jmp")) && !e.jump && e.memory) {
        struct fixup *f = &u->fix[u->fix_count - 1];
        f->kind = FIX_TABLE;
        f->target = (uint8_t)target;
    }
    clean_after(&e, u);
    return u->size < UNIT_BYTES - 8;
}

static void note_refused(unsigned row)
{
    if (refused[row])
        return;
    refused[row] = 1;
    char name[64];
    row_name(row, name, sizeof name);
    fprintf(stderr, "# cannot be encoded so that the decoder reads it back: %s\n", name);
    refused_count++;
}

// The next unit, and the flags that are undefined after it.
static void make_unit(struct generator *g, unsigned number)
{
    struct unit *u = &g->c->units[number];
    for (;;) {
        unsigned row = only_count && rng_percent(&g->r, 50) ? only[rng_below(&g->r, only_count)] : eligible[rng_below(&g->r, eligible_count)];
        bool ok = false;
        if (row_faults(row) && !rng_percent(&g->r, 10))
            continue; // they end the sequence
        for (unsigned i = 0; i < MAX_TRIES && !ok; i++)
            ok = try_unit(g, row, number, u);
        if (ok)
            break;
        note_refused(row);
    }
    uint16_t now = g->undefined[number];
    for (unsigned i = 0; i < u->step_count; i++)
        now = flow(now, &u->steps[i]);
    for (unsigned i = 0; i < u->fix_count; i++)
        if (u->fix[i].kind != FIX_RIP)
            g->undefined[u->fix[i].target] |= now;
    g->undefined[number + 1] |= u->falls_undefined ? ALL_FLAGS | FLAG_C1 : now;
}

static void load_rows(const struct generate_options *options)
{
    if (eligible_count && only_name == options->only && only_compat == options->compat)
        return;
    only_name = options->only;
    only_compat = options->compat;
    eligible_count = only_count = 0;
    for (unsigned i = 0, n = rows_load(); i < n; i++) {
        if (row_skip_reason(i, options->compat))
            continue;
        eligible[eligible_count++] = i;
        if (options->only && !strcmp(row_slot(i)->row->name, options->only))
            only[only_count++] = i;
    }
}

void case_generate(struct fuzz_case *c, uint64_t seed, const struct generate_options *options)
{
    static const uint8_t holders[] = { R_RBX, R_RBP, R_RSI, R_RDI, 8, 9, 10, 11, 12, 13, 14, 15 };
    struct generator g = { .r = { seed }, .c = c, .options = options };
    load_rows(options);
    unsigned held = options->compat ? 4 : 12;
    c->seed = seed;
    c->compat = options->compat;
    c->unit_count = 1 + rng_below(&g.r, options->max_insns < MAX_UNITS ? options->max_insns : MAX_UNITS);
    c->pool_offset = rng_below(&g.r, (POOL_SIZE - DATA_SIZE) / 16) * 16;
    c->start = rng_percent(&g.r, 30) ? 0xff0 - rng_below(&g.r, 200) : rng_below(&g.r, 256);
    state_generate(&g.r, &c->state);
    for (unsigned i = 0; i < 8 && c->compat; i++)
        c->state.gpr[i] = (uint32_t)c->state.gpr[i];
    g.pointer[0] = holders[rng_below(&g.r, held)];
    do
        g.pointer[1] = holders[rng_below(&g.r, held)];
    while (g.pointer[1] == g.pointer[0]);
    do
        g.index = holders[rng_below(&g.r, held)];
    while (g.index == g.pointer[0] || g.index == g.pointer[1]);
    for (unsigned i = 0; i < 2; i++)
        g.pointer_value[i] = c->state.gpr[g.pointer[i]] = DATA_BASE + rng_below(&g.r, DATA_SIZE);
    g.index_value = c->state.gpr[g.index] = rng_below(&g.r, 200) - (rng_percent(&g.r, 20) ? 100 : 0);
    g.index_value = (uint64_t)(int64_t)(int32_t)g.index_value;
    c->state.gpr[g.index] = c->compat ? (uint32_t)g.index_value : g.index_value;
    for (unsigned i = 0; i < c->unit_count; i++)
        make_unit(&g, i);
    case_layout(c);
}

// ---- layout

static void patch(struct fuzz_case *c, unsigned at, uint64_t value, unsigned bytes)
{
    memcpy(c->code + at, &value, bytes);
}

static void apply(struct fuzz_case *c, const struct unit *u, const struct fixup *f, const uint32_t *where, unsigned base, unsigned *table)
{
    uint64_t self = CODE_BASE + c->start;
    unsigned target = f->target > c->unit_count ? c->unit_count : f->target, at = base + f->at;
    int64_t rel = (int64_t)where[target] - (int64_t)(base + f->end);
    switch ((enum fixup_kind)f->kind) {
    case FIX_REL8:
        if (rel > 127)
            rel = 0; // too far: the next one
        patch(c, at, (uint64_t)rel, 1);
        break;
    case FIX_REL32: patch(c, at, (uint64_t)rel, 4); break;
    case FIX_ABS32: patch(c, at, self + where[target], 4); break;
    case FIX_RIP: patch(c, at, f->address - (self + base + f->end), 4); break;
    case FIX_TABLE:
        patch(c, at, c->compat ? self + *table : *table - (base + f->end), 4);
        patch(c, *table, self + where[target], 8);
        *table += 8;
        break;
    case FIX_NONE: break;
    }
}

// Which flags may be undefined where; marks the case invalid when one of those is read.
static void follow_flags(struct fuzz_case *c, const uint32_t *where)
{
    uint16_t undefined[MAX_UNITS + 2] = { 0 };
    c->place_count = 0;
    for (unsigned i = 0; i < c->unit_count; i++) {
        const struct unit *u = &c->units[i];
        uint16_t now = undefined[i];
        for (unsigned k = 0; k < u->step_count; k++) {
            const struct step *s = &u->steps[k];
            c->places[c->place_count].at = where[i] + s->at;
            c->places[c->place_count].unit = (uint8_t)i;
            c->places[c->place_count++].undefined = now;
            if (s->reads & now)
                c->invalid = true;
            now = flow(now, s);
        }
        for (unsigned k = 0; k < u->fix_count; k++)
            if (u->fix[k].kind != FIX_RIP) {
                undefined[u->fix[k].target > c->unit_count ? c->unit_count : u->fix[k].target] |= now;
                undefined[i + 1] |= u->fix[k].kind == FIX_REL8 ? now : 0;
            }
        undefined[i + 1] |= u->falls_undefined ? ALL_FLAGS | FLAG_C1 : now;
    }
    c->places[c->place_count].at = c->end;
    c->places[c->place_count].unit = (uint8_t)c->unit_count;
    c->places[c->place_count++].undefined = undefined[c->unit_count];
}

void case_layout(struct fuzz_case *c)
{
    uint32_t where[MAX_UNITS + 1];
    unsigned at = 0, tables = 0;
    for (unsigned i = 0; i < c->unit_count; i++) {
        where[i] = at;
        memcpy(c->code + at, c->units[i].bytes, c->units[i].size);
        at += c->units[i].size;
    }
    c->end = where[c->unit_count] = at;
    c->code[at++] = 0x0f; // UD2
    c->code[at++] = 0x0b;
    while (at & 7)
        c->code[at++] = 0xcc;
    tables = at;
    for (unsigned i = 0; i < c->unit_count; i++)
        for (unsigned k = 0; k < c->units[i].fix_count; k++)
            apply(c, &c->units[i], &c->units[i].fix[k], where, where[i], &tables);
    c->size = tables;
    c->invalid = c->start + c->size > CODE_SIZE;
    c->state.rip = CODE_BASE + c->start;
    follow_flags(c, where);
}
