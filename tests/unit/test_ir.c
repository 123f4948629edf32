// SPDX-License-Identifier: MIT
//
// The IR without running it: builder, verifier (each rule broken once), optimizer (text before and after), liveness, and
// the text form there and back for every op. Running programs: test_interp.c.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include "softmmu/tlb.h"
#include "tcg/ir.h"
#include "tcg/vec.h"
#include "tests/unit/tap.h"
#include "util/error.h"

struct fake_cpu {
    struct vcpu_head head;
    uint64_t regs[4];
    union vec128 xmm[2];
    uint64_t env[4];
};
#define REG(n) offsetof(struct fake_cpu, regs[n])
static const struct ir_global globals[] = {
    { "rax", REG(0), false }, { "rcx", REG(1), false }, { "rdx", REG(2), false }, { "rbx", REG(3), false },
    { "x0", offsetof(struct fake_cpu, xmm[0]), true }, { "x1", offsetof(struct fake_cpu, xmm[1]), true },
};
static const struct helper_row helpers[] = {
    { "plain", NULL, 0, 1, 2 },
    { "leaves", NULL, HELPER_LEAVES, 0, 1 },
    { "writes", NULL, HELPER_READS | HELPER_WRITES, 1, 0 },
    { "raise", NULL, HELPER_LEAVES | HELPER_NORETURN, 0, 1 },
};
static const struct ir_target target = { globals, 6, helpers, 4, sizeof(struct fake_cpu) };

#define HEAD "block rip=0x1000 insns=1 labels=2\nsite rip=0x1000 insn=0 kind=sub size=3 slot=0 %rax, $1, _\nedge rip=0x2000 flags=5 cross=0\n"
#define END "leave.0{edge=2}\n"

static struct ir_block *parse(const char *head, const char *text)
{
    char *all = NULL;
    struct error *err = NULL;
    if (asprintf(&all, "%s%s", head, text) < 0)
        abort();
    struct ir_block *block = ir_parse(&target, all, &err);
    if (!block) {
        printf("# %s\n", error_message(err));
        error_free(err);
    }
    free(all);
    return block;
}

static char *dump(const struct ir_block *block)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ir_dump(block, out);
    fclose(out);
    return text;
}

// The op lines of a dump, without indentation.
static char *body(const struct ir_block *block)
{
    char *text = dump(block), *to = text, *save;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (!strncmp(line, "block ", 6) || !strncmp(line, "site ", 5) || !strncmp(line, "edge ", 5))
            continue;
        line += strspn(line, " ");
        size_t n = strlen(line);
        memmove(to, line, n);
        to[n] = '\n';
        to += n + 1;
    }
    *to = 0;
    return text;
}

// ---- builder

static void test_builder(void)
{
    struct ir_block *b = ir_block_new(&target);
    ir_var t = ir_temp(b), v = ir_vtemp(b), one = ir_const(b, 1);
    tap_ok(b->vars[ir_global(1)].kind == IR_GLOBAL && b->vars[ir_global(5)].kind == IR_VGLOBAL, "globals come first");
    tap_ok(b->vars[t].kind == IR_TEMP && b->vars[v].kind == IR_VTEMP && b->vars[one].value == 1, "temps and constants");
    tap_ok(ir_const(b, 1) == one && ir_const(b, 2) != one, "constants are shared");
    ir_3(b, IR_ADD, 2, t, ir_global(0), one);
    tap_ok(b->op_count == 1 && b->ops[0].defs == 1 && b->ops[0].uses == 2 && b->ops[0].arg[3] == IR_NONE, "an op from the table");
    tap_ok(ir_label(b) == 0 && ir_label(b) == 1, "label numbers");
    struct ir_site site = { .rip = 5, .a = IR_NONE, .b = IR_NONE, .c = IR_NONE };
    tap_ok(ir_site(b, &site) == 0 && ir_site(b, &site) == 1 && b->sites[1].rip == 5, "sites");
    tap_ok(!strcmp(ir_opcode_name(IR_GRMWST), "grmwst") && ir_opcode_flags(IR_GLD) == (IRF_L | IRF_G), "names and flags");
    for (unsigned i = 0; i < IR_MAX_OPS + 5; i++)
        ir_2(b, IR_MOV, 3, t, one);
    tap_ok(b->overflow && b->op_count == IR_MAX_OPS, "too many ops set overflow");
    ir_block_clear(b);
    tap_ok(!b->overflow && !b->op_count && !b->site_count && b->var_count == 6, "clear");
    for (unsigned i = 0; i < IR_MAX_VARS + 5; i++)
        t = ir_temp(b);
    tap_ok(b->overflow && t < IR_MAX_VARS, "too many variables set overflow");
    ir_block_free(b);
}

