// SPDX-License-Identifier: MIT
//
// fw_cfg: named blobs for firmware and kernels at ports 510h 511h, DMA at 514h. Selectors are 16 bits, the file directory
// and DMA descriptors big-endian. [QEMU docs/specs/fw_cfg]
// Contents belong to the caller unless added with fw_cfg_add_copy. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "softmmu/memory.h"
#include "util/state.h"

struct error;
enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0, FW_CFG_ID = 1, FW_CFG_UUID = 2, FW_CFG_RAM_SIZE = 3, FW_CFG_NOGRAPHIC = 4, FW_CFG_NB_CPUS = 5,
    FW_CFG_MACHINE_ID = 6, FW_CFG_KERNEL_ADDR = 7, FW_CFG_KERNEL_SIZE = 8, FW_CFG_KERNEL_CMDLINE = 9, FW_CFG_INITRD_ADDR = 10,
    FW_CFG_INITRD_SIZE = 11, FW_CFG_BOOT_DEVICE = 12, FW_CFG_NUMA = 13, FW_CFG_BOOT_MENU = 14, FW_CFG_MAX_CPUS = 15,
    FW_CFG_KERNEL_ENTRY = 16, FW_CFG_KERNEL_DATA = 17, FW_CFG_INITRD_DATA = 18, FW_CFG_CMDLINE_ADDR = 19,
    FW_CFG_CMDLINE_SIZE = 20, FW_CFG_CMDLINE_DATA = 21, FW_CFG_SETUP_ADDR = 22, FW_CFG_SETUP_SIZE = 23,
    FW_CFG_SETUP_DATA = 24, FW_CFG_FILE_DIR = 25, FW_CFG_FILE_FIRST = 32,
    FW_CFG_ACPI_TABLES = 0x8000, FW_CFG_SMBIOS = 0x8001, FW_CFG_IRQ0_OVERRIDE = 0x8002, FW_CFG_E820 = 0x8003,
};
#define FW_CFG_FILES_MAX 96
#define FW_CFG_KEYS (FW_CFG_FILE_FIRST + FW_CFG_FILES_MAX)

struct fw_cfg_entry {
    uint8_t *data;
    uint32_t size;
    bool owned, writable;
    void (*selected)(void *opaque);  // before the first byte is read: may change data in place
    void (*written)(void *opaque, uint32_t offset, uint32_t len);
    void *opaque;
};
struct fw_cfg_file { char name[56]; uint16_t key; };
struct fw_cfg {
    struct fw_cfg_entry entry[2][FW_CFG_KEYS]; // [0]: generic, [1]: architecture (bit 15)
    struct fw_cfg_file files[FW_CFG_FILES_MAX]; // sorted by name
    unsigned file_count;
    uint16_t selector;
    uint32_t offset;
    uint64_t dma_address;      // high half written so far
    struct address_space *memory;
    struct region io, dma_io;
    uint8_t *directory;        // what FW_CFG_FILE_DIR shows
};
void fw_cfg_init(struct fw_cfg *fw, struct region *ports, struct address_space *memory);
void fw_cfg_release(struct fw_cfg *fw);
void fw_cfg_reset(struct fw_cfg *fw);
// The bytes are the caller's and must stay.
void fw_cfg_add_bytes(struct fw_cfg *fw, uint16_t key, const void *data, uint32_t size);
void fw_cfg_add_copy(struct fw_cfg *fw, uint16_t key, const void *data, uint32_t size);
void fw_cfg_add_u16(struct fw_cfg *fw, uint16_t key, uint16_t value);
void fw_cfg_add_u32(struct fw_cfg *fw, uint16_t key, uint32_t value);
void fw_cfg_add_u64(struct fw_cfg *fw, uint16_t key, uint64_t value);
// A named file; the bytes are copied. Refuses names of 56 or more characters, duplicates, and too many files.
bool fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, uint32_t size, struct error **errp);
// As above over the caller's bytes, guest-writable when `writable`, with callbacks (each may be NULL).
bool fw_cfg_add_file_callback(struct fw_cfg *fw, const char *name, void *data, uint32_t size, bool writable,
                              void (*selected)(void *opaque), void (*written)(void *opaque, uint32_t offset, uint32_t len),
                              void *opaque, struct error **errp);
// The current bytes of a file (NULL: no such file).
const uint8_t *fw_cfg_find_file(const struct fw_cfg *fw, const char *name, uint32_t *size);
extern const struct state_table fw_cfg_state;
