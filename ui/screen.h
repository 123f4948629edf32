// SPDX-License-Identifier: MIT
//
// The picture that a display device makes: XRGB8888 pixels (0x00RRGGBB, host order), drawn by the machine thread and shown
// by the window's. The two meet only here, under the screen's own lock, which is held for copies and never over a wait.
// A device draws when it is asked to (`refresh`, machine thread): an idle screen costs nothing.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct screen;
struct screen_rect { unsigned x, y, width, height; }; // pixels
// The device's side. Machine thread.
struct screen_source {
    bool (*refresh)(void *opaque, struct screen *screen);                // draw what changed; was it the guest's doing (no blinking)?
    void (*invalidate)(void *opaque);                                    // the next refresh draws all of it
    bool (*text_size)(void *opaque, unsigned *columns, unsigned *rows);  // a text mode? NULL: never
    void *opaque;
};

struct screen *screen_new(void);
void screen_free(struct screen *screen);
// ---- machine thread
void screen_set_source(struct screen *screen, const struct screen_source *source);
bool screen_has_source(const struct screen *screen); // does a device draw on it?
bool screen_refresh(struct screen *screen); // did the guest change something?
void screen_redraw(struct screen *screen); // refresh all of it
bool screen_text_size(struct screen *screen, unsigned *columns, unsigned *rows); // false: no text mode
// Lock and get the pixels, *stride of them a row, in the given size (another size than before: all of it is dirty and black).
uint32_t *screen_lock(struct screen *screen, unsigned width, unsigned height, unsigned *stride);
// A part was drawn; between lock and unlock.
void screen_dirty(struct screen *screen, struct screen_rect part);
void screen_unlock(struct screen *screen);
// All pixels as they are (refresh first), malloced: width * height of them. NULL: nothing was ever drawn, or no memory.
uint32_t *screen_copy(struct screen *screen, unsigned *width, unsigned *height);
bool screen_is_dirty(struct screen *screen); // something waits for screen_take
// ---- the window's thread
// What changed since the last call (their bounding box), copied into pixels that the caller keeps: grows *pixels by realloc when
// the size changes. False: nothing changed.
bool screen_take(struct screen *screen, uint32_t **pixels, unsigned *width, unsigned *height, struct screen_rect *changed);
