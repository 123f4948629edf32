// SPDX-License-Identifier: MIT
//
// Guest physical memory: RAM objects, regions, the flat view and the I/O ports.
//
// A ram_block owns bytes (host memory) and the metadata of its pages; a region gives a range of
// guest physical addresses to a ram_block (or to a device's callbacks, or to a part of another
// region: alias). The flat view is a sorted array of non-overlapping sections, rebuilt as a whole
// when the set of regions changes; the generation counts rebuilds. Whoever changes the view does it
// at a safe point; the listeners (exec/) then drop what was derived from the old one.
// Machine thread only. Overlap is resolved by priority, then by the later region.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BITS 12
#define PAGE_SIZE 4096u
#define PAGE_OFFSET_MASK 0xfffull

struct error;

// What softmmu and exec remember of one 4 KiB page of RAM. All zero: plain data, no translations.
// A set bit in a mask stands for one 64-byte granule.
struct page_info {
    uint64_t code_mask;     // granules that hold translated code
    uint64_t table_mask;    // granules that hold page-table entries used by a TLB fill
    // The (at most two) virtual pages with writable TLB entries for this page, 0: none. Low 12 bits: number of the one
    // address space + 1, or 0xfff for several (softmmu/tlb.c).
    uint64_t writers[2];
    uint64_t table_va;      // as a page table: virtual address that its entry 0 maps; low bits as in writers
    uint64_t unused;        // 64 bytes in all: one cache line
    uint32_t blocks;        // head of the list of translated blocks here (index, 0: none; exec/)
    uint8_t writer_state;   // enum page_users: none, one (writers), several (any)
    uint8_t table_state;    // enum page_users for table_va
    uint8_t table_level;    // 1: entries map 4 KiB ... 4: entries map 512 GiB (level 2: 2 MiB leaves)
    uint8_t dirty;          // bit per client (display); 1 = changed since last asked
    uint32_t rewrites;      // how often code here was invalidated by stores
    uint32_t used;          // the block's use when a vCPU last became a writer
};
enum page_users { PAGE_USERS_NONE, PAGE_USERS_ONE, PAGE_USERS_SEVERAL };

struct ram_block {
    char *name;
    uint8_t *host;           // page aligned; NULL when size is 0
    uint64_t size;           // bytes, a multiple of PAGE_SIZE
    struct page_info *pages; // size / PAGE_SIZE of them, lazily backed by the host
    uint32_t id;             // unique for the life of the process, never 0, never reused
    unsigned references;
    uint32_t use;            // how often it was given to the guest; pages written since then: used_pages
    uint64_t used_pages;
    bool readonly;           // ROM: guest stores are dropped
    bool anonymous;          // private memory of ours: what the host has not given yet is zero
    void (*free_host)(struct ram_block *block); // gives `host` back; NULL: munmap
    void *owner;             // of free_host
};

// Anonymous memory, zero filled. NULL and *errp when the host cannot give it.
struct ram_block *ram_block_new(const char *name, uint64_t size, struct error **errp);
// A block over memory that the caller mapped; free_host is called when the last reference goes. NULL and errno when there is no
// address space for the metadata.
struct ram_block *ram_block_wrap(const char *name, void *host, uint64_t size,
                                 void (*free_host)(struct ram_block *), void *owner);
// The guest gets the block (again): no page is in use yet.
void ram_block_begin_use(struct ram_block *block);
void ram_block_ref(struct ram_block *block);
void ram_block_unref(struct ram_block *block);

// Callbacks of a device region: offset from the region's start, never absolute addresses; size in
// bytes 1, 2, 4, 8. Accesses outside the declared sizes are split or widened by softmmu. Values are
// in host order; `big_endian` devices are not needed yet.
struct region_ops {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
    uint8_t min_size, max_size; // what the callbacks take; 0: 1 and 4
    // 0: an access narrower than min_size is widened; 1: refused sizes read all ones and log
    bool strict;
};

enum region_kind { REGION_CONTAINER, REGION_RAM, REGION_IO, REGION_ALIAS };
struct region {
    const char *name;
    enum region_kind kind;
    uint64_t base, size;      // base: offset in the parent
    int priority;
    bool enabled, readonly;
    struct ram_block *ram;    // REGION_RAM
    uint64_t ram_offset;
    const struct region_ops *ops; // REGION_IO
    void *opaque;
    struct region *alias;     // REGION_ALIAS: shows alias from alias_offset on
    uint64_t alias_offset;
    struct region *parent, *first_child, *next_sibling; // siblings: highest priority first, then the later one
    struct region *first_alias, *next_alias; // aliases in some tree that show this region
    struct address_space *space; // set on the root only
};

void region_init_container(struct region *region, const char *name, uint64_t size);
void region_init_ram(struct region *region, const char *name, struct ram_block *ram, uint64_t offset, uint64_t size);
void region_init_rom(struct region *region, const char *name, struct ram_block *ram, uint64_t offset, uint64_t size);
void region_init_io(struct region *region, const char *name, const struct region_ops *ops, void *opaque, uint64_t size);
void region_init_alias(struct region *region, const char *name, struct region *target, uint64_t offset, uint64_t size);
// Put child into parent at offset. The view changes at once unless inside memory_transaction.
void region_add(struct region *parent, struct region *child, uint64_t offset, int priority);
void region_remove(struct region *child);
void region_set_enabled(struct region *region, bool enabled);
void region_set_readonly(struct region *region, bool readonly);
void region_move(struct region *region, uint64_t offset);

