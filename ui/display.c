// SPDX-License-Identifier: MIT
//
// What has to be asked of the display's own library (which SDL has loaded): its descriptor, whether windows have a manager, and to leave
// the process alone.
//
// A display that dies must not take the guest with it: Xlib ends the process when its connection breaks, unless its handler
// does not return. Ours ends this thread. After that nobody calls SDL.
#include <SDL.h>
#include <SDL_syswm.h>
#include <dlfcn.h>
#include <string.h>
#include "ui/input.h"
#include "ui/internal.h"

void display_lose(struct ui *ui)
{
    atomic_store(&ui->watching, false);
    atomic_store(&ui->lost, true);
    pthread_mutex_lock(&ui->lock);
    ui->finished = true;
    pthread_cond_broadcast(&ui->moved);
    pthread_mutex_unlock(&ui->lock);
    if (ui->input)
        input_release_all(ui->input);
}

// ---- Xlib, which SDL has loaded by itself

static pthread_key_t lost_key; // the handler gets no argument of ours
static pthread_once_t lost_once = PTHREAD_ONCE_INIT;

static void make_key(void) { pthread_key_create(&lost_key, NULL); }

static int x_connection_broke(void *display)
{
    struct ui *ui = pthread_getspecific(lost_key);
    if (!ui)
        return 0; // not our thread: Xlib ends the process
    display_lose(ui);
    pthread_exit(NULL);
}

void display_guard(struct ui *ui)
{
    void *xlib = dlopen("libX11.so.6", RTLD_LAZY | RTLD_NOLOAD);
    void *(*set)(int (*)(void *)) = NULL;
    pthread_once(&lost_once, make_key);
    pthread_setspecific(lost_key, ui);
    if (xlib)
        *(void **)&set = dlsym(xlib, "XSetIOErrorHandler");
    if (set)
        set(x_connection_broke);
}

// The descriptor of the connection, -1: this kind of display has none.
int display_fd(struct ui *ui)
{
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(ui->window, &info))
        return -1;
    const char *library = NULL, *function = NULL;
    void *display = NULL;
#if defined SDL_VIDEO_DRIVER_X11
    if (info.subsystem == SDL_SYSWM_X11) {
        library = "libX11.so.6";
        function = "XConnectionNumber";
        display = info.info.x11.display;
    }
#endif
#if defined SDL_VIDEO_DRIVER_WAYLAND
    if (info.subsystem == SDL_SYSWM_WAYLAND) {
        library = "libwayland-client.so.0";
        function = "wl_display_get_fd";
        display = info.info.wl.display;
    }
#endif
    void *handle = library ? dlopen(library, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    int (*number)(void *) = NULL;
    if (handle)
        *(void **)&number = dlsym(handle, function);
    return number ? number(display) : -1;
}

bool display_has_manager(struct ui *ui)
{
#if defined SDL_VIDEO_DRIVER_X11
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(ui->window, &info) || info.subsystem != SDL_SYSWM_X11)
        return true;
    void *xlib = dlopen("libX11.so.6", RTLD_LAZY | RTLD_NOLOAD);
    Atom (*intern)(Display *, const char *, Bool) = NULL;
    int (*get)(Display *, Window, Atom, long, long, Bool, Atom, Atom *, int *, unsigned long *, unsigned long *, unsigned char **) = NULL;
    Window (*root)(Display *) = NULL;
    int (*free_data)(void *) = NULL;
    if (!xlib)
        return true;
    *(void **)&intern = dlsym(xlib, "XInternAtom");
    *(void **)&get = dlsym(xlib, "XGetWindowProperty");
    *(void **)&root = dlsym(xlib, "XDefaultRootWindow");
    *(void **)&free_data = dlsym(xlib, "XFree");
    if (!intern || !get || !root || !free_data)
        return true;
    Display *d = info.info.x11.display;
    Atom type;
    int format;
    unsigned long count = 0, rest;
    unsigned char *data = NULL;
    get(d, root(d), intern(d, "_NET_SUPPORTING_WM_CHECK", 0), 0, 1, 0, 0, &type, &format, &count, &rest, &data);
    if (data)
        free_data(data);
    return count;
#else
    return true;
#endif
}

void display_unguard(void)
{
    pthread_setspecific(lost_key, NULL);
}
