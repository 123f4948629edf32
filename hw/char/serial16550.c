// SPDX-License-Identifier: MIT
//
// 16550A. Sending takes no time: a byte written to THR is with the character device when the write ends, and THR is
// empty again, which is a new THRE interrupt. Receiving: the character device offers bytes while the FIFO has room.
// OUT2 gates the interrupt as on every PC. [PC16550D datasheet section 8]
// Machine thread only.
#include "hw/char/serial16550.h"
#include <string.h>
#include "chardev/chardev.h"
#include "hw/core/machine.h"
#include "util/error.h"

enum { IER_RECEIVE = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RECEIVE = 2, FCR_CLEAR_SEND = 4 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 0x10, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MCR_OUT2 = 8, MCR_LOOP = 0x10 };
#define LSR_ERRORS (LSR_OE | LSR_PE | LSR_FE | LSR_BI)
#define LCR_DLAB 0x80
#define MODEM_READY 0xb0 // DCD, DSR, CTS
#define FIFO_SIZE 16

static bool fifo_on(const struct serial16550 *s) { return s->fcr & FCR_ENABLE; }

// Interrupt identification by priority [PC16550D table 5]; 1: none.
static uint8_t identify(const struct serial16550 *s)
{
    if ((s->ier & IER_LINE) && (s->lsr & LSR_ERRORS))
        return 0x06;
    if ((s->ier & IER_RECEIVE) && (s->lsr & LSR_DR)) {
        if (!fifo_on(s) || s->fifo_count >= s->trigger)
            return 0x04;
        if (s->timeout_pending)
            return 0x0c;
    }
    if ((s->ier & IER_THRE) && s->thre_pending)
        return 0x02;
    if ((s->ier & IER_MODEM) && (s->msr & 0x0f))
        return 0x00;
    return 0x01;
}