// ---- verifier

static const struct { const char *what, *text, *why; } broken[] = {
    { "good", "insn.0{imm=0x1000}\ngld.3{site=0} t0, %rax, $0\nmov.3 %rcx, t0\n" END, NULL },
    { "temp not written", "mov.3 %rax, t0\n" END, "before it was written" },
    { "kept temp", "puthi.3 t0, $1\n" END, "kept in part" },
    { "constant written", "mov.3 $1, %rax\n" END, "constant written" },
    { "vector for integer", "mov.3 %rax, %x0\n" END, "confused" },
    { "integer for vector", "vmov.4 %x0, %rax\n" END, "confused" },
    { "operand missing", "add.3 %rax, %rcx, _\n" END, "operand missing" },
    { "recipe operand missing", "setcc.3{kind=adc} %rax, %rax, %rcx, _\n" END, "operand missing" },
    { "recipe operand not needed", "setcc.3{kind=sub} %rax, %rax, %rcx, _\n" END, NULL },
    { "no site", "gld.3{site=1} t0, %rax, $0\n" END, "no site" },
    { "no site for a helper", "call.0{helper=leaves,site=3,uses=1} %rax\n" END, "no site" },
    { "commit last", "mov.3 %rcx, $1\ngld.3 t0, %rax, $0\n" END, "a global was written" },
    { "commit last, helper", "mov.3 %rcx, $1\ncall.0{helper=leaves,uses=1} $1\n" END, "a global was written" },
    { "commit last, other instruction", "mov.3 %rcx, $1\ninsn.0{imm=2}\ngld.3 t0, %rax, $0\n" END, NULL },
    { "commit last on a path", "brcc.3{cond=e} _, _, _\nmov.3 %rcx, $1\nlabel.0\ngld.3 t0, %rax, $0\n" END, "a global was written" },
    { "commit on a path that ended", "brcc.3{cond=e} _, _, _\nmov.3 %rcx, $1\n" END "label.0\ngld.3 t0, %rax, $0\n" END, NULL },
    { "grmwst cannot leave", "grmw.3 t0, t1, %rax, $0\nmov.3 %rcx, t0\ngrmwst.3 t1, %rax, $0, %rdx\n" END, NULL },
    { "temp of one path", "brcc.3{cond=e} _, _, _\nmov.3 t0, $1\nlabel.0\nmov.3 %rax, t0\n" END, "before it was written" },
    { "temp of both paths", "mov.3 t0, $2\nbrcc.3{cond=e} _, _, _\nmov.3 t0, $1\nlabel.0\nmov.3 %rax, t0\n" END, NULL },
    { "branch to nowhere", "brcc.3{cond=e} _, _, _\n" END, "goes nowhere" },
    { "branch backward", "label.0\nbrcc.3{cond=e} _, _, _\n" END, "goes backward" },
    { "label twice", "label.0\nlabel.0\n" END, "label twice" },
    { "label out of range", "label.0{imm=2}\n" END, "no such label" },
    { "edge out of range", "exit.0{edge=1,imm=0x2000} _, _, _\n", "no such edge" },
    { "edge twice", "brcc.3{cond=e} _, _, _\nexit.0{imm=0x2000} _, _, _\nlabel.0\nexit.0{imm=0x2000} _, _, _\n", "edge twice" },
    { "edge elsewhere", "exit.0{imm=0x3000} _, _, _\n", "goes elsewhere" },
    { "no end", "mov.3 %rax, $1\n", "does not end" },
    { "nothing", "", "does not end" },
    { "a raise ends", "call.0{helper=raise,uses=1} $13\n", NULL },
    { "helper with other operands", "call.0{helper=plain,uses=1} $13\n" END, "other operands" },
    { "unknown helper", "call.0{helper=9} \n" END, "unknown helper" },
    { "bad size", "bswap.1 %rax, %rax\n" END, "bad size" },
    { "bad size of a vector load", "gldv.1 v0, %rax, $0\n" END, "bad size" },
    { "bad scale", "lea.3{scale=4} %rax, %rax, %rcx\n" END, "bad scale" },
    { "bad extension", "gld.3{ext=3} t0, %rax, $0\n" END, "bad extension" },
    { "bad condition", "setcc.3{cond=16} %rax, _, _, _\n" END, "condition" },
    { "bad recipe", "setcc.3{kind=13} %rax, _, _, _\n" END, "recipe" },
    { "bad view", "ctx.0{imm=3}\n" END, "no such view" },
    { "bad exit reason", "leave.0{edge=6}\n", "no such exit reason" },
    { "outside the struct", "ldenv.3{imm=0x100000} t0\n" END, "outside the CPU struct" },
    { "vector row of another form", "vop.4{row=movmskps} %x0, %x0, %x1\n" END, "another form" },
    { "unknown vector row", "vop.4{row=9999} %x0, %x0, %x1\n" END, "unknown vector row" },
};

