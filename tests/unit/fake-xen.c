/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for Xen's libraries in a real cleave-dm, so that its whole life in a
 * domain can be tried without Xen. The domain is files in $FAKE_XEN: `memory` (frames), `p2m` (1 +
 * frame of each guest frame, or 0), `pages` (buffered ring, slots), `events` (a FIFO of channel
 * numbers), `log` (what was asked for, a line each), `store/` (a file per path, '/' written '%').
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE   4096u
#define FRAMES (1u << 20) /* 4 GiB */

static int log_fd = -1, memory_fd = -1, events_fd = -1;
static uint32_t *p2m;
static uint8_t *pages;

static void path_of(char *to, size_t size, const char *name)
{
    snprintf(to, size, "%s/%s", getenv("FAKE_XEN"), name);
}

static int open_file(const char *name, int flags)
{
    char path[512];

    path_of(path, sizeof(path), name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(path);
        _exit(99);
    }
    return fd;
}

static void *map_file(const char *name, size_t size)
{
    int fd = open_file(name, O_RDWR);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    close(fd);
    return p;
}

static void domain_open(void)
{
    if (log_fd < 0) {
        log_fd = open_file("log", O_WRONLY | O_APPEND | O_CREAT);
        memory_fd = open_file("memory", O_RDWR);
        events_fd = open_file("events", O_RDWR);
        p2m = map_file("p2m", FRAMES * sizeof(*p2m));
        pages = map_file("pages", 2 * PAGE);
    }
}

static int __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    return write(log_fd, line, (size_t)n) < 0 ? -1 : 0;
}

/* --- the C library: what has reached the disk --- */

int fdatasync(int fd)
{
    note("fdatasync\n");
    if (getenv("FAKE_XEN_FLUSH_FAILS")) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* --- libxendevicemodel --- */

void *xendevicemodel_open(void *l, unsigned f)
{
    domain_open();
    return &log_fd;
}

int xendevicemodel_create_ioreq_server(void *h, uint16_t domid, int mode, uint16_t *id)
{
    *id = 0;
    return note("create %u %d\n", domid, mode);
}

int xendevicemodel_get_ioreq_server_info(void *h, uint16_t domid, uint16_t id, void *a, void *b,
                                         uint32_t *port)
{
    *port = 200;
    return note("info\n");
}

int xendevicemodel_map_io_range_to_ioreq_server(void *h, uint16_t domid, uint16_t id, int mmio,
                                                uint64_t s, uint64_t e)
{
    return note("+%s %llx-%llx\n", mmio ? "mem" : "io", (unsigned long long)s,
                (unsigned long long)e);
}

int xendevicemodel_unmap_io_range_from_ioreq_server(void *h, uint16_t domid, uint16_t id, int mmio,
                                                    uint64_t s, uint64_t e)
{
    return note("-%s %llx-%llx\n", mmio ? "mem" : "io", (unsigned long long)s,
                (unsigned long long)e);
}

int xendevicemodel_map_pcidev_to_ioreq_server(void *h, uint16_t domid, uint16_t id, uint16_t s,
                                              uint8_t b, uint8_t d, uint8_t f)
{
    return note("+pci %02x.%x\n", d, f);
}

int xendevicemodel_unmap_pcidev_from_ioreq_server(void *h, uint16_t domid, uint16_t id, uint16_t s,
                                                  uint8_t b, uint8_t d, uint8_t f)
{
    return note("-pci %02x.%x\n", d, f);
}

/* Slot n's channel is 100 + n, at byte 24 of the slot. */
int xendevicemodel_set_ioreq_server_state(void *h, uint16_t domid, uint16_t id, int on)
{
    for (uint32_t i = 0; i < 128; i++) {
        uint32_t port = 100 + i;

        memcpy(pages + PAGE + i * 32 + 24, &port, sizeof(port));
    }
    return note("enable %d\n", on);
}

int xendevicemodel_set_isa_irq_level(void *h, uint16_t domid, uint8_t irq, unsigned level)
{
    return note("isa %u %u\n", irq, level);
}

int xendevicemodel_set_pci_intx_level(void *h, uint16_t domid, uint16_t s, uint8_t b, uint8_t d,
                                      uint8_t pin, unsigned level)
{
    return note("intx %u %u %u\n", d, pin, level);
}

int xendevicemodel_set_pci_link_route(void *h, uint16_t domid, uint8_t link, uint8_t irq)
{
    return note("link %u %u\n", link, irq);
}

int xendevicemodel_shutdown(void *h, uint16_t domid, unsigned reason)
{
    return note("shutdown %u\n", reason);
}

/* Pages keep their frames and get other numbers. */
int xendevicemodel_relocate_memory(void *h, uint16_t domid, uint32_t n, uint64_t src, uint64_t dst)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t frame = p2m[src + i];

        p2m[src + i] = 0;
        p2m[dst + i] = frame;
    }
    return note("move %x %llx %llx\n", n, (unsigned long long)src, (unsigned long long)dst);
}

int xendevicemodel_pin_memory_cacheattr(void *h, uint16_t domid, uint64_t s, uint64_t e,
                                        uint32_t type)
{
    return 0;
}

int xendevicemodel_track_dirty_vram(void *h, uint16_t domid, uint64_t pfn, uint32_t n,
                                    unsigned long *bitmap)
{
    errno = ENODATA;
    return -1;
}

