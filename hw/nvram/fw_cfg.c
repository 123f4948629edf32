// SPDX-License-Identifier: MIT
//
// fw_cfg. Ports: 510h selector (16-bit write), 511h data byte, 514h DMA address (big-endian, high half first; the low half
// starts the transfer). A descriptor in guest memory is {control, length, address}, big-endian; control bits: 0 error, 1 read,
// 2 skip, 3 select (key in 31:16), 4 write. All sizes come from the guest: copies go through physical_* in bounded pieces and
// never beyond the entry. Machine thread only.
#include "hw/nvram/fw_cfg.h"
#include <stdlib.h>
#include <string.h>
#include "util/error.h"
#include "util/log.h"

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
#define SIGNATURE_DMA 0x51454d5520434647ull // "QEMU CFG"

static struct fw_cfg_entry *entry_of(struct fw_cfg *fw, uint16_t key)
{
    unsigned index = key & 0x3fff; // bit 14 was the write channel
    return index < FW_CFG_KEYS ? &fw->entry[key >> 15][index] : NULL;
}

static void select_key(struct fw_cfg *fw, uint16_t key)
{
    fw->selector = key;
    fw->offset = 0;
    struct fw_cfg_entry *e = entry_of(fw, key);
    if (e && e->selected)
        e->selected(e->opaque);
}

static uint8_t next_byte(struct fw_cfg *fw)
{
    const struct fw_cfg_entry *e = entry_of(fw, fw->selector);
    if (!e || fw->offset >= e->size)
        return 0;
    return e->data[fw->offset++];
}

// ---- DMA

static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static uint64_t be64(const uint8_t *p) { return (uint64_t)be32(p) << 32 | be32(p + 4); }

static bool zero_fill(struct fw_cfg *fw, uint64_t address, uint64_t len)
{
    const uint8_t zeros[4096] = { 0 };
    while (len) {
        uint64_t n = len < sizeof(zeros) ? len : sizeof(zeros);
        if (!physical_write(fw->memory, address, zeros, n))
            return false; // also bounds the work: nobody has 4 GiB behind a hole
        address += n;
        len -= n;
    }
    return true;
}

// Bytes of the entry to guest memory, zeros behind its end.
static bool dma_read(struct fw_cfg *fw, const struct fw_cfg_entry *e, uint64_t address, uint32_t len)
{
    uint32_t left = e && fw->offset < e->size ? e->size - fw->offset : 0, n = len < left ? len : left;
    if (n && !physical_write(fw->memory, address, e->data + fw->offset, n))
        return false;
    fw->offset += n;
    return zero_fill(fw, address + n, len - n);
}

static bool dma_write(struct fw_cfg *fw, struct fw_cfg_entry *e, uint64_t address, uint32_t len)
{
    uint32_t at = fw->offset;
    if (!e || !e->writable || at > e->size || len > e->size - at)
        return false;
    if (!physical_read(fw->memory, address, e->data + at, len))
        return false;
    fw->offset += len;
    if (e->written)
        e->written(e->opaque, at, len);
    return true;
}

static void dma_run(struct fw_cfg *fw, uint64_t descriptor)
{
    uint8_t raw[16];
    if (!physical_read(fw->memory, descriptor, raw, sizeof(raw))) {
        log_printf(LOG_GUEST_ERRORS, "fw_cfg: no memory for a DMA descriptor at 0x%llx\n", (unsigned long long)descriptor);
        return;
    }
    uint32_t control = be32(raw), len = be32(raw + 4);
    uint64_t address = be64(raw + 8);
    bool good = true;
    if (control & DMA_SELECT)
        select_key(fw, (uint16_t)(control >> 16));
    struct fw_cfg_entry *e = entry_of(fw, fw->selector);
    if (control & DMA_READ)
        good = dma_read(fw, e, address, len);
    else if (control & DMA_WRITE)
        good = dma_write(fw, e, address, len);
    else if (control & DMA_SKIP)
        fw->offset = len > UINT32_MAX - fw->offset ? UINT32_MAX : fw->offset + len;
    const uint8_t result[4] = { 0, 0, 0, good ? 0 : DMA_ERROR };
    physical_write(fw->memory, descriptor, result, sizeof(result));
}

