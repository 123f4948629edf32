// SPDX-License-Identifier: MIT
//
// screendump: the guest's screen as a picture.
#include <stdlib.h>
#include <string.h>
#include "monitor/internal.h"
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
    if (!choose_format(path, wanted, &format, errp))
        return false;
    if (!screen_has_source(machine->screen))
        return error_set(errp, "There is no console to take a screendump from");
    unsigned width, height;
    screen_refresh(machine->screen);
    uint32_t *pixels = screen_copy(machine->screen, &width, &height);
    if (!pixels)
        return error_set(errp, "screendump: %s: nothing was drawn yet", path);
    bool ok = picture_write(path, format, pixels, width, height, errp);
    free(pixels);
    return ok;
}
