/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A rumour with two speeds.
 *
 * On first sight a row goes at once to EAGER_PEERS random present members of its topic. At 10,000
 * nodes that reaches nearly everyone in five hops of a network's latency, instead of five ticks.
 * Foreign rows wait a millisecond or two first, so that rows that come together travel together.
 * What is left of spread_sends() is told on slow ticks and in whatever room other datagrams leave,
 * own rows first. Nobody is told what he just told us, or what he wrote himself.
 *
 * All loss is the repair path's business: an entry is gone after its last send, heard or not. With
 * no peer in reach the queue empties at once.
 */
#include "spread.h"

#include <string.h>

#include "tables_state.h"
#include "topic.h"

#define EAGER_PEERS 8
#define RETELL_PEERS 2
#define SENDS_MIN 4
#define SENDS_FEW 16 /* where eager sends alone reach nearly everybody */
#define SENDS_MAX 24
#define COALESCE_NS NS_PER_MS
#define RETELL_MS_MIN 80
#define RETELL_MS_SPREAD 20
#define BACKLOG_MS 10
#define EAGER_BYTES ((size_t)3 * 1100) /* to each peer, in one step */
#define RETELL_BYTES ((size_t)6 * 1100)
#define RETELL_TOPICS 8
#define FILL_SCAN 64

struct audience {
	uint32_t topic;
	size_t count;
	struct member *peers[EAGER_PEERS];
	uint32_t owners[EAGER_PEERS]; /* the numbers of the peers as owners; NONE: of nothing */
};

static struct spread_entry *entry_at(const struct spread *spread, uint32_t entry)
{
	WEFT_ASSERT(entry != NONE);
	return vec_at(&spread->entries, entry);
}

static void list_unlink(struct spread *spread, uint32_t number)
{
	struct spread_entry *entry = entry_at(spread, number);

	if (entry->prev != NONE)
		entry_at(spread, entry->prev)->next = entry->next;
	else
		spread->head[entry->list] = entry->next;
	if (entry->next != NONE)
		entry_at(spread, entry->next)->prev = entry->prev;
	else
		spread->tail[entry->list] = entry->prev;
}

static void list_append(struct spread *spread, uint32_t number, enum spread_list list)
{
	struct spread_entry *entry = entry_at(spread, number);

	entry->list = (uint8_t)list;
	entry->next = NONE;
	entry->prev = spread->tail[list];
	if (entry->prev != NONE)
		entry_at(spread, entry->prev)->next = number;
	else
		spread->head[list] = number;
	spread->tail[list] = number;
}

void spread_init(struct spread *spread, struct core *core)
{
	*spread = (struct spread){.eager_at = MONO_NEVER, .retell_at = MONO_NEVER};
	vec_init(&spread->entries, &core->heap, sizeof(struct spread_entry));
	vec_push(&spread->entries, NULL);
}

void spread_close(struct spread *spread)
{
	vec_close(&spread->entries);
}

unsigned spread_sends(size_t present)
{
	size_t twice = present > 1 ? 2 * (present - 1) : 0;
	unsigned few = twice < SENDS_FEW ? (unsigned)twice : SENDS_FEW;
	unsigned log2_ceil = 0;
	unsigned sends;

	while (((size_t)1 << log2_ceil) < present + 1)
		log2_ceil++;
	/* Each node sends a few times log n (14 and so 16 at 10,000), or stragglers remain. In a
	 * small cluster that would leave nothing to retell, and what was lost to the repair path:
	 * of 100 nodes that lose a quarter of all datagrams one in ten rows waited for it. */
	sends = (log2_ceil * 6 + 4) / 5;
	if (sends < few)
		sends = few;
	return sends < SENDS_MIN ? SENDS_MIN : sends > SENDS_MAX ? SENDS_MAX : sends;
}

static uint32_t owner_of(const struct tables *tables, uint32_t slot)
{
	const struct slot *at = replica_slot(&tables->replica, slot);

	return at->origin != NONE ? replica_origin(&tables->replica, at->origin)->owner : NONE;
}

static uint32_t topic_of(const struct tables *tables, uint32_t slot)
{
	const struct slot *at = replica_slot(&tables->replica, slot);

	return at->origin != NONE ? replica_origin(&tables->replica, at->origin)->topic : TOPIC_ALL;
}

