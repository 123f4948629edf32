// SPDX-License-Identifier: MIT
//
// backends/ from inside: properties and their texts, what the host really did (flags and residency of the mapping, contents of
// files), preallocation and its errors, boot RAM, qom-set, and the guard against SIGBUS in processes of their own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "backends/internal.h"
#include "softmmu/ram_guard.h"
#include "tests/unit/tap.h"
#include "util/error.h"

#define MIB (1ull << 20)

static struct backend_list *list;
static char dir[] = "/tmp/test_backends.XXXXXX";

static char *in_dir(const char *format) // %s: the directory
{
    static char text[4][400];
    static int turn;
    char *to = text[turn++ & 3];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(to, sizeof(text[0]), format, dir);
#pragma GCC diagnostic pop
    return to;
}

static void put_file(const char *path, uint64_t size, int byte)
{
    FILE *f = fopen(path, "w");
    for (uint64_t i = 0; f && i < size; i++)
        fputc(byte, f);
    if (f)
        fclose(f);
}

static int byte_of_file(const char *path, uint64_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDONLY);
    bool good = fd >= 0 && pread(fd, &byte, 1, (off_t)at) == 1;
    if (fd >= 0)
        close(fd);
    return good ? byte : -1;
}

static uint64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) ? ~0ull : (uint64_t)st.st_size;
}

static struct memory_backend *make(const char *options)
{
    struct error *err = NULL;
    struct memory_backend *b = backend_new(list, options, &err);
    if (!b)
        printf("# %s: %s\n", options, error_message(err));
    error_free(err);
    return b;
}

static bool refused(const char *options, const char *words)
{
    struct error *err = NULL;
    struct memory_backend *b = backend_new(list, options, &err);
    bool good = !b && err && strstr(error_message(err), words);
    if (!good)
        printf("# %s: %s\n", options, err ? error_message(err) : "accepted");
    error_free(err);
    return good;
}

static void drop(const char *id)
{
    if (!backend_delete(list, id, NULL))
        tap_ok(false, "%s cannot be deleted", id);
}

// ---- what the host did

static uint64_t resident_pages(const uint8_t *host, uint64_t size)
{
    uint64_t pages = size / PAGE_SIZE, count = 0;
    unsigned char *in = calloc(pages, 1);
    if (!mincore((void *)(uintptr_t)host, size, in)) {
        for (uint64_t i = 0; i < pages; i++)
            count += in[i] & 1;
    }
    free(in);
    return count;
}

// Whether a flag of smaps' VmFlags ("mg", "dd", "nr"...) is set for the mapping of that address.
static bool mapping_flag(const void *host, const char *flag)
{
    char line[512], word[8];
    bool here = false, found = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            here = (uintptr_t)host >= start && (uintptr_t)host < end;
        else if (here && !strncmp(line, "VmFlags:", 8))
            found = strstr(line, (snprintf(word, sizeof(word), " %s ", flag), word));
    }
    if (f)
        fclose(f);
    return found;
}

static void test_properties(void)
{
    const char *type;
    for (size_t t = 0; (type = backend_type(t)); t++) {
        struct memory_backend *b = backend_alloc(type, NULL);
        const struct backend_property *p;
        size_t i, wrong = 0;
        for (i = 0; (p = backend_property(type, i)); i++) {
            char *value = backend_get(b, p);
            bool text = !*p->initial || (!strcmp(p->name, "share") ? b->share == !strcmp(value, "on") : !strcmp(value, p->initial));
            bool back = p->kind == BACKEND_REFUSED || p->kind == BACKEND_NODES || p->kind == BACKEND_SIZE ||
                        backend_set_initial(b, p->name, value, false, NULL);
            if (!text || !back || backend_property_find(type, p->name) != p) {
                printf("# %s of %s: '%s', expected '%s'\n", p->name, type, value, p->initial);
                wrong++;
            }
            free(value);
        }
        tap_ok(!wrong && i > 10, "%s: %zu properties have their defaults, as text and back", type, i);
        backend_free(b);
    }
    struct memory_backend *b =
        backend_parse("memory-backend-ram,size=2M,id=p,policy=bind,host-nodes=0,prealloc-threads=7,merge=off", false, NULL);
    const char *const want[][2] = { { "id", "p" },         { "size", "2097152" },       { "policy", "bind" },
                                    { "host-nodes", "0" }, { "prealloc-threads", "7" }, { "merge", "off" },
                                    { "dump", "on" } };
    for (unsigned i = 0; b && i < sizeof(want) / sizeof(*want); i++) {
        char *value = backend_get(b, backend_property_find(b->type, want[i][0]));
        tap_ok(!strcmp(value, want[i][1]), "%s=%s", want[i][0], value);
        free(value);
    }
    backend_free(b);
    b = make("size=1M,id=p,qom-type=memory-backend-ram,size=2M");
    tap_ok(b && b->size == 2 * MIB, "qom-type anywhere; the last size wins");
    drop("p");
    tap_ok(!backend_property("nosuch", 0) && !backend_property_find("memory-backend-ram", "mem-path"), "no properties of other types");
}

