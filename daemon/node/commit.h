/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One atomic commit: rows to be signed by gossip, writes of ipamdb's and writes of the node's own,
 * under one token of the host's. When it is durable all who took part are told; when it failed
 * nothing of it has happened, for any of them.
 */
#pragma once

#include "state.h"

struct commit_row {
	struct row_view view;
	size_t at; /* of the value in bytes */
};

struct commit_write {
	struct write write;
	size_t at; /* of the bytes in bytes */
};

struct commit {
	uint64_t op;           /* that it serves; 0: none */
	uint64_t gossip_token; /* 0: no part of gossip's */
	uint64_t ipam_token;   /* 0: no part of ipamdb's */
	bool is_short;         /* something that it was to keep is not there any more */
	struct vec rows;       /* struct commit_row */
	struct vec writes;     /* struct commit_write */
	struct vec bytes;
};

struct commit *commit_new(struct node *node, uint64_t op);

/* Gives back one that was not queued. */
void commit_free(struct node *node, struct commit *commit);

/* kind, topic, key, deleted and value are copied. */
void commit_row(struct commit *commit, const struct row_view *row);

/* A row by its parts: value NULL and len 0 write its tombstone. */
void commit_row_of(struct commit *commit, enum row_kind kind, const struct id *topic,
		   const struct id *key, const uint8_t *value, size_t len);
void commit_write(struct commit *commit, const struct write *write);

/* On the agenda; from here on it is not the caller's. */
void commit_queue(struct node *node, struct commit *commit);

/* Hands it in now: rows to gossip, the rest with them to the update. */
void commit_run(struct node *node, struct commit *commit);

/* Writes that gossip wants to be durable for itself. */
void commit_of_gossip(struct node *node, const struct gossip_update *update,
		      const struct gossip_persist *persist);

/* NODE_EV_COMMITTED; why is NULL when it is durable. */
void commit_done(struct node *node, uint64_t token, const struct weft_err *why);
void commits_open(struct node *node, uint64_t seed);
