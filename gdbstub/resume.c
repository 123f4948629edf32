// SPDX-License-Identifier: MIT
//
// Going on and stopping: c, s, vCont, the interrupt, and the stop replies [GDB manual, E.3].
//
// All-stop: when one vCPU stops, the machine is paused. A client that waits gets exactly one stop reply for what it
// ordered; other stops and resumptions (by the monitor, say) are only remembered for `?`.
#include <stdio.h>
#include <string.h>
#include "gdbstub/internal.h"
#include "softmmu/watch.h"
#include "target/i386/cpu.h"
#include "util/error.h"

static void set_stop(struct gdbstub *g, unsigned signal, const char *reason, unsigned cpu)
{
    snprintf(g->stop, sizeof g->stop, "T%02x%sthread:%02x;", signal, reason, cpu + 1);
    g->current = g->resumed = cpu;
}

static void tell_stop(struct gdbstub *g)
{
    if (!g->waiting)
        return;
    g->waiting = false;
    reply(g, "%s", g->stop);
}

// ---- stops

void resume_engine_stopped(void *opaque, const struct debug_stop *stop)
{
    struct gdbstub *g = opaque;
    char reason[64] = "";
    if (stop->kind == DEBUG_STOP_BREAKPOINT && g->break_reasons)
        strcpy(reason, stop->hardware ? "hwbreak:;" : "swbreak:;");
    if (stop->kind == DEBUG_STOP_WATCHPOINT)
        snprintf(reason, sizeof reason, "%swatch:%llx;", stop->watch == WATCH_WRITE ? "" : stop->watch == WATCH_READ ? "r" : "a",
                 (unsigned long long)stop->address);
    set_stop(g, GDB_SIGNAL_TRAP, reason, stop->cpu);
    bool waiting = g->waiting;
    g->waiting = false; // EVENT_STOP is not the reply
    pc_stop(g->machine);
    g->waiting = waiting;
    tell_stop(g);
}

void resume_machine_stopped(struct gdbstub *g, unsigned signal)
{
    if (!g->waiting)
        return;
    set_stop(g, signal, "", g->resumed);
    for (unsigned i = 0; i < g->machine->cpu_count; i++)
        debug_set_mode(pc_engine(g->machine), i, DEBUG_RUN);
    tell_stop(g);
}

// Its boundary has come.
static void pause_now(void *opaque)
{
    struct gdbstub *g = opaque;
    g->pausing = false;
    if (g->connected)
        pc_stop(g->machine);
    if (g->chardev)
        chardev_accept_input(g->chardev);
}

void resume_pause(struct gdbstub *g)
{
    if (g->machine->state != RUN_STATE_RUNNING || !g->machine->gate.pause) {
        pc_stop(g->machine);
    } else if (!g->pausing) {
        g->pausing = true;
        g->machine->gate.pause(g->machine->gate.opaque, pause_now, g);
    }
}

void resume_interrupt(struct gdbstub *g)
{
    if (g->machine->state == RUN_STATE_RUNNING)
        resume_pause(g); // EVENT_STOP comes back here
    else
        resume_machine_stopped(g, GDB_SIGNAL_INT);
}

// ---- going on

static void go(struct gdbstub *g)
{
    enum run_state state = g->machine->state;
    g->waiting = true;
    g->continue_at_loss = true;
    if (state == RUN_STATE_SHUTDOWN || state == RUN_STATE_INTERNAL_ERROR) // only a reset helps
        resume_machine_stopped(g, state == RUN_STATE_SHUTDOWN ? GDB_SIGNAL_QUIT : GDB_SIGNAL_ABRT);
    else if (!pc_continue(g->machine, NULL)) // nothing to run
        resume_machine_stopped(g, GDB_SIGNAL_INT);
}

// Signal numbers mean nothing to a machine: they are read and dropped.
static bool take_signal(const char **text)
{
    uint64_t number;
    return take_number(text, &number) && number < 256;
}

