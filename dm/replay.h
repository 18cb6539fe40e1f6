/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recorded ioreq trace (`cleave run --trace FILE`), repeated on a machine without a guest. */
#ifndef CLEAVE_DM_REPLAY_H
#define CLEAVE_DM_REPLAY_H

struct machine;

/*
 * Repeats every request of the trace behind `fd`, at its time, on a standalone machine. Prints the
 * reads that are answered otherwise than recorded (the first few of them) and a summary on standard
 * output. What a trace cannot know is different here: guest RAM, disks that were written, what came
 * from outside. The process's exit status: 0, or 2 with one line when the file is no trace.
 */
int replay_run(struct machine *m, int fd);

#endif