static void test_verifier(void)
{
    for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct ir_block *b = parse(HEAD, broken[i].text);
        char why[200] = "";
        bool good = b && ir_verify(b, why, sizeof why);
        bool expected = broken[i].why ? !good && strstr(why, broken[i].why) : good;
        if (!tap_ok(b && expected, "verifier: %s", broken[i].what))
            printf("# says '%s'\n", why);
        ir_block_free(b);
    }
    struct ir_block *b = parse("block rip=0 insns=1 labels=0\nsite rip=0 insn=0 kind=sub size=3 slot=0 t0, $1, _\n", END);
    char why[200];
    tap_ok(!ir_verify(b, why, sizeof why) && strstr(why, "names a temp"), "verifier: temp in a site");
    ir_block_free(b);
    b = parse("block rip=0 insns=1 labels=0\nsite rip=0 insn=0 kind=sub size=3 slot=1 _, _, _\n", END);
    tap_ok(!ir_verify(b, why, sizeof why) && strstr(why, "half a recipe"), "verifier: site with half a recipe");
    b->overflow = true;
    tap_ok(!ir_verify(b, why, sizeof why) && strstr(why, "ran out"), "verifier: overflow");
    b->overflow = false;
    b->sites[0].cc_slot = 3;
    tap_ok(ir_verify(b, why, sizeof why), "verifier: recipe in the slots");
    ir_append(b, IR_ADD, 3)->uses = 1;
    tap_ok(!ir_verify(b, why, sizeof why) && strstr(why, "number of operands"), "verifier: number of operands");
    b->ops[0].opcode = IR__COUNT;
    tap_ok(!ir_verify(b, why, sizeof why) && strstr(why, "unknown operation"), "verifier: unknown operation");
    ir_block_free(b);
}

// ---- optimizer

