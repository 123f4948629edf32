// SPDX-License-Identifier: MIT
//
// Where things go in guest memory:
//   0x01000  GDT (null, null, CS 0x10, DS 0x18)     0x10000  boot_params ("zero page")
//   0x02000  page tables: PML4, PDPT, 4 PDs          0x20000  command line
// All of it is memory that Linux takes over once it has its own tables. The identity map covers 4 GiB.
#include "hw/pc/linux_boot.h"
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/pc/boot_screen.h"
#include "hw/pc/kaslr.h"
#include "hw/pc/unpack.h"
#include "target/i386/cpu.h"
#include "util/error.h"

#define GDT_AT 0x1000u
#define TABLES_AT 0x2000u
#define PARAMS_AT 0x10000u
#define CMDLINE_AT 0x20000u
#define CMDLINE_MAX 0x8000u
#define MAX_FILE ((size_t)4 << 30)

// Offsets in boot_params and the setup header.
enum {
    BP_RSDP = 0x070, BP_EXT_RAMDISK_IMAGE = 0x0c0, BP_EXT_RAMDISK_SIZE = 0x0c4, BP_E820_COUNT = 0x1e8, BP_HEADER = 0x1f1,
    HDR_SECTS = 0x1f1, HDR_JUMP = 0x201, HDR_MAGIC = 0x202, HDR_VERSION = 0x206, HDR_LOADER = 0x210, HDR_LOADFLAGS = 0x211,
    HDR_CODE32 = 0x214, HDR_RAMDISK = 0x218, HDR_RAMDISK_SIZE = 0x21c, HDR_CMDLINE = 0x228, HDR_INITRD_MAX = 0x22c,
    HDR_ALIGN = 0x230, HDR_RELOCATABLE = 0x234, HDR_XLOADFLAGS = 0x236, HDR_CMDLINE_SIZE = 0x238, HDR_PAYLOAD = 0x248, HDR_PAYLOAD_SIZE = 0x24c,
    HDR_PREF = 0x258, HDR_INIT_SIZE = 0x260, BP_E820 = 0x2d0, BP_SIZE = 0x1000, KASLR_FLAG = 2,
};

struct blob { uint64_t at; uint8_t *data; size_t size; };
struct linux_boot {
    struct blob blobs[24];
    unsigned count;
    uint64_t entry;
    bool long_mode;
    bool kaslr;             // moved by this much
    uint64_t moved;
};

static uint32_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }
static uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }
static void put32(uint8_t *p, uint32_t v) { for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i); }
static void put64(uint8_t *p, uint64_t v) { put32(p, (uint32_t)v); put32(p + 4, (uint32_t)(v >> 32)); }

static uint8_t *read_file(const char *option, const char *path, size_t *size, struct error **errp)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        error_set(errp, "%s %s: cannot open: %s", option, path, strerror(errno));
        return NULL;
    }
    uint8_t *data = NULL;
    long end = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
    if (end <= 0 || (size_t)end > MAX_FILE) {
        error_set(errp, "%s %s: %s", option, path, end == 0 ? "the file is empty" : "not a regular file of usable size");
    } else {
        rewind(f);
        data = malloc((size_t)end);
        *size = fread(data, 1, (size_t)end, f);
        if (*size != (size_t)end) {
            error_set(errp, "%s %s: cannot read: %s", option, path, strerror(errno));
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

static bool add_blob(struct linux_boot *boot, uint64_t at, uint8_t *data, size_t size)
{
    if (boot->count == sizeof boot->blobs / sizeof *boot->blobs) {
        free(data);
        return false;
    }
    boot->blobs[boot->count++] = (struct blob){ at, data, size };
    return true;
}

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    return copy;
}

// Load the ELF image at its physical addresses. [entry, *end) is what it occupies.
static bool load_elf(struct linux_boot *boot, const uint8_t *elf, size_t size, uint64_t low_ram_end, uint64_t *lowest, uint64_t *end,
                     struct error **errp)
{
    Elf64_Ehdr eh;
    if (size < sizeof eh || memcmp(elf, ELFMAG, SELFMAG) || elf[EI_CLASS] != ELFCLASS64 || elf[EI_DATA] != ELFDATA2LSB)
        return error_set(errp, "the unpacked kernel is not a 64-bit ELF file");
    memcpy(&eh, elf, sizeof eh);
    if (eh.e_machine != EM_X86_64 || eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phoff > size ||
        (uint64_t)eh.e_phnum * sizeof(Elf64_Phdr) > size - eh.e_phoff)
        return error_set(errp, "the unpacked kernel's program headers are damaged");
    *lowest = UINT64_MAX;
    *end = 0;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        memcpy(&ph, elf + eh.e_phoff + i * sizeof ph, sizeof ph);
        if (ph.p_type != PT_LOAD || !ph.p_memsz)
            continue;
        if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset || ph.p_filesz > ph.p_memsz)
            return error_set(errp, "segment %u of the unpacked kernel lies outside the file", i);
        if (ph.p_paddr < 0x100000 || ph.p_paddr > low_ram_end || ph.p_memsz > low_ram_end - ph.p_paddr)
            return error_set(errp, "segment %u of the kernel (0x%llx, 0x%llx bytes) does not fit in RAM below 0x%llx", i,
                             (unsigned long long)ph.p_paddr, (unsigned long long)ph.p_memsz, (unsigned long long)low_ram_end);
        uint8_t *data = calloc(1, ph.p_memsz); // memory beyond the file's part starts as zero
        memcpy(data, elf + ph.p_offset, ph.p_filesz);
        if (!add_blob(boot, ph.p_paddr, data, ph.p_memsz))
            return error_set(errp, "the unpacked kernel has too many segments");
        if (ph.p_paddr < *lowest)
            *lowest = ph.p_paddr;
        if (ph.p_paddr + ph.p_memsz > *end)
            *end = ph.p_paddr + ph.p_memsz;
    }
    if (eh.e_entry < *lowest || eh.e_entry >= *end)
        return error_set(errp, "the unpacked kernel's entry 0x%llx lies outside its segments", (unsigned long long)eh.e_entry);
    boot->entry = eh.e_entry;
    boot->long_mode = true;
    return true;
}

