/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chr_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_CHUNK 64

/* What to wait for follows from what both sides can do now; nothing is watched that would spin. */
static void chr_fd_rearm(struct chr_fd *c)
{
    bool input = c->front && c->front->can_receive && c->front->can_receive(c->front->opaque) > 0;

    if (c->pollable) {
        loop_modify(c->loop, c->fd,
                    (input ? (uint32_t)EPOLLIN : 0) | (c->blocked ? (uint32_t)EPOLLOUT : 0));
    }
}

void chr_fd_flush(struct chr_fd *c)
{
    if (!c->used || c->blocked) {
        return;
    }
    ssize_t n = write(c->fd, c->out, c->used);

    if (n < 0 && errno == EINTR) {
        return;
    }
    if (n < 0 && errno == EAGAIN) {
        c->blocked = true;
        chr_fd_rearm(c);
        return;
    }
    /* A reader that has gone away must not stop the guest: the bytes are lost, as on an open wire.
     */
    size_t gone = n < 0 ? c->used : (size_t)n;
    c->used -= gone;
    memmove(c->out, c->out + gone, c->used);
    if (c->starved) {
        c->starved = false;
        if (c->front && c->front->writable) {
            c->front->writable(c->front->opaque);
        }
    }
}

static void chr_fd_idle(void *opaque)
{
    chr_fd_flush(opaque);
}

static size_t chr_fd_write(void *opaque, const uint8_t *buf, size_t len)
{
    struct chr_fd *c = opaque;

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

static void chr_fd_input(struct chr_fd *c)
{
    uint8_t buf[INPUT_CHUNK];
    size_t room = c->front->can_receive(c->front->opaque);
    ssize_t n = read(c->fd, buf, room < sizeof(buf) ? room : sizeof(buf));

    if (n > 0) {
        c->front->receive(c->front->opaque, buf, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        c->front = NULL; /* end of input */
    }
}

static void chr_fd_ready(void *opaque, uint32_t events)
{
    struct chr_fd *c = opaque;

    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) && c->blocked) {
        c->blocked = false;
        chr_fd_flush(c);
    }
    if ((events & EPOLLIN) && c->front) {
        chr_fd_input(c);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        loop_remove(c->loop, c->fd);
        c->pollable = false;
        return;
    }
    chr_fd_rearm(c);
}

static void chr_fd_accept_input(void *opaque)
{
    chr_fd_rearm(opaque);
}

int chr_fd_init(struct chr_fd *c, struct loop *loop, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    *c = (struct chr_fd){.chr = {chr_fd_write, chr_fd_accept_input, c}, .loop = loop, .fd = fd};
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    int err = loop_add(loop, fd, 0, chr_fd_ready, c);
    c->pollable = err == 0;
    return err == -EPERM ? 0 : err; /* regular files cannot be polled and need not */
}

void chr_fd_connect(struct chr_fd *c, const struct chr_front *front)
{
    c->front = front;
    chr_fd_rearm(c);
}
