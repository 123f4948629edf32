// SPDX-License-Identifier: MIT
//
// Two views of one memory. memfd first; a temporary file where memfd does not exist; else one mapping whose protection is
// toggled around each write.
#define _GNU_SOURCE
#include "tcg/code_buffer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "util/error.h"

static bool map_twice(struct code_buffer *b, int fd, size_t size)
{
    if (ftruncate(fd, (off_t)size))
        return false;
    void *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (rw == MAP_FAILED)
        return false;
    void *rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    if (rx == MAP_FAILED) {
        munmap(rw, size);
        return false;
    }
    b->rw = rw;
    b->rx = rx;
    return true;
}

static bool by_memfd(struct code_buffer *b, size_t size)
{
    int fd = memfd_create("ramjet-code", MFD_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = map_twice(b, fd, size);
    close(fd);
    return ok;
}

static bool by_file(struct code_buffer *b, size_t size)
{
    char path[] = "/tmp/ramjet-code-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return false;
    unlink(path);
    bool ok = map_twice(b, fd, size);
    close(fd);
    return ok;
}

static bool by_toggle(struct code_buffer *b, size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    b->rw = b->rx = p;
    b->writable = true;
    return true;
}

bool code_buffer_init(struct code_buffer *b, size_t size, enum code_buffer_mode mode, struct error **errp)
{
    static bool (*const how[])(struct code_buffer *, size_t) = {
        [CODE_BUFFER_MEMFD] = by_memfd, [CODE_BUFFER_FILE] = by_file, [CODE_BUFFER_TOGGLE] = by_toggle,
    };
    memset(b, 0, sizeof *b);
    unsigned first = mode == CODE_BUFFER_AUTO ? CODE_BUFFER_MEMFD : mode, last = mode == CODE_BUFFER_AUTO ? CODE_BUFFER_TOGGLE : mode;
    for (unsigned m = first; m <= last; m++) {
        if (how[m](b, size)) {
            b->size = b->limit = size;
            b->mode = (enum code_buffer_mode)m;
            return true;
        }
    }
    return error_set(errp, "cannot map %zu MiB for generated code: %s", size >> 20, strerror(errno));
}

void code_buffer_release(struct code_buffer *b)
{
    if (b->rw)
        munmap(b->rw, b->size);
    if (b->rx && b->rx != b->rw)
        munmap(b->rx, b->size);
    memset(b, 0, sizeof *b);
}

void code_buffer_begin_write(struct code_buffer *b)
{
    if (b->mode == CODE_BUFFER_TOGGLE && !b->writable) {
        mprotect(b->rw, b->size, PROT_READ | PROT_WRITE);
        b->writable = true;
    }
}

void code_buffer_end_write(struct code_buffer *b, const uint8_t *rx_start, size_t length)
{
    if (b->mode == CODE_BUFFER_TOGGLE && b->writable) {
        mprotect(b->rw, b->size, PROT_READ | PROT_EXEC);
        b->writable = false;
    }
    __builtin___clear_cache((char *)rx_start, (char *)rx_start + length);
}
