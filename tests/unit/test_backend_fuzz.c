// SPDX-License-Identifier: MIT
// ramjet-test: timeout=240
//
// Random and mutated option texts of memory backends: each is refused with a message and leaves nothing behind, or makes a
// backend whose first and last bytes can be used. usage: test_backend_fuzz [SEED [CASES]]
// Paths stay inside a scratch directory, and no more pages are taken than a test may: what a text asks for is looked at
// between parsing and making.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backends/internal.h"
#include "tests/unit/tap.h"
#include "util/error.h"
#include "util/parse.h"

#define MIB (1ull << 20)
#define MAX_TEXT 400

static struct tap_random dice;
static struct backend_list *list;
static unsigned accepted, refused, parsed_only, helps, bad;

static const char *const words[] = {
    "on", "off", "auto", "yes", "", "0", "1", "2", "3", "4K", "4095", "64K", "1M", "2M", "1.5M", "2MiB", "3MB", "4M", "16M",
    "1G", "0x200000", "+1M", "-1", "1e6", "1T", "8T", "60T", "100P", "16E", "18446744073709551615", "99999999999999999999999",
    "default", "bind", "preferred", "interleave", "0-2,,5", "0-2,5", "127", "128", "1000", "3-1", "0-", "-", "f", "e", "s", "d",
    "fifo", "new", ".", "..", "d/x", "a", "b", "m1", "memory-backend-ram", "%s%n", "\xff\x80", "help", "a,,b", "=", ",",
    "nosuch/x", "2M,size=1M",
};
static const char *const starts[] = {
    "memory-backend-ram,id=a,size=1M",
    "memory-backend-file,id=a,size=64K,mem-path=f",
    "memory-backend-file,id=a,size=64K,mem-path=d,share=on",
    "memory-backend-file,id=a,size=4K,mem-path=f,offset=4K,readonly=on,rom=off",
    "memory-backend-file,id=a,size=8K,mem-path=new,prealloc=on",
    "memory-backend-memfd,id=a,size=2M,hugetlb=on,hugetlbsize=2M",
    "memory-backend-memfd,id=a,size=1M,share=off,seal=off",
    "memory-backend-shm,id=a,size=1M",
    "memory-backend-ram,id=a,size=1M,policy=bind,host-nodes=0-2,5,prealloc=on,prealloc-threads=3",
    "qom-type=memory-backend-ram,id=a,size=1M,merge=off,dump=off",
    "memory-backend-file,id=a,size=16K,mem-path=e,share=on,discard-data=on,reserve=off",
    "memory-backend-file,help",
    "help",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void append(char *text, const char *more)
{
    size_t len = strlen(text);
    snprintf(text + len, MAX_TEXT - len, "%s", more);
}

// "name=value" of a property, mostly of that type and with a value that it may take.
static void append_option(char *text, const char *type)
{
    static const char *const sizes[] = { "4K", "64K", "1M", "2MiB", "4M", "0", "8K", "0x1000" }, *const flags[] = { "on", "off" };
    static const char *const policies[] = { "default", "bind", "interleave", "preferred" }, *const roms[] = { "auto", "on", "off" };
    static const char *const strings[] = { "a", "f", "e", "d", "new", "b" }, *const nodes[] = { "0", "0-2,5", "0-127", "1" };
    const struct backend_property *p =
        backend_property(tap_below(&dice, 8) ? type : backend_type(tap_below(&dice, 4)), tap_below(&dice, 22));
    const char *value = words[tap_below(&dice, COUNT(words))];
    append(text, ",");
    append(text, p ? p->name : "size");
    append(text, tap_below(&dice, 30) ? "=" : "");
    if (p && tap_below(&dice, 6)) {
        switch (p->kind) {
        case BACKEND_BOOL: case BACKEND_IGNORED: case BACKEND_REFUSED: value = flags[tap_below(&dice, 2)]; break;
        case BACKEND_SIZE: value = sizes[tap_below(&dice, COUNT(sizes))]; break;
        case BACKEND_UINT32: value = tap_below(&dice, 2) ? "3" : "7"; break;
        case BACKEND_POLICY: value = policies[tap_below(&dice, 4)]; break;
        case BACKEND_ROM: value = roms[tap_below(&dice, 3)]; break;
        case BACKEND_NODES: value = nodes[tap_below(&dice, 4)]; break;
        case BACKEND_STRING: value = strings[tap_below(&dice, COUNT(strings))]; break;
        }
    }
    append(text, value);
}

static void generate(char *text)
{
    const char *type = backend_type(tap_below(&dice, 4));
    *text = 0;
    if (tap_below(&dice, 3)) {
        const char *start = starts[tap_below(&dice, COUNT(starts))];
        for (size_t i = 0; i < 4; i++)
            type = strstr(start, backend_type(i)) ? backend_type(i) : type;
        append(text, start);
    } else {
        append(text, tap_below(&dice, 20) ? type : words[tap_below(&dice, COUNT(words))]);
        append(text, ",id=a,size=");
        append(text, words[7 + tap_below(&dice, 12)]);
    }
    for (uint64_t n = tap_below(&dice, 5); n; n--)
        append_option(text, type);
}

static void mutate(char *text)
{
    for (uint64_t n = tap_below(&dice, 2) * tap_below(&dice, 4); n; n--) {
        size_t len = strlen(text), at = len ? tap_below(&dice, len) : 0;
        switch (tap_below(&dice, 5)) {
        case 0: text[at] = (char)(len ? 1 + tap_below(&dice, 255) : 0); break;
        case 1: memmove(text + at, text + at + (len > at), len - at + (len == at)); break;
        case 2:
            if (len + 1 < MAX_TEXT) {
                memmove(text + at + 1, text + at, len - at + 1);
                text[at] = ",=-.0aM"[tap_below(&dice, 7)];
            }
            break;
        case 3: text[at] = 0; break;
        case 4: append(text, words[tap_below(&dice, COUNT(words))]); break;
        }
    }
}

// The scratch directory in one number: names and lengths.
static uint64_t directory(bool clean)
{
    uint64_t sum = 0;
    DIR *d = opendir(".");
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        bool ours = !strcmp(e->d_name, "f") || !strcmp(e->d_name, "e") || !strcmp(e->d_name, "s") || !strcmp(e->d_name, "d") ||
                    !strcmp(e->d_name, "fifo");
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || lstat(e->d_name, &st))
            continue;
        if (clean && !ours)
            unlink(e->d_name);
        uint64_t hash = 7;
        for (const char *p = e->d_name; *p; p++)
            hash = hash * 31 + (uint8_t)*p;
        sum += hash * ((uint64_t)st.st_size + 1);
    }
    if (d)
        closedir(d);
    if (clean && (truncate("e", 0) || truncate("f", 64 << 10) || truncate("s", 100)))
        bad++;
    return sum;
}

