// SPDX-License-Identifier: MIT
//
// The event loop. Two threads: the machine thread (dispatch, watches, handlers) and the I/O thread, which sleeps in
// epoll_wait, copies what is ready to a list under the lock, and kicks. Each descriptor is armed one-shot: while the
// machine thread is busy the I/O thread has nothing to report twice and sleeps; dispatch re-arms after the handler ran,
// which makes it level triggered. The lock covers the two lists only and is never held over a handler.
// Wake-up: `kick` goes to 1 first, then the eventfd is written; dispatch clears both before it takes the lists.
#define _GNU_SOURCE // ppoll
#include "util/loop.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "util/clock.h"

enum { READY_BATCH = 64, HANGUP_RETRY_MS = 100 };
// epoll data of the two descriptors of our own (generation 0 is never a watch's).
enum { TOKEN_STOP = 0, TOKEN_TIMER = 1 };

struct watch { // slot [fd]
    void (*fn)(void *opaque, int events);
    void *opaque;
    int events;
    uint32_t generation; // of this watch; events of an earlier watch of the same number are stale
    bool in_epoll;       // fd was added; may be gone when the owner closed it first
    bool always;         // epoll does not take it (regular file): ready at each dispatch
};
struct ready {
    uint64_t token; // fd | generation << 32
    uint32_t events;
};
struct post {
    void (*fn)(void *opaque);
    void *opaque;
    struct post *next;
};
struct delay {
    struct timer timer;
    void (*fn)(void *opaque);
    void *opaque;
    struct delay *next, **link; // all pending ones, for loop_free
};
struct rearm { // argument of a delayed re-arm
    struct loop *loop;
    uint64_t token;
};

struct loop {
    _Atomic int kick;
    int epoll_fd, wake_fd, stop_fd, timer_fd;
    pthread_t thread;
    struct watch *watches;
    int watch_count, always_count;
    uint32_t next_generation;
    struct clock host_clock;
    struct delay *delays;
    pthread_mutex_t lock; // the rest:
    struct ready *ready;
    size_t ready_count, ready_capacity;
    struct post *posts, **posts_end;
};

static void *checked(void *pointer)
{
    if (!pointer)
        abort();
    return pointer;
}

static int64_t host_now(void *opaque)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

_Atomic int *loop_kick_word(struct loop *loop)
{
    return &loop->kick;
}

void loop_kick(struct loop *loop)
{
    if (atomic_exchange(&loop->kick, 1))
        return;
    int saved = errno; // we may be in a signal handler
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));
    (void)n; // a full counter wakes as well
    errno = saved;
}

// ---- I/O thread

static void ready_add_locked(struct loop *loop, uint64_t token, uint32_t events)
{
    if (loop->ready_count == loop->ready_capacity) {
        loop->ready_capacity = loop->ready_capacity ? loop->ready_capacity * 2 : READY_BATCH;
        loop->ready = checked(realloc(loop->ready, loop->ready_capacity * sizeof(loop->ready[0])));
    }
    loop->ready[loop->ready_count++] = (struct ready){ token, events };
}

static void *loop_thread(void *opaque)
{
    struct loop *loop = opaque;
    struct epoll_event events[READY_BATCH];
    for (;;) {
        int n = epoll_wait(loop->epoll_fd, events, READY_BATCH, -1);
        if (n < 0 && errno != EINTR)
            abort(); // only a bug of ours: a closed epoll descriptor
        if (n <= 0)
            continue;
        pthread_mutex_lock(&loop->lock);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == TOKEN_STOP) {
                pthread_mutex_unlock(&loop->lock);
                return NULL;
            }
            if (events[i].data.u64 != TOKEN_TIMER)
                ready_add_locked(loop, events[i].data.u64, events[i].events);
        }
        pthread_mutex_unlock(&loop->lock);
        loop_kick(loop);
    }
}

// ---- descriptors

static uint64_t watch_token(const struct loop *loop, int fd)
{
    return (uint32_t)fd | (uint64_t)loop->watches[fd].generation << 32;
}

