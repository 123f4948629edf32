// SPDX-License-Identifier: MIT
//
// I/O APIC. A redirection entry [82093AA 3.2.4]:
//   7:0 vector, 10:8 delivery mode, 11 logical destination, 12 delivery status, 13 active low, 14 remote IRR, 15 level,
//   16 masked, 63:56 destination.
// A level pin is delivered when its wire is up and remote IRR is clear; the EOI of its vector clears remote IRR.
// Machine thread only.
#include "hw/intc/ioapic.h"
#include <string.h>
#include "util/log.h"

#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_LEVEL (1ull << 15)
#define ENTRY_MASKED (1ull << 16)
#define ENTRY_READ_ONLY (ENTRY_REMOTE_IRR | 1ull << 12)

// The message that an entry stands for [SDM 3A 10.11]: destination and mode in the address, the rest in the data.
static bool send(struct ioapic *ioapic, uint64_t entry)
{
    uint64_t address = 0xfee00000ull | (entry >> 56 & 0xff) << 12 | (entry >> 11 & 1) << 2;
    uint32_t data = (uint32_t)(entry & 0x7ff) | 1u << 14 | (uint32_t)(entry >> 15 & 1) << 15;
    return ioapic->message && ioapic->message(ioapic->message_opaque, address, data);
}

static void service(struct ioapic *ioapic, int pin)
{
    uint64_t entry = ioapic->entry[pin];
    uint32_t bit = 1u << pin;
    if (!(ioapic->irr & bit) || (entry & ENTRY_MASKED))
        return;
    if (entry & ENTRY_LEVEL) {
        // Only fixed and lowest priority are level triggered on the bus; for others the wire acts as an edge.
        if (entry & ENTRY_REMOTE_IRR)
            return;
        if ((entry >> 8 & 7) <= 1) {
            // Set first: the CPU may answer with an EOI from inside the delivery.
            ioapic->entry[pin] |= ENTRY_REMOTE_IRR;
            if (!send(ioapic, entry))
                ioapic->entry[pin] &= ~ENTRY_REMOTE_IRR; // nobody will send an EOI
            return;
        }
    }
    ioapic->irr &= ~bit;
    send(ioapic, entry);
}

void ioapic_set_irq(void *opaque, int pin, int level)
{
    struct ioapic *ioapic = opaque;
    if (pin < 0 || pin >= IOAPIC_PINS)
        return;
    uint32_t bit = 1u << pin;
    bool was = ioapic->lines & bit;
    ioapic->lines = level ? ioapic->lines | bit : ioapic->lines & ~bit;
    if (ioapic->entry[pin] & ENTRY_LEVEL)
        ioapic->irr = level ? ioapic->irr | bit : ioapic->irr & ~bit;
    else if (level && !was && !(ioapic->entry[pin] & ENTRY_MASKED))
        ioapic->irr |= bit; // an edge at a masked pin is lost, as in hardware
    service(ioapic, pin);
}

void ioapic_eoi(void *opaque, uint8_t vector)
{
    struct ioapic *ioapic = opaque;
    for (int pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = ioapic->entry[pin];
        if ((entry & 0xff) == vector && (entry & ENTRY_LEVEL) && (entry & ENTRY_REMOTE_IRR)) {
            ioapic->entry[pin] &= ~ENTRY_REMOTE_IRR;
            service(ioapic, pin);
        }
    }
}

static void write_entry(struct ioapic *ioapic, int pin, uint32_t value, bool high)
{
    uint64_t old = ioapic->entry[pin], now;
    if (high)
        now = (old & 0xffffffffull) | (uint64_t)value << 32;
    else
        now = (old & (0xffffffff00000000ull | ENTRY_READ_ONLY)) | (value & 0x1ffff & ~ENTRY_READ_ONLY);
    if (!(now & ENTRY_LEVEL))
        now &= ~ENTRY_REMOTE_IRR;
    ioapic->entry[pin] = now;
    uint32_t bit = 1u << pin;
    if (now & ENTRY_LEVEL)
        ioapic->irr = (ioapic->irr & ~bit) | (ioapic->lines & bit);
    else if (old & ENTRY_LEVEL)
        ioapic->irr &= ~bit;
    service(ioapic, pin);
}

static uint32_t read_register(const struct ioapic *ioapic)
{
    unsigned index = ioapic->select;
    if (index == 0)
        return (uint32_t)(ioapic->id & 15) << 24;
    if (index == 1)
        return (IOAPIC_PINS - 1) << 16 | 0x20; // version with EOI register
    if (index == 2)
        return (uint32_t)(ioapic->id & 15) << 24; // arbitration ID
    if (index >= 0x10 && index < 0x10 + 2 * IOAPIC_PINS) {
        uint64_t entry = ioapic->entry[(index - 0x10) / 2];
        return (uint32_t)(index & 1 ? entry >> 32 : entry);
    }
    return 0;
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ioapic *ioapic = opaque;
    switch (offset & 0xff) {
    case 0x00: return ioapic->select;
    case 0x10: return read_register(ioapic);
    default: return 0;
    }
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ioapic *ioapic = opaque;
    unsigned index = ioapic->select;
    switch (offset & 0xff) {
    case 0x00:
        ioapic->select = (uint8_t)value;
        break;
    case 0x10:
        if (index == 0)
            ioapic->id = value >> 24 & 15;
        else if (index >= 0x10 && index < 0x10 + 2 * IOAPIC_PINS)
            write_entry(ioapic, (int)(index - 0x10) / 2, (uint32_t)value, index & 1);
        break;
    case 0x40:
        ioapic_eoi(ioapic, (uint8_t)value);
        break;
    default:
        log_printf(LOG_GUEST_ERRORS, "ioapic: write to unknown offset 0x%x\n", (unsigned)offset);
    }
}

static const struct region_ops mmio_ops = { mmio_read, mmio_write, 4, 4, false };

void ioapic_init(struct ioapic *ioapic, struct region *memory, uint64_t base, uint8_t id,
                 bool (*message)(void *opaque, uint64_t address, uint32_t data), void *opaque)
{
    memset(ioapic, 0, sizeof(*ioapic));
    ioapic->id = id;
    ioapic->message = message;
    ioapic->message_opaque = opaque;
    region_init_io(&ioapic->mmio, "ioapic", &mmio_ops, ioapic, 0x1000);
    region_add(memory, &ioapic->mmio, base, 0);
    for (int pin = 0; pin < IOAPIC_PINS; pin++)
        ioapic->entry[pin] = ENTRY_MASKED;
}

void ioapic_reset(struct ioapic *ioapic)
{
    for (int pin = 0; pin < IOAPIC_PINS; pin++)
        ioapic->entry[pin] = ENTRY_MASKED;
    ioapic->irr = 0;
    ioapic->select = 0;
}

// ---- state

static const struct state_field ioapic_state_fields[] = {
    STATE_ARRAY(ioapic, entry), STATE_FIELD(ioapic, lines), STATE_FIELD(ioapic, irr), STATE_FIELD(ioapic, id),
    STATE_FIELD(ioapic, select),
};
STATE_TABLE(ioapic_state);
