// SPDX-License-Identifier: MIT
//
// The memory hotplug register block (ports a00..a17) and its events: what the guest sees of DIMMs. Slots and addresses
// belong to hw/mem/; this keeps insert/remove requests and the last _OST of each slot.
// Requests are dropped when the slot's DIMM is plugged, unplugged or the machine reset, and GPE 3 is raised again when the
// guest starts to listen, so that no request is lost and none outlives its DIMM. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/acpi/pm.h"
#include "hw/core/machine.h"
#include "hw/mem/pc_dimm.h"
#include "util/state.h"

enum mem_hotplug_removal {
    REMOVAL_NONE,
    REMOVAL_ASKED,       // no answer so far
    REMOVAL_IN_PROGRESS, // _OST 84h, or the guest began by itself
    REMOVAL_REFUSED,     // removal_event and removal_status say how
    REMOVAL_DROPPED,     // by a reset
};
struct mem_hotplug_slot {
    struct pc_dimm *dimm;          // NULL: empty
    bool inserting, removing;      // requests that the guest has not cleared
    uint32_t ost_event, ost_status; // the last ones
    bool acknowledged;             // the guest has answered to the insertion of this DIMM
    uint32_t insertion_status;     // how; 0: "success"
    uint8_t removal;               // enum mem_hotplug_removal
    uint32_t removal_event, removal_status;
};
struct mem_hotplug {
    struct machine *machine;
    struct pm *pm;
    struct mem_hotplug_slot *slots;
    unsigned slot_count;
    uint32_t selector;
    bool heard;                    // since the last reset the guest has listened for our GPE
    struct region io;
};
// slots: 0 maps nothing. Hooks itself into pm->guest_enabled.
void mem_hotplug_init(struct mem_hotplug *hotplug, struct machine *machine, struct pm *pm, unsigned slots);
void mem_hotplug_release(struct mem_hotplug *hotplug);
// Drops requests (DIMMs stay, as cold-plugged ones).
void mem_hotplug_reset(struct mem_hotplug *hotplug);
// The DIMM has its slot. hotplugged: the guest gets an insert request and GPE 3.
void mem_hotplug_plug(struct mem_hotplug *hotplug, struct pc_dimm *dimm, bool hotplugged);
// Remove request and GPE 3 (device.deleting is set until the guest's answer: EVENT_DEVICE_DELETED by the board's unplug, or
// EVENT_UNPLUG_REFUSED); repeated calls raise it again. False (errp) when the DIMM is not in a slot here.
bool mem_hotplug_unplug_request(struct mem_hotplug *hotplug, struct pc_dimm *dimm, struct error **errp);
// The DIMM is out.
void mem_hotplug_unplug(struct mem_hotplug *hotplug, struct pc_dimm *dimm);
// Does the guest, since its start, listen for our GPE? (monitors say so when it does not)
bool mem_hotplug_listened(const struct mem_hotplug *hotplug);
// "success", "busy"... [ACPI 6.4 6.3.5]
const char *mem_hotplug_ost_text(uint32_t event, uint32_t status);
extern const struct state_table mem_hotplug_state;