static const struct { const char *what, *before, *after; } golden[] = {
    { "constants fold", "mov.3 t0, $5\nadd.3 t1, t0, $3\nshl.2 t2, t1, $2\nmov.3 %rax, t2\n" END, "mov.3 %rax, $32\n" END },
    { "32 bits wrap", "mov.2 t0, $-1\nadd.2 t1, t0, $2\nmov.3 %rax, t0\nmov.3 %rcx, t1\n" END,
      "mov.3 %rax, $0xffffffff\nmov.3 %rcx, $1\n" END },
    { "8 bits keep the rest", "mov.3 t0, $0x1234\nadd.0 t0, $0xff, $3\nmov.3 %rax, t0\n" END,
      "mov.3 t0, $0x1234\nmov.0 t0, $2\nmov.3 %rax, t0\n" END },
    { "copies go through", "mov.3 t0, %rcx\nadd.3 %rax, t0, t0\n" END, "add.3 %rax, %rcx, %rcx\n" END },
    { "not over a write of the global", "mov.3 t0, %rcx\nmov.3 %rcx, $1\nadd.3 %rax, t0, t0\n" END,
      "mov.3 t0, %rcx\nmov.3 %rcx, $1\nadd.3 %rax, t0, t0\n" END },
    { "nor over a partial write", "mov.3 t0, %rcx\nmov.0 %rcx, $1\nadd.3 %rax, t0, t0\n" END,
      "mov.3 t0, %rcx\nmov.0 %rcx, $1\nadd.3 %rax, t0, t0\n" END },
    { "nor over a helper that writes", "mov.3 t0, %rcx\ncall.0{helper=writes,defs=1} t1\nadd.3 %rax, t0, t1\n" END,
      "mov.3 t0, %rcx\ncall.0{helper=writes,defs=1} t1\nadd.3 %rax, t0, t1\n" END },
    { "but over one that does not", "mov.3 t0, %rcx\ncall.0{helper=plain,defs=1,uses=2} t1, t0, $1\nadd.3 %rax, t0, t1\n" END,
      "call.0{helper=plain,defs=1,uses=2} t0, %rcx, $1\nadd.3 %rax, %rcx, t0\n" END },
    { "32-bit copies stay", "mov.2 t0, %rcx\nadd.3 %rax, t0, t0\n" END, "mov.2 t0, %rcx\nadd.3 %rax, t0, t0\n" END },
    { "nothing is known after a label", "mov.3 t0, $1\nbrcc.3{cond=e} _, _, _\nmov.3 t0, $2\nlabel.0\nmov.3 %rax, t0\n" END,
      "mov.3 t0, $1\nbrcc.3{cond=e} _, _, _\nmov.3 t0, $2\nlabel.0\nmov.3 %rax, t0\n" END },
    { "identities", "add.3 %rax, %rcx, $0\nand.2 %rcx, %rdx, $-1\nmul.1 %rdx, $1, %rbx\nshl.0 %rbx, %rax, $32\nadc.3 %rax, %rcx, %rdx, $2\n" END,
      "mov.3 %rax, %rcx\nmov.2 %rcx, %rdx\nmov.1 %rdx, %rbx\nmov.0 %rbx, %rax\nadd.3 %rax, %rcx, %rdx\n" END },
    { "zeros", "xor.3 t0, %rcx, %rcx\nand.3 t1, %rdx, $0\nlea.3{scale=1,imm=8} %rax, t0, $4\nmov.3 %rbx, t1\n" END,
      "mov.3 %rax, $16\nmov.3 %rbx, $0\n" END },
    { "lea takes constants in", "lea.3{scale=3,imm=4} %rax, %rcx, $2\nlea.3{imm=4} %rbx, $1, %rdx\nlea.3 %rcx, %rdx, $0\n" END,
      "lea.3{imm=20} %rax, %rcx, $0\nlea.3{imm=5} %rbx, %rdx, $0\nmov.3 %rcx, %rdx\n" END },
    { "conditions fold", "setcc.2{kind=sub,cond=b} t0, $1, $2, _\nmov.3 %rax, t0\nbrcc.2{kind=sub,cond=e} $1, $2, _\nmov.3 %rcx, $1\nlabel.0\n" END,
      "mov.3 %rax, $1\nmov.3 %rcx, $1\nlabel.0\n" END },
    { "branches that are always taken", "brcc.2{kind=sub,cond=ne} $1, $2, _\nmov.3 %rcx, $1\nlabel.0\n" END, "br.0\nlabel.0\n" END },
    { "unreachable ops go", "br.0\nmov.3 %rcx, $1\n" END "label.0\n" END, "br.0\nlabel.0\n" END },
    { "dead ops go", "add.3 t0, %rax, %rcx\nadd.3 t1, t0, %rcx\nldenv.3{imm=0x100} t2\ngld.3 t3, %rax, $0\n" END,
      "gld.3 t0, %rax, $0\n" END },
    { "float ops leave flags", "vop.4{row=addps} v0, %x0, %x1\nvop.4{row=pxor} v1, %x0, %x1\nvcmpg.3{row=ucomisd} t2, %x0, %x1\n" END,
      "vop.4{row=addps} v0, %x0, %x1\nvcmpg.3{row=ucomisd} t1, %x0, %x1\n" END },
    { "vector copies", "vmov.4 v0, %x0\nvop.4{row=pxor} %x1, v0, v0\n" END, "vop.4{row=pxor} %x1, %x0, %x0\n" END },
    { "self moves", "mov.3 %rax, %rax\nmov.0 %rcx, %rcx\nmov.2 %rdx, %rdx\nvmov.4 %x0, %x0\n" END, "mov.2 %rdx, %rdx\n" END },
};

