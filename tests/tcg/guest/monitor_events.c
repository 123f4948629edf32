// SPDX-License-Identifier: MIT
//
// A guest that does what single letters on the serial line say, for the tests of monitors: it takes, refuses and ejects the
// DIMM of slot 0, resets the machine and turns it off. Each letter is answered with DONE.
#include "guest.h"

#define HP 0xa00   // the memory hotplug registers
#define INSERT 2
#define REMOVE 4
#define EJECT 8

static void status(uint32_t event, uint32_t code)
{
    outl(HP + 4, event);
    outl(HP + 8, code);
}

static void take_request(uint8_t flag)
{
    outl(HP, 0);
    while (!(inb(HP + 0x14) & flag))
        asm volatile("pause");
    outb(HP + 0x14, flag);
}

static char letter(void)
{
    while (!(inb(0x3fd) & 1))
        asm volatile("pause");
    return (char)inb(0x3f8);
}

int guest_main(void)
{
    put_text("READY\n");
    for (;;) {
        switch (letter()) {
        case 'i':
            take_request(INSERT);
            status(1, 0);
            break;
        case 'n':
            take_request(REMOVE);
            status(3, 0x84); // in progress
            status(3, 0x82); // busy
            break;
        case 'e':
            take_request(REMOVE);
            status(3, 0x84);
            outb(HP + 0x14, EJECT);
            status(3, 0);
            break;
        case 'r':
            outb(0xcf9, 2);
            outb(0xcf9, 6);
            break;
        case 'p':
            asm volatile("outw %0, %1" ::"a"((uint16_t)0x2000), "Nd"((uint16_t)0x604)); // SLP_EN, type of S5
            break;
        case 'x':
            return 0;
        default:
            continue;
        }
        put_text("DONE\n");
    }
}

void ap_main(void)
{
}

void guest_exit(int status)
{
    outb(0x501, (uint8_t)status);
}
