// SPDX-License-Identifier: MIT
//
// PIIX4 power management (PCI function 1.3): PM1 event and control registers, PM timer, GPE block 0, SCI, SMI command port.
// [82371AB datasheet chapter 7; ACPI 6.4 4.8]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/acpi/pm_values.h"
#include "hw/core/irq.h"
#include "hw/core/machine.h"
#include "hw/pci/pci.h"
#include "util/state.h"

#define PM_TIMER_HZ 3579545

struct pm {
    struct pci_device pci;
    struct machine *machine;
    struct irq sci;
    struct timer overflow;     // bit 23 of the PM timer changes
    uint16_t pm1_status, pm1_enable, pm1_control;
    uint16_t gpe_status, gpe_enable;
    int64_t timer_overflow_ns; // when TMR_STS is due
    uint8_t smi_command, smi_status;
    int sci_level;
    bool acpi_on;              // SCI_EN after reset
    struct region evt_io, gpe_io, smi_io;
    uint32_t io_base;          // where evt_io is mapped, 0: not
    // Told when the guest's SCI_EN or a GPE's enable bit goes from 0 to 1: devices with events pending raise them again.
    // May be NULL.
    void (*guest_enabled)(void *opaque, uint16_t newly_enabled_gpes, bool acpi_enabled);
    void *guest_opaque;
};
// Puts function 1.3 on the bus, with PMBASE at PM_IO_BASE and I/O enabled (no firmware needed). acpi_on: SCI_EN is set
// from the start (direct kernel boot without firmware may want that; Linux accepts both).
void pm_init(struct pm *pm, struct machine *machine, struct pci_bus *bus, struct irq sci, bool acpi_on);
void pm_reset(struct pm *pm);
void pm_gpe_raise(struct pm *pm, unsigned bit);
// The power button (REQUEST_POWERDOWN). False: the guest does not listen (ACPI off or the event not enabled).
bool pm_power_button(struct pm *pm);
// Has the guest switched ACPI on and enabled this GPE?
bool pm_gpe_listened(const struct pm *pm, unsigned bit);
extern const struct state_table pm_state;
