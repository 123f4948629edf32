// SPDX-License-Identifier: MIT
//
// util/: errors, log items, nearest names, the event loop.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "tests/unit/tap.h"
#include "util/error.h"
#include "util/format.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/nearest.h"

static void test_error(void)
{
    struct error *err = NULL, *other = NULL;
    tap_ok(!error_set(&err, "-m %s: too small", "1K") && !strcmp(error_message(err), "-m 1K: too small"), "error_set formats");
    error_hint(&err, "first");
    error_hint(&err, "second %d", 2);
    tap_ok(!strcmp(err->hint, "first\nsecond 2"), "hints are lines");
    error_prefix(&err, "line %d: ", 3);
    tap_ok(!strcmp(error_message(err), "line 3: -m 1K: too small"), "error_prefix");
    error_propagate(&other, err);
    tap_ok(other == err, "error_propagate hands over");
    err = NULL;
    error_set(&err, "later");
    error_propagate(&other, err);
    tap_ok(!strcmp(error_message(other), "line 3: -m 1K: too small"), "the first error stays");
    error_free(other);
    tap_ok(!error_set(NULL, "nobody cares"), "NULL errp");
    error_hint(NULL, "nobody cares");
}

static void test_log(void)
{
    struct error *err = NULL;
    tap_ok(log_set_items("in_asm,int", &err) && log_mask == (1u << LOG_IN_ASM | 1u << LOG_INT), "two log items");
    bool good = log_set_items("in_asn", &err);
    tap_ok(!good && strstr(error_message(err), "'in_asm'"), "a slip: %s", error_message(err));
    error_free(err);
    err = NULL;
    good = log_set_items("int,xyzzyplugh", &err);
    tap_ok(!good && !strstr(error_message(err), "did you mean"), "no far guess: %s",
           error_message(err));
    error_free(err);
    err = NULL;
    good = log_set_file("/nonexistent/dir/log", &err);
    tap_ok(!good, "log file: %s", error_message(err));
    error_free(err);
    err = NULL;
    char path[] = "/tmp/test_util_XXXXXX";
    int fd = mkstemp(path);
    log_set_items("int", NULL);
    good = log_set_file(path, &err);
    log_printf(LOG_INT, "vector %d\n", 14);
    log_printf(LOG_OP, "not this\n");
    log_flush();
    char text[64] = "";
    ssize_t n = read(fd, text, sizeof(text) - 1);
    tap_ok(good && n > 0 && !strcmp(text, "vector 14\n"), "only items that are on are written");
    close(fd);
    unlink(path);
    log_mask = 0;
}

static void test_nearest(void)
{
    static const char *const names[] = { "memory-backend-ram", "pc-dimm", "serial", "monitor", "smp", NULL };
    tap_ok(!strcmp(nearest_name("pc-dim", names, 6), "pc-dimm"), "one letter missing");
    tap_ok(!strcmp(nearest_name("memory-backed-ram", names, 6), "memory-backend-ram"), "one letter less in a long word");
    tap_ok(!strcmp(nearest_name("MONITOR", names, 6), "monitor"), "case counts little");
    tap_ok(nearest_name("zzz", names, 6) == NULL && nearest_name("", names, 6) == NULL, "nothing near");
}

// ---- loop

static struct loop *loop;
static int got_events, handler_calls, post_calls, after_calls;
static char got[64];
static void on_read(void *opaque, int events)
{
    int fd = *(int *)opaque;
    got_events = events;
    handler_calls++;
    ssize_t n = read(fd, got, 1); // leaves the rest: level triggered
    if (n == 0)
        loop_watch(loop, fd, 0, NULL, NULL);
}
static void on_post(void *opaque) { post_calls++; }
static void on_after(void *opaque) { after_calls++; }
static void *poster(void *opaque)
{
    usleep(20000);
    loop_post(loop, on_post, NULL);
    return NULL;
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec * 1000000ll + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000ll + usage.ru_stime.tv_usec;
}

