// SPDX-License-Identifier: MIT
//
// The machine `pc`: i440FX/PIIX with memory hotplug. pc_new wires everything and pc_run runs it; main.c sits between.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "exec/engine.h"
#include "hw/core/machine.h"
#include "hw/pc/linux_boot.h"

struct backend_list;
struct x86_cpu;
struct chardev;
#define PC_MAX_SERIAL 4
struct pc_options {
    uint64_t ram_size, max_ram_size; // bytes; equal when no maxmem was given
    bool ram_size_given;             // -m has a size
    unsigned ram_slots, cpu_count;
    unsigned cpu_sockets;            // 0: one
    struct backend_list *backends;   // of -object; pc_new takes it over. NULL: none
    const char *memory_backend;      // -machine memory-backend=: id of the one that is boot RAM; NULL: a new one
    const char *mem_path;            // -mem-path: where the new one is; NULL: anonymous memory
    bool mem_prealloc;               // -mem-prealloc: takes all its pages at once
    const char *const *numa;         // texts of -numa
    unsigned numa_count;
    const char *const *globals;      // texts of -global, as driver.property=value
    size_t global_count;
    const char *cpu_model;           // NULL: default
    bool kaslr;                      // -machine kaslr=: of a kernel unpacked here; one that unpacks itself does as it likes
    bool acpi, hpet;                 // -machine acpi=, hpet= (off: a Linux that finds one tests the timer interrupt for 0.1 s)
    const char *kernel, *initrd, *append;
    enum boot_unpack unpack;
    struct chardev *serial[PC_MAX_SERIAL]; // NULL: port absent
    int64_t rtc_base_ns;             // date of virtual time 0
    uint64_t seed;
    bool no_reboot, no_shutdown, paused; // paused: -S
    enum panic_action panic;
    struct engine_options engine;
    struct input *input;             // where the user's keys come from; NULL: no one types
    struct screen *screen;           // what a display device draws on
};

extern const struct device_registry pc_device_types; // that users can name
// Builds the machine, not yet running; devices of -device are added afterwards by pc_add_device, then pc_start.
struct machine *pc_new(const struct pc_options *options, struct loop *loop, struct chardev_list *chardevs, struct error **errp);
void pc_free(struct machine *machine);
// Cold or hot: new device of a type by name with properties "key=value,...": checks, plugs. id may be NULL.
struct device *pc_add_device(struct machine *machine, const char *type, const char *id, const char *const (*properties)[2],
                             unsigned property_count, struct error **errp);
// id: or the path /machine/peripheral/ID, /machine/peripheral-anon/device[N].
// device_del: asks the guest (or fails with a reason). The device goes later.
bool pc_remove_device(struct machine *machine, const char *id, struct error **errp);
// Loads the kernel, resets, ready to run. Fails when e.g. the initrd does not fit. Without a kernel the machine is there, but only paused.
bool pc_start(struct machine *machine, struct error **errp);
// Runs until REQUEST_QUIT (or shutdown without -no-shutdown). While paused only host events are handled.
// Returns the exit code.
int pc_run(struct machine *machine);
void pc_stop(struct machine *machine);     // pause; EVENT_STOP
bool pc_continue(struct machine *machine, struct error **errp); // EVENT_RESUME. False: it cannot run (off, or nothing to boot)
void pc_inject_nmi(struct machine *machine); // on the NMI wire of each local APIC, as a board's button does
const struct pc_options *pc_options(struct machine *machine); // as they were given
struct engine *pc_engine(struct machine *machine);
struct x86_cpu *pc_cpu(struct machine *machine, unsigned index);
// Lines of `info pic`/`info irq`.
void pc_print_irq(struct machine *machine, void (*print)(void *, const char *), void *opaque);
// State of chips and devices, part by part (hw/pc/state.c): name, table, instance. Only during the call.
struct state_table;
typedef void pc_state_fn(void *opaque, const char *part, const struct state_table *table, const void *instance);
void pc_each_state(struct machine *machine, pc_state_fn *fn, void *opaque);
// fn sees each byte that serial port 0 sends. False: there is no such port.
bool pc_watch_serial(struct machine *machine, void (*fn)(void *opaque, uint8_t byte), void *opaque);
// The bytes of all ACPI tables, as they are loaded. NULL: none.
const uint8_t *pc_acpi_tables(struct machine *machine, size_t *size);