static const struct { const char *what, *before, *after; } env_golden[] = {
    { "a field is loaded once", "ldenv.2{imm=@0} t0\nldenv.2{imm=@0} t1\nadd.3 %rax, t0, t1\n" END, "ldenv.2{imm=@0} t0\nadd.3 %rax, t0, t0\n" END },
    { "a stored field is known", "stenv.3{imm=@8} %rcx\nldenv.3{imm=@8} t0\nmov.3 %rax, t0\n" END, "stenv.3{imm=@8} %rcx\nmov.3 %rax, %rcx\n" END },
    { "stored in part: not known", "ldenv.3{imm=@8} t0\nstenv.0{imm=@12} %rcx\nldenv.3{imm=@8} t1\nadd.3 %rax, t0, t1\n" END,
      "ldenv.3{imm=@8} t0\nstenv.0{imm=@12} %rcx\nldenv.3{imm=@8} t1\nadd.3 %rax, t0, t1\n" END },
    { "helpers may change fields", "ldenv.3{imm=@8} t0\ncall.0{helper=plain,defs=1,uses=2} t1, t0, t0\nldenv.3{imm=@8} t2\nadd.3 %rax, t1, t2\n" END,
      "ldenv.3{imm=@8} t0\ncall.0{helper=plain,defs=1,uses=2} t1, t0, t0\nldenv.3{imm=@8} t2\nadd.3 %rax, t1, t2\n" END },
    { "another size is another load", "ldenv.3{imm=@8} t0\nldenv.2{imm=@8} t1\nadd.3 %rax, t0, t1\n" END,
      "ldenv.3{imm=@8} t0\nldenv.2{imm=@8} t1\nadd.3 %rax, t0, t1\n" END },
};

// "@n" becomes the offset of env + n, as ir_dump writes it.
static char *with_offsets(const char *text)
{
    char *out = calloc(1, strlen(text) + 512), *to = out;
    while (*text) {
        if (*text != '@') {
            *to++ = *text++;
            continue;
        }
        char *end;
        long offset = strtol(text + 1, &end, 10) + (long)offsetof(struct fake_cpu, env);
        to += sprintf(to, offset < 4096 ? "%ld" : "%#lx", offset);
        text = end;
    }
    return out;
}

static void check_golden(const char *what, const char *before, const char *after)
{
    char *in = with_offsets(before), *expected = with_offsets(after), why[200] = "";
    struct ir_block *b = parse(HEAD, in);
    bool good = b && ir_verify(b, why, sizeof why);
    if (good) {
        ir_optimize(b);
        good = ir_verify(b, why, sizeof why);
        for (unsigned i = 0; i < b->op_count; i++) // the golden texts are without
            b->ops[i].dead = 0;
    }
    struct ir_block *want = parse(HEAD, expected);
    char *got_text = b ? body(b) : strdup(""), *want_text = want ? body(want) : strdup("");
    // Numbers of temps are those of appearance on both sides.
    if (!tap_ok(good && !strcmp(got_text, want_text), "optimizer: %s", what))
        printf("# %s\n# got:\n%s# want:\n%s", why, got_text, want_text);
    free(got_text);
    free(want_text);
    ir_block_free(b);
    ir_block_free(want);
    free(in);
    free(expected);
}

