// SPDX-License-Identifier: MIT
//
// The differential test of the CPU: random user-level instructions, run by this host and by the emulator.
//
// A case is a list of units (one instruction of the decode table, with what it needs before it: a pointer, a count), an
// initial state and an offset into a pool of interesting values, which fills the data and stack pages. It is laid out
// at fixed addresses that hold on both sides. native.c runs it in a child, emulated.c in a machine of its own;
// report.c compares; shrink.c makes a differing case small. Everything follows from the case's seed.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "target/i386/decode.h"
#include "tests/host.h"

#define CODE_BASE 0x10000000u
#define CODE_SIZE 0x2000u
#define DATA_BASE 0x10100000u
#define DATA_SIZE 0x2000u
#define STACK_BASE 0x10200000u
#define STACK_SIZE 0x1000u
#define POOL_SIZE 0x20000u

#define MAX_UNITS 64
#define MAX_STEPS 8         // instructions of a unit
#define UNIT_BYTES 120
#define ALL_FLAGS 0x8d5u
#define FLAG_C1 2u           // beside those: C1 of the x87's status word
#define DECODE_FLAGS(compat) (((compat) ? BF_CS_DB | BF_SS_DB : BF_CS_L) | BF_CPL_USER | BF_PE | BF_SSE_OK)

struct rng { uint64_t s; };
uint64_t rng_next(struct rng *r);
static inline uint32_t rng_below(struct rng *r, uint32_t n) { return (uint32_t)((rng_next(r) >> 32) * n >> 32); }
static inline bool rng_percent(struct rng *r, unsigned p) { return rng_below(r, 100) < p; }

struct fuzz_state { // fx: FXSAVE64 image
    uint64_t gpr[16];
    uint64_t rip, rflags, fs_base, gs_base;
    uint8_t fx[512] __attribute__((aligned(16)));
};

enum fixup_kind { FIX_NONE, FIX_REL8, FIX_REL32, FIX_ABS32, FIX_RIP, FIX_TABLE };
struct fixup {
    uint8_t kind, at, end;   // offset of the field; of the instruction's end
    uint8_t target;          // unit (REL, ABS, TABLE: a memory word that holds the unit's address)
    uint64_t address;        // RIP
};
struct step { // one instruction of a unit, for the bookkeeping of undefined flags
    uint8_t at;
    bool merges;             // may leave the flags as they were
    uint16_t reads, defines, undefines;
};
struct unit {
    uint8_t bytes[UNIT_BYTES];
    uint8_t size, step_count, fix_count;
    int16_t row;             // index of rows.c
    bool falls_undefined;    // what comes after may be reached with any flags (call)
    bool cleans;             // ends with stores over what is not compared
    struct fixup fix[4];
    struct step steps[MAX_STEPS];
};
struct fuzz_case {
    uint64_t seed;
    bool compat;             // 32-bit code (compatibility mode), else 64-bit
    unsigned unit_count;
    struct unit units[MAX_UNITS];
    struct fuzz_state state;
    uint32_t pool_offset;    // of the data page's contents; 0xffffffff: zeros
    uint32_t start;          // offset of the first byte in the code pages
    // by case_layout
    uint32_t size;           // bytes of code and table
    uint32_t end;            // offset of the final UD2
    bool invalid;            // reads a flag that the manual leaves undefined, or does not fit
    uint8_t code[CODE_SIZE];
    unsigned place_count;
    struct { uint32_t at; uint16_t undefined; uint8_t unit; } places[MAX_UNITS * MAX_STEPS + 1];
};

enum fuzz_status { FUZZ_OK, FUZZ_TIMEOUT, FUZZ_CRASH };
struct fuzz_result {
    uint32_t status, vector;
    uint64_t error, cr2;
    struct fuzz_state state;
    uint8_t data[DATA_SIZE], stack[STACK_SIZE];
};

// ---- rows.c: which rows are tested, and what the manual leaves undefined
unsigned rows_load(void);                       // from the decode table; returns their number
const struct table_slot *row_slot(unsigned index);
const char *row_skip_reason(unsigned index, bool compat); // NULL: tested
bool row_faults(unsigned index);                // at CPL 3, always
void row_name(unsigned index, char *text, size_t size);
uint16_t row_undefined_flags(const struct opcode_row *row, const struct insn *in); // after it completed
uint16_t row_defined_flags(const struct opcode_row *row);
uint16_t row_read_flags(const struct opcode_row *row);
bool row_keeps_flags(const struct opcode_row *row, const struct insn *in); // may leave them as they were
void rows_print_skipped(FILE *out, bool compat);

// ---- generate.c, values.c
struct generate_options { unsigned max_insns; const char *only; bool compat; };
void case_generate(struct fuzz_case *c, uint64_t seed, const struct generate_options *options);
void case_layout(struct fuzz_case *c);
unsigned generate_refused(void); // rows that the decoder read as something else, so far; printed when first met
void pool_fill(uint64_t seed);
extern uint8_t pool[POOL_SIZE];
const uint8_t *case_data(const struct fuzz_case *c);  // DATA_SIZE bytes
const uint8_t *case_stack(const struct fuzz_case *c); // STACK_SIZE bytes
void state_generate(struct rng *r, struct fuzz_state *s);
uint64_t value_generate(struct rng *r);

// ---- native.c
struct native;
#define NATIVE_BATCH 256
struct native *native_new(void);
void native_free(struct native *n);
struct fuzz_case *native_case(struct native *n, unsigned bank, unsigned index);  // two banks, in memory shared with the child
struct fuzz_result *native_result(struct native *n, unsigned bank, unsigned index);
void native_start(struct native *n, unsigned bank, unsigned count);  // the child works on it
void native_wait(struct native *n);
// One case, at once (no batch may be running).
void native_run(struct native *n, const struct fuzz_case *c, struct fuzz_result *out);

// ---- emulated.c
struct emulated;
// Forced trouble: instructions of a translation and of a slice, a flush of all mappings every N block entries, 0: as usual.
struct emulated_options { unsigned block, quantum, flush; bool no_chain; };
struct emulated *emulated_new(const char *backend, const struct emulated_options *options);
void emulated_free(struct emulated *e);
const char *emulated_name(const struct emulated *e);
void emulated_load(struct emulated *e, const struct fuzz_case *c); // code
void emulated_run(struct emulated *e, const struct fuzz_case *c, struct fuzz_result *out);

// ---- report.c
bool results_differ(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other);
bool case_insn_at(const struct fuzz_case *c, uint64_t rip, struct insn *in); // false: none is there
uint16_t case_undefined_at(const struct fuzz_case *c, uint64_t rip);
void report(FILE *out, const struct fuzz_case *c, const char *name, const struct fuzz_result *native, const struct fuzz_result *other);

// ---- x87.c
// Is this what processors of another vendor do with the x87?
bool x87_differs_by_vendor(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other);
// The host's FXSAVE image, as it is to be compared with the other's.
void x87_of_host(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other, uint8_t fx[512]);
// Bytes before the page that need not be the same, since an access to the page faulted.
unsigned x87_half_stored(const struct fuzz_case *c, const struct fuzz_result *native, uint64_t page);

// ---- shrink.c
typedef bool (*differs_fn)(void *opaque, const struct fuzz_case *c);
void case_shrink(struct fuzz_case *c, differs_fn differs, void *opaque);
