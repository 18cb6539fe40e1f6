/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP framing over a socketpair: pieces, several commands at once, ids, descriptors, hostile input.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>
#include "qmp.h"

struct fixture {
    int peer;
    struct qmp *server;
    unsigned echoed;
    unsigned fds_seen;
    bool alive;
};

static json_t *do_echo(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    struct fixture *f = opaque;
    f->echoed++;
    f->fds_seen += in->n;
    return json_incref(args);
}

static json_t *do_fail(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    g_set_error(error, g_quark_from_static_string("test"), 1, "it \"failed\"\n");
    return NULL;
}

/* Answers with a memfd that holds what came in the first descriptor. */
static json_t *do_swap(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    g_assert_cmpuint(in->n, ==, 1);
    out->fd[0] = in->fd[0];
    out->n = 1;
    out->close = true;
    in->n = 0;
    return NULL;
}

static const struct qmp_command commands[] = {
    {"echo", do_echo}, {"fail", do_fail}, {"swap", do_swap}, {NULL, NULL}};

static void set_up(struct fixture *f, gconstpointer data)
{
    int s[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), ==, 0);
    f->peer = s[0];
    f->server = qmp_server_new(s[1], "test 1", commands, f);
    f->alive = true;
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    qmp_free(f->server);
    close(f->peer);
}

static void put_bytes(struct fixture *f, const char *s, size_t len)
{
    while (len > 0) {
        ssize_t n = send(f->peer, s, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            s += n;
            len -= (size_t)n;
        } else if (!f->alive) {
            return;
        }
        f->alive = f->alive && qmp_process(f->server);
    }
}

static void put(struct fixture *f, const char *s)
{
    put_bytes(f, s, strlen(s));
}

