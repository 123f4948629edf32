// SPDX-License-Identifier: MIT
//
// Character devices on the host's side: where a serial port's or a monitor's bytes go. A front end
// (serial port, monitor) attaches; input is offered only when it says that it can take some. All calls on the machine
// thread. Output never blocks the guest for ever: what the host does not take now is queued (bounded; see drop rule in
// chardev.c).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/width.h"

struct error;
struct loop;
struct chardev;
enum chardev_event { CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK, CHARDEV_RESIZED,
    CHARDEV_DRAINED, // the host took all queued output
};
struct chardev_front {
    size_t (*can_receive)(void *opaque);                       // bytes that receive will take now
    void (*receive)(void *opaque, const uint8_t *data, size_t len);
    void (*event)(void *opaque, enum chardev_event event);     // may be NULL
    bool guest;                                                // input goes into the guest: through the list's gate, if any
};
struct chardev_list; // all of a machine, by id

// Attach a front end (NULL detaches). One front a device, except the multiplexer (mux=on, mon:).
bool chardev_attach(struct chardev *chardev, const struct chardev_front *front, void *opaque, struct error **errp);
void chardev_write(struct chardev *chardev, const void *data, size_t len);
// Output that the host has not taken yet, in bytes. CHARDEV_DRAINED follows when there was some.
size_t chardev_queued(const struct chardev *chardev);
// The front end can take more input now.
void chardev_accept_input(struct chardev *chardev);
const char *chardev_id(const struct chardev *chardev);
bool chardev_is_terminal(const struct chardev *chardev);      // line editing makes sense
struct text_size chardev_size(const struct chardev *chardev); // of a terminal, as it is now
bool chardev_has_front(const struct chardev *chardev);
bool chardev_connected(const struct chardev *chardev);

struct chardev_list *chardev_list_new(struct loop *loop);
void chardev_delete(struct chardev *chardev);                   // not from its own callbacks; detached first
void chardev_list_free(struct chardev_list *list);             // flushes output, restores the terminal, unlinks sockets
// "-chardev" syntax: stdio,id=x | file,id=,path= | socket,id=,path=,server=on,wait=off | null,id= | pty,id= | pipe ...,mux=on
struct chardev *chardev_new(struct chardev_list *list, const char *options, struct error **errp);
// legacy.c: short spelling of -serial/-monitor/-qmp: stdio, file:PATH, unix:PATH[,server][,nowait], tcp:HOST:PORT[,...],
// telnet:HOST:PORT[,...], null, pty, vc, each with mon: before it; chardev:ID, none. Returns NULL without error for "none".
struct chardev *chardev_from_legacy(struct chardev_list *list, const char *label, const char *text, struct error **errp);
// Give the terminal back (a stop, a crash), or take it again. For signal handlers, too.
void chardev_terminal(struct chardev_list *list, bool raw);
// The process is about to end without chardev_list_free: removes the sockets' files. For signal handlers, too.
void chardev_unlink_sockets(const struct chardev_list *list);
struct chardev *chardev_find(struct chardev_list *list, const char *id);
// Call fn for each: its id, and driver and place ("unix:/tmp/x,server=on", "disconnected:" before it).
void chardev_each(const struct chardev_list *list, void (*fn)(void *opaque, const char *id, const char *what), void *opaque);
void chardev_print_help(void (*print)(void *, const char *), void *opaque);

// Text consoles of a window, for the kind "vc": filled by who shows them, before character devices are made (until then vc is
// refused). Machine thread. `write` queues; it may wait for a reader that is slow, not for ever.
struct chardev_console {
    void *(*open)(void *opaque, struct chardev *chardev, struct error **errp);
    void (*write)(void *console, const uint8_t *data, size_t len);
    void (*close)(void *console);
    struct text_size (*size)(void *console);
    void *opaque;
};
void chardev_set_console(struct chardev_list *list, const struct chardev_console *console);
// What was typed into the console of a vc; what its front end does not take yet waits.
void chardev_console_input(struct chardev *chardev, const void *data, size_t len);
// ---- gate.c: host input for the guest taken at chosen moments. Set before the fronts attach; `gate` must outlive them. Fronts
// with `guest` are numbered in the order in which they attach.
struct chardev_gate {
    void (*input)(void *opaque, unsigned index, const uint8_t *data, size_t len); // deliver it later
    void (*line_break)(void *opaque, unsigned index);
    void *opaque;
    bool closed;                                               // no host input is taken at all
};
void chardev_list_set_gate(struct chardev_list *list, struct chardev_gate *gate);
bool chardev_gate_exists(struct chardev_list *list, unsigned index);
// Now; what the front does not take waits for it. announced: these bytes came through gate->input.
void chardev_gate_deliver(struct chardev_list *list, unsigned index, const void *data, size_t len, bool announced);
void chardev_gate_break(struct chardev_list *list, unsigned index);
void chardev_gate_each(struct chardev_list *list, void (*fn)(void *opaque, unsigned index, const uint8_t *waiting, size_t len), void *opaque);
