/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Rows for the kernel thread. */
#pragma once

#include "daemon/daemon.h"

/* One change of a row or member. */
void feed_change(struct daemon *d, const struct gossip_change *change);

/* All rows at once, when the kernel may be touched for the first time. */
void feed_all(struct daemon *d);

/* This node was removed, or its state is wiped: takes every network out of the kernel, with what is
 * still plugged in. Its rows still say that it is attached. */
void feed_withdraw(struct daemon *d);

/* Gives the kernel thread back what feed_withdraw took. */
void feed_again(struct daemon *d);

/* How many boxes are plugged in on this host, or are being unplugged. */
size_t feed_boxes(const struct daemon *d);
