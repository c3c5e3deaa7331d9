/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of admission: the claim of an epoch and the way out of a fence; claim.c and recover.c, and
 * those who call them.
 */
#pragma once

#include "gossip/core/limit.h"
#include "gossip/seal/seal.h"

#define EPOCH_MAX (UINT64_C(1) << 62) /* what says more is not believed */
#define NAMERS_MAX 16

struct admission;
struct pending;

/* The claim of this start. */
struct claiming {
	bool under_way; /* not confirmed yet */
	bool persisted; /* the epoch is durable: it may be shown */
	bool persisting;
	uint64_t epoch;   /* to be claimed */
	uint64_t storing; /* on its way to the store, while persisting */
	struct mono began;
	struct mono due;                /* of the next round of claims */
	size_t next;                    /* member to ask, by order of id */
	unsigned unheard;               /* who leaves: rounds since somebody was heard */
	struct id namer;                /* told it who runs, asked alone; zero: none */
	struct limit named[NAMERS_MAX]; /* epochs that members name, by a hash of who does */
	struct limit shown;             /* epochs of which there is proof */
};

/* weft node recover, see recover.c. */
struct recovering {
	bool under_way;
	bool claimed; /* the new epoch was agreed to, or there is nobody to ask */
	bool force;   /* go on without those who do not answer */
	bool viewed;  /* the cluster's view was taken: the fence may be lifted */
	uint64_t tag;
	uint64_t shown;    /* adm->shown when it was */
	struct mono moved; /* when something was heard last */
	struct mono due;
	struct vec asked; /* struct id: members whose tables were equal since, by id */
};

/* claim.c */
void claim_start(struct admission *adm);
void claim_durable(struct admission *adm, const struct pending *pending, bool ok);
void claiming_tick(struct admission *adm);
struct mono claiming_deadline(const struct admission *adm);
enum drop_reason claim_frame(struct admission *adm, const struct opened *in,
			     const struct hostport *from, uint8_t type, const uint8_t *body,
			     size_t len);

/* The epoch of this node is durable: from now on it speaks under it, for a day. */
void claim_use_epoch(struct admission *adm);

/* This node left: claims its epoch, from now on or still, until a member knows that for good. */
void claim_left(struct admission *adm);

/* Asks a member to agree. */
void claim_ask(struct admission *adm, const struct member *member);

/* Somebody was heard: asks him soon who asks ever less often. */
void claim_hears(struct admission *adm, const struct member *by);

/* Is anybody else a member, there or not? */
bool claim_has_others(const struct admission *adm);

/* Another run of this identity reached this epoch: claims the next one. Nothing when a higher one
 * is in use or being claimed. */
void claim_raise(struct admission *adm, uint64_t above);

/* recover.c: CMD_RECOVER and CMD_RECOVERED; a fence that they end. */
void recover_begin(struct admission *adm, const struct gossip_command *command);
void recover_lift(struct admission *adm, const struct gossip_command *command);
bool recover_is_for(enum node_fence fence);

/* The new epoch was agreed to; this id lives elsewhere; the end of the fence is on the disk. */
void recover_claimed(struct admission *adm);
void recover_refused(struct admission *adm, const struct hostport *lives);
void recover_shown(struct admission *adm); /* something of this node's that it never wrote */
void recover_durable(struct admission *adm, const struct pending *pending, bool ok);

void recover_tick(struct admission *adm);
struct mono recover_deadline(const struct admission *adm);
