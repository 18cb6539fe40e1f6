/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor socket and log against entries RES-03 and RES-04 of the catalogue in docs/security.md. */
#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "qmp.h"

/* --- RES-03 --- */

static unsigned lines_in(int fd, size_t *bytes)
{
    static char buf[1 << 16];
    unsigned lines = 0;
    ssize_t n;

    *bytes = 0;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        *bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++) {
            lines += buf[i] == '\n';
        }
    }
    return lines;
}

/* Half a million events that a guest can cause, from two places: lines and bytes are few. */
static void test_log(void)
{
    struct log_limit limit[2] = {{0}};
    size_t bytes;
    char text[4096];
    int fd = memfd_create("log", MFD_CLOEXEC);

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    log_init("test", fd, LOG_WARN);
    for (unsigned n = 0; n < 250000; n++) {
        log_limited(&limit[0], LOG_WARN, "port %x: %s", n, text);
        log_limited(&limit[1], LOG_WARN, "again");
    }
    /* Two windows at most in the time that this takes on a slow machine; a line is 1024 bytes. */
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_assert_cmpuint(lines_in(fd, &bytes), <=, 200);
    g_assert_cmpuint(bytes, <=, 200 * 1024);
    g_assert_cmpuint(bytes, >, 10 * 1000);
    log_init("test", -1, LOG_WARN);
    close(fd);
}

/* --- RES-04 --- */

static json_t *do_nothing(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                          GError **error)
{
    ++*(unsigned *)opaque;
    return NULL;
}

static const struct qmp_command commands[] = {{"nothing", do_nothing}, {NULL, NULL}};

static unsigned open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

/* One message with as many descriptors as the kernel lets pass, some of them twice. */
static void send_with_files(int peer, const char *text, unsigned nfds)
{
    union {
        struct cmsghdr hdr;
        char bytes[CMSG_SPACE(250 * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(nfds * sizeof(int))};

    control.hdr.cmsg_level = SOL_SOCKET;
    control.hdr.cmsg_type = SCM_RIGHTS;
    control.hdr.cmsg_len = CMSG_LEN(nfds * sizeof(int));
    for (unsigned i = 0; i < nfds; i++) {
        memcpy(CMSG_DATA(&control.hdr) + i * sizeof(int), &(int){0}, sizeof(int));
    }
    g_assert_cmpint(sendmsg(peer, &msg, 0), ==, (ssize_t)strlen(text));
}

/* Descriptors that no command wanted, with whole messages, pieces and rubbish: all closed again. */
static void test_descriptors(void)
{
    static const char *const texts[] = {"{\"execute\":\"nothing\"}",
                                        "{\"execute\":",
                                        "\"nothing\"}",
                                        "\n",
                                        "{\"execute\":\"no\"}",
                                        "x\n"};
    unsigned called = 0, before;
    char buf[65536];
    int s[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), ==, 0);
    struct qmp *q = qmp_server_new(s[1], "test", commands, &called);

    send_with_files(s[0], "{\"execute\":\"qmp_capabilities\"}", 1);
    g_assert_true(qmp_process(q));
    before = open_files();
    for (unsigned n = 0; n < 6000; n++) {
        send_with_files(s[0], texts[n % 6], 1 + n % 250);
        g_assert_true(qmp_process(q));
        while (recv(s[0], buf, sizeof(buf), MSG_DONTWAIT) > 0) {
        }
        g_assert_cmpuint(open_files(), <=, before + QMP_MAX_FDS);
    }
    send_with_files(s[0], "\n{\"execute\":\"nothing\"}", 1);
    g_assert_true(qmp_process(q));
    g_assert_cmpuint(called, ==, 2001);
    g_assert_cmpuint(open_files(), <=, before + QMP_MAX_FDS);
    qmp_free(q);
    close(s[0]);
    g_assert_cmpuint(open_files(), ==, before - 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/RES-03/log-limit", test_log);
    g_test_add_func("/catalogue/RES-04/qmp-descriptors", test_descriptors);
    return g_test_run();
}
