/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the two halves of the cluster share: its queue (cluster.c) and its handles (cluster_ops.c).
 */
#pragma once

#include "cluster.h"

struct ipamdb *cluster_db_make(struct cluster *c, size_t node);
void cluster_row_copy(struct cluster_row *to, const struct row_view *from);

/* A row becomes visible on a node. */
void cluster_tell_row(struct cluster *c, size_t node, struct cluster_row *row);

/* ipamdb_config.rows_of: what lies on the disk of ctx, a node. */
size_t cluster_rows_of(void *ctx, const struct id *owner, size_t left, size_t limit,
		       void (*visit)(void *arg, const struct row_view *row), void *arg);

/* Puts a row on a disk when it is newer than what is there; true when it was. */
bool cluster_disk_put(struct cluster_disk *disk, const struct cluster_row *row);
void cluster_broadcast(struct cluster *c, size_t from, const struct cluster_row *row);

/* The next thing that is due at or before end happens; false when there is none. */
bool cluster_happen(struct cluster *c, struct mono end);
