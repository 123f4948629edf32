// SPDX-License-Identifier: MIT
//
// Shared by the files of gdbstub/: the connection, and how replies are made.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "chardev/chardev.h"
#include "exec/debug.h"
#include "gdbstub/gdbstub.h"
#include "hw/pc/pc.h"

#define PACKET_MAX 16384u // bytes of one packet between $ and #, both ways
// Signals in the protocol's own numbers, which are not the host's.
enum { GDB_SIGNAL_INT = 2, GDB_SIGNAL_QUIT = 3, GDB_SIGNAL_TRAP = 5, GDB_SIGNAL_ABRT = 6 };
// What E replies carry: numbers of errno that all systems share.
enum { GDB_EIO = 5, GDB_EFAULT = 14, GDB_EINVAL = 22 };

enum framing { FRAMING_IDLE, FRAMING_DATA, FRAMING_SUM_HIGH, FRAMING_SUM_LOW };
struct gdbstub {
    struct machine *machine;
    const struct gdbstub_ops *ops;
    struct event_sink sink;
    struct chardev *chardev;
    bool own_chardev;        // made for us (not chardev:ID)
    unsigned serial;         // of the next chardev's name
    // the client
    bool connected, no_ack, break_reasons, physical;
    bool receiving;          // inside the chardev's callback
    bool waiting;            // the client waits for a stop
    bool pausing;            // a run with counts will stop for us soon
    bool continue_at_loss;   // the guest ran before the client came, or by its order
    unsigned step_mask;      // as qqemu.sstep shows it
    unsigned current, resumed; // vCPUs that Hg and Hc chose
    char stop[96];           // the last stop, as its packet
    // packets
    enum framing framing;
    bool overflow;
    uint8_t sum, sum_sent;
    size_t length;
    uint8_t in[PACKET_MAX + 1];
    size_t out_length;
    uint8_t out[PACKET_MAX + 4]; // the last packet as it was sent
    char *features;          // target description
};

// ---- packet.c
// Bytes from the client. Complete packets go to command_run, a 0x03 outside of them to resume_interrupt.
void packet_input(struct gdbstub *g, const uint8_t *data, size_t len);
void packet_reset(struct gdbstub *g);
// One packet each; longer ones than PACKET_MAX are a bug.
void reply(struct gdbstub *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_bytes(struct gdbstub *g, const void *data, size_t len);
void reply_error(struct gdbstub *g, unsigned number);

// ---- text of packets
// A hexadecimal number of 1 to 16 digits at *text; false: there is none, or it is too long.
bool take_number(const char **text, uint64_t *value);
bool take_char(const char **text, char c);
// A thread: "1".."N" -> vCPU 0..N-1; "0" (any) and "-1" (all) -> the two values below.
#define THREAD_ANY (-1)
#define THREAD_ALL (-2)
bool take_thread(const struct gdbstub *g, const char **text, int *cpu);
void hex_encode(char *to, const uint8_t *data, size_t len); // 2 * len characters and a 0
// Exactly len bytes from 2 * len digits, and nothing behind them.
bool hex_decode(uint8_t *to, const char *text, size_t len);

// ---- commands.c
// The packet's bytes, followed by a 0.
void command_run(struct gdbstub *g, char *packet, size_t len);

// ---- query.c: q and Q packets
void query_run(struct gdbstub *g, const char *packet, size_t len);

// ---- memory.c: by a vCPU's page tables, or physical. RAM and ROM only; nothing in the guest notices a read.
struct place { struct machine *machine; unsigned cpu; bool physical; };
size_t memory_read(const struct place *p, uint64_t address, uint8_t *to, size_t len); // bytes read before the first that cannot be
bool memory_write(const struct place *p, uint64_t address, const uint8_t *from, size_t len);

// ---- write.c: writes of the client, which runs that repeat record. A text: why not, for an E. reply; "": the value or the address is bad.
const char *client_writes_register(struct gdbstub *g, unsigned cpu, unsigned number, const uint8_t *value);
const char *client_writes_memory(struct gdbstub *g, const struct place *p, uint64_t address, const uint8_t *data, size_t len);

// ---- resume.c
void resume_command(struct gdbstub *g, char what, const char *text); // c, s, C, S
void resume_vcont(struct gdbstub *g, const char *text);              // behind "vCont"
void resume_interrupt(struct gdbstub *g);
void resume_engine_stopped(void *opaque, const struct debug_stop *stop);
// The machine has stopped, for a debug stop (already in g->stop) or another reason.
void resume_machine_stopped(struct gdbstub *g, unsigned signal);
void resume_detach(struct gdbstub *g);
void resume_pause(struct gdbstub *g); // for a client that wants to look; a run with counts stops a little later

// ---- registers.c
#define REGISTER_MAX 16 // bytes
unsigned register_count(void);
unsigned register_size(unsigned number); // bytes
const char *register_name(unsigned number);
int register_find(const char *name); // -1: unknown
void register_read(struct x86_cpu *cpu, unsigned number, uint8_t *to);
// False: the register cannot have this value now.
bool register_write(struct x86_cpu *cpu, unsigned number, const uint8_t *from);
char *register_description(void); // target.xml; to be freed
