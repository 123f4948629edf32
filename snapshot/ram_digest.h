// SPDX-License-Identifier: MIT
//
// RAM by content, at the speed of the host's memory: chunks that the host has never given are not looked at.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ram_block;
#define RAM_CHUNK (2u << 20)
struct ram_pages { int pagemap; }; // descriptor of /proc/self/pagemap, -1: not to be had
void ram_pages_open(struct ram_pages *pages);
void ram_pages_close(struct ram_pages *pages);
// May [offset, + RAM_CHUNK) hold anything but zeros? False only when it cannot.
bool ram_chunk_touched(const struct ram_pages *pages, const struct ram_block *ram, uint64_t offset);
bool ram_page_zero(const uint8_t *page);
