// SPDX-License-Identifier: MIT
//
// In the guest of window_cost: writes whole, changing frames to /dev/fb0, 60 times a second, and beside that counts in a loop;
// prints how many rounds it made in each of the seconds, "ROUNDS n FRAMES m".
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 10, fd = open("/dev/fb0", O_RDWR);
    struct fb_var_screeninfo var;
    struct fb_fix_screeninfo fix;
    if (fd < 0 || ioctl(fd, FBIOGET_VSCREENINFO, &var) || ioctl(fd, FBIOGET_FSCREENINFO, &fix)) {
        puts("no framebuffer");
        return 1;
    }
    size_t size = (size_t)fix.line_length * var.yres;
    char *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pixels == MAP_FAILED) {
        puts("no mmap of the framebuffer");
        return 1;
    }
    printf("PICTURE %ux%ux%u\n", var.xres, var.yres, var.bits_per_pixel);
    static char picture[2][2048];
    for (unsigned i = 0; i < sizeof picture[0]; i++)
        picture[0][i] = (char)(i * 2654435761u >> 24);
    memcpy(picture[1], picture[0], sizeof picture[0]);
    volatile uint64_t sum = 1;
    for (int s = 0; s < seconds; s++) {
        unsigned long rounds = 0, frames = 0;
        for (double start = now(), next = start; now() < start + 1; rounds++) {
            if (now() >= next) { // what is late is left out
                for (size_t at = 0; at < size; at += 1024)
                    memcpy(pixels + at, picture[0] + (frames * 16 + at / 1024) % 1024, 1024);
                frames++;
                while (next <= now())
                    next += 1.0 / 60;
            }
            for (int i = 0; i < 2000; i++)
                sum = sum * 6364136223846793005u + 1442695040888963407u;
        }
        printf("ROUNDS %lu FRAMES %lu\n", rounds, frames);
        fflush(stdout);
    }
    return 0;
}
