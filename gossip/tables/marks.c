/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Comparing item by item.
 *
 * An origin with equal hashes is equal, and the higher of two watermarks holds for both. Otherwise
 * who has seen more is asked for the rest; if both have seen the same and yet differ, a row was
 * lost in the middle, and each lists the whole of the other's. Of a fact the higher counter wins;
 * with equal counters both sides ask, and the order of authors decides, or that of the texts.
 *
 * An origin below its floor is shown as if nothing of it were here, so that nobody fetches from it
 * what its owner deleted.
 */
#include "marks.h"

#include <string.h>

#include "gossip/base/pack.h"
#include "onesided.h"
#include "pull.h"
#include "replica_cap.h"
#include "tables_state.h"
#include "want.h"

#define ITEMS_PER_FRAME 17
#define ITEM_BYTES 64 /* at most: an origin whose versions are at the end of numbers */
#define HEAD_BYTES 42
#define FRAMES_MAX 8

struct item {
	uint64_t place;
	bool is_fact;
	struct id owner;
	uint64_t tag, counter;    /* of a fact, and ... */
	uint64_t text;            /* ... the end of its signature */
	struct version upto, top; /* of an origin */
	uint64_t hash;
};

/* Items sorted by place: the lowest that were found. */
struct items {
	size_t count, max;
	bool full; /* there are more */
	struct item at[MARKS_MANY + 1];
};

_Static_assert(ITEMS_PER_FRAME <= MARKS_MANY, "a frame's items fit");
_Static_assert(HEAD_BYTES + ITEMS_PER_FRAME * ITEM_BYTES <= REPAIR_FRAME_BYTES,
	       "whatever their owners signed");

static void items_add(struct items *items, const struct item *item)
{
	size_t i = items->count;

	while (i > 0 && items->at[i - 1].place > item->place)
		i--;
	if (items->count == items->max) {
		items->full = true;
		if (i == items->max)
			return;
		items->count--;
	}
	memmove(&items->at[i + 1], &items->at[i], (items->count - i) * sizeof(items->at[0]));
	items->at[i] = *item;
	items->count++;
}

static struct item origin_item(const struct tables *tables, const struct origin *origin)
{
	struct item item = {
	    .place = origin->place,
	    .owner = replica_owner(&tables->replica, origin->owner)->id,
	    .hash = origin->hash,
	};

	if (origin->flags & ORIGIN_INCOMPLETE)
		return item;
	item.upto = origin->mark.upto;
	item.top = origin->mark.top;
	return item;
}

/* The same as it is sent: what a leaver does not show looks like nothing. */
static struct item shown_item(const struct tables *tables, const struct origin *origin)
{
	struct item item = origin_item(tables, origin);

	if (!farewell_shows(tables, &item.owner))
		item.upto = item.top = (struct version){0, 0};
	return item;
}

static struct item fact_item(const struct replica *replica, const struct slot *slot)
{
	return (struct item){
	    .place = slot->place,
	    .is_fact = true,
	    .tag = slot->epoch,
	    .counter = slot->sequence,
	    .text = replica_text(replica, slot),
	};
}

/* What a look at all that is compared in a topic costs. */
static void walk(const struct tables *tables, uint32_t topic)
{
	const struct replica *replica = &tables->replica;

	tables->core->walked += replica_topic(replica, topic)->origin_count +
				(topic == TOPIC_ALL ? replica->fact_count : 0);
}

