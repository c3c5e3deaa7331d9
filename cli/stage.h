/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Files of backup and restore where weftd is not root: it can write and read in its state directory
 * only, so weft, as root, carries the file over. Where weftd is root it opens the file itself.
 *
 * What lies there holds secrets. A child of weft removes it when weft ends before it could, however
 * that happens; what is left all the same (the host died) is removed by the next start of weftd, or
 * by a later weft.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "cli/cli.h"

struct stage {
	char name[32];       /* in weftd's state directory; empty: weftd opens the caller's file */
	char file[PATH_MAX]; /* the caller's */
	uid_t owner;         /* as whom weftd runs */
	int dir;             /* the state directory, which is the owner's; -1 */
	int alive;           /* a pipe that the child reads, or -1 */
	pid_t child;
};

/* Before the call, whose "file" is an absolute path: 0, or an error; stage_close follows. */
int stage_begin(struct stage *stage, const struct cli_options *options, struct call *call,
		struct weft_err *err);

/* After a good answer, which names the caller's file then. */
int stage_end(const struct stage *stage, enum api_id method, json_t *answer, struct weft_err *err);

/* Removes what lies in the state directory. */
void stage_close(struct stage *stage);
