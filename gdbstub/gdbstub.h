// SPDX-License-Identifier: MIT
//
// The server of GDB's remote protocol: -s, -gdb DEV, and `gdbserver` in the monitor. One client at a time; its
// threads 1..N are the vCPUs. What it does to the guest goes through exec/debug.h. Machine thread only.
#pragma once
#include <stdbool.h>

struct error;
struct gdbstub;
struct machine;

// What the stub asks of the layers above.
struct gdbstub_ops {
    // A line of `monitor ...`; the output goes through print.
    void (*command)(struct machine *machine, const char *line, void (*print)(void *, const char *), void *opaque);
};
// Listens nowhere yet; machine->gdbstub names it.
struct gdbstub *gdbstub_new(struct machine *machine, const struct gdbstub_ops *ops);
// Listen on tcp:HOST:PORT (no HOST: this host only), unix:PATH, or another character device (pty, stdio, chardev:ID); "none"
// ends it. On false nothing has changed, but that the old place is closed when the new one cannot be opened.
bool gdbstub_open(struct gdbstub *stub, const char *device, struct error **errp);
// What a client wrote in a recorded run, as text (machine->gate.wrote): is it well formed, and do it again. False: refused.
bool gdbstub_check_write(struct machine *machine, const char *text, struct error **errp);
bool gdbstub_write(struct machine *machine, const char *text);
// The emulator ends with this status, or by a signal (not 0): a waiting client is told.
void gdbstub_free(struct gdbstub *stub, int status, int signal);
