/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks one qtest request after another for some seconds and prints how many per second were
 * answered:
 *
 *     qtest_client SOCKET SECONDS REQUEST     listens; the program under test connects
 *     qtest_client echo SECONDS REQUEST       the same against a child that answers at once
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int client_wait(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0) {
        fail(path);
    }
    int client = accept(fd, NULL, NULL);
    if (client < 0) {
        fail("accept");
    }
    return client;
}

static int client_echo(void)
{
    char buf[4096];
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0) {
        fail("socketpair");
    }
    if (fork() == 0) {
        close(fd[0]);
        while (read(fd[1], buf, sizeof(buf)) > 0) {
            if (write(fd[1], "OK 0x0000\n", 10) != 10) {
                break;
            }
        }
        _exit(0);
    }
    close(fd[1]);
    return fd[0];
}

static void ask(int fd, const char *line, size_t len)
{
    char buf[4096];

    if (write(fd, line, len) != (ssize_t)len) {
        fail("write");
    }
    do {
        ssize_t n = read(fd, buf, sizeof(buf));

        if (n <= 0) {
            fail("read");
        }
        if (buf[n - 1] == '\n') {
            return;
        }
    } while (1);
}

int main(int argc, char **argv)
{
    char line[256];
    unsigned long n = 0;

    if (argc != 4) {
        fprintf(stderr, "usage: qtest_client SOCKET|echo SECONDS REQUEST\n");
        return 2;
    }
    int fd = strcmp(argv[1], "echo") ? client_wait(argv[1]) : client_echo();
    int len = snprintf(line, sizeof(line), "%s\n", argv[3]);
    double seconds = atof(argv[2]);

    for (int i = 0; i < 1000; i++) {
        ask(fd, line, (size_t)len);
    }
    double start = now();
    while (now() - start < seconds) {
        for (int i = 0; i < 100; i++, n++) {
            ask(fd, line, (size_t)len);
        }
    }
    printf("%.0f\n", (double)n / (now() - start));
    close(fd);
    return 0;
}
