// SPDX-License-Identifier: MIT
//
// The relocations of a kernel [Linux arch/x86/tools/relocs.c, arch/x86/boot/compressed/misc.c]: lists of 32-bit words behind the ELF
// file, each after a word 0: addresses of 64-bit values to add the offset to, of 32-bit values to subtract it from (what is relative to
// per-CPU data; newer kernels have no such list), and of 32-bit values to add it to. An address is virtual, as linked, sign-extended.
#include "hw/pc/kaslr.h"
#include <elf.h>
#include <string.h>
#include "util/error.h"

#define KERNEL_MAP 0xffffffff80000000ull // virtual address of physical 0, as linked
#define IMAGE_SPACE (1ull << 30)         // the kernel must stay below that

enum list { LIST_64, LIST_NEGATIVE, LIST_32 };

static uint64_t elf_end(const uint8_t *file, size_t size)
{
    Elf64_Ehdr eh;
    memcpy(&eh, file, sizeof eh); // was checked when it was loaded
    uint64_t end = eh.e_shoff + (uint64_t)eh.e_shnum * eh.e_shentsize;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        memcpy(&ph, file + eh.e_phoff + i * sizeof ph, sizeof ph);
        if (ph.p_offset + ph.p_filesz > end)
            end = ph.p_offset + ph.p_filesz;
    }
    return end > size ? size : end;
}

static uint32_t word_at(const uint8_t *words, size_t i)
{
    const uint8_t *p = words + 4 * i;
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t *place(const struct kaslr_part *parts, size_t count, uint32_t word, unsigned bytes)
{
    uint64_t physical = (uint64_t)(int64_t)(int32_t)word - KERNEL_MAP;
    for (size_t i = 0; i < count; i++)
        if (physical >= parts[i].at && physical - parts[i].at < parts[i].size && parts[i].size - (physical - parts[i].at) >= bytes)
            return parts[i].data + (physical - parts[i].at);
    return NULL;
}

static void add_to(uint8_t *p, unsigned bytes, uint64_t delta) // little endian
{
    for (unsigned i = 0, carry = 0; i < bytes; i++) {
        carry += p[i] + (unsigned)(delta >> 8 * i & 0xff);
        p[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

bool kaslr_apply(const uint8_t *file, size_t size, const struct kaslr_part *parts, size_t count, uint64_t need, uint64_t align, uint64_t random,
                 uint64_t *offset, struct error **errp)
{
    uint64_t begin = elf_end(file, size), lowest = UINT64_MAX;
    const uint8_t *words = file + begin;
    size_t total = (size_t)(size - begin) / 4, lists = 0;
    for (size_t i = 0; i < total; i++)
        lists += !word_at(words, i);
    if (total < 4 || word_at(words, 0) || lists < 2 || lists > 3)
        return error_set(errp, "the kernel has no relocations (CONFIG_RANDOMIZE_BASE)");
    for (size_t i = 0; i < count; i++)
        lowest = parts[i].at < lowest ? parts[i].at : lowest;
    if (align < (2ull << 20) || align & (align - 1))
        align = 2ull << 20;
    if (lowest + need > IMAGE_SPACE)
        return error_set(errp, "the kernel is too large to be moved");
    *offset = random % ((IMAGE_SPACE - lowest - need) / align + 1) * align;
    for (unsigned pass = 0; pass < 2; pass++) { // look, then change
        int list = -1;
        for (size_t i = 0; i < total; i++) {
            uint32_t word = word_at(words, i);
            if (!word) {
                list += list == LIST_64 && lists == 2 ? 2 : 1;
                continue;
            }
            uint8_t *p = place(parts, count, word, list == LIST_64 ? 8 : 4);
            if (!p)
                return error_set(errp, "a relocation at 0x%x lies outside the kernel", word);
            if (pass)
                add_to(p, list == LIST_64 ? 8 : 4, list == LIST_NEGATIVE ? -*offset : *offset);
        }
    }
    return true;
}
