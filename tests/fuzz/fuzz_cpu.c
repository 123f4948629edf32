// SPDX-License-Identifier: MIT
//
// ramjet-test: timeout=300
//
// Random sequences of user-level instructions on this host and in the emulator; see fuzz.h. Options:
//   --seed N        the run (0)                   --time S       seconds (60; 0: no limit)
//   --count N       cases (no limit)              --backend x86_64 | interp | both | native (the host against itself)
//   --only NAME     mostly this mnemonic          --max-insns N  units of a sequence (12)
//   --block N       instructions of a translation, at most (0: as usual)   --quantum N   of a slice
//   --flush N       forget all mappings every N block entries              --no-chain    never link blocks
//   --compat        32-bit code: compatibility mode
//   --coverage      fail when a row of the table was never executed; print the rows that are not tested, and why
//   --case N        this one case, with its whole text      --stop N   after so many differences (5)
// Known departures of the emulator from hardware, which are kept out of the sequences or not reported:
//   an operand across the end of the canonical addresses is judged page by page (report.c);
//   alignment checks (EFLAGS.AC at CPL 3) are not made (generate.c: POPF never sets AC);
//   segment limits, types and null selectors are not checked in 32-bit code (generate.c, report.c); ARPL is missing (rows.c).
// What differs between vendors is left out, too: CMPXCHG of a 32-bit register that fails, MOVSXD to 16 bits, PREFETCHW of a
// register, C1 after FCOMI and some more (rows.c, x87.c). A build with the address sanitizer has its shadow mapped where wild
// pointers may reach it: faults then differ.
// Exit status: 0 no difference, 1 differences, 77 not an x86-64 host.
#include "tests/fuzz/fuzz.h"
#ifdef __x86_64__
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    uint64_t seed, count, one_case;
    double seconds;
    const char *backend;
    unsigned stop;
    bool coverage, single;
    struct emulated_options emulated;
    struct generate_options generate;
};
struct run {
    struct options o;
    struct native *native;
    struct emulated *backends[2];
    unsigned backend_count;
    unsigned differences, timeouts, crashes;
    uint64_t cases, faults;
    uint64_t hits[2048];     // rows executed on the host
    struct fuzz_result scratch, against;
    struct emulated *shrinking;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Twice: the second time the blocks are there and linked.
static bool emulated_differs(struct run *run, struct emulated *e, const struct fuzz_case *c, const struct fuzz_result *native)
{
    emulated_load(e, c);
    for (unsigned i = 0; i < 2; i++) {
        emulated_run(e, c, &run->scratch);
        if (results_differ(c, native, &run->scratch))
            return true;
    }
    return false;
}

static bool still_differs(void *opaque, const struct fuzz_case *c)
{
    struct run *run = opaque;
    native_run(run->native, c, &run->against);
    if (run->shrinking)
        return emulated_differs(run, run->shrinking, c, &run->against);
    native_run(run->native, c, &run->scratch);
    return results_differ(c, &run->against, &run->scratch);
}

static void difference(struct run *run, struct emulated *e, const struct fuzz_case *original, const struct fuzz_result *host)
{
    struct fuzz_result *first = malloc(sizeof *first), *second = malloc(sizeof *second);
    *first = *host;
    *second = run->scratch;
    struct fuzz_case *c = malloc(sizeof *c);
    *c = *original;
    run->differences++;
    run->shrinking = e;
    const char *name = e ? emulated_name(e) : "host again";
    if (still_differs(run, c)) {
        case_shrink(c, still_differs, run);
        still_differs(run, c);
        report(stdout, c, name, &run->against, &run->scratch);
    } else {
        printf("# only in a sequence of cases, not alone:\n");
        report(stdout, c, name, first, second);
    }
    free(c);
    free(first);
    free(second);
}

static void count_rows(struct run *run, const struct fuzz_case *c, const struct fuzz_result *r)
{
    unsigned last = c->unit_count; // the unit where it ended
    for (unsigned i = 0; i < c->place_count; i++)
        if (c->places[i].at == r->state.rip - c->state.rip)
            last = c->places[i].unit;
    for (unsigned i = 0; i < last; i++)
        run->hits[c->units[i].row]++;
    if (last < c->unit_count) {
        run->hits[c->units[last].row]++;
        run->faults++;
    }
}

static void compare_case(struct run *run, const struct fuzz_case *c, const struct fuzz_result *native)
{
    run->cases++;
    if (native->status == FUZZ_TIMEOUT) {
        run->timeouts++;
        return;
    }
    if (native->status == FUZZ_CRASH) {
        run->crashes++;
        printf("# the host's child died in --case %#" PRIx64 "\n", c->seed);
        return;
    }
    count_rows(run, c, native);
    for (unsigned i = 0; i < run->backend_count && run->differences < run->o.stop; i++)
        if (emulated_differs(run, run->backends[i], c, native)) {
            native_wait(run->native);
            difference(run, run->backends[i], c, native);
        }
}

// ---- batches: the child runs one while we generate and compare the other

static unsigned fill(struct run *run, unsigned bank, uint64_t first)
{
    unsigned n = 0;
    for (; n < NATIVE_BATCH && (!run->o.count || first + n < run->o.count); n++) {
        struct rng r = { run->o.seed * 0x2545f4914f6cdd1dull + first + n };
        struct fuzz_case *c = native_case(run->native, bank, n);
        case_generate(c, rng_next(&r), &run->o.generate);
        if (c->invalid) { // does not fit: an empty one
            c->unit_count = 1;
            c->units[0].size = c->units[0].fix_count = c->units[0].step_count = 0;
            case_layout(c);
        }
    }
    return n;
}

static void host_again(struct run *run, unsigned bank, unsigned count, const struct fuzz_case *cases, const struct fuzz_result *results)
{
    native_wait(run->native);
    native_start(run->native, bank, count);
    native_wait(run->native);
    for (unsigned i = 0; i < count && run->differences < run->o.stop; i++)
        if (results_differ(&cases[i], &results[i], native_result(run->native, bank, i))) {
            run->scratch = *native_result(run->native, bank, i);
            difference(run, NULL, &cases[i], &results[i]);
            return; // the bank was used
        }
}

static void run_batches(struct run *run)
{
    static struct fuzz_case cases[NATIVE_BATCH];
    static struct fuzz_result results[NATIVE_BATCH];
    double end = run->o.seconds > 0 ? now() + run->o.seconds : 1e300;
    uint64_t first = 0;
    unsigned bank = 0, count = fill(run, 0, 0);
    native_start(run->native, 0, count);
    while (count && run->differences < run->o.stop && now() < end) {
        unsigned next = fill(run, !bank, first + count), before = run->differences;
        native_wait(run->native);
        memcpy(cases, native_case(run->native, bank, 0), count * sizeof *cases);
        memcpy(results, native_result(run->native, bank, 0), count * sizeof *results);
        native_start(run->native, !bank, next);
        if (run->o.backend[0] == 'n')
            host_again(run, bank, count, cases, results);
        for (unsigned i = 0; i < count && run->differences < run->o.stop; i++)
            compare_case(run, &cases[i], &results[i]);
        if (run->differences != before || run->o.backend[0] == 'n') { // the child's banks were used in between
            native_wait(run->native);
            next = fill(run, !bank, first + count);
            native_start(run->native, !bank, next);
        }
        first += count;
        count = next;
        bank = !bank;
    }
    native_wait(run->native);
}

static int coverage(const struct run *run)
{
    unsigned rows = rows_load(), tested = 0, missing = 0;
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < rows; i++) {
        char name[64];
        row_name(i, name, sizeof name);
        if (row_skip_reason(i, run->o.generate.compat))
            continue;
        tested++;
        least = run->hits[i] < least ? run->hits[i] : least;
        if (run->hits[i])
            continue;
        missing++;
        printf("never executed: %s\n", name);
    }
    printf("# %u rows, %u tested, %u never executed, each at least %" PRIu64 " times\n", rows, tested, missing, tested ? least : 0);
    return missing != 0;
}