static void test_mapping(void)
{
    bool ksm = !access("/sys/kernel/mm/ksm/run", F_OK);
    struct memory_backend *b = make("memory-backend-ram,id=a,size=4M");
    tap_ok(b->alignment == 2 * MIB && !((uintptr_t)b->ram->host & (2 * MIB - 1)), "anonymous memory is aligned for huge pages");
    tap_ok(resident_pages(b->ram->host, 4 * MIB) == 0, "no page is taken before it is used");
    tap_ok(mapping_flag(b->ram->host, "mg") == ksm && !mapping_flag(b->ram->host, "dd") && !mapping_flag(b->ram->host, "nr"),
           "merge=on,dump=on,reserve=on");
    b->ram->host[4 * MIB - 1] = 1;
    drop("a");
    b = make("memory-backend-ram,id=a,size=1M,share=on");
    tap_ok(mapping_flag(b->ram->host, "sh"), "share=on");
    drop("a");
    b = make("memory-backend-ram,id=a,size=4M,merge=off,dump=off,reserve=off");
    tap_ok(!mapping_flag(b->ram->host, "mg") && mapping_flag(b->ram->host, "dd") && mapping_flag(b->ram->host, "nr") &&
           !mapping_flag(b->ram->host, "sh"), "merge=off,dump=off,reserve=off");
    tap_ok(backend_set(b, "merge", "on", NULL) && backend_set(b, "dump", "on", NULL) && mapping_flag(b->ram->host, "mg") == ksm &&
           !mapping_flag(b->ram->host, "dd"), "merge and dump change later");
    struct error *err = NULL;
    tap_ok(!backend_set(b, "size", "8M", &err) && strstr(error_message(err), "cannot change property size of memory-backend-ram"),
           "%s", error_message(err));
    error_free(err);
    err = NULL;
    tap_ok(!backend_set(b, "prealloc", "on", &err) && strstr(error_message(err), "incompatible"),
           "prealloc later, with reserve=off: %s", error_message(err));
    error_free(err);
    drop("a");
    int mode = -1;
    if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0)) {
        tap_ok(true, "policy=bind # SKIP this process may not use NUMA policies: %s", strerror(errno));
    } else {
        b = make("memory-backend-ram,id=a,size=1M,policy=bind,host-nodes=0");
        long got = b ? syscall(SYS_get_mempolicy, &mode, NULL, 0, b->ram->host, MPOL_F_ADDR) : -1;
        tap_ok(!got && mode == MPOL_BIND, "policy=bind is the mapping's policy");
        drop("a");
    }
    b = make("memory-backend-ram,id=a,size=4095");
    tap_ok(b && b->size == 4095 && b->ram->size == 4096, "an odd size is mapped as whole pages");
    drop("a");
}

