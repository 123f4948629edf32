// SPDX-License-Identifier: MIT
//
// What the host has: huge pages, available memory, NUMA nodes. Read from /sys and /proc each time, only for messages and
// for preallocation.
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/internal.h"
#include "util/error.h"
#include "util/format.h"

#define POOLS "/sys/kernel/mm/hugepages"

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

static bool pool_value(uint64_t page_size, const char *name, uint64_t *value)
{
    char path[160];
    snprintf(path, sizeof(path), POOLS "/hugepages-%" PRIu64 "kB/%s", page_size >> 10, name);
    FILE *f = fopen(path, "r");
    bool good = f && fscanf(f, "%" SCNu64, value) == 1;
    if (f)
        fclose(f);
    return good;
}

void explain_huge_pages(struct error **errp, const char *message, uint64_t page_size, uint64_t bytes)
{
    uint64_t total, unused, reserved;
    struct size_text page = size_text(page_size);
    if (pool_value(page_size, "nr_hugepages", &total) && pool_value(page_size, "free_hugepages", &unused) &&
        pool_value(page_size, "resv_hugepages", &reserved)) {
        error_set(errp,
                  "%s: need %" PRIu64 " huge pages of %s, the host has %" PRIu64 " free of %" PRIu64 " in total, %" PRIu64
                  " of them reserved",
                  message, bytes / page_size, page.text, unused, total, reserved);
        error_hint(errp, "To have enough: echo %" PRIu64 " > " POOLS "/hugepages-%" PRIu64 "kB/nr_hugepages",
                   bytes / page_size + total - (unused > reserved ? unused - reserved : 0), page_size >> 10);
    } else {
        error_set(errp, "%s: need %" PRIu64 " huge pages of %s, which this host does not have", message, bytes / page_size, page.text);
    }
}

uint64_t huge_pages_free(uint64_t page_size)
{
    uint64_t unused = 0, reserved = 0;
    bool known = pool_value(page_size, "free_hugepages", &unused) && pool_value(page_size, "resv_hugepages", &reserved);
    return known && unused > reserved ? unused - reserved : 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

char *huge_page_sizes(void)
{
    uint64_t sizes[16], count = 0;
    DIR *dir = opendir(POOLS);
    for (struct dirent *e; dir && count < 16 && (e = readdir(dir));) {
        if (sscanf(e->d_name, "hugepages-%" SCNu64 "kB", &sizes[count]) == 1)
            count++;
    }
    if (dir)
        closedir(dir);
    qsort(sizes, count, sizeof(*sizes), by_number);
    char *text = copy_text(count ? "" : "none");
    for (uint64_t i = 0; i < count; i++) {
        char *longer = format_text("%s%s%s", text, i ? ", " : "", size_text(sizes[i] << 10).text);
        free(text);
        text = longer;
    }
    return text;
}

uint64_t host_memory_available(void)
{
    char line[160];
    uint64_t kib, sum = 0;
    bool found = false;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1) {
            found = true;
            sum += kib;
        } else if (sscanf(line, "SwapFree: %" SCNu64, &kib) == 1) {
            sum += kib;
        }
    }
    if (f)
        fclose(f);
    return found ? sum << 10 : UINT64_MAX;
}

char *host_nodes_online(void)
{
    char line[256] = "0";
    FILE *f = fopen("/sys/devices/system/node/online", "r");
    if (f && !fgets(line, sizeof(line), f))
        strcpy(line, "0");
    if (f)
        fclose(f);
    line[strcspn(line, "\n")] = 0;
    return copy_text(line);
}
