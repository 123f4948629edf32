// SPDX-License-Identifier: MIT
//
// Memory backends: host memory with a name (id), the bytes behind boot RAM or a DIMM. Types are rows of a table in
// memory_backend.c; memory-backend-ram is anonymous memory. The bytes are a ram_block, which lives until its last user
// lets go, whoever deletes the backend. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "softmmu/memory.h"

struct error;
struct backend_list;
enum memory_policy { POLICY_DEFAULT, POLICY_PREFERRED, POLICY_BIND, POLICY_INTERLEAVE };
struct memory_backend {
    const char *type;           // "memory-backend-ram"
    char *id;
    uint64_t size, alignment;   // bytes; alignment: of size and address of a DIMM made of it
    bool share, merge, dump, prealloc, reserve;
    uint32_t prealloc_threads;
    enum memory_policy policy;
    uint64_t host_nodes[16];    // bit per host node
    struct ram_block *ram;
    bool busy;                  // a DIMM or the machine uses it
    const char *user;           // id of the user when busy, may be NULL
    struct memory_backend *next;
};

struct backend_list *backend_list_new(void);
void backend_list_free(struct backend_list *list);
// "-object memory-backend-ram,id=m1,size=1G,...": the text after -object / object_add. Commas in values are doubled.
struct memory_backend *backend_new(struct backend_list *list, const char *options, struct error **errp);
// The same from names and values (QMP).
struct memory_backend *backend_new_from(struct backend_list *list, const char *type, const char *const *names,
                                        const char *const *values, size_t count, struct error **errp);
// Refuses one in use.
bool backend_delete(struct backend_list *list, const char *id, struct error **errp);
struct memory_backend *backend_find(const struct backend_list *list, const char *id);
struct memory_backend *backend_first(const struct backend_list *list); // then ->next: in order of creation
const char *memory_policy_name(enum memory_policy policy);
// "0-2,5" of the host nodes; malloced, "" when none.
char *backend_host_nodes(const struct memory_backend *backend);
bool backend_type_known(const char *type);
void backend_print_help(void (*print)(void *, const char *), void *opaque);
