// SPDX-License-Identifier: MIT
//
// Mapping: a range of addresses first, aligned for the host's pages, then the bytes over it, then what was wished (KSM, core
// dumps, NUMA policy, preallocation). The ram_block owns mapping and file from then on.
#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "backends/internal.h"
#include "softmmu/ram_guard.h"
#include "util/error.h"
#include "util/format.h"

// Owned by the ram_block: lives as long as the bytes do.
struct mapping { struct store store; void *guard; bool discard; };

static void free_mapping(struct ram_block *block)
{
    struct mapping *m = block->owner;
    if (m->discard)
        madvise(block->host, block->size, MADV_REMOVE); // a file system without holes keeps the contents
    if (m->guard)
        ram_guard_remove(m->guard);
    munmap(block->host, block->size);
    store_close(&m->store);
    free(m);
}

// Addresses without memory behind them.
static uint8_t *take_addresses(uint64_t size, uint64_t alignment)
{
    if (size > UINT64_MAX - alignment)
        return NULL;
    uint8_t *p = mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    uint64_t before = -(uintptr_t)p & (alignment - 1);
    if (before)
        munmap(p, before);
    if (alignment - before)
        munmap(p + before + size, alignment - before);
    return p + before;
}

static void explain_memory(const struct memory_backend *b, uint64_t size, struct error **errp)
{
    error_hint(errp, "%s are asked for, the host has %s available%s.", size_text(size).text, size_text(host_memory_available() >> 20 << 20).text,
               b->reserve ? " (reserve=off takes what is not there yet when the guest uses it)" : "");
}

static bool no_memory(const struct memory_backend *b, const struct store *s, uint64_t size, int error, struct error **errp)
{
    char text[160];
    if (s->fd < 0)
        snprintf(text, sizeof(text), "cannot set up guest memory '%.80s': %s", b->id, strerror(error));
    else
        snprintf(text, sizeof(text), "unable to map backing store for guest RAM: %s", strerror(error));
    if (s->huge && error == ENOMEM)
        explain_huge_pages(errp, text, s->page_size, size);
    else if (s->path)
        error_set(errp, "%s (%s)", text, s->path);
    else
        error_set(errp, "%s", text);
    if (s->fd < 0 && error == ENOMEM)
        explain_memory(b, size, errp);
    return false;
}

static bool bind_memory(const struct memory_backend *b, void *host, uint64_t size, struct error **errp)
{
    static const int modes[] = { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE };
    unsigned long nodes[HOST_NODES_MAX / 64];
    if (b->policy == POLICY_DEFAULT)
        return true;
    for (unsigned i = 0; i < HOST_NODES_MAX / 64; i++)
        nodes[i] = (unsigned long)b->host_nodes[i];
    if (!syscall(SYS_mbind, host, size, modes[b->policy], nodes, HOST_NODES_MAX + 1, MPOL_MF_STRICT | MPOL_MF_MOVE))
        return true;
    int error = errno;
    char *wanted = backend_host_nodes(b), *online = host_nodes_online();
    error_set(errp, "cannot bind memory to host NUMA nodes: %s (host-nodes=%s, policy=%s; the host has %s)", strerror(error), wanted,
              memory_policy_name(b->policy), online);
    free(wanted);
    free(online);
    return false;
}

// A policy that the host refuses is refused before huge pages are reserved for the bytes.
static uint8_t *map_bytes(const struct memory_backend *b, const struct store *s, uint64_t size, struct error **errp)
{
    uint64_t alignment = s->page_size > HUGE_SIZE ? s->page_size : size >= HUGE_SIZE ? HUGE_SIZE : s->page_size;
    int protection = PROT_READ | (b->rom == ROM_ON ? 0 : PROT_WRITE);
    int flags = MAP_FIXED | (s->fd < 0 ? MAP_ANONYMOUS : 0) | (b->share ? MAP_SHARED : MAP_PRIVATE) | (b->reserve ? 0 : MAP_NORESERVE);
    uint8_t *p = take_addresses(size, alignment);
    if (!p) {
        no_memory(b, s, size, ENOMEM, errp);
        return NULL;
    }
    bool good = bind_memory(b, p, size, errp);
    if (good && mmap(p, size, protection, flags, s->fd, (off_t)s->offset) != MAP_FAILED)
        return p;
    if (good)
        no_memory(b, s, size, errno, errp);
    munmap(p, size);
    return NULL;
}

