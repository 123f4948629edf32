// SPDX-License-Identifier: MIT
//
// Where the bytes of a backend are: nowhere yet (anonymous memory), a file or a block device, an unlinked temporary file, a
// memfd, POSIX shared memory. All sizes are checked here, before anything is mapped; what was made for a backend that is refused
// is taken back, and nothing else.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "backends/internal.h"
#include "util/error.h"
#include "util/format.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

static bool cannot_open(const char *path, const char *why, struct error **errp)
{
    return error_set(errp, "can't open backing store %s for guest RAM: %s", path, why);
}

static bool cannot_map(const char *path, int error, const char *why, struct error **errp)
{
    return error_set(errp, "unable to map backing store for guest RAM: %s ('%s' %s)", strerror(error), path, why);
}

// ---- making and opening

static bool open_temporary(const struct memory_backend *b, struct store *s, struct error **errp)
{
    if (b->readonly)
        return cannot_open(b->mem_path, strerror(EISDIR), errp); // as QEMU: what would there be to read
    char *path = format_text("%s/ramjet_back_mem.%.80s.XXXXXX", b->mem_path, b->id);
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd < 0)
        cannot_open(path, strerror(errno), errp);
    else
        unlink(path);
    free(path);
    s->path = format_text("temporary file in %s", b->mem_path);
    return s->fd >= 0;
}

// O_NONBLOCK: a FIFO must not hold us; it is refused later.
static bool open_path(const struct memory_backend *b, struct store *s, struct error **errp)
{
    struct stat st;
    int flags = (b->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
    if (!stat(b->mem_path, &st) && S_ISDIR(st.st_mode))
        return open_temporary(b, s, errp);
    s->path = format_text("%s", b->mem_path);
    s->named = true;
    s->fd = open(b->mem_path, flags);
    if (s->fd < 0 && errno == ENOENT && !b->readonly) {
        s->fd = open(b->mem_path, flags | O_CREAT | O_EXCL, 0644);
        s->created = s->fd >= 0;
    }
    return s->fd >= 0 || cannot_open(b->mem_path, strerror(errno), errp);
}

static bool open_memfd(const struct memory_backend *b, struct store *s, struct error **errp)
{
    unsigned flags = MFD_CLOEXEC | (b->seal ? MFD_ALLOW_SEALING : 0u);
    if (!b->hugetlb && b->hugetlbsize)
        warn_report("memory backend '%s': hugetlbsize has no meaning without hugetlb=on", b->id);
    if (b->hugetlb)
        flags |= MFD_HUGETLB | (b->hugetlbsize ? (unsigned)__builtin_ctzll(b->hugetlbsize) << MFD_HUGE_SHIFT : 0);
    char *name = format_text("%.80s", b->id);
    s->path = format_text("memfd");
    s->fd = memfd_create(name, flags);
    free(name);
    if (s->fd >= 0)
        return true;
    error_set(errp, "failed to create memfd with flags 0x%x: %s", flags, strerror(errno));
    if (b->hugetlb) {
        char *sizes = huge_page_sizes();
        error_hint(errp, "Sizes of huge pages on this host: %s.", sizes);
        free(sizes);
    }
    return false;
}

static bool open_shm(const struct memory_backend *b, struct store *s, struct error **errp)
{
    char *name = format_text("/ramjet-%ld-%.80s", (long)getpid(), b->id);
    s->path = format_text("POSIX shared memory");
    s->fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (s->fd < 0)
        error_set(errp, "can't create POSIX shared memory %s: %s", name, strerror(errno));
    else
        shm_unlink(name);
    free(name);
    return s->fd >= 0;
}

// ---- checks

static bool check_kind(const struct store *s, const struct stat *st, struct error **errp)
{
    struct statfs fs;
    if (S_ISCHR(st->st_mode))
        return cannot_map(s->path, ENODEV, "is a character device", errp);
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
        return cannot_map(s->path, ENODEV, "is neither a file, a directory nor a block device", errp);
    if (!fstatfs(s->fd, &fs) && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC))
        return cannot_map(s->path, EIO, "has no bytes that can be mapped", errp);
    return true;
}

