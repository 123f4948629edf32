// SPDX-License-Identifier: MIT
#include "ui/png.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/error.h"
#if HAVE_ZLIB
#include <zlib.h>
#endif

static uint8_t *put_rgb(uint8_t *to, const uint32_t *pixels, unsigned count)
{
    for (; count--; pixels++) {
        *to++ = (uint8_t)(*pixels >> 16);
        *to++ = (uint8_t)(*pixels >> 8);
        *to++ = (uint8_t)*pixels;
    }
    return to;
}

static bool write_ppm(FILE *file, const uint32_t *pixels, unsigned width, unsigned height)
{
    uint8_t *line = malloc(3 * (size_t)width);
    bool ok = line && fprintf(file, "P6\n%u %u\n255\n", width, height) > 0;
    for (unsigned y = 0; ok && y < height; y++) {
        put_rgb(line, pixels + (size_t)y * width, width);
        ok = fwrite(line, 3, width, file) == width;
    }
    free(line);
    return ok;
}

#if HAVE_ZLIB
static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static bool write_chunk(FILE *file, const char *type, const uint8_t *data, uint32_t size)
{
    uint8_t head[8], tail[4];
    put32(head, size);
    memcpy(head + 4, type, 4);
    uLong crc = crc32(crc32(0, NULL, 0), head + 4, 4);
    if (size)
        crc = crc32(crc, data, size);
    put32(tail, (uint32_t)crc);
    return fwrite(head, 8, 1, file) == 1 && (!size || fwrite(data, size, 1, file) == 1) && fwrite(tail, 4, 1, file) == 1;
}

static bool write_png(FILE *file, const uint32_t *pixels, unsigned width, unsigned height)
{
    static const uint8_t magic[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t header[13] = { [8] = 8, [9] = 2 }; // bits a sample, RGB; deflate, plain filters, not interlaced
    size_t size = (3 * (size_t)width + 1) * height;
    uLongf packed_size = compressBound(size);
    uint8_t *raw = malloc(size), *packed = malloc(packed_size), *to = raw;
    bool ok = raw && packed;
    for (unsigned y = 0; ok && y < height; y++) {
        *to++ = 0; // filter: none
        to = put_rgb(to, pixels + (size_t)y * width, width);
    }
    ok = ok && compress(packed, &packed_size, raw, size) == Z_OK && packed_size <= INT32_MAX;
    put32(header, width);
    put32(header + 4, height);
    ok = ok && fwrite(magic, 8, 1, file) == 1 && write_chunk(file, "IHDR", header, 13) &&
         write_chunk(file, "IDAT", packed, (uint32_t)packed_size) && write_chunk(file, "IEND", NULL, 0);
    free(raw);
    free(packed);
    return ok;
}
#else
static bool write_png(FILE *file, const uint32_t *pixels, unsigned width, unsigned height) { return false; }
#endif

bool picture_write(const char *path, enum picture_format format, const uint32_t *pixels, unsigned width, unsigned height,
                   struct error **errp)
{
#if !HAVE_ZLIB
    if (format == PICTURE_PNG)
        return error_set(errp, "%s: PNG was left out of this build (it needs zlib); ppm is there", path);
#endif
    FILE *file = fopen(path, "wb");
    if (!file)
        return error_set(errp, "%s: cannot open: %s", path, strerror(errno));
    errno = 0;
    bool ok = format == PICTURE_PNG ? write_png(file, pixels, width, height) : write_ppm(file, pixels, width, height);
    int why = errno;
    if (fclose(file) && ok) {
        ok = false;
        why = errno;
    }
    if (ok)
        return true;
    error_set(errp, "%s: cannot write: %s", path, strerror(why ? why : ENOMEM));
    unlink(path);
    return false;
}
