// SPDX-License-Identifier: MIT
//
// CPU models and CPUID [SDM 2A CPUID]. A model is constant: vendor, family, caches, address widths, frequencies, features.
// Nothing comes from the host, so a run can be repeated anywhere.
//
// Identity: family 6 model 28 is on Linux's list of CPUs that do not speculate (true of translated code), so guests switch
// off their mitigations by themselves; the *_NO bits of IA32_ARCH_CAPABILITIES say the same to others. Frequencies are in
// leaves 15h and 16h, so that guests need not calibrate. Caches and ERMS/FSRM steer guests to `rep movs`.
#include "target/i386/cpuid.h"
#include <stdlib.h>
#include <string.h>
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/nearest.h"

#define PHYS_BITS 40
#define LINEAR_BITS 48
#define SIGNATURE 0x000106ca // family 6, model 28, stepping 10
#define TSC_KHZ 1000000

struct cpu_model {
    char name[48];
    uint32_t bits[LEAF__COUNT][4];
};
static const struct { const char *name; uint8_t leaf, reg, bit, offered; } features[] = {
#define FEATURE(id, text, leaf, reg, bit, offered) [FEAT_##id] = { text, leaf, reg, bit, offered },
#include "target/i386/features.def"
#undef FEATURE
};
static const struct { const char *name, *help; } models[] = {
    { "max", "all features that this version implements (default)" },
    { "qemu64", "the same features under QEMU's default name" },
};

unsigned cpu_model_phys_bits(const struct cpu_model *model) { return PHYS_BITS; }
const char *cpu_model_name(const struct cpu_model *model) { return model->name; }

static bool has(const struct cpu_model *m, enum cpu_feature f)
{
    return m->bits[features[f].leaf][features[f].reg] >> features[f].bit & 1;
}

uint64_t cpu_model_cr4(const struct cpu_model *m)
{
    uint64_t cr4 = CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_TSD | CR4_OSFXSR | CR4_OSXMMEXCPT;
    return cr4 | (has(m, FEAT_VME) ? CR4_VME | CR4_PVI : 0) | (has(m, FEAT_UMIP) ? CR4_UMIP : 0) | (has(m, FEAT_FSGSBASE) ? CR4_FSGSBASE : 0) |
           (has(m, FEAT_PCID) ? CR4_PCIDE : 0) | (has(m, FEAT_XSAVE) ? CR4_OSXSAVE : 0) | (has(m, FEAT_SMEP) ? CR4_SMEP : 0) |
           (has(m, FEAT_SMAP) ? CR4_SMAP : 0);
}

uint64_t cpu_model_xcr0(const struct cpu_model *m)
{
    return has(m, FEAT_AVX) ? 7 : 3;
}

void cpu_model_print_help(void (*print)(void *, const char *), void *opaque)
{
    print(opaque, "Available CPUs:\n");
    for (unsigned i = 0; i < sizeof models / sizeof *models; i++) {
        print(opaque, "  ");
        print(opaque, models[i].name);
        print(opaque, "  ");
        print(opaque, models[i].help);
        print(opaque, "\n");
    }
    print(opaque, "\nFeatures that can be left out (-cpu max,-NAME or NAME=off):\n ");
    for (unsigned i = 1; i < FEAT__COUNT; i++) {
        if (!features[i].offered)
            continue;
        print(opaque, " ");
        print(opaque, features[i].name);
    }
    print(opaque, "\n");
}

