// SPDX-License-Identifier: MIT
//
// Cases on this host: a child maps code, data and stack at their fixed addresses, loads all registers, and enters by
// IRETQ (which serializes: the code was written through another mapping). The sequence ends with UD2 or by a fault; the
// signal's frame holds the whole state. Cases and results lie in memory shared with the parent; two pipes say when. A
// child that dies is replaced, and its case counts as FUZZ_CRASH.
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#ifdef __x86_64__
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define TICKS_ALLOWED 4      // of 10 ms

struct control {             // offsets are known to the assembly below
    uint64_t gpr[16];        // 0
    uint64_t frame[5];       // 128: rip cs rflags rsp ss
    uint64_t fs, gs;         // 168, 176
    uint64_t saved_rsp;      // 184
    uint64_t saved_fs, saved_gs;   // 192, 200
    uint64_t out_fs, out_gs; // 208, 216
    uint64_t unused[4];
    uint8_t fx[512];         // 256
    uint32_t running, ticks;
    struct fuzz_result *result;
};
// Far from the low addresses that a wild pointer of a sequence can reach.
extern volatile struct control native_control;
volatile struct control native_control __attribute__((aligned(64), used, visibility("hidden")));
#define CONTROL (&native_control)

struct batch { struct fuzz_case cases[NATIVE_BATCH]; struct fuzz_result results[NATIVE_BATCH]; };
struct shared { struct batch bank[2]; volatile uint32_t progress; };
struct native {
    struct shared *shared;
    pid_t child;
    int to, from;
    unsigned bank, count;
    bool running;
};

void native_enter(void);
void native_trap(int signal, siginfo_t *info, void *context);
void native_signal(int signal, siginfo_t *info, void *context);
void native_resume(void) __attribute__((noreturn));
void native_alarm(int signal, siginfo_t *info, void *context);

__asm__(".text\n"
        ".globl native_enter\n"
        "native_enter:\n"
        "pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "movq %rsp, native_control+0xb8(%rip)\n"
        "movl $1, native_control+0x300(%rip)\n"
        "movq native_control+0xa8(%rip), %rax; wrfsbase %rax\n"
        "movq native_control+0xb0(%rip), %rax; wrgsbase %rax\n"
        "fxrstor64 native_control+0x100(%rip)\n"
        "leaq native_control+0x80(%rip), %rsp\n"
        "movq native_control+0x0(%rip), %rax; movq native_control+0x8(%rip), %rcx\n"
        "movq native_control+0x10(%rip), %rdx; movq native_control+0x18(%rip), %rbx\n"
        "movq native_control+0x28(%rip), %rbp; movq native_control+0x30(%rip), %rsi\n"
        "movq native_control+0x38(%rip), %rdi; movq native_control+0x40(%rip), %r8\n"
        "movq native_control+0x48(%rip), %r9; movq native_control+0x50(%rip), %r10\n"
        "movq native_control+0x58(%rip), %r11; movq native_control+0x60(%rip), %r12\n"
        "movq native_control+0x68(%rip), %r13; movq native_control+0x70(%rip), %r14\n"
        "movq native_control+0x78(%rip), %r15\n"
        "iretq\n"
        // In a signal handler: alignment checks, direction and single step off, our own FS, then C.
        ".globl native_trap\n"
        "native_trap:\n"
        "pushfq; andq $~0x44500, (%rsp); popfq\n"
        "rdfsbase %r8; movq %r8, native_control+0xd0(%rip)\n"
        "rdgsbase %r8; movq %r8, native_control+0xd8(%rip)\n"
        "movq native_control+0xc0(%rip), %r8; wrfsbase %r8\n"
        "movq native_control+0xc8(%rip), %r8; wrgsbase %r8\n"
        "jmp native_signal\n"
        ".globl native_resume\n"
        "native_resume:\n"
        "movq native_control+0xb8(%rip), %rsp\n"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "ret\n");

