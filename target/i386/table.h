// SPDX-License-Identifier: MIT
//
// The opcode tables as the decoder looks into them.
#pragma once
#include "target/i386/decode.h"

// Row for map 0..3, mandatory prefix (0, 0x66, 0xf3, 0xf2), opcode and ModRM.reg (8 + reg for register operands); NULL: none.
const struct opcode_row *table_find(unsigned map, unsigned prefix, unsigned opcode, unsigned reg, bool register_operand);
const struct opcode_row *table_find_x87(unsigned opcode, unsigned modrm);
