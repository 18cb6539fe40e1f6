/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model's own monitor: every QMP command on a whole machine without a guest, in process.
 * An input is what a client sends. Nothing is opened: open() and fopen() are stood in for while an
 * input runs. The machine is reset before each input; media stay as the one before left them.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "machine.h"
#include "monitor.h"
#include "options.h"

#define ANSWER 65536

int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
FILE *__real_fopen(const char *path, const char *mode);

static struct loop loop;
static struct machine machine;
static struct dm_options options;
static char socket_path[64];
static bool closed_in; /* an input runs: nothing may be opened */
static int client = -1;

int __wrap_open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    if (closed_in) {
        errno = EACCES;
        return -1;
    }
    return __real_open(path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    return __wrap_open(path, flags, mode);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (closed_in) {
        errno = EACCES;
        return NULL;
    }
    return __real_fopen(path, mode);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    return __wrap_fopen(path, mode);
}

/* The socket and its folder. */
static void leave_nothing(void)
{
    unlink(socket_path);
    *strrchr(socket_path, '/') = 0;
    rmdir(socket_path);
}

static bool monitor_setup(struct fuzz_world *w)
{
    static char folder[] = "/tmp/cleave-fuzz-XXXXXX";
    static char qmp[128];
    char *argv[] = {"cleave-dm",
                    "-machine",
                    "pc,accel=qtest",
                    "-m",
                    "8",
                    "-nodefaults",
                    "-display",
                    "none",
                    "-vga",
                    "std",
                    "-drive",
                    "if=ide,index=0,file=null-co://,format=raw,id=hd",
                    "-drive",
                    "if=ide,index=2,media=cdrom,id=cd",
                    "-drive",
                    "if=floppy,index=0,id=fd",
                    "-serial",
                    "null",
                    "-qmp",
                    qmp};
    char err[256] = "";

    if (!mkdtemp(folder)) {
        return false;
    }
    snprintf(socket_path, sizeof(socket_path), "%s/qmp", folder);
    atexit(leave_nothing);
    snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", socket_path);
    log_init("fuzz", -1, LOG_ERROR);
    options_parse(&options, sizeof(argv) / sizeof(argv[0]), argv);
    if (loop_init(&loop) || !machine_init(&machine, &options, &loop, err, sizeof(err))) {
        fprintf(stderr, "monitor: %s\n", err);
        return false;
    }
    machine.monitor = monitors_new(&machine);
    return true;
}

/* The loop ends when the server has closed the connection: all that was sent has been served. */
static void client_ready(void *opaque, uint32_t events)
{
    static uint8_t buf[ANSWER];
    ssize_t n = recv(client, buf, sizeof(buf), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        loop.quit = true;
    }
}

static void monitor_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    memcpy(to.sun_path, socket_path, sizeof(socket_path));
    machine_reset(&machine);
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || connect(client, (struct sockaddr *)&to, sizeof(to)) < 0) {
        abort();
    }
    static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
    send(client, hello, sizeof(hello) - 1, MSG_NOSIGNAL);
    send(client, data, size, MSG_NOSIGNAL);
    shutdown(client, SHUT_WR);
    loop_add(&loop, client, EPOLLIN, client_ready, NULL);
    loop.quit = false;
    closed_in = true;
    loop_run(&loop);
    closed_in = false;
    loop_remove(&loop, client);
    close(client);
}

static void monitor_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        putchar(data[i] == '\n' || (data[i] >= 32 && data[i] < 127) ? data[i] : '?');
    }
    printf("\n");
    fflush(stdout);
}

FUZZ_TARGET(monitor) = {
    .name = "monitor",
    .about = "the device model's QMP commands, with a hostile client",
    .setup = monitor_setup,
    .run = monitor_run,
    .describe = monitor_describe,
    .max_bytes = 2048,
};