static uint64_t number(const char *text, const char *option)
{
    char *end;
    uint64_t v = strtoull(text, &end, 0);
    if (*end || !*text) {
        fprintf(stderr, "fuzz_cpu: --%s wants a number, not '%s'\n", option, text);
        exit(2);
    }
    return v;
}

static void parse(struct options *o, int argc, char **argv)
{
    static const struct option names[] = { { "seed", 1, 0, 's' }, { "time", 1, 0, 't' }, { "count", 1, 0, 'c' }, { "backend", 1, 0, 'b' },
                                           { "only", 1, 0, 'o' }, { "max-insns", 1, 0, 'm' }, { "block", 1, 0, 'k' }, { "coverage", 0, 0, 'v' },
                                           { "quantum", 1, 0, 'q' }, { "flush", 1, 0, 'f' }, { "no-chain", 0, 0, 'n' },
                                           { "case", 1, 0, 'x' }, { "compat", 0, 0, '3' }, { "stop", 1, 0, 'p' }, { 0 } };
    int key, at = 0;
    while ((key = getopt_long(argc, argv, "", names, &at)) != -1) {
        const char *name = key == '?' ? "" : names[at].name;
        switch (key) {
        case 's': o->seed = number(optarg, name); break;
        case 't': o->seconds = strtod(optarg, NULL); break;
        case 'c': o->count = number(optarg, name); break;
        case 'b': o->backend = optarg; break;
        case 'o': o->generate.only = optarg; break;
        case 'm': o->generate.max_insns = (unsigned)number(optarg, name); break;
        case 'k': o->emulated.block = (unsigned)number(optarg, name); break;
        case 'q': o->emulated.quantum = (unsigned)number(optarg, name); break;
        case 'f': o->emulated.flush = (unsigned)number(optarg, name); break;
        case 'n': o->emulated.no_chain = true; break;
        case 'v': o->coverage = true; break;
        case 'x': o->one_case = number(optarg, name); o->single = true; break;
        case '3': o->generate.compat = true; break;
        case 'p': o->stop = (unsigned)number(optarg, name); break;
        default: exit(2);
        }
    }
    static const char *const known[] = { "x86_64", "interp", "both", "native" };
    for (unsigned i = 0; i < 4; i++)
        if (!strcmp(o->backend, known[i]))
            return;
    fprintf(stderr, "fuzz_cpu: --backend %s: one of x86_64, interp, both, native\n", o->backend);
    exit(2);
}