/* All that the server said since the last call. */
static char *take(struct fixture *f)
{
    GString *s = g_string_new(NULL);
    char buf[4096];
    ssize_t n;
    while ((n = recv(f->peer, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
        g_string_append_len(s, buf, n);
        if (f->alive) {
            f->alive = qmp_process(f->server);
        }
    }
    return g_string_free(s, FALSE);
}

static void expect(struct fixture *f, const char *want)
{
    g_autofree char *got = take(f);
    g_assert_cmpstr(got, ==, want);
}

static void expect_part(struct fixture *f, const char *want)
{
    g_autofree char *got = take(f);
    if (!strstr(got, want)) {
        g_test_message("got %s", got);
    }
    g_assert_nonnull(strstr(got, want));
}

static void negotiate(struct fixture *f)
{
    put(f, "{\"execute\":\"qmp_capabilities\"}");
    expect_part(f, "{\"return\":{}}\r\n");
}

static void test_greeting(struct fixture *f, gconstpointer data)
{
    expect(f, "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2,\"micro\":0},"
              "\"package\":\"test 1\"},\"capabilities\":[]}}\r\n");
    put(f, "{\"execute\":\"echo\",\"id\":1}\n");
    expect_part(f, "\"class\":\"CommandNotFound\"");
    g_assert_cmpuint(f->echoed, ==, 0);
    negotiate(f);
    put(f, "{\"execute\":\"qmp_capabilities\",\"id\":2}");
    expect_part(f, "already complete");
}

static void test_framing(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    const char *two = " {\"execute\":\"echo\",\"arguments\":{\"a\":\"}{\\\"[\"},\"id\":7}\r\n"
                      "{\"execute\":\"echo\",\"id\":\"x\"}{\"id\":[null,1.5],\"execute\":\"echo\"}";
    const char *answer = "{\"return\":{\"a\":\"}{\\\"[\"},\"id\":7}\r\n"
                         "{\"return\":{},\"id\":\"x\"}\r\n"
                         "{\"return\":{},\"id\":[null,1.5]}\r\n";
    put(f, two);
    expect(f, answer);
    for (const char *p = two; *p; p++) {
        put_bytes(f, p, 1);
    }
    expect(f, answer);
    g_assert_cmpuint(f->echoed, ==, 6);
}

static void test_errors(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    put(f, "{\"execute\":\"fail\",\"id\":3}");
    expect(
        f,
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"it \\\"failed\\\"\\n\"},\"id\":3}\r\n");
    put(f, "{\"execute\":\"nothing\"}");
    expect(f, "{\"error\":{\"class\":\"CommandNotFound\","
              "\"desc\":\"The command nothing has not been found\"}}\r\n");
    static const char *const bad[] = {
        "{}",         "[]", "{\"execute\":1}", "{\"execute\":\"echo\",\"arguments\":[]}",
        "nonsense\n", "{]", "{\"execute\":}",  "{\"execute\":\"echo\",\"extra\":1}",
        "}\n",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        put(f, bad[i]);
        expect_part(f, "\"class\":\"GenericError\"");
    }
    put(f, "{\"execute\":\"echo\",\"arguments\":{\"a\":\"\xff\"}}");
    expect_part(f, "\"class\":\"GenericError\"");
    put_bytes(f, "{\"execute\":\"ec\0ho\"}", 19);
    expect_part(f, "\"class\":\"GenericError\"");
    put(f, "{\"execute\":\"echo\"}");
    expect(f, "{\"return\":{}}\r\n");
    g_assert_true(f->alive);
}

static void test_depth(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    g_autoptr(GString) s = g_string_new("{\"execute\":\"echo\",\"id\":");
    for (unsigned i = 0; i < 100000; i++) {
        g_string_append_c(s, '[');
    }
    put(f, s->str);
    expect_part(f, "too deeply nested");
    g_assert_false(f->alive);
}

static void test_length(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    g_autofree char *spaces = g_malloc(1u << 20);
    memset(spaces, 'x', 1u << 20);
    put(f, "{\"execute\":\"echo\",\"id\":\"");
    put_bytes(f, spaces, 1000000);
    put(f, "\"}");
    expect_part(f, "xxx\"}\r\n");
    g_assert_true(f->alive);
    put(f, "{\"execute\":\"echo\",\"id\":\"");
    put_bytes(f, spaces, 1u << 20);
    g_assert_false(f->alive);
}

/* A peer that never reads is given up before the server's memory is. */
static void test_unread(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    g_autofree char *x = g_strnfill(500000, 'x');
    g_autofree char *command = g_strdup_printf("{\"execute\":\"echo\",\"id\":\"%s\"}", x);
    for (unsigned i = 0; i < 20 && f->alive; i++) {
        put(f, command);
    }
    g_assert_false(f->alive);
    g_assert_cmpuint(f->echoed, >, 4);
    g_assert_cmpuint(f->echoed, <, 14);
}

static void test_peer_gone(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    put(f, "{\"execute\":\"ec");
    shutdown(f->peer, SHUT_RDWR);
    g_assert_false(qmp_process(f->server));
    qmp_event(f->server, "LATE", NULL);
    g_assert_false(qmp_wants_write(f->server));
}

/* Strings in single quotes, what they may hold, and where a message ends in spite of it. */
static void test_quotes(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    put(f, "{'execute':'echo','arguments':{'a':'}\"','b':\"'{\",'c':'\\'\\\\','d':\"\\'\"}}");
    expect(f, "{\"return\":{\"a\":\"}\\\"\",\"b\":\"'{\",\"c\":\"'\\\\\",\"d\":\"'\"}}\r\n");
    put(f, "{'execute':'echo\"}");
    expect(f, "");
    put(f, "'}");
    expect_part(f, "CommandNotFound");
}

static void test_event(struct fixture *f, gconstpointer data)
{
    qmp_event(f->server, "EARLY", NULL);
    negotiate(f);
    json_t *o = json_object();
    json_object_set_new(o, "value", json_integer(5));
    qmp_event(f->server, "DEBUG_EXIT", o);
    g_autofree char *got = take(f);
    g_assert_true(g_str_has_prefix(got, "{\"event\":\"DEBUG_EXIT\",\"timestamp\":{\"seconds\":"));
    g_assert_true(g_str_has_suffix(got, "},\"data\":{\"value\":5}}\r\n"));
    g_assert_null(strstr(got, "EARLY"));
}

static void put_with_fds(struct fixture *f, const char *s, unsigned n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control = {0};
    struct iovec iov = {(char *)s, strlen(s)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes};
    msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    for (unsigned i = 0; i < n; i++) {
        int fd = STDERR_FILENO;
        memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
    }
    g_assert_cmpint(sendmsg(f->peer, &msg, MSG_NOSIGNAL), ==, (ssize_t)iov.iov_len);
}

static unsigned fds_open(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* The message that began the read's last piece gets them; nobody keeps what was not taken. */
static void test_fds(struct fixture *f, gconstpointer data)
{
    negotiate(f);
    unsigned before = fds_open();
    const char *fail = "{\"execute\":\"fail\"}";
    g_assert_cmpint(send(f->peer, fail, strlen(fail), 0), ==, (ssize_t)strlen(fail));
    put_with_fds(f, "{", 2);
    put(f, "\"execute\":\"echo\"}");
    g_assert_cmpuint(f->fds_seen, ==, 2);
    g_assert_cmpuint(fds_open(), ==, before);

    put_with_fds(f, " ", 1);
    put(f, "{\"execute\":\"echo\"}{\"execute\":\"echo\"}");
    g_assert_cmpuint(f->fds_seen, ==, 3);
    put_with_fds(f, "{\"execute\":\"echo\"}", 12);
    put(f, "{\"execute\":\"echo\"}");
    g_assert_cmpuint(f->fds_seen, ==, 3 + QMP_MAX_FDS);
    for (unsigned i = 0; i < 20; i++) {
        put_with_fds(f, "{\"execute\":\"nothing\"}", 3);
    }
    put_with_fds(f, "{\"execute", 3);
    g_assert_true(qmp_process(f->server));
    g_assert_cmpuint(fds_open(), <=, before + 3);
}

/* Any bytes at all: no crash, no critical message (fatal under GLib's tests), no growth. */
static void test_random(struct fixture *f, gconstpointer data)
{
    static const char *const words[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"execute\"",
        "\"echo\"",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "1e999",
        "-",
        "null",
        "\"arguments\"",
        "true",
        "\n",
        "//",
        "/*",
        "'",
        "\xff",
        "\"id\"",
        "{\"execute\":\"echo\",\"arguments\":{",
        "}}",
        "0x1f",
        "var",
        "=",
        "99999999999999999999",
        "1.",
        ";",
        "\t",
    };
    for (unsigned round = 0; round < 400; round++) {
        tear_down(f, NULL);
        set_up(f, NULL);
        g_autoptr(GString) s = g_string_new("{\"execute\":\"qmp_capabilities\"}");
        unsigned n = (unsigned)g_test_rand_int_range(1, 60);
        for (unsigned i = 0; i < n; i++) {
            g_string_append(s, words[g_test_rand_int_range(0, G_N_ELEMENTS(words))]);
        }
        put(f, s->str);
        g_autofree char *got = take(f);
    }
}

/* Client against server, each in its own thread as in two processes. */
static gpointer serve(gpointer opaque)
{
    struct qmp *q = opaque;
    bool alive = true;
    while (alive) {
        struct pollfd p = {qmp_fd(q), (short)(POLLIN | (qmp_wants_write(q) ? POLLOUT : 0)), 0};
        poll(&p, 1, -1);
        alive = qmp_process(q);
    }
    qmp_free(q);
    return NULL;
}

static json_t *do_quit(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    struct qmp **server = opaque;
    qmp_event(*server, "SHUTDOWN", NULL);
    return NULL;
}

static void on_event(void *opaque, const char *event, json_t *data)
{
    g_assert_nonnull(data);
    g_string_append((GString *)opaque, event);
}

static const struct qmp_command client_commands[] = {
    {"swap", do_swap}, {"fail", do_fail}, {"quit", do_quit}, {NULL, NULL}};

static void test_client(void)
{
    int s[2];
    struct qmp *server;
    g_autoptr(GString) events = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), ==, 0);
    server = qmp_server_new(s[1], "test", client_commands, &server);
    GThread *t = g_thread_new("server", serve, server);
    struct qmp *q = qmp_client_new(s[0], on_event, events, 5000, &error);
    g_assert_no_error(error);

    unsigned before = fds_open();
    int memfd = memfd_create("data", MFD_CLOEXEC);
    g_assert_cmpint(write(memfd, "hello", 5), ==, 5);
    struct qmp_fds send = {.fd = {memfd}, .n = 1}, got;
    json_t *r = qmp_call(q, "swap", NULL, &send, &got, 5000, &error);
    g_assert_no_error(error);
    json_decref(r);
    g_assert_cmpuint(got.n, ==, 1);
    char text[6] = "";
    g_assert_cmpint(pread(got.fd[0], text, 5, 0), ==, 5);
    g_assert_cmpstr(text, ==, "hello");
    close(got.fd[0]);
    close(memfd);
    r = qmp_call(q, "quit", NULL, NULL, NULL, 5000, &error); /* the server has closed by now */
    json_decref(r);
    g_assert_cmpuint(fds_open(), ==, before);
    g_string_truncate(events, 0);

    g_assert_null(qmp_call(q, "fail", NULL, NULL, NULL, 5000, &error));
    g_assert_cmpstr(error->message, ==, "it \"failed\"\n");
    g_clear_error(&error);
    r = qmp_call(q, "quit", NULL, NULL, NULL, 5000, &error);
    g_assert_no_error(error);
    json_decref(r);
    g_assert_cmpstr(events->str, ==, "SHUTDOWN");
    qmp_free(q);
    g_thread_join(t);
}

/* A silent peer, and one that goes away in the middle, are errors with a text. */
static void test_client_alone(void)
{
    int s[2];
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), ==, 0);
    g_assert_null(qmp_client_new(s[0], NULL, NULL, 50, &error));
    g_assert_cmpstr(error->message, ==, "no answer in time");
    g_clear_error(&error);
    close(s[1]);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), ==, 0);
    g_assert_cmpint(send(s[1], "{\"QMP\":{}}", 10, 0), ==, 10);
    close(s[1]);
    g_assert_null(qmp_client_new(s[0], NULL, NULL, 5000, &error));
    g_assert_cmpstr(error->message, ==, "the connection was closed");
}

