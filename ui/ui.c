// SPDX-License-Identifier: MIT
//
// Between the machine thread and the window's. Data waits under the lock; an eventfd wakes the window's thread, loop_post the
// machine's. SDL is called by the window's thread alone: when the display dies, nobody else can be inside it.
#define _GNU_SOURCE
#include "ui/internal.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "chardev/chardev.h"
#include "ui/input.h"
#include "util/error.h"
#include "util/loop.h"

#define CONSOLE_MAX ((size_t)1 << 20) // bytes on their way to a text console
#define IDLE_MS 133       // a blinking cursor of text modes changes as often
#define SECOND_MS 1000

void ui_wake(struct ui *ui)
{
    uint64_t one = 1;
    if (write(ui->wake_fd, &one, sizeof one) < 0)
        return; // it is awake already
}

static void wait_moved(struct ui *ui, int ms)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += ms % 1000 * 1000000L;
    end.tv_sec += ms / 1000 + end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&ui->moved, &ui->lock, &end);
}

// ---- consoles

static void *console_open(void *opaque, struct chardev *chardev, struct error **errp)
{
    struct ui *ui = opaque;
    struct console *c = calloc(1, sizeof *c);
    const char *id = chardev_id(chardev);
    c->ui = ui;
    c->chardev = chardev;
    c->rank = 3;
    snprintf(c->title, sizeof c->title, "%.30s", id);
    if (!strncmp(id, "compat_monitor", 14)) {
        c->rank = 0;
        snprintf(c->title, sizeof c->title, strcmp(id + 14, "0") ? "Monitor %.8s" : "Monitor", id + 14);
    } else if (!strncmp(id, "serial", 6) && isdigit((unsigned char)id[6])) {
        c->rank = 1;
        snprintf(c->title, sizeof c->title, "Serial %.8s", id + 6);
    } else if (!strncmp(id, "parallel", 8)) {
        c->rank = 2;
        snprintf(c->title, sizeof c->title, "Parallel %.8s", id + 8);
    }
    pthread_mutex_lock(&ui->lock);
    struct console **end = &ui->consoles;
    while (*end)
        end = &(*end)->next;
    *end = c;
    pthread_mutex_unlock(&ui->lock);
    ui_wake(ui);
    return c;
}

static void console_write(void *opaque, const uint8_t *data, size_t len)
{
    struct console *c = opaque;
    struct ui *ui = c->ui;
    pthread_mutex_lock(&ui->lock);
    bool wake = !c->in_count; // else it has been told, and takes all
    if (c->in_count + len > CONSOLE_MAX && !c->stalled && !ui->finished) {
        size_t before = c->in_count;
        ui_wake(ui);
        wait_moved(ui, SECOND_MS);
        c->stalled = c->in_count == before;
    }
    if (c->in_count + len <= CONSOLE_MAX && !ui->finished) {
        if (c->in_count + len > c->in_capacity) {
            c->in_capacity = (c->in_count + len) * 2;
            c->in = realloc(c->in, c->in_capacity);
        }
        memcpy(c->in + c->in_count, data, len);
        c->in_count += len;
    }
    pthread_mutex_unlock(&ui->lock);
    if (wake)
        ui_wake(ui);
}

static struct text_size console_size(void *opaque)
{
    return atomic_load(&((struct console *)opaque)->size);
}

static void console_close(void *opaque)
{
    struct console *c = opaque;
    c->chardev = NULL;
}

size_t console_take(struct console *c, char **bytes)
{
    struct ui *ui = c->ui;
    pthread_mutex_lock(&ui->lock);
    size_t count = c->in_count;
    *bytes = (char *)c->in;
    if (count) {
        c->in = NULL;
        c->in_count = c->in_capacity = 0;
        c->stalled = false;
        pthread_cond_broadcast(&ui->moved);
    }
    pthread_mutex_unlock(&ui->lock);
    return count;
}