static void watch_arm(struct loop *loop, int fd)
{
    struct watch *watch = &loop->watches[fd];
    struct epoll_event event = { .events = EPOLLONESHOT, .data.u64 = watch_token(loop, fd) };
    if (watch->events & LOOP_READ)
        event.events |= EPOLLIN;
    if (watch->events & LOOP_WRITE)
        event.events |= EPOLLOUT;
    if (watch->events & LOOP_HANGUP)
        event.events |= EPOLLRDHUP;
    if (watch->in_epoll && epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return;
    // New, or the number was closed and opened again behind our back.
    watch->in_epoll = epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
    if (!watch->in_epoll && errno == EEXIST)
        watch->in_epoll = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
    if (!watch->in_epoll && errno == EPERM && !watch->always) {
        watch->always = true;
        loop->always_count++;
        loop_kick(loop);
    }
}

static void watch_remove(struct loop *loop, int fd)
{
    struct watch *watch = &loop->watches[fd];
    if (watch->in_epoll)
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL); // fails when fd is closed: gone, too
    loop->always_count -= watch->always;
    *watch = (struct watch){ 0 };
}

void loop_watch(struct loop *loop, int fd, int events, void (*fn)(void *opaque, int events), void *opaque)
{
    if (fd < 0)
        return;
    if (fd >= loop->watch_count) {
        if (!events)
            return;
        int count = fd + 16;
        loop->watches = checked(realloc(loop->watches, (size_t)count * sizeof(loop->watches[0])));
        for (int i = loop->watch_count; i < count; i++)
            loop->watches[i] = (struct watch){ 0 };
        loop->watch_count = count;
    }
    struct watch *watch = &loop->watches[fd];
    if (!events) {
        watch_remove(loop, fd);
        return;
    }
    loop->always_count -= watch->always;
    if (++loop->next_generation == 0)
        loop->next_generation = 1;
    *watch = (struct watch){ .fn = fn, .opaque = opaque, .events = events, .generation = loop->next_generation,
                             .in_epoll = watch->in_epoll };
    watch_arm(loop, fd);
}

static void rearm_later(void *opaque)
{
    struct rearm *rearm = opaque;
    struct loop *loop = rearm->loop;
    int fd = (int)(uint32_t)rearm->token;
    if (fd < loop->watch_count && watch_token(loop, fd) == rearm->token)
        watch_arm(loop, fd);
    free(rearm);
}

static void watch_fire(struct loop *loop, const struct ready *ready)
{
    int fd = (int)(uint32_t)ready->token;
    if (fd >= loop->watch_count || watch_token(loop, fd) != ready->token)
        return; // removed or replaced meanwhile
    struct watch *watch = &loop->watches[fd];
    bool hangup = ready->events & (EPOLLHUP | EPOLLERR);
    int events = hangup || (ready->events & EPOLLRDHUP) ? LOOP_HANGUP : 0;
    // A read or write is what finds out why.
    if ((ready->events & EPOLLIN) || hangup)
        events |= watch->events & LOOP_READ;
    if ((ready->events & EPOLLOUT) || hangup)
        events |= watch->events & LOOP_WRITE;
    watch->fn(watch->opaque, events);
    if (fd >= loop->watch_count || watch_token(loop, fd) != ready->token)
        return;
    if ((events & LOOP_HANGUP) && !(ready->events & (EPOLLIN | EPOLLOUT))) {
        // Hang-ups cannot be masked and may last (a pseudo terminal that nobody has open): look now and then.
        struct rearm *rearm = checked(malloc(sizeof(*rearm)));
        *rearm = (struct rearm){ loop, ready->token };
        loop_after(loop, HANGUP_RETRY_MS, rearm_later, rearm);
        return;
    }
    watch_arm(loop, fd);
}

static void watch_fire_always(struct loop *loop)
{
    for (int fd = 0; loop->always_count && fd < loop->watch_count; fd++) {
        struct watch *watch = &loop->watches[fd];
        if (watch->always && (watch->events & (LOOP_READ | LOOP_WRITE)))
            watch->fn(watch->opaque, watch->events & (LOOP_READ | LOOP_WRITE));
    }
    if (loop->always_count)
        loop_kick(loop);
}

// ---- posts and delays

void loop_post(struct loop *loop, void (*fn)(void *opaque), void *opaque)
{
    struct post *post = checked(malloc(sizeof(*post)));
    *post = (struct post){ fn, opaque, NULL };
    pthread_mutex_lock(&loop->lock);
    *loop->posts_end = post;
    loop->posts_end = &post->next;
    pthread_mutex_unlock(&loop->lock);
    loop_kick(loop);
}

static void delay_unlink(struct delay *delay)
{
    *delay->link = delay->next;
    if (delay->next)
        delay->next->link = delay->link;
    free(delay);
}

static void delay_fire(void *opaque)
{
    struct delay *delay = opaque;
    void (*fn)(void *) = delay->fn;
    void *fn_opaque = delay->opaque;
    delay_unlink(delay);
    fn(fn_opaque);
}

