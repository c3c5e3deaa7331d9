/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the modules of the core share during a step: memory, time, randomness, cryptography, the
 * identity of this node, and the places where output collects. Modules call each other through
 * their own headers; nothing here decides anything.
 */
#pragma once

#include "gossip/base/check.h"
#include "gossip/base/heap.h"
#include "gossip/base/rng.h"
#include "gossip/base/scratch.h"
#include "gossip/gossip.h"
#include "outbox.h"
#include "wire.h"

/* To people, where a step has no room for what they ask: a step is no word of theirs. */
#define CORE_BUSY_TEXT "this node is busy storing other changes; try again"

/* This node's identity and membership. Secrets are wiped by gossip_free. */
struct self {
	enum node_phase phase;
	struct id id;
	uint8_t sign_pub[SIGN_PUB_BYTES];
	uint8_t sign_sec[SIGN_SEC_BYTES];
	struct id cluster;
	uint8_t cluster_pub[SIGN_PUB_BYTES];
	char cluster_name[NAME_BYTES];
	uint64_t epoch;       /* claimed and durable */
	uint64_t incarnation; /* durable */
	bool has_cluster_key;
	uint8_t cluster_seed[SEED_BYTES];
	bool is_admin;
	bool alone;               /* active without a confirmed claim: lease nothing new */
	bool cloned;              /* it has a twin, or its disk went back: lease nothing new */
	bool refused;             /* its admission does not count, members say: lease nothing new */
	struct rec_member member; /* own member record as last published */
};

/* Datagrams as they passed the door, with their bytes above UDP. */
struct core_traffic {
	uint64_t received, received_bytes;
	uint64_t sent, sent_bytes;
};

struct core {
	const struct gossip_crypto *crypto;
	struct heap heap;
	struct blob_store *blobs;
	struct rng rng;
	uint64_t map_seed;
	struct gossip_limits limits;
	enum gossip_profile profile;
	struct trace_sink trace;
	struct mono now;
	struct wall wall;
	struct self self;
	struct outbox outbox; /* frames to members, packed and sealed at the end of a step */
	struct gossip_update *update; /* of this step */
	uint64_t next_token;          /* persist tokens */
	uint64_t drops[DROP_END_];
	struct core_traffic traffic;
	struct scratch scratch; /* bytes that the update names */
	/* Rows, origins and topics looked at for one frame: what others may cost. */
	uint64_t walked;
	struct hostport advertise;
	struct inet vtep;
	char name[NAME_BYTES];
};

/* Fills in a core from the configuration; its update is given by the owner. */
void core_init(struct core *core, const struct gossip_config *config, struct gossip_update *update);

/* Wipes secrets and gives all memory back, also what modules took from the heap. */
void core_close(struct core *core);

/* Empties the update and forgets the scratch memory of the step before. */
void core_begin_step(struct core *core, struct mono now, struct wall wall);

/* Opens a persist group in this step's update; 0 when the update is full (try next step). */
uint64_t core_persist_begin(struct core *core, uint64_t tag);

/* Adds a write to the group opened last; its bytes must live until the next step. The caller has
 * asked core_has_room. */
void core_persist_write(struct core *core, const struct write *write);

/* Answers a command: done unless the caller sets err. With tag 0 the answer goes nowhere. The
 * caller has asked core_has_room unless this step brought the command. */
struct gossip_answer *core_answer(struct core *core, uint64_t tag);

/* True when the update has room for n more of each kind of output that a module may emit; with
 * writes > 0 also for a persist group. */
bool core_has_room(const struct core *core, size_t changes, size_t writes, size_t answers);

/* Adds a change for the caller to fill in, zeroed but for its kind; asked for by core_has_room. */
struct gossip_change *core_change(struct core *core, enum gossip_change_kind kind);

/* Which of so many shares of a limit the addresses around this one have, a /24 or a /48 of IPv6.
 * Who else falls into it nobody can tell. */
size_t core_share(const struct core *core, const struct hostport *from, size_t shares);

void core_drop(struct core *core, enum drop_reason reason);
void core_trace(struct core *core, enum trace_event event, const struct id *node,
		const struct id *object, const struct hostport *addr, int64_t value);
