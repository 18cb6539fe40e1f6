/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chr_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_CHUNK 64

static bool chr_fd_two(const struct chr_fd *c)
{
    return c->fd != c->out_fd;
}

/* How many bytes of input the device takes now. */
static size_t chr_fd_room(const struct chr_fd *c)
{
    return c->front && c->front->can_receive && !c->ended ? c->front->can_receive(c->front->opaque)
                                                          : 0;
}

/* What to wait for follows from what both sides can do now; nothing is watched that would spin. */
static void chr_fd_rearm(struct chr_fd *c)
{
    uint32_t in = chr_fd_room(c) ? (uint32_t)EPOLLIN : 0;
    uint32_t out = c->blocked ? (uint32_t)EPOLLOUT : 0;

    if (c->pollable) {
        loop_modify(c->loop, c->fd, chr_fd_two(c) ? in : in | out);
    }
    if (c->out_pollable) {
        loop_modify(c->loop, c->out_fd, out);
    }
}

static void chr_fd_taken(struct chr_fd *c, size_t n)
{
    c->used -= n;
    memmove(c->out, c->out + n, c->used);
    if (c->starved) {
        c->starved = false;
        if (c->front && c->front->writable) {
            c->front->writable(c->front->opaque);
        }
    }
}

void chr_fd_flush(struct chr_fd *c)
{
    while (c->used && !c->blocked) {
        ssize_t n = c->out_fd >= 0 ? write(c->out_fd, c->out, c->used) : (ssize_t)c->used;

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN && !c->lossy) {
            c->blocked = true;
            chr_fd_rearm(c);
            return;
        }
        /* A reader that has gone away must not stop the guest: the bytes are lost, as on an open
         * wire. */
        chr_fd_taken(c, n > 0 ? (size_t)n : c->used);
    }
}

static void chr_fd_idle(void *opaque)
{
    chr_fd_flush(opaque);
}

static size_t chr_fd_write(void *opaque, const uint8_t *buf, size_t len)
{
    struct chr_fd *c = opaque;

    c->starved = false; /* it is here, and learns of room by what is returned */
    if (c->used >= CHR_FD_BUFFER / 2) {
        chr_fd_flush(c);
    }
    size_t room = CHR_FD_BUFFER - c->used;
    size_t n = len < room ? len : room;
    memcpy(c->out + c->used, buf, n);
    c->used += n;
    c->starved |= n < len;
    loop_defer(c->loop, chr_fd_idle, c);
    return n;
}

/* The device may have less room than when input was asked for. */
static void chr_fd_input(struct chr_fd *c)
{
    uint8_t buf[INPUT_CHUNK];
    size_t room = chr_fd_room(c);

    if (!room) {
        return;
    }
    ssize_t n = read(c->fd, buf, room < sizeof(buf) ? room : sizeof(buf));
    if (n > 0) {
        c->front->receive(c->front->opaque, buf, (size_t)n);
    } else if (n == 0 || (errno != EINTR && (errno != EAGAIN || c->hung_up))) {
        c->ended = true;
    }
}

/* Output of a stream in two parts goes on. */
static void chr_fd_unwatch(struct chr_fd *c)
{
    loop_remove(c->loop, c->fd);
    c->pollable = false;
    c->blocked = c->blocked && chr_fd_two(c);
}

/* The other end is gone: a server waits for the next. */
static void chr_fd_closed(struct chr_fd *c)
{
    chr_fd_unwatch(c);
    c->hung_up = false;
    if (c->listen_fd >= 0) {
        close(c->fd);
        c->fd = c->out_fd = -1;
        c->ended = false;
        chr_fd_taken(c, c->used);
        loop_modify(c->loop, c->listen_fd, EPOLLIN);
    }
}

