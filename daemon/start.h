/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What a run of the daemon begins and ends with. */
#pragma once

#include "gossip/base/err.h"

struct daemon;
struct options;

/* Opens store, node, sockets, API: 0, or a code with err. daemon_close follows in any case. */
int daemon_open(struct daemon *d, struct weft_err *err);

/* Starts the kernel thread, once the node has its id; without the right to it says so. */
void daemon_open_kernel(struct daemon *d);

/* After the loop: what is to be durable is made so, all is freed; the kernel stays as it is. */
void daemon_close(struct daemon *d);

/* Removes the store of a node that may be reset (api_cluster.c says who); only between runs. */
int daemon_wipe(const struct options *options, struct weft_err *err);

/* Puts a backup in the place of the store; after an error all is as it was. Only between runs. */
int daemon_restore(const struct options *options, const char *path, struct weft_err *err);
