// SPDX-License-Identifier: MIT
//
// TAP output for C tests: tap_ok(condition, "name ...") for each point, `return tap_done();` from main. And a small
// random generator, so that a failure can be repeated from its seed.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static int tap_count, tap_failures;

__attribute__((format(printf, 2, 3), unused)) static bool tap_ok(bool good, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("%s %d - ", good ? "ok" : "not ok", ++tap_count);
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
    tap_failures += !good;
    return good;
}

__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failures ? 1 : 0;
}

struct tap_random { uint64_t state; };

__attribute__((unused)) static uint64_t tap_next(struct tap_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15ull; // splitmix64
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

__attribute__((unused)) static uint64_t tap_below(struct tap_random *random, uint64_t limit)
{
    return tap_next(random) % limit;
}
