// SPDX-License-Identifier: MIT
//
// argv -> options -> character devices -> machine -> objects and devices -> monitors -> run -> exit code.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "consoles.h"
#include "gdbstub/gdbstub.h"
#include "hw/pc/pc.h"
#include "monitor/monitor.h"
#include "options.h"
#include "snapshot/control.h"
#include "ui/input.h"
#include "ui/screen.h"
#include "ui/ui.h"
#include "softmmu/ram_guard.h"
#include "util/daemon.h"
#include "util/error.h"
#include "util/log.h"
#include "util/loop.h"

// For the handlers below.
static struct machine *signal_machine;
static struct chardev_list *signal_chardevs;
static volatile sig_atomic_t ended; // by this signal; also before there was a machine

static void on_signal(int number)
{
    ended = number;
    if (signal_machine)
        machine_request(signal_machine, REQUEST_QUIT | REQUEST_SIGNAL);
}

// The default action follows: a crash ends here, a stop returns after SIGCONT.
static void on_default(int number)
{
    int saved = errno;
    struct sigaction mine, plain = { .sa_handler = SIG_DFL };
    sigset_t only;
    chardev_terminal(signal_chardevs, false);
    sigaction(number, &plain, &mine);
    raise(number);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    sigaction(number, &mine, NULL);
    chardev_terminal(signal_chardevs, true);
    errno = saved;
}

// Guest memory went away under the guest: no way on.
static void on_lost_memory(void)
{
    chardev_terminal(signal_chardevs, false);
    chardev_unlink_sockets(signal_chardevs);
}

// A handler that is there already stays (a sanitizer's); SIGSEGV belongs to the engine.
static void catch_signals(struct chardev_list *chardevs)
{
    static const int defaults[] = { SIGTSTP, SIGABRT };
    struct sigaction action = { .sa_handler = on_signal };
    signal_chardevs = chardevs;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    ram_guard_install(on_lost_memory);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        struct sigaction old, crash = { .sa_handler = on_default, .sa_flags = SA_RESTART };
        if (!sigaction(defaults[i], NULL, &old) && old.sa_handler == SIG_DFL)
            sigaction(defaults[i], &crash, NULL);
    }
}

struct session {
    struct options options;
    struct loop *loop;
    struct chardev_list *chardevs;
    struct control *control;
    struct machine *machine;
    struct ui *ui;             // NULL: no window
    struct monitor_ui *monitor_ui;
    struct consoles consoles;
    struct monitor *monitors[MAX_MONITORS];
    struct qmp *qmps[MAX_MONITORS];
    size_t monitor_count, qmp_count;
};

// -display sdl must have its window. Without -display there is one if a display is there.
static bool open_window(struct session *s, struct error **errp)
{
    struct options *o = &s->options;
    struct error *why = NULL;
    bool display = getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"), wanted = o->window;
    if (o->nographic || (o->display_given && !wanted))
        return true;
    o->ui.title = o->name;
    if (wanted || display)
        s->ui = ui_new(&o->ui, s->loop, &why);
    if (s->ui) {
        ui_attach_consoles(s->ui, s->chardevs);
    } else if (wanted) {
        error_prefix(&why, "-display sdl: ");
        error_hint(&why, "-nographic puts serial port and monitor on this terminal; -display none runs without both");
        error_propagate(errp, why);
        return false;
    } else if (isatty(0) && !o->daemonize && !o->serials.count && !o->nodefaults) {
        fprintf(stderr, "ramjet: %s: the serial port is on this terminal (Ctrl-A h for help); DISPLAY names an X server for a window\n",
                why ? error_message(why) : "no display");
    } else if (why) {
        fprintf(stderr, "ramjet: %s: going on without one\n", error_message(why));
    }
    error_free(why);
    return true;
}

static bool with_option(const char *option, const char *value, bool ok, struct error **errp)
{
    if (!ok)
        error_prefix(errp, "-%s %s: ", option, value);
    return ok;
}

// -object always comes before the machine and -device, whatever the order on the command line: boot RAM may be one of them.
static bool add_objects(struct options *o, struct error **errp)
{
    o->pc.backends = backend_list_new();
    backend_list_set_defaults(o->pc.backends, !o->no_mem_merge, !o->no_core_dump);
    if (o->run.deterministic)
        backend_list_refuse_files(o->pc.backends, "cannot be had with -deterministic: what the file holds is no part of the command line");
    for (size_t i = 0; i < o->objects.count; i++) {
        if (!with_option("object", o->objects.items[i], object_add_text(o->pc.backends, o->objects.items[i], true, errp), errp)) {
            backend_list_free(o->pc.backends);
            return false;
        }
    }
    return true;
}

