// SPDX-License-Identifier: MIT
//
// 16550A UART and the user-creatable isa-serial around it. [NS16550A / TI PC16550D datasheet]
// Output goes to the character device at once and is never lost; the transmitter is always empty by the time the guest
// looks again. Input waits in the character device until the receive FIFO has room. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/state.h"

struct chardev;
struct serial16550 {
    struct clock *clock;
    struct chardev *chardev;  // NULL: output is dropped
    struct irq irq;
    struct region io;
    uint8_t ier, lcr, mcr, lsr, msr, scr, fcr, dll, dlm;
    uint8_t fifo[16], fifo_head, fifo_count, trigger;
    uint8_t rbr;              // receive register without FIFO
    bool irq_level;
    bool thre_pending;        // THRE interrupt not acknowledged
    bool timeout_pending;     // character timeout
    struct timer timeout;
    void (*sent)(void *opaque, uint8_t byte); // told of each byte that goes out; NULL: nobody
    void *sent_opaque;
};
// Ports at base..base+7. chardev may be NULL. False when the character device is taken.
bool serial16550_init(struct serial16550 *serial, struct region *ports, uint16_t base, struct irq irq, struct clock *clock,
                      struct chardev *chardev, struct error **errp);
void serial16550_release(struct serial16550 *serial);
void serial16550_reset(struct serial16550 *serial);

// isa-serial: properties chardev, index (0..3), iobase, irq. Defaults by index: 3f8/4 2f8/3 3e8/4 2e8/3.
struct isa_serial {
    struct device device;
    struct chardev *chardev;
    uint32_t index, iobase, irq;
    struct serial16550 uart;
};
extern const struct device_type isa_serial_type;
extern const struct state_table serial16550_state;