int xendevicemodel_modified_memory(void *h, uint16_t domid, uint64_t pfn, uint32_t n)
{
    return note("dirty %llx %x\n", (unsigned long long)pfn, n);
}

int xendevicemodel_set_mem_type(void *h, uint16_t domid, int type, uint64_t pfn, uint32_t n)
{
    return note("type %d %llx %x\n", type, (unsigned long long)pfn, n);
}

/* --- libxenforeignmemory --- */

void *xenforeignmemory_open(void *l, unsigned f)
{
    domain_open();
    return &memory_fd;
}

void *xenforeignmemory_map_resource(void *h, uint16_t domid, unsigned type, unsigned id,
                                    unsigned long frame, unsigned long n, void **addr, int prot,
                                    int flags)
{
    *addr = pages;
    note("pages\n");
    return pages;
}

void *xenforeignmemory_map2(void *h, uint32_t domid, void *addr, int prot, int flags, size_t n,
                            const uint64_t *pfn, int *err)
{
    uint8_t *p = mmap(addr, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    for (size_t i = 0; i < n; i++) {
        uint32_t frame = pfn[i] < FRAMES ? p2m[pfn[i]] : 0;

        err[i] = frame ? 0 : -EINVAL;
        if (frame && mmap(p + i * PAGE, PAGE, prot, MAP_SHARED | MAP_FIXED, memory_fd,
                          (off_t)(frame - 1) * PAGE) == MAP_FAILED) {
            err[i] = -errno;
        }
    }
    return p;
}

void *xenforeignmemory_map(void *h, uint32_t domid, int prot, size_t n, const uint64_t *pfn,
                           int *err)
{
    return xenforeignmemory_map2(h, domid, NULL, prot, 0, n, pfn, err);
}

int xenforeignmemory_unmap(void *h, void *addr, size_t n)
{
    return munmap(addr, n * PAGE);
}

/* --- libxenevtchn --- */

void *xenevtchn_open(void *l, unsigned f)
{
    domain_open();
    return &events_fd;
}

int xenevtchn_fd(void *h)
{
    return events_fd;
}

int xenevtchn_notify(void *h, uint32_t port)
{
    return 0;
}

int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t remote)
{
    note("bind %u\n", remote);
    return (int)remote;
}

int xenevtchn_pending(void *h)
{
    uint32_t port;

    return read(events_fd, &port, sizeof(port)) == sizeof(port) ? (int)port : -1;
}

int xenevtchn_unmask(void *h, uint32_t port)
{
    return 0;
}

/* --- libxencall, libxentoolcore --- */

void *xencall_open(void *l, unsigned f)
{
    return &log_fd;
}

void *xencall_alloc_buffer(void *h, size_t size)
{
    return calloc(1, size);
}

void xencall_free_buffer(void *h, void *p)
{
    free(p);
}

/* XENMEM_populate_physmap: list of frames, their number. */
long xencall2L(void *h, unsigned op, uint64_t cmd, uint64_t arg)
{
    const struct {
        const uint64_t *list;
        uint64_t n;
    } *r = (const void *)(uintptr_t)arg;

    for (uint64_t i = 0; i < r->n; i++) {
        p2m[r->list[i]] = (uint32_t)r->list[i] + 1;
    }
    note("populate %llx %llx\n", (unsigned long long)r->list[0], (unsigned long long)r->n);
    return (long)r->n;
}

int xencall2(void *h, unsigned op, uint64_t a, uint64_t b)
{
    return note("call %u %llu\n", op, (unsigned long long)a);
}

int xentoolcore_restrict_all(uint16_t domid)
{
    return note("restrict %u\n", domid);
}

/* --- libxenstore --- */

static void store_path(char *to, size_t size, const char *path)
{
    int n = snprintf(to, size, "%s/store/", getenv("FAKE_XEN"));

    snprintf(to + n, size - (size_t)n, "%s", path);
    for (char *p = to + n; *p; p++) {
        *p = *p == '/' ? '%' : *p;
    }
}

void *xs_open(unsigned long flags)
{
    return &log_fd;
}

void xs_close(void *h)
{
    note("store closed\n");
}

unsigned char xs_write(void *h, uint32_t t, const char *path, const void *data, unsigned len)
{
    char file[512];

    store_path(file, sizeof(file), path);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    unsigned char good = fd >= 0 && write(fd, data, len) == (ssize_t)len;
    close(fd);
    note("store %s\n", path);
    return good;
}

unsigned char xs_mkdir(void *h, uint32_t t, const char *path)
{
    return xs_write(h, t, path, "", 0);
}

void *xs_read(void *h, uint32_t t, const char *path, unsigned *len)
{
    char file[512];
    char *text = calloc(1, 256);

    store_path(file, sizeof(file), path);
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, 255);
    if (fd >= 0) {
        close(fd);
    }
    if (n < 0) {
        free(text);
        return NULL;
    }
    *len = (unsigned)n;
    return text;
}

/* Only what the device model asks for: the keyboards, of which there is one, or none. */
char **xs_directory(void *h, uint32_t t, const char *path, unsigned *n)
{
    char state[256];
    unsigned len;

    snprintf(state, sizeof(state), "%s/0/state", path);
    void *there = xs_read(h, t, state, &len);
    char **list = there ? calloc(2, sizeof(char *)) : NULL;

    free(there);
    if (list) {
        list[0] = (char *)"0";
        *n = 1;
    }
    return list;
}
