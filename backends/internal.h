// SPDX-License-Identifier: MIT
//
// Between the files of backends/: the stages of a backend's creation. parse -> check -> store_open -> map.
#pragma once
#include "backends/memory_backend.h"

#define HUGE_SIZE (2ull << 20)

// ---- properties.c
// A backend with the defaults of a type, not in any list. NULL for an unknown type.
struct memory_backend *backend_alloc(const char *type, struct error **errp);
void backend_free(struct memory_backend *backend);
// command_line: in the words of -object.
bool backend_set_initial(struct memory_backend *backend, const char *name, const char *value, bool command_line, struct error **errp);
// What holds between properties.
bool backend_check(const struct memory_backend *backend, struct error **errp);

// ---- text.c
// A backend with the values of the text, not checked against each other. NULL and *errp.
struct memory_backend *backend_parse(const char *options, bool command_line, struct error **errp);

// ---- store.c: where the bytes are
struct store {
    int fd;                // -1: anonymous memory
    uint64_t page_size;    // of the host for these bytes
    uint64_t offset;       // of the first byte in the file
    uint64_t length;       // of the file, as it must be while it is mapped; 0: has none (device)
    uint64_t missing;      // bytes for which nothing is allocated yet
    bool huge, tmpfs;
    char *path;            // for messages; NULL: has no name
    bool named;            // path is a file's
    bool created, grown;   // what store_undo takes back: the file, its length
};
// Opens or makes what the backend's type says, and checks sizes, lengths and room. Nothing is left when it fails.
bool store_open(const struct memory_backend *backend, struct store *store, struct error **errp);
// The backend was refused: the file is as before.
void store_undo(struct store *store);
void store_close(struct store *store);

// ---- host_memory.c
// Makes backend->ram, page_size, alignment and rom. The host is as before when it fails.
bool backend_map(struct memory_backend *backend, struct error **errp);
// madvise as backend->merge and backend->dump say.
void backend_advise(const struct memory_backend *backend, void *host, uint64_t size);
bool backend_preallocate(const struct memory_backend *backend, uint8_t *host, uint64_t size, struct error **errp);

// ---- prealloc.c: 0 or an errno value. writable: get pages for stores, too. Contents stay.
int preallocate_pages(uint8_t *host, uint64_t size, uint64_t page_size, unsigned threads, bool writable);
// How one thread does it on kernels without MADV_POPULATE (before 5.14).
int populate_by_file(uint8_t *host, uint64_t size, uint64_t page_size, bool writable);

// ---- host_info.c
// "need 64 pages of 2 MiB, 0 free of 0, 0 reserved..." after the message; a hint that says how to get them.
void explain_huge_pages(struct error **errp, const char *message, uint64_t page_size, uint64_t bytes);
uint64_t huge_pages_free(uint64_t page_size); // neither used nor reserved
char *huge_page_sizes(void);     // "2 MiB, 1 GiB"; malloced
uint64_t host_memory_available(void); // bytes without pushing others out; UINT64_MAX: unknown
char *host_nodes_online(void);   // "0-1"; malloced
