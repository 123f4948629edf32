// SPDX-License-Identifier: MIT
//
// Input at instruction counts, as text: what -script reads and -record writes. A line is `COUNT EVENT`; empty lines and lines
// that begin with # are skipped. Counts never fall; they are decimal, or hexadecimal after 0x. Events:
//
//     serial TEXT       the text arrives at serial port 0 (serial1.. at others); C escapes: \n \r \t \\ \" \e \0 \xHH
//     break [PORT]      a break arrives at a serial port
//     key NAME [down|up]
//     pointer DX DY WHEEL BUTTONS
//     monitor COMMAND   as typed at the human monitor
//     qmp JSON          a command of QMP
//     gdb WHAT          what GDB wrote: register CPU NAME BYTES, memory CPU ADDRESS BYTES or physical ADDRESS BYTES (in hexadecimal)
//     digest HEX        the digest `all` at this count (written by -record, checked by -script)
//     flip WHAT         for tests: one bit changes: ADDRESS.BIT of guest physical memory, rax.3, or a flag (cf pf af zf sf of df)
//     contract TEXT     what the recording was made with
//     end STATUS [HEX]  the recording ended here, with this exit status (and digest); no other input comes
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;
enum script_kind { SCRIPT_SERIAL, SCRIPT_BREAK, SCRIPT_KEY, SCRIPT_POINTER, SCRIPT_MONITOR, SCRIPT_QMP, SCRIPT_DIGEST, SCRIPT_FLIP, SCRIPT_CONTRACT, SCRIPT_GDB, SCRIPT_END,
                   SCRIPT_KINDS };
struct script_event {
    uint64_t count;
    enum script_kind kind;
    unsigned port;        // serial, break
    int status;           // end
    char *text;           // bytes of serial (may hold zeros), else the rest of the line
    size_t length;
    unsigned line;        // in the file
};
struct script { struct script_event *events; size_t count, capacity; };

// A file that is wrong anywhere is refused as a whole: *errp names it, and the line.
bool script_read(struct script *script, const char *path, struct error **errp);
void script_release(struct script *script);
void script_event_free(struct script_event *event);
// One event as a line of a script.
void script_write(FILE *out, const struct script_event *event);
