// SPDX-License-Identifier: MIT
//
// The text after -display.
#include <stdlib.h>
#include <string.h>
#include "ui/ui.h"
#include "util/error.h"
#include "util/nearest.h"

static const char *const kinds[] = { "none", "sdl" };
static const char *const keys[] = { "show-tabs", "window-close", "full-screen", "grab-mod", "scale" };

static bool on_off(const char *key, const char *value, bool *out, struct error **errp)
{
    if (strcmp(value, "on") && strcmp(value, "off"))
        return error_set(errp, "-display: Parameter '%s' expects 'on' or 'off', not '%s'", key, value);
    *out = !strcmp(value, "on");
    return true;
}

static bool set_scale(struct ui_options *o, const char *value, struct error **errp)
{
    static const double known[] = { 1, 1.5, 2, 3, 4 };
    char *end;
    double scale = strtod(value, &end);
    if (!strcmp(value, "fit"))
        return o->fit = true;
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        if (*value && !*end && scale == known[i]) {
            o->scale = scale;
            return true;
        }
    }
    return error_set(errp, "-display: Parameter 'scale' expects 1, 1.5, 2, 3, 4 or fit, not '%s'", value);
}

static bool set_grab(struct ui_options *o, const char *value, struct error **errp)
{
    static const char *const names[] = { "lctrl-lalt", "lshift-lctrl-lalt", "rctrl" };
    for (unsigned i = 0; i < 3; i++) {
        if (!strcmp(names[i], value)) {
            o->grab = i;
            return true;
        }
    }
    return error_set(errp, "-display: Parameter 'grab-mod' expects lctrl-lalt, lshift-lctrl-lalt or rctrl, not '%s'", value);
}

static bool set(struct ui_options *o, const char *key, const char *value, struct error **errp)
{
    bool flag = false;
    if (!strcmp(key, "scale"))
        return set_scale(o, value, errp);
    if (!strcmp(key, "grab-mod"))
        return set_grab(o, value, errp);
    if (!strcmp(key, "full-screen"))
        return on_off(key, value, &o->full_screen, errp);
    bool tabs = !strcmp(key, "show-tabs");
    if (tabs || !strcmp(key, "window-close")) {
        if (!on_off(key, value, &flag, errp))
            return false;
        *(tabs ? &o->hide_tabs : &o->refuse_close) = !flag;
        return true;
    }
    error_set(errp, "-display sdl: Invalid parameter '%s'", key);
    const char *nearest = nearest_name(key, keys, sizeof keys / sizeof *keys);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

bool ui_options_parse(struct ui_options *o, const char *text, bool *window, struct error **errp)
{
    size_t n = strcspn(text, ",");
    bool none = n == 4 && !strncmp(text, "none", 4), sdl = n == 3 && !strncmp(text, "sdl", 3);
    if (!none && !sdl) {
        error_set(errp, "-display %s: is not there; sdl and none are", text);
        const char *nearest = nearest_name(text, kinds, 2);
        if (nearest)
            error_hint(errp, "did you mean '%s'?", nearest);
        return false;
    }
    if (none && text[n])
        return error_set(errp, "-display %s: none has no parameters", text);
#if !defined HAVE_SDL2
    if (sdl)
        return error_set(errp, "-display sdl: this build has no SDL2; use -display none or -nographic");
#elif !defined HAVE_VTERM
    if (sdl)
        return error_set(errp, "-display sdl: this build has no libvterm; use -display none or -nographic");
#endif
    *window = sdl;
    char *copy = strdup(text + n), *save = NULL;
    bool ok = true;
    for (char *word = strtok_r(copy, ",", &save); ok && word; word = strtok_r(NULL, ",", &save)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = 0;
        ok = set(o, word, value ? value : "on", errp);
    }
    free(copy);
    return ok;
}
