// SPDX-License-Identifier: MIT
//
// Disassembly through capstone (x86 guest code; x86-64 host code). Without capstone it says so.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// For -d in_asm and out_asm; flags: enum block_flags (host: ignored, the host's own architecture).
void disas_block(FILE *out, const uint8_t *code, unsigned size, uint64_t address, uint32_t flags, bool host);
// One instruction as text into buffer; bits: 16, 32 or 64. Returns its length; 1 and "(bad)" when it does not decode.
unsigned disas_one(const uint8_t *code, size_t size, uint64_t address, unsigned bits, char *buffer, size_t buffer_size);
