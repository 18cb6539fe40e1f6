/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run directory of a guest. */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>

#include "log.h"
#include "options.h"

#define LOCK_WAIT_MS 1000 /* a janitor that is just cleaning up */

const char *rundir_base(void)
{
    static char *base;
    if (!base) {
        const char *xdg = g_getenv("XDG_RUNTIME_DIR");
        if (geteuid() == 0) {
            base = g_strdup("/run/cleave");
        } else if (xdg && xdg[0] == '/') {
            base = g_strdup_printf("%s/cleave", xdg);
        } else {
            die("XDG_RUNTIME_DIR: is not set; set it to a directory of your own "
                "(as login sessions do: /run/user/%u)",
                geteuid());
        }
    }
    return base;
}

char *rundir_control(const char *name)
{
    return g_strdup_printf("%s/%s/control", rundir_base(), name);
}

bool unix_address(struct sockaddr_un *a, const char *path)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(a->sun_path)) {
        return false;
    }
    memcpy(a->sun_path, path, strlen(path) + 1);
    return true;
}

static void directory_make(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        die("run directory %s: %s; make its parent writable or set XDG_RUNTIME_DIR", path,
            strerror(errno));
    }
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
        die("run directory %s: is not a directory of yours; remove it", path);
    }
}

/* Locks the file that has the name now: 0, or EAGAIN (somebody else has it), or ESTALE (removed).
 */
static int lock_try(const char *path, int *fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat now, ours;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0) {
        return errno == ENOENT ? ESTALE : errno;
    }
    int error = 0;
    if (fcntl(*fd, F_OFD_SETLK, &lock) < 0) {
        error = errno == EACCES ? EAGAIN : errno;
    } else if (stat(path, &now) < 0 || fstat(*fd, &ours) < 0 || now.st_ino != ours.st_ino ||
               now.st_dev != ours.st_dev) {
        error = ESTALE;
    }
    if (error) {
        close(*fd);
        *fd = -1;
    }
    return error;
}

_Noreturn static void name_in_use(const char *name, const char *lock_path)
{
    g_autofree char *pid = NULL;
    if (g_file_get_contents(lock_path, &pid, NULL, NULL)) {
        g_strstrip(pid);
    }
    die("--name %s: in use by the guest of process %.20s; choose another, or `cleave destroy %s`",
        name, pid && pid[0] ? pid : "?", name);
}

void rundir_create(struct rundir *r, const char *name)
{
    r->path = g_strdup_printf("%s/%s", rundir_base(), name);
    r->control = rundir_control(name);
    g_autofree char *lock_path = g_strdup_printf("%s/lock", r->path);
    struct sockaddr_un a;
    if (!unix_address(&a, r->control)) {
        die("--name %s: %s is too long for a socket; use a shorter name or XDG_RUNTIME_DIR", name,
            r->control);
    }
    directory_make(rundir_base());
    int error = EAGAIN;
    for (int waited = 0; error && waited < LOCK_WAIT_MS; waited += 20) {
        directory_make(r->path);
        error = lock_try(lock_path, &r->lock_fd);
        if (error && error != EAGAIN && error != ESTALE) {
            die("run directory %s: %s; remove it", r->path, strerror(error));
        }
        if (error) {
            g_usleep(20000);
        }
    }
    if (error) {
        name_in_use(name, lock_path);
    }
    /* What a dead guest left. */
    unlink(r->control);
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%d\n", getpid());
    if (ftruncate(r->lock_fd, 0) < 0 || pwrite(r->lock_fd, pid, (size_t)len, 0) != len) {
        log_warn("%s: %s", lock_path, strerror(errno));
    }
}

int rundir_listen(const struct rundir *r)
{
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    bool good = fd >= 0 && unix_address(&a, r->control) &&
                bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 16) == 0;
    umask(mask);
    if (!good) {
        die("control socket %s: %s; make its directory writable", r->control, strerror(errno));
    }
    return fd;
}

void rundir_remove(struct rundir *r)
{
    if (!r->path) {
        return;
    }
    g_autofree char *lock_path = g_strdup_printf("%s/lock", r->path);
    unlink(r->control);
    unlink(lock_path);
    rmdir(r->path);
    close(r->lock_fd);
    g_clear_pointer(&r->path, g_free);
    g_clear_pointer(&r->control, g_free);
}
