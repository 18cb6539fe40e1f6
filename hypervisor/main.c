/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cleave-hv: the hypervisor core of one guest. Started by cleave; see docs/architecture.md. */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "control.h"
#include "hv.h"
#include "log.h"
#include "monitor.h"
#include "sandbox.h"

#define MIB         (1ull << 20)
#define MIN_MEMORY  2u       /* MiB */
#define MAX_MEMORY  1048576u /* MiB: 1 TiB */
#define GUEST_DOMID 1u

enum {
    OPT_MEMORY = 256,
    OPT_VCPUS,
    OPT_FIRMWARE_MODE,
    OPT_LOADER,
    OPT_BIOS,
    OPT_CORE_FD,
    OPT_MONITOR_FD,
    OPT_LOG_FD,
    OPT_TRACE_FD,
    OPT_RTC,
    OPT_BOOT_MENU,
    OPT_MACHINE,
    OPT_DOMID,
    OPT_UUID,
    OPT_RAW_LOADER,
    OPT_RUNAS,
    OPT_NO_SANDBOX,
};

static const struct option options[] = {
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"vcpus", required_argument, NULL, OPT_VCPUS},
    {"firmware-mode", required_argument, NULL, OPT_FIRMWARE_MODE},
    {"loader", required_argument, NULL, OPT_LOADER},
    {"bios", required_argument, NULL, OPT_BIOS},
    {"core-fd", required_argument, NULL, OPT_CORE_FD},
    {"monitor-fd", required_argument, NULL, OPT_MONITOR_FD},
    {"log-fd", required_argument, NULL, OPT_LOG_FD},
    {"trace-fd", required_argument, NULL, OPT_TRACE_FD},
    {"rtc", required_argument, NULL, OPT_RTC},
    {"boot-menu", no_argument, NULL, OPT_BOOT_MENU},
    {"machine", required_argument, NULL, OPT_MACHINE},
    {"domid", required_argument, NULL, OPT_DOMID},
    {"uuid", required_argument, NULL, OPT_UUID},
    {"raw-loader", no_argument, NULL, OPT_RAW_LOADER},
    {"runas", required_argument, NULL, OPT_RUNAS},
    {"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static unsigned long parse_number(const char *name, const char *text, unsigned long min,
                                  unsigned long max)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || v < min || v > max) {
        die("--%s %s: give a number from %lu to %lu", name, text, min, max);
    }
    return v;
}

static int parse_fd(const char *name, const char *text)
{
    if (strcmp(text, "-") == 0) {
        return -1;
    }
    return (int)parse_number(name, text, 0, INT_MAX);
}

static bool parse_choice(const char *name, const char *text, const char *first, const char *second)
{
    if (strcmp(text, first) != 0 && strcmp(text, second) != 0) {
        die("--%s %s: give %s or %s", name, text, first, second);
    }
    return strcmp(text, second) == 0;
}

/* 32 hexadecimal digits, hyphens where one likes. */
static void parse_uuid(const char *text, uint8_t uuid[16])
{
    unsigned digits = 0;

    memset(uuid, 0, 16);
    for (const char *p = text; *p; p++) {
        const char *hex = "0123456789abcdef";
        const char *at = strchr(hex, *p | 0x20);

        if (*p == '-') {
            continue;
        }
        if (!at || digits == 32) {
            die("--uuid %s: give 32 hexadecimal digits", text);
        }
        uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | (at - hex));
        digits++;
    }
    if (digits != 32) {
        die("--uuid %s: give 32 hexadecimal digits", text);
    }
}

struct settings {
    struct hv_config cfg;
    int log_fd;
    enum log_level level;
};

static void usage(void)
{
    printf("usage: cleave-hv --memory MIB --vcpus N --firmware-mode xen|qemu --loader FD|- "
           "--bios FD|-\n"
           "                 --core-fd FD --monitor-fd FD [--log-fd FD] [--trace-fd FD] [-v]\n"
           "                 [--rtc utc|localtime] [--boot-menu] [--machine cleave-1]\n"
           "                 [--domid N] [--uuid UUID] [--raw-loader]\n"
           "                 [--runas UID:GID] [--no-sandbox]\n"
           "Started by `cleave run`, which hands over the descriptors.\n");
    exit(0);
}

