// SPDX-License-Identifier: MIT
//
// PIIX4 power management. Registers are little-endian words that take any access width: a write is broken into (value, mask)
// for each word. SCI is a level: enabled status bits while SCI_EN is set. The PM timer is arithmetic on virtual time; its
// overflow status is found when someone looks, and by a timer when it can interrupt.
// Machine thread only. [ACPI 6.4 4.8.3, 4.8.4; 82371AB 7.1, 7.2]
#include "hw/acpi/pm.h"
#include <string.h>
#include "util/log.h"

enum { STS_TIMER = 1, STS_GLOBAL = 0x20, STS_POWER_BUTTON = 0x100, STS_SLEEP_BUTTON = 0x200, STS_RTC = 0x400, STS_WAKE = 0x8000 };
enum { CNT_SCI_EN = 1, CNT_BM_RLD = 2, CNT_SLP_TYP = 0x1c00, CNT_SLP_EN = 0x2000 };
#define STS_INTERRUPTS (STS_TIMER | STS_GLOBAL | STS_POWER_BUTTON | STS_SLEEP_BUTTON | STS_RTC)
#define TIMER_HALF 0x800000u // the status bit follows changes of bit 23
#define CFG_PMBASE 0x40
#define CFG_PMREGMISC 0x80

// ---- SCI and the PM timer

static uint64_t timer_ticks(struct pm *pm)
{
    return muldiv64((uint64_t)clock_now(&pm->machine->clock), PM_TIMER_HZ, NS_PER_SECOND);
}

static void plan_overflow(struct pm *pm)
{
    uint64_t next = (timer_ticks(pm) / TIMER_HALF + 1) * TIMER_HALF;
    pm->timer_overflow_ns = (int64_t)muldiv64(next, NS_PER_SECOND, PM_TIMER_HZ) + 1;
}

static void update(struct pm *pm)
{
    if (clock_now(&pm->machine->clock) >= pm->timer_overflow_ns)
        pm->pm1_status |= STS_TIMER;
    bool asks = (pm->pm1_status & pm->pm1_enable & STS_INTERRUPTS) || (pm->gpe_status & pm->gpe_enable);
    int level = asks && (pm->pm1_control & CNT_SCI_EN);
    if ((pm->pm1_enable & STS_TIMER) && !(pm->pm1_status & STS_TIMER))
        timer_arm(&pm->overflow, pm->timer_overflow_ns);
    else
        timer_disarm(&pm->overflow);
    if (level != pm->sci_level) {
        pm->sci_level = level;
        irq_set(&pm->sci, level);
    }
}

static void overflowed(void *opaque) { update(opaque); }

// ---- words

static void set_sci_enable(struct pm *pm, bool on)
{
    bool rises = on && !(pm->pm1_control & CNT_SCI_EN);
    pm->pm1_control = (uint16_t)((pm->pm1_control & ~CNT_SCI_EN) | (on ? CNT_SCI_EN : 0));
    update(pm);
    if (rises && pm->guest_enabled)
        pm->guest_enabled(pm->guest_opaque, pm->gpe_enable, true);
}

static void fall_asleep(struct pm *pm)
{
    unsigned type = (pm->pm1_control & CNT_SLP_TYP) >> 10;
    if (type == PM_SLEEP_TYPE_S5) {
        pm->machine->shutdown_cause = "guest-shutdown";
        machine_request(pm->machine, REQUEST_SHUTDOWN);
    } else {
        log_printf(LOG_UNIMP, "pm: sleep type %u is not offered to guests\n", type);
    }
}

static uint16_t evt_get(struct pm *pm, unsigned word)
{
    switch (word) {
    case 0:
        update(pm);
        return pm->pm1_status;
    case 1: return pm->pm1_enable;
    case 2: return pm->pm1_control;
    case 4: return (uint16_t)timer_ticks(pm);
    case 5: return timer_ticks(pm) >> 16 & 0xff;
    default: return 0;
    }
}

