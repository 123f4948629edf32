// SPDX-License-Identifier: MIT
//
// Options that say what happens at counts, and what -deterministic means for the others.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "hw/pc/pc.h"
#include "snapshot/control.h"
#include "snapshot/digest.h"
#include "util/error.h"
#include "util/parse.h"

#define DEFAULT_CHECKPOINT 1000000000ull
#define DEFAULT_SEED 1
#define DETERMINISTIC_DATE 1767225600ll // 2026-01-01T00:00:00

// Next word of a comma list into a buffer (a doubled comma is one of its own); false at the end.
static bool next(const char **text, char *word, size_t size)
{
    const char *p = *text;
    size_t n = 0;
    if (!*p)
        return false;
    for (; *p && (*p != ',' || p[1] == ','); p += 1 + (*p == ','))
        if (n < size - 1)
            word[n++] = *p;
    word[n] = 0;
    *text = p + (*p == ',');
    return true;
}

static const char *value_of(const char *word, const char *key)
{
    size_t n = strlen(key);
    return !strncmp(word, key, n) && word[n] == '=' ? word + n + 1 : NULL;
}

static bool count_value(const char *option, const char *word, uint64_t *out, struct error **errp)
{
    struct error *why = NULL;
    if (parse_u64(word, out, &why) && *out)
        return true;
    error_free(why);
    return error_set(errp, "-%s: '%s' is not a number of instructions from 1 on", option, word);
}

static bool file_value(const char *option, const char *name, char **file, struct error **errp)
{
    free(*file);
    *file = strdup(name);
    return *name || error_set(errp, "-%s: file= needs a name", option);
}

static bool digest_word(struct run_options *o, const char *option, const char *word, char **file, struct error **errp)
{
    if (value_of(word, "file"))
        return file_value(option, value_of(word, "file"), file, errp);
    if (value_of(word, "full")) {
        if (!parse_bool(value_of(word, "full"), &o->digest_full, NULL))
            return error_set(errp, "-%s: Parameter 'full' expects 'on' or 'off', not '%s'", option, value_of(word, "full"));
        return true;
    }
    return error_set(errp, "-%s: Invalid parameter '%s'", option, word);
}

bool run_option_digest_at(struct run_options *o, const char *text, struct error **errp)
{
    char word[1024];
    while (next(&text, word, sizeof word)) {
        if (strchr(word, '=')) {
            if (!digest_word(o, "digest-at", word, &o->digest_at_file, errp))
                return false;
            continue;
        }
        if (o->digest_at_count == MAX_DIGESTS)
            return error_set(errp, "-digest-at: at most %d counts", MAX_DIGESTS);
        uint64_t *place = &o->digest_at[o->digest_at_count];
        struct error *why = NULL;
        if (!parse_u64(word, place, &why)) {
            error_free(why);
            return error_set(errp, "-digest-at: '%s' is not a number of instructions", word);
        }
        for (; place > o->digest_at && place[0] < place[-1]; place--) { // keep them sorted
            uint64_t swap = place[0];
            place[0] = place[-1];
            place[-1] = swap;
        }
        o->digest_at_count++;
    }
    return o->digest_at_count || error_set(errp, "-digest-at: no count given");
}

bool run_option_digest_every(struct run_options *o, const char *text, struct error **errp)
{
    char word[1024];
    if (!next(&text, word, sizeof word) || !count_value("digest-every", word, &o->digest_every, errp))
        return *errp ? false : error_set(errp, "-digest-every: no count given");
    while (next(&text, word, sizeof word))
        if (!digest_word(o, "digest-every", word, &o->digest_every_file, errp))
            return false;
    return true;
}

bool run_option_seed(struct run_options *o, const char *what, const char *text, struct error **errp)
{
    struct error *why = NULL;
    if (!parse_u64(text, &o->seed, &why)) {
        error_free(why);
        return error_set(errp, "%s expects a number, not '%s'", what, text);
    }
    return o->seed_given = true;
}

bool run_option_deterministic(struct run_options *o, const char *text, struct error **errp)
{
    char word[128];
    while (next(&text, word, sizeof word)) {
        const char *seed = value_of(word, "seed");
        if (!strcmp(word, "on") || !strcmp(word, "off")) {
            o->deterministic = word[1] == 'n';
            continue;
        }
        if (!seed)
            return error_set(errp, "-deterministic: Invalid parameter '%s'", word);
        if (!run_option_seed(o, "-deterministic: Parameter 'seed'", seed, errp))
            return false;
    }
    return true;
}

bool run_option_limit_instructions(struct run_options *o, const char *text, struct error **errp)
{
    return count_value("limit-instructions", text, &o->limit_instructions, errp);
}

