/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The rows and facts that this node holds, by key, by owner and topic, and by the hashes with which
 * nodes compare them. Bytes live in the host's interning store; a row costs a slot of 48 bytes.
 *
 *   slot    one row or fact
 *   origin  what one owner wrote in one topic: its rows, their hash, its watermark
 *   owner   an author with its allowance of bytes
 *   topic   its origins, 64 bucket hashes, the members attached to it
 *
 * All are named by numbers from 1 on; 0 is none. Topic 0 is number TOPIC_ALL.
 */
#pragma once

#include "gossip/base/map.h"
#include "gossip/base/row.h"
#include "gossip/core/limit.h"
#include "watermark.h"

#define NONE 0u
#define TOPIC_ALL 1u
#define BUCKET_BITS 6u
#define BUCKETS (1u << BUCKET_BITS)

struct core;

enum slot_flags {
	SLOT_DELETED = 1,
	SLOT_OWN = 2,
	SLOT_DIRTY = 4,  /* the stored copy lacks this version */
	SLOT_STORED = 8, /* the store has some version of it */
	SLOT_STALE = 16, /* a whole comparison has not listed it yet */
};

struct slot {
	uint64_t place;    /* hash of (owner, topic,) kind and key: the same on every node */
	uint64_t epoch;    /* of a fact: tag of its author */
	uint64_t sequence; /* of a fact: counter */
	uint32_t blob;     /* BLOB_NONE while the slot is free */
	uint32_t origin;   /* NONE for facts */
	uint32_t chain;    /* next slot under the same index head, or next free one */
	uint32_t next;     /* next slot of the origin, or of the facts */
	uint32_t queued;   /* entry of the fast path */
	uint16_t kind;
	uint16_t flags;
};

enum origin_flags {
	ORIGIN_CAPPED = 1,     /* over its cap: compared no longer */
	ORIGIN_INCOMPLETE = 2, /* below the owner's floor: not served until compared as a whole */
	ORIGIN_WHOLE = 4,      /* such a comparison is under way */
	ORIGIN_OFFERED = 8,    /* the last one brought nothing, but the peer lacked something */
	ORIGIN_TEXTS = 16,     /* it brought nothing at all: the next one is by texts */
};

struct origin {
	uint64_t place; /* hash of owner and topic */
	uint64_t hash;  /* sum of the digests of its rows */
	struct watermark mark;
	uint32_t owner, topic;
	uint32_t next_of_owner, next_of_topic;
	uint32_t first, count;     /* slots */
	uint32_t flags, vain_with; /* owner number of the peer that ... */
	struct mono vain_until;    /* ... has nothing to bring until then (want.c) */
};

enum owner_flags {
	OWNER_FROZEN = 1,     /* left or removed: nothing of it is collected any more */
	OWNER_CAP_TOLD = 2,   /* that it is over a cap was traced, ... */
	OWNER_HASTE_TOLD = 4, /* ... over its allowance; since it was within that at last */
};

struct owner {
	struct id id;
	uint32_t origins;
	uint32_t flags, facts, networks; /* how many facts are of it, and make networks */
	struct limit spent;              /* what its rows took of its allowance of bytes */
	struct limit asked;              /* work that it asked of this node as a peer */
};

struct topic {
	struct id id;
	bool kept;   /* this node takes part */
	bool synced; /* compared with an attached peer since this node takes part */
	uint32_t origins, origin_count, rows; /* rows: of these origins */
	uint64_t hash;                        /* sum of the buckets */
	uint64_t buckets[BUCKETS];
	struct vec attached;         /* uint32_t owner numbers, rising */
	struct mono own_asked_until; /* see want.c */
};

struct replica {
	struct core *core;
	struct vec slots, origins, owners; /* element 0 is unused */
	struct vec topics;                 /* struct topic *; the same */
	struct map owner_ids, topic_ids;
	uint32_t *heads; /* index: slot numbers by place */
	size_t head_count;
	uint32_t free_slot, facts, fact_count;
	struct vec capped; /* uint64_t: tags of authors whose facts are no longer compared */
	uint32_t row_count, dead_count, incomplete_count; /* owned rows, tombstones; origins */
};

void replica_init(struct replica *replica, struct core *core);
void replica_close(struct replica *replica);

/* Borrowed until something is added to the replica, a topic for good. */
struct slot *replica_slot(const struct replica *replica, uint32_t slot);
struct origin *replica_origin(const struct replica *replica, uint32_t origin);
struct owner *replica_owner(const struct replica *replica, uint32_t owner);
struct topic *replica_topic(const struct replica *replica, uint32_t topic);

/* Numbers; _find and _of (by the owner's id) give NONE for what is unknown. */
uint32_t replica_find_owner(const struct replica *replica, const struct id *id);
uint32_t replica_find_topic(const struct replica *replica, const struct id *id);
uint32_t replica_find_origin(const struct replica *replica, uint32_t owner, uint32_t topic);
uint32_t replica_origin_of(const struct replica *replica, const struct id *owner, uint32_t topic);
uint32_t replica_add_owner(struct replica *replica, const struct id *id);
uint32_t replica_add_topic(struct replica *replica, const struct id *id);
uint32_t replica_add_origin(struct replica *replica, uint32_t owner, uint32_t topic);

/* The slot of the row with this kind, key and, unless it is a fact, owner and topic; is it this? */
uint32_t replica_find(const struct replica *replica, const struct row_view *key);
bool replica_is_indexed(const struct replica *replica, uint32_t slot, const struct row_view *row);
uint32_t replica_find_fact(const struct replica *replica, uint64_t place);
/* The slot of an origin's row with this version: a walk over all its rows. */
uint32_t replica_find_version(const struct replica *replica, uint32_t origin, struct version at);

/* What comparisons use. A fact's version is {tag of its author, counter}; the text is the end of
 * the signature; the digest goes into the sums, the bucket of its topic says into which. */
uint64_t replica_place(const struct row_view *key);
uint64_t replica_origin_place(const struct id *owner, const struct id *topic);
struct version replica_version(const struct row_view *row);
uint64_t replica_text(const struct replica *replica, const struct slot *slot);
uint64_t replica_digest(const struct replica *replica, const struct slot *slot);
static inline unsigned replica_bucket(uint64_t place)
{
	return (unsigned)(place >> (64 - BUCKET_BITS));
}

/* Puts a row into the given slot, or a new one when NONE; takes over the caller's count of blob.
 * Notes its version in the origin's watermark. Returns the slot. */
uint32_t replica_store(struct replica *replica, uint32_t slot, const struct row_view *row,
		       uint32_t blob);
void replica_remove(struct replica *replica, uint32_t slot);
void replica_set_incomplete(struct replica *replica, uint32_t origin, bool incomplete);
/* The row of a slot; its value is borrowed until the slot changes. */
void replica_view(const struct replica *replica, uint32_t slot, struct row_view *row);
void replica_check(const struct replica *replica);
