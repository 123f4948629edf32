// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "util/daemon.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include "util/error.h"

static int ready_pipe = -1; // one a process, as what they stand for is
static char *pidfile;

bool daemon_begin(struct error **errp)
{
    int ends[2], status = 0;
    char byte;
    if (pipe2(ends, O_CLOEXEC))
        return error_set(errp, "-daemonize: cannot create a pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        return error_set(errp, "-daemonize: cannot start a process: %s", strerror(errno));
    if (!child) {
        close(ends[0]);
        ready_pipe = ends[1];
        setsid();
        return true;
    }
    close(ends[1]);
    ssize_t n;
    do
        n = read(ends[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void daemon_ready(void)
{
    if (ready_pipe < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fflush(NULL);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (write(ready_pipe, "", 1) < 0)
        warn_report("-daemonize: nobody waits any more");
    close(ready_pipe);
    ready_pipe = -1;
}

bool pidfile_write(const char *path, struct error **errp)
{
    char text[32];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(errp, "cannot create PID file: -pidfile %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB)) { // held until the process ends
        close(fd);
        return error_set(errp, "cannot create PID file: -pidfile %s: another process has it", path);
    }
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || write(fd, text, (size_t)n) != n) {
        close(fd);
        return error_set(errp, "cannot write PID file: -pidfile %s: %s", path, strerror(errno));
    }
    pidfile = realpath(path, NULL);
    return true;
}

void pidfile_remove(void)
{
    if (pidfile)
        unlink(pidfile);
    free(pidfile);
    pidfile = NULL;
}