static void update(struct serial16550 *s)
{
    bool level = identify(s) != 1 && (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
    if (level == s->irq_level)
        return;
    s->irq_level = level;
    irq_set(&s->irq, level);
}

// ---- receiving

// Four characters of ten bits at the programmed speed.
static int64_t timeout_ns(const struct serial16550 *s)
{
    unsigned divisor = s->dlm << 8 | s->dll;
    return (int64_t)(divisor ? divisor : 1) * 40 * NS_PER_SECOND / 115200;
}

static void plan_timeout(struct serial16550 *s)
{
    if (fifo_on(s) && s->fifo_count && s->fifo_count < s->trigger)
        timer_arm(&s->timeout, clock_now(s->clock) + timeout_ns(s));
    else
        timer_disarm(&s->timeout);
}

static void timed_out(void *opaque)
{
    struct serial16550 *s = opaque;
    s->timeout_pending = s->fifo_count > 0;
    update(s);
}

static void put(struct serial16550 *s, uint8_t byte)
{
    if (!fifo_on(s)) {
        if (s->lsr & LSR_DR)
            s->lsr |= LSR_OE;
        s->rbr = byte;
    } else if (s->fifo_count < FIFO_SIZE) {
        s->fifo[(s->fifo_head + s->fifo_count++) % FIFO_SIZE] = byte;
    } else {
        s->lsr |= LSR_OE;
    }
    s->lsr |= LSR_DR;
    plan_timeout(s);
}

static uint8_t take(struct serial16550 *s)
{
    s->timeout_pending = false;
    if (!fifo_on(s)) {
        s->lsr &= (uint8_t)~LSR_DR;
        return s->rbr;
    }
    uint8_t byte = 0;
    if (s->fifo_count) {
        byte = s->fifo[s->fifo_head];
        s->fifo_head = (s->fifo_head + 1) % FIFO_SIZE;
        s->fifo_count--;
    }
    if (!s->fifo_count)
        s->lsr &= (uint8_t)~LSR_DR;
    plan_timeout(s);
    return byte;
}

static uint8_t read_data(struct serial16550 *s)
{
    uint8_t byte = take(s);
    update(s);
    if (s->chardev && !(s->lsr & LSR_DR) && !(s->mcr & MCR_LOOP))
        chardev_accept_input(s->chardev);
    return byte;
}

static size_t can_receive(void *opaque)
{
    struct serial16550 *s = opaque;
    if (s->mcr & MCR_LOOP)
        return 0;
    if (fifo_on(s))
        return (size_t)(FIFO_SIZE - s->fifo_count);
    return !(s->lsr & LSR_DR);
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct serial16550 *s = opaque;
    for (size_t i = 0; i < len; i++)
        put(s, data[i]);
    update(s);
}

static void event(void *opaque, enum chardev_event what)
{
    struct serial16550 *s = opaque;
    if (what != CHARDEV_BREAK)
        return;
    put(s, 0);
    s->lsr |= LSR_BI;
    update(s);
}

// ---- sending, modem lines

static void send(struct serial16550 *s, uint8_t byte)
{
    s->thre_pending = false;
    update(s); // the wire falls: the next THRE is a new edge
    if (s->mcr & MCR_LOOP)
        put(s, byte);
    else if (s->chardev)
        chardev_write(s->chardev, &byte, 1);
    if (s->sent && !(s->mcr & MCR_LOOP))
        s->sent(s->sent_opaque, byte);
    s->thre_pending = true;
    update(s);
}

static void update_modem(struct serial16550 *s)
{
    uint8_t lines = MODEM_READY;
    if (s->mcr & MCR_LOOP) // OUT2 -> DCD, OUT1 -> RI, DTR -> DSR, RTS -> CTS
        lines = (uint8_t)((s->mcr & 0x0c) << 4 | (s->mcr & 2) << 3 | (s->mcr & 1) << 5);
    uint8_t changed = (s->msr ^ lines) & 0xf0;
    uint8_t delta = changed >> 4 & 0x0b;
    if ((changed & 0x40) && !(lines & 0x40))
        delta |= 4; // RI counts at its trailing edge
    s->msr = (uint8_t)(lines | (s->msr & 0x0f) | delta);
}

static void write_fcr(struct serial16550 *s, uint8_t value)
{
    const uint8_t triggers[] = { 1, 4, 8, 14 };
    bool toggled = (value ^ s->fcr) & FCR_ENABLE;
    if (!(value & FCR_ENABLE))
        value = 0; // the other bits need it
    if (toggled || (value & FCR_CLEAR_RECEIVE)) {
        s->fifo_head = s->fifo_count = 0;
        s->timeout_pending = false;
        s->lsr &= (uint8_t)~(LSR_DR | LSR_BI);
    }
    if (toggled || (value & FCR_CLEAR_SEND))
        s->thre_pending = true;
    s->fcr = value & 0xc9;
    s->trigger = triggers[value >> 6];
    plan_timeout(s);
    update(s);
    if (s->chardev)
        chardev_accept_input(s->chardev);
}

static void write_ier(struct serial16550 *s, uint8_t value)
{
    value &= 0x0f;
    if ((value & ~s->ier & IER_THRE) && (s->lsr & LSR_THRE))
        s->thre_pending = true; // enabling with an empty THR interrupts
    s->ier = value;
    update(s);
}

// ---- ports

static uint8_t read_iir(struct serial16550 *s)
{
    uint8_t id = identify(s);
    if (id == 0x02) {
        s->thre_pending = false;
        update(s);
    }
    return id | (fifo_on(s) ? 0xc0 : 0);
}

static uint64_t serial_read(void *opaque, uint64_t offset, unsigned size)
{
    struct serial16550 *s = opaque;
    uint8_t value;
    switch (offset) {
    case 0: return s->lcr & LCR_DLAB ? s->dll : read_data(s);
    case 1: return s->lcr & LCR_DLAB ? s->dlm : s->ier;
    case 2: return read_iir(s);
    case 3: return s->lcr;
    case 4: return s->mcr;
    case 5:
        value = s->lsr;
        s->lsr &= (uint8_t)~LSR_ERRORS;
        update(s);
        return value;
    case 6:
        value = s->msr;
        s->msr &= 0xf0;
        update(s);
        return value;
    default: return s->scr;
    }
}

static void serial_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct serial16550 *s = opaque;
    uint8_t value = (uint8_t)value64;
    switch (offset) {
    case 0:
        if (s->lcr & LCR_DLAB)
            s->dll = value;
        else
            send(s, value);
        break;
    case 1:
        if (s->lcr & LCR_DLAB)
            s->dlm = value;
        else
            write_ier(s, value);
        break;
    case 2: write_fcr(s, value); break;
    case 3: s->lcr = value; break;
    case 4:
        s->mcr = value & 0x1f;
        update_modem(s);
        update(s);
        if (s->chardev && !(value & MCR_LOOP))
            chardev_accept_input(s->chardev);
        break;
    case 7: s->scr = value; break;
    default: break; // LSR and MSR are read-only
    }
}

static const struct region_ops serial_ops = { serial_read, serial_write, 1, 1, false };
static const struct chardev_front serial_front = { .can_receive = can_receive, .receive = receive, .event = event, .guest = true };

void serial16550_reset(struct serial16550 *s)
{
    s->ier = s->lcr = s->mcr = s->fcr = s->rbr = 0;
    s->lsr = LSR_THRE | LSR_TEMT;
    s->msr = MODEM_READY;
    s->dll = 12; // 9600
    s->dlm = 0;
    s->fifo_head = s->fifo_count = 0;
    s->trigger = 1;
    s->thre_pending = s->timeout_pending = false;
    timer_disarm(&s->timeout);
    update(s);
}