static void test_head_fields(void)
{
    char text[400];
    snprintf(text, sizeof text, "ldenv.2{imm=%zu} t0\nldenv.2{imm=%zu} t1\nadd.3 %%rax, t0, t1\n" END, offsetof(struct vcpu_head, pending),
             offsetof(struct vcpu_head, pending));
    check_golden("the pending word is always loaded", text, text);
}

// Constants stop before the table is full.
static void test_full_table(void)
{
    struct ir_block *b = ir_block_new(&target);
    while (b->var_count < IR_MAX_VARS - 1)
        ir_temp(b);
    ir_var t = ir_temp(b);
    b->vars[IR_MAX_VARS - 2] = (struct ir_variable){ .kind = IR_CONST, .value = 77 };
    ir_3(b, IR_ADD, 3, t, (ir_var)(IR_MAX_VARS - 2), (ir_var)(IR_MAX_VARS - 2));
    ir_2(b, IR_MOV, 3, ir_global(0), t);
    ir_append(b, IR_LEAVE, 0)->edge = EXIT_LOOP;
    ir_optimize(b);
    tap_ok(!b->overflow && b->op_count == 3 && b->ops[0].opcode == IR_ADD, "optimizer: a full table of variables");
    ir_block_free(b);
}

// ---- liveness

static void test_liveness(void)
{
    struct ir_block *b = parse(HEAD, "mov.3 t0, %rax\nmov.3 t1, %rcx\nadd.3 t2, t0, t1\nbrcc.3{kind=sub,cond=e} t0, t2, _\nmov.3 %rax, t2\nadd.0 t1, t1, $1\n"
                                     "label.0\nmov.3 %rcx, t1\nmulu2.3 t3, t4, t1, %rdx\nmov.3 %rdx, t3\n" END);
    static const uint8_t dead[] = { 0, 0, 0, 1, 2, 0, 0, 0, 6, 2, 0 };
    ir_liveness(b);
    for (unsigned i = 0; i < sizeof dead; i++)
        if (b->ops[i].dead != dead[i])
            printf("# op %u: dead %u, want %u\n", i, b->ops[i].dead, dead[i]);
    bool good = b->op_count == sizeof dead;
    for (unsigned i = 0; good && i < sizeof dead; i++)
        good = b->ops[i].dead == dead[i];
    tap_ok(good, "liveness over a branch, partial writes, unused results");
    ir_block_free(b);
}

// ---- there and back

static ir_var operand(struct ir_block *b, const struct ir_op *op, unsigned k, unsigned choice)
{
    static const uint8_t vectors[IR__COUNT] = { [IR_GLDV] = 1, [IR_VLDENV] = 1, [IR_VSTENV] = 1, [IR_GSTV] = 4, [IR_VMOV] = 3,
                                                [IR_VOP] = 7, [IR_VFROMG] = 3, [IR_VTOG] = 2, [IR_VCMPG] = 6 };
    bool vector = vectors[op->opcode] >> k & 1;
    switch (choice % 4) {
    case 0: return ir_global(vector ? 4 : k & 3);
    case 1: return vector ? ir_vtemp(b) : ir_temp(b);
    case 2: return vector || k < op->defs ? ir_global(vector ? 5 : 1) : ir_const(b, (int64_t)(0x123456789ull << choice) - 5);
    default: return IR_NONE;
    }
}

