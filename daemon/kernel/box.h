/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The daemon's side of the attach helper: starts weft-netns, asks it for namespaces, and starts it
 * again when it has died. Where the helper's path is a socket, the service manager starts a
 * weft-netns for each connection to it. Blocks for at most BOX_WAIT_MS; used by the kernel thread
 * alone.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "gossip/base/err.h"
#include "overlay/overlay.h"

#define BOX_WAIT_MS 2000

struct boxes {
	char helper[256];
	int fd;    /* -1 while no helper runs */
	pid_t pid; /* 0: no child of this process */
	uint32_t number;
	uint64_t starts;
};

/* A box with its identity. */
struct box {
	struct overlay_box fds; /* the holder closes both */
	uint64_t dev, inode;
};

/* Starts the helper, a program, or connects to it, a socket; 0, or WEFT_E_UNSUPPORTED with err
 * (boxes_open then tries again). */
int boxes_init(struct boxes *boxes, const char *helper, struct weft_err *err);
void boxes_close(struct boxes *boxes);

/* Opens the namespace that text names (path, name or process id). 0, WEFT_E_NOT_FOUND,
 * WEFT_E_INVALID, WEFT_E_DENIED or WEFT_E_TIMEOUT with err. */
int boxes_open(struct boxes *boxes, const char *text, struct box *box, struct weft_err *err);

/* Closes both descriptors of a box; -1 is allowed. */
void box_close(struct overlay_box *box);