// The host may lack any of these: they are wishes.
void backend_advise(const struct memory_backend *b, void *host, uint64_t size)
{
    madvise(host, size, b->merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
    madvise(host, size, b->dump ? MADV_DODUMP : MADV_DONTDUMP);
}

bool backend_preallocate(const struct memory_backend *b, uint8_t *host, uint64_t size, struct error **errp)
{
    uint64_t page = b->page_size ? b->page_size : PAGE_SIZE;
    int error = preallocate_pages(host, size, page, b->prealloc_threads, b->rom != ROM_ON);
    if (!error)
        return true;
    char text[160];
    snprintf(text, sizeof(text), "preallocating memory for '%.80s' failed: %s", b->id, strerror(error));
    if (page > PAGE_SIZE)
        explain_huge_pages(errp, text, page, size);
    else
        error_set(errp, "%s", text);
    if (error == EFAULT || error == EIO)
        error_hint(errp, "Its backing store has no room left, or became shorter.");
    return false;
}

// What the host cannot have is refused before the host has to kill somebody for it.
static bool check_available(const struct memory_backend *b, const struct store *s, uint64_t size, struct error **errp)
{
    uint64_t available = host_memory_available(), need = s->missing < size ? s->missing : size;
    if (!b->prealloc || s->huge || (s->fd >= 0 && !s->tmpfs && b->share))
        return true;
    need = s->fd >= 0 && !b->share ? size : need;
    return need <= available || error_set(errp, "preallocating memory for '%s' failed: %s: 0x%" PRIx64 " bytes are needed, 0x%" PRIx64
                                          " are available on the host", b->id, strerror(ENOMEM), need, available);
}

static void guard(const struct memory_backend *b, struct mapping *m, void *host, uint64_t size)
{
    char name[200];
    snprintf(name, sizeof(name), "memory backend '%.160s'", b->id);
    if (m->store.fd >= 0)
        m->guard = ram_guard_add(&(struct guarded_range){ .host = host, .size = size, .name = name, .path = m->store.path,
                                 .fd = m->store.fd, .file_length = m->store.length, .huge = m->store.huge });
}

static bool make_block(struct memory_backend *b, struct mapping *m, uint8_t *host, uint64_t size, struct error **errp)
{
    if (!m->store.huge && b->rom != ROM_ON)
        madvise(host, size, MADV_HUGEPAGE); // no: then small pages
    backend_advise(b, host, size);
    b->page_size = m->store.page_size;
    if (!bind_memory(b, host, size, errp) || (b->prealloc && !backend_preallocate(b, host, size, errp)))
        return false;
    b->ram = ram_block_wrap(b->id, host, size, free_mapping, m);
    if (!b->ram)
        return no_memory(b, &m->store, size, errno, errp);
    b->ram->readonly = b->rom == ROM_ON;
    b->ram->anonymous = m->store.fd < 0 && !b->share;
    return true;
}

// What the user should know of a backend that was made.
static void report(const struct memory_backend *b, const struct store *s, uint64_t size)
{
    if (s->created) {
        warn_report("memory backend '%s': created new file %s%s%s%s; it stays when the backend goes", b->id, s->path,
                    s->huge ? " (huge pages of " : "", s->huge ? size_text(s->page_size).text : "", s->huge ? ")" : "");
    }
    if (b->mem_path && strstr(b->mem_path, "huge") && !s->huge) // a mount that somebody forgot
        warn_report("memory backend '%s': no hugetlbfs is mounted at %s: its pages are of the ordinary size", b->id, b->mem_path);
    if (s->huge && !b->reserve && huge_pages_free(s->page_size) < size / s->page_size)
        warn_report("memory backend '%s': the host has %" PRIu64 " of %" PRIu64
                    " huge pages free, and reserve=off does not keep any: the emulator ends when one is missing",
                    b->id, huge_pages_free(s->page_size), size / s->page_size);
}

bool backend_map(struct memory_backend *b, struct error **errp)
{
    struct mapping *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    if (b->rom == ROM_AUTO)
        b->rom = b->readonly ? ROM_ON : ROM_OFF;
    if (!store_open(b, &m->store, errp)) {
        free(m);
        return false;
    }
    // An odd size is refused where it matters: a DIMM needs a multiple of `alignment`.
    uint64_t size = b->size > INT64_MAX ? UINT64_MAX : (b->size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    uint8_t *host = check_available(b, &m->store, size, errp) ? map_bytes(b, &m->store, size, errp) : NULL;
    if (!host || !make_block(b, m, host, size, errp)) {
        if (host)
            munmap(host, size);
        store_undo(&m->store);
        free(m);
        return false;
    }
    guard(b, m, host, size);
    m->discard = b->discard_data && b->share && b->rom != ROM_ON;
    // A file's pages decide; anonymous memory is aligned for huge pages.
    b->alignment = m->store.fd >= 0 ? m->store.page_size : HUGE_SIZE;
    if (b->align > b->alignment)
        b->alignment = b->align;
    report(b, &m->store, size);
    return true;
}
