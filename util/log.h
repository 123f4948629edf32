// SPDX-License-Identifier: MIT
//
// The log of `-d ITEMS -D FILE`: items are rows of util/log.def. One process-wide log, set up once
// before the machine starts; writing is for the machine thread.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct error;
enum log_item {
#define LOG(id, name, help) LOG_##id,
#include "util/log.def"
#undef LOG
    LOG__COUNT
};

extern uint32_t log_mask; // bit per enum log_item

static inline bool log_on(enum log_item item) { return __builtin_expect(log_mask >> item & 1, 0); }
// printf to the log when the item is on.
void log_printf(enum log_item item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// The stream, for longer output; flush with log_flush.
FILE *log_stream(void);
void log_flush(void);
// Comma separated names ("in_asm,int"); refuses an unknown name with the nearest valid one.
bool log_set_items(const char *list, struct error **errp);
bool log_set_file(const char *path, struct error **errp);
// Prints name and help of each item (for `-d help`).
void log_print_help(FILE *out);