struct section { // one row of the flat view
    uint64_t start, last;      // guest physical, inclusive
    struct region *region;     // the leaf: RAM or IO
    uint64_t region_offset;    // of `start` in the leaf
    bool readonly;
    uint8_t *host;             // RAM: pointer to the byte at `start`, else NULL
    struct ram_block *ram;     // RAM: its block and the offset of `start` in it
    uint64_t ram_offset;
};
struct flat_view {
    uint32_t count;
    uint32_t generation;
    struct section sections[];
};
// Called after the view was replaced; `old` is still valid during the call. The listener must make
// sure that nobody holds pointers from sections that are in `old` only.
struct memory_listener {
    void (*changed)(void *opaque, const struct flat_view *old, const struct flat_view *now);
    void *opaque;
    struct memory_listener *next;
};
struct store_hooks;
struct address_space {
    struct region root;
    struct flat_view *view;
    struct memory_listener *listeners;
    unsigned transaction_depth;
    bool changed;
    uint64_t address_mask; // A20: ~(1 << 20) while the gate is shut, else all ones
    const struct section *last_hit; // a guess for lookups
    const struct store_hooks *hooks;
};

void address_space_init(struct address_space *space, const char *name, uint64_t size);
void address_space_release(struct address_space *space);
void address_space_add_listener(struct address_space *space, struct memory_listener *listener);
// Between begin and commit changes of regions are collected and the view is rebuilt once.
void memory_transaction_begin(struct address_space *space);
void memory_transaction_commit(struct address_space *space);
void address_space_set_a20(struct address_space *space, bool open);
// The section that holds addr, NULL when nothing is there. Uses no libc and no vector registers.
const struct section *address_space_find(struct address_space *space, uint64_t addr);
// Pointer to len bytes of RAM at addr when all lie in one RAM section, else NULL. Not to be held
// over a wait or a change of the view. `write` refuses ROM, and drops what was derived from the bytes at once.
void *address_space_ram_pointer(struct address_space *space, uint64_t addr, uint64_t len, bool write);

// Physical accesses of devices (DMA) and tables; through RAM and device regions. Writes go through the
// one store path: they drop translations and mappings of what they change. Return false when some
// byte was unassigned (reads give 0xff there, writes are dropped).
bool physical_read(struct address_space *space, uint64_t addr, void *buffer, uint64_t len);
bool physical_write(struct address_space *space, uint64_t addr, const void *buffer, uint64_t len);
uint64_t physical_load(struct address_space *space, uint64_t addr, unsigned size); // little endian, 1,2,4,8
void physical_store(struct address_space *space, uint64_t addr, uint64_t value, unsigned size);

// Dispatch to a device section (also used by the slow path); handles sizes. An access that begins in the section goes
// to its region as a whole, also past the section's end (a byte register laid over a wider one); bytes past the region's
// end read as all ones. NULL: unassigned. RAM sections, too, but without the store path.
uint64_t section_read(const struct section *section, uint64_t addr, unsigned size);
void section_write(const struct section *section, uint64_t addr, uint64_t value, unsigned size);

// Called before bytes [offset, offset + len) of block change by other means than a guest store (or
// by a slow guest store): drops translated code and derived mappings. Filled by exec/ (code) and
// softmmu/tlb.c (tables); see struct store_hooks.
struct store_hooks {
    // The granules that hold code and are about to change. Not called for pages without code.
    void (*code_written)(void *opaque, struct ram_block *block, uint64_t offset, uint64_t len);
    void *opaque;
    struct tlb_machine *tlb; // for pages that hold tables
};
void memory_set_store_hooks(struct address_space *space, const struct store_hooks *hooks);
void ram_about_to_change(struct address_space *space, struct ram_block *block, uint64_t offset, uint64_t len);
// Was the page at offset of block written (by guest, device or loader) since this client (a bit of page_info.dirty) asked
// last? Asking makes the next store to the page take the slow path once, which marks it again; later ones run at full speed.
// Nothing of it is visible to the guest. Pages start as not written.
bool ram_take_dirty(struct address_space *space, struct ram_block *block, uint64_t offset, uint8_t client);

// ---- I/O ports: one 64 KiB space of its own, same regions and sections.
uint64_t port_read(struct address_space *ports, uint16_t port, unsigned size);
void port_write(struct address_space *ports, uint16_t port, uint64_t value, unsigned size);

// Text of `info mtree` (tree; disabled: regions that are, too) and `info mtree -f` (flat view) through print(opaque, "...").
void address_space_print_tree(struct address_space *space, bool disabled, void (*print)(void *, const char *), void *opaque);
void address_space_print_flat(struct address_space *space, void (*print)(void *, const char *), void *opaque);
