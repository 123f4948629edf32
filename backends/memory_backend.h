// SPDX-License-Identifier: MIT
//
// Memory backends: host memory with a name (id), the bytes behind boot RAM or a DIMM. Types and their properties are tables
// (properties.c, properties.def); where the bytes come from is store.c, how they are mapped host_memory.c. The bytes are a
// ram_block, which lives until its last user lets go, whoever deletes the backend. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "softmmu/memory.h"

#define HOST_NODES_MAX 128 // as in QEMU

struct error;
struct backend_list;
enum memory_policy { POLICY_DEFAULT, POLICY_PREFERRED, POLICY_BIND, POLICY_INTERLEAVE };
enum rom_choice { ROM_AUTO, ROM_ON, ROM_OFF };
struct memory_backend {
    const char *type;           // "memory-backend-ram"
    char *id;
    uint64_t size;              // bytes; the ram_block has whole pages
    uint64_t alignment;         // of size and address of a DIMM made of it
    bool share, merge, dump, prealloc, reserve;
    bool merge_given, dump_given; // by name: the machine's word does not count
    uint32_t prealloc_threads;
    enum memory_policy policy;
    uint64_t host_nodes[HOST_NODES_MAX / 64]; // bit per host node
    char *mem_path;             // -file
    uint64_t align, offset;     // -file; align 0: what the host's pages ask for
    bool readonly, discard_data;
    enum rom_choice rom;        // ON or OFF once it exists
    bool hugetlb, seal;         // -memfd
    uint64_t hugetlbsize;       // 0: the host's default
    uint64_t page_size;         // of the host for these bytes
    struct ram_block *ram;
    bool busy;                  // a DIMM or the machine uses it
    const char *user;           // id of the user when busy, may be NULL
    struct memory_backend *next;
};

struct backend_list *backend_list_new(void);
void backend_list_free(struct backend_list *list);
// From here on no backend may be a file (-file, -mem-path); why: behind the type's name. Static.
void backend_list_refuse_files(struct backend_list *list, const char *why);
// -machine mem-merge=, dump-guest-core=: what merge and dump of later backends are unless they are given. On at first.
void backend_list_set_defaults(struct backend_list *list, bool merge, bool dump);
void backend_list_defaults(const struct backend_list *list, bool *merge, bool *dump);

// ---- coming and going

// "memory-backend-ram,id=m1,size=1G,...": the text after object_add. Commas in values are doubled; in a list of host nodes
// they may be single. A refused backend leaves no file, no mapping and no huge page behind.
struct memory_backend *backend_new(struct backend_list *list, const char *options, struct error **errp);
// The same with the messages of -object.
struct memory_backend *backend_new_option(struct backend_list *list, const char *options, struct error **errp);
// The same from names and values (QMP). A name may come more than once: the last wins, host-nodes add up.
struct memory_backend *backend_new_from(struct backend_list *list, const char *type, const char *const *names,
                                        const char *const *values, size_t count, struct error **errp);
// Refuses one in use.
bool backend_delete(struct backend_list *list, const char *id, struct error **errp);
struct memory_backend *backend_find(const struct backend_list *list, const char *id);
struct memory_backend *backend_first(const struct backend_list *list); // then ->next: in order of creation

// In use from now on (object_del refuses), and free again. user: static or the user's own text, may be NULL.
void backend_claim(struct memory_backend *backend, const char *user);
void backend_release(struct memory_backend *backend);
// Boot RAM without a backend of the user's: a new one, id "pc.ram", in mem_path (-mem-path; file or directory) unless that is
// NULL, all pages taken at once if prealloc (-mem-prealloc). Claimed by "machine". backend->ram is the block to map.
struct memory_backend *backend_new_boot(struct backend_list *list, const char *id, uint64_t size, const char *mem_path, bool prealloc,
                                        struct error **errp);
// Boot RAM (or a NUMA node's) by -machine memory-backend=ID: finds it, checks size, that it is free and can be written, claims it.
struct memory_backend *backend_take_boot(struct backend_list *list, const char *id, uint64_t size, struct error **errp);

// ---- properties

enum backend_kind {
    BACKEND_BOOL, BACKEND_SIZE, BACKEND_UINT32, BACKEND_STRING, BACKEND_POLICY, BACKEND_ROM, BACKEND_NODES,
    BACKEND_IGNORED, BACKEND_REFUSED, // accepted without a meaning; known but not there
};
struct backend_property {
    const char *name, *initial, *help; // initial: the default as text; "" none
    enum backend_kind kind;
    unsigned types;                    // bit per row of the table of types
    size_t offset;                     // of its field
};
// The property i of a type; NULL behind the last and for an unknown type.
const struct backend_property *backend_property(const char *type, size_t i);
const struct backend_property *backend_property_find(const char *type, const char *name);
const char *backend_kind_name(enum backend_kind kind); // "bool", "size"...
// The value as the text that sets it (sizes in bytes, on/off, node lists 0-2,5); malloced.
char *backend_get(const struct memory_backend *backend, const struct backend_property *property);
// Changes a property of an existing backend (qom-set): merge, dump, prealloc and prealloc-threads can be.
bool backend_set(struct memory_backend *backend, const char *name, const char *value, struct error **errp);
const char *memory_policy_name(enum memory_policy policy);
// "0-2,5" of the host nodes; malloced, "" when none.
char *backend_host_nodes(const struct memory_backend *backend);
bool backend_type_known(const char *type);
// The type i; NULL behind the last.
const char *backend_type(size_t i);
// "help", "?" or "TYPE,help": prints the types or the properties of one. False: no request for help.
bool backend_help(const char *options, void (*print)(void *, const char *), void *opaque);