static void test_loop_descriptors(void)
{
    int pipe_fd[2];
    if (pipe(pipe_fd))
        abort();
    loop_watch(loop, pipe_fd[0], LOOP_READ, on_read, &pipe_fd[0]);
    loop_dispatch(loop, 1000000);
    tap_ok(handler_calls == 0, "nothing to read, no call");
    if (write(pipe_fd[1], "abc", 3) != 3)
        abort();
    for (int i = 0; i < 200 && !atomic_load(loop_kick_word(loop)); i++)
        usleep(1000);
    tap_ok(atomic_load(loop_kick_word(loop)), "the kick word is set while the machine thread is busy");
    int64_t before = cpu_us();
    usleep(100000);
    tap_ok(cpu_us() - before < 30000, "a busy machine thread does not make the I/O thread spin");
    while (handler_calls < 3)
        loop_dispatch(loop, 1000000000);
    tap_ok(handler_calls == 3 && got[0] == 'c' && got_events == LOOP_READ, "level triggered: called until all is read");
    close(pipe_fd[1]);
    int64_t start = now_ns();
    while (handler_calls < 4 && now_ns() - start < 1000000000)
        loop_dispatch(loop, 1000000000);
    tap_ok(handler_calls == 4 && (got_events & LOOP_HANGUP) && (got_events & LOOP_READ), "end of file is a hang-up");
    loop_dispatch(loop, 200000000);
    tap_ok(handler_calls == 4, "a removed watch is silent");
    close(pipe_fd[0]);
    if (pipe(pipe_fd)) // the same numbers again
        abort();
    loop_watch(loop, pipe_fd[0], LOOP_READ, on_read, &pipe_fd[0]);
    if (write(pipe_fd[1], "x", 1) != 1)
        abort();
    for (int i = 0; i < 10 && handler_calls < 5; i++)
        loop_dispatch(loop, 1000000000);
    tap_ok(handler_calls == 5 && got[0] == 'x', "a number that was closed and opened again");
    loop_watch(loop, pipe_fd[0], 0, NULL, NULL);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

static void test_loop(void)
{
    loop = loop_new();
    test_loop_descriptors();
    pthread_t thread;
    pthread_create(&thread, NULL, poster, NULL);
    int64_t start = now_ns();
    while (!post_calls && now_ns() - start < 5000000000)
        loop_dispatch(loop, -1);
    tap_ok(post_calls == 1, "a post from another thread ends an endless wait");
    pthread_join(thread, NULL);
    start = now_ns();
    loop_after(loop, 30, on_after, NULL);
    while (!after_calls && now_ns() - start < 5000000000)
        loop_dispatch(loop, -1);
    tap_ok(after_calls == 1 && now_ns() - start >= 30000000, "loop_after waits for its time");
    start = now_ns();
    for (int i = 0; i < 3; i++)
        loop_dispatch(loop, 10000000);
    tap_ok(now_ns() - start > 15000000 && now_ns() - start < 2000000000, "dispatch waits for its timeout, without spinning");
    loop_after(loop, 100000, on_after, NULL);
    loop_kick(loop);
    loop_free(loop);
    FILE *file = tmpfile(); // epoll refuses regular files
    loop = loop_new();
    int fd = fileno(file);
    fputs("q", file);
    rewind(file);
    handler_calls = 0;
    loop_watch(loop, fd, LOOP_READ, on_read, &fd);
    for (int i = 0; i < 10 && handler_calls < 2; i++)
        loop_dispatch(loop, 100000000);
    tap_ok(handler_calls == 2 && got[0] == 'q', "a regular file is always ready");
    fclose(file);
    loop_free(loop);
}

static void test_sizes(void)
{
    static const struct { uint64_t bytes; const char *text; } rows[] = {
        { 0, "0 bytes" }, { 1, "1 byte" }, { 1023, "1023 bytes" }, { 1024, "1 KiB" }, { 1536, "1.5 KiB" }, { 1152, "1.125 KiB" }, { 1025, "1025 bytes" },
        { 107374, "104.9 KiB" }, { 128 << 20, "128 MiB" }, { 1072955392, "1023.25 MiB" }, { 3024ull << 20, "3024 MiB" }, { 12517376, "11.9 MiB" },
        { 9ull << 28, "2.25 GiB" }, { 1ull << 30, "1 GiB" }, { (1ull << 30) + 1, "1.0 GiB" }, { 1ull << 40, "1 TiB" }, { 23ull << 57, "2.875 EiB" },
        { ~0ull, "16.0 EiB" },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        tap_ok(!strcmp(size_text(rows[i].bytes).text, rows[i].text), rows[i].text);
}

int main(void)
{
    test_error();
    test_sizes();
    test_log();
    test_nearest();
    test_loop();
    return tap_done();
}
