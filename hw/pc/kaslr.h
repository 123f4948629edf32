// SPDX-License-Identifier: MIT
//
// -machine kaslr=on: moves an unpacked x86-64 kernel to another virtual address, as its own unpacking code would. Where it lies in
// memory does not change: the kernel finds that out by itself.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
// A loaded part of the kernel: bytes at a physical address.
struct kaslr_part { uint64_t at; uint8_t *data; size_t size; };
// file, size: the unpacked payload, an ELF file with the relocations behind it. need: bytes from the first part's start that the
// kernel occupies when it runs, align: of virtual addresses (2 MiB mostly). random chooses among the places there are. Returns how far
// it was moved in *offset. Fails without changes when there are no relocations or one lies outside the parts.
bool kaslr_apply(const uint8_t *file, size_t size, const struct kaslr_part *parts, size_t count, uint64_t need, uint64_t align, uint64_t random,
                 uint64_t *offset, struct error **errp);
