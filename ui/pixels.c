// SPDX-License-Identifier: MIT
//
// The canvas onto the window. Where a unit of the window is one pixel (X11, most Wayland outputs) that is SDL's window surface, plain
// shared memory on X11. Where it is several (a Wayland output with a scale) only a renderer gives all pixels: the canvas is its texture.
#include <SDL.h>
#include <stdlib.h>
#include "ui/internal.h"

static bool take_texture(struct ui *ui, int width, int height)
{
    int w, h;
    if (!ui->renderer)
        ui->renderer = SDL_CreateRenderer(ui->window, -1, 0);
    if (!ui->renderer || SDL_GetRendererOutputSize(ui->renderer, &w, &h) || w != width || h != height)
        return false;
    if (ui->texture)
        SDL_DestroyTexture(ui->texture);
    ui->texture = SDL_CreateTexture(ui->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING, w, h);
    return ui->texture;
}

static void drop_renderer(struct ui *ui)
{
    if (ui->texture)
        SDL_DestroyTexture(ui->texture);
    if (ui->renderer)
        SDL_DestroyRenderer(ui->renderer);
    ui->texture = ui->renderer = NULL;
}

bool pixels_take(struct ui *ui)
{
    int width, height, w, h;
    SDL_GetWindowSizeInPixels(ui->window, &width, &height);
    SDL_GetWindowSize(ui->window, &w, &h);
    if (!width || !height || !w)
        return false;
    ui->surface = NULL;
    if ((width == w && !ui->renderer) || !take_texture(ui, width, height)) {
        drop_renderer(ui);
        SDL_Surface *surface = SDL_GetWindowSurface(ui->window);
        if (!surface)
            return false;
        ui->surface = surface;
        width = surface->w;
        height = surface->h;
    }
    struct canvas *c = &ui->canvas;
    if (c->width != width || c->height != height || !c->pixels) {
        free(c->pixels);
        c->pixels = calloc((size_t)width * (size_t)height, sizeof *c->pixels);
        c->width = width;
        c->height = height;
    }
    ui->ratio = (double)width / w;
    c->dirty_count = 0;
    ui->draw_all = true;
    return true;
}

void pixels_show(struct ui *ui)
{
    struct canvas *c = &ui->canvas;
    SDL_Surface *surface = ui->surface;
    SDL_Rect rects[DIRTY_MAX];
    if (!c->dirty_count || (!surface && !ui->texture))
        return;
    SDL_Surface *from = surface ? SDL_CreateRGBSurfaceWithFormatFrom(c->pixels, c->width, c->height, 32, c->width * 4, SDL_PIXELFORMAT_RGB888) : NULL;
    for (unsigned i = 0; i < c->dirty_count; i++) {
        rects[i] = (SDL_Rect){ c->dirty[i].x, c->dirty[i].y, c->dirty[i].w, c->dirty[i].h };
        SDL_Rect to = rects[i];
        if (surface)
            SDL_BlitSurface(from, &rects[i], surface, &to);
        else
            SDL_UpdateTexture(ui->texture, &to, c->pixels + (size_t)to.y * (size_t)c->width + to.x, c->width * 4);
    }
    if (surface) {
        SDL_FreeSurface(from);
        if (SDL_UpdateWindowSurfaceRects(ui->window, rects, (int)c->dirty_count))
            pixels_take(ui); // the window has changed under us
    } else {
        SDL_RenderCopy(ui->renderer, ui->texture, NULL, NULL);
        SDL_RenderPresent(ui->renderer);
    }
    c->dirty_count = 0;
}

void pixels_drop(struct ui *ui)
{
    drop_renderer(ui);
    ui->surface = NULL;
}