#define FIXTURE_TEST(name)                                                                         \
    g_test_add("/qmp/" #name, struct fixture, NULL, set_up, test_##name, tear_down)
#define CATALOGUE_TEST(id, name)                                                                   \
    g_test_add("/catalogue/" id, struct fixture, NULL, set_up, test_##name, tear_down)

/* Members of any type: null and numbers where a string is expected ended in strcmp(NULL). */
static void test_member_types(void)
{
    static const char *const values[] = {"null", "1", "true", "1.5", "[]", "{}", "\"x\""};

    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *text = g_strdup_printf("{\"m\": %s}", values[i]);
        json_auto_t *o = json_loads(text, 0, NULL);

        g_assert_cmpstr(qmp_member_string(o, "m", "none"), ==, i == 6 ? "x" : "none");
        g_assert_cmpint(qmp_member_int(o, "m", -1), ==, i == 1 ? 1 : -1);
        g_assert_cmpint(qmp_member_bool(o, "m", false), ==, i == 2);
        g_assert_true(!qmp_member_array(o, "m") == (i != 4));
        g_assert_true(!qmp_member_object(o, "m") == (i != 5));
        g_assert_cmpstr(qmp_member_string(o, "n", "none"), ==, "none");
    }
    g_assert_cmpstr(qmp_member_string(NULL, "m", "none"), ==, "none");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST(greeting);
    FIXTURE_TEST(framing);
    FIXTURE_TEST(errors);
    FIXTURE_TEST(quotes);
    CATALOGUE_TEST("RES-04/qmp-depth", depth);
    CATALOGUE_TEST("RES-04/qmp-length", length);
    CATALOGUE_TEST("RES-04/qmp-unread", unread);
    FIXTURE_TEST(peer_gone);
    FIXTURE_TEST(event);
    FIXTURE_TEST(fds);
    FIXTURE_TEST(random);
    g_test_add_func("/qmp/client", test_client);
    g_test_add_func("/qmp/client_alone", test_client_alone);
    g_test_add_func("/qmp/member-types", test_member_types);
    return g_test_run();
}
