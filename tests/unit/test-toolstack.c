/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the toolstack that need no process: names of keys and of guests, pictures, counters. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <png.h>

#include "keys.h"
#include "options.h"
#include "picture.h"
#include "stats.h"

static char *keys_text(const char *text)
{
    g_autofree char *wrong = NULL;
    json_t *keys = keys_parse(text, &wrong);
    if (!keys) {
        return g_strdup_printf("!%s", wrong);
    }
    char *s = json_dumps(keys, JSON_COMPACT);
    json_decref(keys);
    return s;
}

static void test_keys(void)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"a", "[{\"type\":\"qcode\",\"data\":\"a\"}]"},
        {"Z", "[{\"type\":\"qcode\",\"data\":\"z\"}]"},
        {"0", "[{\"type\":\"qcode\",\"data\":\"0\"}]"},
        {"9", "[{\"type\":\"qcode\",\"data\":\"9\"}]"},
        {"enter", "[{\"type\":\"qcode\",\"data\":\"ret\"}]"},
        {" ", "[{\"type\":\"qcode\",\"data\":\"spc\"}]"},
        {"/", "[{\"type\":\"qcode\",\"data\":\"slash\"}]"},
        {"-", "[{\"type\":\"qcode\",\"data\":\"minus\"}]"},
        {"ctrl-f12",
         "[{\"type\":\"qcode\",\"data\":\"ctrl\"},{\"type\":\"qcode\",\"data\":\"f12\"}]"},
        {"", "!"},
        {"ab", "!ab"},
        {"ctrl-", "!"},
        {"-ctrl", "!"},
        {"0x1e", "!0x1e"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *got = keys_text(rows[i].text);
        g_assert_cmpstr(got, ==, rows[i].want);
    }
}

static void test_names(void)
{
    static const char *const good[] = {"a", "7", "vm-1.x_Y", "A-------"};
    static const char *const bad[] = {"", ".", "..", "-a", ".a", "a/b", "a b", "\xc3\xa4", "a\n"};
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(name_valid(good[i]));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(name_valid(bad[i]));
    }
    char name[50];
    memset(name, 'x', sizeof(name));
    name[48] = 0;
    g_assert_true(name_valid(name));
    name[48] = 'x';
    name[49] = 0;
    g_assert_false(name_valid(name));
}

static json_t *size_node(gint64 width, gint64 height, gint64 stride)
{
    g_autofree char *text =
        g_strdup_printf("{\"width\": %" G_GINT64_FORMAT ", \"height\": %" G_GINT64_FORMAT
                        ", \"stride\": %" G_GINT64_FORMAT "}",
                        width, height, stride);
    return json_loads(text, 0, NULL);
}

/* Bytes in memory are B, G, R, unused; what libpng reads back is R, G, B. */
static void test_picture(void)
{
    static const uint8_t pixels[2][3][4] = {{{1, 2, 3, 99}, {4, 5, 6, 99}, {77, 77, 77, 77}},
                                            {{7, 8, 9, 99}, {250, 251, 252, 99}}};
    static const uint8_t want[] = {3, 2, 1, 6, 5, 4, 9, 8, 7, 252, 251, 250};
    g_autofree char *dir = g_dir_make_tmp("cleave-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "a.png", NULL);
    int fd = memfd_create("pixels", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, pixels, sizeof(pixels)), ==, sizeof(pixels));
    json_t *size = size_node(2, 2, 12);
    GError *error = NULL;
    g_assert_true(picture_save(path, size, fd, &error));
    g_assert_no_error(error);
    json_decref(size);

    png_image image = {.version = PNG_IMAGE_VERSION};
    uint8_t got[sizeof(want)];
    g_assert_true(png_image_begin_read_from_file(&image, path));
    g_assert_cmpuint(image.width, ==, 2);
    g_assert_cmpuint(image.height, ==, 2);
    image.format = PNG_FORMAT_RGB;
    g_assert_true(png_image_finish_read(&image, NULL, got, 0, NULL));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    g_unlink(path);

    /* Sizes that the memory does not have, or nobody's screen. */
    static const gint64 bad[][3] = {{2, 3, 12},       {4, 2, 12}, {0, 2, 12},      {2, -1, 12},
                                    {1 << 20, 1, 12}, {2, 2, 7},  {2, 2, 1 << 30}, {2, 16385, 12}};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        size = size_node(bad[i][0], bad[i][1], bad[i][2]);
        g_assert_false(picture_save(path, size, fd, &error));
        g_assert_nonnull(error);
        g_clear_error(&error);
        json_decref(size);
    }
    close(fd);
    g_assert_cmpint(g_rmdir(dir), ==, 0); /* no half-written file */
}

static void test_stats(void)
{
    int fd = memfd_create("stats", MFD_CLOEXEC);
    struct stats_page head = {STATS_MAGIC, STATS_VERSION, 2};
    GError *error = NULL;
    g_assert_cmpint(write(fd, &head, sizeof(head)), ==, sizeof(head));
    g_assert_null(stats_read(fd, &error)); /* cut off */
    g_clear_error(&error);
    g_assert_cmpint(ftruncate(fd, sizeof(head) + 2 * sizeof(struct stats_vcpu)), ==, 0);
    struct stats_page *s = stats_read(fd, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(s->nvcpus, ==, 2);
    g_free(s);
    head.nvcpus = 0xffffffff;
    g_assert_cmpint(pwrite(fd, &head, sizeof(head), 0), ==, sizeof(head));
    g_assert_null(stats_read(fd, &error));
    g_clear_error(&error);
    head = (struct stats_page){STATS_MAGIC + 1, STATS_VERSION, 2};
    g_assert_cmpint(pwrite(fd, &head, sizeof(head), 0), ==, sizeof(head));
    g_assert_null(stats_read(fd, &error));
    g_clear_error(&error);
    g_assert_null(stats_read(-1, &error));
    g_clear_error(&error);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/toolstack/keys", test_keys);
    g_test_add_func("/toolstack/names", test_names);
    g_test_add_func("/toolstack/picture", test_picture);
    g_test_add_func("/toolstack/stats", test_stats);
    return g_test_run();
}
