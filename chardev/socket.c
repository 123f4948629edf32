// SPDX-License-Identifier: MIT
//
// Unix and TCP sockets: a server takes one client at a time and waits for the next when it goes; a client connects once.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "chardev/internal.h"
#include "util/error.h"
#include "util/loop.h"

static void take_client(struct chardev *c, int fd)
{
    int on = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // small replies at once; fails on UNIX sockets
    chardev_set_fds(c, fd, fd);
    if (c->telnet)
        telnet_greet(c);
    chardev_send_event(c, CHARDEV_OPENED);
}

enum old_client { STAYS, LEFT, LEFT_INPUT };

static enum old_client look_at_client(const struct chardev *c)
{
    char byte;
    struct pollfd p = { .fd = c->fd_in };
    ssize_t n = recv(c->fd_in, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    bool hung_up = poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
    if (n > 0 && hung_up)
        return c->front && c->front->can_receive(c->opaque) ? LEFT_INPUT : LEFT;
    return hung_up || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ? LEFT : STAYS;
}

// One at a time: the newcomer takes over only when the old one is gone, and waits while there is something of its to read.
static void incoming(void *opaque, int events)
{
    struct chardev *c = opaque;
    enum old_client old_client = c->connected ? look_at_client(c) : LEFT;
    if (old_client == LEFT_INPUT)
        return;
    int fd = accept4(c->fd_listen, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (old_client == STAYS) {
        close(fd);
        return;
    }
    if (c->connected) {
        int old = c->fd_in;
        chardev_set_fds(c, -1, -1);
        close(old);
        chardev_send_event(c, CHARDEV_CLOSED);
    }
    take_client(c, fd);
}

static int unix_socket(const struct chardev *c, const char *path, bool server, struct error **errp)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        error_set(errp, "chardev '%s': UNIX socket path '%s' is too long (at most %zu characters)", c->id, path, sizeof address.sun_path - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); // a socket that somebody answers is not ours to take
        bool busy = !connect(probe, (struct sockaddr *)&address, sizeof address);
        close(probe);
        if (busy) {
            error_set(errp, "chardev '%s': Failed to bind socket to %s: Address already in use", c->id, path);
            close(fd);
            return -1;
        }
        unlink(path);
    }
    if (server ? bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1) : connect(fd, (struct sockaddr *)&address, sizeof address)) {
        error_set(errp, "chardev '%s': Failed to %s socket %s: %s", c->id, server ? "bind" : "connect to", path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static int tcp_socket(const struct chardev *c, bool server, struct error **errp)
{
    const char *host = chardev_option(c, "host"), *port = chardev_option(c, "port");
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = server ? AI_PASSIVE : 0 }, *list;
    if (!port) {
        error_set(errp, "chardev '%s': 'path' or 'port' is missing", c->id);
        return -1;
    }
    char *rest;
    unsigned long number = strtoul(port, &rest, 10);
    if (!*rest && (!number || number > 65535)) {
        error_set(errp, "chardev '%s': port %s is not 1 to 65535", c->id, port);
        return -1;
    }
    int failed = getaddrinfo(host && *host ? host : "127.0.0.1", port, &hints, &list);
    if (failed) {
        error_set(errp, "chardev '%s': address %s:%s: %s", c->id, host ? host : "127.0.0.1", port, gai_strerror(failed));
        return -1;
    }
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool bad = server ? bind(fd, list->ai_addr, list->ai_addrlen) || listen(fd, 1) : connect(fd, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    if (!bad)
        return fd;
    error_set(errp, "chardev '%s': %s port %s: %s", c->id, server ? "cannot listen on" : "cannot connect to", port, strerror(errno));
    close(fd);
    return -1;
}

// Wait for a client, or for a signal (-1). No signal gets lost between the message and the wait.
static int first_client(const struct chardev *c, int fd, const char *place)
{
    sigset_t all, old;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    fprintf(stderr, "ramjet: chardev '%s': waiting for connection on: %s\n", c->id, place);
    int ready = ppoll(&p, 1, NULL, &old);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ready > 0 ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
}

static bool socket_open(struct chardev *c, struct error **errp)
{
    const char *path = chardev_option(c, "path");
    bool server = chardev_option_bool(c, "server", false);
    if (chardev_option_bool(c, "telnet", false))
        c->telnet = telnet_new();
    int fd = path ? unix_socket(c, path, server, errp) : tcp_socket(c, server, errp);
    if (fd < 0)
        return false;
    if (!server) {
        take_client(c, fd);
        return true;
    }
    c->fd_listen = fd;
    if (chardev_option_bool(c, "wait", true)) {
        int client = first_client(c, fd, path ? path : chardev_option(c, "port"));
        if (client < 0) { // a signal: the user gave up
            unlink(path ? path : "");
            close(fd);
            c->fd_listen = -1;
            return error_set(errp, "chardev '%s': ended while waiting for a connection", c->id);
        }
        take_client(c, client);
    }
    loop_watch(c->list->loop, fd, LOOP_READ, incoming, c);
    return true;
}

static void socket_close(struct chardev *c)
{
    int fd = c->fd_in;
    chardev_set_fds(c, -1, -1);
    if (fd >= 0)
        close(fd);
    if (c->fd_listen >= 0) {
        loop_watch(c->list->loop, c->fd_listen, 0, NULL, NULL);
        close(c->fd_listen);
        if (chardev_option(c, "path"))
            unlink(chardev_option(c, "path"));
    }
}

void chardev_unlink_sockets(const struct chardev_list *list)
{
    for (const struct chardev *c = list->first; c; c = c->next) {
        const char *path = c->driver == &chardev_socket && c->fd_listen >= 0 ? chardev_option(c, "path") : NULL;
        if (path)
            unlink(path);
    }
}

static const char *const keys[] = { "path", "host", "port", "server", "wait", "telnet", "delay", NULL };
const struct chardev_driver chardev_socket = { .keys = keys, .name = "socket", .help = "path=FILE or host=,port= [,server=on[,wait=off]][,telnet=on]", .open = socket_open, .close = socket_close };