static void gather(const struct tables *tables, uint32_t topic, uint64_t first, uint64_t last,
		   size_t max, struct items *items)
{
	const struct replica *replica = &tables->replica;

	WEFT_ASSERT(max <= MARKS_MANY);
	walk(tables, topic);
	items->count = 0;
	items->max = max;
	items->full = false;
	for (uint32_t i = replica_topic(replica, topic)->origins; i != NONE;
	     i = replica_origin(replica, i)->next_of_topic) {
		const struct origin *origin = replica_origin(replica, i);
		if (origin->place >= first && origin->place <= last && origin->count > 0) {
			struct item item = shown_item(tables, origin);
			items_add(items, &item);
		}
	}
	for (uint32_t s = topic == TOPIC_ALL ? replica->facts : NONE; s != NONE;
	     s = replica_slot(replica, s)->next) {
		const struct slot *slot = replica_slot(replica, s);
		if (slot->place >= first && slot->place <= last &&
		    !replica_is_capped(replica, slot)) {
			struct item item = fact_item(replica, slot);
			items_add(items, &item);
		}
	}
}

size_t marks_count(const struct tables *tables, uint32_t topic, uint64_t first, uint64_t last,
		   size_t limit)
{
	const struct replica *replica = &tables->replica;
	size_t count = 0;

	walk(tables, topic);
	for (uint32_t i = replica_topic(replica, topic)->origins; i != NONE && count < limit;
	     i = replica_origin(replica, i)->next_of_topic) {
		const struct origin *origin = replica_origin(replica, i);
		count += origin->place >= first && origin->place <= last && origin->count > 0;
	}
	for (uint32_t s = topic == TOPIC_ALL ? replica->facts : NONE; s != NONE && count < limit;
	     s = replica_slot(replica, s)->next) {
		const struct slot *slot = replica_slot(replica, s);
		count += slot->place >= first && slot->place <= last &&
			 !replica_is_capped(replica, slot);
	}
	return count;
}

static void pack_item(struct pack *pack, const struct item *item)
{
	if (item->is_fact) {
		pack_array(pack, 4);
		pack_uint(pack, item->place);
		pack_uint(pack, item->tag);
		pack_uint(pack, item->counter);
		pack_uint(pack, item->text);
		return;
	}
	pack_array(pack, 6);
	pack_bin(pack, item->owner.b, ID_BYTES);
	pack_uint(pack, item->upto.epoch);
	pack_uint(pack, item->upto.sequence);
	pack_uint(pack, item->top.epoch);
	pack_uint(pack, item->top.sequence);
	pack_uint(pack, item->hash);
}

static bool read_item(struct cursor *cursor, struct item *item)
{
	size_t fields = cursor_array(cursor, 6);

	*item = (struct item){.is_fact = fields == 4};
	if (fields == 4) {
		item->place = cursor_uint(cursor, UINT64_MAX);
		item->tag = cursor_uint(cursor, UINT64_MAX);
		item->counter = cursor_uint(cursor, UINT64_MAX);
		item->text = cursor_uint(cursor, UINT64_MAX);
	} else if (fields == 6) {
		cursor_fixed(cursor, item->owner.b, ID_BYTES);
		item->upto.epoch = cursor_uint(cursor, UINT64_MAX);
		item->upto.sequence = cursor_uint(cursor, UINT64_MAX);
		item->top.epoch = cursor_uint(cursor, UINT64_MAX);
		item->top.sequence = cursor_uint(cursor, UINT64_MAX);
		item->hash = cursor_uint(cursor, UINT64_MAX);
	} else {
		return false;
	}
	return cursor_ok(cursor);
}

static void send_frame(struct tables *tables, const struct id *peer, uint32_t topic, uint64_t first,
		       uint64_t last, bool is_answer, const struct item *items, size_t count)
{
	uint8_t bytes[REPAIR_FRAME_BYTES];
	struct pack pack;

	WEFT_ASSERT(count <= ITEMS_PER_FRAME);
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 5);
	pack_uint(&pack, is_answer ? 1 : 0);
	pack_bin(&pack, replica_topic(&tables->replica, topic)->id.b, ID_BYTES);
	pack_uint(&pack, first);
	pack_uint(&pack, last);
	pack_array(&pack, count);
	for (size_t i = 0; i < count; i++)
		pack_item(&pack, &items[i]);
	WEFT_ASSERT(pack_ok(&pack));
	(void)outbox_add(&tables->core->outbox, peer, CLASS_REPAIR, FRAME_MARKS, pack.bytes,
			 pack.len);
}