static void test_prealloc(void)
{
    static const char *const rows[] = {
        "memory-backend-ram", "memory-backend-ram,share=on",     "memory-backend-memfd",
        "memory-backend-shm", "memory-backend-file,mem-path=%s", "memory-backend-file,share=on,mem-path=%s"
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (int threads = 1; threads <= 5; threads += 4) {
            char options[500];
            snprintf(options, sizeof(options), "%s,id=a,size=3M,prealloc=on,prealloc-threads=%d", in_dir(rows[i]), threads);
            struct memory_backend *b = make(options);
            tap_ok(b && resident_pages(b->ram->host, 3 * MIB) == 3 * MIB / PAGE_SIZE, "prealloc=on takes all pages: %s, %d threads",
                   rows[i], threads);
            drop("a");
        }
    }
    struct memory_backend *b = make("memory-backend-ram,id=a,size=1M");
    tap_ok(backend_set(b, "prealloc-threads", "3", NULL) && backend_set(b, "prealloc", "on", NULL) && b->prealloc &&
           resident_pages(b->ram->host, MIB) == MIB / PAGE_SIZE, "prealloc=on later");
    drop("a");
    tap_ok(refused("memory-backend-ram,id=a,size=100T,prealloc=on", "preallocating memory for 'a' failed: Cannot allocate memory"),
           "more than the host has is refused, not tried");
}