static void evt_set(struct pm *pm, unsigned word, uint16_t value, uint16_t mask)
{
    switch (word) {
    case 0:
        update(pm);
        if (value & pm->pm1_status & STS_TIMER)
            plan_overflow(pm);
        pm->pm1_status &= (uint16_t)~value;
        break;
    case 1:
        pm->pm1_enable = (uint16_t)((pm->pm1_enable & ~mask) | (value & mask));
        break;
    case 2:
        mask &= CNT_BM_RLD | CNT_SLP_TYP; // SCI_EN belongs to the SMI command port
        pm->pm1_control = (uint16_t)((pm->pm1_control & ~mask) | (value & mask));
        if (value & CNT_SLP_EN)
            fall_asleep(pm);
        break;
    }
    update(pm);
}

static uint16_t gpe_get(struct pm *pm, unsigned word) { return word ? pm->gpe_enable : pm->gpe_status; }

static void gpe_set(struct pm *pm, unsigned word, uint16_t value, uint16_t mask)
{
    uint16_t was = pm->gpe_enable;
    if (word == 0)
        pm->gpe_status &= (uint16_t)~value;
    else
        pm->gpe_enable = (uint16_t)((was & ~mask) | (value & mask));
    update(pm);
    uint16_t newly = pm->gpe_enable & (uint16_t)~was;
    if (newly && pm->guest_enabled)
        pm->guest_enabled(pm->guest_opaque, newly, pm->pm1_control & CNT_SCI_EN);
}

// ---- any width

static uint64_t words_read(struct pm *pm, uint64_t offset, unsigned size, uint16_t (*get)(struct pm *, unsigned))
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        uint16_t word = get(pm, (unsigned)(offset + i) / 2);
        value |= (uint64_t)(word >> ((offset + i) & 1 ? 8 : 0) & 0xff) << 8 * i;
    }
    return value;
}

static void words_write(struct pm *pm, uint64_t offset, uint64_t value, unsigned size,
                        void (*set)(struct pm *, unsigned, uint16_t, uint16_t))
{
    for (unsigned i = 0; i < size; ) {
        unsigned word = (unsigned)(offset + i) / 2, high = (offset + i) & 1;
        bool both = !high && i + 1 < size;
        uint16_t part = (uint16_t)(value >> 8 * i);
        if (both)
            set(pm, word, part, 0xffff);
        else
            set(pm, word, (uint16_t)((part & 0xff) << (high ? 8 : 0)), high ? 0xff00 : 0xff);
        i += both ? 2 : 1;
    }
}

static uint64_t evt_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pm *pm = opaque;
    if (offset == 8 && size == 4)
        return timer_ticks(pm) & 0xffffff; // one reading for all bytes
    return words_read(pm, offset, size, evt_get);
}
static void evt_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { words_write(opaque, offset, value, size, evt_set); }
static uint64_t gpe_read(void *opaque, uint64_t offset, unsigned size) { return words_read(opaque, offset, size, gpe_get); }
static void gpe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { words_write(opaque, offset, value, size, gpe_set); }

static uint64_t smi_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pm *pm = opaque;
    return offset ? pm->smi_status : pm->smi_command;
}

static void smi_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pm *pm = opaque;
    if (offset) {
        pm->smi_status = (uint8_t)value;
        return;
    }
    pm->smi_command = (uint8_t)value;
    if (pm->smi_command == PM_ACPI_ENABLE)
        set_sci_enable(pm, true);
    else if (pm->smi_command == PM_ACPI_DISABLE)
        set_sci_enable(pm, false);
}

static const struct region_ops evt_ops = { evt_read, evt_write, 1, 4, false };
static const struct region_ops gpe_ops = { gpe_read, gpe_write, 1, 4, false };
static const struct region_ops smi_ops = { smi_read, smi_write, 1, 1, false };

// ---- PCI function

static void map(struct pm *pm)
{
    uint32_t base = pci_get32(&pm->pci, CFG_PMBASE) & 0xffc0;
    if (!(pm->pci.config[CFG_PMREGMISC] & 1))
        base = 0;
    if (base == pm->io_base)
        return;
    if (pm->io_base)
        region_remove(&pm->evt_io);
    if (base)
        region_add(&pm->machine->ports.root, &pm->evt_io, base, 0);
    pm->io_base = base;
}

