// SPDX-License-Identifier: MIT
//
// What the kinds of character devices share: the queue of output, the watch on input.
#pragma once
#include "chardev/chardev.h"

struct chardev_driver {
    const char *name, *help;
    const char *const *keys;   // known options besides id and mux, ends with NULL (NULL: none)
    // options: "path=..,server=on": values through chardev_option. Sets fds or starts listening.
    bool (*open)(struct chardev *c, struct error **errp);
    void (*close)(struct chardev *c);
    void (*write)(struct chardev *c, const uint8_t *data, size_t len); // NULL: to fd_out
    void (*accept)(struct chardev *c); // the front end can take more; NULL: input comes from fd_in
    struct text_size (*size)(const struct chardev *c); // of a terminal; NULL: ask the host about fd_out
};
extern const struct chardev_driver chardev_stdio, chardev_file, chardev_pty, chardev_null, chardev_socket, chardev_vc;

#define CHARDEV_OPTIONS 16
struct chardev {
    char *id;
    const struct chardev_driver *driver;
    struct chardev_list *list;
    struct chardev *next;
    const struct chardev_front *front;
    void *opaque;
    struct chardev_mux *mux;   // several fronts share it
    int fd_in, fd_out, fd_listen; // -1: none
    bool connected, terminal, watching, at_end;
    bool stalled;              // the host took nothing for a while: output is dropped until it does
    uint8_t *queue;            // output that the host has not taken yet
    size_t queued, queue_capacity;
    char *keys[CHARDEV_OPTIONS], *values[CHARDEV_OPTIONS];
    unsigned option_count;
    struct telnet *telnet;     // the socket's client speaks it; NULL: bytes as they are
    void *data;                // driver's own
};
struct gate;
struct chardev_list {
    struct loop *loop;
    struct chardev *first;
    const struct chardev_console *console;
    struct chardev_gate *gate;
    struct gate *gates;
};

const char *chardev_option(const struct chardev *c, const char *key); // NULL: not given
bool chardev_option_bool(const struct chardev *c, const char *key, bool absent);
// Input can or cannot be watched now; called when anything about it changed.
void chardev_update(struct chardev *c);
void chardev_set_fds(struct chardev *c, int in, int out);
void chardev_send_event(struct chardev *c, enum chardev_event event);
// mux.c: a chardev whose input goes to one of several fronts, switched by Ctrl-A c.
struct chardev_mux *mux_new(struct chardev *c);
void mux_free(struct chardev_mux *mux);
void mux_accept_input(struct chardev_mux *mux); // a front end can take more
bool mux_attach(struct chardev_mux *mux, const struct chardev_front *front, void *opaque, struct error **errp);
extern const struct chardev_front mux_front;
// Output goes to the end of the queue.
void chardev_queue(struct chardev *c, const uint8_t *data, size_t len);
// telnet.c
struct telnet *telnet_new(void);
void telnet_greet(struct chardev *c);                                      // a client came
size_t telnet_filter(struct chardev *c, uint8_t *data, size_t len);        // takes commands out, in place; returns what is left
void telnet_put(struct chardev *c, const uint8_t *data, size_t len);       // chardev_queue, escaped
// gate.c
void gate_wrap(struct chardev *c, const struct chardev_front **front, void **opaque);
void gate_detach(struct chardev *c);
void gate_accept_input(struct chardev *c);
void gate_free_all(struct chardev_list *list);
