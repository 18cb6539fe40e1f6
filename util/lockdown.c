/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#define NAMESPACES  (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define MOUNT_POINT "/proc" /* exists everywhere; covered only in the namespace that is left */
#define MAX_TASKS   128     /* io_uring's and KVM's helpers count as the process's own */

bool lockdown_possible(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
    return false;
#else
    return true;
#endif
#else
    return true;
#endif
}

/* --- the user --- */

struct user {
    uid_t uid;
    gid_t gid;
};

/* UID:GID, or a name. */
static bool user_find(const char *text, struct user *u)
{
    char *end = NULL;
    unsigned long uid = strtoul(text, &end, 10);

    if (end != text && *end == ':' && end[1] >= '0' && end[1] <= '9') {
        unsigned long gid = strtoul(end + 1, &end, 10);

        *u = (struct user){(uid_t)uid, (gid_t)gid};
        return *end == 0 && uid < UINT32_MAX && gid < UINT32_MAX;
    }
    const struct passwd *p = getpwnam(text);

    if (p) {
        *u = (struct user){p->pw_uid, p->pw_gid};
    }
    return p != NULL;
}

static bool user_become(const struct user *u, const char *text, char *err, size_t size)
{
    if (geteuid() == u->uid && getuid() == u->uid && getegid() == u->gid) {
        return true;
    }
    if (setgroups(0, NULL) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
        setresuid(u->uid, u->uid, u->uid) < 0) {
        snprintf(err, size, "-runas %s: %s; only root can become somebody else", text,
                 strerror(errno));
        return false;
    }
    return true;
}

/* --- namespaces and the root directory --- */

static bool file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) >= 0;

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* In a new user namespace: the user keeps the number that it has outside. */
static void user_map(const struct user *u)
{
    char uid[32], gid[32];

    snprintf(uid, sizeof(uid), "%u %u 1", u->uid, u->uid);
    snprintf(gid, sizeof(gid), "%u %u 1", u->gid, u->gid);
    if (!file_write("/proc/self/setgroups", "deny") || !file_write("/proc/self/uid_map", uid) ||
        !file_write("/proc/self/gid_map", gid)) {
        log_debug("sandbox: no user mapping: %s", strerror(errno));
    }
}

/* With privileges at once, else by way of a user namespace. */
static bool namespaces_enter(bool *own_user)
{
    struct user me = {geteuid(), getegid()};

    *own_user = false;
    if (unshare(NAMESPACES) == 0) {
        return true;
    }
    *own_user = unshare(CLONE_NEWUSER | NAMESPACES) == 0;
    if (*own_user) {
        user_map(&me);
    }
    return *own_user;
}

/* The directory we stand in becomes the root of the mount namespace, what was there goes. */
static int root_switch(void)
{
    if (syscall(SYS_pivot_root, ".", ".") < 0) {
        return chroot(".") < 0 || chdir("/") < 0 ? -errno : 0; /* on an initial ramdisk */
    }
    return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
}

/* In a mount namespace of our own. */
static int root_enter(const char *root)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return -errno;
    }
    const char *at = root ? root : MOUNT_POINT;
    int rc = root ? mount(root, root, NULL, MS_BIND | MS_REC, NULL)
                  : mount("none", at, "tmpfs", MOUNT_FLAGS, "mode=555,size=4k,nr_inodes=1");

    if (rc < 0 || chdir(at) < 0) {
        return -errno;
    }
    rc = root_switch();
    if (rc < 0) {
        return rc;
    }
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MOUNT_FLAGS, NULL) < 0) {
        return -errno;
    }
    return 0;
}

/* Without a mount namespace: a directory that is removed while we stand in it stays empty. */
static int root_chroot(const char *root)
{
    char path[] = "/tmp/cleave-root-XXXXXX";

    if (root) {
        return chroot(root) < 0 || chdir("/") < 0 ? -errno : 0;
    }
    if (!mkdtemp(path)) {
        return -errno;
    }
    int rc = chmod(path, 0555) < 0 || chdir(path) < 0 ? -errno : 0;
    rmdir(path);
    rc = rc ? rc : chroot(".") < 0 ? -errno : 0;
    return rc || chdir("/") == 0 ? rc : -errno;
}

static bool place_enter(const struct lockdown_place *p, bool *own_user, char *err, size_t size)
{
    bool own = namespaces_enter(own_user);
    int refused = own ? 0 : errno;
    int rc = own ? root_enter(p->root) : root_chroot(p->root);

    if (refused) {
        log_info("sandbox: no namespaces: %s", strerror(refused));
    }
    if (rc && p->root) {
        snprintf(err, size, "-chroot %s: %s; give a directory that you may enter as root", p->root,
                 strerror(-rc));
        return false;
    }
    if (rc) {
        log_info("sandbox: no root directory of its own: %s", strerror(-rc));
    }
    return true;
}

