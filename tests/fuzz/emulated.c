// SPDX-License-Identifier: MIT
//
// Cases in the emulator: a machine of 1 MiB of RAM, page tables that show the same pages at the same addresses as
// the host's child has, one CPU in 64-bit mode at CPL 3. Exceptions are not delivered: the first one ends the case.
#include <stdlib.h>
#include <string.h>
#include "exec/engine.h"
#include "softmmu/memory.h"
#include "target/i386/cpu.h"
#include "target/i386/engine_target.h"
#include "target/i386/x87.h"
#include "tests/fuzz/fuzz.h"
#include "util/error.h"

#define RAM_SIZE 0x100000u
#define CODE_PHYSICAL 0x10000u
#define DATA_PHYSICAL 0x20000u  // the second page lies 0x8000 further on
#define STACK_PHYSICAL 0x30000u
#define TABLES 0x1000u
#define PRESENT 0x67ull         // P W U A D
#define CODE_PRESENT 0x25ull    // P U A
#define NX (1ull << 63)

struct emulated {
    struct address_space memory, ports;
    struct region region;
    struct ram_block *ram;
    struct tlb_machine *tlb;
    struct clock clock;
    struct engine_target target;
    struct engine_options options;
    struct engine *engine;
    struct x86_cpu *cpu;
    unsigned looks, max_looks;
    bool done, timeout;
    uint32_t last_size, last_start;
    uint8_t filler[CODE_SIZE];
};

static void die(struct error *error)
{
    fprintf(stderr, "fuzz_cpu: %s\n", error ? error_message(error) : "cannot make a machine");
    exit(2);
}

// ---- exceptions

static void record(struct vcpu_head *head)
{
    cpu_refine_exception(x86_of(head)); // as delivery does
    x86_of(head)->halted = true; // ends the slice
    engine_kick(head->engine);
}

// ---- the machine

static uint64_t *entry(struct emulated *e, uint64_t physical) { return (uint64_t *)(e->ram->host + physical); }

static void map_page(struct emulated *e, uint64_t va, uint64_t physical, uint64_t bits)
{
    unsigned next = TABLES + 0x1000;
    uint64_t table = TABLES;
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t *p = entry(e, table + (va >> shift & 511) * 8);
        if (!*p) {
            while (*entry(e, next + 0xff8))
                next += 0x1000;
            *entry(e, next + 0xff8) = 2; // taken (not present)
            *p = next | 7 | 0x20;
        }
        table = *p & ~0xfffull;
    }
    *entry(e, table + (va >> 12 & 511) * 8) = physical | bits;
}

static void set_mode(struct x86_cpu *cpu)
{
    cpu->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    cpu->cr4 = CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE;
    cpu->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    cpu->cr3 = TABLES;
    cpu->cpl = 3;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        cpu->seg[i] = (struct segment){ 0 };
    cpu->seg[SEG_SS] = cpu->seg[SEG_DS] = cpu->seg[SEG_ES] =
        (struct segment){ .selector = 0x2b, .limit = 0xffffffff, .attr = SEG_G | SEG_DB | SEG_P | SEG_S | 3 << 5 | 3 };
    cpu->tr.limit = 0x40; // no I/O permission bitmap
    cpu->halted = cpu->waiting_sipi = false;
    cpu_update_context(cpu);
}

struct emulated *emulated_new(const char *backend, const struct emulated_options *options)
{
    struct emulated *e = calloc(1, sizeof *e);
    struct error *error = NULL;
    e->ram = ram_block_new("ram", RAM_SIZE, &error);
    if (!e->ram)
        die(error);
    address_space_init(&e->memory, "memory", UINT64_MAX);
    address_space_init(&e->ports, "I/O", 0x10000);
    region_init_ram(&e->region, "ram", e->ram, 0, RAM_SIZE);
    region_add(&e->memory.root, &e->region, 0, 0);
    e->target = x86_engine_target;
    e->target.deliver = record;
    e->options = (struct engine_options){ .backend = !strcmp(backend, "interp") ? &tcg_backend_interp : &tcg_backend_x86_64,
                                          .code_size = 8u << 20, .icount_shift = -1, .max_insns = options->block,
                                          .quantum = options->quantum, .flush_every = options->flush, .no_chain = options->no_chain };
    e->max_looks = options->quantum ? 100000 / options->quantum : 3;
    e->tlb = tlb_machine_new(&e->memory, 8);
    e->engine = engine_new(&e->options, &e->target, &e->memory, e->tlb, &e->clock, &error);
    if (!e->engine)
        die(error);
    clock_init(&e->clock, engine_time, e->engine);
    const struct cpu_model *model = cpu_model_find("max", &error);
    if (!model)
        die(error);
    e->cpu = cpu_new(0, model, e->tlb, &e->memory, &e->ports);
    engine_add_cpu(e->engine, &e->cpu->head);
    map_page(e, CODE_BASE, CODE_PHYSICAL, CODE_PRESENT);
    map_page(e, CODE_BASE + 0x1000, CODE_PHYSICAL + 0x1000, CODE_PRESENT);
    map_page(e, DATA_BASE, DATA_PHYSICAL, PRESENT | NX);
    map_page(e, DATA_BASE + 0x1000, DATA_PHYSICAL + 0x8000, PRESENT | NX);
    map_page(e, STACK_BASE, STACK_PHYSICAL, PRESENT | NX);
    memset(e->ram->host + CODE_PHYSICAL, 0xcc, CODE_SIZE);
    memset(e->filler, 0xcc, sizeof e->filler);
    set_mode(e->cpu);
    return e;
}

