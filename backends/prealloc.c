// SPDX-License-Identifier: MIT
//
// Preallocation: all pages of a new mapping are taken from the host, by several threads that touch nothing but those pages.
// The kernel does it and reports what is wrong (MADV_POPULATE_READ and _WRITE since 5.14); older ones are asked through
// /proc/self/mem, which gives an error where a plain access would end in SIGBUS.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "backends/internal.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

struct job { pthread_t thread; uint8_t *start; uint64_t len, page_size; bool writable, started; int error; };

int populate_by_file(uint8_t *host, uint64_t size, uint64_t page_size, bool writable)
{
    int fd = open("/proc/self/mem", (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC), error = fd < 0 ? errno : 0;
    for (uint64_t at = 0; !error && at < size; at += page_size) {
        uint8_t byte;
        off_t where = (off_t)(uintptr_t)(host + at);
        if (pread(fd, &byte, 1, where) != 1 || (writable && pwrite(fd, &byte, 1, where) != 1))
            error = errno ? errno : EIO;
    }
    if (fd >= 0)
        close(fd);
    return error;
}

static void *work(void *opaque)
{
    struct job *job = opaque;
    do
        job->error = madvise(job->start, job->len, job->writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) ? errno : 0;
    while (job->error == EINTR);
    if (job->error == EINVAL)
        job->error = populate_by_file(job->start, job->len, job->page_size, job->writable);
    return NULL;
}

int preallocate_pages(uint8_t *host, uint64_t size, uint64_t page_size, unsigned threads, bool writable)
{
    uint64_t pages = size / page_size, count = threads < pages ? threads : pages, from = 0;
    struct job *jobs = calloc(count ? count : 1, sizeof(*jobs));
    sigset_t all, old;
    int error = 0;
    if (!jobs)
        abort();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); // signals are for the machine thread
    for (uint64_t i = 0; i < count; i++) {
        uint64_t to = (uint64_t)((unsigned __int128)pages * (i + 1) / count);
        jobs[i] = (struct job){ .start = host + from * page_size, .len = (to - from) * page_size, .page_size = page_size,
                                .writable = writable };
        from = to;
        if (i + 1 < count)
            jobs[i].started = !pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    for (uint64_t i = count; i-- > 0;) { // the last share is ours; so is one that got no thread
        if (jobs[i].started)
            pthread_join(jobs[i].thread, NULL);
        else
            work(&jobs[i]);
        error = jobs[i].error ? jobs[i].error : error;
    }
    free(jobs);
    return error;
}
