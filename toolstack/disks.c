/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a guest. Everything is opened and checked here, before a process is started; the
 * halves get descriptors and never a path. An image stays locked as long as any process of the
 * guest has it open (open-file-description locks).
 */
#include "disks.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "log.h"

#define SECTOR       512
#define CD_SECTOR    2048
#define FLOPPY_MAX   (2880 * 1024)
#define BIOS_MAX     (1 << 20)
#define VGABIOS_MAX  (256 * 1024)
#define CDROM_INDEX  2 /* primary channel: disks; secondary device 0: the CD */
#define SEABIOS_BIOS CLEAVE_SEABIOS_DIR "/bios-256k.bin"
#define SEABIOS_VGA  CLEAVE_SEABIOS_DIR "/vgabios-stdvga.bin"
#define LOADER_NAME  "hvmloader"

#define LOCK_WAIT_MS  1000u
#define LOCK_RETRY_MS 20u

/* Formats that a guest would see as garbage, by their first bytes. */
static const struct {
    const char *magic;
    const char *name;
} formats[] = {
    {"QFI\xfb", "qcow2"}, {"KDMV", "VMDK"}, {"vhdxfile", "VHDX"},
    {"conectix", "VHD"},  {"QED", "QED"},   {"<<< ", "VDI"},
};

const char *program_dir(void)
{
    static char dir[PATH_MAX];
    if (dir[0] == 0) {
        ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
        dir[n > 0 ? n : 0] = 0;
        char *slash = strrchr(dir, '/');
        if (!slash) {
            die("/proc/self/exe: %s; mount /proc", strerror(errno));
        }
        *slash = 0;
    }
    return dir;
}

_Noreturn static void open_failed(const struct drive_option *d)
{
    switch (errno) {
    case ENOENT:
        die("%s %s: no such file; check the path or create the image", d->setting, d->path);
    case EACCES:
    case EPERM:
        die("%s %s: no permission to %s it; change its mode or owner%s", d->setting, d->path,
            d->readonly ? "read" : "read and write", d->readonly ? "" : ", or append ,readonly");
    case EROFS:
        die("%s %s: lies on a read-only file system; append ,readonly", d->setting, d->path);
    case EBUSY:
        die("%s %s: the device is in use (mounted?); unmount it first", d->setting, d->path);
    case EISDIR:
        die("%s %s: is a directory; give an image file or a block device", d->setting, d->path);
    default:
        die("%s %s: cannot be opened: %s; give a readable image", d->setting, d->path,
            strerror(errno));
    }
}

/* The type is looked at first: opening a FIFO would wait, opening a device may do things. */
static int image_open(const struct drive_option *d)
{
    struct stat st;
    if (stat(d->path, &st) < 0) {
        open_failed(d);
    }
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        open_failed(d);
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        die("%s %s: is neither a file nor a block device; give an image", d->setting, d->path);
    }
    int exclusive = S_ISBLK(st.st_mode) && !d->readonly ? O_EXCL : 0;
    int fd = open(d->path, (d->readonly ? O_RDONLY : O_RDWR) | exclusive | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        open_failed(d);
    }
    return fd;
}

/* The io_uring of a device model that has just ended keeps its files, and with them the lock, for
 * some milliseconds: the kernel takes it down behind the process's back. */
static void image_lock(const struct drive_option *d, int fd)
{
    struct flock lock = {.l_type = d->readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    for (unsigned ms = 0;; ms += LOCK_RETRY_MS) {
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
            return;
        }
        if ((errno != EAGAIN && errno != EACCES) || ms >= LOCK_WAIT_MS) {
            break;
        }
        g_usleep(LOCK_RETRY_MS * 1000);
    }
    if (errno == EAGAIN || errno == EACCES) {
        die("%s %s: is in use by another drive or guest; end that first%s", d->setting, d->path,
            d->readonly ? "" : " (or append ,readonly to both)");
    }
    die("%s %s: cannot be locked: %s; keep the image on a file system with locks", d->setting,
        d->path, strerror(errno));
}

