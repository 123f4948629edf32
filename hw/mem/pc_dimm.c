// SPDX-License-Identifier: MIT
//
// pc-dimm. check is the first of the two steps of a plug: it may refuse, in the order in which QEMU does, and only fills in what
// the user left open. plug and unplug change the list, the backend and the flat view together.
// Machine thread only.
#include "hw/mem/pc_dimm.h"
#include <string.h>
#include <inttypes.h>
#include "hw/core/machine.h"
#include "util/error.h"
#include "util/state.h"

bool pc_dimm_check(struct machine *machine, struct pc_dimm *dimm, unsigned node_count, struct error **errp)
{
    struct memory_device_state *state = machine->memory_devices;
    struct memory_backend *backend = dimm->memdev;
    int slot = dimm->slot;
    uint64_t addr = dimm->addr;
    if (!memory_device_find_slot(state, &slot, errp))
        return false;
    if (!backend)
        return error_set(errp, "'memdev' property must be set");
    if (!memory_device_check_space(state, backend->size, errp))
        return false;
    if (!memory_device_find_address(state, &addr, backend->size, backend->alignment, errp))
        return false;
    if (dimm->node >= (node_count ? node_count : 1))
        return error_set(errp, "'DIMM property node has value %" PRIu32 "' which exceeds the number of numa nodes: %u", dimm->node,
                         node_count);
    if (backend->busy)
        return error_set(errp, "can't use already busy memdev: %s", backend->id);
    dimm->slot = slot;
    dimm->addr = addr;
    dimm->size = backend->size;
    return true;
}

void pc_dimm_plug(struct machine *machine, struct pc_dimm *dimm)
{
    struct memory_device_state *state = machine->memory_devices;
    dimm->place = (struct memory_device){ .device = &dimm->device, .addr = dimm->addr, .size = dimm->size, .slot = dimm->slot };
    memory_device_insert(state, &dimm->place);
    dimm->memdev->busy = true;
    dimm->memdev->user = dimm->device.id;
    dimm->plugged = true;
    ram_block_begin_use(dimm->memdev->ram);
    region_init_ram(&dimm->region, dimm->memdev->id, dimm->memdev->ram, 0, dimm->size);
    if (machine->safe_point_begin)
        machine->safe_point_begin(machine);
    region_add(&state->region, &dimm->region, dimm->addr - state->base, 0);
    if (machine->safe_point_end)
        machine->safe_point_end(machine);
}

void pc_dimm_unplug(struct machine *machine, struct pc_dimm *dimm)
{
    if (!dimm->plugged)
        return;
    if (machine->safe_point_begin)
        machine->safe_point_begin(machine);
    region_remove(&dimm->region);
    if (machine->safe_point_end)
        machine->safe_point_end(machine);
    memory_device_remove(machine->memory_devices, &dimm->place);
    dimm->memdev->busy = false;
    dimm->memdev->user = NULL;
    dimm->plugged = false;
}

// A DIMM that is deleted while plugged (end of the machine) takes its bytes along.
static void pc_dimm_unrealize(struct device *device) { pc_dimm_unplug(device->machine, (struct pc_dimm *)device); }

// By id, or by the path that monitors show.
static struct memory_backend *find_backend(struct machine *machine, const char *id)
{
    const char *name = strncmp(id, "/objects/", 9) ? id : id + 9;
    return machine->backends ? backend_find(machine->backends, name) : NULL;
}

static const char *backend_name(const struct memory_backend *backend) { return backend->id; }

static const struct property pc_dimm_properties[] = {
    PROPERTY(BACKEND, "memdev", pc_dimm, memdev, 0, "id of the memory backend with its bytes"),
    PROPERTY(INT32, "slot", pc_dimm, slot, -1, "slot number; -1: the lowest free one"),
    PROPERTY(SIZE, "addr", pc_dimm, addr, 0, "guest physical address; 0: chosen"),
    PROPERTY(UINT32, "node", pc_dimm, node, 0, "NUMA node (proximity domain)"),
    PROPERTY(BOOL, "autodel", pc_dimm, autodel, false, "delete the memory backend, too, when the guest has let go of the DIMM"),
    { .name = "size", .type = PROPERTY_SIZE, .offset = offsetof(struct pc_dimm, size), .read_only = true,
      .help = "bytes, of the backend" },
};
static const struct state_field pc_dimm_state_fields[] = {
    STATE_FIELD(pc_dimm, slot), STATE_FIELD(pc_dimm, addr), STATE_FIELD(pc_dimm, node), STATE_FIELD(pc_dimm, size),
    STATE_FIELD(pc_dimm, plugged), STATE_FIELD(pc_dimm, device.deleting),
};
static STATE_TABLE(pc_dimm_state);

const struct device_type pc_dimm_type = {
    .name = "pc-dimm", .help = "DIMM memory module", .size = sizeof(struct pc_dimm), .properties = pc_dimm_properties,
    .property_count = sizeof(pc_dimm_properties) / sizeof(pc_dimm_properties[0]), .user_creatable = true, .hotpluggable = true,
    .unrealize = pc_dimm_unrealize, .backend_find = find_backend, .backend_id = backend_name, .state = &pc_dimm_state,
};
