// SPDX-License-Identifier: MIT
//
// All of the machine's state that is not in CPUs or RAM, part by part, in a fixed order; and the interrupt controllers as text.
#include "hw/core/machine.h"
#include "hw/pc/internal.h"
#include <stdio.h>
#include "util/state.h"

// What has no chip of its own.
struct board_state { uint64_t time, random_state, address_mask, wall_base; };
static const struct state_field board_state_fields[] = {
    STATE_FIELD(board_state, time), STATE_FIELD(board_state, random_state), STATE_FIELD(board_state, address_mask),
    STATE_FIELD(board_state, wall_base),
};
static STATE_TABLE(board_state);

static void each_device(struct machine *m, pc_state_fn *fn, void *opaque)
{
    unsigned unnamed = 0;
    for (struct device *d = m->devices; d; d = d->next) {
        char name[160];
        if (d->id)
            snprintf(name, sizeof name, "device:%s", d->id);
        else
            snprintf(name, sizeof name, "device:%s#%u", d->type->name, unnamed++);
        if (d->type->state && d->type->state->count)
            fn(opaque, name, d->type->state, d);
    }
}

void pc_each_state(struct machine *m, pc_state_fn *fn, void *opaque)
{
    struct pc *pc = pc_of(m);
    struct board_state board = { (uint64_t)clock_now(&m->clock), m->random_state, m->memory.address_mask, (uint64_t)m->clock.wall_base_ns };
    fn(opaque, "board", &board_state, &board);
    fn(opaque, "lapic", &lapic_set_state, &pc->lapics);
    fn(opaque, "ioapic", &ioapic_state, &pc->ioapic);
    fn(opaque, "pic", &i8259_pair_state, &pc->pic);
    fn(opaque, "pit", &i8254_state, &pc->pit);
    fn(opaque, "rtc", &mc146818_state, &pc->rtc);
    if (pc->options.hpet)
        fn(opaque, "hpet", &hpet_state, &pc->hpet);
    fn(opaque, "kbc", &i8042_state, &pc->kbc);
    fn(opaque, "fw_cfg", &fw_cfg_state, &pc->fw_cfg);
    fn(opaque, "pci", &pci_bus_state, &pc->pci);
    fn(opaque, "i440fx", &i440fx_state, &pc->host_bridge);
    fn(opaque, "piix3", &piix3_state, &pc->piix3);
    if (m->acpi) {
        fn(opaque, "pm", &pm_state, &pc->pm);
        fn(opaque, "mem_hotplug", &mem_hotplug_state, &pc->mem_hotplug);
    }
    for (unsigned i = 0; i < PC_MAX_SERIAL; i++) {
        char name[16];
        snprintf(name, sizeof name, "serial%u", i);
        if (pc->serial_present[i])
            fn(opaque, name, &serial16550_state, &pc->serial[i]);
    }
    each_device(m, fn, opaque);
}

void pc_print_irq(struct machine *m, void (*print)(void *, const char *), void *opaque)
{
    struct pc *pc = pc_of(m);
    char line[160];
    for (int i = 1; i >= 0; i--) {
        const struct i8259 *c = &pc->pic.chip[i];
        snprintf(line, sizeof line, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n", i, c->irr, c->imr,
                 c->isr, c->priority_add, c->vector_base, c->read_isr, c->elcr, c->special_fully_nested);
        print(opaque, line);
    }
    snprintf(line, sizeof line, "ioapic0: ver=0x20 id=0x%02x sel=0x%02x irr=%06x\n", pc->ioapic.id, pc->ioapic.select, pc->ioapic.irr);
    print(opaque, line);
    for (int i = 0; i < IOAPIC_PINS; i++) {
        uint64_t e = pc->ioapic.entry[i];
        snprintf(line, sizeof line, "  pin %-2d 0x%016llx dest=%u vec=%-3u %s %s%s\n", i, (unsigned long long)e, (unsigned)(e >> 56),
                 (unsigned)(e & 0xff), e & 0x8000 ? "level" : "edge ", e & 0x10000 ? "masked" : "", pc->ioapic.lines >> i & 1 ? " up" : "");
        print(opaque, line);
    }
}
