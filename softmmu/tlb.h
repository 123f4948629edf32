// SPDX-License-Identifier: MIT
//
// Layout of the TLB and of the head of each vCPU's state, as generated code sees them.
//
// A context is one address space seen from one view (supervisor, supervisor with AC, user). It
// holds the first-level TLB (read and write arrays), the jump cache and the code-page table; generated
// code has its address in a register, so a mode change or CR3 load swaps one pointer. The contents are
// kept coherent with the guest's page tables (docs/contract.md 1): nothing here is visible to the guest.
//
// Lookup of va: entry = array[va >> 12 & (TLB_SIZE-1)]; offset = va - entry.tag; it is a hit for an access
// of `size` bytes when offset <= 4096 - size (unsigned); the byte is at entry.host + offset. So page
// crossing misses, any alignment hits. An empty entry has tag 0 (4096 in entry 0): no va that selects
// it can hit, canonical or not.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLB_BITS 12
#define TLB_SIZE (1u << TLB_BITS)
#define JUMP_BITS 12
#define JUMP_SIZE (1u << JUMP_BITS)
#define CODE_PAGES 1024u
#define CODE_SEEN_BITS 32768u

struct tlb_entry {
    uint64_t tag;  // virtual address of the page
    uint64_t host; // host address of the page's first byte
};
// Jump cache: slot jump_slot(rip) holds jump_key(rip, block_flags_id) and the address of the block's checked entry; the context
// separates views. Guests choose rip freely, canonical or not, so a hit has to prove both: jump_slot is linear (xor of arguments is xor
// of slots) and different for different ids below JUMP_SIZE, so equal keys in one slot have equal ids, and equal rips. And the key of
// an empty entry must be nobody's: an id below JUMP_IDS does not reach the slot's highest bit, so a key is only found in the half of the
// table that its own slot is in; empty entries have one whose slot is in the other half.
struct jump_entry {
    uint64_t key;
    const void *code;
};
#define JUMP_IDS (JUMP_SIZE / 2)
static inline uint32_t jump_slot(uint64_t rip) { return (uint32_t)(rip ^ rip >> 7) & (JUMP_SIZE - 1); }
static inline uint64_t jump_key(uint64_t rip, uint64_t flags_id) { return rip ^ flags_id; }
#define JUMP_EMPTY_LOW 0x0808080808080808ull // slots below JUMP_IDS
#define JUMP_EMPTY_HIGH UINT64_MAX
static inline uint64_t jump_empty(uint32_t slot) { return slot & JUMP_IDS ? JUMP_EMPTY_HIGH : JUMP_EMPTY_LOW; }
_Static_assert(JUMP_BITS == 12, "jump_slot tells ids apart, and the empty keys are in the halves they are in");
static inline uint32_t code_slot(uint64_t rip) { return (uint32_t)(rip >> 12) & (CODE_PAGES - 1); }

enum tlb_view { VIEW_SUPERVISOR, VIEW_SUPERVISOR_AC, VIEW_USER, VIEW_COUNT };

struct tlb_context {
    struct tlb_entry read[TLB_SIZE];
    struct tlb_entry write[TLB_SIZE];
    struct jump_entry jump[JUMP_SIZE];
    // The code page that is mapped executable at a virtual page: a code-page handle stands for exactly one
    // pair (virtual page, RAM page) and is never reused; 0: not known. One compare proves a cross-page link.
    uint32_t code[CODE_PAGES];
    uint64_t code_seen[CODE_SEEN_BITS / 64]; // bit (va >> 12 & mask): a code page was entered here since the last
                              // clearing of jump and code; jump holds nothing of a page whose bit is 0
    uint64_t filled[TLB_SIZE / 64]; // bit per slot of read and write: filled since the last reset
    uint8_t code_halves;      // bit va >> 63: code of that half was entered
    uint64_t root;            // page-table root (and paging mode bits) that this context belongs to
    enum tlb_view view;
    bool in_use, empty;
    uint64_t last_used;
    uint32_t group;           // number of the address space among the machine's (softmmu/tlb.c)
};

// How generated code is left. Values of vcpu_head.exit_reason.
enum tcg_exit_reason {
    EXIT_NONE,      // unlinked edge or jump-cache miss: look at exit_edge
    EXIT_BUDGET,    // the budget ran out at a block edge (the refund is done)
    EXIT_LOOP,      // the guest code asked for the loop (state change, pending word, end of block)
    EXIT_FAULT,     // an exception is recorded by the target; the loop delivers it
    EXIT_IO,        // an access must run again as a block of its own with I/O allowed
    EXIT_HALT,
};