static const char *move(struct gdbstub *g, uint64_t address)
{
    uint8_t rip[8];
    for (unsigned i = 0; i < sizeof rip; i++)
        rip[i] = (uint8_t)(address >> 8 * i);
    return client_writes_register(g, g->resumed, (unsigned)register_find("rip"), rip);
}

void resume_command(struct gdbstub *g, char what, const char *text)
{
    struct engine *e = pc_engine(g->machine);
    uint64_t address;
    bool step = what == 's' || what == 'S', ok = true, moved = false;
    const char *why = NULL;
    if (what == 'C' || what == 'S')
        ok = take_signal(&text) && (!*text || take_char(&text, ';'));
    if (ok && *text) {
        ok = take_number(&text, &address) && !*text;
        moved = true;
    }
    if (!ok) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    if (moved)
        why = move(g, address);
    if (why) {
        reply(g, "E.%s", why);
        return;
    }
    for (unsigned i = 0; i < g->machine->cpu_count; i++)
        debug_set_mode(e, i, step && i == g->resumed ? DEBUG_STEP : DEBUG_RUN);
    go(g);
}

#define MAX_THREADS 256
// One ";action[:thread]" into those of modes that have none yet (-1). False: malformed.
static bool take_action(struct gdbstub *g, const char **text, int *modes)
{
    char what = (*text)[0] == ';' ? (*text)[1] : 0;
    int cpu = THREAD_ALL;
    if (!what || !strchr("csCS", what))
        return false;
    *text += 2;
    if ((what == 'C' || what == 'S') && !take_signal(text))
        return false;
    if (take_char(text, ':') && !take_thread(g, text, &cpu))
        return false;
    if (cpu == THREAD_ANY)
        cpu = (int)g->resumed;
    for (int i = 0; i < (int)g->machine->cpu_count; i++)
        if (modes[i] < 0 && (cpu == THREAD_ALL || cpu == i))
            modes[i] = what == 's' || what == 'S' ? DEBUG_STEP : DEBUG_RUN;
    return true;
}

// In runs that repeat one vCPU alone may only step, and only what it would do next anyway.
static bool leaves_turns(struct gdbstub *g, const int *modes)
{
    bool halts = false, other = false;
    for (unsigned i = 0; i < g->machine->cpu_count; i++) {
        halts |= modes[i] < 0;
        other |= modes[i] == DEBUG_RUN || (modes[i] == DEBUG_STEP && !debug_in_turn(pc_engine(g->machine), i));
    }
    return g->machine->gate.may_write && halts && other;
}

void resume_vcont(struct gdbstub *g, const char *text)
{
    int modes[MAX_THREADS];
    bool any = false;
    memset(modes, -1, sizeof modes);
    do {
        if (!take_action(g, &text, modes)) {
            reply_error(g, GDB_EINVAL);
            return;
        }
    } while (*text);
    if (leaves_turns(g, modes)) {
        warn_report("GDB: a vCPU alone is not moved out of its turn: no replay would have that");
        reply(g, "E.a vCPU alone is not moved out of its turn: no replay would have that");
        return;
    }
    for (unsigned i = 0; i < g->machine->cpu_count; i++) {
        any |= modes[i] >= 0;
        debug_set_mode(pc_engine(g->machine), i, modes[i] < 0 ? DEBUG_HALT : (enum debug_mode)modes[i]);
    }
    if (any)
        go(g);
    else
        reply_error(g, GDB_EINVAL);
}

void resume_detach(struct gdbstub *g)
{
    struct engine *e = pc_engine(g->machine);
    debug_remove_all(e);
    for (unsigned i = 0; i < g->machine->cpu_count; i++)
        debug_set_mode(e, i, DEBUG_RUN);
    g->waiting = g->continue_at_loss = false;
    if (g->machine->state == RUN_STATE_PAUSED || g->machine->state == RUN_STATE_PRELAUNCH)
        pc_continue(g->machine, NULL);
}
