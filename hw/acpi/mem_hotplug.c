// SPDX-License-Identifier: MIT
//
// Memory hotplug registers (dwords at their exact offsets; any width takes the low bytes):
//   off   read of the selected slot             write
//   00    address, low                          slot selector
//   04    address, high                         _OST event (stored)
//   08    size, low                             _OST status (stored; the event is sent)
//   0c    size, high                            -
//   10    proximity domain                      -
//   14    1 enabled, 2 insert, 4 remove         2 clears insert, else 4 clears remove, else 8 ejects
// An eject takes the DIMM out before the write ends: the guest looks at "enabled" next. Machine thread only.
#include "hw/acpi/mem_hotplug.h"
#include <stdlib.h>
#include <string.h>
#include "util/error.h"
#include "util/log.h"

enum { REG_ADDR_LOW = 0x00, REG_SELECT = 0x00, REG_ADDR_HIGH = 0x04, REG_OST_EVENT = 0x04, REG_SIZE_LOW = 0x08,
       REG_OST_STATUS = 0x08, REG_SIZE_HIGH = 0x0c, REG_NODE = 0x10, REG_FLAGS = 0x14 };
enum { FLAG_ENABLED = 1, FLAG_INSERT = 2, FLAG_REMOVE = 4, FLAG_EJECT = 8 };

static struct mem_hotplug_slot *selected(struct mem_hotplug *hotplug)
{
    return hotplug->selector < hotplug->slot_count ? &hotplug->slots[hotplug->selector] : NULL;
}

static uint32_t flags_of(const struct mem_hotplug_slot *slot)
{
    return (slot->dimm ? FLAG_ENABLED : 0) | (slot->inserting ? FLAG_INSERT : 0) | (slot->removing ? FLAG_REMOVE : 0);
}

static uint64_t hotplug_read(void *opaque, uint64_t offset, unsigned size)
{
    struct mem_hotplug *hotplug = opaque;
    const struct mem_hotplug_slot *slot = selected(hotplug);
    if (offset % 4)
        return UINT32_MAX;
    if (!slot)
        return 0; // not all ones, as the specification has it: measured
    const struct pc_dimm *dimm = slot->dimm;
    switch (offset) {
    case REG_ADDR_LOW: return dimm ? (uint32_t)dimm->addr : 0;
    case REG_ADDR_HIGH: return dimm ? dimm->addr >> 32 : 0;
    case REG_SIZE_LOW: return dimm ? (uint32_t)dimm->size : 0;
    case REG_SIZE_HIGH: return dimm ? dimm->size >> 32 : 0;
    case REG_NODE: return dimm ? dimm->node : 0;
    case REG_FLAGS: return flags_of(slot);
    default: return UINT32_MAX;
    }
}

// What an _OST says about the DIMM. True: a removal was refused.
static bool take_answer(struct mem_hotplug_slot *slot)
{
    bool eject = slot->ost_event == 3 || slot->ost_event == 0x103; // asked for, or begun by the guest itself
    if (!slot->dimm)
        return false;
    if (slot->ost_event == 1) {
        slot->acknowledged = true;
        slot->insertion_status = slot->ost_status;
    }
    if (!eject || slot->ost_status == 0)
        return false;
    slot->removal = slot->ost_status == 0x84 ? REMOVAL_IN_PROGRESS : REMOVAL_REFUSED;
    slot->removal_event = slot->ost_event;
    slot->removal_status = slot->ost_status;
    return slot->removal == REMOVAL_REFUSED;
}

static void send_ost(struct mem_hotplug *hotplug, struct mem_hotplug_slot *slot)
{
    struct event_details details = { .id = slot->dimm ? slot->dimm->device.id : NULL, .slot = (int)hotplug->selector,
                                     .source = slot->ost_event, .status = slot->ost_status, .guest = true };
    bool refused = take_answer(slot);
    if (refused)
        slot->dimm->device.deleting = false;
    machine_send_event(hotplug->machine, EVENT_ACPI_OST, &details);
    if (refused)
        machine_send_event(hotplug->machine, EVENT_UNPLUG_REFUSED, &details);
}