static void image_check_size(const struct drive_option *d, int fd, unsigned sector, off_t max)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0) {
        die("%s %s: its size cannot be told: %s; give an image", d->setting, d->path,
            strerror(errno));
    }
    if (size == 0) {
        die("%s %s: is empty; give an image, or enlarge it (truncate -s 1G %s)", d->setting,
            d->path, d->path);
    }
    if (size % sector != 0) {
        die("%s %s: its size (%lld bytes) is not a multiple of %u; pad it (truncate -s %%%u %s)",
            d->setting, d->path, (long long)size, sector, sector, d->path);
    }
    if (max && size > max) {
        die("%s %s: is too large for a floppy disk (2.88 MB); use --disk", d->setting, d->path);
    }
}

static void image_check_format(const struct drive_option *d, int fd)
{
    char head[SECTOR] = "";
    if (pread(fd, head, sizeof(head), 0) < 0) {
        die("%s %s: cannot be read: %s; give a readable image", d->setting, d->path,
            strerror(errno));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(formats) && !d->raw; i++) {
        if (memcmp(head, formats[i].magic, strlen(formats[i].magic)) == 0) {
            die("%s %s: is a %s image, only raw ones work; convert it (qemu-img convert -O raw), "
                "or append ,format=raw if it is none",
                d->setting, d->path, formats[i].name);
        }
    }
}

static void drive_open(struct files *f, const struct drive_option *d, struct drive drive)
{
    drive.fd = image_open(d);
    drive.readonly = d->readonly;
    image_lock(d, drive.fd);
    image_check_size(d, drive.fd, drive.cdrom ? CD_SECTOR : SECTOR, drive.floppy ? FLOPPY_MAX : 0);
    image_check_format(d, drive.fd);
    f->drive[f->drives++] = drive;
}

void drives_unlock(const struct files *f)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    for (unsigned i = 0; i < f->drives; i++) {
        fcntl(f->drive[i].fd, F_OFD_SETLK, &lock);
    }
}

static void drives_open(struct files *f, const struct run_options *o)
{
    unsigned index = 0;
    for (unsigned i = 0; i < o->disks; i++, index++) {
        index += index == CDROM_INDEX && o->cdrom.path;
        drive_open(f, &o->disk[i], (struct drive){.index = index});
    }
    if (o->cdrom.path) {
        drive_open(f, &o->cdrom, (struct drive){.index = CDROM_INDEX, .cdrom = true});
    }
    for (unsigned i = 0; i < o->floppies; i++) {
        drive_open(f, &o->floppy[i], (struct drive){.index = i, .floppy = true});
    }
}

/* A file that is read as a whole. `remedy` follows the reason. */
static int blob_open(const char *setting, const char *path, off_t max, const char *remedy)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        die("%s %s: %s; %s", setting, path, strerror(errno), remedy);
    }
    if (!S_ISREG(st.st_mode)) {
        die("%s %s: is not a file; %s", setting, path, remedy);
    }
    if (st.st_size == 0 || st.st_size > max) {
        die("%s %s: its size of %lld bytes is not from 1 to %lld; %s", setting, path,
            (long long)st.st_size, (long long)max, remedy);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        die("%s %s: %s; %s", setting, path, strerror(errno), remedy);
    }
    return fd;
}

/* The core checks the segments; whether it is such a file at all can be told here. */
static void loader_check(const char *path, int fd)
{
    Elf32_Ehdr h = {0};
    ssize_t n = pread(fd, &h, sizeof(h), 0);
    if (n != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0) {
        die("--loader %s: is not an ELF file; link it with -m32 -nostdlib -static", path);
    }
    if (h.e_ident[EI_CLASS] != ELFCLASS32 || h.e_machine != EM_386 || h.e_type != ET_EXEC) {
        die("--loader %s: is not a 32-bit x86 executable; link it with -m32 -nostdlib -static",
            path);
    }
    off_t headers_end = (off_t)h.e_phoff + (off_t)h.e_phnum * h.e_phentsize;
    if (h.e_phnum == 0 || headers_end > lseek(fd, 0, SEEK_END)) {
        die("--loader %s: its program headers are missing; link or copy the file again", path);
    }
}