bool serial16550_init(struct serial16550 *s, struct region *ports, uint16_t base, struct irq irq, struct clock *clock,
                      struct chardev *chardev, struct error **errp)
{
    memset(s, 0, sizeof(*s));
    s->clock = clock;
    s->irq = irq;
    timer_init(&s->timeout, clock, timed_out, s);
    serial16550_reset(s);
    if (chardev && !chardev_attach(chardev, &serial_front, s, errp))
        return false;
    s->chardev = chardev;
    region_init_io(&s->io, "serial", &serial_ops, s, 8);
    region_add(ports, &s->io, base, 0);
    return true;
}

void serial16550_release(struct serial16550 *s)
{
    if (s->chardev)
        chardev_attach(s->chardev, NULL, NULL, NULL);
    s->chardev = NULL;
    timer_disarm(&s->timeout);
    region_remove(&s->io);
}

// ---- state

static const struct state_field serial16550_state_fields[] = {
    STATE_FIELD(serial16550, ier), STATE_FIELD(serial16550, lcr), STATE_FIELD(serial16550, mcr), STATE_FIELD(serial16550, lsr),
    STATE_FIELD(serial16550, msr), STATE_FIELD(serial16550, scr), STATE_FIELD(serial16550, fcr), STATE_FIELD(serial16550, dll),
    STATE_FIELD(serial16550, dlm), STATE_ARRAY(serial16550, fifo), STATE_FIELD(serial16550, fifo_head),
    STATE_FIELD(serial16550, fifo_count), STATE_FIELD(serial16550, trigger), STATE_FIELD(serial16550, rbr),
    STATE_FIELD(serial16550, irq_level), STATE_FIELD(serial16550, thre_pending), STATE_FIELD(serial16550, timeout_pending),
    STATE_TIMER(serial16550, timeout),
};
STATE_TABLE(serial16550_state);

// ---- isa-serial

static bool index_taken(const struct machine *machine, uint32_t index)
{
    for (const struct device *d = machine->devices; d; d = d->next) {
        if (d->type == &isa_serial_type && ((const struct isa_serial *)d)->index == index)
            return true;
    }
    return false;
}

static bool isa_serial_realize(struct device *device, struct error **errp)
{
    const uint16_t bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    const uint8_t irqs[] = { 4, 3, 4, 3 };
    struct isa_serial *isa = (struct isa_serial *)device;
    struct machine *m = device->machine;
    if (isa->index == UINT32_MAX) {
        for (isa->index = 0; isa->index < 4 && index_taken(m, isa->index); )
            isa->index++;
    }
    if (isa->index > 3)
        return error_set(errp, "Max. supported number of ISA serial ports is 4 (index=%u)", isa->index);
    if (!isa->iobase)
        isa->iobase = bases[isa->index];
    if (isa->irq == UINT32_MAX)
        isa->irq = irqs[isa->index];
    if (isa->iobase > 0xfff8)
        return error_set(errp, "isa-serial: iobase=0x%x is not a port for 8 registers", isa->iobase);
    if (isa->irq > 15)
        return error_set(errp, "isa-serial: irq=%u is not an ISA interrupt (0-15)", isa->irq);
    struct irq wire = m->isa_irqs ? m->isa_irqs[isa->irq] : (struct irq){ 0 };
    return serial16550_init(&isa->uart, &m->ports.root, (uint16_t)isa->iobase, wire, &m->clock, isa->chardev, errp);
}

static void isa_serial_unrealize(struct device *device) { serial16550_release(&((struct isa_serial *)device)->uart); }
static void isa_serial_reset(struct device *device) { serial16550_reset(&((struct isa_serial *)device)->uart); }

static const struct state_field isa_serial_state_fields[] = { STATE_STRUCT(isa_serial, uart, serial16550_state) };
static STATE_TABLE(isa_serial_state);

static const struct property isa_serial_properties[] = {
    PROPERTY(CHARDEV, "chardev", isa_serial, chardev, 0, "character device that the port talks to"),
    PROPERTY(UINT32, "index", isa_serial, index, -1, "COM port, 0 to 3; default: the next free one"),
    PROPERTY(UINT32, "iobase", isa_serial, iobase, 0, "first port; default by index: 0x3f8 0x2f8 0x3e8 0x2e8"),
    PROPERTY(UINT32, "irq", isa_serial, irq, -1, "ISA interrupt; default by index: 4 3 4 3"),
};
const struct device_type isa_serial_type = {
    .name = "isa-serial", .help = "16550A serial port", .bus = "isa", .size = sizeof(struct isa_serial),
    .properties = isa_serial_properties, .property_count = sizeof(isa_serial_properties) / sizeof(isa_serial_properties[0]),
    .user_creatable = true, .realize = isa_serial_realize, .unrealize = isa_serial_unrealize, .reset = isa_serial_reset,
    .state = &isa_serial_state,
};
