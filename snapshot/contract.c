// SPDX-License-Identifier: MIT
//
// The contract line: all that a deterministic run is a function of. Files by the hash of their contents, never by their
// names; the build by the hash of the program, which may differ where the run does not.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    fprintf(out, "machine=%s,acpi=%s,unpack=%s cpu=%s smp=%u m=%llu,slots=%u,maxmem=%llu icount=%d rtc=%lld seed=%llu", m->type_name,
            m->acpi ? "on" : "off", pc->unpack == BOOT_UNPACK_HOST ? "host" : "guest", pc->cpu_model ? pc->cpu_model : "max", m->cpu_count,
            (unsigned long long)m->ram_size, m->ram_slots, (unsigned long long)m->max_ram_size, pc->engine.icount_shift,
            (long long)(pc->rtc_base_ns / NS_PER_SECOND), (unsigned long long)pc->seed);
    for (struct device *d = m->devices; d; d = d->next)
        fprintf(out, " device=%s", d->type->name);
    fprintf(out, " kernel=%s initrd=%s append=%s aml=%s version=%s build=%s", kernel, initrd, append, aml, RAMJET_VERSION, build);
    fclose(out);
    return line;
}
