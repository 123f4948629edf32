// SPDX-License-Identifier: MIT
//
// What commands get: the machine, their arguments as text, and a place to print to.
#pragma once
#include "hw/pc/pc.h"
#include "monitor/monitor.h"
#include "util/error.h"

// A command whose reply comes when a DIMM has gone (object_del -w): filled by the command, served by the monitor.
struct monitor_wait {
    char *backend; // id; malloced, the monitor frees it. NULL: nobody waits
    int slot;      // of its DIMM
};
struct output {
    void (*print)(void *opaque, const char *text);
    void *opaque;
    struct monitor_wait *wait; // NULL: this connection cannot wait
};
enum command_effect { EFFECT_LOOKS, EFFECT_CHANGES, EFFECT_KEYS, EFFECT_LINE }; // commands.def
struct command {
    const char *name, *alias;
    enum command_effect effect;
    const char *arguments, *help;
    bool (*run)(struct machine *machine, char *arguments, const struct output *out, struct error **errp);
};
extern const struct command monitor_commands[], monitor_infos[];
extern const size_t monitor_command_count, monitor_info_count;

// The command's name as QEMU spells it: info items and qom-* with dashes, others with underscores.
void monitor_spelling(const struct command *command, char name[64]);
// What can follow the text before the cursor: whole last words, each with its help behind a tab.
void monitor_complete(struct machine *machine, const char *text, void (*candidate)(void *, const char *), void *to);
// As monitor_run, with all that commands can use of a monitor.
bool monitor_run_with(struct machine *machine, const char *line, const struct output *out);
void out_error(const struct output *out, struct error *err); // `Error: ...` and its hint; frees it
void out_printf(const struct output *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_text(void *out, const char *text); // print function for others' callbacks; opaque: const struct output *
// Of the command of a line, never EFFECT_LINE; an empty line or an unknown command looks.
enum command_effect monitor_effect(const char *line);
enum command_effect qmp_effect(const char *line); // the same of a request of QMP, as JSON
bool qmp_check(const char *line, struct error **errp); // is the text such a request, with arguments that the command takes?
// Next word of *text (quotes taken off), NULL at the end. Changes the text.
char *next_word(char **text);
// Words behind the last argument: says so, in QEMU's words.
bool has_more(const char *arguments, const char *command, const struct output *out);
// quit: tells the clients, then asks the machine to end.
void monitor_quit(struct machine *machine);
// "driver,key=value,...". Changes the text.
bool device_add_list(struct machine *machine, char *text, struct error **errp);
#define QMP(...)
#define COMMAND(name_, alias_, effect_, arguments_, help_, ...) \
    bool cmd_##name_(struct machine *machine, char *arguments, const struct output *out, struct error **errp);
#define INFO(name_, arguments_, help_, ...) \
    bool info_##name_(struct machine *machine, char *arguments, const struct output *out, struct error **errp);
#include "monitor/commands.def"
#undef COMMAND
#undef INFO
#undef QMP