// Page size, and whether the size is a multiple of it. Other pages than the host's own come from hugetlbfs only.
static bool check_pages(const struct memory_backend *b, struct store *s, struct error **errp)
{
    struct statfs fs;
    s->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    if (fstatfs(s->fd, &fs))
        return error_set(errp, "%s: %s", s->path, strerror(errno));
    s->huge = fs.f_type == HUGETLBFS_MAGIC;
    s->tmpfs = fs.f_type == TMPFS_MAGIC;
    if (s->huge)
        s->page_size = (uint64_t)fs.f_bsize;
    if (s->huge && b->size < s->page_size)
        return error_set(errp, "memory size 0x%" PRIx64 " must be equal to or larger than page size 0x%" PRIx64, b->size,
                         s->page_size);
    if (b->size % s->page_size)
        return error_set(errp, "backend '%s' memory size must be multiple of %s", b->type, size_text(s->page_size).text);
    if (b->offset % s->page_size)
        return error_set(errp, "offset 0x%" PRIx64 " must be multiples of page size 0x%" PRIx64, b->offset, s->page_size);
    return true;
}

// Room for what is not allocated yet. Private pages never reach the file, but tmpfs allocates on reading, too.
static bool check_room(const struct memory_backend *b, struct store *s, const struct stat *st, struct error **errp)
{
    struct statvfs fs;
    uint64_t need = b->offset + b->size, have = (uint64_t)st->st_blocks * 512;
    s->missing = need > have ? need - have : 0;
    if (!b->reserve || b->readonly || s->huge || !S_ISREG(st->st_mode) || (!b->share && !s->tmpfs))
        return true;
    if (fstatvfs(s->fd, &fs) || !fs.f_blocks) // no limit
        return true;
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (s->missing <= room)
        return true;
    error_set(errp, "no room for backing store %s: 0x%" PRIx64 " bytes are needed, 0x%" PRIx64 " are free on its file system", s->path,
              s->missing, room);
    error_hint(errp, "With reserve=off nobody asks; the emulator ends when the file system is full.");
    return false;
}

// An empty file gets its length; another one must have it. Either way there must be room.
static bool check_length(const struct memory_backend *b, struct store *s, const struct stat *st, struct error **errp)
{
    uint64_t length = (uint64_t)st->st_size, need = b->offset + b->size;
    if (S_ISBLK(st->st_mode)) {
        if (ioctl(s->fd, BLKGETSIZE64, &length))
            return error_set(errp, "can't get the size of %s: %s", s->path, strerror(errno));
    } else {
        s->length = need;
    }
    if (length >= need)
        return check_room(b, s, st, errp);
    if (length || b->readonly || S_ISBLK(st->st_mode))
        return error_set(errp,
                         "%s backing store size 0x%" PRIx64 " is too small for 'size' option 0x%" PRIx64
                         " plus 'offset' option 0x%" PRIx64,
                         b->id, length, b->size, b->offset);
    if (!check_room(b, s, st, errp))
        return false;
    if (ftruncate(s->fd, (off_t)need))
        return error_set(errp, "can't make backing store %s 0x%" PRIx64 " bytes long: %s", s->path, need, strerror(errno));
    s->grown = s->named && !s->created;
    return true;
}

static bool check(const struct memory_backend *b, struct store *s, struct error **errp)
{
    struct stat st;
    if (fstat(s->fd, &st))
        return error_set(errp, "%s: %s", s->path, strerror(errno));
    if (!check_kind(s, &st, errp) || !check_pages(b, s, errp))
        return false;
    if (b->size > INT64_MAX || b->offset > INT64_MAX - b->size)
        return error_set(errp, "'size' option 0x%" PRIx64 " plus 'offset' option 0x%" PRIx64 " is more than a file can have",
                         b->size, b->offset);
    if (!check_length(b, s, &st, errp))
        return false;
    s->offset = b->offset;
    if (!strcmp(b->type, "memory-backend-memfd") && b->seal && fcntl(s->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
        return error_set(errp, "can't seal the memfd: %s", strerror(errno));
    return true;
}

// ---- for others

bool store_open(const struct memory_backend *b, struct store *s, struct error **errp)
{
    *s = (struct store){ .fd = -1, .page_size = (uint64_t)sysconf(_SC_PAGESIZE), .missing = b->size };
    bool good = true;
    if (!strcmp(b->type, "memory-backend-file"))
        good = open_path(b, s, errp);
    else if (!strcmp(b->type, "memory-backend-memfd"))
        good = open_memfd(b, s, errp);
    else if (!strcmp(b->type, "memory-backend-shm"))
        good = open_shm(b, s, errp);
    good = good && (s->fd < 0 || check(b, s, errp));
    if (!good)
        store_undo(s);
    return good;
}

void store_undo(struct store *s)
{
    if (s->created)
        unlink(s->path);
    else if (s->grown && ftruncate(s->fd, 0))
        warn_report("cannot give %s its length of 0 back: %s", s->path, strerror(errno));
    store_close(s);
}

void store_close(struct store *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    *s = (struct store){ .fd = -1 };
}
