// SPDX-License-Identifier: MIT
//
// Brackets and quotes are counted, nothing else. A text that grows too large or too deep is refused once and then skipped to its
// last bracket, so that nothing inside it is ever taken for a command.
#include "monitor/qmp_scan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTART 0xff

void qmp_scan_reset(struct qmp_scan *s)
{
    s->length = s->depth = 0;
    s->quote = 0;
    s->word = s->escaped = s->skip_line = s->skip_text = s->done = false;
}

void qmp_scan_release(struct qmp_scan *s)
{
    free(s->text);
    *s = (struct qmp_scan){ 0 };
}

static enum qmp_scan_result fail(struct qmp_scan *s, const char *text)
{
    snprintf(s->error, sizeof s->error, "%s", text);
    return QMP_SCAN_ERROR;
}

static enum qmp_scan_result too_much(struct qmp_scan *s, const char *text)
{
    s->skip_text = true;
    return fail(s, text);
}

// The line with the mistake is of no use any more.
static enum qmp_scan_result stray(struct qmp_scan *s, uint8_t c)
{
    char text[48];
    snprintf(text, sizeof text, c > ' ' && c < 0x7f ? "JSON parse error, stray '%c'" : "JSON parse error, stray byte 0x%02x", c);
    qmp_scan_reset(s);
    s->skip_line = c != '\n' && c != RESTART;
    return fail(s, text);
}

static enum qmp_scan_result put(struct qmp_scan *s, char c)
{
    if (s->skip_text)
        return QMP_SCAN_MORE;
    if (s->length == QMP_TEXT_MAX)
        return too_much(s, "JSON token size limit exceeded");
    if (s->length == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 1024;
        s->text = realloc(s->text, s->capacity);
        if (!s->text)
            abort();
    }
    s->text[s->length++] = c;
    return QMP_SCAN_MORE;
}

static enum qmp_scan_result end(struct qmp_scan *s)
{
    bool skipped = s->skip_text;
    s->done = true;
    s->skip_text = false;
    return skipped ? QMP_SCAN_MORE : QMP_SCAN_TEXT;
}

// result: of the last byte of a text.
static enum qmp_scan_result finish(struct qmp_scan *s, enum qmp_scan_result result)
{
    if (result == QMP_SCAN_MORE)
        return end(s);
    s->done = true; // too large by this byte: nothing is left to skip
    return result;
}

static enum qmp_scan_result in_string(struct qmp_scan *s, uint8_t c)
{
    if (c < ' ' || c == RESTART)
        return stray(s, c);
    if (s->escaped) {
        s->escaped = false;
        if (c == '\'')
            return put(s, c);
        enum qmp_scan_result result = put(s, '\\');
        return result == QMP_SCAN_MORE ? put(s, c) : result;
    }
    if (c == '\\') {
        s->escaped = true;
        return QMP_SCAN_MORE;
    }
    if (c == s->quote) {
        enum qmp_scan_result result = put(s, '"');
        s->quote = 0;
        return s->depth ? result : finish(s, result);
    }
    if (c == '"') { // in single quotes
        enum qmp_scan_result result = put(s, '\\');
        return result == QMP_SCAN_MORE ? put(s, c) : result;
    }
    return put(s, c);
}

static enum qmp_scan_result open_bracket(struct qmp_scan *s, uint8_t c)
{
    unsigned at = s->depth++;
    if (at == UINT32_MAX - 1)
        return stray(s, c);
    if (at >= QMP_DEPTH_MAX)
        return s->skip_text ? QMP_SCAN_MORE : too_much(s, "JSON nesting depth limit exceeded");
    s->open[at / 8] = (uint8_t)((s->open[at / 8] & ~(1 << at % 8)) | (c == '{') << at % 8);
    return put(s, c);
}

static enum qmp_scan_result close_bracket(struct qmp_scan *s, uint8_t c)
{
    if (!s->depth) {
        stray(s, c);
        return fail(s, "JSON parse error, expecting value");
    }
    unsigned at = --s->depth;
    bool brace = at < QMP_DEPTH_MAX ? s->open[at / 8] >> at % 8 & 1 : c == '}';
    if (brace != (c == '}')) {
        stray(s, c);
        return fail(s, brace ? "JSON parse error, expected separator in dict" : "JSON parse error, expected separator in list");
    }
    enum qmp_scan_result result = put(s, c);
    return s->depth ? result : finish(s, result);
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '+' || c == '-' || c == '.' || c == '_';
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static enum qmp_scan_result outside(struct qmp_scan *s, uint8_t c)
{
    switch (c) {
    case '{': case '[': return open_bracket(s, c);
    case '}': case ']': return close_bracket(s, c);
    case '"': case '\'':
        s->quote = (char)c;
        return put(s, '"');
    }
    if (is_space(c))
        return s->depth ? put(s, c) : QMP_SCAN_MORE;
    if (is_word(c)) {
        s->word = !s->depth;
        return put(s, c);
    }
    return s->depth && (c == ',' || c == ':') ? put(s, c) : stray(s, c);
}

size_t qmp_scan(struct qmp_scan *s, const uint8_t *data, size_t len, enum qmp_scan_result *result)
{
    if (s->done)
        qmp_scan_reset(s);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = data[i];
        if (s->skip_line) {
            s->skip_line = c != '\n' && c != RESTART;
            continue;
        }
        if (s->word && !is_word(c)) { // not part of it: looked at again
            s->word = false;
            *result = end(s);
            if (*result == QMP_SCAN_TEXT)
                return i;
            qmp_scan_reset(s);
        }
        *result = s->quote ? in_string(s, c) : outside(s, c);
        if (*result != QMP_SCAN_MORE)
            return i + 1;
        if (s->done)
            qmp_scan_reset(s);
    }
    *result = QMP_SCAN_MORE;
    return len;
}
