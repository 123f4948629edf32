// SPDX-License-Identifier: MIT
//
// ACPI tables: RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, HPET, SSDTs for the HPET and memory hotplug; SRAT and SLIT are in srat.c. [ACPI 6.4 5.2]
//
// The DSDT and the common methods of memory hotplug are compiled from hw/acpi/*.asl; the PNP0C80 device of each
// slot is written here as AML [ACPI 6.4 20], because their number is a command-line option.
#include <stdlib.h>
#include <string.h>
#include "hw/acpi/dsdt.aml.h"
#include "hw/acpi/hpet.aml.h"
#include "hw/acpi/memory.aml.h"
#include "hw/pc/acpi_buffer.h"
#include "hw/pc/internal.h"
#include "hw/pc/srat.h"
#include "util/error.h"

// Compiled AML names its compiler and that one's version: not here, or builds of two systems would have two digests.
static size_t put_compiled(struct buffer *b, const uint8_t *aml, size_t size)
{
    put_align16(b);
    size_t at = b->size;
    put(b, aml, size);
    acpi_put_creator(b->data + at);
    acpi_table_end(b, at);
    return at;
}

// ---- AML

static void aml_length(struct buffer *out, size_t content) // PkgLength counts itself [20.2.4]
{
    if (content + 1 < 0x40) {
        put8(out, (unsigned)content + 1);
    } else if (content + 2 < 0x1000) {
        size_t n = content + 2;
        put8(out, 0x40 | (n & 15));
        put8(out, (unsigned)(n >> 4));
    } else {
        size_t n = content + 3;
        put8(out, 0x80 | (n & 15));
        put8(out, n >> 4 & 0xff);
        put8(out, (unsigned)(n >> 12));
    }
}

static void aml_package(struct buffer *out, struct buffer *content)
{
    aml_length(out, content->size);
    put(out, content->data, content->size);
    content->size = 0;
}

static const char *slot_name(char name[5], unsigned slot)
{
    static const char digits[] = "0123456789ABCDEF";
    name[0] = 'M';
    name[1] = 'P';
    name[2] = digits[slot >> 4];
    name[3] = digits[slot & 15];
    name[4] = 0;
    return name;
}

// Method (name, arguments) { [Return] (callee (_UID, Arg0 .. )) }
static void aml_forward(struct buffer *out, const char *name, const char *callee, unsigned arguments, bool result)
{
    struct buffer body = { 0 };
    put_text(&body, name);
    put8(&body, arguments);
    if (result)
        put8(&body, 0xa4);
    put_text(&body, callee);
    put_text(&body, "_UID");
    for (unsigned i = 0; i < arguments; i++)
        put8(&body, 0x68 + i);
    put8(out, 0x14);
    aml_package(out, &body);
    free(body.data);
}

static void aml_slot(struct buffer *out, unsigned slot)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buffer body = { 0 };
    char name[5], uid[5] = { '0', 'x', digits[slot >> 4], digits[slot & 15], 0 };
    put_text(&body, slot_name(name, slot));
    put8(&body, 0x08); // Name (_UID, "0x00")
    put_text(&body, "_UID");
    put8(&body, 0x0d);
    put(&body, uid, 5);
    put8(&body, 0x08); // Name (_HID, EisaId ("PNP0C80"))
    put_text(&body, "_HID");
    put8(&body, 0x0c);
    put(&body, "\x41\xd0\x0c\x80", 4);
    aml_forward(&body, "_CRS", "MCRS", 0, true);
    aml_forward(&body, "_STA", "MRST", 0, true);
    aml_forward(&body, "_PXM", "MPXM", 0, true);
    aml_forward(&body, "_OST", "MOST", 3, false);
    aml_forward(&body, "_EJ0", "MEJ0", 1, false);
    put(out, "\x5b\x82", 2); // Device
    aml_package(out, &body);
    free(body.data);
}

// Method (MTFY, 2) { If (Arg0 == n) { Notify (MPnn, Arg1) } ... }
static void aml_notify(struct buffer *out, unsigned slots)
{
    struct buffer body = { 0 }, branch = { 0 };
    put_text(&body, "MTFY");
    put8(&body, 2);
    for (unsigned i = 0; i < slots; i++) {
        char name[5];
        put(&branch, "\x93\x68\x0a", 3); // LEqual (Arg0, byte
        put8(&branch, i);
        put8(&branch, 0x86);
        put_text(&branch, slot_name(name, i));
        put8(&branch, 0x69);
        put8(&body, 0xa0);
        aml_package(&body, &branch);
    }
    put8(out, 0x14);
    aml_package(out, &body);
    free(body.data);
    free(branch.data);
}