static void write_flags(struct mem_hotplug *hotplug, struct mem_hotplug_slot *slot, uint32_t value)
{
    struct machine *m = hotplug->machine;
    if (value & FLAG_INSERT) {
        slot->inserting = false;
        // The guest's scan handles one request of a slot at a time: call it again for the other.
        if (slot->removing)
            pm_gpe_raise(hotplug->pm, PM_GPE_MEMORY);
    } else if (value & FLAG_REMOVE) {
        slot->removing = false;
    } else if (value & FLAG_EJECT) {
        if (slot->dimm && m->hotplug && m->hotplug->unplug)
            m->hotplug->unplug(m, &slot->dimm->device);
        else
            log_printf(LOG_GUEST_ERRORS, "acpi-mem-hotplug: eject of slot %u, which is empty\n", (unsigned)hotplug->selector);
    }
}

static void hotplug_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct mem_hotplug *hotplug = opaque;
    if (offset == REG_SELECT) {
        hotplug->selector = (uint32_t)value;
        return;
    }
    struct mem_hotplug_slot *slot = selected(hotplug);
    if (!slot)
        return;
    switch (offset) {
    case REG_OST_EVENT:
        slot->ost_event = (uint32_t)value;
        break;
    case REG_OST_STATUS:
        slot->ost_status = (uint32_t)value;
        send_ost(hotplug, slot);
        break;
    case REG_FLAGS:
        write_flags(hotplug, slot, (uint32_t)value);
        break;
    }
}

static const struct region_ops hotplug_region_ops = { hotplug_read, hotplug_write, 1, 4, false };

// The guest began to listen: GPEs that it cleared before are due again.
static void guest_enabled(void *opaque, uint16_t newly_enabled_gpes, bool acpi_enabled)
{
    struct mem_hotplug *hotplug = opaque;
    if (!(newly_enabled_gpes & 1 << PM_GPE_MEMORY))
        return;
    hotplug->heard = true;
    for (unsigned i = 0; i < hotplug->slot_count; i++) {
        if (hotplug->slots[i].inserting || hotplug->slots[i].removing) {
            pm_gpe_raise(hotplug->pm, PM_GPE_MEMORY);
            return;
        }
    }
}

void mem_hotplug_init(struct mem_hotplug *hotplug, struct machine *machine, struct pm *pm, unsigned slots)
{
    memset(hotplug, 0, sizeof(*hotplug));
    hotplug->machine = machine;
    hotplug->pm = pm;
    hotplug->slot_count = slots;
    if (!slots)
        return;
    hotplug->slots = calloc(slots, sizeof(hotplug->slots[0]));
    if (!hotplug->slots)
        abort();
    pm->guest_enabled = guest_enabled;
    pm->guest_opaque = hotplug;
    region_init_io(&hotplug->io, "acpi-mem-hotplug", &hotplug_region_ops, hotplug, MEM_HOTPLUG_LENGTH);
    region_add(&machine->ports.root, &hotplug->io, MEM_HOTPLUG_BASE, 0);
}

void mem_hotplug_release(struct mem_hotplug *hotplug)
{
    if (!hotplug->slots)
        return;
    region_remove(&hotplug->io);
    hotplug->pm->guest_enabled = NULL;
    free(hotplug->slots);
    memset(hotplug, 0, sizeof(*hotplug));
}

void mem_hotplug_reset(struct mem_hotplug *hotplug)
{
    hotplug->selector = 0;
    hotplug->heard = false;
    for (unsigned i = 0; i < hotplug->slot_count; i++) {
        struct mem_hotplug_slot *slot = &hotplug->slots[i];
        slot->inserting = slot->removing = slot->acknowledged = false;
        slot->removal = slot->dimm && slot->dimm->device.deleting ? REMOVAL_DROPPED : REMOVAL_NONE;
        if (slot->dimm)
            slot->dimm->device.deleting = false;
    }
}