static char *loader_find(void)
{
    const char *const dirs[] = {program_dir(), CLEAVE_LIBEXECDIR, CLEAVE_FIRMWARE_DIR};
    char *path = g_strdup_printf("%s/firmware/" LOADER_NAME, dirs[0]);
    for (unsigned i = 0; i < G_N_ELEMENTS(dirs) && access(path, F_OK) < 0; i++) {
        g_free(path);
        path = g_strdup_printf("%s/" LOADER_NAME, dirs[i]);
    }
    if (access(path, F_OK) < 0) {
        die("--loader: our " LOADER_NAME
            " is neither in %s/firmware nor in %s; build or install it",
            dirs[0], CLEAVE_FIRMWARE_DIR);
    }
    return path;
}

/* The BIOS of the distribution is not needed by a program that takes the loader's place. */
static void firmware_open(struct files *f, const struct run_options *o)
{
    if (o->loader) {
        f->loader = blob_open("--loader", o->loader, 64 << 20, "give an ELF program");
        loader_check(o->loader, f->loader);
    } else if (!o->firmware_qemu) {
        g_autofree char *path = loader_find();
        f->loader = blob_open("--loader", path, 64 << 20, "build or install Cleave again");
    }
    const char *bios = o->firmware ? o->firmware : SEABIOS_BIOS;
    if (o->firmware || !o->loader || access(bios, R_OK) == 0) {
        f->bios = blob_open("--firmware", bios, BIOS_MAX,
                            o->firmware ? "give a BIOS image" : "install the package seabios");
    }
    if (o->vga && (!o->loader || access(SEABIOS_VGA, R_OK) == 0)) {
        f->vgabios = blob_open("--vga std:", SEABIOS_VGA, VGABIOS_MAX,
                               "install the package seabios, or use --vga none");
    }
}

static int output_open(const char *setting, const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0644);
    if (fd < 0) {
        die("%s %s: %s; give a path that can be written", setting, path, strerror(errno));
    }
    return fd;
}

/* The picture is written to a new file beside it, so its directory has to take one. */
static void screenshot_check(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        die("--screenshot %s: exists and is not a file; give another name", path);
    }
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || access(dir, W_OK) < 0) {
        die("--screenshot %s: %s is not a directory that can be written; give another", path, dir);
    }
}

static unsigned long meminfo(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    return line ? strtoul(line + strlen(key), NULL, 10) : 0;
}

/* Guest memory that cannot be there one day ends the guest that day; say so now. */
static void memory_check(const struct run_options *o)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL)) {
        return;
    }
    unsigned long kib = meminfo(text, "MemAvailable:") + meminfo(text, "SwapFree:") +
                        meminfo(text, "HugePages_Free:") * meminfo(text, "Hugepagesize:");
    if (o->memory_mib > kib / 1024) {
        die("--memory %lu: the host has only %lu MiB left; give less, or end other programs",
            o->memory_mib, kib / 1024);
    }
}

/* The device is only opened here; the core uses it. CLEAVE_KVM names another one in tests. */
static void kvm_check(void)
{
    const char *path = g_getenv("CLEAVE_KVM") ? g_getenv("CLEAVE_KVM") : "/dev/kvm";
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    } else if (errno == EACCES || errno == EPERM) {
        die("%s: no permission; add your user to the group kvm (adduser USER kvm), log in again",
            path);
    } else {
        die("%s: %s; load kvm_intel or kvm_amd, and switch virtualization on in the firmware", path,
            strerror(errno));
    }
}

static int shared_create(const char *name, off_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
        die("--memory: no %lld bytes of shared memory: %s; end other programs", (long long)size,
            strerror(errno));
    }
    return fd;
}

void files_open(struct files *f, const struct run_options *o)
{
    *f = (struct files){.loader = -1, .bios = -1, .vgabios = -1, .log = -1, .trace = -1};
    f->arena = f->vram = -1;
    kvm_check();
    memory_check(o);
    drives_open(f, o);
    firmware_open(f, o);
    if (o->screenshot) {
        screenshot_check(o->screenshot);
    }
    if (o->log) {
        f->log = output_open("--log", o->log, O_APPEND);
    }
    if (o->trace) {
        f->trace = output_open("--trace", o->trace, O_TRUNC);
    }
    f->arena = shared_create("cleave-arena", ARENA_SIZE);
    if (o->vga) {
        f->vram = shared_create("cleave-vram", VRAM_SIZE);
    }
}
