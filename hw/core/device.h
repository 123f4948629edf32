// SPDX-License-Identifier: MIT
//
// Devices: a const type (name, typed properties, functions) and instances. No object system: a type is a
// const struct and a property table; all user-visible types are rows of hw/devices.def.
// A device's struct starts with struct device. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct machine;
struct device;
struct memory_backend;
struct ram_block;
struct state_table;

enum property_type {
    PROPERTY_BOOL,    // bool: on/off (yes/no, true/false, 1/0)
    PROPERTY_UINT8, PROPERTY_UINT16, PROPERTY_UINT32, PROPERTY_UINT64, PROPERTY_INT32, PROPERTY_INT64,
    PROPERTY_SIZE,    // uint64_t bytes: 1G, 512MiB, 0x1000, 1.5G
    PROPERTY_STRING,  // char *, owned by the device
    PROPERTY_BACKEND, // struct memory_backend *: id of a memory-backend object
    PROPERTY_CHARDEV, // struct chardev *: id of a character device
};
struct property {
    const char *name;
    enum property_type type;
    size_t offset;           // in the instance
    int64_t default_value;   // numbers and bools
    bool read_only;          // shown, not settable
    const char *help;
};
#define PROPERTY(type_, name_, struct_, field_, default_, help_) \
    { .name = name_, .type = PROPERTY_##type_, .offset = offsetof(struct struct_, field_), .default_value = default_, .help = help_ }

struct device_type {
    const char *name, *help;
    const char *bus;         // kind of bus it sits on ("isa", "pci", NULL: none, e.g. pc-dimm)
    size_t size;
    const struct property *properties;
    size_t property_count;
    bool user_creatable, hotpluggable;
    // All properties are set. Failing must leave nothing behind.
    bool (*realize)(struct device *device, struct error **errp);
    void (*unrealize)(struct device *device);
    void (*reset)(struct device *device);
    // Lines for `info qtree`-like views; optional.
    void (*describe)(struct device *device, void (*print)(void *, const char *), void *opaque);
    // For PROPERTY_BACKEND: the backend of an id (NULL: none), and its id. backends/ is not below hw/core.
    struct memory_backend *(*backend_find)(struct machine *machine, const char *id);
    const char *(*backend_id)(const struct memory_backend *backend);
    const struct state_table *state; // of the instance, for digests; &state_none: it keeps nothing
    // Memory of its own that keeps its bytes while the guest does not see it (digests); NULL: none.
    struct ram_block *(*ram)(const struct device *device);
};
#define DEVICE_OF_BOARD (~0u)
struct device {
    const struct device_type *type;
    char *id;                // NULL: unnamed
    unsigned unnamed_number; // without id: the path is /machine/peripheral-anon/device[N]; DEVICE_OF_BOARD: it has no path
    struct machine *machine;
    struct device *next;     // all devices of the machine, in order of creation
    bool realized, hotplugged, deleting;
};

// The object is zeroed, properties at their defaults. Not yet in the machine's list.
struct device *device_new(struct machine *machine, const struct device_type *type);
// Value as text, QEMU's spellings; refuses unknown names (with the nearest) and bad values by name.
bool device_set(struct device *device, const char *property, const char *value, struct error **errp);
// Puts it in the machine's list after realize worked; refuses an id that is taken. On failure the caller still owns
// the device (device_delete frees it). Hotplug checks are the caller's (struct hotplug_ops).
bool device_realize(struct device *device, struct error **errp);
// Right after device_realize: nobody asked for it by name, it came with the board.
void device_set_of_board(struct device *device);
// Unrealize, unlink, free.
void device_delete(struct device *device);
void device_reset(struct device *device);
// Text of a property's value, in a malloced string.
char *device_get(const struct device *device, const struct property *property);

// Types that users can name (rows of hw/devices.def are gathered by hw/pc into machine->types).
struct device_registry { const struct device_type *const *types; size_t count; };
const struct device_type *device_type_find(const struct device_registry *registry, const char *name);
// QEMU's name of a property's type ("uint32", "str").
const char *property_type_name(enum property_type type);
// "help": prints the types; "DRIVER,...,help": the properties of one ("?" stands for help). False: the text asks for neither.
bool device_help(const struct device_registry *registry, const char *text, void (*print)(void *, const char *), void *opaque);
