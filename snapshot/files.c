// SPDX-License-Identifier: MIT
//
// The files that a run by counts writes.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "snapshot/control.h"
#include "snapshot/internal.h"
#include "util/error.h"

static FILE *open_out(const char *option, const char *path, struct error **errp)
{
    FILE *f = fopen(path, "w");
    if (!f)
        error_set(errp, "-%s: cannot write '%s': %s", option, path, strerror(errno));
    return f;
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    if (!a || !b)
        return false;
    return !strcmp(a, b) || (!stat(a, &sa) && !stat(b, &sb) && S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
}

// -digest-at and -digest-every may write to one file; nothing else may be one with another.
bool run_files_open(struct run_files *f, const struct run_options *o, struct error **errp)
{
    *f = (struct run_files){ stdout, stdout, NULL };
    const char *digests[] = { o->digest_at_file, o->digest_every_file };
    if (same_file(o->record, o->script))
        return error_set(errp, "-record %s: this is the file of -script", o->record);
    for (int i = 0; i < 2; i++)
        if (same_file(digests[i], o->record) || same_file(digests[i], o->script))
            return error_set(errp, "-digest-%s %s: this is the file of -record or -script", i ? "every" : "at", digests[i]);
    if (o->digest_at_file && !(f->at = open_out("digest-at", o->digest_at_file, errp)))
        return false;
    if (same_file(o->digest_at_file, o->digest_every_file))
        f->every = f->at;
    else if (o->digest_every_file && !(f->every = open_out("digest-every", o->digest_every_file, errp)))
        return false;
    return !o->record || (f->record = open_out("record", o->record, errp)) != NULL;
}

bool run_file_flush(const struct run_files *f, FILE *file, const struct run_options *o, struct error **errp)
{
    if (!fflush(file) && !ferror(file))
        return true;
    const char *option = file == f->record ? "record" : file == f->at && o->digest_at_count ? "digest-at" : "digest-every";
    const char *path = file == f->record ? o->record : file == f->at && o->digest_at_file ? o->digest_at_file : o->digest_every_file;
    return error_set(errp, "-%s: cannot write '%s': %s", option, file == stdout ? "standard output" : path, strerror(errno));
}

static void close_out(FILE *f)
{
    if (f && f != stdout)
        fclose(f);
}

void run_files_close(struct run_files *f)
{
    close_out(f->at);
    if (f->every != f->at)
        close_out(f->every);
    close_out(f->record);
}
