/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Operations: what takes more than one step. One is made by a request, or by the node itself (tag
 * 0: nobody waits for its answer). Its id is the tag of everything that it asks of gossip and
 * ipamdb, so that answers find it; what an answer means is decided by its kind, in one table.
 */
#pragma once

#include "state.h"

enum op_kind {
	OP_PASS = 1,     /* a command of the core's */
	OP_JOIN_CLUSTER, /* as well; answered once this host knows what others know */
	OP_FOLLOW,       /* the same request id again, while the first is under way */
	OP_ATTACH,
	OP_DETACH,
	OP_JOIN_NETWORK, /* the host's own endpoint and attachment row */
	OP_QUIT_NETWORK,
	OP_REFRESH, /* the attachment row says something that is no longer true */
	OP_NETWORK_CREATE,
	OP_NETWORK_RM,
	OP_RESERVE,
	OP_RELEASE,
	OP_LEAVE,
	OP_CHECK,
	OP_RECOVER,
	OP_KIND_END
};

enum op_state {
	OP_WAITS = 0,  /* for what this node may not do yet; tried again when that changes */
	OP_ASKED,      /* ipamdb or gossip was asked, or a commit is under way */
	OP_PLUGS,      /* the kernel works */
	OP_ACKS,       /* other hosts program the endpoint */
	OP_UNDOES,     /* OP_ATTACH: the plug failed; an OP_DETACH takes back what was done */
	OP_STORES,     /* the answer is being stored under its request id */
	OP_HANDS_OVER, /* OP_LEAVE */
	OP_ANNOUNCES,  /* OP_LEAVE */
	OP_VIEWS,      /* OP_RECOVER */
	OP_LIFTS,      /* OP_RECOVER */
};

struct op {
	uint64_t id;
	uint64_t tag; /* of the request; 0: the node's own */
	enum op_kind kind;
	enum op_state state;
	uint64_t parent; /* OP_FOLLOW: whose answer; OP_DETACH: the attach that is undone */
	struct id network, endpoint;
	bool flag;      /* of the request; OP_ATTACH: enough was waited for */
	bool force;     /* OP_CHECK: boxes may lose addresses that are not this node's */
	bool joined;    /* OP_DETACH: another one does it */
	bool cancelled; /* OP_ATTACH: to be detached as soon as it is plugged */
	bool answer_stored;
	char unsays[REQUEST_ID_BYTES]; /* OP_DETACH: whose stored answer goes with the endpoint */
	bool committed;
	char request_id[REQUEST_ID_BYTES];
	struct node_asked asked;
	char name[NAME_BYTES];
	struct mono deadline; /* op_due is called; MONO_NEVER */
	struct mono give_up;  /* no further waiting or trying after this */
	size_t addr_count;
	struct inet addrs[ENDPOINT_ADDRS_MAX];
	size_t finding_at;   /* OP_CHECK: how many findings are done */
	struct vec pending;  /* struct id: hosts that have not applied the endpoint */
	struct weft_err err; /* the reason of what fails further on */
	struct node_answer answer;
	size_t text_len;
	char *text; /* of the answer, owned; as are */
	size_t bytes_len;
	uint8_t *bytes;
	struct vec findings;
};

/* A new op (tag 0: nobody waits for it), freed by op_finish or op_fail; one by its id, or NULL. */
struct op *op_new(struct node *node, enum op_kind kind, uint64_t tag);
struct op *op_find(const struct node *node, uint64_t id);

/* The op with the lowest id above after; NULL at the end. Ops may come and go between calls. */
struct op *op_next(const struct node *node, uint64_t after);

/* Ends an op with what op->answer says and tells those who follow it; frees it. A good answer of a
 * request with a request id is stored first. */
void op_finish(struct node *node, struct op *op);

/* Ends it with an error; fmt as weft_err_set. */
void op_fail(struct node *node, struct op *op, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void op_fail_err(struct node *node, struct op *op, const struct weft_err *err);

/* An answer without an op. */
void answer_now(struct node *node, uint64_t tag, const struct weft_err *err);

/* Adds the stored form of the op's answer to a commit when its request has an id. */
void op_store_answer(struct node *node, struct op *op, struct commit *commit);

/* ---- what happens to an op; found in the table of op.c by its kind ---- */

/* Tries an op in state OP_WAITS. */
void op_try(struct node *node, struct op *op);

/* Adds own rows and writes to a group of ipamdb's that serves the op. */
void op_compose(struct node *node, struct op *op, const struct ipam_update *update,
		const struct ipam_group *group, struct commit *commit);
void op_ipam_answered(struct node *node, struct op *op, const struct ipam_answer *answer);
void op_gossip_answered(struct node *node, struct op *op, const struct gossip_answer *answer);

/* A commit of the op without part of ipamdb's; err->code is 0 when it is durable. */
void op_committed(struct node *node, struct op *op, const struct weft_err *err);

/* Its deadline has passed, and is MONO_NEVER again. */
void op_due(struct node *node, struct op *op);
