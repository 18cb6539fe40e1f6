/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PNG files by libpng. Pixels are read, not mapped: the device model could shrink what is mapped.
 */
#include "picture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#define MAX_SIDE 16384

struct picture {
    unsigned width;
    unsigned height;
    size_t stride;
    int fd;
};

static bool picture_parse(struct picture *p, json_t *reply, int fd)
{
    if (fd < 0) {
        return false;
    }
    gint64 width = qmp_member_int(reply, "width", -1);
    gint64 height = qmp_member_int(reply, "height", -1);
    gint64 stride = qmp_member_int(reply, "stride", -1);
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE || stride < width * 4 ||
        stride > MAX_SIDE * 16) {
        return false;
    }
    *p = (struct picture){(unsigned)width, (unsigned)height, (size_t)stride, fd};
    return true;
}

static bool row_read(const struct picture *p, unsigned y, uint8_t *row)
{
    size_t len = (size_t)p->width * 4;
    off_t at = (off_t)(p->stride * y);
    while (len > 0) {
        ssize_t n = pread(p->fd, row, len, at);
        if (n <= 0) {
            return false;
        }
        row += n;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* No local variable lives across the longjmp. */
static bool rows_write(png_structp png, png_infop info, const struct picture *p, FILE *file,
                       uint8_t *row)
{
    if (setjmp(png_jmpbuf(png))) {
        return false;
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, p->width, p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    png_set_bgr(png); /* XRGB8888 lies in memory as B, G, R, X */
    png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (unsigned y = 0; y < p->height; y++) {
        if (!row_read(p, y, row)) {
            return false;
        }
        png_write_row(png, row);
    }
    png_write_end(png, info);
    return true;
}

static bool picture_write(const struct picture *p, FILE *file)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *row = g_malloc((size_t)p->width * 4);
    bool good = info && rows_write(png, info, p, file, row);
    g_free(row);
    png_destroy_write_struct(&png, &info);
    return good;
}

static FILE *temporary_open(char *path)
{
    int fd = mkostemp(path, O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && !file) {
        close(fd);
    }
    if (file) {
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, 0666 & ~mask);
    }
    return file;
}

bool picture_save(const char *path, json_t *reply, int fd, GError **error)
{
    struct picture p;
    if (!picture_parse(&p, reply, fd)) {
        qmp_set_error(error, QMP_GENERIC_ERROR, "the device model sent no picture");
        return false;
    }
    g_autofree char *temporary = g_strdup_printf("%s.XXXXXX", path);
    FILE *file = temporary_open(temporary);
    if (!file) {
        qmp_set_error(error, QMP_GENERIC_ERROR, "%s: %s", path, strerror(errno));
        return false;
    }
    errno = EIO;
    bool good = picture_write(&p, file);
    good = fclose(file) == 0 && good;
    if (!good || rename(temporary, path) < 0) {
        qmp_set_error(error, QMP_GENERIC_ERROR, "%s: %s", path, strerror(errno));
        unlink(temporary);
        return false;
    }
    return true;
}
