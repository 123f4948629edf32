// SPDX-License-Identifier: MIT
//
// The short spellings of character devices in -serial, -monitor and -qmp, put into the words of -chardev.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chardev/internal.h"
#include "util/error.h"

static const struct {
    const char *name;       // ends with ':' when something follows
    const char *options;    // of -chardev, without id; what follows comes after it
} spellings[] = {
    { "stdio", "stdio" }, { "null", "null" }, { "pty", "pty" }, { "vc", "vc" }, { "file:", "file,path=" }, { "unix:", "socket,path=" },
};
#define SPELLINGS (sizeof spellings / sizeof *spellings)

static struct chardev *make(struct chardev_list *list, const char *label, bool mux, const char *options, const char *rest, struct error **errp)
{
    size_t kind = strcspn(options, ",");
    size_t size = strlen(label) + strlen(options) + strlen(rest) + 16;
    char *text = malloc(size);
    snprintf(text, size, "%.*s,id=%s%s%s%s", (int)kind, options, label, mux ? ",mux=on" : "", options + kind, rest);
    struct chardev *c = chardev_new(list, text, errp);
    free(text);
    return c;
}

// HOST:PORT[,OPTION...]; the host may be an IPv6 address in brackets, or nothing.
static struct chardev *make_tcp(struct chardev_list *list, const char *label, bool mux, bool telnet, const char *place, struct error **errp)
{
    size_t end = strcspn(place, ","), host = end;
    while (host > 0 && place[host - 1] != ':')
        host--;
    if (!host || host == end) {
        error_set(errp, "'%s:%s' is not %s:HOST:PORT[,server=on[,wait=off]]", telnet ? "telnet" : "tcp", place, telnet ? "telnet" : "tcp");
        return NULL;
    }
    const char *name = place;
    size_t length = host - 1;
    if (length >= 2 && name[0] == '[' && name[length - 1] == ']') {
        name++;
        length -= 2;
    }
    size_t size = end + 48;
    char *options = malloc(size);
    int n = snprintf(options, size, "socket,port=%.*s%s", (int)(end - host), place + host, telnet ? ",telnet=on" : "");
    if (length)
        snprintf(options + n, size - (size_t)n, ",host=%.*s", (int)length, name);
    struct chardev *c = make(list, label, mux, options, place + end, errp);
    free(options);
    return c;
}

struct chardev *chardev_from_legacy(struct chardev_list *list, const char *label, const char *text, struct error **errp)
{
    if (!strcmp(text, "none"))
        return NULL;
    if (!strncmp(text, "chardev:", 8)) {
        struct chardev *c = chardev_find(list, text + 8);
        if (!c)
            error_set(errp, "chardev '%s' not found", text + 8);
        return c;
    }
    bool mux = !strncmp(text, "mon:", 4);
    const char *place = text + (mux ? 4 : 0);
    if (!strncmp(place, "tcp:", 4))
        return make_tcp(list, label, mux, false, place + 4, errp);
    if (!strncmp(place, "telnet:", 7))
        return make_tcp(list, label, mux, true, place + 7, errp);
    for (unsigned i = 0; i < SPELLINGS; i++) {
        const char *name = spellings[i].name;
        size_t n = strlen(name);
        if (name[n - 1] == ':' ? !strncmp(place, name, n) : !strcmp(place, name))
            return make(list, label, mux, spellings[i].options, name[n - 1] == ':' ? place + n : "", errp);
    }
    if (!strncmp(place, "vc:", 3))
        error_set(errp, "'%s': a console has the size of the window: vc", text);
    else
        error_set(errp, "'%s' is not a valid character device (vc, stdio, mon:stdio, file:PATH, unix:PATH,server=on,wait=off, "
                  "tcp:HOST:PORT,server=on,wait=off, telnet:HOST:PORT,..., pty, null, none)", text);
    return NULL;
}
