// SPDX-License-Identifier: MIT
//
// fw_cfg: selector and data ports, directory, DMA read, skip, write and errors, hostile descriptors.
#include "hw/nvram/fw_cfg.h"
#include <stdlib.h>
#include <string.h>
#include "hwtest.h"
#include "util/error.h"

static struct bench b;
static struct fw_cfg fw;
static uint8_t buffer[16];
static unsigned selections, writes;

static void selected(void *opaque) { selections++; buffer[0] = (uint8_t)selections; }
static void written(void *opaque, uint32_t offset, uint32_t len) { writes += offset * 100 + len; }

static uint32_t data_be32(void)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 8 | inb(&b, 0x511);
    return v;
}

static uint32_t dma(uint32_t control, uint32_t len, uint64_t address)
{
    uint8_t d[16];
    for (int i = 0; i < 4; i++) {
        d[i] = (uint8_t)(control >> (24 - 8 * i));
        d[4 + i] = (uint8_t)(len >> (24 - 8 * i));
    }
    for (int i = 0; i < 8; i++)
        d[8 + i] = (uint8_t)(address >> (56 - 8 * i));
    physical_write(&b.machine.memory, 0x1000, d, 16);
    outl(&b, 0x514, 0);
    outl(&b, 0x518, __builtin_bswap32(0x1000));
    return mem_read32(&b, 0x1000);
}

static unsigned find(const char *name, uint32_t *size)
{
    outw(&b, 0x510, FW_CFG_FILE_DIR);
    unsigned n = data_be32(), key = 0;
    for (unsigned i = 0; i < n; i++) {
        char text[56];
        uint32_t bytes = data_be32(), k = data_be32() >> 16;
        for (int c = 0; c < 56; c++)
            text[c] = (char)inb(&b, 0x511);
        if (!strcmp(text, name)) {
            key = k;
            *size = bytes;
        }
    }
    return key;
}

static void test_ports(void)
{
    outw(&b, 0x510, 0);
    check(inb(&b, 0x511) == 'Q' && inb(&b, 0x511) == 'E' && inb(&b, 0x511) == 'M' && inb(&b, 0x511) == 'U', "signature");
    check_eq(inb(&b, 0x511), 0, "zeros behind the end");
    outw(&b, 0x510, 1);
    check_eq(inb(&b, 0x511), 3, "interface with DMA");
    check_eq(inl(&b, 0x514), __builtin_bswap32(0x51454d55), "DMA signature, high");
    check_eq(inl(&b, 0x518), __builtin_bswap32(0x20434647), "DMA signature, low");
    outw(&b, 0x510, FW_CFG_RAM_SIZE);
    check_eq(inb(&b, 0x511), 0x78, "numbers are little-endian");
    outw(&b, 0x510, 0x3fff);
    check_eq(inb(&b, 0x511), 0, "no such key");
}

static void test_files(void)
{
    uint32_t size = 0;
    unsigned key = find("etc/b", &size);
    check(key >= 0x20 && size == 5, "directory names the file");
    outw(&b, 0x510, (uint16_t)key);
    check_eq(data_be32(), 0x68656c6c, "its bytes");
    check(!strcmp(fw.files[0].name, "etc/a") && !strcmp(fw.files[1].name, "etc/b"), "sorted by name");
    struct error *err = NULL;
    check(!fw_cfg_add_file(&fw, "etc/a", "", 0, &err), "duplicates are refused");
    error_free(err);
    err = NULL;
    check(!fw_cfg_add_file(&fw, "etc/this-name-is-much-too-long-for-the-directory-of-fw_cfg-files", "", 0, &err), "long names, too");
    error_free(err);
}

static void test_dma(void)
{
    uint32_t size;
    unsigned key = find("etc/b", &size);
    mem_write32(&b, 0x2004, 0xffffffff);
    check_eq(dma(key << 16 | 8 | 2, 8, 0x2000), 0, "select and read");
    check_eq(mem_read32(&b, 0x2000), 0x6c6c6568, "bytes arrive");
    check_eq(mem_read32(&b, 0x2004), 0x6f, "with zeros behind the end");
    check_eq(dma(key << 16 | 8 | 4, 2, 0), 0, "skip");
    dma(2, 2, 0x2000);
    check_eq(mem_read32(&b, 0x2000) & 0xffff, 0x6c6c, "goes on behind it");
    check_eq(dma(key << 16 | 8 | 16, 2, 0x2000), 0x01000000, "write of a read-only file: error");
    key = find("etc/a", &size);
    selections = 0;
    check_eq(dma(key << 16 | 8 | 16, 4, 0x2000), 0, "write of a writable file");
    check(selections == 1 && writes == 4, "callbacks");
    check(!memcmp(buffer, "ll", 2), "bytes are there");
    check_eq(dma(16, 13, 0x2000), 0x01000000, "not beyond its end");
    check_eq(dma(2, 0xffffffff, 0xfffff000), 0x01000000, "a huge read into nothing: error");
    check_eq(dma(2, 4, UINT64_MAX - 1), 0x01000000, "an address that wraps: error");
    dma(4, 0xffffffff, 0);
    check_eq(dma(2, 4, 0x2000), 0, "skip saturates");
    check_eq(mem_read32(&b, 0x2000), 0, "nothing there");
    outl(&b, 0x514, 0xffffffff);
    outl(&b, 0x518, 0xffffffff);
    check(true, "descriptor outside memory is survived");
}

int main(void)
{
    bench_init(&b);
    bench_add_ram(&b, 0x10000);
    fw_cfg_init(&fw, b.ports, &b.machine.memory);
    fw_cfg_add_u64(&fw, FW_CFG_RAM_SIZE, 0x12345678);
    fw_cfg_add_file(&fw, "etc/b", "hello", 5, NULL);
    fw_cfg_add_file_callback(&fw, "etc/a", buffer, sizeof(buffer), true, selected, written, NULL, NULL);
    test_ports();
    test_files();
    test_dma();
    uint32_t size = 0;
    check(fw_cfg_find_file(&fw, "etc/b", &size) && size == 5, "host side lookup");
    fw_cfg_release(&fw);
    bench_release(&b);
    return test_end();
}
