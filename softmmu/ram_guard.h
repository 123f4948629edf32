// SPDX-License-Identifier: MIT
//
// What happens when the host cannot give a page of guest memory any more: another process truncated the file behind it,
// its file system or the pool of huge pages is full, the disk or the memory failed. The kernel says so by SIGBUS, in the middle of
// generated code or of a monitor command. There is no way on for the guest: the handler names backend and cause on
// stderr, lets the caller restore the terminal, and ends the process with exit status 1.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct guarded_range {
    const void *host;      // page aligned
    uint64_t size;         // bytes mapped
    const char *name;      // "memory backend 'm1'"; copied
    const char *path;      // of the file, or NULL; copied
    int fd;                // open as long as the range is registered
    uint64_t file_length;  // what the file must at least have
    bool huge;             // huge pages of the host
};

// Machine thread only. The handle of a range is what remove takes.
void *ram_guard_add(const struct guarded_range *range);
void ram_guard_remove(void *handle);
// Installs the handler, with a stack of its own for this thread. before_exit is called inside the handler: async-signal-safe
// functions only; may be NULL. A SIGBUS elsewhere goes to the handler that was there before.
void ram_guard_install(void (*before_exit)(void));
