// SPDX-License-Identifier: MIT
//
// Direct boot of Linux (-kernel, -initrd, -append): reads the files, lays out guest memory, states where the
// CPU starts. [Linux Documentation/arch/x86/boot.rst]
//
// The payload is unpacked on the host and its ELF segments are loaded where they want to be; the CPU starts at its
// entry in long mode. What cannot be unpacked starts by the normal 64-bit or 32-bit boot protocol (the guest unpacks),
// unless `unpack` demands otherwise.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "softmmu/memory.h"

struct boot_screen;
struct error;
enum boot_unpack { BOOT_UNPACK_AUTO, BOOT_UNPACK_HOST, BOOT_UNPACK_GUEST };
struct boot_e820 { uint64_t start, size; uint32_t type; }; // 1 RAM, 2 reserved, 3 ACPI, 4 NVS
struct linux_boot_options {
    const char *kernel, *initrd, *append; // paths and text; initrd and append may be NULL
    enum boot_unpack unpack;
    bool kaslr;            // unpacked on the host: at a virtual address that `random` chooses; else where it was linked
    uint64_t random;
    uint64_t low_ram_end;  // RAM below 4 GiB ends here
    uint64_t initrd_limit; // the initrd must end below this address (ACPI tables follow)
    uint64_t rsdp;
    const struct boot_e820 *e820;
    unsigned e820_count;
    const struct boot_screen *screen; // NULL: there is no VGA
};
struct linux_boot; // blobs and start state
// Reads and prepares everything; nothing is written to guest memory yet.
struct linux_boot *linux_boot_prepare(const struct linux_boot_options *options, struct error **errp);
// Write the blobs (at start, and again after each reset).
void linux_boot_load(const struct linux_boot *boot, struct address_space *memory);
struct x86_cpu;
void linux_boot_start_cpu(const struct linux_boot *boot, struct x86_cpu *cpu);
void linux_boot_free(struct linux_boot *boot);