void marks_send(struct tables *tables, const struct id *peer, uint32_t topic, uint64_t first,
		uint64_t last)
{
	struct items items;

	/* Each frame covers the places up to its last item, so that the peer knows what is absent;
	 * what does not fit into these frames is left to the next comparison. */
	for (size_t frame = 0; frame < FRAMES_MAX; frame++) {
		uint64_t end = last;
		gather(tables, topic, first, last, ITEMS_PER_FRAME, &items);
		if (items.full)
			end = items.at[items.count - 1].place;
		send_frame(tables, peer, topic, first, end, false, items.at, items.count);
		if (!items.full || end == UINT64_MAX)
			return;
		first = end + 1;
	}
}

void marks_send_origin(struct tables *tables, const struct id *peer, uint32_t topic,
		       const struct origin *origin)
{
	struct item item = shown_item(tables, origin);

	WEFT_ASSERT(origin->topic == topic);
	send_frame(tables, peer, topic, item.place, item.place, false, &item, 1);
}

/* Neither has seen more of an origin than the other, as far as they know: is the whole of theirs to
 * be listed? Not of one of which they take no more and ask for none, while there is no room for
 * more here either. */
static bool wants_whole(const struct tables *tables, const struct id *peer,
			const struct origin *origin, bool seen_alike, uint64_t theirs)
{
	if (theirs == 0 && origin != NULL)
		return origin->count < replica_origin_cap(&tables->replica, origin) &&
		       !want_is_vain(tables, origin, peer);
	return seen_alike && !want_is_vain(tables, origin, peer);
}

/* Compares one origin of theirs with ours: what we want, and whether they should want ours. */
static bool compare_origin(struct tables *tables, const struct id *peer, uint32_t topic,
			   const struct item *theirs)
{
	struct replica *replica = &tables->replica;
	uint32_t number = replica_origin_of(replica, &theirs->owner, topic);
	struct origin *origin = number != NONE ? replica_origin(replica, number) : NULL;
	struct item ours = {.hash = 0};
	int upto, top;

	/* They hear that it is at its cap here (onesided.c). */
	if (origin != NULL && origin->flags & ORIGIN_CAPPED)
		return theirs->hash != 0;
	if (origin != NULL)
		ours = origin_item(tables, origin);
	/* Of what is at its cap there and not here it is not known what it is. */
	if (origin != NULL && ours.hash == theirs->hash && theirs->hash != 0) {
		upto = version_cmp(theirs->upto, ours.upto);
		origin->flags &= ~(uint32_t)(ORIGIN_OFFERED | ORIGIN_TEXTS);
		/* What this node wrote itself nobody knows better: a wrong claim would spoil the
		 * counter of its versions. */
		if (!(origin->flags & ORIGIN_INCOMPLETE) &&
		    !id_eq(&theirs->owner, &tables->core->self.id))
			watermark_complete(&origin->mark, &tables->core->heap, theirs->upto);
		return upto < 0 && version_cmp(theirs->upto, theirs->top) < 0;
	}
	upto = version_cmp(theirs->upto, ours.upto);
	top = version_cmp(theirs->top, ours.top);
	if (id_eq(&theirs->owner, &tables->core->self.id) && !tables->core->self.cloned) {
		/* Rows that this node never wrote? Only they prove it: they are signed. Its later
		 * rows may hide them, when its disk went back and it wrote on from there. */
		if (upto > 0 || top > 0)
			pull_want_origin(tables, peer, &theirs->owner, topic, false);
		else if (upto == 0 && top == 0 &&
			 mono_is_due(replica_topic(replica, topic)->own_asked_until,
				     tables->core->now))
			pull_want_origin(tables, peer, &theirs->owner, topic, true);
	} else {
		if (origin != NULL && origin->flags & ORIGIN_INCOMPLETE)
			pull_want_origin(tables, peer, &theirs->owner, topic, true);
		else if (upto > 0 || top > 0)
			pull_want_origin(tables, peer, &theirs->owner, topic, false);
		else if (wants_whole(tables, peer, origin, upto == 0 && top == 0, theirs->hash))
			pull_want_origin(tables, peer, &theirs->owner, topic, true);
	}
	return origin != NULL && origin->count > 0 &&
	       (theirs->hash == 0 || upto < 0 || top < 0 || (upto == 0 && top == 0));
}