/* --- privileges and limits --- */

/* Bounding set and securebits can be changed by the privileged only; others need not. */
static void caps_forbid(uint64_t keep)
{
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (cap > 63 || !(keep >> cap & 1)) {
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        }
    }
    prctl(PR_SET_SECUREBITS,
          SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
              SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
              SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
          0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int lockdown_drop_caps(uint64_t keep)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct cap[2];

    caps_forbid(keep);
    if (syscall(SYS_capget, &head, cap) < 0) {
        return -errno;
    }
    for (unsigned i = 0; i < 2; i++) {
        uint32_t mask = cap[i].permitted & (uint32_t)(keep >> 32 * i);

        cap[i].effective = cap[i].permitted = mask;
        cap[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, cap) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    return 0;
}

static void limit_set(int which, const char *name, uint64_t value)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)which, &now) == 0 && now.rlim_max < value) {
        value = now.rlim_max;
    }
    if (setrlimit((__rlimit_resource_t)which, &(struct rlimit){value, value}) < 0) {
        log_info("sandbox: no limit of %s: %s", name, strerror(errno));
    }
}

static uint64_t memory_mapped(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f) {
        if (fscanf(f, "%llu", &pages) != 1) {
            pages = 0;
        }
        fclose(f);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The number of tasks is counted per user: a limit is fair only where the user is our own. */
static void limits_set(const struct lockdown_place *p, uint64_t mapped, bool own_user)
{
    limit_set(RLIMIT_CORE, "core files", 0);
    limit_set(RLIMIT_MSGQUEUE, "message queues", 0);
    limit_set(RLIMIT_FSIZE, "file sizes", p->file_size);
    limit_set(RLIMIT_NOFILE, "open files", p->files);
    if (p->memory && mapped) {
        limit_set(RLIMIT_AS, "memory", mapped + p->memory);
    }
    if (own_user) {
        limit_set(RLIMIT_NPROC, "tasks", MAX_TASKS);
    }
}

/* --- both steps --- */

bool lockdown_isolate(const struct lockdown_place *p, char *err, size_t size)
{
    struct user user = {geteuid(), getegid()};
    uint64_t mapped = memory_mapped();
    bool own_user;
    int death = 0;

    prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0);
    if (p->runas && !user_find(p->runas, &user)) {
        snprintf(err, size, "-runas %s: no such user; give a name or UID:GID", p->runas);
        return false;
    }
    if (!place_enter(p, &own_user, err, size)) {
        return false;
    }
    caps_forbid(0); /* while it can be done; a new user namespace undoes it */
    if (p->runas && !user_become(&user, p->runas, err, size)) {
        return false;
    }
    own_user = own_user || unshare(CLONE_NEWUSER) == 0;
    limits_set(p, mapped, own_user);
    int rc = lockdown_drop_caps(0);

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, death, 0, 0, 0); /* a change of the user took it away */
    if (rc) {
        snprintf(err, size, "sandbox: capabilities cannot be dropped: %s; see --no-sandbox",
                 strerror(-rc));
    }
    return rc == 0;
}

/* Looked at in the order of the rows; those without conditions the kernel knows beforehand. */
static int rule_add(scmp_filter_ctx ctx, const struct lockdown_rule *r, unsigned place)
{
    struct scmp_arg_cmp cmp[LOCKDOWN_CONDS];
    int rc = seccomp_syscall_priority(ctx, r->nr, place < 255 ? (uint8_t)(255 - place) : 0);

    if (rc) {
        return rc;
    }

    for (unsigned i = 0; i < r->n; i++) {
        cmp[i] = SCMP_CMP64(r->cond[i].arg, SCMP_CMP_MASKED_EQ, r->cond[i].mask, r->cond[i].value);
    }
    return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->nr, r->n, cmp);
}

bool lockdown_seal(const struct lockdown_rule *rule, unsigned n, char *err, size_t size)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = ctx ? 0 : -ENOMEM;

    rc = rc ? rc : seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    rc = rc ? rc : seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    /* No untrusted code runs here by itself: the mitigation for that would only cost time. */
    rc = rc ? rc : seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
    for (unsigned i = 0; !rc && i < n; i++) {
        rc = rule_add(ctx, &rule[i], i);
    }
    rc = rc ? rc : seccomp_load(ctx);
    seccomp_release(ctx);
    if (rc) {
        snprintf(err, size,
                 "sandbox: no system call filter: %s; the kernel needs CONFIG_SECCOMP_"
                 "FILTER, or give --no-sandbox",
                 strerror(-rc));
    }
    return rc == 0;
}
