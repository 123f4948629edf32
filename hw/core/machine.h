// SPDX-License-Identifier: MIT
//
// What all devices of a machine share: address spaces, clock, loop, run state, the list of devices, the
// routing of plug and unplug, and the sink of events. Filled by hw/pc/; owned by main.c. Machine thread only,
// but the request_* functions may be called from signal handlers (they only set words and kick the loop).
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/loop.h"

enum run_state { RUN_STATE_PRELAUNCH, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_SHUTDOWN, RUN_STATE_INTERNAL_ERROR,
                 RUN_STATE_GUEST_PANICKED };
enum machine_request { // bits
    REQUEST_SHUTDOWN = 1, // the guest powered off
    REQUEST_RESET = 2,
    REQUEST_POWERDOWN = 4, // press the power button
    REQUEST_QUIT = 8,     // the user or a signal wants out
    REQUEST_STOP = 16,
    REQUEST_PANIC = 32,   // the guest's kernel says that it has panicked
    REQUEST_USER_RESET = 64, // as REQUEST_RESET, but the user wants it
    REQUEST_SIGNAL = 128,    // with REQUEST_QUIT: a signal came
};

// What follows a panic of the guest (-action panic=).
enum panic_action { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_EXIT_FAILURE, PANIC_NONE };

// Plug in two steps: `check` may refuse and changes nothing, `plug` cannot fail. Who creates a device for the user
// (hw/pc) calls check before device_realize and plug after it; devices and monitors call the other two.
struct hotplug_ops {
    bool (*check)(struct machine *machine, struct device *device, struct error **errp);
    void (*plug)(struct machine *machine, struct device *device);
    // device_del: ask the guest; the device goes when the guest lets go.
    bool (*unplug_request)(struct machine *machine, struct device *device, struct error **errp);
    // The guest has let go (from inside its port write): takes the device out at once.
    void (*unplug)(struct machine *machine, struct device *device);
};
// Things that monitors tell their users; `device` may be NULL.
enum machine_event { EVENT_DEVICE_DELETED, EVENT_ACPI_OST, EVENT_UNPLUG_REFUSED, EVENT_STOP, EVENT_RESUME, EVENT_RESET, EVENT_SHUTDOWN, EVENT_POWERDOWN,
                     EVENT_GUEST_PANICKED,
                     EVENT_NOTICE }; // `text` for a person who watches
// guest, reason: who wanted a reset or a shutdown, and how ("guest-reset", "host-qmp-quit").
struct event_details { const char *id; int slot; uint32_t source, status; bool guest; const char *text, *reason; unsigned unnamed_number; };
struct event_sink { void (*event)(void *opaque, enum machine_event event, const struct event_details *details); void *opaque; struct event_sink *next; };

struct memory_backend;
struct gdbstub;
struct machine {
    const char *type_name;       // "pc"
    const char *name;            // -name; NULL: none
    struct address_space memory, ports;
    struct clock clock;
    struct loop *loop;
    uint64_t ram_size, max_ram_size; // bytes; equal: no hotplug
    unsigned ram_slots;
    unsigned cpu_count;
    bool acpi, no_reboot, no_shutdown;
    enum panic_action panic;
    bool counted_time;           // virtual time is the instruction count: nothing shows the host's time
    uint64_t random_state;
    enum run_state state;
    _Atomic uint32_t requests;   // enum machine_request bits
    int exit_code;               // isa-debug-exit and friends; used when REQUEST_QUIT
    const char *shutdown_cause;
    struct device *devices;
    unsigned unnamed_devices;    // realized without an id so far
    struct device_registry registry;
    const struct hotplug_ops *hotplug;
    struct event_sink *sinks;
    struct memory_device_state *memory_devices; // hw/mem; NULL without maxmem
    struct backend_list *backends;              // backends/
    struct chardev_list *chardevs;              // chardev/
    struct gdbstub *gdbstub;                    // gdbstub/; NULL: none was made
    const struct irq *isa_irqs;                 // the 16 wires of the ISA bus, for isa-* devices; hw/pc sets it (NULL: no interrupts)
    void (*request_made)(struct machine *machine); // on the machine thread: the running slice ends here. May be NULL
    // Other vCPUs leave generated code and park until end (with one thread: nothing to wait for). Nestable.
    void (*safe_point_begin)(struct machine *machine);
    void (*safe_point_end)(struct machine *machine);
    struct pci_bus *pci_bus;     // for PCI devices; NULL: none
    struct input *input;         // ui/: never NULL in a machine that runs
    struct screen *screen;       // ui/: what a display device draws on, there even when none is
    struct ui *ui;               // ui/: NULL without a window
    unsigned mouse_buttons;      // that mouse_button in the monitor holds down
    void *pc;                    // the board's own (hw/pc)
    // Who controls the run by instruction counts (snapshot/): what engine_owner's stop and stuck do. NULL functions: nobody.
    struct { bool (*stop)(void *opaque); bool (*stuck)(void *opaque); void *opaque; } counts;
    // Commands of monitors that change the machine go here when set, and are run at a count of their own: run(client, line)
    // then; qmp: the line is JSON. False: refused, and said so. For debuggers: pause calls fn(client) at the next boundary that
    // has a count of its own; may_write tells whether a machine that stands still may be written (not in a replay), wrote what was
    // ("register 0 rax 0011223344556677": the `gdb` event of replay/script.h).
    struct {
        bool (*command)(void *opaque, bool qmp, const char *line, void (*run)(void *client, const char *line), void *client);
        void (*pause)(void *opaque, void (*fn)(void *client), void *client);
        bool (*may_write)(void *opaque);
        void (*wrote)(void *opaque, const char *text);
        void *opaque;
    } gate;
};

void machine_request(struct machine *machine, enum machine_request request);
void machine_send_event(struct machine *machine, enum machine_event event, const struct event_details *details);
struct device *machine_find_device(struct machine *machine, const char *id);
// Reset all devices in order of creation (CPUs are reset by whoever runs them).
void machine_reset_devices(struct machine *machine);
// The seeded generator of the machine (never the host's).
uint64_t machine_random(struct machine *machine);
