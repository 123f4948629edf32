// SPDX-License-Identifier: MIT
//
// Errors are the caller's policy: a function that can fail takes `struct error **errp` last and
// returns false (or NULL) after setting it once. errp may be NULL (the caller does not care).
// Messages are lower case, name the option and the value, and have no full stop.
#pragma once
#include <stdbool.h>

// How clients of QMP are told what went wrong; people read the message.
enum error_class { ERROR_GENERIC, ERROR_COMMAND_NOT_FOUND, ERROR_DEVICE_NOT_FOUND, ERROR_DEVICE_NOT_ACTIVE };
struct error {
    enum error_class class;
    char *message;
    char *hint; // further lines for the user, or NULL
};

// Set *errp (which must hold NULL) to a formatted message. Returns false, for `return error_set(...)`.
bool error_set(struct error **errp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// The same with a class other than ERROR_GENERIC.
bool error_set_class(struct error **errp, enum error_class class, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// Append a line of advice to an error that is set; no effect when errp or *errp is NULL.
void error_hint(struct error **errp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Put formatted text before the message.
void error_prefix(struct error **errp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Hand src over to dst (frees src when dst does not want it).
void error_propagate(struct error **dst, struct error *src);
const char *error_message(const struct error *err);
void error_free(struct error *err);
// Print `ramjet: message` and the hint to stderr.
void error_report(const struct error *err);
// Print `ramjet: warning: ...` to stderr.
void warn_report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
