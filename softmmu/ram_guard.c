// SPDX-License-Identifier: MIT
//
// The table of guarded ranges grows by chunks that are never freed or moved, so that the handler can walk it on any
// thread at any time. A row is valid while its start is not 0: written last, cleared first.
#include "softmmu/ram_guard.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_ROWS 64
#define STACK_SIZE (64 << 10)

struct row {
    _Atomic uintptr_t start;
    uintptr_t end;
    char *name, *path;
    uint64_t file_length;
    int fd;
    bool huge;
};
struct chunk { struct row rows[CHUNK_ROWS]; struct chunk *_Atomic next; };

static struct chunk first_chunk;
static void (*exit_callback)(void);
static struct sigaction previous;
static atomic_flag ending = ATOMIC_FLAG_INIT;

// ---- the table

static struct row *free_row(void)
{
    for (struct chunk *c = &first_chunk;; c = c->next) {
        for (int i = 0; i < CHUNK_ROWS; i++) {
            if (!c->rows[i].start)
                return &c->rows[i];
        }
        if (!c->next) {
            struct chunk *more = calloc(1, sizeof(*more));
            if (!more)
                abort();
            c->next = more;
        }
    }
}

void *ram_guard_add(const struct guarded_range *range)
{
    struct row *row = free_row();
    row->end = (uintptr_t)range->host + range->size;
    row->name = strdup(range->name);
    row->path = range->path ? strdup(range->path) : NULL;
    row->file_length = range->file_length;
    row->fd = range->fd;
    row->huge = range->huge;
    if (!row->name || (range->path && !row->path))
        abort();
    row->start = (uintptr_t)range->host;
    return row;
}

void ram_guard_remove(void *handle)
{
    struct row *row = handle;
    row->start = 0;
    free(row->name);
    free(row->path);
    row->name = row->path = NULL;
}

static struct row *find(uintptr_t address)
{
    for (struct chunk *c = &first_chunk; c; c = c->next) {
        for (int i = 0; i < CHUNK_ROWS; i++) {
            uintptr_t start = c->rows[i].start;
            if (start && address >= start && address < c->rows[i].end)
                return &c->rows[i];
        }
    }
    return NULL;
}

// ---- the handler: no stdio, no allocation, no locks

struct text { char bytes[5200]; size_t len; };

static void put(struct text *t, const char *s)
{
    for (; *s && t->len < sizeof(t->bytes) - 1; s++)
        t->bytes[t->len++] = *s;
}

static void put_number(struct text *t, uint64_t value)
{
    char digits[24], *p = digits + sizeof(digits);
    *--p = 0;
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    put(t, p);
}

static void put_cause(struct text *t, const struct row *row, int code)
{
    struct stat file;
    if (code == BUS_MCEERR_AR || code == BUS_MCEERR_AO) {
        put(t, "the host's memory has a hardware error");
        return;
    }
    if (!fstat(row->fd, &file) && S_ISREG(file.st_mode) && (uint64_t)file.st_size < row->file_length) {
        put(t, "its file was truncated to ");
        put_number(t, (uint64_t)file.st_size);
        put(t, " bytes, but ");
        put_number(t, row->file_length);
        put(t, " are in use by the guest");
        return;
    }
    put(t, row->huge ? "the host has no free huge page left" : "no room left on its file system, or an I/O error");
}

static void explain(const struct row *row, uintptr_t address, int code)
{
    struct text t = { .len = 0 };
    put(&t, "ramjet: ");
    put(&t, row->name);
    if (row->path) {
        put(&t, " (");
        put(&t, row->path);
        put(&t, ")");
    }
    put(&t, ": ");
    put_cause(&t, row, code);
    put(&t, " (at offset ");
    put_number(&t, address - row->start);
    put(&t, ")");
    t.bytes[t.len++] = '\n';
    // Nothing can be done when stderr takes nothing.
    for (size_t done = 0; done < t.len;) {
        ssize_t n = write(2, t.bytes + done, t.len - done);
        if (n <= 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    const struct row *row = info->si_code > 0 ? find((uintptr_t)info->si_addr) : NULL;
    if (!row) { // not guest memory: the instruction runs again and meets the handler that was there before
        sigaction(SIGBUS, &previous, NULL);
        if (info->si_code <= 0) // sent by somebody
            raise(SIGBUS);
        errno = saved;
        return;
    }
    while (atomic_flag_test_and_set(&ending)) // another thread is at it
        pause();
    if (exit_callback)
        exit_callback();
    explain(row, (uintptr_t)info->si_addr, info->si_code);
    _exit(1);
}

// A signal stack of this thread's own, unless it has one.
static void enter_thread(void)
{
    stack_t now;
    if (!sigaltstack(NULL, &now) && !(now.ss_flags & SS_DISABLE))
        return; // a sanitizer's does as well
    void *p = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return; // the handler then runs on the thread's own stack
    sigaltstack(&(stack_t){ .ss_sp = p, .ss_size = STACK_SIZE }, NULL);
}

void ram_guard_install(void (*before_exit)(void))
{
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    exit_callback = before_exit;
    enter_thread();
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}