// ---- in the child

static void end_case(uint32_t status)
{
    CONTROL->running = 0;
    CONTROL->result->status = status;
    native_resume();
}

void native_signal(int signal, siginfo_t *info, void *context)
{
    static const uint8_t order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                       REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    const ucontext_t *uc = context;
    struct fuzz_result *r = CONTROL->result;
    if (!CONTROL->running) {
        static const char text[] = "fuzz_cpu: the test itself faulted\n";
        if (write(2, text, sizeof text - 1)) {}
        _exit(3);
    }
    for (unsigned i = 0; i < 16; i++)
        r->state.gpr[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
    r->state.rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    r->state.rflags = (uint64_t)uc->uc_mcontext.gregs[REG_EFL];
    r->state.fs_base = CONTROL->out_fs;
    r->state.gs_base = CONTROL->out_gs;
    memcpy(r->state.fx, uc->uc_mcontext.fpregs, 512);
    r->vector = (uint32_t)uc->uc_mcontext.gregs[REG_TRAPNO];
    r->error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
    r->cr2 = (uint64_t)uc->uc_mcontext.gregs[REG_CR2];
    end_case(FUZZ_OK);
}

__attribute__((no_sanitize("address", "undefined", "thread"))) void native_alarm(int signal, siginfo_t *info, void *context)
{
    if (!CONTROL->running || ++CONTROL->ticks < TICKS_ALLOWED)
        return;
    __asm__ volatile("pushfq; andq $~0x44500, (%%rsp); popfq; wrfsbase %0; wrgsbase %1"
                     :: "r"(CONTROL->saved_fs), "r"(CONTROL->saved_gs) : "cc", "memory");
    end_case(FUZZ_TIMEOUT);
}

static void *map_at(uintptr_t address, size_t size, int protection, int fd)
{
    void *p = mmap((void *)address, size, protection, MAP_SHARED | MAP_FIXED_NOREPLACE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (p != (void *)address) {
        perror("fuzz_cpu: mmap");
        _exit(2);
    }
    memset(p, 0, protection & PROT_WRITE ? size : 0);
    return p;
}

static uint8_t *child_setup(void)
{
    int fd = memfd_create("code", 0);
    if (fd < 0 || ftruncate(fd, CODE_SIZE)) {
        perror("fuzz_cpu: memfd_create");
        _exit(2);
    }
    uint8_t *code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memset(code, 0xcc, CODE_SIZE);
    map_at(CODE_BASE, CODE_SIZE, PROT_READ | PROT_EXEC, fd);
    map_at(DATA_BASE, DATA_SIZE, PROT_READ | PROT_WRITE, -1);
    map_at(STACK_BASE, STACK_SIZE, PROT_READ | PROT_WRITE, -1);
    static uint8_t stack[65536] __attribute__((aligned(64)));
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&ss, NULL);
    struct sigaction sa = { .sa_sigaction = native_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS };
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &sa, NULL);
    sa.sa_sigaction = native_alarm;
    sigaction(SIGALRM, &sa, NULL);
    struct itimerval timer = { { 0, 10000 }, { 0, 10000 } };
    setitimer(ITIMER_REAL, &timer, NULL);
    __asm__ volatile("movl %0, %%ds; movl %0, %%es" :: "r"(0x2b)); // 32-bit code uses them
    uint64_t base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    CONTROL->saved_fs = base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    CONTROL->saved_gs = base;
    return code;
}