static void config_written(struct pci_device *device, unsigned offset, unsigned size)
{
    if ((offset < CFG_PMBASE + 4 && offset + size > CFG_PMBASE) || (offset <= CFG_PMREGMISC && offset + size > CFG_PMREGMISC))
        map(device->opaque);
}

static void reset(struct pci_device *device) { pm_reset(device->opaque); }

void pm_reset(struct pm *pm)
{
    pm->pm1_status = pm->pm1_enable = 0;
    pm->pm1_control = pm->acpi_on ? CNT_SCI_EN : 0;
    pm->gpe_status = pm->gpe_enable = 0;
    pm->smi_command = pm->smi_status = 0;
    plan_overflow(pm);
    update(pm);
    pci_set32(&pm->pci, CFG_PMBASE, PM_IO_BASE | 1);
    pm->pci.config[CFG_PMREGMISC] = 1;
    pci_set16(&pm->pci, 4, 1); // I/O
    pm->pci.config[0x3c] = PM_SCI_IRQ;
    map(pm);
}

void pm_init(struct pm *pm, struct machine *machine, struct pci_bus *bus, struct irq sci, bool acpi_on)
{
    memset(pm, 0, sizeof(*pm));
    pm->machine = machine;
    pm->sci = sci;
    pm->acpi_on = acpi_on;
    timer_init(&pm->overflow, &machine->clock, overflowed, pm);
    pci_device_add(bus, &pm->pci, "PIIX4_PM", 1 << 3 | 3, 0x8086, 0x7113, 0x068000, 3);
    pci_set16(&pm->pci, 6, 0x0280); // fast back-to-back, medium DEVSEL
    pm->pci.opaque = pm;
    pm->pci.config_written = config_written;
    pm->pci.reset = reset;
    pci_device_set_pin(&pm->pci, 1);
    pm->pci.writable[CFG_PMBASE] = 0xc0;
    pm->pci.writable[CFG_PMBASE + 1] = 0xff;
    pm->pci.writable[CFG_PMREGMISC] = 0x01;
    region_init_io(&pm->evt_io, "acpi-evt", &evt_ops, pm, PM_IO_SIZE);
    region_init_io(&pm->gpe_io, "acpi-gpe0", &gpe_ops, pm, PM_GPE0_LENGTH);
    region_init_io(&pm->smi_io, "apm-io", &smi_ops, pm, 2);
    region_add(&machine->ports.root, &pm->gpe_io, PM_GPE0_BLOCK, 0);
    region_add(&machine->ports.root, &pm->smi_io, PM_SMI_PORT, 0);
    pm_reset(pm);
}

void pm_gpe_raise(struct pm *pm, unsigned bit)
{
    pm->gpe_status |= (uint16_t)(1 << (bit & 15));
    update(pm);
}

bool pm_gpe_listened(const struct pm *pm, unsigned bit)
{
    return (pm->pm1_control & CNT_SCI_EN) && (pm->gpe_enable >> (bit & 15) & 1);
}

bool pm_power_button(struct pm *pm)
{
    pm->pm1_status |= STS_POWER_BUTTON;
    update(pm);
    return (pm->pm1_control & CNT_SCI_EN) && (pm->pm1_enable & STS_POWER_BUTTON);
}

// ---- state

static const struct state_field pm_state_fields[] = {
    STATE_STRUCT(pm, pci, pci_device_state), STATE_TIMER(pm, overflow), STATE_FIELD(pm, pm1_status),
    STATE_FIELD(pm, pm1_enable), STATE_FIELD(pm, pm1_control), STATE_FIELD(pm, gpe_status), STATE_FIELD(pm, gpe_enable),
    STATE_FIELD(pm, timer_overflow_ns), STATE_FIELD(pm, smi_command), STATE_FIELD(pm, smi_status), STATE_FIELD(pm, sci_level),
    STATE_FIELD(pm, io_base),
};
STATE_TABLE(pm_state);