// The timer descriptor wakes the I/O thread at the earliest delay.
static void set_timer_fd(void *opaque)
{
    struct loop *loop = opaque;
    int64_t deadline = clock_deadline(&loop->host_clock);
    struct itimerspec when = { 0 }; // all zero: disarmed
    if (deadline != CLOCK_NEVER) {
        when.it_value.tv_sec = (time_t)(deadline / NS_PER_SECOND);
        when.it_value.tv_nsec = (long)(deadline % NS_PER_SECOND);
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = TOKEN_TIMER };
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, loop->timer_fd, &event);
}

void loop_after(struct loop *loop, int host_ms, void (*fn)(void *opaque), void *opaque)
{
    struct delay *delay = checked(malloc(sizeof(*delay)));
    *delay = (struct delay){ .fn = fn, .opaque = opaque, .next = loop->delays, .link = &loop->delays };
    if (loop->delays)
        loop->delays->link = &delay->next;
    loop->delays = delay;
    timer_init(&delay->timer, &loop->host_clock, delay_fire, delay);
    timer_arm(&delay->timer, host_now(NULL) + host_ms * (NS_PER_SECOND / 1000));
}

// ---- life and dispatch

static void epoll_add_own(struct loop *loop, int fd, uint64_t token, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.u64 = token };
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        abort();
}

struct loop *loop_new(void)
{
    struct loop *loop = checked(calloc(1, sizeof(*loop)));
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || loop->stop_fd < 0 || loop->timer_fd < 0)
        abort();
    epoll_add_own(loop, loop->stop_fd, TOKEN_STOP, EPOLLIN);
    epoll_add_own(loop, loop->timer_fd, TOKEN_TIMER, EPOLLIN | EPOLLONESHOT);
    clock_init(&loop->host_clock, host_now, NULL);
    loop->host_clock.deadline_changed = set_timer_fd;
    loop->host_clock.deadline_opaque = loop;
    loop->posts_end = &loop->posts;
    pthread_mutex_init(&loop->lock, NULL);
    // Signals are for the machine thread.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&loop->thread, NULL, loop_thread, loop) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    uint64_t one = 1;
    ssize_t n = write(loop->stop_fd, &one, sizeof(one));
    (void)n;
    pthread_join(loop->thread, NULL);
    for (struct delay *delay = loop->delays, *next; delay; delay = next) {
        next = delay->next;
        if (delay->fn == rearm_later)
            free(delay->opaque);
        free(delay);
    }
    for (struct post *post = loop->posts, *next; post; post = next) {
        next = post->next;
        free(post);
    }
    loop->host_clock.count = 0; // its timers were in the delays
    clock_release(&loop->host_clock);
    free(loop->ready);
    free(loop->watches);
    close(loop->epoll_fd);
    close(loop->wake_fd);
    close(loop->stop_fd);
    close(loop->timer_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

// True when the eventfd was written.
static bool loop_wait(struct loop *loop, int64_t timeout_ns)
{
    if (timeout_ns == 0 || atomic_load(&loop->kick))
        return false;
    struct pollfd pollfd = { .fd = loop->wake_fd, .events = POLLIN };
    struct timespec ts = { .tv_sec = (time_t)(timeout_ns / NS_PER_SECOND),
                           .tv_nsec = (long)(timeout_ns % NS_PER_SECOND) };
    return ppoll(&pollfd, 1, timeout_ns < 0 ? NULL : &ts, NULL) > 0; // a signal is a reason to return, too
}

void loop_dispatch(struct loop *loop, int64_t timeout_ns)
{
    // The counter may be there without the word (its writer was late) and the other way round.
    if (!loop_wait(loop, timeout_ns) && !atomic_load(&loop->kick))
        return;
    uint64_t counter;
    ssize_t n = read(loop->wake_fd, &counter, sizeof(counter));
    (void)n;
    atomic_store(&loop->kick, 0);
    pthread_mutex_lock(&loop->lock);
    struct ready *ready = loop->ready;
    size_t ready_count = loop->ready_count;
    struct post *posts = loop->posts;
    loop->ready = NULL;
    loop->ready_count = loop->ready_capacity = 0;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < ready_count; i++)
        watch_fire(loop, &ready[i]);
    free(ready);
    for (struct post *next; posts; posts = next) {
        next = posts->next;
        posts->fn(posts->opaque);
        free(posts);
    }
    if (clock_deadline(&loop->host_clock) != CLOCK_NEVER)
        clock_run_timers(&loop->host_clock, host_now(NULL));
    if (loop->always_count)
        watch_fire_always(loop);
}
