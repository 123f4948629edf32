// SPDX-License-Identifier: MIT
//
// RAM objects: host memory and the metadata of its pages, both mapped without reserve, so that the host gives pages
// only when they are touched. Machine thread only (ids are counted without a lock).
#include "softmmu/memory.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "util/error.h"

#define HUGE_SIZE (2ull << 20)

_Static_assert(sizeof(struct page_info) == 64, "one cache line a page");

static uint32_t last_id;

static void *map_zero(uint64_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

// Aligned for the host's huge pages where that can help: cuts what is too much off both ends.
static void *map_ram(uint64_t size)
{
    if (size < HUGE_SIZE)
        return map_zero(size);
    uint8_t *p = map_zero(size + HUGE_SIZE);
    if (!p)
        return NULL;
    uint64_t before = -(uintptr_t)p & (HUGE_SIZE - 1), after = HUGE_SIZE - before;
    if (before)
        munmap(p, before);
    if (after)
        munmap(p + before + size, after);
    madvise(p + before, size, MADV_HUGEPAGE); // no: then small pages
    return p + before;
}

static struct ram_block *block_new(const char *name, void *host, uint64_t size)
{
    struct ram_block *block = calloc(1, sizeof(*block));
    if (!block)
        abort();
    *block = (struct ram_block){ .name = strdup(name), .host = host, .size = size, .id = ++last_id, .references = 1, .use = 1 };
    if (size)
        block->pages = map_zero(size / PAGE_SIZE * sizeof(struct page_info));
    if (!block->name)
        abort();
    return block;
}

static void block_free(struct ram_block *block)
{
    if (block->pages)
        munmap(block->pages, block->size / PAGE_SIZE * sizeof(struct page_info));
    free(block->name);
    free(block);
}

struct ram_block *ram_block_new(const char *name, uint64_t size, struct error **errp)
{
    if (size % PAGE_SIZE) {
        error_set(errp, "memory '%s': size %llu is not a multiple of %u", name, (unsigned long long)size, PAGE_SIZE);
        return NULL;
    }
    void *host = size ? map_ram(size) : NULL;
    struct ram_block *block = size && !host ? NULL : block_new(name, host, size);
    if (block)
        block->anonymous = true;
    if (block && (!size || block->pages))
        return block;
    error_set(errp, "memory '%s': cannot get %llu bytes: %s", name, (unsigned long long)size, strerror(errno));
    if (host)
        munmap(host, size);
    if (block)
        block_free(block);
    return NULL;
}

struct ram_block *ram_block_wrap(const char *name, void *host, uint64_t size,
                                 void (*free_host)(struct ram_block *), void *owner)
{
    assert(size % PAGE_SIZE == 0 && (uintptr_t)host % PAGE_SIZE == 0);
    struct ram_block *block = block_new(name, host, size);
    if (size && !block->pages) {
        block_free(block);
        errno = ENOMEM;
        return NULL;
    }
    block->free_host = free_host;
    block->owner = owner;
    return block;
}

void ram_block_begin_use(struct ram_block *block)
{
    block->use++;
    block->used_pages = 0;
}

void ram_block_ref(struct ram_block *block)
{
    block->references++;
}

void ram_block_unref(struct ram_block *block)
{
    if (!block)
        return;
    assert(block->references);
    if (--block->references)
        return;
    if (block->free_host)
        block->free_host(block);
    else if (block->host)
        munmap(block->host, block->size);
    block_free(block);
}
