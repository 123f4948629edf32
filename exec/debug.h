// SPDX-License-Identifier: MIT
//
// What a debugger asks of the engine: breakpoints, watchpoints, single steps, which vCPUs run.
//
// Breakpoints are linear addresses in a sorted set; guest memory and block keys do not change. No block contains one (the
// translator is told to end before it) and none begins at one: the loop looks at the set before it runs anything, and
// a step over one goes by a block of one instruction, which is never linked. So a breakpoint costs nothing
// elsewhere, and all that a change of the set drops are the blocks at the changed addresses.
// A stop saves the place in the round of vCPUs with its budget, and the next run goes on there: whether somebody stopped
// is not visible in the count of instructions, nor in what -icount runs do.
// Machine thread only, and not from generated code.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct engine;
struct error;

enum debug_stop_kind { DEBUG_STOP_STEP, DEBUG_STOP_BREAKPOINT, DEBUG_STOP_WATCHPOINT };
struct debug_stop {
    enum debug_stop_kind kind;
    unsigned cpu;
    bool hardware;       // breakpoint: only inserted as a hardware one
    uint64_t address;    // watchpoint: where it begins
    unsigned watch;      // watchpoint: its WATCH_* kinds
};
struct debug_owner {
    // The vCPUs have stopped; must pause the machine. All vCPUs are in mode DEBUG_RUN again for the next run.
    void (*stopped)(void *opaque, const struct debug_stop *stop);
    void *opaque;
};
enum debug_mode { DEBUG_RUN, DEBUG_HALT, DEBUG_STEP };
enum { DEBUG_STEP_NOIRQ = 2, DEBUG_STEP_NOTIMER = 4 }; // bits of debug_set_step_mask, as QEMU numbers them

// From here on stops are told; NULL: nobody debugs any more (forgets all breakpoints, watchpoints and modes).
void debug_set_owner(struct engine *engine, const struct debug_owner *owner);
// False: there are too many, or the range is bad. Inserting what is there, or removing what is not, is fine.
bool debug_insert_breakpoint(struct engine *engine, uint64_t va, bool hardware);
void debug_remove_breakpoint(struct engine *engine, uint64_t va, bool hardware);
bool debug_insert_watchpoint(struct engine *engine, uint64_t va, uint64_t len, unsigned kinds);
bool debug_remove_watchpoint(struct engine *engine, uint64_t va, uint64_t len, unsigned kinds); // false: no such
void debug_remove_all(struct engine *engine);
// Somebody has written registers or memory: interrupts are looked at again before the next instruction.
void debug_state_written(struct engine *engine);
// Would this vCPU run next if all did?
bool debug_in_turn(const struct engine *engine, unsigned cpu);
// For the next run, until a stop.
void debug_set_mode(struct engine *engine, unsigned cpu, enum debug_mode mode);
// NOIRQ: a stepping vCPU takes no interrupts; NOTIMER: time stands still meanwhile. A halted one gets both.
void debug_set_step_mask(struct engine *engine, unsigned mask);
