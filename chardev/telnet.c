// SPDX-License-Identifier: MIT
//
// The telnet protocol of a socket's client [RFC 854, 856, 857, 858]: character at a time, echo by us, eight bits. What the
// client answers is taken out of its input.
#include <stdlib.h>
#include <string.h>
#include "chardev/internal.h"

enum { SE = 240, BRK = 243, SB = 250, WILL = 251, DO = 253, DONT = 254, IAC = 255 };
enum { BINARY = 0, ECHO = 1, SUPPRESS_GO_AHEAD = 3 };
enum state { DATA, COMMAND, OPTION, PARAMETERS, PARAMETERS_COMMAND };

struct telnet {
    enum state state;
};

struct telnet *telnet_new(void) { return calloc(1, sizeof(struct telnet)); }

void telnet_greet(struct chardev *c)
{
    static const uint8_t offers[] = { IAC, WILL, ECHO, IAC, WILL, SUPPRESS_GO_AHEAD, IAC, WILL, BINARY, IAC, DO, BINARY };
    c->telnet->state = DATA;
    chardev_queue(c, offers, sizeof offers);
    chardev_update(c);
}

size_t telnet_filter(struct chardev *c, uint8_t *data, size_t len)
{
    struct telnet *t = c->telnet;
    size_t left = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = data[i];
        switch (t->state) {
        case DATA:
            if (b == IAC)
                t->state = COMMAND;
            else
                data[left++] = b;
            break;
        case COMMAND:
            t->state = b == SB ? PARAMETERS : b >= WILL && b <= DONT ? OPTION : DATA;
            if (b == IAC)
                data[left++] = b;
            else if (b == BRK)
                chardev_send_event(c, CHARDEV_BREAK);
            break;
        case OPTION: t->state = DATA; break;
        case PARAMETERS: t->state = b == IAC ? PARAMETERS_COMMAND : PARAMETERS; break;
        case PARAMETERS_COMMAND: t->state = b == SE ? DATA : PARAMETERS; break;
        }
    }
    return left;
}

void telnet_put(struct chardev *c, const uint8_t *data, size_t len)
{
    for (const uint8_t *end = data + len, *iac; data < end; data = iac + 1) {
        iac = memchr(data, IAC, (size_t)(end - data));
        if (!iac) {
            chardev_queue(c, data, (size_t)(end - data));
            return;
        }
        chardev_queue(c, data, (size_t)(iac - data + 1));
        chardev_queue(c, iac, 1);
    }
}