void spread_add(struct tables *tables, uint32_t slot, const struct id *from)
{
	struct spread *spread = &tables->spread;
	struct slot *at = replica_slot(&tables->replica, slot);
	struct mono due = tables->core->now;
	uint32_t number = at->queued;
	struct spread_entry *entry;

	if (number != NONE) {
		list_unlink(spread, number);
	} else if (spread->head[SPREAD_FREE] != NONE) {
		number = spread->head[SPREAD_FREE];
		list_unlink(spread, number);
		spread->count++;
	} else {
		vec_push(&spread->entries, NULL);
		number = (uint32_t)(spread->entries.count - 1);
		spread->count++;
	}
	at->queued = number;
	entry = entry_at(spread, number);
	*entry = (struct spread_entry){
	    .slot = slot,
	    .from = from != NULL ? replica_find_owner(&tables->replica, from) : NONE,
	    .sends = (uint8_t)spread_sends(tables->members->present_count),
	    .own = (at->flags & SLOT_OWN) != 0,
	};
	list_append(spread, number, SPREAD_EAGER);
	if (!entry->own)
		due = mono_add_ns(due, COALESCE_NS);
	spread->eager_at = mono_min(spread->eager_at, due);
}

static void entry_free(struct tables *tables, uint32_t number)
{
	struct spread *spread = &tables->spread;
	struct spread_entry *entry = entry_at(spread, number);

	WEFT_ASSERT(spread->count > 0 && entry->list != SPREAD_FREE);
	list_unlink(spread, number);
	replica_slot(&tables->replica, entry->slot)->queued = NONE;
	entry->slot = NONE;
	list_append(spread, number, SPREAD_FREE);
	spread->count--;
}

void spread_remove(struct tables *tables, uint32_t slot)
{
	uint32_t number = replica_slot(&tables->replica, slot)->queued;

	if (number != NONE)
		entry_free(tables, number);
}

/* False when this peer wrote the row or told it to us. */
static bool is_news(const struct tables *tables, const struct spread_entry *entry, uint32_t peer)
{
	return peer == NONE || (peer != entry->from && peer != owner_of(tables, entry->slot));
}

static void audience_choose(struct tables *tables, struct audience *to, uint32_t topic, size_t max)
{
	to->topic = topic;
	to->count = topic_pick(tables, topic, to->peers, max);
	for (size_t i = 0; i < to->count; i++)
		to->owners[i] = replica_find_owner(&tables->replica, &to->peers[i]->id);
}

/* Sends an entry to its audience; false when the outbox is full. */
static bool tell(struct tables *tables, struct spread_entry *entry, const struct audience *to,
		 size_t *bytes)
{
	const struct slot *slot = replica_slot(&tables->replica, entry->slot);
	size_t len;
	const uint8_t *row = blob_bytes(tables->core->blobs, slot->blob, &len);

	for (size_t i = 0; i < to->count; i++) {
		uint32_t peer = to->owners[i];
		if (!is_news(tables, entry, peer))
			continue;
		if (outbox_add(&tables->core->outbox, &to->peers[i]->id,
			       entry->own ? CLASS_OWN : CLASS_ROW, FRAME_ROW, row, len) != 0)
			return false;
		tables->counts.told++;
		entry->last = peer;
	}
	*bytes += len + FRAME_HEADER_BYTES;
	entry->told = tables->core->now;
	entry->sends = entry->sends > to->count ? (uint8_t)(entry->sends - to->count) : 0;
	return true;
}

/* After a telling: to the end of a slow list, or gone. */
static void settle(struct tables *tables, uint32_t number)
{
	struct spread *spread = &tables->spread;
	struct spread_entry *entry = entry_at(spread, number);

	if (entry->sends == 0) {
		entry_free(tables, number);
		return;
	}
	list_unlink(spread, number);
	list_append(spread, number, entry->own ? SPREAD_OWN : SPREAD_ROW);
}

/* Tells new rows, as many as one step should; the rest is due at once in the next step. */
static void eager_pass(struct tables *tables)
{
	struct spread *spread = &tables->spread;
	struct audience to = {.topic = NONE};
	size_t bytes = 0;
	bool full = false;

	while (spread->head[SPREAD_EAGER] != NONE && bytes < EAGER_BYTES && !full) {
		uint32_t number = spread->head[SPREAD_EAGER];
		struct spread_entry *entry = entry_at(spread, number);
		uint32_t topic = topic_of(tables, entry->slot);
		if (topic != to.topic) {
			audience_choose(tables, &to, topic, EAGER_PEERS);
			bytes += bytes > 0 ? EAGER_BYTES / 4 : 0;
		}
		if (to.count == 0) {
			entry_free(tables, number);
			continue;
		}
		full = !tell(tables, entry, &to, &bytes);
		if (!full)
			settle(tables, number);
	}
	if (spread->head[SPREAD_EAGER] == NONE)
		spread->eager_at = MONO_NEVER;
	else
		spread->eager_at = full ? mono_add_ms(tables->core->now, 1) : tables->core->now;
	if (spread->retell_at.ns == MONO_NEVER.ns &&
	    (spread->head[SPREAD_OWN] != NONE || spread->head[SPREAD_ROW] != NONE))
		spread->retell_at = mono_add_ms(tables->core->now, RETELL_MS_MIN);
}

