// SPDX-License-Identifier: MIT
//
// Which parts of a RAM object can hold data.
#include "snapshot/ram_digest.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "softmmu/memory.h"

// [Linux Documentation/admin-guide/mm/pagemap.rst]: bit 63 present, 62 swapped.
#define PAGEMAP_USED (3ull << 62)

void ram_pages_open(struct ram_pages *pages)
{
    pages->pagemap = sysconf(_SC_PAGESIZE) == PAGE_SIZE ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;
}

void ram_pages_close(struct ram_pages *pages)
{
    if (pages->pagemap >= 0)
        close(pages->pagemap);
}

// Bytes behind a shared mapping may be there without being mapped.
bool ram_chunk_touched(const struct ram_pages *pages, const struct ram_block *ram, uint64_t offset)
{
    uint64_t rows[RAM_CHUNK / PAGE_SIZE];
    uint64_t len = ram->size - offset < RAM_CHUNK ? ram->size - offset : RAM_CHUNK;
    size_t bytes = len / PAGE_SIZE * sizeof rows[0];
    if (pages->pagemap < 0 || !ram->anonymous)
        return true;
    uint64_t first = ((uintptr_t)ram->host + offset) / PAGE_SIZE;
    if (pread(pages->pagemap, rows, bytes, (off_t)(first * sizeof rows[0])) != (ssize_t)bytes)
        return true;
    for (size_t i = 0; i < bytes / sizeof rows[0]; i++)
        if (rows[i] & PAGEMAP_USED)
            return true;
    return false;
}

bool ram_page_zero(const uint8_t *page)
{
    for (size_t i = 0; i < PAGE_SIZE; i += 64) {
        uint64_t w[8];
        memcpy(w, page + i, sizeof w);
        if (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7])
            return false;
    }
    return true;
}
