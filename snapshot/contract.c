// SPDX-License-Identifier: MIT
//
// The contract line: all that a deterministic run is a function of. Files by the hash of their contents, never by their
// names; the build by the hash of the program, which may differ where the run does not. What only the host sees (consoles, the
// display, limits, how the code runs, where memory comes from) is not in it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/pc/numa.h"
#include "hw/pc/pc.h"
#include "snapshot/digest.h"
#include "snapshot/internal.h"
#include "util/version.h"

static void file_hash(const char *path, char hex[DIGEST_TEXT])
{
    char *data = NULL;
    size_t size = 0;
    FILE *f = path ? fopen(path, "rb") : NULL;
    snprintf(hex, DIGEST_TEXT, "none");
    if (!f)
        return;
    FILE *memory = open_memstream(&data, &size);
    char buffer[65536];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        fwrite(buffer, 1, n, memory);
    fclose(memory);
    fclose(f);
    digest_bytes(data, size, hex);
    free(data);
}

char *contract_file(const char *path)
{
    char hex[DIGEST_TEXT];
    file_hash(path, hex);
    return strdup(hex);
}

// Identifiers of backends and devices name parts of digests, and scripts speak of them.
static void write_backends(FILE *out, struct machine *m)
{
    for (struct memory_backend *b = backend_first(m->backends); b; b = b->next)
        fprintf(out, " memory=%s,size=%llu,align=%llu", b->id, (unsigned long long)b->size, (unsigned long long)b->alignment);
}

static void write_numa(FILE *out, const struct numa *numa)
{
    for (unsigned i = 0; i < numa->count; i++)
        fprintf(out, " node=%u,size=%llu%s%s", i, (unsigned long long)numa->nodes[i].size, numa->nodes[i].memdev ? ",memory=" : "",
                numa->nodes[i].memdev ? numa->nodes[i].memdev->id : "");
    for (unsigned i = 0; i < numa->cpu_count && numa->count; i++)
        fprintf(out, "%s%d", i ? "," : " node-of-cpu=", numa->cpu_node[i]);
    for (unsigned i = 0; i < numa->count && numa->has_distance; i++)
        for (unsigned k = 0; k < numa->count; k++)
            fprintf(out, "%s%u", i || k ? "," : " distance=", numa->distance[i][k]);
}

static void write_device(FILE *out, const struct device *d)
{
    fprintf(out, " device=%s", d->type->name);
    if (d->id)
        fprintf(out, ",id=%s", d->id);
    for (size_t i = 0; i < d->type->property_count; i++) {
        const struct property *p = &d->type->properties[i];
        if (p->type == PROPERTY_CHARDEV) // of the host
            continue;
        char *value = device_get(d, p);
        fprintf(out, ",%s=%s", p->name, value);
        free(value);
    }
}

static void write_machine(FILE *out, struct machine *m, const struct pc_options *pc)
{
    static const char *const panics[] = { [PANIC_SHUTDOWN] = "shutdown", [PANIC_PAUSE] = "pause", [PANIC_EXIT_FAILURE] = "exit-failure", [PANIC_NONE] = "none" };
    fprintf(out, "machine=%s,acpi=%s,hpet=%s,unpack=%s,kaslr=%s cpu=%s smp=%u,sockets=%u m=%llu,slots=%u,maxmem=%llu icount=%d rtc=%lld seed=%llu", m->type_name,
            m->acpi ? "on" : "off", pc->hpet ? "on" : "off", pc->unpack == BOOT_UNPACK_HOST ? "host" : "guest", pc->kaslr ? "on" : "off", pc->cpu_model ? pc->cpu_model : "max", m->cpu_count,
            pc->cpu_sockets ? pc->cpu_sockets : 1, (unsigned long long)m->ram_size, m->ram_slots, (unsigned long long)m->max_ram_size,
            pc->engine.icount_shift, (long long)(pc->rtc_base_ns / NS_PER_SECOND), (unsigned long long)pc->seed);
    fprintf(out, " action=reboot:%s,shutdown:%s,panic:%s serial=", m->no_reboot ? "shutdown" : "reset", m->no_shutdown ? "pause" : "poweroff",
            panics[m->panic]);
    for (unsigned i = 0; i < PC_MAX_SERIAL; i++)
        fputc(pc->serial[i] ? '1' : '0', out);
}

char *contract_line(struct machine *m, const struct pc_options *pc)
{
    char kernel[DIGEST_TEXT], initrd[DIGEST_TEXT], append[DIGEST_TEXT], aml[DIGEST_TEXT] = "none", build[DIGEST_TEXT], *line;
    size_t size, acpi_size;
    const uint8_t *acpi = pc_acpi_tables(m, &acpi_size);
    file_hash(pc->kernel, kernel);
    file_hash(pc->initrd, initrd);
    file_hash("/proc/self/exe", build);
    digest_bytes(pc->append ? pc->append : "", pc->append ? strlen(pc->append) : 0, append);
    if (acpi)
        digest_bytes(acpi, acpi_size, aml);
    FILE *out = open_memstream(&line, &size);
    write_machine(out, m, pc);
    write_backends(out, m);
    write_numa(out, pc_numa(m));
    for (struct device *d = m->devices; d; d = d->next)
        write_device(out, d);
    fprintf(out, " kernel=%s initrd=%s append=%s aml=%s version=%s build=%s", kernel, initrd, append, aml, RAMJET_VERSION, build);
    fclose(out);
    return line;
}
