/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte streams over descriptors, with a device in front that takes what the test says. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chr_fd.h"

#define CAPACITY 16384u

struct rig {
    struct loop loop;
    struct chr_fd c;
    struct chr_front front;
    size_t room;
    size_t got;
    uint8_t in[CAPACITY];
    unsigned writable; /* how often the device was told */
    bool writing;      /* it is in the middle of write() */
};

static size_t front_can_receive(void *opaque)
{
    return ((struct rig *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct rig *r = opaque;

    g_assert_cmpuint(len, <=, r->room);
    memcpy(r->in + r->got, buf, len);
    r->got += len;
    r->room -= len;
}

static void front_writable(void *opaque)
{
    struct rig *r = opaque;

    g_assert_false(r->writing);
    r->writable++;
}

static struct rig *rig_new(int fd, int out_fd, int listen_fd)
{
    struct rig *r = g_new0(struct rig, 1);

    r->front = (struct chr_front){front_can_receive, front_receive, front_writable, r};
    g_assert_cmpint(loop_init(&r->loop), ==, 0);
    g_assert_cmpint(chr_fd_init_stream(&r->c, &r->loop, fd, out_fd, listen_fd), ==, 0);
    chr_fd_connect(&r->c, &r->front);
    return r;
}

static void rig_free(struct rig *r)
{
    close(r->loop.epfd);
    g_free(r);
}

static void quit(void *opaque)
{
    ((struct loop *)opaque)->quit = true;
}

/* What descriptors report and what that defers. */
static void turn(struct rig *r)
{
    loop_wait_io(&r->loop, 0);
    r->loop.quit = false;
    loop_defer(&r->loop, quit, &r->loop);
    loop_run(&r->loop);
}

static size_t device_writes(struct rig *r, const uint8_t *buf, size_t len)
{
    r->writing = true;
    size_t n = r->c.chr.write(r->c.chr.opaque, buf, len);
    r->writing = false;
    return n;
}

/* All that there is to read, up to CAPACITY. */
static size_t read_all(int fd, uint8_t *buf)
{
    size_t len = 0;
    ssize_t n;

    while (len < CAPACITY && (n = read(fd, buf + len, CAPACITY - len)) > 0) {
        len += (size_t)n;
    }
    return len;
}

/* --- output --- */

/* A socket that takes part of the next large write: it has a byte already. */
static void socket_new(int fd[2])
{
    int small = 1; /* the kernel has a minimum */

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), ==, 0);
    g_assert_cmpint(setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), ==, 0);
    g_assert_cmpint(write(fd[1], "", 1), ==, 1);
}

static void pair_close(const int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

/* The rest of a short write follows by itself. */
static void test_short_write(void)
{
    uint8_t buf[4000], got[CAPACITY];
    size_t len = 0;
    int fd[2];

    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = (uint8_t)(i * 7);
    }
    socket_new(fd);
    ssize_t n = write(fd[1], buf, sizeof(buf));
    pair_close(fd);
    if (n == sizeof(buf)) {
        g_test_skip("this kernel's sockets take it all");
        return;
    }
    socket_new(fd);
    struct rig *r = rig_new(fd[1], fd[1], -1);
    g_assert_cmpuint(device_writes(r, buf, sizeof(buf)), ==, sizeof(buf));
    for (unsigned i = 0; i < 10; i++) {
        turn(r);
        len += read_all(fd[0], got + len);
    }
    g_assert_cmpmem(got + 1, len - 1, buf, sizeof(buf));
    pair_close(fd);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chr-fd/short-write", test_short_write);
    return g_test_run();
}
