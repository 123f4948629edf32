// SPDX-License-Identifier: MIT
//
// The command line of the monitor: finds the command, runs it, prints errors as `Error: ...`.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/internal.h"
#include "util/nearest.h"

const struct command monitor_commands[] = {
#define COMMAND(name_, alias_, effect_, arguments_, help_, ...) \
    { .name = #name_, .alias = alias_, .effect = EFFECT_##effect_, .arguments = arguments_, .help = help_, .run = cmd_##name_ },
#define INFO(...)
#define QMP(...)
#include "monitor/commands.def"
#undef COMMAND
#undef INFO
#undef QMP
};
const struct command monitor_infos[] = {
#define COMMAND(...)
#define QMP(...)
#define INFO(name_, arguments_, help_, ...) { .name = #name_, .arguments = arguments_, .help = help_, .run = info_##name_ },
#include "monitor/commands.def"
#undef COMMAND
#undef INFO
#undef QMP
};
const size_t monitor_command_count = sizeof monitor_commands / sizeof *monitor_commands;
const size_t monitor_info_count = sizeof monitor_infos / sizeof *monitor_infos;

void out_printf(const struct output *out, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    out->print(out->opaque, text);
}

void out_error(const struct output *out, struct error *err)
{
    out_printf(out, "Error: %s\n", err->message);
    if (err->hint)
        out_printf(out, "%s%s", err->hint, err->hint[strlen(err->hint) - 1] == '\n' ? "" : "\n");
    error_free(err);
}

void out_text(void *opaque, const char *text)
{
    const struct output *out = opaque;
    out->print(out->opaque, text);
}

char *next_word(char **text)
{
    char *p = *text + strspn(*text, " \t"), *start = p;
    if (!*p) {
        *text = p;
        return NULL;
    }
    if (*p == '"') {
        start = ++p;
        p += strcspn(p, "\"");
    } else {
        p += strcspn(p, " \t");
    }
    if (*p)
        *p++ = 0;
    *text = p;
    return start;
}

bool has_more(const char *arguments, const char *command, const struct output *out)
{
    if (!arguments[strspn(arguments, " \t")])
        return false;
    out_printf(out, "%s: extraneous characters at the end of line\nTry \"help %s\" for more information\n", command, command);
    return true;
}

// "memory-devices" is spelled memory_devices in the table's C names.
static bool same_name(const char *row, const char *word)
{
    for (; *row && *word; row++, word++)
        if (*row != *word && !(*row == '_' && *word == '-'))
            return false;
    return *row == *word;
}

static const struct command *find(const struct command *table, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(table[i].name, word) || (table[i].alias && !strcmp(table[i].alias, word)))
            return &table[i];
    return NULL;
}

static const struct command *command_of(const char *line)
{
    char *copy = strdup(line), *rest = copy, *word = next_word(&rest);
    if (word && word[strcspn(word, "/")] && *word != '/')
        word[strcspn(word, "/")] = 0; // x/8xb
    const struct command *command = word ? find(monitor_commands, monitor_command_count, word) : NULL;
    free(copy);
    return command;
}

enum command_effect monitor_effect(const char *line)
{
    const struct command *command = command_of(line);
    return command ? command->effect : EFFECT_LOOKS;
}

bool monitor_check_script(bool qmp, const char *line, struct error **errp)
{
    if (qmp && !qmp_check(line, errp))
        return false;
    if (!qmp && !command_of(line))
        return error_set(errp, "unknown command: '%.*s'", (int)strcspn(line, " \t"), line);
    if ((qmp ? qmp_effect(line) : monitor_effect(line)) != EFFECT_KEYS)
        return true;
    return error_set(errp, "%s: takes the host's time; use key or pointer", line);
}

