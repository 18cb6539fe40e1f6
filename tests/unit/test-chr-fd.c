/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte streams over descriptors, with a device in front that takes what the test says. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

static void pipe_new(int fd[2])
{
    g_assert_cmpint(pipe2(fd, O_NONBLOCK | O_CLOEXEC), ==, 0);
    fcntl(fd[1], F_SETPIPE_SZ, 4096);
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

/* Input has ended while output waits, and the output's reader has read: the device writes, and is
 * not told of room from within. */
static void test_told_once(void)
{
    uint8_t buf[16] = {0}, got[CAPACITY];
    size_t len = 0;
    int in[2], out[2];

    pipe_new(in);
    pipe_new(out);
    struct rig *r = rig_new(in[0], out[1], -1);
    while (device_writes(r, buf, sizeof(buf)) == sizeof(buf)) {
        turn(r);
    }
    g_assert_cmpuint(r->writable, ==, 0);
    close(in[1]);
    loop_wait_io(&r->loop, 0);
    len = read_all(out[0], got);
    g_assert_cmpuint(len, >, 0);
    device_writes(r, buf, 1);
    turn(r);
    turn(r);
    close(in[0]);
    pair_close(out);
    rig_free(r);
}

/* After the end of input the device still learns that there is room for output. */
static void test_ended_input(void)
{
    uint8_t buf[16] = {0}, got[CAPACITY];
    int in[2], out[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, in), ==, 0);
    pipe_new(out);
    struct rig *r = rig_new(in[0], out[1], -1);
    r->room = 16;
    r->c.chr.accept_input(r->c.chr.opaque);
    g_assert_cmpint(shutdown(in[1], SHUT_WR), ==, 0);
    turn(r);
    while (device_writes(r, buf, sizeof(buf)) == sizeof(buf)) {
        turn(r);
    }
    read_all(out[0], got);
    turn(r);
    g_assert_cmpuint(r->writable, ==, 1);
    pair_close(in);
    pair_close(out);
    rig_free(r);
}

/* --- input --- */

static bool watched(const struct rig *r, int fd)
{
    for (unsigned i = 0; i < LOOP_MAX_WATCHES; i++) {
        if (r->loop.watch[i].fd == fd) {
            return true;
        }
    }
    return false;
}

static void device_takes(struct rig *r, size_t room)
{
    r->room = room;
    r->c.chr.accept_input(r->c.chr.opaque);
    turn(r);
}

static void assert_got(const struct rig *r, const char *text)
{
    g_assert_cmpmem(r->in, r->got, text, strlen(text));
}

/* The other end sends and goes while the device takes nothing: nothing is lost, nothing spins. */
static void test_hang_up(void)
{
    int fd[2];

    pipe_new(fd);
    struct rig *r = rig_new(fd[0], fd[0], -1);
    g_assert_cmpint(write(fd[1], "0123456789", 10), ==, 10);
    device_takes(r, 3);
    close(fd[1]);
    turn(r);
    assert_got(r, "012");
    g_assert_false(watched(r, fd[0]));
    device_takes(r, 4);
    assert_got(r, "0123456");
    device_takes(r, 16);
    assert_got(r, "0123456789");
    device_takes(r, 16);
    g_assert_false(r->c.hung_up);
    close(fd[0]);
    rig_free(r);
}

static int server_new(struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = sizeof(*a);

    a->sun_family = AF_UNIX; /* bound to nothing but its family it gets a name of its own */
    g_assert_cmpint(bind(fd, (struct sockaddr *)a, sizeof(a->sun_family)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)a, &len), ==, 0);
    g_assert_cmpint(listen(fd, 4), ==, 0);
    return fd;
}

static int client_new(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_assert_cmpint(connect(fd, (const struct sockaddr *)a, sizeof(a->sun_family) + 6), ==, 0);
    return fd;
}

static void client_send(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t)strlen(text));
}

/* The same of a server's client; the next has the line as soon as it comes. */
static void test_server_hang_up(void)
{
    struct sockaddr_un a = {0};
    int server = server_new(&a);
    struct rig *r = rig_new(-1, -1, server);
    int fd = client_new(&a);

    client_send(fd, "one");
    turn(r);
    close(fd);
    turn(r);
    g_assert_cmpint(r->c.fd, >=, 0);
    device_takes(r, 2);
    assert_got(r, "on");
    device_takes(r, 2);
    assert_got(r, "one");
    g_assert_cmpint(r->c.fd, ==, -1);

    r->room = 0;
    fd = client_new(&a);
    client_send(fd, "two");
    turn(r);
    close(fd);
    turn(r);
    fd = client_new(&a); /* the device took nothing of the last one's */
    client_send(fd, "three");
    turn(r);
    device_takes(r, 16);
    assert_got(r, "onethree");
    close(fd);
    close(server);
    rig_free(r);
}

/* The device has no room any more when input comes that it asked for: that is not its end. */
static void test_room_gone(void)
{
    int fd[2];

    pipe_new(fd);
    struct rig *r = rig_new(fd[0], fd[0], -1);
    r->room = 16;
    r->c.chr.accept_input(r->c.chr.opaque);
    r->room = 0; /* loopback */
    g_assert_cmpint(write(fd[1], "abc", 3), ==, 3);
    turn(r);
    assert_got(r, "");
    device_takes(r, 16);
    assert_got(r, "abc");
    pair_close(fd);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chr-fd/short-write", test_short_write);
    g_test_add_func("/chr-fd/told-once", test_told_once);
    g_test_add_func("/chr-fd/ended-input", test_ended_input);
    g_test_add_func("/chr-fd/hang-up", test_hang_up);
    g_test_add_func("/chr-fd/server-hang-up", test_server_hang_up);
    g_test_add_func("/chr-fd/room-gone", test_room_gone);
    return g_test_run();
}
