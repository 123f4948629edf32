// SPDX-License-Identifier: MIT
#include "hw/display/edid.h"
#include <string.h>

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

// 18 bytes: pixel clock in 10 kHz, then active and blank counts, sync, size in mm. Blanking as CVT's reduced form has it.
static void detailed_timing(uint8_t *d, unsigned width, unsigned height)
{
    unsigned h_blank = 160, v_blank = height / 32 + 8, h_front = 48, h_sync = 32, v_front = 3, v_sync = 5;
    unsigned clock = (unsigned)((uint64_t)(width + h_blank) * (height + v_blank) * 60 / 10000);
    unsigned mm_width = width * 254 / 1000, mm_height = height * 254 / 1000; // 100 dots an inch
    put16(d, clock > 0xffff ? 0xffff : clock);
    d[2] = (uint8_t)width;
    d[3] = (uint8_t)h_blank;
    d[4] = (uint8_t)((width >> 8) << 4 | h_blank >> 8);
    d[5] = (uint8_t)height;
    d[6] = (uint8_t)v_blank;
    d[7] = (uint8_t)((height >> 8) << 4 | v_blank >> 8);
    d[8] = (uint8_t)h_front;
    d[9] = (uint8_t)h_sync;
    d[10] = (uint8_t)(v_front << 4 | v_sync);
    d[12] = (uint8_t)mm_width;
    d[13] = (uint8_t)mm_height;
    d[14] = (uint8_t)((mm_width >> 8) << 4 | mm_height >> 8);
    d[17] = 0x1a; // digital separate sync, positive horizontally
}

static void text_descriptor(uint8_t *d, uint8_t tag, const char *text)
{
    d[3] = tag;
    memset(d + 5, ' ', 13);
    size_t n = strlen(text);
    memcpy(d + 5, text, n);
    d[5 + n] = '\n';
}

static void standard_timing(uint8_t *p, unsigned width, unsigned aspect)
{
    p[0] = (uint8_t)(width / 8 - 31);
    p[1] = (uint8_t)(aspect << 6); // 60 Hz
}

void edid_build(uint8_t edid[EDID_SIZE], unsigned width, unsigned height)
{
    enum { ASPECT_16_10, ASPECT_4_3, ASPECT_5_4, ASPECT_16_9 };
    static const uint8_t magic[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
    static const uint8_t srgb[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
    static const struct { uint16_t width; uint8_t aspect; } standard[8] = {
        { 1920, ASPECT_16_9 }, { 1680, ASPECT_16_10 }, { 1600, ASPECT_4_3 }, { 1440, ASPECT_16_10 },
        { 1280, ASPECT_16_10 }, { 1280, ASPECT_16_9 }, { 1280, ASPECT_5_4 }, { 1024, ASPECT_4_3 },
    };
    memset(edid, 0, EDID_SIZE);
    memcpy(edid, magic, sizeof magic);
    unsigned maker = ('R' - 64) << 10 | ('M' - 64) << 5 | ('J' - 64);
    edid[8] = (uint8_t)(maker >> 8);
    edid[9] = (uint8_t)maker;
    put16(edid + 10, 0x1111);
    edid[16] = 1;         // week
    edid[17] = 2026 - 1990;
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5;      // digital, 8 bits a colour, DisplayPort
    edid[21] = (uint8_t)(width * 254 / 10000);
    edid[22] = (uint8_t)(height * 254 / 10000);
    edid[23] = 220 - 100; // gamma 2.2
    edid[24] = 0x06;      // sRGB; the first timing is the preferred one
    memcpy(edid + 25, srgb, sizeof srgb);
    edid[35] = 0x21;      // 640x480, 800x600
    edid[36] = 0x08;      // 1024x768
    for (unsigned i = 0; i < 8; i++)
        standard_timing(edid + 38 + 2 * i, standard[i].width, standard[i].aspect);
    detailed_timing(edid + 54, width, height);
    uint8_t *range = edid + 72; // 50..125 Hz, 30..160 kHz, pixel clock in 10 MHz
    static const uint8_t limits[] = { 0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 66, 0x01, '\n', ' ', ' ', ' ', ' ', ' ', ' ' };
    memcpy(range, limits, sizeof limits);
    text_descriptor(edid + 90, 0xfc, "Ramjet");
    edid[108 + 3] = 0x10; // a dummy
    uint8_t sum = 0;
    for (unsigned i = 0; i < EDID_SIZE - 1; i++)
        sum = (uint8_t)(sum + edid[i]);
    edid[EDID_SIZE - 1] = (uint8_t)-sum;
}
