/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The door of the gossip core: a deterministic state machine that keeps one node's identity,
 * membership and tables in step with all others.
 *
 *   event in (datagram, tick, command, durable) -> gossip_step -> update out (sends, persists,
 *   changed rows, delivered messages, answers to commands, next deadline)
 *
 * The core owns no clock, socket, thread or libc allocation. Inputs are borrowed for the call;
 * everything in an update lives until the next gossip_step of the same core. A step never fails
 * half: an update has fixed capacity, and work that does not fit stays queued with gossip_deadline
 * at "now". What depends on a commit leaves the core only after the host has said "durable".
 */
#pragma once

#include "base/blob.h"
#include "base/trace.h"
#include "gossip/trust/crypto.h"
#include "io.h"
#include "query.h"
#include "standing.h"

#define GOSSIP_PORT 7947
#define TOKEN_SEEDS_MAX 8

struct gossip;

enum gossip_profile { PROFILE_LAN, PROFILE_WAN, PROFILE_LOCAL };

struct gossip_limits {
	uint32_t members_max;           /* 20,000 */
	uint32_t rows_per_owner_topic;  /* 1,000 endpoints a network per owner */
	uint32_t rows_topic0_per_owner; /* 65,536: ranges, grants, attachments */
	uint32_t facts_max;             /* 100,000 */
	uint32_t facts_per_author;      /* 20,000 of them, ... */
	uint32_t networks_per_author;   /* ... 10,000 of which make networks */
	uint32_t row_bytes_per_owner_s; /* 65,536 sustained */
};

struct gossip_config {
	const struct gossip_crypto *crypto;
	struct page_source pages;
	struct blob_store *blobs; /* host-owned; outlives the core */
	uint64_t seed;            /* of choices that need no secrecy */
	enum gossip_profile profile;
	struct gossip_limits limits; /* zero fields take the defaults above */
	struct hostport advertise;   /* gossip address told to others */
	struct inet vtep;
	char name[NAME_BYTES];
	struct trace_sink trace;
};

/* Makes a core without identity; never NULL. */
struct gossip *gossip_new(const struct gossip_config *config);
void gossip_free(struct gossip *g);

/* Before EV_START: gives back one stored write (WRITE_META, _OWN_ROW, _FACT, _SNAPSHOT; others are
 * ignored). 0, LOAD_PASSED_OVER for a row that stays hidden, since another one has its place or its
 * version, or WEFT_E_INVALID for bytes that weft did not write. */
int gossip_load(struct gossip *g, const struct write *write);

/* One step. The update belongs to the core and lives until the next step. */
const struct gossip_update *gossip_step(struct gossip *g, const struct gossip_event *event);

/* When EV_TICK is due next; in the past while work is queued. */
struct mono gossip_deadline(const struct gossip *g);

/* Walks every structure and asserts its invariants; for tests and the simulator. */
void gossip_check(const struct gossip *g);
