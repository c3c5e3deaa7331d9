/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Between the node and the kernel thread: work for it, and what it tells. Of the loop alone. */
#pragma once

#include <stdbool.h>

struct daemon;
struct kernel_tell;
struct node_work;

/* After each step: gives the kernel the rows once it may be touched, or takes them back. */
void kernel_follow(struct daemon *d);

/* Has the kernel looked at, even early; what no row explains stays then. */
void kernel_look(struct daemon *d);

/* All that is weft's goes from the kernel, explained or not, until this node counts (again). */
void kernel_withdraw(struct daemon *d);

/* It is or becomes a member, and others take it for one. */
bool kernel_is_wanted(const struct daemon *d);

/* Every operation is told of as long as that is logged. */
void kernel_tell_done(struct daemon *d);

/* Work of a step; and after it, a step for each that was refused as there is no kernel. */
void kernel_work(struct daemon *d, const struct node_work *work);
void kernel_refusals(struct daemon *d);
void kernel_told(void *ctx, const struct kernel_tell *tell);
