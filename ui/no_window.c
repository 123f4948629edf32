// SPDX-License-Identifier: MIT
//
// In place of the window in a build without SDL2 or libvterm: there is none to open. The other functions are never reached.
#include <stdlib.h>
#include "ui/ui.h"
#include "util/error.h"

struct ui *ui_new(const struct ui_options *options, struct loop *loop, struct error **errp)
{
    error_set(errp, "this build has no window (SDL2 and libvterm are needed)");
    return NULL;
}

void ui_attach_consoles(struct ui *ui, struct chardev_list *chardevs) { abort(); }
void ui_start(struct ui *ui, const struct ui_model *model, struct screen *screen, struct input *input) { abort(); }
void ui_changed(struct ui *ui) { abort(); }
void ui_stop(struct ui *ui) { abort(); }
void ui_free(struct ui *ui) { abort(); }
bool ui_print(struct ui *ui, const char *tab, void (*print)(void *, const char *), void *opaque, struct error **errp) { abort(); }