void emulated_free(struct emulated *e)
{
    engine_free(e->engine);
    cpu_free(e->cpu);
    tlb_machine_free(e->tlb);
    address_space_release(&e->memory);
    address_space_release(&e->ports);
    ram_block_unref(e->ram);
    clock_release(&e->clock);
    free(e);
}

const char *emulated_name(const struct emulated *e) { return e->options.backend->name; }

// ---- state in and out

static void load_state(struct x86_cpu *cpu, const struct fuzz_state *s, bool compat)
{
    cpu->seg[SEG_CS] = (struct segment){ .selector = compat ? 0x23 : 0x33, .limit = 0xffffffff,
                                         .attr = (compat ? SEG_DB : SEG_L) | SEG_G | SEG_P | SEG_S | 3 << 5 | 0xb };
    memcpy(cpu->regs, s->gpr, sizeof cpu->regs);
    cpu->head.rip = s->rip;
    cpu->halted = false;
    cpu->exception.valid = false;
    cpu->inhibit = 0;
    cpu->head.site = 0;
    cpu->head.pending = 0;
    cpu->head.trap = 0;
    cpu_set_eflags(cpu, s->rflags);
    cpu->seg[SEG_FS].base = s->fs_base;
    cpu->seg[SEG_GS].base = s->gs_base;
    uint16_t word;
    memcpy(&word, s->fx, 2);
    cpu->fpu_control = word;
    memcpy(&word, s->fx + 2, 2);
    x87_set_status_word(cpu, word);
    cpu->fpu_empty = (uint8_t)~s->fx[4];
    for (unsigned i = 0; i < 8; i++) {
        struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + i) & 7];
        memcpy(&r->mant, s->fx + 32 + 16 * i, 8);
        memcpy(&r->se, s->fx + 40 + 16 * i, 2);
    }
    memcpy(&cpu->head.mxcsr, s->fx + 24, 4);
    memcpy(cpu->xmm, s->fx + 160, sizeof cpu->xmm);
}

static void save_state(const struct x86_cpu *cpu, struct fuzz_state *s)
{
    memset(s, 0, sizeof *s);
    memcpy(s->gpr, cpu->regs, sizeof cpu->regs);
    s->rip = cpu->head.rip;
    s->rflags = cpu_get_eflags(cpu);
    s->fs_base = cpu->seg[SEG_FS].base;
    s->gs_base = cpu->seg[SEG_GS].base;
    uint16_t word = cpu->fpu_control;
    memcpy(s->fx, &word, 2);
    word = x87_status_word(cpu);
    memcpy(s->fx + 2, &word, 2);
    s->fx[4] = (uint8_t)~cpu->fpu_empty;
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + i) & 7];
        memcpy(s->fx + 32 + 16 * i, &r->mant, 8);
        memcpy(s->fx + 40 + 16 * i, &r->se, 2);
    }
    memcpy(s->fx + 24, &cpu->head.mxcsr, 4);
    memcpy(s->fx + 160, cpu->xmm, sizeof cpu->xmm);
}

static uint8_t *data_page(struct emulated *e, unsigned n) { return e->ram->host + DATA_PHYSICAL + 0x8000 * n; }

// ---- running

static bool look(void *opaque)
{
    struct emulated *e = opaque;
    if (e->cpu->halted)
        return false;
    e->timeout = e->looks++ >= e->max_looks;
    return !e->timeout;
}

static void idle(void *opaque, int64_t ns)
{
}

void emulated_load(struct emulated *e, const struct fuzz_case *c)
{
    if (e->last_size)
        physical_write(&e->memory, CODE_PHYSICAL + e->last_start, e->filler, e->last_size);
    physical_write(&e->memory, CODE_PHYSICAL + c->start, c->code, c->size);
    e->last_size = c->size;
    e->last_start = c->start;
}

void emulated_run(struct emulated *e, const struct fuzz_case *c, struct fuzz_result *out)
{
    const uint8_t *data = case_data(c);
    for (unsigned i = 0; i < 2; i++)
        memcpy(data_page(e, i), data + 0x1000 * i, 0x1000);
    memcpy(e->ram->host + STACK_PHYSICAL, case_stack(c), STACK_SIZE);
    load_state(e->cpu, &c->state, c->compat);
    e->looks = 0;
    e->timeout = false;
    struct engine_owner owner = { .look = look, .idle = idle, .opaque = e };
    engine_run(e->engine, &owner);
    out->status = e->timeout ? FUZZ_TIMEOUT : FUZZ_OK;
    save_state(e->cpu, &out->state);
    out->vector = e->cpu->exception.vector;
    out->error = e->cpu->exception.has_error ? e->cpu->exception.error : 0;
    out->cr2 = e->cpu->exception.vector == VEC_PF ? e->cpu->exception.cr2 : 0;
    if (e->cpu->exception.software)
        out->state.rip = e->cpu->exception.next_rip;
    for (unsigned i = 0; i < 2; i++)
        memcpy(out->data + 0x1000 * i, data_page(e, i), 0x1000);
    memcpy(out->stack, e->ram->host + STACK_PHYSICAL, STACK_SIZE);
}
