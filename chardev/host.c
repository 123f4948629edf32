// SPDX-License-Identifier: MIT
//
// Character devices on descriptors of the host: stdio, file, pty, null.
//
// stdio puts a terminal into raw mode (Ctrl-C goes to the guest only with a multiplexer or signal=off) and gives it
// back at the end, also after signals: main.c always frees the list.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "chardev/internal.h"
#include "util/error.h"

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

struct saved_terminal { struct termios attributes, raw; int flags_in, flags_out; bool changed; };

static bool stdio_open(struct chardev *c, struct error **errp)
{
    for (const struct chardev *other = c->list->first; other; other = other->next)
        if (other->driver == &chardev_stdio)
            return error_set(errp, "cannot use stdio by multiple character devices (mon:stdio shares it)");
    struct saved_terminal *saved = calloc(1, sizeof *saved);
    saved->flags_in = fcntl(0, F_GETFL);
    saved->flags_out = fcntl(1, F_GETFL);
    c->data = saved;
    c->terminal = isatty(0) && isatty(1);
    if (isatty(0) && !tcgetattr(0, &saved->attributes)) {
        struct termios raw = saved->attributes;
        raw.c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | IEXTEN);
        if (!chardev_option_bool(c, "signal", !chardev_option_bool(c, "mux", false)))
            raw.c_lflag &= ~(unsigned)ISIG;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        saved->raw = raw;
        tcsetattr(0, TCSANOW, &raw);
        saved->changed = true;
    }
    set_nonblocking(0);
    set_nonblocking(1); // a reader that stopped must not stop us
    chardev_set_fds(c, 0, 1);
    return true;
}

void chardev_terminal(struct chardev_list *list, bool raw)
{
    for (const struct chardev *c = list->first; c; c = c->next) {
        const struct saved_terminal *saved = c->driver == &chardev_stdio ? c->data : NULL;
        if (saved && saved->changed)
            tcsetattr(0, TCSANOW, raw ? &saved->raw : &saved->attributes);
        if (saved) {
            fcntl(0, F_SETFL, raw ? saved->flags_in | O_NONBLOCK : saved->flags_in);
            fcntl(1, F_SETFL, raw ? saved->flags_out | O_NONBLOCK : saved->flags_out);
        }
    }
}

static void stdio_close(struct chardev *c)
{
    struct saved_terminal *saved = c->data;
    if (saved->changed)
        tcsetattr(0, TCSANOW, &saved->attributes);
    fcntl(0, F_SETFL, saved->flags_in);
    fcntl(1, F_SETFL, saved->flags_out);
    free(saved);
}
static const char *const stdio_keys[] = { "signal", NULL }, *const file_keys[] = { "path", "append", NULL };
const struct chardev_driver chardev_stdio = { .keys = stdio_keys, .name = "stdio", .help = "standard input and output [signal=on|off]", .open = stdio_open, .close = stdio_close };

static bool file_open(struct chardev *c, struct error **errp)
{
    const char *path = chardev_option(c, "path");
    if (!path)
        return error_set(errp, "chardev '%s': 'path' is missing", c->id);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (chardev_option_bool(c, "append", false) ? O_APPEND : O_TRUNC), 0666);
    if (fd < 0)
        return error_set(errp, "chardev '%s': cannot open '%s': %s", c->id, path, strerror(errno));
    chardev_set_fds(c, -1, fd);
    return true;
}

static void fd_close(struct chardev *c)
{
    int in = c->fd_in, out = c->fd_out;
    chardev_set_fds(c, -1, -1);
    if (in >= 0)
        close(in);
    if (out >= 0 && out != in)
        close(out);
}

static void file_write(struct chardev *c, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(c->fd_out, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            warn_report("chardev '%s': cannot write: %s", c->id, strerror(errno));
            fd_close(c);
            return;
        }
        data += n;
        len -= (size_t)n;
    }
}

static void file_output(struct chardev *c, const uint8_t *data, size_t len)
{
    if (c->fd_out >= 0)
        file_write(c, data, len);
}
const struct chardev_driver chardev_file = { .keys = file_keys, .name = "file", .help = "output to a file: path=FILE[,append=on]", .open = file_open, .close = fd_close, .write = file_output };

static bool pty_open(struct chardev *c, struct error **errp)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || grantpt(fd) || unlockpt(fd))
        return error_set(errp, "chardev '%s': cannot make a pty: %s", c->id, strerror(errno));
    fprintf(stderr, "char device redirected to %s (label %s)\n", ptsname(fd), c->id);
    int other = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC); // stays open: no hangup without a reader
    struct termios raw;
    if (other >= 0 && !tcgetattr(other, &raw)) {
        cfmakeraw(&raw);
        tcsetattr(other, TCSANOW, &raw);
    }
    c->fd_listen = -1;
    c->data = (void *)(intptr_t)other;
    c->terminal = true;
    set_nonblocking(fd);
    chardev_set_fds(c, fd, fd);
    return true;
}

static void pty_close(struct chardev *c)
{
    close((int)(intptr_t)c->data);
    fd_close(c);
}

// A pty that nobody reads must not hold the guest up: what does not fit is dropped.
static void pty_write(struct chardev *c, const uint8_t *data, size_t len)
{
    if (c->fd_out >= 0 && write(c->fd_out, data, len) < 0)
        return;
}
const struct chardev_driver chardev_pty = { .name = "pty", .help = "a pseudo terminal of the host (its name is printed)", .open = pty_open, .close = pty_close, .write = pty_write };

static bool null_open(struct chardev *c, struct error **errp)
{
    c->connected = true;
    return true;
}
const struct chardev_driver chardev_null = { .name = "null", .help = "nothing", .open = null_open };