static bool apply(struct cpu_model *m, char *word, struct error **errp)
{
    bool on = true;
    char *name = word, *value = strchr(word, '=');
    if (*word == '+' || *word == '-') {
        on = *word == '+';
        name++;
    } else if (value) {
        *value++ = 0;
        if (!strcmp(value, "off"))
            on = false;
        else if (strcmp(value, "on"))
            return error_set(errp, "-cpu: feature '%s' takes on or off, not '%s'", name, value);
    }
    const char *names[FEAT__COUNT];
    for (unsigned i = 1; i < FEAT__COUNT; i++) {
        names[i - 1] = features[i].name;
        if (strcmp(features[i].name, name))
            continue;
        uint32_t bit = 1u << features[i].bit, *reg = &m->bits[features[i].leaf][features[i].reg];
        if (on && !features[i].offered)
            return error_set(errp, "-cpu: feature '%s' is not implemented", name);
        *reg = on ? *reg | bit : *reg & ~bit;
        return true;
    }
    error_set(errp, "-cpu: unknown feature '%s'", name);
    const char *nearest = nearest_name(name, names, FEAT__COUNT - 1);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

const struct cpu_model *cpu_model_find(const char *spec, struct error **errp)
{
    char *text = strdup(spec), *save = NULL, *word = strtok_r(text, ",", &save);
    struct cpu_model *m = calloc(1, sizeof *m);
    bool found = false;
    const char *names[sizeof models / sizeof *models];
    for (unsigned i = 0; i < sizeof models / sizeof *models; i++) {
        names[i] = models[i].name;
        found |= word && !strcmp(word, models[i].name);
    }
    if (!found) {
        error_set(errp, "-cpu: unknown model '%s'", word ? word : "");
        const char *nearest = word ? nearest_name(word, names, sizeof names / sizeof *names) : NULL;
        if (nearest)
            error_hint(errp, "did you mean '%s'? (-cpu help lists them)", nearest);
        free(m);
        free(text);
        return NULL;
    }
    strncpy(m->name, word, sizeof m->name - 1);
    for (unsigned i = 1; i < FEAT__COUNT; i++)
        if (features[i].offered)
            m->bits[features[i].leaf][features[i].reg] |= 1u << features[i].bit;
    bool ok = true;
    while (ok && (word = strtok_r(NULL, ",", &save)))
        ok = apply(m, word, errp);
    free(text);
    if (ok)
        return m;
    free(m);
    return NULL;
}

void cpu_model_free(const struct cpu_model *model)
{
    free((void *)model);
}

static void put_name(uint32_t out[4], const char *text, unsigned part)
{
    char padded[48] = { 0 };
    strncpy(padded, text, sizeof padded - 1);
    for (unsigned r = 0; r < 4; r++) {
        const char *p = padded + part * 16 + r * 4;
        out[r] = (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[1] << 8 | (uint32_t)(uint8_t)p[2] << 16 | (uint32_t)(uint8_t)p[3] << 24;
    }
}

static void set(uint32_t out[4], uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

// One cache: level, type (1 data, 2 instruction, 3 unified), ways, sets; lines of 64 bytes.
static void cache_leaf(uint32_t out[4], unsigned level, unsigned type, unsigned ways, unsigned sets)
{
    set(out, type | level << 5 | 1u << 8, 63u | (ways - 1) << 22, sets - 1, 0);
}

static void deterministic_cache(uint32_t out[4], uint32_t subleaf)
{
    switch (subleaf) {
    case 0: cache_leaf(out, 1, 1, 8, 64); break;      // 32 KiB
    case 1: cache_leaf(out, 1, 2, 8, 64); break;
    case 2: cache_leaf(out, 2, 3, 16, 1024); break;   // 1 MiB
    case 3: cache_leaf(out, 3, 3, 16, 16384); break;  // 16 MiB
    default: break;
    }
}

static void topology(const struct x86_cpu *cpu, uint32_t out[4], uint32_t subleaf)
{
    unsigned bits = 0;
    while (1u << bits < cpu->cpu_count)
        bits++;
    if (subleaf == 0)
        set(out, 0, 1, 0x100, cpu->apic_id);
    else if (subleaf == 1)
        set(out, bits, cpu->cpu_count, 0x201, cpu->apic_id);
    else
        set(out, 0, 0, subleaf, cpu->apic_id);
}

static void xsave_leaf(const struct x86_cpu *cpu, uint32_t out[4], uint32_t subleaf)
{
    const struct cpu_model *m = cpu->model;
    uint32_t max = cpu_model_xcr0(m) & 4 ? 576 + 256 : 576;
    if (!has(m, FEAT_XSAVE))
        return;
    if (subleaf == 0)
        set(out, (uint32_t)cpu_model_xcr0(m), cpu->xcr0 & 4 ? 832 : 576, max, 0);
    else if (subleaf == 1)
        set(out, m->bits[LEAF_D1][0], 0, 0, 0);
    else if (subleaf == 2 && cpu_model_xcr0(m) & 4)
        set(out, 256, 576, 0, 0);
}

static void leaf_1(const struct x86_cpu *cpu, uint32_t out[4])
{
    const uint32_t *f = cpu->model->bits[LEAF_1];
    uint32_t osxsave = cpu->cr4 & CR4_OSXSAVE ? 1u << 27 : 0;
    uint32_t htt = cpu->cpu_count > 1 ? 1u << 28 : 0;
    set(out, SIGNATURE, cpu->apic_id << 24 | (cpu->cpu_count & 0xff) << 16 | 8 << 8, f[2] | osxsave, f[3] | htt);
}

void cpu_cpuid(struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const struct cpu_model *m = cpu->model;
    set(out, 0, 0, 0, 0);
    if (leaf >= 0x80000000 ? leaf > 0x80000008 : leaf > 0x16 && (leaf < 0x40000000 || leaf > 0x40000001))
        leaf = 0x16; // beyond the last: the highest basic leaf
    switch (leaf) {
    case 0: set(out, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69); break; // GenuineIntel
    case 1: leaf_1(cpu, out); break;
    case 2: set(out, 0x00ff0001, 0, 0, 0); break; // see leaf 4
    case 4:
        deterministic_cache(out, subleaf);
        if (out[0])
            out[0] |= (subleaf == 3 ? cpu->cpu_count - 1 : 0) << 14 | (cpu->cpu_count - 1) << 26;
        break;
    case 6: set(out, 4, 0, 0, 0); break; // the APIC timer always runs
    case 7:
        if (subleaf == 0)
            set(out, 0, m->bits[LEAF_7][1], m->bits[LEAF_7][2], m->bits[LEAF_7][3]);
        break;
    case 0xb: topology(cpu, out, subleaf); break;
    case 0xd: xsave_leaf(cpu, out, subleaf); break;
    case 0x15: set(out, 1, 1, TSC_KHZ * 1000u, 0); break; // TSC = crystal = 1 GHz
    case 0x16: set(out, TSC_KHZ / 1000, TSC_KHZ / 1000, 100, 0); break;
    case 0x40000000: set(out, 0x40000001, 0x6a6d6152, 0x61527465, 0x74656a6d); break; // RamjetRamjet
    case 0x40000001: break;
    case 0x80000000: set(out, 0x80000008, 0, 0, 0); break;
    case 0x80000001: set(out, 0, 0, m->bits[LEAF_EXT1][2], m->bits[LEAF_EXT1][3]); break;
    case 0x80000002: case 0x80000003: case 0x80000004: put_name(out, "Ramjet virtual CPU", leaf - 0x80000002); break;
    case 0x80000006: set(out, 0, 0, 1024u << 16 | 8 << 12 | 64, 0); break;
    case 0x80000007: set(out, 0, 0, 0, m->bits[LEAF_EXT7][3]); break;
    case 0x80000008: set(out, PHYS_BITS | LINEAR_BITS << 8, 0, 0, 0); break;
    default: break;
    }
}
