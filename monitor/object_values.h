// SPDX-License-Identifier: MIT
//
// Between the two files of the object tree: the values of objects, and what object_tree.c knows of chips and regions.
#pragma once
#include "hw/pc/pc.h"
#include "monitor/object_tree.h"

// fn is called with chip `number`.
void object_chip(struct machine *machine, unsigned number, pc_state_fn *fn, void *opaque);
// The region's path, "" when it has none; malloced.
char *object_region_path(struct machine *machine, const struct region *region);
// As object_each, without type and children. False: fn ended it.
bool object_each_value(struct machine *machine, const struct object *object, object_fn *fn, void *opaque);