static void parse_machine_option(struct hv_config *c, int opt)
{
    switch (opt) {
    case OPT_MEMORY:
        c->memory = parse_number("memory", optarg, MIN_MEMORY, MAX_MEMORY) * MIB;
        break;
    case OPT_VCPUS:
        c->vcpus = (unsigned)parse_number("vcpus", optarg, 1, CORE_MAX_VCPUS);
        break;
    case OPT_FIRMWARE_MODE:
        c->firmware = parse_choice("firmware-mode", optarg, "xen", "qemu") ? HV_FIRMWARE_QEMU
                                                                           : HV_FIRMWARE_XEN;
        break;
    case OPT_RTC:
        c->rtc_localtime = parse_choice("rtc", optarg, "utc", "localtime");
        break;
    case OPT_BOOT_MENU:
        c->boot_menu = true;
        break;
    case OPT_MACHINE:
        if (strcmp(optarg, "cleave-1") != 0) {
            die("--machine %s: unknown; the one there is is cleave-1", optarg);
        }
        break;
    case OPT_DOMID:
        c->domid = (uint16_t)parse_number("domid", optarg, 1, 0x7fef);
        break;
    case OPT_UUID:
        parse_uuid(optarg, c->uuid);
        break;
    case OPT_RAW_LOADER:
        c->raw_loader = true;
        break;
    default:
        die("unknown option: see --help");
    }
}

static void parse_option(struct settings *s, int opt)
{
    switch (opt) {
    case OPT_LOADER:
        s->cfg.loader_fd = parse_fd("loader", optarg);
        break;
    case OPT_BIOS:
        s->cfg.bios_fd = parse_fd("bios", optarg);
        break;
    case OPT_CORE_FD:
        s->cfg.core_fd = parse_fd("core-fd", optarg);
        break;
    case OPT_MONITOR_FD:
        s->cfg.monitor_fd = parse_fd("monitor-fd", optarg);
        break;
    case OPT_LOG_FD:
        s->log_fd = parse_fd("log-fd", optarg);
        break;
    case OPT_TRACE_FD:
        s->cfg.trace_fd = parse_fd("trace-fd", optarg);
        break;
    case OPT_RUNAS:
        s->cfg.runas = optarg;
        break;
    case OPT_NO_SANDBOX:
        s->cfg.sandbox = false;
        break;
    case 'v':
        s->level = s->level == LOG_WARN ? LOG_INFO : LOG_DEBUG;
        break;
    case 'h':
        usage();
        break;
    default:
        parse_machine_option(&s->cfg, opt);
    }
}

static void check_settings(const struct hv_config *c)
{
    if (!c->memory) {
        die("--memory is missing: give the guest's memory in MiB");
    }
    if (c->core_fd < 0 || c->monitor_fd < 0) {
        die("--core-fd and --monitor-fd are missing: cleave-hv is started by `cleave run`");
    }
    if (c->loader_fd < 0 && c->bios_fd < 0) {
        die("--loader and --bios are both missing: there is nothing to run");
    }
}

/* As the first process of a namespace it would not notice otherwise. */
static void terminated(int sig)
{
    _exit(128 + sig);
}

int main(int argc, char **argv)
{
    static struct hv hv;
    struct settings s = {.cfg = {.vcpus = 1,
                                 .loader_fd = -1,
                                 .bios_fd = -1,
                                 .core_fd = -1,
                                 .monitor_fd = -1,
                                 .trace_fd = -1,
                                 .domid = GUEST_DOMID,
                                 .sandbox = true},
                         .log_fd = -1,
                         .level = LOG_WARN};
    int opt;

    log_init("cleave-hv", -1, LOG_WARN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "vh", options, NULL)) != -1) {
        if (opt == '?') {
            die("unknown or incomplete option %s: see --help", argv[optind - 1]);
        }
        parse_option(&s, opt);
    }
    if (optind < argc) {
        die("%s: unexpected argument: see --help", argv[optind]);
    }
    check_settings(&s.cfg);
    log_init("cleave-hv", s.log_fd, s.level);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGTERM, terminated);
    hv_create(&hv, &s.cfg);
    control_start(&hv);
    hv_sandbox_seal(&hv);
    monitor_run(&hv);
    hv_destroy(&hv);
    return 0;
}
