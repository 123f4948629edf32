// SPDX-License-Identifier: MIT
//
// Reading and writing of scripts.
#include "replay/script.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "util/error.h"
#include "util/nearest.h"

#define MAX_PORTS 4
#define DIGEST_DIGITS 32

static const char *const kinds[SCRIPT_KINDS] = { "serial", "break", "key", "pointer", "monitor", "qmp", "digest", "flip", "contract", "gdb", "end" };
static const struct { char letter, byte; } escapes[] = {
    { 'n', '\n' }, { 'r', '\r' }, { 't', '\t' }, { '\\', '\\' }, { '"', '"' }, { '\'', '\'' }, { 'a', '\a' }, { 'b', '\b' },
    { 'f', '\f' }, { 'v', '\v' }, { 'e', 27 }, { '0', 0 },
};
#define ESCAPES (sizeof escapes / sizeof *escapes)

// ---- reading

static bool hex_byte(const char *p, char *byte)
{
    if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
        return false;
    char digits[3] = { p[0], p[1], 0 };
    *byte = (char)strtoul(digits, NULL, 16);
    return true;
}

// Replaces escapes in place; false: an unknown one, at *bad.
static bool unescape(char *text, size_t *length, const char **bad)
{
    char *out = text;
    for (const char *p = text; *p; out++) {
        size_t i = 0;
        *bad = p;
        if (*p != '\\') {
            *out = *p++;
            continue;
        }
        if (p[1] == 'x') {
            if (!hex_byte(p + 2, out))
                return false;
            p += 4;
            continue;
        }
        while (i < ESCAPES && escapes[i].letter != p[1])
            i++;
        if (i == ESCAPES)
            return false;
        *out = escapes[i].byte;
        p += 2;
    }
    *length = (size_t)(out - text);
    return true;
}

static bool read_port(const char *text, unsigned *port)
{
    if (!isdigit((unsigned char)*text) || text[1] || *text - '0' >= MAX_PORTS)
        return false;
    *port = (unsigned)(*text - '0');
    return true;
}

static bool is_digest(const char *text)
{
    return strspn(text, "0123456789abcdef") == DIGEST_DIGITS && !text[DIGEST_DIGITS];
}

static bool read_kind(struct script_event *e, const char *word, struct error **errp)
{
    for (int i = 0; i < SCRIPT_KINDS; i++) {
        if (!strcmp(kinds[i], word)) {
            e->kind = (enum script_kind)i;
            return true;
        }
    }
    if (!strncmp(word, "serial", 6) && read_port(word + 6, &e->port)) {
        e->kind = SCRIPT_SERIAL;
        return true;
    }
    error_set(errp, "unknown event '%s'", word);
    const char *nearest = nearest_name(word, kinds, SCRIPT_KINDS);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

static bool read_rest(struct script_event *e, char *rest, struct error **errp)
{
    const char *bad;
    char *end;
    e->text = strdup(rest);
    e->length = strlen(rest);
    switch (e->kind) {
    case SCRIPT_SERIAL:
        if (!*rest)
            return error_set(errp, "serial: a text must follow");
        return unescape(e->text, &e->length, &bad) || error_set(errp, "unknown escape '%.4s' (known: \\n \\r \\t \\\\ \\\" \\e \\0 \\xHH)", bad);
    case SCRIPT_DIGEST:
        return is_digest(rest) || error_set(errp, "digest %s: expected 32 hexadecimal digits", rest);
    case SCRIPT_BREAK:
        return !*rest || read_port(rest, &e->port) || error_set(errp, "break %s: expected a port, 0 to %d", rest, MAX_PORTS - 1);
    case SCRIPT_END:
        e->status = (int)strtol(rest, &end, 10);
        if (end == rest || (*end && *end != ' ') || e->status < 0 || e->status > 255)
            return error_set(errp, "end %s: expected an exit status", rest);
        memmove(e->text, e->text + (end - rest) + (*end == ' '), strlen(end) + 1 - (*end == ' '));
        return true;
    default: return *rest || error_set(errp, "%s: something must follow", kinds[e->kind]);
    }
}

// Decimal (also with zeros before it), or hexadecimal after 0x. *text: what follows, blanks skipped.
static bool read_count(char **text, uint64_t *count, struct error **errp)
{
    char *line = *text, *end;
    bool hex = line[0] == '0' && (line[1] == 'x' || line[1] == 'X');
    errno = 0;
    *count = strtoull(line, &end, hex ? 16 : 10);
    if (!isdigit((unsigned char)*line) || (*end && *end != ' ' && *end != '\t') || errno)
        return error_set(errp, "'%.*s': expected an instruction count", (int)strcspn(line, " \t"), line);
    *text = end + strspn(end, " \t");
    return **text || error_set(errp, "%.*s: an event must follow", (int)strcspn(line, " \t"), line);
}

// Does the event fit behind those before it?
static bool check_order(const struct script *s, uint64_t count, struct error **errp)
{
    const struct script_event *last = s->count ? &s->events[s->count - 1] : NULL;
    if (last && last->kind == SCRIPT_END)
        return error_set(errp, "nothing can come after 'end'");
    if (last && count < last->count)
        return error_set(errp, "count %llu comes after %llu", (unsigned long long)count, (unsigned long long)last->count);
    return true;
}

static bool read_line(struct script *s, char *line, unsigned number, struct error **errp)
{
    struct script_event e = { .line = number };
    for (size_t n = strlen(line); n && (line[n - 1] == '\n' || line[n - 1] == '\r'); n--)
        line[n - 1] = 0;
    line += strspn(line, " \t");
    if (!*line || *line == '#')
        return true;
    if (!read_count(&line, &e.count, errp) || !check_order(s, e.count, errp))
        return false;
    char *word = line, *rest = word + strcspn(word, " \t");
    if (*rest)
        *rest++ = 0;
    if (!read_kind(&e, word, errp) || !read_rest(&e, rest, errp)) {
        free(e.text);
        return false;
    }
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 64;
        s->events = realloc(s->events, s->capacity * sizeof *s->events);
    }
    s->events[s->count++] = e;
    return true;
}

