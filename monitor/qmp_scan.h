// SPDX-License-Identifier: MIT
//
// A stream of bytes cut into JSON texts: the limits and the recovery of QMP. Whether the text between the brackets is JSON is
// for the parser to say. Texts may touch each other and arrive in any pieces; strings may stand in single quotes (they are
// turned into double ones). What is left of a line behind an error is skipped; byte FFh starts afresh at any place.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QMP_TEXT_MAX ((size_t)1 << 20) // bytes of one text
#define QMP_DEPTH_MAX 1024
enum qmp_scan_result { QMP_SCAN_MORE, QMP_SCAN_TEXT, QMP_SCAN_ERROR };
struct qmp_scan {
    char *text;            // QMP_SCAN_TEXT: the text, until the next call
    size_t length, capacity;
    char error[64];        // QMP_SCAN_ERROR: what is wrong
    unsigned depth;        // open brackets
    uint8_t open[QMP_DEPTH_MAX / 8]; // bit per bracket: 1 for {
    char quote;            // of the string that we are in; 0: outside
    bool word, escaped, skip_line, skip_text, done;
};
// Takes bytes up to the end of one text or to an error; returns how many.
size_t qmp_scan(struct qmp_scan *scan, const uint8_t *data, size_t len, enum qmp_scan_result *result);
void qmp_scan_reset(struct qmp_scan *scan);   // a new client
void qmp_scan_release(struct qmp_scan *scan);
