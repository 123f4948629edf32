// SPDX-License-Identifier: MIT
//
// A digest of the machine's whole state, and the same in words. Made between two instructions; changes nothing.
//
// Parts, in this order: cpu0.., ram:NAME (each RAM object in the guest's view), chips, devices, input that waits, and `all`, which is made of
// the others. Hashes are XXH3-128, written as 32 hexadecimal digits. What is hashed is defined by the tables of fields
// (util/state.h), little-endian; of RAM the pages that are not all zero, each with its number, whether the host has given
// them or not. So equal states have equal digests on every host, backend and build.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct machine;
#define DIGEST_TEXT 33 // with its 0

// False: this build has no hash.
bool digest_supported(struct error **errp);
// Calls fn for each part and then for "all" (fn NULL: only all). all may be NULL.
void digest_machine(struct machine *machine, void (*fn)(void *opaque, const char *part, const char *hex), void *opaque, char all[DIGEST_TEXT]);
// Hash of bytes, in the same form.
void digest_bytes(const void *data, size_t size, char hex[DIGEST_TEXT]);
// Every value: print gets lines "PART FIELD VALUE", and "ram:NAME page OFFSET at ADDRESS HEX" for each page that is not zero.
void digest_describe(struct machine *machine, void (*print)(void *opaque, const char *line), void *opaque);