static void console_deliver(void *opaque)
{
    struct console *c = opaque;
    pthread_mutex_lock(&c->ui->lock);
    uint8_t *bytes = c->out;
    size_t count = c->out_count;
    c->out = NULL;
    c->out_count = c->out_capacity = 0;
    c->out_posted = false;
    pthread_mutex_unlock(&c->ui->lock);
    if (c->chardev && count)
        chardev_console_input(c->chardev, bytes, count);
    free(bytes);
}

void console_send(struct console *c, const char *bytes, size_t len)
{
    struct ui *ui = c->ui;
    pthread_mutex_lock(&ui->lock);
    if (c->out_count + len <= CONSOLE_MAX) {
        if (c->out_count + len > c->out_capacity) {
            c->out_capacity = (c->out_count + len) * 2;
            c->out = realloc(c->out, c->out_capacity);
        }
        memcpy(c->out + c->out_count, bytes, len);
        c->out_count += len;
        if (!c->out_posted)
            loop_post(ui->loop, console_deliver, c);
        c->out_posted = true;
    }
    pthread_mutex_unlock(&ui->lock);
}

void ui_attach_consoles(struct ui *ui, struct chardev_list *chardevs)
{
    struct chardev_console *hooks = calloc(1, sizeof *hooks);
    *hooks = (struct chardev_console){ .open = console_open, .write = console_write, .close = console_close, .size = console_size,
                                        .opaque = ui };
    ui->hooks = hooks;
    chardev_set_console(chardevs, hooks);
}

// ---- facts and commands

int64_t ui_host_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void take_facts(void *opaque)
{
    struct ui *ui = opaque;
    if (!ui->model.facts || ui->stopped)
        return;
    struct ui_facts *facts = calloc(1, sizeof *facts);
    ui->facts_at = ui_host_ms();
    facts->detail = atomic_load(&ui->memory_on_view);
    ui->model.facts(ui->model.opaque, facts);
    pthread_mutex_lock(&ui->lock);
    free(ui->news);
    ui->news = facts;
    pthread_mutex_unlock(&ui->lock);
    ui_wake(ui);
}

void ui_facts_soon(struct ui *ui)
{
    loop_post(ui->loop, take_facts, ui);
}

void ui_changed(struct ui *ui)
{
    ui->facts_at = 0;
    take_facts(ui);
}

struct command { struct ui *ui; char text[256], out[256]; };

static void command_output(void *opaque, const char *text)
{
    struct command *c = opaque;
    size_t n = strlen(c->out);
    snprintf(c->out + n, sizeof c->out - n, "%s", text);
}

static void run_command(void *opaque)
{
    struct command *c = opaque;
    struct ui *ui = c->ui;
    if (ui->model.command && !ui->stopped) {
        ui->model.command(ui->model.opaque, c->text, command_output, c);
        for (char *p = c->out; *p; p++) // one line
            if (*p == '\n')
                *p = p[1] ? ' ' : 0;
        pthread_mutex_lock(&ui->lock);
        if (*c->out)
            snprintf(ui->message_new, sizeof ui->message_new, "%s", c->out);
        pthread_mutex_unlock(&ui->lock);
        ui_changed(ui);
    }
    free(c);
}

void ui_command(struct ui *ui, const char *line)
{
    struct command *c = calloc(1, sizeof *c);
    c->ui = ui;
    snprintf(c->text, sizeof c->text, "%s", line);
    loop_post(ui->loop, run_command, c);
}

// ---- typing (paste): key by key, at a pace that a guest's driver follows

#define TYPE_MS 12
struct typing { struct ui *ui; char *text; size_t at; unsigned step; };

static bool key_of(char ch, unsigned *code, bool *shift)
{
    static const struct { unsigned code; char plain, shifted; } keys[] = {
#define KEY(code, scancode, name, alias, plain, shifted) { code, plain, shifted },
#include "ui/keymap.def"
#undef KEY
    };
    for (size_t i = 0; ch && i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].plain == ch || keys[i].shifted == ch) {
            *code = keys[i].code;
            *shift = keys[i].shifted == ch;
            return true;
        }
    }
    return false;
}