bool script_read(struct script *s, const char *path, struct error **errp)
{
    *s = (struct script){ 0 };
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    if (!f)
        return error_set(errp, "cannot open '%s': %s", path, strerror(errno));
    for (unsigned number = 1; ok && getline(&line, &size, f) >= 0; number++) {
        struct error *why = NULL;
        ok = read_line(s, line, number, &why);
        if (!ok) {
            error_prefix(&why, "%s:%u: ", path, number);
            error_propagate(errp, why);
        }
    }
    if (ok && ferror(f))
        ok = error_set(errp, "cannot read '%s': %s", path, strerror(errno));
    free(line);
    fclose(f);
    if (!ok)
        script_release(s);
    return ok;
}

void script_event_free(struct script_event *event)
{
    free(event->text);
    event->text = NULL;
}

void script_release(struct script *s)
{
    for (size_t i = 0; i < s->count; i++)
        script_event_free(&s->events[i]);
    free(s->events);
    *s = (struct script){ 0 };
}

// ---- writing

static void write_text(FILE *out, const char *text, size_t length)
{
    for (size_t k = 0; k < length; k++) {
        unsigned char c = (unsigned char)text[k];
        size_t i = 0;
        while (i < ESCAPES && (escapes[i].byte != (char)c || c == '"' || c == '\'' || c == 0))
            i++;
        if (i < ESCAPES)
            fprintf(out, "\\%c", escapes[i].letter);
        else if (c < ' ' || c > '~' || (c == ' ' && k + 1 == length))
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
}

void script_write(FILE *out, const struct script_event *e)
{
    fprintf(out, "%llu %s", (unsigned long long)e->count, kinds[e->kind]);
    if (e->kind == SCRIPT_SERIAL && e->port)
        fprintf(out, "%u", e->port);
    if (e->kind == SCRIPT_END)
        fprintf(out, " %d", e->status);
    if (e->kind == SCRIPT_BREAK) {
        fprintf(out, " %u\n", e->port);
        return;
    }
    if (e->length || e->kind != SCRIPT_END)
        fputc(' ', out);
    if (e->kind == SCRIPT_SERIAL)
        write_text(out, e->text, e->length);
    else
        fwrite(e->text, 1, e->length, out);
    fputc('\n', out);
}
