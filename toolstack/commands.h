/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands. argv[0] is the command's name; each returns the exit status. */
#ifndef CLEAVE_TOOLSTACK_COMMANDS_H
#define CLEAVE_TOOLSTACK_COMMANDS_H

int cmd_run(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_unpause(int argc, char **argv);
int cmd_shutdown(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_screenshot(int argc, char **argv);
int cmd_sendkey(int argc, char **argv);
int cmd_stats(int argc, char **argv);

#endif