static void type_step(void *opaque)
{
    struct typing *t = opaque;
    struct ui *ui = t->ui;
    unsigned code;
    bool shift;
    while (t->text[t->at] && !key_of(t->text[t->at], &code, &shift))
        t->at++;
    if (!t->text[t->at] || ui->stopped) {
        ui->typing = NULL;
        free(t->text);
        free(t);
        return;
    }
    if (t->step == 0 && shift)
        input_key(ui->input, 42, true);
    else if (t->step == 1)
        input_key(ui->input, code, true);
    else if (t->step == 2)
        input_key(ui->input, code, false);
    else if (t->step == 3 && shift)
        input_key(ui->input, 42, false);
    if (++t->step == 4) {
        t->step = 0;
        t->at++;
    }
    loop_after(ui->loop, shift || t->step == 2 ? TYPE_MS : 1, type_step, t);
}

static void type_start(void *opaque)
{
    struct typing *t = opaque;
    struct ui *ui = t->ui;
    if (ui->typing) { // goes on with what is more
        size_t left = strlen(ui->typing->text), more = strlen(t->text);
        ui->typing->text = realloc(ui->typing->text, left + more + 1);
        memcpy(ui->typing->text + left, t->text, more + 1);
        free(t->text);
        free(t);
        return;
    }
    ui->typing = t;
    type_step(t);
}

static size_t untypable(const char *text)
{
    size_t n = 0;
    unsigned code;
    bool shift;
    for (uint32_t c; (c = utf8_next(&text));)
        n += c != '\r' && (c >= 0x80 || !key_of((char)c, &code, &shift));
    return n;
}

void ui_type(struct ui *ui, const char *text)
{
    size_t lost = untypable(text);
    if (lost)
        ui_say(ui, true, "%zu of the characters have no key on a US keyboard and were left out", lost);
    else if (!*text)
        ui_say(ui, true, "nothing to paste: the clipboard has no text");
    if (!ui->input || !*text)
        return;
    struct typing *t = calloc(1, sizeof *t);
    t->ui = ui;
    t->text = strdup(text);
    loop_post(ui->loop, type_start, t);
}

// ---- the machine's regular look

static void refresh(struct ui *ui)
{
    if (!ui->screen || !atomic_load(&ui->watching) || ui->stopped)
        return;
    if (screen_refresh(ui->screen))
        atomic_store(&ui->active, true);
    if (screen_is_dirty(ui->screen))
        ui_wake(ui);
}

// Sixty looks a second: 17, 17, 16 ms. What is late is not made up for.
static int look_ms(struct ui *ui)
{
    ui->look = (ui->look + 1) % 3;
    return ui->look ? 17 : 16;
}

static void tick(void *opaque)
{
    struct ui *ui = opaque;
    if (ui->stopped)
        return;
    if (atomic_load(&ui->lost)) {
        fprintf(stderr, "ramjet: the display is gone: the guest goes on without a window\n");
        return;
    }
    refresh(ui);
    if (ui_host_ms() - ui->facts_at >= SECOND_MS - 5)
        take_facts(ui);
    ui->idle_ticks = atomic_exchange(&ui->active, false) ? 0 : ui->idle_ticks + 1;
    bool watching = ui->screen && atomic_load(&ui->watching);
    loop_after(ui->loop, !watching ? SECOND_MS : ui->idle_ticks < 60 ? look_ms(ui) : IDLE_MS, tick, ui);
}

static void refresh_now(void *opaque)
{
    refresh(opaque);
}

void ui_refresh_soon(struct ui *ui)
{
    atomic_store(&ui->active, true);
    loop_post(ui->loop, refresh_now, ui);
}

// ---- life

