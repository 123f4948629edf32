// SPDX-License-Identifier: MIT
//
// The monitors, human and QMP: commands on character devices. One struct a connection; all on the machine thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct chardev;
struct error;
struct machine;
struct monitor;
struct qmp;
struct monitor_ui;
struct screen;
struct input;
struct ui;

// A monitor on chardev (terminal: line editing; socket: plain lines).
struct monitor *monitor_new(struct machine *machine, struct chardev *chardev, struct error **errp);
void monitor_free_all(struct machine *machine, struct monitor **list, size_t count);
// QMP on chardev; pretty: replies in several lines. Fails in a build without libjansson.
struct qmp *qmp_new(struct machine *machine, struct chardev *chardev, bool pretty, struct error **errp);
bool qmp_available(struct error **errp);
void qmp_free_all(struct machine *machine, struct qmp **list, size_t count);
// A command of QMP as a JSON text; there is no reply but the error.
bool qmp_run(struct machine *machine, const char *line, struct error **errp);
// Run one line; output goes through print, and so does why it fails (false). Used by monitors and tests.
bool monitor_run(struct machine *machine, const char *line, void (*print)(void *, const char *), void *opaque);
// May a script have this line (qmp: as JSON)? A command that there is, and one that does not take effect when the host's clock says so.
bool monitor_check_script(bool qmp, const char *line, struct error **errp);
// -object and object_add, -device and device_add: "type,name=value,...", or the arguments of the command of QMP as a JSON object.
struct backend_list;
bool object_add_text(struct backend_list *list, const char *text, bool command_line, struct error **errp);
bool device_add_text(struct machine *machine, const char *text, struct error **errp);
bool device_text_is(const char *text, const char *driver); // does it name this driver?
// The window gets to know the machine, and follows it. Free it after the machine.
struct monitor_ui *monitor_ui_new(struct machine *machine, struct ui *ui, struct screen *screen, struct input *input);
// The same for a user who is there now: where input has counts of its own it waits for its count, and its output goes to stderr.
void monitor_run_live(struct machine *machine, const char *line, void (*print)(void *, const char *), void *opaque);