/* After a hang-up: as much as the device takes of what there still is. */
static void chr_fd_drain(void *opaque)
{
    struct chr_fd *c = opaque;

    while (c->hung_up && chr_fd_room(c)) {
        chr_fd_input(c);
    }
    if (c->hung_up && (c->ended || !c->front)) {
        chr_fd_closed(c);
    }
}

/*
 * What was sent before is read when the device asks for it: watched any longer, the descriptor
 * would only report the hang-up again and again. A server's next client need not wait for that.
 */
static void chr_fd_hung_up(struct chr_fd *c)
{
    chr_fd_unwatch(c);
    c->hung_up = true;
    if (c->listen_fd >= 0) {
        loop_modify(c->loop, c->listen_fd, EPOLLIN);
    }
    chr_fd_drain(c);
}

static void chr_fd_ready(void *opaque, uint32_t events)
{
    struct chr_fd *c = opaque;

    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) && c->blocked && !chr_fd_two(c)) {
        c->blocked = false;
        chr_fd_flush(c);
    }
    if (events & EPOLLIN) {
        chr_fd_input(c);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        chr_fd_hung_up(c);
        return;
    }
    if (c->ended && c->listen_fd >= 0) {
        chr_fd_closed(c);
        return;
    }
    chr_fd_rearm(c);
}

static void chr_fd_out_ready(void *opaque, uint32_t events)
{
    struct chr_fd *c = opaque;

    if (events & (EPOLLHUP | EPOLLERR)) {
        loop_remove(c->loop, c->out_fd);
        c->out_pollable = false;
    }
    c->blocked = false;
    chr_fd_flush(c);
    chr_fd_rearm(c);
}

static void chr_fd_accept_input(void *opaque)
{
    struct chr_fd *c = opaque;

    chr_fd_rearm(c);
    if (c->hung_up) { /* not now: the device is in the middle of something */
        loop_defer(c->loop, chr_fd_drain, c);
    }
}

/* Regular files cannot be polled and need not. */
static int chr_fd_watch(struct chr_fd *c, int fd, void (*ready)(void *opaque, uint32_t events),
                        bool *pollable)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    int err = loop_add(c->loop, fd, 0, ready, c);
    *pollable = err == 0;
    return err == -EPERM ? 0 : err;
}

static int chr_fd_open(struct chr_fd *c, int fd, int out_fd)
{
    c->fd = fd;
    c->out_fd = out_fd;
    int err = chr_fd_watch(c, fd, chr_fd_ready, &c->pollable);
    if (!err && fd != out_fd) {
        err = chr_fd_watch(c, out_fd, chr_fd_out_ready, &c->out_pollable);
    }
    return err;
}

static void chr_fd_accept(void *opaque, uint32_t events)
{
    struct chr_fd *c = opaque;
    int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        return;
    }
    if (c->hung_up) {
        chr_fd_closed(c);
    }
    if (c->fd >= 0 || chr_fd_open(c, fd, fd)) {
        close(fd);
        return;
    }
    loop_modify(c->loop, c->listen_fd, 0); /* others wait */
    chr_fd_rearm(c);
}

int chr_fd_init_stream(struct chr_fd *c, struct loop *loop, int fd, int out_fd, int listen_fd)
{
    *c = (struct chr_fd){.chr = {chr_fd_write, chr_fd_accept_input, c},
                         .loop = loop,
                         .fd = -1,
                         .out_fd = -1,
                         .listen_fd = listen_fd};
    int err = fd >= 0 ? chr_fd_open(c, fd, out_fd) : 0;

    if (!err && listen_fd >= 0) {
        err = loop_add(loop, listen_fd, fd >= 0 ? 0 : EPOLLIN, chr_fd_accept, c);
    }
    return err;
}

int chr_fd_init(struct chr_fd *c, struct loop *loop, int fd)
{
    return chr_fd_init_stream(c, loop, fd, fd, -1);
}

void chr_fd_connect(struct chr_fd *c, const struct chr_front *front)
{
    c->front = front;
    chr_fd_rearm(c);
}