static void put_slots(struct buffer *b, unsigned slots)
{
    struct buffer scope = { 0 };
    put8(&scope, 0x5c);
    put(&scope, "\x2e_SB_MHPC", 9); // \_SB.MHPC
    put8(&scope, 0x08); // Name (MDNR, slots)
    put_text(&scope, "MDNR");
    put8(&scope, 0x0b);
    put16(&scope, slots);
    for (unsigned i = 0; i < slots; i++)
        aml_slot(&scope, i);
    aml_notify(&scope, slots);
    put8(b, 0x10);
    aml_package(b, &scope);
    free(scope.data);
}

// ---- tables

static void put_gas(struct buffer *b, unsigned bits, unsigned access, uint64_t address) // generic address, I/O space
{
    put8(b, 1);
    put8(b, bits);
    put8(b, 0);
    put8(b, access);
    put64(b, address);
}

static void put_fadt(struct buffer *b, uint32_t facs, uint32_t dsdt)
{
    size_t at = acpi_table_begin(b, "FACP", 3, "RMJTFACP");
    put32(b, facs);
    put32(b, dsdt);
    put8(b, 1);                // INT_MODEL
    put8(b, 0);                // profile: unspecified
    put16(b, PM_SCI_IRQ);
    put32(b, PM_SMI_PORT);
    put8(b, PM_ACPI_ENABLE);
    put8(b, PM_ACPI_DISABLE);
    put16(b, 0);               // S4BIOS, PSTATE
    put32(b, PM_EVT_BLOCK);
    put32(b, 0);
    put32(b, PM_CNT_BLOCK);
    put32(b, 0);
    put32(b, 0);               // PM2
    put32(b, PM_TIMER_BLOCK);
    put32(b, PM_GPE0_BLOCK);
    put32(b, 0);
    put8(b, 4);                // lengths: event, control, PM2, timer, GPE0, GPE1
    put8(b, 2);
    put8(b, 0);
    put8(b, 4);
    put8(b, PM_GPE0_LENGTH);
    put8(b, 0);
    put8(b, 0);
    put8(b, 0);
    put16(b, 0xfff);           // C2 and C3 not supported
    put16(b, 0xfff);
    put_zeros(b, 2 + 2 + 1 + 1 + 1 + 1);
    put8(b, 0x32);             // century in CMOS
    put16(b, 0x3);             // boot flags: legacy devices, 8042
    put8(b, 0);
    put32(b, 0x84a5);          // WBINVD, C1, no sleep button, RTC_S4, RESET_REG, platform clock
    put_gas(b, 8, 1, 0xcf9);
    put8(b, 6);                // reset value
    put_zeros(b, 3);
    put64(b, facs);
    put64(b, dsdt);
    put_gas(b, 32, 2, PM_EVT_BLOCK);
    put_zeros(b, 12);
    put_gas(b, 16, 2, PM_CNT_BLOCK);
    put_zeros(b, 12);
    put_zeros(b, 12);
    put_gas(b, 32, 3, PM_TIMER_BLOCK);
    put_gas(b, 32, 1, PM_GPE0_BLOCK);
    put_zeros(b, 12);
    acpi_table_end(b, at);
}

static void put_madt(struct buffer *b, unsigned cpus)
{
    size_t at = acpi_table_begin(b, "APIC", 1, "RMJTAPIC");
    put32(b, LAPIC_BASE);
    put32(b, 1); // the 8259 pair is there, too
    for (unsigned i = 0; i < cpus; i++) {
        put(b, (uint8_t[]){ 0, 8, (uint8_t)i, (uint8_t)i }, 4);
        put32(b, 1);
    }
    put(b, (uint8_t[]){ 1, 12, 0, 0 }, 4);
    put32(b, IOAPIC_BASE);
    put32(b, 0);
    static const struct { uint8_t irq, gsi, flags; } overrides[] = { { 0, 2, 0 }, { 5, 5, 0xd }, { 9, 9, 0xd }, { 10, 10, 0xd }, { 11, 11, 0xd } };
    for (unsigned i = 0; i < 5; i++) {
        put(b, (uint8_t[]){ 2, 10, 0, overrides[i].irq }, 4);
        put32(b, overrides[i].gsi);
        put16(b, overrides[i].flags);
    }
    put(b, (uint8_t[]){ 4, 6, 0xff, 0, 0, 1 }, 6); // NMI on LINT1 of all
    acpi_table_end(b, at);
}