static void single_case(struct run *run)
{
    struct fuzz_case *c = malloc(sizeof *c);
    case_generate(c, run->o.one_case, &run->o.generate);
    native_run(run->native, c, &run->against);
    for (unsigned i = 0; i < run->backend_count; i++) {
        if (emulated_differs(run, run->backends[i], c, &run->against)) {
            report(stdout, c, emulated_name(run->backends[i]), &run->against, &run->scratch);
            difference(run, run->backends[i], c, &run->against);
        } else {
            printf("%s: no difference\n", emulated_name(run->backends[i]));
        }
    }
    free(c);
}

int main(int argc, char **argv)
{
    static struct run run = { .o = { .seconds = 60, .backend = "both", .stop = 5, .generate = { .max_insns = 12 } } };
    parse(&run.o, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    pool_fill(0);
    rows_load();
    run.native = native_new();
    if (strcmp(run.o.backend, "native") && strcmp(run.o.backend, "interp"))
        run.backends[run.backend_count++] = emulated_new("x86_64", &run.o.emulated);
    if (!strcmp(run.o.backend, "interp") || !strcmp(run.o.backend, "both"))
        run.backends[run.backend_count++] = emulated_new("interp", &run.o.emulated);
    double start = now();
    if (run.o.single)
        single_case(&run);
    else
        run_batches(&run);
    double seconds = now() - start;
    printf("# seed %" PRIu64 ", %s: %" PRIu64 " cases in %.1f s (%.0f a second), %" PRIu64 " ended by a fault, ", run.o.seed, run.o.backend,
           run.cases, seconds, (double)run.cases / seconds, run.faults);
    printf("%u too long, %u crashes of the child, %u differences\n", run.timeouts, run.crashes, run.differences);
    int status = run.differences != 0;
    if (run.o.coverage) {
        rows_print_skipped(stdout, run.o.generate.compat);
        status |= coverage(&run);
    }
    native_free(run.native);
    for (unsigned i = 0; i < run.backend_count; i++)
        emulated_free(run.backends[i]);
    return status;
}
#else
int main(void)
{
    printf("1..0 # SKIP this host is not x86-64\n");
    return 77;
}
#endif