struct vcpu_head;
struct translation { // result of a page walk
    uint64_t physical;  // of the byte
    uint64_t page_size; // 4096, 2 MiB, 1 GiB: size of the mapping
    bool writable;      // a store in this view needs no further walk (W, and D is set)
    bool executable;
    bool global;
};
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };
// What the target model gives to softmmu. These run with the guest's vector registers live in the host:
// compiled for general registers only, no libc.
struct tlb_target_ops {
    // Walk the guest's tables for va as seen from view; sets A (and D for writes) bits; marks the
    // entries used with tlb_note_table_entry. On a fault: records it in cpu (error code, CR2 not yet
    // written) and returns false.
    bool (*walk)(struct vcpu_head *cpu, enum tlb_view view, uint64_t va, enum access access, struct translation *out);
    // Raise the fault that the last walk (or alignment check) recorded. Restores state from the site. Does not return.
    void (*raise)(struct vcpu_head *cpu) __attribute__((noreturn));
    // An access that must be aligned is not. Does not return.
    void (*misaligned)(struct vcpu_head *cpu) __attribute__((noreturn));
    // Turn what the last walk recorded (a fetch, outside generated code) into the exception that the loop delivers.
    void (*record_fetch_fault)(struct vcpu_head *cpu);
    // A fetch from where there is no RAM (a device, or nothing): record what the architecture does then.
    void (*record_no_code)(struct vcpu_head *cpu);
    // Like walk, but never changes anything (debugger, monitor). No fault recorded.
    bool (*look)(struct vcpu_head *cpu, uint64_t va, struct translation *out);
};

// Head of every target's CPU struct. Offsets are known to the backends (offsetof).
struct vcpu_head {
    struct tlb_context *context; // of the current address space and view; a backend keeps it in a register
    struct tlb_context *views[VIEW_COUNT]; // the current address space; context is one of them
    int32_t budget;   // instructions left before the loop must look; a backend keeps it in a register
    uint32_t site;    // side-table row of the running access or call; 0: state in this struct is exact
    uint64_t rip;     // exact when not in generated code or when site != 0 gives it
    uint64_t code_base; // rip + code_base is the address that is fetched (CS base outside 64-bit mode)
    uint8_t cc_of;    // flags as saved at block edges: 0 or 1
    uint8_t cc_lo;    // SF ZF AF PF CF as LAHF lays them out (bit 7 6 4 2 0)
    uint8_t io_allowed;    // this block is one instruction that may reach devices
    uint8_t yield;         // the vCPU waits for another one (PAUSE): end its slice
    uint8_t vectors_saved; // the vector homes are in the struct, not in host registers (a stub saved them)
    uint32_t mxcsr;        // guest MXCSR; live in the host's while in generated code (masks forced on there)
    _Atomic uint32_t pending; // non-zero: the loop should look (interrupt, stop request); any thread may set bits
    uint32_t exit_reason;
    uint32_t resume_id;    // flags id of the block at rip, from the helper before RESUME; 0: the loop must look first
    void *exit_edge;       // struct tcg_edge * of an unlinked edge taken, or NULL
    void *host_frame;      // backend: how to get back to the loop
    uint64_t cc_a, cc_b, cc_c; // recipe operands that a translator had to keep over a leave
    struct tlb_machine *tlb;
    const struct tlb_target_ops *tlb_ops;
    const struct tcg_backend *backend;
    void *backend_state;
    struct address_space *memory, *ports;
    // What the walk recorded for `raise`.
    struct { uint64_t va; uint32_t error; uint8_t vector; } fault;
    // exec: refund, restore the state of the site, back to the loop; the instruction runs again as a block of its own
    void (*leave_exactly)(struct vcpu_head *cpu) __attribute__((noreturn));
    unsigned index; // number of this vCPU
    struct engine *engine; // exec/'s, for its own functions
    uint64_t instructions; // completed, up to the last entry into generated code (exec/)
    int32_t entry_budget;  // budget at that entry
    uint8_t watch_hit;     // an access touched a watchpoint (softmmu/watch.h)
    uint16_t trap;         // the target's: non-zero: its service must look between any two instructions
};