static bool compare_fact(struct tables *tables, const struct id *peer, const struct item *theirs)
{
	uint32_t number = replica_find_fact(&tables->replica, theirs->place);
	const struct slot *slot = number != NONE ? replica_slot(&tables->replica, number) : NULL;
	const struct slot key = {.epoch = theirs->tag};

	if (replica_is_capped(&tables->replica, &key))
		return false;
	if (slot == NULL || theirs->counter > slot->sequence) {
		pull_want_fact(tables, peer, theirs->place);
		return false;
	}
	if (theirs->counter < slot->sequence)
		return true;
	if (theirs->tag == slot->epoch && theirs->text == replica_text(&tables->replica, slot))
		return false;
	pull_want_fact(tables, peer, theirs->place);
	return true;
}

/* Everything of ours in the range that they have less of. */
static void answer(struct tables *tables, const struct id *peer, uint32_t topic, struct items *ours,
		   const uint64_t *known, const bool *less, size_t count)
{
	struct item chosen[MARKS_MANY + 1];
	size_t chosen_count = 0;

	for (size_t i = 0; i < ours->count; i++) {
		bool theirs = false, wanted = true;
		for (size_t j = 0; j < count && !theirs; j++) {
			theirs = known[j] == ours->at[i].place;
			wanted = !theirs || less[j];
		}
		if (wanted)
			chosen[chosen_count++] = ours->at[i];
	}
	for (size_t i = 0; i < chosen_count; i += ITEMS_PER_FRAME) {
		size_t left = chosen_count - i;
		send_frame(tables, peer, topic, 0, UINT64_MAX, true, &chosen[i],
			   left < ITEMS_PER_FRAME ? left : ITEMS_PER_FRAME);
	}
}

enum drop_reason marks_compare(struct tables *tables, const struct member *from, uint32_t topic,
			       uint64_t first, uint64_t last, bool is_answer, const uint8_t *bytes,
			       size_t len)
{
	const struct id *topic_id = &replica_topic(&tables->replica, topic)->id;
	uint64_t known[ITEMS_PER_FRAME];
	bool less[ITEMS_PER_FRAME];
	struct session *session;
	struct items ours;
	struct cursor cursor;
	size_t count;

	cursor_init(&cursor, bytes, len);
	count = cursor_array(&cursor, ITEMS_PER_FRAME);
	for (size_t i = 0; i < count && cursor_ok(&cursor); i++) {
		struct item theirs;
		if (!read_item(&cursor, &theirs) || (theirs.is_fact && topic != TOPIC_ALL))
			return DROP_FRAME;
		known[i] =
		    theirs.is_fact ? theirs.place : replica_origin_place(&theirs.owner, topic_id);
		less[i] = theirs.is_fact ? compare_fact(tables, &from->id, &theirs)
					 : compare_origin(tables, &from->id, topic, &theirs);
		if (!theirs.is_fact)
			onesided_note(tables, &from->id, &theirs.owner, topic, theirs.hash);
	}
	if (!cursor_at_end(&cursor))
		return DROP_FRAME;
	if (!is_answer) {
		gather(tables, topic, first, last, MARKS_MANY, &ours);
		answer(tables, &from->id, topic, &ours, known, less, count);
	}
	session = repair_find(tables, &from->id);
	if (session != NULL) {
		session->answered = true;
		pull_pump(tables, session);
	}
	return DROP_NONE;
}