static struct audience *audience_of(struct tables *tables, struct audience *known, size_t *count,
				    uint32_t topic)
{
	struct audience *to;

	for (size_t i = 0; i < *count; i++) {
		if (known[i].topic == topic)
			return &known[i];
	}
	if (*count == RETELL_TOPICS)
		return NULL;
	to = &known[(*count)++];
	audience_choose(tables, to, topic, RETELL_PEERS);
	return to;
}

/* One slow tick: rows from the heads of the lists, which are those told least lately. */
static void retell_pass(struct tables *tables)
{
	static const enum spread_list order[] = {SPREAD_OWN, SPREAD_ROW};
	struct spread *spread = &tables->spread;
	struct audience known[RETELL_TOPICS];
	size_t known_count = 0;
	size_t bytes = 0;
	bool full = false;

	for (size_t l = 0; l < 2 && !full; l++) {
		uint32_t last = spread->tail[order[l]];
		for (bool end = last == NONE; !end && !full;) {
			uint32_t number = spread->head[order[l]];
			struct spread_entry *entry = entry_at(spread, number);
			struct audience *to =
			    audience_of(tables, known, &known_count, topic_of(tables, entry->slot));
			end = number == last;
			if (to != NULL && to->count == 0) {
				entry_free(tables, number);
				continue;
			}
			full =
			    to == NULL || bytes >= RETELL_BYTES || !tell(tables, entry, to, &bytes);
			if (!full)
				settle(tables, number);
		}
	}
	if (spread->head[SPREAD_OWN] == NONE && spread->head[SPREAD_ROW] == NONE)
		spread->retell_at = MONO_NEVER;
	else
		spread->retell_at =
		    mono_add_ms(tables->core->now,
				full ? BACKLOG_MS
				     : RETELL_MS_MIN + (int64_t)rng_below(&tables->core->rng,
									  RETELL_MS_SPREAD + 1));
}

void spread_tick(struct tables *tables)
{
	if (mono_is_due(tables->spread.eager_at, tables->core->now))
		eager_pass(tables);
	if (mono_is_due(tables->spread.retell_at, tables->core->now))
		retell_pass(tables);
}

struct mono spread_deadline(const struct tables *tables)
{
	return mono_min(tables->spread.eager_at, tables->spread.retell_at);
}

size_t spread_fill(struct tables *tables, const struct member *to, uint8_t *out, size_t cap)
{
	static const enum spread_list order[] = {SPREAD_OWN, SPREAD_EAGER, SPREAD_ROW};
	struct spread *spread = &tables->spread;
	size_t used = 0;
	unsigned scanned = 0;
	uint32_t peer;

	if (spread->count == 0)
		return 0;
	peer = replica_find_owner(&tables->replica, &to->id);
	for (size_t l = 0; l < 3; l++) {
		uint32_t next;
		for (uint32_t at = spread->head[order[l]]; at != NONE && scanned < FILL_SCAN;
		     at = next, scanned++) {
			struct spread_entry *entry = entry_at(spread, at);
			const uint8_t *row;
			size_t len;
			next = entry->next;
			/* What was told in this instant may be in this very datagram. */
			if (entry->told.ns == tables->core->now.ns ||
			    !is_news(tables, entry, peer) ||
			    (peer != NONE && entry->last == peer) ||
			    !topic_has(tables, topic_of(tables, entry->slot), &to->id))
				continue;
			row = blob_bytes(tables->core->blobs,
					 replica_slot(&tables->replica, entry->slot)->blob, &len);
			if (used + FRAME_HEADER_BYTES + len > cap)
				continue;
			used += wire_put_frame(out + used, FRAME_ROW, row, len);
			tables->counts.filled++;
			entry->last = peer;
			entry->told = tables->core->now;
			entry->sends--;
			if (entry->sends == 0)
				entry_free(tables, at);
		}
	}
	WEFT_ASSERT(used <= cap);
	return used;
}

void spread_check(const struct tables *tables)
{
	const struct spread *spread = &tables->spread;
	uint32_t used = 0;

	for (unsigned list = 0; list < SPREAD_LISTS; list++) {
		uint32_t before = NONE;
		for (uint32_t at = spread->head[list]; at != NONE;
		     at = entry_at(spread, at)->next) {
			const struct spread_entry *entry = entry_at(spread, at);
			WEFT_ASSERT(entry->list == list && entry->prev == before);
			before = at;
			if (list == SPREAD_FREE)
				continue;
			WEFT_ASSERT(replica_slot(&tables->replica, entry->slot)->queued == at);
			WEFT_ASSERT(entry->sends > 0);
			used++;
		}
		WEFT_ASSERT(spread->tail[list] == before);
	}
	WEFT_ASSERT(used == spread->count);
	WEFT_ASSERT(spread->head[SPREAD_EAGER] == NONE || spread->eager_at.ns != INT64_MAX);
}