// ---- softmmu/tlb.c
struct address_space;
struct ram_block;
struct watchpoint;
struct tlb_watches { struct watchpoint *first; }; // how a tlb_machine begins
struct tlb_machine; // all contexts of a machine and the records of derived entries
struct tlb_machine *tlb_machine_new(struct address_space *memory, unsigned contexts);
void tlb_machine_free(struct tlb_machine *tlb);
// The three contexts of an address space; `root` names it (CR3 and mode bits). Recycles the least used, all three views
// at once: a vCPU that slept looks whether views[0]->root is still its own.
struct tlb_context *tlb_context_get(struct tlb_machine *tlb, uint64_t root, enum tlb_view view);
void tlb_context_reset(struct tlb_context *context);
// Forget everything derived (mode bits like WP or NXE changed, the view of memory changed, forced flush).
void tlb_reset_all(struct tlb_machine *tlb);
// Forget all entries that point into block (it leaves the view).
void tlb_drop_ram(struct tlb_machine *tlb, struct ram_block *block);
// Forget what maps [va, va + size) in all contexts (or those of `root` when root != ~0).
void tlb_drop_range(struct tlb_machine *tlb, uint64_t root, uint64_t va, uint64_t size);
// A walk used the 8-byte entry at offset of block; entry 0 of its table maps va_base; level 1..4.
// From now on a store to that granule drops what was derived.
void tlb_note_table_entry(struct tlb_machine *tlb, struct ram_block *block, uint64_t offset, uint64_t va_base,
                          unsigned level, uint64_t root);
// May something be derived from the entries in bytes [offset, +len)? (Noted granules whose old bytes are not zero.)
bool tlb_tables_used(const struct ram_block *block, uint64_t offset, uint64_t len);
// A write entry for block's page at offset was filled at va in context.
void tlb_note_writer(struct tlb_machine *tlb, struct tlb_context *context, struct ram_block *block, uint64_t offset,
                     uint64_t va);
// Bytes [offset, +len) that hold noted entries are about to change. Call it before they do: it looks at the old ones.
void tlb_tables_written(struct tlb_machine *tlb, struct ram_block *block, uint64_t offset, uint64_t len);
// block's page at offset holds code or tables from now on: no context may keep a direct write entry for it.
void tlb_protect_page(struct tlb_machine *tlb, struct ram_block *block, uint64_t offset);
// Code translated from (rip's page) is entered in context: remember handle, note it in code_seen.
void tlb_enter_code(struct tlb_context *context, uint64_t rip, uint32_t handle);
// Remove a block's entry from the jump caches of all contexts.
void tlb_drop_jump(struct tlb_machine *tlb, uint64_t key, uint64_t rip);

// ---- softmmu/ldst.c: the one slow path. Virtual accesses of the current view, size_log2 0..3 (4: pairs below).
// Faults and I/O leave do not return (cpu->site must be set, or 0 with exact state).
uint64_t ldst_load(struct vcpu_head *cpu, uint64_t va, unsigned size_log2);
void ldst_store(struct vcpu_head *cpu, uint64_t va, uint64_t value, unsigned size_log2);
void ldst_load128(struct vcpu_head *cpu, uint64_t va, uint64_t out[2]);
void ldst_store128(struct vcpu_head *cpu, uint64_t va, const uint64_t in[2]);
// Probe for a read-modify-write: faults as a write; returns the host pointer when the bytes may be written
// directly, NULL when the store must go through ldst_store (I/O leaves before anything happens).
void *ldst_probe_rmw(struct vcpu_head *cpu, uint64_t va, unsigned size);
// Fault if [va, va+size) cannot be accessed (size may cross pages), with no other effect.
void ldst_probe(struct vcpu_head *cpu, uint64_t va, unsigned size, enum access access);
// Host pointer to va for `access` to len bytes that do not cross the page; NULL for devices, ROM and nowhere. Fills the
// TLB, may fault. For writes, what was derived from these bytes (code, mappings) is dropped, leaving exactly first.
void *ldst_page_pointer(struct vcpu_head *cpu, uint64_t va, uint64_t len, enum access access);
// How many bytes were read through such a pointer in the end (for watchpoints).
void ldst_bulk_read(struct vcpu_head *cpu, uint64_t va, uint64_t len);
// Like loads and stores, but as seen from another view (system structures: GDT, IDT, TSS, stacks use
// VIEW_SUPERVISOR). Same leaving rules.
uint64_t ldst_load_view(struct vcpu_head *cpu, uint64_t va, unsigned size_log2, enum tlb_view view);
void ldst_store_view(struct vcpu_head *cpu, uint64_t va, uint64_t value, unsigned size_log2, enum tlb_view view);
// Never faults, for monitor and debugger: false when not mapped.
bool ldst_peek(struct vcpu_head *cpu, uint64_t va, void *buffer, uint64_t len);
// For the translator: RAM behind va for execution. Fills nothing visible ahead of execution for bytes beyond
// the first page (`look`), raises for the first. Returns NULL for I/O or unassigned.
// *block and *offset name the RAM page.
const uint8_t *ldst_code_pointer(struct vcpu_head *cpu, uint64_t va, bool may_fault, struct ram_block **block, uint64_t *offset);
