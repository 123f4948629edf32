// SPDX-License-Identifier: MIT
//
// screendump: the guest's screen as a picture.
#include <stdlib.h>
#include <string.h>
#include "monitor/internal.h"
#if HAVE_JANSSON
#include "monitor/qmp.h"
#endif
#include "ui/png.h"
#include "ui/screen.h"

// -f wins; else what the name ends with; else ppm, as ever.
static bool choose_format(const char *path, const char *wanted, enum picture_format *format, struct error **errp)
{
    const char *dot = strrchr(path, '.');
    if (wanted && strcmp(wanted, "png") && strcmp(wanted, "ppm"))
        return error_set(errp, "screendump: format '%s' is unknown (png, ppm)", wanted);
    const char *name = wanted ? wanted : dot ? dot + 1 : "";
    *format = !strcmp(name, "png") ? PICTURE_PNG : PICTURE_PPM;
    return true;
}

static bool dump(struct machine *machine, const char *path, enum picture_format format, struct error **errp)
{
    unsigned width, height;
    if (!screen_has_source(machine->screen))
        return error_set(errp, "There is no console to take a screendump from");
    screen_refresh(machine->screen);
    uint32_t *pixels = screen_copy(machine->screen, &width, &height);
    if (!pixels)
        return error_set(errp, "%s: no memory for the picture", path);
    bool ok = picture_write(path, format, pixels, width, height, errp);
    free(pixels);
    return ok;
}

bool cmd_screendump(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const char *path = NULL, *wanted = NULL;
    for (char *word; (word = next_word(&arguments)) != NULL;) {
        if (!strcmp(word, "-f")) {
            wanted = next_word(&arguments);
            if (!wanted)
                return error_set(errp, "screendump: -f needs a format (png, ppm)");
        } else if (path) {
            return error_set(errp, "screendump: extraneous argument '%s' (one file, -f png or -f ppm)", word);
        } else {
            path = word;
        }
    }
    enum picture_format format = PICTURE_PPM;
    if (!path)
        return error_set(errp, "screendump: which file?");
    return choose_format(path, wanted, &format, errp) && dump(machine, path, format, errp);
}

#if HAVE_JANSSON
// There is one display device, with one head.
json_t *qmp_screendump(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *path = qmp_string(arguments, "filename"), *wanted = qmp_string(arguments, "format"), *id = qmp_string(arguments, "device");
    json_int_t head = json_integer_value(json_object_get(arguments, "head"));
    enum picture_format format = PICTURE_PPM;
    if (id && !machine_find_device(machine, id))
        error_set(errp, "Device '%s' not found", id);
    else if (id && strcmp(machine_find_device(machine, id)->type->name, "VGA"))
        error_set(errp, "Device '%s' is not a display", id);
    else if (head)
        error_set(errp, "Parameter 'head' expects 0, not %lld", (long long)head);
    else if (choose_format("", wanted, &format, errp) && dump(machine, path, format, errp))
        return json_object();
    return NULL;
}
#endif
