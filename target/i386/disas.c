// SPDX-License-Identifier: MIT
//
// Disassembly through capstone. It lacks the newest instructions: then `(bad)`, one byte, and on.
#include "target/i386/disas.h"
#include <string.h>
#include "target/i386/cpu.h"
#if HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

#if HAVE_CAPSTONE
static bool host_open(csh *handle)
{
#if defined(__x86_64__)
    return cs_open(CS_ARCH_X86, CS_MODE_64, handle) == CS_ERR_OK;
#elif defined(__aarch64__)
    return cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, handle) == CS_ERR_OK;
#else
    return false;
#endif
}

static bool guest_open(csh *handle, unsigned bits)
{
    cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
    return cs_open(CS_ARCH_X86, mode, handle) == CS_ERR_OK;
}

static unsigned one(csh handle, const uint8_t *code, size_t size, uint64_t address, char *buffer, size_t buffer_size)
{
    cs_insn *insn;
    if (cs_disasm(handle, code, size, address, 1, &insn) != 1) {
        snprintf(buffer, buffer_size, "(bad)");
        return 1;
    }
    unsigned length = insn->size;
    snprintf(buffer, buffer_size, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "", insn->op_str);
    cs_free(insn, 1);
    return length;
}

void disas_block(FILE *out, const uint8_t *code, unsigned size, uint64_t address, uint32_t flags, bool host)
{
    csh handle;
    unsigned bits = flags & BF_CS_L ? 64 : flags & BF_CS_DB ? 32 : 16;
    if (host ? !host_open(&handle) : !guest_open(&handle, bits))
        return;
    for (unsigned at = 0; at < size;) {
        char text[160];
        unsigned length = one(handle, code + at, size - at, address + at, text, sizeof text);
        fprintf(out, "0x%016llx:  ", (unsigned long long)(address + at));
        for (unsigned i = 0; i < 11; i++)
            fprintf(out, i < length ? "%02x" : "  ", i < length ? code[at + i] : 0);
        fprintf(out, "  %s\n", text);
        at += length;
    }
    cs_close(&handle);
}

unsigned disas_one(const uint8_t *code, size_t size, uint64_t address, unsigned bits, char *buffer, size_t buffer_size)
{
    csh handle;
    if (!guest_open(&handle, bits)) {
        snprintf(buffer, buffer_size, "(capstone failed)");
        return 1;
    }
    unsigned length = one(handle, code, size, address, buffer, buffer_size);
    cs_close(&handle);
    return length;
}
#else
void disas_block(FILE *out, const uint8_t *code, unsigned size, uint64_t address, uint32_t flags, bool host)
{
    fprintf(out, "(this build was made without capstone: no disassembly)\n");
}

unsigned disas_one(const uint8_t *code, size_t size, uint64_t address, unsigned bits, char *buffer, size_t buffer_size)
{
    snprintf(buffer, buffer_size, "(this build was made without capstone: no disassembly)");
    return 1;
}
#endif
