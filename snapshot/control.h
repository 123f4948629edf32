// SPDX-License-Identifier: MIT
//
// What happens at instruction counts: digests, scripted and recorded input, limits. One for a machine, between main.c and
// hw/pc; machine thread only.
//
// At one boundary, in this order: digests, checkpoints of a recording, input, limits. All input of a recorded, replayed or
// deterministic run goes through one queue: live input that is seen at count C takes effect at C + 1, exactly as it does
// when it is replayed.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct chardev_list;
struct error;
struct machine;
struct control;
struct pc_options;

#define MAX_DIGESTS 1024
enum control_exit { // exit statuses of our own; 0 and 1 as always, 124 to 127 belong to timeout(1) and shells
    EXIT_STOP_TEXT = 120, EXIT_LIMIT_INSTRUCTIONS = 121, EXIT_LIMIT_TIME = 122, EXIT_REPLAY_DIFFERS = 123,
};
struct run_options {
    bool deterministic;
    // What of other options matters to -deterministic.
    bool icount_given, sleep_given, sleep_on, rtc_given, rtc_from_host, rtc_clock_host, unpack_given;
    uint64_t digest_at[MAX_DIGESTS], digest_every; // 0: none
    unsigned digest_at_count;
    char *digest_at_file, *digest_every_file;      // NULL: stdout
    bool digest_full;                              // every value, too
    uint64_t limit_instructions;                   // 0: none
    int64_t limit_time_ns;                         // virtual; 0: none
    const char *stop_text, *script;
    char *record;                                  // file
    uint64_t record_every;                         // instructions between two checkpoints
    bool record_pace;
    uint64_t seed;
    bool seed_given;
};
// Values of the options of these names (run_options.c).
bool run_option_digest_at(struct run_options *o, const char *text, struct error **errp);
bool run_option_digest_every(struct run_options *o, const char *text, struct error **errp);
bool run_option_seed(struct run_options *o, const char *what, const char *text, struct error **errp); // what: for the message
bool run_option_deterministic(struct run_options *o, const char *text, struct error **errp);
bool run_option_limit_instructions(struct run_options *o, const char *text, struct error **errp);
bool run_option_limit_time(struct run_options *o, const char *text, struct error **errp);
bool run_option_record(struct run_options *o, const char *text, struct error **errp);
// After all options: what goes together, and what -deterministic sets in pc.
bool run_options_finish(struct run_options *o, struct pc_options *pc, struct error **errp);
void run_options_release(struct run_options *o);

// Before the machine: reads the script, puts the gate in front of the guest's input if one is needed.
struct control *control_new(const struct run_options *options, const struct pc_options *pc, struct chardev_list *chardevs, struct error **errp);
// What scripts need of the layers beside and above: what runs a line of the human monitor (monitor_run), and of QMP (qmp_run), and
// what says that a script may have it; what GDB wrote.
struct control_commands {
    bool (*monitor)(struct machine *machine, const char *line, void (*print)(void *, const char *), void *opaque);
    bool (*qmp)(struct machine *machine, const char *line, struct error **errp);
    bool (*check_command)(bool qmp, const char *line, struct error **errp);
    bool (*gdb_check)(struct machine *machine, const char *text, struct error **errp);
    bool (*gdb_write)(struct machine *machine, const char *text);
};
// The machine is ready to start.
bool control_attach(struct control *control, struct machine *machine, const struct control_commands *commands, struct error **errp);
// The machine has ended with this status (by_signal: from outside). Returns the status to exit with. Before pc_free.
int control_end(struct control *control, int status, bool by_signal);
void control_free(struct control *control); // after the machine and the character devices; NULL is fine