// ---- ports

static uint64_t io_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fw_cfg *fw = opaque;
    if (offset == 0)
        return size == 1 ? 0xff : 0xffff; // the selector is write-only
    return next_byte(fw);
}

static void io_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == 0 && size == 2)
        select_key(opaque, (uint16_t)value);
    // Writes of data ended with QEMU 2.4: only DMA writes.
}

static uint64_t dma_io_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0; // big-endian register: byte i is bits 63-8i
    for (unsigned i = 0; i < size; i++)
        value |= (SIGNATURE_DMA >> (56 - 8 * (offset + i)) & 0xff) << 8 * i;
    return value;
}

static void dma_io_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct fw_cfg *fw = opaque;
    if (size == 8 && offset == 0) {
        fw->dma_address = 0;
        dma_run(fw, __builtin_bswap64(value));
    } else if (size == 4 && offset == 0) {
        fw->dma_address = (uint64_t)__builtin_bswap32((uint32_t)value) << 32;
    } else if (size == 4 && offset == 4) {
        uint64_t address = fw->dma_address | __builtin_bswap32((uint32_t)value);
        fw->dma_address = 0;
        dma_run(fw, address);
    }
}

static const struct region_ops io_ops = { io_read, io_write, 1, 2, false };
static const struct region_ops dma_ops = { dma_io_read, dma_io_write, 1, 8, false };

// ---- contents

static void set_entry(struct fw_cfg *fw, uint16_t key, void *data, uint32_t size, bool owned)
{
    struct fw_cfg_entry *e = entry_of(fw, key);
    if (!e)
        abort();
    if (e->owned)
        free(e->data);
    *e = (struct fw_cfg_entry){ .data = data, .size = size, .owned = owned };
}

void fw_cfg_add_bytes(struct fw_cfg *fw, uint16_t key, const void *data, uint32_t size)
{
    set_entry(fw, key, (void *)(uintptr_t)data, size, false);
}

void fw_cfg_add_copy(struct fw_cfg *fw, uint16_t key, const void *data, uint32_t size)
{
    void *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    set_entry(fw, key, copy, size, true);
}

static void add_little_endian(struct fw_cfg *fw, uint16_t key, uint64_t value, unsigned size)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    fw_cfg_add_copy(fw, key, bytes, size);
}
void fw_cfg_add_u16(struct fw_cfg *fw, uint16_t key, uint16_t value) { add_little_endian(fw, key, value, 2); }
void fw_cfg_add_u32(struct fw_cfg *fw, uint16_t key, uint32_t value) { add_little_endian(fw, key, value, 4); }
void fw_cfg_add_u64(struct fw_cfg *fw, uint16_t key, uint64_t value) { add_little_endian(fw, key, value, 8); }
// The directory: count, then {size, key, reserved, name[56]} each, sizes and keys big-endian.
static void write_directory(struct fw_cfg *fw)
{
    uint32_t size = 4 + 64 * FW_CFG_FILES_MAX;
    memset(fw->directory, 0, size);
    fw->directory[3] = (uint8_t)fw->file_count;
    for (unsigned i = 0; i < fw->file_count; i++) {
        const struct fw_cfg_file *file = &fw->files[i];
        uint32_t bytes = entry_of(fw, file->key)->size;
        uint8_t *row = fw->directory + 4 + 64 * i;
        for (int b = 0; b < 4; b++)
            row[b] = (uint8_t)(bytes >> (24 - 8 * b));
        row[4] = (uint8_t)(file->key >> 8);
        row[5] = (uint8_t)file->key;
        memcpy(row + 8, file->name, sizeof(file->name));
    }
    fw_cfg_add_bytes(fw, FW_CFG_FILE_DIR, fw->directory, 4 + 64 * fw->file_count);
}

