// SPDX-License-Identifier: MIT
//
// Shared by the files of exec/: the translation cache's structures.
//
// A code page is a pair (virtual page, RAM page) with a handle that is never reused before everything is flushed;
// blocks hang in a hash table by (handle, offset in page, flags). The code buffer is cut into parts that fill in
// turn; a part that is needed again is evicted as a whole.
#pragma once
#include "exec/engine.h"
#include "softmmu/memory.h"
#include "tcg/code_buffer.h"

#define ENGINE_PARTS 8
#define ENGINE_SITES_PER_PART (1u << 18)
#define TB_HASH_BITS 18
#define HANDLE_LIMIT (1u << 20)
#define FLAGS_LIMIT JUMP_IDS // ids are part of the keys of the jump cache
#define FLAGS_BITS 12
#define FLAGS_SLOTS (1u << FLAGS_BITS) // of their hash table: at most half full
#define MAX_CPUS 64

struct site_row {       // side-table row
    uint64_t rip;
    uint16_t insn, block_insns;
    uint8_t kind, size, cc_slot;
    int32_t a, b, c;    // >= 0: global; -1: none; else constant number -2 - n of the part
    uint32_t tb;        // index of the block
};
struct code_page {
    uint64_t va;
    struct ram_block *ram; // not referenced: compare ram_id before use
    uint32_t ram_id;
    uint64_t offset;
    uint32_t next;      // hash chain
};
struct tb {
    struct tcg_block code;        // first
    uint32_t index, hash_next;
    uint32_t flags;
    uint32_t handle[2];           // of the one or two pages (0: no second page)
    uint64_t bytes_first, bytes_second; // guest bytes on each
    struct ram_block *ram[2];
    uint64_t offset[2];           // of the first byte in its RAM block, per page
    uint32_t page_next[2];        // lists of page_info.blocks: index * 2 + which
    struct tcg_edge *incoming;
    uint32_t part, site_count;
    uint32_t part_next, part_previous; // all blocks of the part
    bool dead, linkable;
};
struct recent_tb {      // in front of the hash table: one cache line instead of three
    uint64_t rip;
    uint32_t handle, flags;
    struct tb *tb;      // NULL: empty; never dead, never on two pages
};
#define RECENT_SLOTS 8192u
struct part {
    uint8_t *start, *end;         // executable view
    uint32_t first_tb;            // list
    uint32_t site_base, site_used;
    int64_t *constants;
    uint32_t constant_count, constant_capacity;
};
struct round {          // where a debugger, or the owner at a count, stopped the turns of the vCPUs
    bool stopped;       // go on at cpu with what is left of its slice
    bool served;        // the vCPU was served already: next comes the instruction
    unsigned cpu;
    int64_t left;
};
struct engine {
    struct engine_options options;
    const struct engine_target *target;
    void *backend_state;
    struct code_buffer buffer;
    struct address_space *memory;
    struct tlb_machine *tlb;
    struct clock *clock;
    struct vcpu_head *cpus[MAX_CPUS];
    unsigned cpu_count, current;
    struct ir_block *ir;
    struct memory_listener listener;
    struct store_hooks hooks;
    // translation cache
    struct tb **tbs;              // by index; 0 unused
    uint32_t tb_count, tb_capacity, tb_free;
    uint32_t hash[1u << TB_HASH_BITS];
    struct recent_tb recent[RECENT_SLOTS];
    struct part parts[ENGINE_PARTS];
    unsigned part;
    uint8_t *part_cursor;
    struct site_row *sites;
    struct code_page *pages;
    uint32_t page_count, page_hash[1u << TB_HASH_BITS];
    struct tb *graveyard;         // dead blocks, freed at the top of the loop (through incoming)
    uint64_t freed;               // blocks so far; while it stands, a block (and its edges) that was there still is
    uint32_t flag_keys[FLAGS_LIMIT], flag_count;
    uint16_t flag_hash[FLAGS_SLOTS];
    // time
    int64_t time_base, host_base;
    bool time_running;
    struct pace {                 // engine_time.c: shift=auto and align=on
        uint64_t count, rate;     // from this count on, at time_base, an instruction takes rate / 65536 ns
        int64_t sample_host;      // the host's time and the count when the pace was looked at last
        uint64_t sample_count;
        int64_t lead, told_late;  // over the host's clock when time was stopped; when the user was told
    } pace;
    bool kicked;
    uint64_t stop;                // engine_set_stop
    uint64_t entries;
    // debugger (exec/debug.h)
    struct engine_debug *debug;   // NULL: nobody debugs
    struct round round;
    struct engine_stats stats;
};

// translation_cache.c
struct tb *tb_find(struct engine *e, struct vcpu_head *cpu, uint32_t handle, uint64_t rip, uint32_t flags);
struct tb *tb_translate(struct engine *e, struct vcpu_head *cpu, uint64_t rip, uint32_t flags);
void tb_link(struct engine *e, struct tcg_edge *edge, struct tb *to);
void tb_invalidate(struct engine *e, struct tb *tb);
void tb_free_dead(struct engine *e);
void tb_flush_all(struct engine *e);
void tb_code_written(void *engine, struct ram_block *ram, uint64_t offset, uint64_t len);
void tb_drop_ram(struct engine *e, struct ram_block *ram);
bool tb_cache_init(struct engine *e, struct error **errp);
void tb_cache_release(struct engine *e);
// debug.c: only while e->debug is set, but those that say otherwise
void debug_begin(struct engine *e);        // a run begins
void debug_prepare(struct engine *e);      // before vCPUs run: breakpoints take effect
bool debug_time_held(const struct engine *e);                                   // any time
bool debug_stopped(const struct engine *e);                                     // any time
bool debug_cpu_runs(const struct engine *e, unsigned cpu);                      // any time
bool debug_stepping(const struct engine *e, const struct vcpu_head *cpu);       // any time
bool debug_lone_step(const struct engine *e, unsigned cpu); // cpu steps, and no other one moves
bool debug_serve(struct engine *e, struct vcpu_head *cpu, unsigned *counted);
// Before and after an instruction or delivery: has something stopped this vCPU?
bool debug_before(struct engine *e, struct vcpu_head *cpu);
bool debug_after(struct engine *e, struct vcpu_head *cpu);
void debug_tell(struct engine *e);
// Instructions of the translated block before the first breakpoint in it (behind its first instruction), or all.
unsigned debug_block_limit(const struct engine *e, const struct ir_block *ir, uint64_t code_base);
// engine_time.c
int64_t time_budget(const struct engine *e); // instructions until the earliest timer, at most the quantum
void time_idle(struct engine *e, const struct engine_owner *owner);   // no vCPU has anything to run
void time_follow(struct engine *e, const struct engine_owner *owner); // between rounds
void time_print(struct engine *e, void (*print)(void *, const char *), void *opaque); // a part of info jit
// code_page.c
uint32_t code_page_handle(struct engine *e, uint64_t va, struct ram_block *ram, uint64_t offset);
// Handle of the page at linear address pc in cpu's current context; walks when it is not known (may fault).
uint32_t code_page_current(struct engine *e, struct vcpu_head *cpu, uint64_t pc);
// I/O site memory