static void test_round_trip(void)
{
    unsigned wrong = 0;
    for (unsigned choice = 0; choice < 12; choice++) {
        struct ir_block *b = ir_block_new(&target);
        b->rip = 0xffffffff81000000ull + choice;
        b->insn_count = 7;
        b->label_count = 3;
        struct ir_site site = { .rip = choice, .insn = 2, .kind = (uint8_t)choice, .size = 1, .a = ir_global(2), .b = ir_const(b, -7), .c = IR_NONE, .cc_slot = 4 };
        ir_site(b, &site);
        b->edges[0] = (struct ir_edge){ ~0ull - 5, 77, true };
        b->edge_count = 1;
        for (unsigned opcode = 0; opcode < IR__COUNT; opcode++) {
            struct ir_op *op = ir_append(b, opcode, choice % 5);
            op->kind = choice;
            op->cond = choice + 3;
            op->scale = choice % 4;
            op->ext = choice % 3;
            op->size2 = choice % 2;
            op->edge = choice % 6;
            op->addr32 = choice & 1;
            op->align = choice >> 1 & 1;
            op->helper = choice % 4;
            op->site = choice * 100;
            op->dead = choice * 5;
            op->imm = choice & 1 ? -(int64_t)choice : INT64_MIN + choice;
            if (opcode == IR_CALL) {
                op->defs = choice & 1;
                op->uses = choice % 6;
            }
            if (opcode != IR_CALL && !(opcode >= IR_VOP && opcode <= IR_VCMPG))
                op->helper = 0;
            for (unsigned k = 0; k < (unsigned)op->defs + op->uses; k++)
                op->arg[k] = operand(b, op, k, choice + k);
        }
        char *first = dump(b);
        struct error *err = NULL;
        struct ir_block *again = ir_parse(&target, first, &err);
        char *second = again ? dump(again) : strdup(error_message(err));
        bool same = !strcmp(first, second) && again && again->op_count == b->op_count && again->rip == b->rip;
        for (unsigned i = 0; same && i < b->op_count; i++) {
            const struct ir_op *x = &b->ops[i], *y = &again->ops[i];
            same = x->imm == y->imm && x->opcode == y->opcode && x->dead == y->dead && x->helper == y->helper && x->cond == y->cond;
        }
        if (!same && !wrong++)
            printf("# first:\n%s# second:\n%s\n", first, second);
        free(first);
        free(second);
        ir_block_free(again);
        ir_block_free(b);
    }
    tap_ok(!wrong, "every op, there and back");
}

static void test_parse_errors(void)
{
    static const struct { const char *text, *why; } bad[] = {
        { "nonsense.3 %rax\n", "line 2: unknown operation" }, { "mov.x %rax, $1\n", "number" }, { "mov.3 %rax\n", "','" },
        { "mov.3 %rip, $1\n", "unknown global" }, { "mov.3{what=3} %rax, $1\n", "unknown field" }, { "mov.3{imm=3 %rax, $1\n", "'}'" },
        { "mov.3 %rax, $1 $2\n", "junk" }, { "mov.3 t0, $1\nvmov.4 %x0, v0\n", "line 3: temp of the other kind" },
        { "mov.3 t99999, $1\n", "bad temp" }, { "call.0{helper=nobody}\n", "number" }, { "call.0{defs=9} %rax\n", "too many operands" },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error *err = NULL;
        char text[200];
        snprintf(text, sizeof text, "# a comment\n%s", bad[i].text);
        struct ir_block *b = ir_parse(&target, text, &err);
        tap_ok(!b && strstr(error_message(err), bad[i].why), "parse error: %s", error_message(err));
        ir_block_free(b);
        error_free(err);
    }
}

int main(void)
{
    test_builder();
    test_verifier();
    for (unsigned i = 0; i < sizeof golden / sizeof *golden; i++)
        check_golden(golden[i].what, golden[i].before, golden[i].after);
    for (unsigned i = 0; i < sizeof env_golden / sizeof *env_golden; i++)
        check_golden(env_golden[i].what, env_golden[i].before, env_golden[i].after);
    test_head_fields();
    test_full_table();
    test_liveness();
    test_round_trip();
    test_parse_errors();
    return tap_done();
}