static void put_hpet(struct buffer *b) // [IA-PC HPET 1.0a 3.2.4]
{
    size_t at = acpi_table_begin(b, "HPET", 1, "RMJTHPET");
    put32(b, HPET_ID);
    put8(b, 0);   // in memory
    put8(b, 0);
    put8(b, 0);
    put8(b, 0);
    put64(b, HPET_BASE);
    put8(b, 0);   // number
    put16(b, HPET_MIN_TICKS);
    put8(b, 0);   // no promise about the rest of its page
    acpi_table_end(b, at);
}

static void put_root(struct buffer *b, const char *signature, unsigned width, const uint64_t *tables, unsigned count)
{
    size_t at = acpi_table_begin(b, signature, 1, "RMJTROOT");
    for (unsigned i = 0; i < count; i++)
        put_int(b, tables[i], width);
    acpi_table_end(b, at);
}

bool acpi_tables_build(struct pc *pc, uint8_t rsdp[RSDP_SIZE], struct error **errp)
{
    struct buffer b = { 0 };
    uint64_t base = pc->acpi_base, tables[11];
    unsigned count = 0;
    put(&b, "FACS", 4); // 64-byte aligned, at the start
    put32(&b, 64);
    put_zeros(&b, 24);
    put8(&b, 1);
    put_zeros(&b, 31);
    size_t dsdt = put_compiled(&b, dsdt_aml, sizeof dsdt_aml);
#define TABLE(call) do { put_align16(&b); tables[count++] = base + b.size; call; } while (0)
    TABLE(put_fadt(&b, (uint32_t)base, (uint32_t)(base + dsdt)));
    TABLE(put_madt(&b, pc->machine.cpu_count));
    if (pc->options.hpet) {
        TABLE(put_hpet(&b));
        tables[count++] = base + put_compiled(&b, hpet_aml, sizeof hpet_aml);
    }
    if (pc->numa.count) {
        struct srat_memory memory = { pc->low_ram, pc->high_ram, pc->memory_devices.base, pc->memory_devices.size };
        TABLE(put_srat(&b, &pc->numa, pc->machine.cpu_count, &memory));
    }
    if (pc->numa.has_distance)
        TABLE(put_slit(&b, &pc->numa));
    if (pc->machine.ram_slots && pc->machine.memory_devices) {
        tables[count++] = base + put_compiled(&b, memory_aml, sizeof memory_aml);
        put_align16(&b);
        tables[count++] = base + b.size;
        size_t at = acpi_table_begin(&b, "SSDT", 1, "RMJTDIMM");
        put_slots(&b, pc->machine.ram_slots);
        acpi_table_end(&b, at);
    }
#undef TABLE
    put_align16(&b);
    uint64_t rsdt = base + b.size;
    put_root(&b, "RSDT", 4, tables, count);
    put_align16(&b);
    uint64_t xsdt = base + b.size;
    put_root(&b, "XSDT", 8, tables, count);

    memset(rsdp, 0, RSDP_SIZE);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "RAMJET", 6);
    rsdp[15] = 2;
    for (int i = 0; i < 4; i++) {
        rsdp[16 + i] = (uint8_t)(rsdt >> 8 * i);
        rsdp[24 + i] = (uint8_t)(xsdt >> 8 * i);
    }
    rsdp[20] = RSDP_SIZE;
    rsdp[8] = acpi_checksum(rsdp, 20);
    rsdp[32] = acpi_checksum(rsdp, RSDP_SIZE);
    free(pc->acpi_tables);
    pc->acpi_tables = b.data;
    pc->acpi_size = b.size;
    if (b.size > ACPI_AREA)
        return error_set(errp, "the ACPI tables need %zu bytes, 0x%x are set aside for them", b.size, ACPI_AREA);
    return true;
}