// To another virtual address; the kernel's parts are the blobs from `first` on.
static bool move(struct linux_boot *boot, unsigned first, const uint8_t *elf, size_t size, uint64_t need, uint64_t align, uint64_t random,
                 struct error **errp)
{
    struct kaslr_part parts[sizeof boot->blobs / sizeof *boot->blobs];
    unsigned count = 0;
    for (unsigned i = first; i < boot->count; i++)
        parts[count++] = (struct kaslr_part){ boot->blobs[i].at, boot->blobs[i].data, boot->blobs[i].size };
    if (kaslr_apply(elf, size, parts, count, need, align, random, &boot->moved, errp))
        return boot->kaslr = true;
    error_prefix(errp, "-machine kaslr=on: ");
    return false;
}

static bool wants_kaslr(const struct linux_boot_options *o)
{
    static const char word[] = "nokaslr";
    const size_t length = sizeof word - 1;
    for (const char *p = o->append ? o->append : ""; (p = strstr(p, word)); p += length)
        if ((p == o->append || p[-1] == ' ') && (!p[length] || p[length] == ' '))
            return false;
    return o->kaslr;
}

// Unpack here and load. Leaves no blobs behind when it fails.
static bool boot_unpacked(struct linux_boot *boot, const uint8_t *image, size_t size, const struct linux_boot_options *o, uint64_t *end,
                          struct error **errp)
{
    size_t setup = ((image[HDR_SECTS] ? image[HDR_SECTS] : 4) + 1) * 512u;
    uint64_t offset = setup + (uint64_t)get32(image + HDR_PAYLOAD), length = get32(image + HDR_PAYLOAD_SIZE);
    if (get16(image + HDR_VERSION) < 0x208 || !length)
        return error_set(errp, "the kernel image names no payload");
    if (offset > size || length > size - offset)
        return error_set(errp, "the file is truncated: its payload ends at byte %llu of %zu", (unsigned long long)(offset + length), size);
    size_t elf_size;
    uint8_t *elf = unpack(image + offset, length, &elf_size, errp);
    if (!elf)
        return false;
    unsigned before = boot->count;
    uint64_t lowest = 0;
    bool ok = load_elf(boot, elf, elf_size, o->low_ram_end, &lowest, end, errp) &&
              (!wants_kaslr(o) || move(boot, before, elf, elf_size, get32(image + HDR_INIT_SIZE), get32(image + HDR_ALIGN), o->random, errp));
    free(elf);
    if (!ok) {
        while (boot->count > before)
            free(boot->blobs[--boot->count].data);
        return false;
    }
    uint64_t reserved = lowest + get32(image + HDR_INIT_SIZE);
    if (reserved > *end)
        *end = reserved;
    return true;
}

// The file ends before its payload does: no guest could unpack it.
static bool truncated(const uint8_t *image, size_t size)
{
    size_t setup = ((image[HDR_SECTS] ? image[HDR_SECTS] : 4) + 1) * 512u;
    uint64_t offset = setup + (uint64_t)get32(image + HDR_PAYLOAD), length = get32(image + HDR_PAYLOAD_SIZE);
    return get16(image + HDR_VERSION) >= 0x208 && length && (offset > size || length > size - offset);
}