// Both ways to take pages: their error instead of a signal, and contents that stay.
static void test_prealloc_errors(void)
{
    const char *path = in_dir("%s/pre");
    static const char *const names[] = { "populate", "through /proc/self/mem" };
    put_file(path, 64 << 10, 0x33);
    int fd = open(path, O_RDWR);
    for (int way = 0; way < 2; way++) {
        for (int writable = 0; writable < 2; writable++) {
            uint8_t *p = mmap(NULL, 64 << 10, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
            int error =
                way ? populate_by_file(p, 64 << 10, PAGE_SIZE, writable) : preallocate_pages(p, 64 << 10, PAGE_SIZE, 3, writable);
            tap_ok(!error && p[0] == 0x33 && p[0xffff] == 0x33, "%s: contents stay%s", names[way], writable ? "" : ", for reading");
            munmap(p, 64 << 10);
            p = mmap(NULL, 128 << 10, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0); // half of it behind the file's end
            error =
                way ? populate_by_file(p, 128 << 10, PAGE_SIZE, writable) : preallocate_pages(p, 128 << 10, PAGE_SIZE, 3, writable);
            tap_ok(error == EFAULT || error == EIO, "%s: behind the file's end is an error, no signal: %s", names[way],
                   strerror(error));
            munmap(p, 128 << 10);
        }
    }
    close(fd);
    unlink(path);
}

static void test_files(void)
{
    char path[100], new_path[100];
    snprintf(path, sizeof(path), "%s/file", dir);
    snprintf(new_path, sizeof(new_path), "%s/new", dir);
    put_file(path, 2 * MIB, 'a');
    struct memory_backend *b = make(in_dir("memory-backend-file,id=f,size=1M,offset=1M,share=on,mem-path=%s/file"));
    tap_ok(b && b->alignment == PAGE_SIZE && b->ram->host[0] == 'a', "a file's bytes, aligned to pages");
    b->ram->host[5] = 'b';
    drop("f");
    tap_ok(byte_of_file(path, MIB + 5) == 'b' && byte_of_file(path, 5) == 'a', "share=on: a store is in the file, at the offset");
    b = make(in_dir("memory-backend-file,id=f,size=2M,align=1G,mem-path=%s/file"));
    tap_ok(b && b->alignment == 1ull << 30, "align=1G");
    b->ram->host[0] = 'c';
    drop("f");
    tap_ok(byte_of_file(path, 0) == 'a', "share=off: a store is private");
    b = make(in_dir("memory-backend-file,id=f,size=2M,readonly=on,rom=off,mem-path=%s/file"));
    b->ram->host[0] = 'd';
    tap_ok(!b->ram->readonly && b->ram->host[0] == 'd' && byte_of_file(path, 0) == 'a', "readonly=on,rom=off: a private copy");
    drop("f");
    b = make(in_dir("memory-backend-file,id=f,size=2M,readonly=on,prealloc=on,mem-path=%s/file"));
    tap_ok(b && b->ram->readonly && b->rom == ROM_ON && b->ram->host[0] == 'a', "readonly=on: ROM");
    drop("f");
    b = make(in_dir("memory-backend-file,id=f,size=2M,share=on,discard-data=on,mem-path=%s/file"));
    struct ram_block *ram = b->ram;
    ram_block_ref(ram);
    drop("f");
    tap_ok(byte_of_file(path, 0) == 'a' && ram->host[0] == 'a', "discard-data=on: the bytes stay as long as somebody looks at them");
    ram_block_unref(ram);
    struct stat st;
    tap_ok(!stat(path, &st) && st.st_size == 2 * (off_t)MIB && byte_of_file(path, 0) == 0,
           "discard-data=on: contents are gone in the end");

    tap_ok(make(in_dir("memory-backend-file,id=f,size=8K,mem-path=%s/new")) && file_size(new_path) == 8192,
           "a new file gets its length");
    drop("f");
    tap_ok(file_size(new_path) == 8192, "and stays");
    unlink(new_path);
    tap_ok(refused(in_dir("memory-backend-file,id=f,size=100T,prealloc=on,mem-path=%s/new"), "") && file_size(new_path) == ~0ull,
           "not that of a refused backend");
    tap_ok(refused(in_dir("memory-backend-file,id=f,size=8K,offset=12,mem-path=%s/new"), "multiples of page size") &&
               file_size(new_path) == ~0ull,
           "nor with a bad offset");
    tap_ok(refused(in_dir("memory-backend-file,id=f,size=8K,policy=bind,host-nodes=127,mem-path=%s/new"), "cannot bind") &&
               file_size(new_path) == ~0ull,
           "nor with a bad policy");
    put_file(new_path, 0, 0);
    tap_ok(refused(in_dir("memory-backend-file,id=f,size=8K,policy=bind,host-nodes=127,mem-path=%s/new"), "cannot bind") &&
               file_size(new_path) == 0,
           "an empty file keeps its length of 0");
    tap_ok(make(in_dir("memory-backend-file,id=f,size=8K,mem-path=%s/new")) && file_size(new_path) == 8192,
           "accepted: it gets its length");
    drop("f");
    unlink(new_path);
    unlink(path);
    b = make("memory-backend-memfd,id=f,size=1M");
    int fd = -1;
    for (int i = 3; i < 64 && fd < 0; i++) {
        if (fcntl(i, F_GET_SEALS) == (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
            fd = i;
    }
    tap_ok(b && fd >= 0 && ftruncate(fd, 0) && errno == EPERM, "memfd: sealed");
    drop("f");
}

static void test_boot(void)
{
    struct error *err = NULL;
    struct memory_backend *b = backend_new_boot(list, "pc.ram", 16 * MIB, NULL, false, NULL);
    tap_ok(b && b->busy && !strcmp(b->user, "machine") && b->ram->size == 16 * MIB && backend_find(list, "pc.ram") == b,
           "boot RAM is a backend");
    tap_ok(!backend_delete(list, "pc.ram", &err) && strstr(error_message(err), "is in use, can not be deleted"), "%s",
           error_message(err));
    error_free(err);
    backend_release(b);
    drop("pc.ram");
    b = backend_new_boot(list, "pc.ram", MIB, dir, true, NULL);
    tap_ok(b && !strcmp(b->type, "memory-backend-file") && resident_pages(b->ram->host, MIB) == MIB / PAGE_SIZE,
           "-mem-path DIR -mem-prealloc");
    backend_release(b);
    drop("pc.ram");
    static const struct { const char *id, *words; uint64_t size; } rows[] = {
        { "nosuch", "Memory backend 'nosuch' not found", MIB }, { "mine", "can't be used multiple times", MIB },
        { "other", "Machine memory size does not match the size of the memory backend", MIB }, { "rom", "is read-only", MIB },
    };
    put_file(in_dir("%s/rom"), MIB, 0);
    make("memory-backend-ram,id=mine,size=1M");
    make("memory-backend-ram,id=other,size=2M");
    make(in_dir("memory-backend-file,id=rom,size=1M,readonly=on,mem-path=%s/rom"));
    tap_ok(backend_take_boot(list, "mine", MIB, NULL) == backend_find(list, "mine"), "memory-backend=ID");
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        err = NULL;
        tap_ok(!backend_take_boot(list, rows[i].id, rows[i].size, &err) && strstr(error_message(err), rows[i].words), "%s",
               error_message(err));
        error_free(err);
    }
    backend_release(backend_find(list, "mine"));
    drop("mine");
    drop("other");
    drop("rom");
    unlink(in_dir("%s/rom"));
}

// ---- the guard

static void say_goodbye(void)
{
    ssize_t n = write(2, "goodbye\n", 8);
    (void)n;
}

// fn in a process of its own: its exit status (or 1000 + signal), and what it wrote to stderr.
static int in_child(void (*fn)(void), char *text, size_t size)
{
    int pipes[2], status;
    size_t len = 0;
    if (pipe(pipes))
        return -1;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        dup2(pipes[1], 2);
        fn();
        _exit(77);
    }
    close(pipes[1]);
    for (ssize_t n; (n = read(pipes[0], text + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = 0;
    close(pipes[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void lose_memory(void)
{
    ram_guard_install(say_goodbye);
    struct memory_backend *b = make(in_dir("memory-backend-file,id=lost,size=1M,mem-path=%s/lost"));
    if (truncate(in_dir("%s/lost"), 4096))
        _exit(76);
    volatile uint8_t *host = b->ram->host;
    (void)host[4095];
    (void)host[0x5000];
}

static void lose_among_many(void) // more than a chunk of the table
{
    ram_guard_install(NULL);
    for (int i = 0; i < 200; i++) {
        char options[200];
        snprintf(options, sizeof(options), "memory-backend-memfd,id=n%d,size=64K,seal=off", i);
        if (!make(options))
            _exit(75);
        if (i % 3 == 2)
            drop((snprintf(options, sizeof(options), "n%d", i - 1), options));
    }
    lose_memory();
}

static void lose_other_memory(void)
{
    ram_guard_install(NULL);
    char *path = in_dir("%s/other");
    put_file(path, 4096, 0);
    int fd = open(path, O_RDWR);
    volatile uint8_t *host = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    (void)host[4096];
}

static void send_signal(void)
{
    ram_guard_install(NULL);
    raise(SIGBUS);
}

static void test_guard(void)
{
    char text[20000];
    int status = in_child(lose_memory, text, sizeof(text));
    tap_ok(status == 1 &&
               strstr(text,
                      in_dir("memory backend 'lost' (%s/lost): its file was truncated to 4096 bytes, but 1048576 are in use by the "
                             "guest (at offset 20480)\n")),
           "a truncated file: status %d, %s", status, strrchr(text, ':') ? "explained" : "nothing said");
    tap_ok(strstr(text, "goodbye\nramjet: "), "the caller's function comes first");
    unlink(in_dir("%s/lost"));
    status = in_child(lose_among_many, text, sizeof(text));
    tap_ok(status == 1 && strstr(text, "memory backend 'lost'"), "among 200 ranges: status %d", status);
    unlink(in_dir("%s/lost"));
    status = in_child(lose_other_memory, text, sizeof(text));
    tap_ok(status != 1 ? status != 77 && !strstr(text, "memory backend") : strstr(text, "Sanitizer") != NULL,
           "SIGBUS elsewhere stays what it is: %d", status);
    unlink(in_dir("%s/other"));
    status = in_child(send_signal, text, sizeof(text));
    tap_ok(status != 77 && !strstr(text, "memory backend"), "a SIGBUS that was sent, too: %d", status);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    list = backend_list_new();
    test_properties();
    test_mapping();
    test_prealloc();
    test_prealloc_errors();
    test_files();
    test_boot();
    test_guard();
    tap_ok(!backend_first(list), "no backend is left");
    backend_list_free(list);
    tap_ok(!rmdir(dir), "no file is left");
    return tap_done();
}
