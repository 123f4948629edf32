// SPDX-License-Identifier: MIT
//
// The life of the machine: look at requests, run, idle. Machine thread only.
#include <stdio.h>
#include "hw/pc/internal.h"
#include "util/error.h"

void pc_stop(struct machine *m)
{
    if (m->state != RUN_STATE_RUNNING)
        return;
    m->state = RUN_STATE_PAUSED;
    machine_send_event(m, EVENT_STOP, &(struct event_details){ 0 });
}

bool pc_continue(struct machine *m, struct error **errp)
{
    if (m->state == RUN_STATE_SHUTDOWN)
        return error_set(errp, "Resetting the Virtual Machine is required");
    if (!pc_of(m)->boot)
        return error_set(errp, "there is nothing to run: the machine was started without -kernel (firmware and disks are not there yet)");
    if (m->state == RUN_STATE_RUNNING)
        return true;
    m->state = RUN_STATE_RUNNING;
    machine_send_event(m, EVENT_RESUME, &(struct event_details){ 0 });
    return true;
}

static void handle_shutdown(struct pc *pc, bool guest, const char *reason)
{
    struct machine *m = &pc->machine;
    machine_send_event(m, EVENT_SHUTDOWN, &(struct event_details){ .guest = guest, .reason = reason });
    if (!m->no_shutdown) {
        machine_request(m, REQUEST_QUIT);
        return;
    }
    bool was_running = m->state == RUN_STATE_RUNNING;
    m->state = RUN_STATE_SHUTDOWN;
    if (was_running)
        machine_send_event(m, EVENT_STOP, &(struct event_details){ 0 });
}

static void handle_reset(struct pc *pc, bool guest)
{
    struct machine *m = &pc->machine;
    const char *reason = guest ? "guest-reset" : "host-qmp-system-reset";
    if (m->no_reboot) {
        handle_shutdown(pc, guest, reason);
        return;
    }
    machine_send_event(m, EVENT_RESET, &(struct event_details){ .guest = guest, .reason = reason });
    pc_reset(pc);
    if (m->state != RUN_STATE_RUNNING)
        m->state = RUN_STATE_PRELAUNCH; // whatever stopped it is over; cont starts it
}

static void handle_panic(struct pc *pc)
{
    struct machine *m = &pc->machine;
    machine_send_event(m, EVENT_GUEST_PANICKED, &(struct event_details){ .guest = true });
    fprintf(stderr, "ramjet: the guest's kernel has panicked\n");
    m->shutdown_cause = "guest panic";
    switch (m->panic) {
    case PANIC_NONE: break;
    case PANIC_SHUTDOWN: handle_shutdown(pc, true, "guest-panic"); break;
    case PANIC_PAUSE:
        m->state = RUN_STATE_GUEST_PANICKED;
        machine_send_event(m, EVENT_STOP, &(struct event_details){ 0 });
        break;
    case PANIC_EXIT_FAILURE:
        m->exit_code = 1;
        machine_request(m, REQUEST_QUIT);
        break;
    }
}

// Requests made since the last look. False: leave for good.
static bool handle_requests(struct pc *pc)
{
    struct machine *m = &pc->machine;
    uint32_t requests = atomic_exchange(&m->requests, 0);
    if ((requests & (REQUEST_QUIT | REQUEST_SIGNAL)) == (REQUEST_QUIT | REQUEST_SIGNAL))
        machine_send_event(m, EVENT_SHUTDOWN, &(struct event_details){ .reason = "host-signal" });
    if (requests & REQUEST_QUIT) {
        atomic_fetch_or(&m->requests, REQUEST_QUIT);
        return false;
    }
    if (requests & REQUEST_PANIC)
        handle_panic(pc);
    if (requests & REQUEST_SHUTDOWN)
        handle_shutdown(pc, true, "guest-shutdown");
    if (requests & (REQUEST_RESET | REQUEST_USER_RESET))
        handle_reset(pc, !(requests & REQUEST_USER_RESET));
    if (requests & REQUEST_POWERDOWN) {
        machine_send_event(m, EVENT_POWERDOWN, &(struct event_details){ 0 });
        if (!m->acpi || !pm_power_button(&pc->pm))
            warn_report("the guest does not listen to the power button (no ACPI, or not booted yet)");
    }
    if (requests & REQUEST_STOP)
        pc_stop(m);
    return !(atomic_load(&m->requests) & REQUEST_QUIT);
}

static bool owner_look(void *opaque)
{
    struct pc *pc = opaque;
    struct machine *m = &pc->machine;
    if (atomic_load_explicit(loop_kick_word(m->loop), memory_order_relaxed))
        loop_dispatch(m->loop, 0);
    if (atomic_load_explicit(&m->requests, memory_order_relaxed) && !handle_requests(pc))
        return false;
    return m->state == RUN_STATE_RUNNING;
}

static void owner_idle(void *opaque, int64_t ns)
{
    struct pc *pc = opaque;
    loop_dispatch(pc->machine.loop, ns == CLOCK_NEVER ? -1 : ns);
}

static bool owner_stop(void *opaque)
{
    struct machine *m = &((struct pc *)opaque)->machine;
    return m->counts.stop(m->counts.opaque) && m->state == RUN_STATE_RUNNING;
}

static bool owner_stuck(void *opaque)
{
    struct machine *m = &((struct pc *)opaque)->machine;
    return m->counts.stuck(m->counts.opaque);
}

int pc_run(struct machine *m)
{
    struct pc *pc = pc_of(m);
    struct engine_owner owner = { .look = owner_look, .idle = owner_idle, .stop = owner_stop, .stuck = owner_stuck, .opaque = pc };
    for (;;) {
        if (m->state == RUN_STATE_RUNNING)
            engine_run(pc->engine, &owner);
        if (atomic_load(&m->requests) & REQUEST_QUIT)
            return m->exit_code;
        if (m->state != RUN_STATE_RUNNING) {
            engine_check_stop(pc->engine, &owner); // commands may be due here
            if (m->state != RUN_STATE_RUNNING && !atomic_load(&m->requests))
                loop_dispatch(m->loop, -1);
            if (atomic_load(&m->requests) && !handle_requests(pc))
                return m->exit_code;
        }
    }
}
