// SPDX-License-Identifier: MIT
//
// The event loop of the machine thread: file events and completions. A small I/O thread polls the
// watched descriptors and only sets `kick`; handlers always run on the machine thread, from
// loop_dispatch, between two quanta of guest execution or while all vCPUs are halted.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

struct loop *loop_new(void);
void loop_free(struct loop *loop);
// Watch fd for the events (bits above); fn gets those that are ready. Replaces an earlier watch of
// fd; events 0 removes it. Level triggered.
void loop_watch(struct loop *loop, int fd, int events, void (*fn)(void *opaque, int events), void *opaque);
// Run fn once on the machine thread at the next dispatch. May be called from any thread.
void loop_post(struct loop *loop, void (*fn)(void *opaque), void *opaque);
// Call fn from the machine thread after host_ms milliseconds of host time, once. Not for devices
// (they live in virtual time): for monitors and displays.
void loop_after(struct loop *loop, int host_ms, void (*fn)(void *opaque), void *opaque);
// The word that the vCPU loop looks at when a quantum ends: non-zero when loop_dispatch has work.
_Atomic int *loop_kick_word(struct loop *loop);
// Make loop_dispatch return soon and set the kick word; async-signal-safe.
void loop_kick(struct loop *loop);
// Handle what is ready. Waits up to timeout_ns of host time for something (0: do not wait, -1: for ever).
void loop_dispatch(struct loop *loop, int64_t timeout_ns);
