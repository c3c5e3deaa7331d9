/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The inside of a node: what its modules share. Each has a header of its own; the flow is
 *
 *   node.c (events) -> request.c (who asks for what; memo.c: who asked before)
 *                      -> attach.c, detach.c, presence.c, network.c, network_make.c, reserve.c,
 *                         ipam_check.c, leave.c, recover.c (one state machine each, an op of op.c)
 *                   -> box.c (what the kernel says), ack.c (who has applied what), talk.c
 *                   -> route.c (gossip <-> ipamdb) -> commit.c (one atomic commit of both)
 *   answer.c puts answers out, agenda.c does what has to wait until no update is read
 *
 * gossip and ipamdb overwrite their update in each step, so nothing steps one of them while its
 * update is read: what must follow is put on the agenda and done one after the other.
 */
#pragma once

#include "gossip/base/check.h"
#include "gossip/base/fifo.h"
#include "gossip/base/map.h"
#include "gossip/base/scratch.h"
#include "ipamdb/query.h"
#include "node.h"

struct op;
struct commit;

/* An endpoint of this host. The host's own one in a network is a box too, with is_host. */
enum box_state {
	BOX_NEW = 0,   /* its address is being leased */
	BOX_PLUGGING,  /* durable; the kernel makes its devices */
	BOX_UP,        /* also at start, until the kernel says otherwise */
	BOX_LEAVING,   /* its end is being committed */
	BOX_UNPLUGGING /* it has ended; the kernel takes its devices away */
};

struct box {
	struct local_endpoint endpoint;
	enum box_state state;
	uint64_t op;              /* that changes it now; 0: none */
	uint64_t epoch, sequence; /* of its row; 0 until it was visible */
};

/* How this host stands in a network. */
enum presence { PRESENCE_NONE = 0, PRESENCE_JOINING, PRESENCE_UP, PRESENCE_QUITTING };

/* A live attachment row, of this host or another. */
struct attached_host {
	struct id node;
	struct rec_attachment rec;
};

struct network {
	struct id id;
	struct rec_network rec;
	struct id author; /* of its fact */
	uint32_t vni;     /* in use: gossip/base/vni.h */
	bool known;       /* its fact was seen */
	bool unread;      /* attachments that were passed over before are to be read, ... */
	bool reading;     /* ... and are being read */
	bool ended;
	bool pending;     /* being made here; counts for clashes of names, numbers and pools */
	struct vec hosts; /* struct attached_host, by node */
	enum presence presence;
	uint64_t op;            /* joins, quits or refreshes; 0: none */
	size_t boxes;           /* of this host, the host's own not counted */
	uint16_t mtu_bytes;     /* of this host; 0: that of the configuration */
	bool settled;           /* what others have in it is known, or was waited for */
	struct mono settle_at;  /* when to stop waiting for that */
	struct mono quit_at;    /* the last box is gone; MONO_NEVER */
	struct mono refresh_at; /* when to look whether the own attachment row is still true */
	struct mono refreshed;
};

/* What ipamdb was told last. */
enum ipam_standing { STANDS_UNTOLD = 0, STANDS_ACTIVE, STANDS_FENCED };

struct node {
	struct node_config config;
	struct heap heap;
	struct gossip *gossip;
	struct ipamdb *ipamdb;
	struct mono now;
	struct wall wall;
	bool started, ready, synced, leaving;
	bool numbers_due; /* networks came or went: their VNIs are assigned anew */
	bool unread;      /* a network has attachments to be read, not before read_at */
	struct mono read_at;
	struct ipam_reading reading;
	bool meeting; /* the core was told that somebody waits for each member */
	bool looked;  /* boxes of earlier runs that the kernel lacks are known */
	bool reading_gossip, reading_ipamdb; /* an update is being read */
	enum node_phase phase;
	enum ipam_standing standing;
	struct mono active_since; /* the phase; MONO_NEVER before */
	uint64_t next_tag, next_token;
	struct vec ops;      /* struct op *, by id */
	struct map calls;    /* tag of a gossip message -> tag of ipamdb's */
	struct map talks;    /* tag of a gossip message -> tag of the process' */
	struct map commits;  /* token -> struct commit * */
	struct fifo agenda;  /* struct agenda_item */
	struct vec boxes;    /* struct box *, by id */
	struct vec networks; /* struct network *, by id */
	struct mono networks_due;
	struct map memos;       /* request id -> struct memo */
	struct fifo memos_kept; /* struct memo_kept, the oldest first */
	uint64_t memo_serial;   /* of the last of them */
	struct map acks;        /* owner -> struct ack_queue */
	struct mono acks_due;
	bool look_again;     /* something changed that waiting ops may wait for */
	struct fifo works;   /* struct node_work not told yet */
	struct fifo answers; /* struct answer_out * not told yet */
	struct scratch scratch;
	uint64_t put_token;      /* gossip's, of the rows handed in last; 0: refused */
	struct weft_err put_err; /* why */
	struct node_update update;
};

/* Work for the kernel; tag of the request behind it or 0. */
void node_work_add(struct node *node, enum node_work_kind kind, uint64_t tag,
		   const struct local_endpoint *endpoint);