static void *run(void *opaque)
{
    struct ui *ui = opaque;
    char *why = NULL;
    bool ok = window_open(ui, &why);
    pthread_mutex_lock(&ui->lock);
    ui->opened = ok;
    ui->why = why;
    ui->finished = !ok;
    ui->started = true;
    pthread_cond_broadcast(&ui->moved);
    pthread_mutex_unlock(&ui->lock);
    if (ok)
        window_run(ui);
    if (ok && !atomic_load(&ui->lost))
        window_close(ui);
    return NULL;
}

struct ui *ui_new(const struct ui_options *options, struct loop *loop, struct error **errp)
{
    struct ui *ui = calloc(1, sizeof *ui);
    ui->options = *options;
    ui->loop = loop;
    ui->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&ui->lock, NULL);
    pthread_cond_init(&ui->moved, NULL);
    if (pthread_create(&ui->thread, NULL, run, ui)) {
        error_set(errp, "cannot start the window's thread");
        ui_free(ui);
        return NULL;
    }
    ui->have_thread = true;
    pthread_setname_np(ui->thread, "window");
    pthread_mutex_lock(&ui->lock);
    while (!ui->started)
        pthread_cond_wait(&ui->moved, &ui->lock);
    pthread_mutex_unlock(&ui->lock);
    if (!ui->opened) {
        error_set(errp, "%s", ui->why);
        ui_stop(ui);
        ui_free(ui);
        return NULL;
    }
    return ui;
}

void ui_start(struct ui *ui, const struct ui_model *model, struct screen *screen, struct input *input)
{
    ui->model = *model;
    pthread_mutex_lock(&ui->lock);
    ui->screen = screen;
    ui->input = input;
    pthread_mutex_unlock(&ui->lock);
    take_facts(ui);
    tick(ui);
}

void ui_stop(struct ui *ui)
{
    ui->stopped = true;
    if (!ui->have_thread)
        return;
    pthread_mutex_lock(&ui->lock);
    ui->quit = true;
    pthread_mutex_unlock(&ui->lock);
    ui_wake(ui);
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 5;
    ui->stuck = pthread_timedjoin_np(ui->thread, NULL, &end); // an X server that does not answer must not hold us
    ui->have_thread = false;
    pthread_mutex_lock(&ui->lock);
    ui->finished = true;
    pthread_mutex_unlock(&ui->lock);
}

void ui_free(struct ui *ui)
{
    if (ui->stuck) // its thread may still look at it
        return;
    while (ui->consoles) {
        struct console *c = ui->consoles;
        ui->consoles = c->next;
        free(c->in);
        free(c->out);
        free(c);
    }
    if (ui->typing)
        free(ui->typing->text);
    free(ui->typing);
    free(ui->news);
    free(ui->why);
    free(ui->dump);
    free(ui->hooks);
    for (unsigned i = 0; i < ui->tab_count; i++)
        if (ui->tabs[i].terminal)
            terminal_free(ui->tabs[i].terminal);
    free(ui->picture);
    free(ui->canvas.pixels);
    close(ui->wake_fd);
    pthread_mutex_destroy(&ui->lock);
    pthread_cond_destroy(&ui->moved);
    free(ui);
}

bool ui_print(struct ui *ui, const char *tab, void (*print)(void *, const char *), void *opaque, struct error **errp)
{
    pthread_mutex_lock(&ui->lock);
    free(ui->dump);
    ui->dump = NULL;
    ui->dump_wanted = true;
    snprintf(ui->dump_tab, sizeof ui->dump_tab, "%s", tab ? tab : "");
    ui_wake(ui);
    for (int64_t end = ui_host_ms() + 5 * SECOND_MS; !ui->dump && ui_host_ms() < end && !atomic_load(&ui->lost);)
        wait_moved(ui, 100);
    ui->dump_wanted = false;
    char *text = ui->dump;
    ui->dump = NULL;
    pthread_mutex_unlock(&ui->lock);
    if (!text)
        return error_set(errp, atomic_load(&ui->lost) ? "the display is gone" : "the window does not answer");
    print(opaque, text);
    if (ui->typing)
        print(opaque, "typing\n");
    free(text);
    return true;
}