bool run_option_limit_time(struct run_options *o, const char *text, struct error **errp)
{
    static const struct { const char *unit; int64_t ns; } units[] = {
        { "", NS_PER_SECOND }, { "s", NS_PER_SECOND }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "m", 60 * NS_PER_SECOND },
        { "h", 3600 * NS_PER_SECOND },
    };
    char *end;
    unsigned long long n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : (end = "?", 0);
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit))
            continue;
        if (!n || n > (unsigned long long)(INT64_MAX / units[i].ns))
            break;
        o->limit_time_ns = (int64_t)n * units[i].ns;
        return true;
    }
    return error_set(errp, "-limit-time: '%s' is not a time of the guest's like 10s, 1500ms or 2m", text);
}

bool run_option_record(struct run_options *o, const char *text, struct error **errp)
{
    char word[1024];
    if (!next(&text, word, sizeof word))
        return error_set(errp, "-record: a file is needed");
    if (!file_value("record", value_of(word, "file") ? value_of(word, "file") : word, &o->record, errp))
        return false;
    o->record_every = DEFAULT_CHECKPOINT;
    while (next(&text, word, sizeof word)) {
        const char *every = value_of(word, "every"), *pace = value_of(word, "pace");
        if (every ? !count_value("record", every, &o->record_every, errp) : !pace || !parse_bool(pace, &o->record_pace, NULL))
            return *errp ? false : error_set(errp, "-record: Invalid parameter '%s' (every=N and pace=on|off are known)", word);
    }
    return true;
}

// ---- together

static bool finish_deterministic(struct run_options *o, struct pc_options *pc, struct error **errp)
{
    if (o->sleep_given && o->sleep_on)
        return error_set(errp, "-icount sleep=on: cannot be had with -deterministic: idle time passes at once there (sleep=off)");
    if (pc->engine.icount_shift == ICOUNT_AUTO)
        return error_set(errp, "-icount shift=auto: cannot be had with -deterministic: time follows the host's clock there (shift=N)");
    if (pc->engine.icount_align)
        return error_set(errp, "-icount align=on: cannot be had with -deterministic: it goes with sleep=on only");
    if (o->rtc_from_host)
        return error_set(errp, "-rtc base=utc or localtime: cannot be had with -deterministic: give a date, as base=2026-01-01T12:00:00");
    if (o->rtc_clock_host)
        return error_set(errp, "-rtc clock=host or rt: cannot be had with -deterministic: its clock is the guest's (clock=vm)");
    if (o->unpack_given && pc->unpack == BOOT_UNPACK_AUTO)
        return error_set(errp, "-machine unpack=auto: cannot be had with -deterministic: choose unpack=host or unpack=guest");
    if (!o->icount_given)
        pc->engine.icount_shift = 0;
    if (!o->rtc_given)
        pc->rtc_base_ns = DETERMINISTIC_DATE * NS_PER_SECOND;
    if (!o->unpack_given)
        pc->unpack = BOOT_UNPACK_HOST;
    return true;
}

static bool counted_only(const char *option, const char *value, const struct pc_options *pc, struct error **errp)
{
    if (pc->engine.icount_shift == ICOUNT_AUTO)
        return error_set(errp, "-%s %s: cannot be had with -icount shift=auto: time follows the host's clock there, and no run is like another",
                         option, value);
    error_set(errp, "-%s %s: counts mean something only with the instruction clock", option, value);
    error_hint(errp, "add -deterministic, or -icount shift=N");
    return false;
}

// The seed of the guest's random numbers: as given; 1 where runs shall repeat; else the host's choice.
static bool choose_seed(const struct run_options *o, struct pc_options *pc, struct error **errp)
{
    pc->seed = o->seed_given ? o->seed : DEFAULT_SEED;
    if (o->seed_given || pc->engine.icount_shift >= 0 || getrandom(&pc->seed, sizeof pc->seed, 0) == sizeof pc->seed)
        return true;
    return error_set(errp, "the host gives no random numbers for the guest: %s (-seed N does without)", strerror(errno));
}

bool run_options_finish(struct run_options *o, struct pc_options *pc, struct error **errp)
{
    if (o->deterministic && !finish_deterministic(o, pc, errp))
        return false;
    bool counted = pc->engine.icount_shift >= 0, digests = o->digest_at_count || o->digest_every || o->record;
    if (!counted && o->digest_at_count)
        return counted_only("digest-at", "...", pc, errp);
    if (!counted && o->digest_every)
        return counted_only("digest-every", "...", pc, errp);
    if (!counted && o->script)
        return counted_only("script", o->script, pc, errp);
    if (o->record && !o->deterministic)
        return error_set(errp, "-record %s: needs -deterministic", o->record);
    if (digests && !digest_supported(errp)) {
        error_prefix(errp, o->record ? "-record: " : "-digest-at, -digest-every: ");
        return false;
    }
    if (!choose_seed(o, pc, errp))
        return false;
    pc->engine.icount_sleep = o->icount_given && !o->deterministic && o->sleep_on;
    if (o->record_pace)
        pc->engine.icount_sleep = true;
    return true;
}

void run_options_release(struct run_options *o)
{
    free(o->digest_at_file);
    free(o->digest_every_file);
    free(o->record);
}
