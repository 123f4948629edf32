// SPDX-License-Identifier: MIT
//
// The machine as a tree of objects with properties, under QEMU's paths:
//   /objects/ID                        memory backends, with their memory ID[0]
//   /machine/peripheral/ID             devices with an id
//   /machine/peripheral-anon/device[N] devices without
//   /machine/unattached/device[N]      CPUs, then the board's chips and its own devices; NAME[N]: memory regions
//   /machine/device-memory[0]          the window of the DIMMs
// Nothing is stored: what is asked for is read from the machine. Machine thread only; an object is good until the machine changes.
#pragma once
#include <stdbool.h>

struct device;
struct error;
struct machine;
struct memory_backend;
struct region;

enum object_kind { OBJECT_ROOT, OBJECT_MACHINE, OBJECT_PERIPHERAL, OBJECT_UNNAMED, OBJECT_UNATTACHED, OBJECT_BACKENDS, OBJECT_CPU, OBJECT_CHIP,
                   OBJECT_DEVICE, OBJECT_BACKEND, OBJECT_BACKEND_MEMORY, OBJECT_REGION };
struct object {
    enum object_kind kind;
    unsigned number;                // of a CPU or chip
    struct device *device;          // OBJECT_DEVICE
    struct memory_backend *backend; // OBJECT_BACKEND, OBJECT_BACKEND_MEMORY
    const struct region *region;    // OBJECT_REGION
};

// A path, or the end of one that only one object has ("d1", "peripheral/d1").
bool object_find(struct machine *machine, const char *path, struct object *object, struct error **errp);
// Malloced.
char *object_type(struct machine *machine, const struct object *object);
// Each property; child: the object that it holds, NULL for a value. fn returns false to end the walk.
typedef bool object_fn(void *opaque, const char *name, const char *type, const struct object *child);
void object_each(struct machine *machine, const struct object *object, object_fn *fn, void *opaque);
// The value as JSON, malloced; of a child its path.
char *object_get(struct machine *machine, const struct object *object, const char *property, struct error **errp);
// From text as in option lists; what cannot be changed is refused by name.
bool object_set(struct machine *machine, const struct object *object, const char *property, const char *value, struct error **errp);
// "qemu64-x86_64-cpu"; malloced.
char *object_cpu_type(struct machine *machine);
const char *object_backend_type(int kind); // of an enum backend_kind