static unsigned count_entries(const char *path)
{
    unsigned count = 0;
    DIR *d = opendir(path);
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

static unsigned count_maps(void)
{
    unsigned count = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    for (int c; f && (c = getc(f)) != EOF;)
        count += c == '\n';
    if (f)
        fclose(f);
    return count;
}

static bool complain(const char *text, const char *why)
{
    bad++;
    printf("# %s: '%s'\n", why, text);
    return false;
}

static bool may_be_made(const struct memory_backend *b)
{
    if (b->mem_path && (strchr(b->mem_path, '/') || !strcmp(b->mem_path, "..")))
        return false;
    return !b->prealloc || b->size <= 16 * MIB || b->size > 1ull << 50;
}

static void use(const char *text, struct memory_backend *b)
{
    if (!b->size || !b->ram || b->ram->size < b->size || !identifier_valid(b->id) || backend_find(list, b->id) != b || b->busy ||
        !b->alignment || (b->rom != ROM_ON && b->rom != ROM_OFF) || b->ram->readonly != (b->rom == ROM_ON))
        complain(text, "made, but not sane");
    if (b->page_size == PAGE_SIZE || b->reserve) { // the pool of huge pages may be empty: SIGBUS then, as announced
        volatile uint8_t *host = b->ram->host;
        uint8_t first = host[0], last = host[b->size - 1];
        if (!b->ram->readonly) {
            host[0] = (uint8_t)(first + 1);
            host[b->size - 1] = (uint8_t)(last + 1);
        }
    }
    const struct backend_property *p;
    for (size_t i = 0; (p = backend_property(b->type, i)); i++)
        free(backend_get(b, p));
    struct error *err = NULL;
    char *id = strdup(b->id);
    if (!backend_delete(list, id, &err))
        complain(text, "cannot be deleted");
    free(id);
    error_free(err);
}

static void ignore(void *opaque, const char *line) { ++*(unsigned *)opaque; }

static void one(const char *text)
{
    unsigned lines = 0;
    bool option = tap_below(&dice, 2);
    if (backend_help(text, ignore, &lines)) {
        helps++;
        if (lines < 5)
            complain(text, "help says little");
        return;
    }
    struct error *err = NULL;
    struct memory_backend *b = backend_parse(text, option, &err);
    bool make = b && may_be_made(b);
    if (b)
        backend_free(b);
    if (b && !make) {
        parsed_only++;
        return;
    }
    error_free(err);
    err = NULL;
    uint64_t before = directory(false);
    unsigned files = count_entries("/proc/self/fd");
    b = option ? backend_new_option(list, text, &err) : backend_new(list, text, &err);
    if (!b == !err)
        complain(text, "refused without a message, or made with one");
    if (err && (!*error_message(err) || strchr(error_message(err), '\n')) && !strchr(text, '\n'))
        complain(text, "the message is not one line");
    error_free(err);
    if (b) {
        accepted++;
        use(text, b);
        directory(true);
    } else {
        refused++;
        if (directory(false) != before)
            complain(text, "refused, but left something in the directory");
    }
    if (count_entries("/proc/self/fd") != files)
        complain(text, "left a file open");
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/test_backend_fuzz.XXXXXX", text[MAX_TEXT];
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, cases = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
    if (!mkdtemp(dir) || chdir(dir) || mkdir("d", 0755) || mkfifo("fifo", 0644))
        return 1;
    for (int i = 0; i < 3; i++) {
        FILE *f = fopen((const char *[]){ "f", "e", "s" }[i], "w");
        if (f)
            fclose(f);
    }
    directory(true);
    FILE *quiet = fopen("/dev/null", "w"), *loud = stderr; // the warnings; a sanitizer writes to descriptor 2
    if (quiet)
        stderr = quiet;
    dice.state = seed;
    list = backend_list_new();
    unsigned maps = 0;
    for (uint64_t i = 0; i < cases; i++) {
        if (i == 1000)
            maps = count_maps();
        generate(text);
        mutate(text);
        one(text);
    }
    printf("# seed %llu: %llu texts: %u made, %u refused, %u only parsed, %u help\n", (unsigned long long)seed,
           (unsigned long long)cases, accepted, refused, parsed_only, helps);
    tap_ok(!bad, "%llu texts, seed %llu", (unsigned long long)cases, (unsigned long long)seed);
    tap_ok(cases < 2000 || (accepted > cases / 10 && refused > cases / 4), "made %u, refused %u", accepted, refused);
    unsigned now = count_maps(); // malloc may have some more
    tap_ok(!maps || now < maps + 20 + cases / 500, "mappings: %u after 1000, %u in the end", maps, now);
    tap_ok(!backend_first(list), "no backend is left");
    backend_list_free(list);
    stderr = loud;
    if (quiet)
        fclose(quiet);
    directory(true);
    tap_ok(!unlink("f") && !unlink("e") && !unlink("s") && !unlink("fifo") && !rmdir("d") && !chdir("/") && !rmdir(dir),
           "no file is left");
    return tap_done();
}
