// SPDX-License-Identifier: MIT
//
// Between the files of options: each family of options has a file, options.c calls its functions.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "options.h"

// options_pairs.c: "key=value,key=value"; the first word may lack its key. In each function `option` is the name for messages.
struct option_pair { char *key, *value; }; // value: "on" when there is none
#define MAX_OPTION_PAIRS 32
struct option_pairs { struct option_pair items[MAX_OPTION_PAIRS]; unsigned count; char *text; };
// first: key of a first word without one; NULL: it needs one. The items live in p->text, which the caller frees, also on failure.
bool option_split(struct option_pairs *p, const char *option, const char *text, const char *first, struct error **errp);
// Always false: the key is not among the known ones; a near one becomes a hint.
bool option_invalid(const char *option, const char *text, const char *key, const char *const *known, size_t count, struct error **errp);
bool option_on_off(const char *option, const struct option_pair *p, bool *out, struct error **errp);
bool option_number(const char *option, const struct option_pair *p, uint64_t max, uint64_t *out, struct error **errp);
bool option_list_add(struct text_list *list, const char *option, const char *text, struct error **errp);

// options_machine.c
bool option_machine(struct options *o, const char *text, struct error **errp);
bool option_accel(struct options *o, const char *text, struct error **errp);
bool option_smp(struct options *o, const char *text, struct error **errp);
bool option_guest_name(struct options *o, const char *text, struct error **errp);

// options_memory.c: each -m adds words; after the last one they are judged together.
#define DEFAULT_RAM (128ull << 20)
struct memory_words { bool slots_given, max_given; uint64_t slots; };
bool option_memory(struct options *o, struct memory_words *w, const char *text, struct error **errp);
bool option_memory_finish(struct options *o, const struct memory_words *w, struct error **errp);

// options_running.c
bool option_rtc(struct options *o, const char *text, struct error **errp);
bool option_icount(struct options *o, const char *text, struct error **errp);
bool option_action(struct options *o, const char *text, struct error **errp);

// options_defaults.c
bool option_global(struct options *o, const char *text, struct error **errp);
bool option_set(struct options *o, const char *text, struct error **errp); // changes an item of one of the lists

// options_absent.c: an option that is none of ours; next: the word behind it, or NULL. Warns where it is passed over.
enum absent_option { ABSENT_UNKNOWN, ABSENT_ALONE, ABSENT_WITH_ARGUMENT, ABSENT_REFUSED };
enum absent_option option_absent(const char *name, const char *next, struct error **errp);

// options_monitors.c
bool option_mon(struct options *o, const char *text, struct error **errp);
bool option_qmp(struct options *o, const char *option, const char *text, bool pretty, struct error **errp);
