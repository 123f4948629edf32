// SPDX-License-Identifier: MIT
//
// chardev/: a socket with its multiplexer, files, and what is refused.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "chardev/chardev.h"
#include "tests/unit/tap.h"
#include "util/error.h"
#include "util/loop.h"

struct end { char text[256]; size_t len, room; unsigned opened, closed, breaks, focused; };

static size_t can_receive(void *opaque) { return ((struct end *)opaque)->room; }

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct end *e = opaque;
    memcpy(e->text + e->len, data, len);
    e->len += len;
    e->text[e->len] = 0;
    e->room -= len;
}

static void event(void *opaque, enum chardev_event what)
{
    struct end *e = opaque;
    e->opened += what == CHARDEV_OPENED;
    e->closed += what == CHARDEV_CLOSED;
    e->breaks += what == CHARDEV_BREAK;
    e->focused += what == CHARDEV_RESIZED;
}

static const struct chardev_front front = { .can_receive = can_receive, .receive = receive, .event = event };

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) ? -1 : fd;
}

static void spin(struct loop *loop)
{
    for (int i = 0; i < 20; i++)
        loop_dispatch(loop, 5000000);
}

static void say(struct loop *loop, int fd, const char *text)
{
    tap_ok(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "client writes");
    spin(loop);
}

static void test_mux(struct loop *loop, struct chardev_list *list, const char *path)
{
    struct end serial = { .room = 4 }, monitor = { .room = 100 };
    char text[300], got[64];
    snprintf(text, sizeof text, "socket,id=s,path=%s,server=on,wait=off,mux=on", path);
    struct chardev *c = chardev_new(list, text, NULL);
    if (!tap_ok(c && chardev_attach(c, &front, &serial, NULL) && chardev_attach(c, &front, &monitor, NULL), "a mux takes two front ends"))
        return;
    chardev_write(c, "nobody hears this", 17);
    int fd = connect_to(path);
    spin(loop);
    tap_ok(fd >= 0 && chardev_connected(c) && serial.opened == 1, "a client is there");
    say(loop, fd, "abcdefgh");
    tap_ok(!strcmp(serial.text, "abcd"), "the front end gets what it takes: '%s'", serial.text);
    say(loop, fd, "\001cstatus\r\001c\001b");
    tap_ok(monitor.focused == 1 && !strcmp(monitor.text, "status\r"), "Ctrl-A c works while the other takes nothing: '%s'", monitor.text);
    tap_ok(serial.breaks == 1, "Ctrl-A b is a break for who has the focus");
    serial.room = 100;
    chardev_accept_input(c);
    tap_ok(!strcmp(serial.text, "abcdefgh"), "what waited comes when there is room: '%s'", serial.text);
    say(loop, fd, "\001\001");
    tap_ok(!strcmp(serial.text, "abcdefgh\001"), "Ctrl-A twice is Ctrl-A");
    chardev_write(c, "hello", 5);
    tap_ok(read(fd, got, sizeof got) == 5 && !memcmp(got, "hello", 5), "output, without what was written before there was a client");
    close(fd);
    spin(loop);
    tap_ok(!chardev_connected(c) && serial.closed == 1, "the client goes");
    fd = connect_to(path);
    spin(loop);
    say(loop, fd, "x");
    tap_ok(!strcmp(serial.text, "abcdefgh\001x"), "and the next one is served");
    close(fd);
    spin(loop);
    chardev_attach(c, NULL, &serial, NULL);
    chardev_attach(c, NULL, &monitor, NULL);
}

static void test_refused(struct chardev_list *list, const char *path)
{
    const char *const rows[][2] = {
        { "sockt,id=a", "'sockt'" }, { "null", "id" }, { "null,id=a,foo=1", "'foo'" }, { "file,id=a", "path" },
        { "file,id=a,path=/nosuch/file", "/nosuch/file" }, { "socket,id=a,path=/nosuch/s,server=on,wait=off", "/nosuch/s" },
        { "socket,id=a", "port" }, { "null,id=s", "'s'" },
    };
    char text[300];
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error *err = NULL;
        struct chardev *c = chardev_new(list, rows[i][0], &err);
        tap_ok(!c && err && strstr(error_message(err), rows[i][1]), "'%s': %s", rows[i][0], err ? error_message(err) : "accepted");
        error_free(err);
    }
    struct error *err = NULL;
    snprintf(text, sizeof text, "socket,id=busy,path=%s,server=on,wait=off", path);
    tap_ok(!chardev_new(list, text, &err) && strstr(error_message(err), path), "a busy path: %s", error_message(err));
    error_free(err);
}

static void test_single(struct chardev_list *list)
{
    struct end one = { .room = 1 }, two = { .room = 1 };
    struct chardev *c = chardev_from_legacy(list, "n", "null", NULL);
    tap_ok(c && chardev_attach(c, &front, &one, NULL) && !chardev_attach(c, &front, &two, NULL), "without mux: one front end");
    chardev_attach(c, NULL, &one, NULL);
    struct error *err = NULL;
    tap_ok(!chardev_from_legacy(list, "x", "none", &err) && !err, "none is no device and no error");
    tap_ok(chardev_from_legacy(list, "y", "chardev:n", NULL) == c && chardev_find(list, "n") == c, "chardev:ID");
}

static void test_file(struct chardev_list *list, const char *directory)
{
    char path[200], text[300], got[16] = "";
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(text, sizeof text, "file:%s", path);
    struct chardev *c = chardev_from_legacy(list, "f", text, NULL);
    chardev_write(c, "one\n", 4);
    FILE *in = fopen(path, "r");
    tap_ok(in && fgets(got, sizeof got, in) && !strcmp(got, "one\n"), "a file has each byte when the write ends");
    if (in)
        fclose(in);
    unlink(path);
}

int main(void)
{
    char directory[] = "/tmp/chardevXXXXXX", path[200];
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/socket", directory);
    struct loop *loop = loop_new();
    struct chardev_list *list = chardev_list_new(loop);
    test_mux(loop, list, path);
    test_refused(list, path);
    test_single(list);
    test_file(list, directory);
    chardev_list_free(list);
    loop_free(loop);
    tap_ok(access(path, F_OK) && errno == ENOENT, "the socket is removed");
    tap_ok(rmdir(directory) == 0, "nothing is left behind");
    return tap_done();
}
