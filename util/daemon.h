// SPDX-License-Identifier: MIT
//
// A process that goes on in the background, and the file with its number.
#pragma once
#include <stdbool.h>

struct error;

// Continue in a child, in a session of its own; the calling process waits for daemon_ready, or for the child's end, and exits with
// 0 or the child's exit status. Before any thread is started.
bool daemon_begin(struct error **errp);
// All is set up: standard input, output and errors go to /dev/null, and the waiting process ends.
void daemon_ready(void);
// Create the file and write this process's number into it. It is locked, so that two emulators do not share it.
bool pidfile_write(const char *path, struct error **errp);
// Remove it, if it was written.
void pidfile_remove(void);
