/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Files of backup and restore where weftd is not root: it can write and read in its state directory
 * only, so weft, as root, carries the file over. Where weftd is root it opens the file itself.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "cli/cli.h"

struct stage {
	char path[PATH_MAX]; /* in weftd's state directory; empty: weftd opens the caller's file */
	char file[PATH_MAX]; /* the caller's */
	uid_t owner;         /* as whom weftd runs */
};

/* Before the call, whose "file" is an absolute path: 0, or an error; stage_close follows. */
int stage_begin(struct stage *stage, const struct cli_options *options, struct call *call,
		struct weft_err *err);

/* After a good answer, which names the caller's file then. */
int stage_end(const struct stage *stage, enum api_id method, json_t *answer, struct weft_err *err);

/* Removes what lies in the state directory. */
void stage_close(const struct stage *stage);