// The guest unpacks by itself.
static bool boot_packed(struct linux_boot *boot, const uint8_t *image, size_t size, const struct linux_boot_options *o, uint64_t *end,
                        struct error **errp)
{
    size_t setup = ((image[HDR_SECTS] ? image[HDR_SECTS] : 4) + 1) * 512u;
    if (setup >= size)
        return error_set(errp, "-kernel %s: the file ends inside its setup code", o->kernel);
    uint64_t at = 0x100000;
    if (get16(image + HDR_VERSION) >= 0x20a && image[HDR_RELOCATABLE])
        at = get64(image + HDR_PREF);
    uint64_t need = get16(image + HDR_VERSION) >= 0x20a ? get32(image + HDR_INIT_SIZE) : size * 4;
    if (need < size - setup)
        need = size - setup;
    if (at < 0x100000 || at > o->low_ram_end || need > o->low_ram_end - at)
        return error_set(errp, "-kernel %s: needs 0x%llx bytes of RAM at 0x%llx, RAM ends at 0x%llx (give more with -m)", o->kernel,
                         (unsigned long long)need, (unsigned long long)at, (unsigned long long)o->low_ram_end);
    add_blob(boot, at, copy_of(image + setup, size - setup), size - setup);
    boot->long_mode = get16(image + HDR_VERSION) >= 0x20c && get16(image + HDR_XLOADFLAGS) & 1;
    boot->entry = boot->long_mode ? at + 0x200 : at;
    *end = at + need;
    return true;
}

static bool place_initrd(struct linux_boot *boot, uint8_t *params, const struct linux_boot_options *o, uint64_t kernel_end,
                         struct error **errp)
{
    size_t size;
    uint8_t *data = read_file("-initrd", o->initrd, &size, errp);
    if (!data)
        return false;
    uint64_t max = get16(params + HDR_VERSION) >= 0x203 ? (uint64_t)get32(params + HDR_INITRD_MAX) + 1 : 0x38000000;
    uint64_t top = o->initrd_limit < max ? o->initrd_limit : max;
    uint64_t at = top < size ? 0 : (top - size) & ~PAGE_OFFSET_MASK;
    if (top < size || at < kernel_end) {
        free(data);
        return error_set(errp, "-initrd %s: %zu bytes do not fit between the kernel's end 0x%llx and 0x%llx (give more with -m)", o->initrd,
                         size, (unsigned long long)kernel_end, (unsigned long long)top);
    }
    put32(params + HDR_RAMDISK, (uint32_t)at);
    put32(params + HDR_RAMDISK_SIZE, (uint32_t)size);
    add_blob(boot, at, data, size);
    return true;
}

static void add_tables(struct linux_boot *boot)
{
    uint8_t *gdt = calloc(1, 4 * 8);
    put64(gdt + 0x10, boot->long_mode ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull);
    put64(gdt + 0x18, 0x00cf93000000ffffull);
    add_blob(boot, GDT_AT, gdt, 4 * 8);
    uint8_t *tables = calloc(6, 4096); // PML4, PDPT, four PDs of 2 MiB pages
    put64(tables, TABLES_AT + 0x1000 + 3);
    for (unsigned i = 0; i < 4; i++)
        put64(tables + 0x1000 + i * 8, TABLES_AT + 0x2000 + i * 0x1000 + 3);
    for (unsigned i = 0; i < 2048; i++)
        put64(tables + 0x2000 + i * 8, (uint64_t)i << 21 | 0x83);
    add_blob(boot, TABLES_AT, tables, 6 * 4096);
}

static bool place_parameters(struct linux_boot *boot, const uint8_t *image, const struct linux_boot_options *o, uint64_t kernel_end,
                             struct error **errp)
{
    uint8_t *params = calloc(1, BP_SIZE);
    size_t header = HDR_MAGIC + image[HDR_JUMP];
    memcpy(params + BP_HEADER, image + BP_HEADER, header - BP_HEADER);
    params[HDR_LOADER] = 0xff;
    params[HDR_LOADFLAGS] &= (uint8_t)~KASLR_FLAG; // what unpacking code would have said
    params[HDR_LOADFLAGS] |= boot->kaslr ? KASLR_FLAG : 0;
    const char *append = o->append ? o->append : "";
    uint32_t limit = get16(params + HDR_VERSION) >= 0x206 ? get32(params + HDR_CMDLINE_SIZE) : 255;
    if (limit > CMDLINE_MAX - 1)
        limit = CMDLINE_MAX - 1;
    if (strlen(append) > limit) {
        free(params);
        return error_set(errp, "-append: the command line has %zu characters, this kernel takes %u", strlen(append), limit);
    }
    add_blob(boot, CMDLINE_AT, copy_of((const uint8_t *)append, strlen(append) + 1), strlen(append) + 1);
    put32(params + HDR_CMDLINE, CMDLINE_AT);
    put64(params + BP_RSDP, o->rsdp);
    if (o->screen)
        boot_screen_describe(o->screen, params);
    params[BP_E820_COUNT] = (uint8_t)o->e820_count;
    for (unsigned i = 0; i < o->e820_count && i < 128; i++) {
        uint8_t *entry = params + BP_E820 + i * 20;
        put64(entry, o->e820[i].start);
        put64(entry + 8, o->e820[i].size);
        put32(entry + 16, o->e820[i].type);
    }
    if (o->initrd && !place_initrd(boot, params, o, kernel_end, errp)) {
        free(params);
        return false;
    }
    add_blob(boot, PARAMS_AT, params, BP_SIZE);
    return true;
}