static void run_one(uint8_t *code, const struct fuzz_case *c, struct fuzz_result *r)
{
    memcpy(code + c->start, c->code, c->size);
    memcpy((void *)(uintptr_t)DATA_BASE, case_data(c), DATA_SIZE);
    memcpy((void *)(uintptr_t)STACK_BASE, case_stack(c), STACK_SIZE);
    for (unsigned i = 0; i < 16; i++)
        CONTROL->gpr[i] = c->state.gpr[i];
    CONTROL->frame[0] = c->state.rip;
    CONTROL->frame[1] = c->compat ? 0x23 : 0x33;
    CONTROL->frame[2] = c->state.rflags;
    CONTROL->frame[3] = c->state.gpr[4];
    CONTROL->frame[4] = 0x2b;
    CONTROL->fs = c->state.fs_base;
    CONTROL->gs = c->state.gs_base;
    memcpy((void *)CONTROL->fx, c->state.fx, 512);
    CONTROL->result = r;
    CONTROL->ticks = 0;
    native_enter();
    memcpy(r->data, (void *)(uintptr_t)DATA_BASE, DATA_SIZE);
    memcpy(r->stack, (void *)(uintptr_t)STACK_BASE, STACK_SIZE);
    memset(code + c->start, 0xcc, c->size);
}

struct request { uint32_t bank, first, count; };

static bool read_all(int fd, void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)buffer + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void child_loop(struct shared *shared, int from, int to)
{
    uint8_t *code = child_setup();
    struct request q;
    while (read_all(from, &q, sizeof q)) {
        struct batch *b = &shared->bank[q.bank];
        for (uint32_t i = q.first; i < q.count; i++) {
            shared->progress = i;
            run_one(code, &b->cases[i], &b->results[i]);
        }
        shared->progress = q.count;
        if (write(to, "", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

// ---- in the parent

static void spawn(struct native *n)
{
    int down[2], up[2];
    if (pipe(down) || pipe(up)) {
        perror("fuzz_cpu: pipe");
        exit(2);
    }
    fflush(NULL);
    n->child = fork();
    if (n->child < 0) {
        perror("fuzz_cpu: fork");
        exit(2);
    }
    if (!n->child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(down[1]);
        close(up[0]);
        child_loop(n->shared, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    n->to = down[1];
    n->from = up[0];
}

static void reap(struct native *n)
{
    close(n->to);
    close(n->from);
    kill(n->child, SIGKILL);
    waitpid(n->child, NULL, 0);
}

struct native *native_new(void)
{
    struct native *n = calloc(1, sizeof *n);
    n->shared = mmap(NULL, sizeof *n->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (n->shared == MAP_FAILED) {
        perror("fuzz_cpu: mmap");
        exit(2);
    }
    signal(SIGPIPE, SIG_IGN);
    spawn(n);
    return n;
}

void native_free(struct native *n)
{
    reap(n);
    munmap(n->shared, sizeof *n->shared);
    free(n);
}

struct fuzz_case *native_case(struct native *n, unsigned bank, unsigned index) { return &n->shared->bank[bank].cases[index]; }
struct fuzz_result *native_result(struct native *n, unsigned bank, unsigned index) { return &n->shared->bank[bank].results[index]; }

static bool ask(struct native *n, unsigned first)
{
    struct request q = { n->bank, first, n->count };
    n->shared->progress = first;
    return write(n->to, &q, sizeof q) == sizeof q;
}

void native_start(struct native *n, unsigned bank, unsigned count)
{
    n->bank = bank;
    n->count = count;
    n->running = true;
    ask(n, 0); // a dead child shows when we wait
}

void native_wait(struct native *n)
{
    char byte;
    while (n->running && !read_all(n->from, &byte, 1)) {
        uint32_t dead = n->shared->progress;
        reap(n);
        spawn(n);
        if (dead < n->count) {
            struct fuzz_result *r = &n->shared->bank[n->bank].results[dead];
            memset(r, 0, sizeof *r);
            r->status = FUZZ_CRASH;
            dead++;
        }
        ask(n, dead);
    }
    n->running = false;
}

void native_run(struct native *n, const struct fuzz_case *c, struct fuzz_result *out)
{
    *native_case(n, 0, 0) = *c;
    native_start(n, 0, 1);
    native_wait(n);
    *out = *native_result(n, 0, 0);
}
#endif