static void unknown(const struct output *out, const struct command *table, size_t count, const char *before, const char *word)
{
    const char *names[64];
    for (size_t i = 0; i < count; i++)
        names[i] = table[i].name;
    const char *nearest = nearest_name(word, names, count);
    out_printf(out, "unknown command: '%s%s'\n", before, word);
    if (nearest)
        out_printf(out, "did you mean '%s%s'?\n", before, nearest);
}

static bool run(struct machine *machine, const struct command *table, size_t count, const char *before, char *line, const struct output *out)
{
    char *word = next_word(&line);
    if (!word)
        return true;
    char *slash = strchr(word, '/'); // x/8xb is x /8xb
    char joined[256];
    if (slash && slash != word) {
        snprintf(joined, sizeof joined, "/%s %s", slash + 1, line);
        *slash = 0;
        line = joined;
    }
    const struct command *command = find(table, count, word);
    if (!command) {
        unknown(out, table, count, before, word);
        return false;
    }
    line += strspn(line, " \t");
    if (!*command->arguments && *line) {
        out_printf(out, "%s: extraneous characters at the end of line\nTry \"help %s%s\" for more information\n", word, before, word);
        return false;
    }
    struct error *err = NULL;
    bool ok = command->run(machine, line, out, &err);
    if (!ok && err)
        out_error(out, err);
    return ok;
}

bool monitor_run_with(struct machine *machine, const char *text, const struct output *out)
{
    char *line = strdup(text);
    bool ok = run(machine, monitor_commands, monitor_command_count, "", line, out);
    free(line);
    return ok;
}

bool monitor_run(struct machine *machine, const char *text, void (*print)(void *, const char *), void *opaque)
{
    return monitor_run_with(machine, text, &(struct output){ .print = print, .opaque = opaque });
}

static void print_to_stderr(void *opaque, const char *text)
{
    fputs(text, stderr);
}

static void run_later(void *client, const char *line)
{
    monitor_run(client, line, print_to_stderr, NULL);
}

void monitor_run_live(struct machine *machine, const char *line, void (*print)(void *, const char *), void *opaque)
{
    if (!machine->gate.command || monitor_effect(line) != EFFECT_CHANGES)
        monitor_run(machine, line, print, opaque);
    else if (!machine->gate.command(machine->gate.opaque, false, line, run_later, machine))
        print(opaque, "Error: this is a replay: its input comes from the recording\n");
}

void monitor_spelling(const struct command *c, char name[64])
{
    bool info = c >= monitor_infos && c < monitor_infos + monitor_info_count;
    snprintf(name, 64, "%s", c->name);
    if (strncmp(name, "qom_", 4) && (!info || !strcmp(name, "memory_size_summary")))
        return;
    for (char *p = name; *p; p++)
        *p = *p == '_' ? '-' : *p;
}

static void show_help(const struct command *c, const char *before, const struct output *out)
{
    char name[64];
    monitor_spelling(c, name);
    out_printf(out, "%s%s%s%s%s%s -- %s\n", before, name, c->alias ? "|" : "", c->alias ? c->alias : "", *c->arguments ? " " : "", c->arguments, c->help);
}

bool cmd_help(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *word = next_word(&arguments), *item = word ? next_word(&arguments) : NULL;
    bool info = word && !strcmp(word, "info");
    for (size_t i = 0; i < monitor_command_count && !info; i++)
        if (!word || find(&monitor_commands[i], 1, word))
            show_help(&monitor_commands[i], "", out);
    for (size_t i = 0; i < monitor_info_count && info; i++)
        if (!item || find(&monitor_infos[i], 1, item))
            show_help(&monitor_infos[i], "info ", out);
    if (word && !info && !find(monitor_commands, monitor_command_count, word))
        unknown(out, monitor_commands, monitor_command_count, "", word);
    return true;
}

bool cmd_info(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (!*arguments) {
        char all[] = "info";
        return cmd_help(machine, all, out, errp);
    }
    return run(machine, monitor_infos, monitor_info_count, "info ", arguments, out);
}