static bool check_image(const uint8_t *image, size_t size, const char *path, struct error **errp)
{
    if (size < 0x1000 || memcmp(image + HDR_MAGIC, "HdrS", 4) || get16(image + 0x1fe) != 0xaa55)
        return error_set(errp, "-kernel %s: not a Linux kernel image (bzImage)", path);
    if (get16(image + HDR_VERSION) < 0x204 || !(image[HDR_LOADFLAGS] & 1))
        return error_set(errp, "-kernel %s: boot protocol %u.%02u is too old", path, image[HDR_VERSION + 1], image[HDR_VERSION]);
    if (HDR_MAGIC + image[HDR_JUMP] > 0x290)
        return error_set(errp, "-kernel %s: the setup header is damaged", path);
    return true;
}

struct linux_boot *linux_boot_prepare(const struct linux_boot_options *o, struct error **errp)
{
    size_t size;
    uint8_t *image = read_file("-kernel", o->kernel, &size, errp);
    if (!image)
        return NULL;
    struct linux_boot *boot = calloc(1, sizeof *boot);
    uint64_t end = 0;
    bool ok = check_image(image, size, o->kernel, errp);
    if (ok) {
        struct error *why = NULL;
        bool host = o->unpack != BOOT_UNPACK_GUEST && boot_unpacked(boot, image, size, o, &end, &why);
        if (!host && (o->unpack == BOOT_UNPACK_HOST || truncated(image, size))) {
            error_prefix(&why, "-kernel %s: ", o->kernel);
            error_propagate(errp, why);
            ok = false;
        } else {
            error_free(why);
            ok = host || boot_packed(boot, image, size, o, &end, errp);
        }
    }
    ok = ok && place_parameters(boot, image, o, end, errp);
    free(image);
    if (!ok) {
        linux_boot_free(boot);
        return NULL;
    }
    add_tables(boot);
    return boot;
}

void linux_boot_load(const struct linux_boot *boot, struct address_space *memory)
{
    for (unsigned i = 0; i < boot->count; i++)
        physical_write(memory, boot->blobs[i].at, boot->blobs[i].data, boot->blobs[i].size);
}

void linux_boot_start_cpu(const struct linux_boot *boot, struct x86_cpu *cpu)
{
    struct segment data = { .selector = 0x18, .limit = 0xffffffff, .attr = SEG_G | SEG_DB | SEG_P | SEG_S | 3 };
    struct segment code = { .selector = 0x10, .limit = 0xffffffff, .attr = SEG_G | SEG_P | SEG_S | 0xb };
    code.attr |= boot->long_mode ? SEG_L : SEG_DB;
    for (int i = 0; i < SEG_COUNT; i++)
        cpu->seg[i] = data;
    cpu->seg[SEG_CS] = code;
    cpu->gdt.base = GDT_AT;
    cpu->gdt.limit = 4 * 8 - 1;
    cpu->idt.limit = 0;
    cpu->eflags = 2;
    cpu->cr0 = CR0_PE | CR0_ET | CR0_NE;
    if (boot->long_mode) {
        cpu->cr4 = CR4_PAE;
        cpu->cr3 = TABLES_AT;
        cpu->efer = EFER_LME | EFER_LMA;
        cpu->cr0 |= CR0_PG;
    }
    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu->regs[R_RSI] = PARAMS_AT;
    cpu->regs[R_RSP] = 0x8000;
    cpu->head.rip = boot->entry;
    cpu_update_context(cpu);
}

void linux_boot_free(struct linux_boot *boot)
{
    if (!boot)
        return;
    for (unsigned i = 0; i < boot->count; i++)
        free(boot->blobs[i].data);
    free(boot);
}
