/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `cleave` command: finds the subcommand. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#include "commands.h"
#include "log.h"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *args;
    const char *help;
} commands[] = {
    {"run", cmd_run, "[OPTION...] [DISK]", "start a guest and stay with it"},
    {"list", cmd_list, "", "the guests of this user"},
    {"pause", cmd_pause, "NAME", "stop a guest's time"},
    {"unpause", cmd_unpause, "NAME", "let it go on"},
    {"shutdown", cmd_shutdown, "NAME",
     "press its power button: a guest with ACPI switches itself off"},
    {"reset", cmd_reset, "NAME", "press its reset button"},
    {"destroy", cmd_destroy, "NAME", "end a guest at once (its disks are flushed)"},
    {"screenshot", cmd_screenshot, "NAME FILE.png", "what its screen shows"},
    {"sendkey", cmd_sendkey, "NAME KEYS...", "press keys: a, ret, ctrl-alt-delete"},
    {"stats", cmd_stats, "NAME [--json]", "exits, ioreqs and latencies of a guest"},
    {"help", cmd_help, "", "print this"},
    {"version", cmd_version, "", "print the version"},
};

static int cmd_help(int argc, char **argv)
{
    printf("Usage: cleave COMMAND ...\n\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *left = g_strdup_printf("%s %s", commands[i].name, commands[i].args);
        printf("  %-28s %s\n", left, commands[i].help);
    }
    printf("\n`cleave run --help` lists the options of a guest; more in cleave(1).\n");
    return 0;
}

static int cmd_version(int argc, char **argv)
{
    printf("cleave " CLEAVE_VERSION "\n");
    return 0;
}

/* So that no socket of ours becomes descriptor 0, 1 or 2. */
static void standard_fds_open(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    standard_fds_open();
    log_init("cleave", -1, LOG_WARN);
    const char *name = argc > 1 ? argv[1] : "";
    name = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ? "help" : name;
    name = strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 ? "version" : name;
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (!name[0]) {
        die("a command is missing; `cleave help` lists them");
    }
    die("%s: unknown command; `cleave help` lists them", name);
}