// A new row in the order of names. The key is by order of creation, so that later files do not renumber.
static bool add_name(struct fw_cfg *fw, const char *name, uint16_t *key, struct error **errp)
{
    if (strlen(name) >= sizeof(fw->files[0].name))
        return error_set(errp, "fw_cfg file name '%s' is longer than 55 characters", name);
    if (fw->file_count == FW_CFG_FILES_MAX)
        return error_set(errp, "no room for fw_cfg file '%s': there are %d already", name, FW_CFG_FILES_MAX);
    unsigned at = 0;
    while (at < fw->file_count && strcmp(fw->files[at].name, name) < 0)
        at++;
    if (at < fw->file_count && !strcmp(fw->files[at].name, name))
        return error_set(errp, "duplicate fw_cfg file name: %s", name);
    memmove(&fw->files[at + 1], &fw->files[at], (fw->file_count - at) * sizeof(fw->files[0]));
    *key = (uint16_t)(FW_CFG_FILE_FIRST + fw->file_count++);
    memset(&fw->files[at], 0, sizeof(fw->files[at]));
    memcpy(fw->files[at].name, name, strlen(name));
    fw->files[at].key = *key;
    return true;
}

bool fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, uint32_t size, struct error **errp)
{
    uint16_t key;
    if (!add_name(fw, name, &key, errp))
        return false;
    fw_cfg_add_copy(fw, key, data, size);
    write_directory(fw);
    return true;
}

bool fw_cfg_add_file_callback(struct fw_cfg *fw, const char *name, void *data, uint32_t size, bool writable,
                              void (*selected)(void *opaque), void (*written)(void *opaque, uint32_t offset, uint32_t len),
                              void *opaque, struct error **errp)
{
    uint16_t key;
    if (!add_name(fw, name, &key, errp))
        return false;
    set_entry(fw, key, data, size, false);
    struct fw_cfg_entry *e = entry_of(fw, key);
    e->writable = writable;
    e->selected = selected;
    e->written = written;
    e->opaque = opaque;
    write_directory(fw);
    return true;
}

const uint8_t *fw_cfg_find_file(const struct fw_cfg *fw, const char *name, uint32_t *size)
{
    for (unsigned i = 0; i < fw->file_count; i++) {
        const struct fw_cfg_entry *e = &fw->entry[0][fw->files[i].key];
        if (!strcmp(fw->files[i].name, name)) {
            if (size)
                *size = e->size;
            return e->data;
        }
    }
    return NULL;
}

// ---- life

void fw_cfg_init(struct fw_cfg *fw, struct region *ports, struct address_space *memory)
{
    memset(fw, 0, sizeof(*fw));
    fw->memory = memory;
    fw->directory = malloc(4 + 64 * FW_CFG_FILES_MAX);
    if (!fw->directory)
        abort();
    fw_cfg_add_copy(fw, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_u32(fw, FW_CFG_ID, 3); // traditional interface and DMA
    write_directory(fw);
    region_init_io(&fw->io, "fwcfg", &io_ops, fw, 2);
    region_init_io(&fw->dma_io, "fwcfg.dma", &dma_ops, fw, 8);
    region_add(ports, &fw->io, 0x510, 0);
    region_add(ports, &fw->dma_io, 0x514, 0);
}

void fw_cfg_release(struct fw_cfg *fw)
{
    for (unsigned arch = 0; arch < 2; arch++) {
        for (unsigned i = 0; i < FW_CFG_KEYS; i++) {
            if (fw->entry[arch][i].owned)
                free(fw->entry[arch][i].data);
        }
    }
    free(fw->directory);
    memset(fw, 0, sizeof(*fw));
}

void fw_cfg_reset(struct fw_cfg *fw)
{
    fw->dma_address = 0;
    select_key(fw, FW_CFG_SIGNATURE);
}

// ---- state

static const struct state_field fw_cfg_state_fields[] = {
    STATE_FIELD(fw_cfg, selector), STATE_FIELD(fw_cfg, offset), STATE_FIELD(fw_cfg, dma_address),
};
STATE_TABLE(fw_cfg_state);
