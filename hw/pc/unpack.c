// SPDX-License-Identifier: MIT
//
// Kernel payloads: each library may be left out of the build; what needs it then refuses by name. The image
// is untrusted: the size that it states is bounded before memory is allocated.
#include "hw/pc/unpack.h"
#include <stdlib.h>
#include <string.h>
#include "util/error.h"
#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

#define MAX_KERNEL ((size_t)1 << 30)
#define LZ4_BLOCK ((size_t)8 << 20) // of the legacy frame

const char *unpack_format(const uint8_t *d, size_t size)
{
    if (size < 8)
        return NULL;
    if (d[0] == 0x1f && d[1] == 0x8b)
        return "gzip";
    if (!memcmp(d, "\xfd" "7zXZ", 6))
        return "xz";
    if (!memcmp(d, "\x02\x21\x4c\x18", 4))
        return "lz4";
    if (!memcmp(d, "\x28\xb5\x2f\xfd", 4))
        return "zstd";
    return NULL;
}

static uint32_t le32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

#if HAVE_ZLIB
static bool unpack_gzip(const uint8_t *data, size_t size, uint8_t *out, size_t *out_size)
{
    z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)*out_size };
    if (inflateInit2(&z, 31) != Z_OK)
        return false;
    int result = inflate(&z, Z_FINISH);
    *out_size = z.total_out;
    inflateEnd(&z);
    return result == Z_STREAM_END;
}
#endif

#if HAVE_LZMA
static bool unpack_xz(const uint8_t *data, size_t size, uint8_t *out, size_t *out_size)
{
    uint64_t limit = UINT64_MAX;
    size_t in = 0, done = 0;
    lzma_ret result = lzma_stream_buffer_decode(&limit, 0, NULL, data, &in, size, out, &done, *out_size);
    *out_size = done;
    return result == LZMA_OK;
}
#endif

#if HAVE_LZ4
static bool unpack_lz4(const uint8_t *data, size_t size, uint8_t *out, size_t *out_size)
{
    size_t in = 4, done = 0;
    while (in + 4 <= size && done < *out_size) {
        uint32_t block = le32(data + in);
        in += 4;
        if (block == 0x184c2102) // another frame
            continue;
        if (block > size - in)
            return false;
        size_t room = *out_size - done < LZ4_BLOCK ? *out_size - done : LZ4_BLOCK;
        int n = LZ4_decompress_safe((const char *)data + in, (char *)out + done, (int)block, (int)room);
        if (n < 0)
            return false;
        done += (size_t)n;
        in += block;
    }
    bool complete = done == *out_size;
    *out_size = done;
    return complete;
}
#endif

#if HAVE_ZSTD
static bool unpack_zstd(const uint8_t *data, size_t size, uint8_t *out, size_t *out_size)
{
    size_t frame = ZSTD_findFrameCompressedSize(data, size);
    if (ZSTD_isError(frame))
        return false;
    size_t n = ZSTD_decompress(out, *out_size, data, frame);
    if (ZSTD_isError(n))
        return false;
    *out_size = n;
    return true;
}
#endif

uint8_t *unpack(const uint8_t *data, size_t size, size_t *out_size, struct error **errp)
{
    static const struct {
        const char *name;
        bool (*fn)(const uint8_t *, size_t, uint8_t *, size_t *);
    } formats[] = {
#if HAVE_ZLIB
        { "gzip", unpack_gzip },
#endif
#if HAVE_LZMA
        { "xz", unpack_xz },
#endif
#if HAVE_LZ4
        { "lz4", unpack_lz4 },
#endif
#if HAVE_ZSTD
        { "zstd", unpack_zstd },
#endif
        { NULL, NULL },
    };
    const char *name = unpack_format(data, size);
    if (!name) {
        error_set(errp, "the kernel's payload is in an unknown format");
        return NULL;
    }
    for (int i = 0; formats[i].name; i++) {
        if (strcmp(formats[i].name, name))
            continue;
        *out_size = le32(data + size - 4);
        if (!*out_size || *out_size > MAX_KERNEL) {
            error_set(errp, "the kernel's %s payload states an impossible size of %zu bytes", name, *out_size);
            return NULL;
        }
        uint8_t *out = malloc(*out_size);
        if (formats[i].fn(data, size, out, out_size))
            return out;
        free(out);
        error_set(errp, "the kernel's %s payload is damaged", name);
        return NULL;
    }
    error_set(errp, "the kernel's payload is packed with %s, which this build was made without", name);
    return NULL;
}