static bool add_devices(struct session *s, struct error **errp)
{
    const struct options *o = &s->options;
    if (o->vga) {
        struct device *vga = pc_add_device(s->machine, o->vga, NULL, NULL, 0, errp);
        if (!with_option("vga", "std", vga != NULL, errp))
            return false;
        device_set_of_board(vga);
    }
    for (size_t i = 0; i < o->devices.count; i++) {
        if (!with_option("device", o->devices.items[i], device_add_text(s->machine, o->devices.items[i], errp), errp))
            return false;
    }
    return true;
}

static const struct control_commands control_commands = {
    .monitor = monitor_run, .qmp = qmp_run, .check_command = monitor_check_script, .gdb_check = gdbstub_check_write, .gdb_write = gdbstub_write,
};

static bool start(struct session *s, struct error **errp)
{
    const struct options *o = &s->options;
    if ((o->log_file && !log_set_file(o->log_file, errp)) || (o->log_items && !log_set_items(o->log_items, errp)))
        return false;
    s->loop = loop_new();
    s->chardevs = chardev_list_new(s->loop);
    catch_signals(s->chardevs);
    s->options.pc.input = input_new(s->loop);
    s->options.pc.screen = screen_new();
    if (!open_window(s, errp) || !consoles_open(&s->consoles, &s->options, s->chardevs, s->ui != NULL, errp))
        return false;
    s->control = control_new(&s->options.run, &s->options.pc, s->chardevs, errp);
    if (!s->control)
        return false;
    if (!add_objects(&s->options, errp))
        return false;
    s->machine = pc_new(&s->options.pc, s->loop, s->chardevs, errp);
    if (!s->machine)
        return false;
    s->machine->name = o->name;
    signal_machine = s->machine;
    if (ended)
        machine_request(s->machine, REQUEST_QUIT);
    if (!add_devices(s, errp) || !pc_start(s->machine, errp) || !control_attach(s->control, s->machine, &control_commands, errp))
        return false;
    for (size_t i = 0; i < s->consoles.monitor_count; i++) {
        s->monitors[i] = monitor_new(s->machine, s->consoles.monitors[i], errp);
        if (!s->monitors[i])
            return false;
        s->monitor_count++;
    }
    static const struct gdbstub_ops gdb_ops = { .command = monitor_run_live };
    gdbstub_new(s->machine, &gdb_ops);
    if (o->gdb && !with_option("gdb", o->gdb, gdbstub_open(s->machine->gdbstub, o->gdb, errp), errp))
        return false;
    for (size_t i = 0; i < s->consoles.control_count; i++) {
        s->qmps[i] = qmp_new(s->machine, s->consoles.controls[i].device, s->consoles.controls[i].pretty, errp);
        if (!s->qmps[i])
            return false;
        s->qmp_count++;
    }
    if (s->ui)
        s->monitor_ui = monitor_ui_new(s->machine, s->ui, s->options.pc.screen, s->options.pc.input);
    if (o->pidfile && !pidfile_write(o->pidfile, errp))
        return false;
    daemon_ready();
    return true;
}

static void finish(struct session *s, int code)
{
    signal_machine = NULL;
    if (s->ui)
        ui_stop(s->ui);
    if (s->machine) {
        gdbstub_free(s->machine->gdbstub, code, ended);
        monitor_free_all(s->machine, s->monitors, s->monitor_count);
        qmp_free_all(s->machine, s->qmps, s->qmp_count);
        pc_free(s->machine);
    }
    if (s->chardevs) {
        signal(SIGTSTP, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        chardev_list_free(s->chardevs);
    }
    control_free(s->control);
    if (s->ui)
        ui_free(s->ui);
    free(s->monitor_ui);
    input_free(s->options.pc.input);
    if (s->options.pc.screen)
        screen_free(s->options.pc.screen);
    if (s->loop)
        loop_free(s->loop);
    log_flush();
}

static int run(struct session *s)
{
    int status = pc_run(s->machine);
    return control_end(s->control, status, ended);
}

int main(int argc, char **argv)
{
    struct session *s = calloc(1, sizeof *s);
    struct error *err = NULL;
    int code = 1;
    if (!options_parse(&s->options, argc, argv, &err)) {
        error_report(err);
    } else if (s->options.done) {
        code = 0;
    } else {
        if ((!s->options.daemonize || daemon_begin(&err)) && start(s, &err))
            code = run(s);
        finish(s, code);
        pidfile_remove();
        if (err)
            error_report(err);
    }
    error_free(err);
    options_release(&s->options);
    free(s);
    return code;
}