void mem_hotplug_plug(struct mem_hotplug *hotplug, struct pc_dimm *dimm, bool hotplugged)
{
    if (dimm->slot < 0 || (unsigned)dimm->slot >= hotplug->slot_count)
        return;
    struct mem_hotplug_slot *slot = &hotplug->slots[dimm->slot];
    slot->dimm = dimm;
    slot->removing = slot->acknowledged = false; // what was meant for, or said of, an earlier DIMM
    slot->removal = REMOVAL_NONE;
    slot->inserting = hotplugged;
    if (hotplugged)
        pm_gpe_raise(hotplug->pm, PM_GPE_MEMORY);
}

static struct mem_hotplug_slot *slot_of(struct mem_hotplug *hotplug, const struct pc_dimm *dimm)
{
    if (dimm->slot < 0 || (unsigned)dimm->slot >= hotplug->slot_count || hotplug->slots[dimm->slot].dimm != dimm)
        return NULL;
    return &hotplug->slots[dimm->slot];
}

bool mem_hotplug_unplug_request(struct mem_hotplug *hotplug, struct pc_dimm *dimm, struct error **errp)
{
    struct mem_hotplug_slot *slot = slot_of(hotplug, dimm);
    if (!slot)
        return error_set(errp, "device '%s' is in no slot that the guest knows", dimm->device.id ? dimm->device.id : "");
    slot->removing = true;
    slot->removal = REMOVAL_ASKED;
    dimm->device.deleting = true;
    pm_gpe_raise(hotplug->pm, PM_GPE_MEMORY);
    return true;
}

void mem_hotplug_unplug(struct mem_hotplug *hotplug, struct pc_dimm *dimm)
{
    struct mem_hotplug_slot *slot = slot_of(hotplug, dimm);
    if (!slot)
        return;
    slot->dimm = NULL;
    slot->inserting = slot->removing = slot->acknowledged = false;
    slot->removal = REMOVAL_NONE;
}

// Guests shut the GPE for the time of its handling: that is listening, too.
bool mem_hotplug_listened(const struct mem_hotplug *hotplug)
{
    return hotplug->heard || pm_gpe_listened(hotplug->pm, PM_GPE_MEMORY);
}

const char *mem_hotplug_ost_text(uint32_t event, uint32_t status)
{
    bool eject = event == 3 || event == 0x103;
    switch (status) {
    case 0: return "success";
    case 1: return "failure, not specified";
    case 2: return "unrecognized notification";
    case 0x80: return eject ? "eject is not supported" : event == 0x200 ? "insertion in progress" : "not specified";
    case 0x81: return eject ? "device in use" : event == 0x200 ? "driver load failure" : "not specified";
    case 0x82: return eject ? "device busy" : event == 0x200 ? "insertion is not supported" : "not specified";
    case 0x83: return eject ? "busy: something depends on the device" : "not specified";
    case 0x84: return eject ? "eject in progress" : "not specified";
    default: return "not specified";
    }
}

// ---- state

static const struct state_field mem_hotplug_slot_state_fields[] = {
    STATE_FIELD(mem_hotplug_slot, inserting), STATE_FIELD(mem_hotplug_slot, removing), STATE_FIELD(mem_hotplug_slot, ost_event),
    STATE_FIELD(mem_hotplug_slot, ost_status), STATE_FIELD(mem_hotplug_slot, acknowledged), STATE_FIELD(mem_hotplug_slot, insertion_status),
    STATE_FIELD(mem_hotplug_slot, removal), STATE_FIELD(mem_hotplug_slot, removal_event), STATE_FIELD(mem_hotplug_slot, removal_status),
};
static STATE_TABLE(mem_hotplug_slot_state);

static const struct state_field mem_hotplug_state_fields[] = {
    STATE_FIELD(mem_hotplug, selector), STATE_FIELD(mem_hotplug, heard), STATE_POINTER(mem_hotplug, slots, slot_count, mem_hotplug_slot_state),
};
STATE_TABLE(mem_hotplug_state);
