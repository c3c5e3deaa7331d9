/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A descent in at most four frames: digest, 64 buckets, 64 buckets of one of them, marks. Each
 * frame is answered from the present tables alone, so loss, doubles and changes meanwhile cost a
 * repetition and nothing else. With one row that differs among 100,000 the whole costs as many
 * datagrams as it has levels, whatever the number of rows.
 *
 * Topic 0 comes first: it says who exists and who is attached where, and the rows of a network mean
 * nothing before that is settled. The second level of buckets is summed when it is needed, by a
 * walk over the topic's origins.
 */
#include "compare.h"

#include <string.h>

#include "gossip/base/pack.h"
#include "marks.h"
#include "onesided.h"
#include "repair.h"
#include "replica_cap.h"
#include "tables_state.h"
#include "topic.h"

#define DIGEST_ANSWER 1u
#define DIGEST_TOPICS 2u
#define DIGEST_WHOLE 4u
#define TOPICS_PER_DIGEST 36
#define TOPICS_MAX 512u
#define BUCKETS_PER_ROUND 16
#define TOPICS_PER_ROUND 8
#define RUNS_PER_ROUND 16
#define HOLES_MAX ((size_t)16)
#define RUN_PARTS 16u /* never a whole bucket, which would be answered with its sums again */

struct digest {
	uint64_t flags;
	uint64_t all;
	uint64_t shared_count, shared;
};

static void send(struct tables *tables, const struct id *peer, uint8_t type,
		 const struct pack *pack)
{
	WEFT_ASSERT(pack_ok(pack));
	/* A full outbox loses the frame as the network might. */
	(void)outbox_add(&tables->core->outbox, peer, CLASS_REPAIR, type, pack->bytes, pack->len);
}

static void pack_digest(struct tables *tables, const struct id *peer, uint64_t flags,
			struct pack *pack)
{
	size_t count;
	const struct session *session = repair_find(tables, peer);
	uint64_t shared = topic_shared_hash(tables, peer, session, &count);

	pack_array(pack, 5);
	pack_uint(pack, flags | (repair_is_whole(tables) ? DIGEST_WHOLE : 0));
	pack_uint(pack, onesided_hash(tables, session, TOPIC_ALL));
	pack_uint(pack, count);
	pack_uint(pack, shared);
}

static void send_digest(struct tables *tables, const struct id *peer, uint64_t flags)
{
	uint8_t bytes[REPAIR_FRAME_BYTES];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_digest(tables, peer, flags, &pack);
	pack_array(&pack, 0);
	send(tables, peer, FRAME_DIGEST, &pack);
}

/* Names topics with their hashes. */
static void send_topics(struct tables *tables, const struct id *peer, uint64_t flags,
			const uint32_t *topics, size_t count)
{
	uint8_t bytes[REPAIR_FRAME_BYTES];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_digest(tables, peer, flags | DIGEST_TOPICS, &pack);
	pack_array(&pack, 2 * count);
	for (size_t i = 0; i < count; i++) {
		const struct topic *topic = replica_topic(&tables->replica, topics[i]);
		pack_bin(&pack, topic->id.b, ID_BYTES);
		pack_uint(&pack, onesided_hash(tables, repair_find(tables, peer), topics[i]));
	}
	send(tables, peer, FRAME_DIGEST, &pack);
}

void compare_begin(struct tables *tables, const struct id *peer)
{
	send_digest(tables, peer, 0);
}

void compare_begin_topic(struct tables *tables, const struct id *peer, uint32_t topic)
{
	struct row_view key = {
	    .kind = ROW_ATTACHMENT, .owner = tables->core->self.id, .key_len = ID_BYTES};
	uint32_t slot;
	size_t len;
	const uint8_t *bytes;

	memcpy(key.key, replica_topic(&tables->replica, topic)->id.b, ID_BYTES);
	slot = replica_find(&tables->replica, &key);
	if (slot != NONE) {
		bytes = blob_bytes(tables->core->blobs, replica_slot(&tables->replica, slot)->blob,
				   &len);
		(void)outbox_add(&tables->core->outbox, peer, CLASS_REPAIR, FRAME_ROW, bytes, len);
	}
	send_topics(tables, peer, 0, &topic, 1);
}

/* The shared topics, from a random one on, in a few frames. */
static void send_shared(struct tables *tables, const struct id *peer)
{
	struct replica *replica = &tables->replica;
	size_t others = replica->topics.count - (TOPIC_ALL + 1);
	size_t start = others > 0 ? (size_t)rng_below(&tables->core->rng, others) : 0;
	uint32_t listed[TOPICS_PER_DIGEST];
	size_t count = 0, total = 0;

	for (size_t i = 0; i < others && total < TOPICS_MAX; i++) {
		uint32_t topic = (uint32_t)(TOPIC_ALL + 1 + (start + i) % others);
		if (!topic_is_shared(tables, topic, peer))
			continue;
		listed[count++] = topic;
		total++;
		if (count == TOPICS_PER_DIGEST) {
			send_topics(tables, peer, 0, listed, count);
			count = 0;
		}
	}
	if (count > 0)
		send_topics(tables, peer, 0, listed, count);
}

/* The hash of each of the 64 parts of one bucket, or of the topic when bucket is BUCKETS. */
static void sum_buckets(const struct tables *tables, uint32_t number, unsigned bucket,
			uint64_t out[BUCKETS])
{
	const struct replica *replica = &tables->replica;
	const struct topic *topic = replica_topic(replica, number);

	memcpy(out, topic->buckets, sizeof(topic->buckets));
	if (bucket == BUCKETS)
		return;
	tables->core->walked +=
	    topic->origin_count + (number == TOPIC_ALL ? replica->fact_count : 0);
	memset(out, 0, sizeof(topic->buckets));
	for (uint32_t i = topic->origins; i != NONE;
	     i = replica_origin(replica, i)->next_of_topic) {
		const struct origin *origin = replica_origin(replica, i);
		if (replica_bucket(origin->place) == bucket)
			out[replica_bucket(origin->place << BUCKET_BITS)] += origin->hash;
	}
	for (uint32_t s = number == TOPIC_ALL ? replica->facts : NONE; s != NONE;
	     s = replica_slot(replica, s)->next) {
		const struct slot *slot = replica_slot(replica, s);
		if (replica_bucket(slot->place) == bucket && !replica_is_capped(replica, slot))
			out[replica_bucket(slot->place << BUCKET_BITS)] +=
			    replica_digest(replica, slot);
	}
}

static void send_buckets(struct tables *tables, const struct id *peer, uint32_t topic,
			 unsigned bucket)
{
	uint64_t hashes[BUCKETS];
	uint8_t bytes[REPAIR_FRAME_BYTES];
	struct pack pack;

	sum_buckets(tables, topic, bucket, hashes);
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 3);
	pack_bin(&pack, replica_topic(&tables->replica, topic)->id.b, ID_BYTES);
	pack_uint(&pack, bucket);
	pack_array(&pack, BUCKETS);
	for (unsigned i = 0; i < BUCKETS; i++)
		pack_uint(&pack, hashes[i]);
	send(tables, peer, FRAME_BUCKETS, &pack);
}

/* First and last place of a bucket, or of part `part` of it (BUCKETS: the whole bucket). */
static void bucket_range(unsigned bucket, unsigned part, uint64_t *first, uint64_t *last)
{
	uint64_t width = UINT64_C(1) << (64 - BUCKET_BITS);

	*first = (uint64_t)bucket * width;
	if (part < BUCKETS) {
		width >>= BUCKET_BITS;
		*first += (uint64_t)part * width;
	}
	*last = *first + width - 1;
}

/* Goes one level down in a topic: few items are named, many are summed. */
static void descend(struct tables *tables, const struct id *peer, uint32_t topic, unsigned bucket)
{
	uint64_t first = 0, last = UINT64_MAX;

	if (bucket < BUCKETS)
		bucket_range(bucket, BUCKETS, &first, &last);
	if (marks_count(tables, topic, first, last, MARKS_FEW + 1) <= MARKS_FEW)
		marks_send(tables, peer, topic, first, last);
	else
		send_buckets(tables, peer, topic, bucket);
}

/* Either side may count as the other does what one of them alone has at its cap. */
static bool is_equal(struct tables *tables, const struct id *peer, uint32_t topic, uint64_t theirs)
{
	return theirs == replica_topic(&tables->replica, topic)->hash ||
	       theirs == onesided_hash(tables, repair_find(tables, peer), topic);
}

static bool shared_is_equal(struct tables *tables, const struct id *peer,
			    const struct digest *theirs)
{
	size_t count;
	uint64_t ours = topic_shared_hash(tables, peer, NULL, &count);

	if (count == 0 || theirs->shared_count == 0 || theirs->shared == ours)
		return true;
	return theirs->shared == topic_shared_hash(tables, peer, repair_find(tables, peer), &count);
}

/* The listed topics of a digest: [topic, hash, ...]. */
static enum drop_reason compare_topics(struct tables *tables, const struct member *from,
				       struct cursor *cursor, size_t fields, uint64_t flags)
{
	uint32_t shared[TOPICS_PER_DIGEST];
	size_t count = 0, differing = 0;

	for (size_t i = 0; i < fields / 2; i++) {
		struct id id;
		uint32_t topic;
		uint64_t hash;
		cursor_fixed(cursor, id.b, ID_BYTES);
		hash = cursor_uint(cursor, UINT64_MAX);
		topic = cursor_ok(cursor) ? replica_find_topic(&tables->replica, &id) : NONE;
		if (topic == NONE || topic == TOPIC_ALL ||
		    !topic_is_shared(tables, topic, &from->id))
			continue;
		if (count < TOPICS_PER_DIGEST)
			shared[count++] = topic;
		if (is_equal(tables, &from->id, topic, hash))
			continue;
		if (differing++ < TOPICS_PER_ROUND)
			descend(tables, &from->id, topic, BUCKETS);
	}
	if (!cursor_at_end(cursor))
		return DROP_FRAME;
	if (differing > 0 || count == 0)
		return DROP_NONE;
	if (!(flags & DIGEST_ANSWER))
		send_topics(tables, &from->id, DIGEST_ANSWER, shared, count);
	for (size_t i = 0; i < count; i++)
		repair_equal(tables, &from->id, shared[i]);
	return DROP_NONE;
}

/* The first of them by lot: those that nobody can close leave each of the others the same chance.
 */
struct holes {
	uint64_t lot;
	size_t count, total;
	const struct origin *at[HOLES_MAX];
};

static uint64_t holes_turn(const struct holes *holes, const struct origin *origin)
{
	return map_hash(&origin->place, sizeof(origin->place), holes->lot);
}

static void holes_add(struct holes *holes, const struct origin *origin, size_t max)
{
	const uint64_t turn = holes_turn(holes, origin);
	size_t i = holes->count;

	holes->total++;
	while (i > 0 && holes_turn(holes, holes->at[i - 1]) > turn)
		i--;
	if (i == max)
		return;
	if (holes->count < max)
		holes->count++;
	memmove(&holes->at[i + 1], &holes->at[i], (holes->count - 1 - i) * sizeof(holes->at[0]));
	holes->at[i] = origin;
}

/* Equal rows, and yet holes in what this node knows to have: of rows that were replaced before they
 * came, or forgotten in a crash. Who knows better about an origin says so, if he is asked by it.
 * Many are asked about at once as long as that closes holes, or finds new ones; about those that
 * nobody can close one by one, or a quiet cluster would talk of nothing else. */
static void ask_about_holes(struct tables *tables, const struct id *peer)
{
	const struct replica *replica = &tables->replica;
	struct repair *repair = &tables->repair;
	size_t max = repair->holes_asked / 2 > 1 ? repair->holes_asked / 2 : 1;
	struct holes holes = {.lot = (uint64_t)tables->core->now.ns};

	for (uint32_t i = replica_topic(replica, TOPIC_ALL)->origins; i != NONE;
	     i = replica_origin(replica, i)->next_of_topic) {
		const struct origin *origin = replica_origin(replica, i);
		if (watermark_has_gaps(&origin->mark) && origin->count > 0 &&
		    !(origin->flags & (ORIGIN_CAPPED | ORIGIN_INCOMPLETE)))
			holes_add(&holes, origin, HOLES_MAX);
	}
	if (holes.total != repair->holes)
		max = HOLES_MAX;
	if (holes.total != repair->holes && holes.total > 0)
		repair_changed(tables);
	repair->holes = holes.total;
	repair->holes_asked = max;
	for (size_t i = 0; i < holes.count && i < max; i++)
		marks_send_origin(tables, peer, TOPIC_ALL, holes.at[i]);
}

enum drop_reason compare_digest(struct tables *tables, const struct member *from,
				const uint8_t *body, size_t len)
{
	struct digest theirs;
	struct cursor cursor;
	size_t fields;

	cursor_init(&cursor, body, len);
	if (cursor_array(&cursor, 5) != 5)
		return DROP_FRAME;
	theirs.flags = cursor_uint(&cursor, UINT32_MAX);
	theirs.all = cursor_uint(&cursor, UINT64_MAX);
	theirs.shared_count = cursor_uint(&cursor, UINT32_MAX);
	theirs.shared = cursor_uint(&cursor, UINT64_MAX);
	fields = cursor_array(&cursor, 4 * (size_t)TOPICS_PER_DIGEST);
	if (!cursor_ok(&cursor) || fields % 2 != 0)
		return DROP_FRAME;
	if (theirs.flags & DIGEST_TOPICS)
		return compare_topics(tables, from, &cursor, fields, theirs.flags);
	if (!cursor_at_end(&cursor))
		return DROP_FRAME;
	if (!is_equal(tables, &from->id, TOPIC_ALL, theirs.all)) {
		descend(tables, &from->id, TOPIC_ALL, BUCKETS);
	} else if (!shared_is_equal(tables, &from->id, &theirs)) {
		send_shared(tables, &from->id);
	} else {
		if (!(theirs.flags & DIGEST_ANSWER))
			send_digest(tables, &from->id, DIGEST_ANSWER);
		tables->repair.whole |= (theirs.flags & DIGEST_WHOLE) != 0;
		repair_equal(tables, &from->id, NONE);
		ask_about_holes(tables, &from->id);
	}
	return DROP_NONE;
}

/* The topic that a frame names, when both take part in it. */
static uint32_t read_topic(const struct tables *tables, struct cursor *cursor,
			   const struct member *from)
{
	struct id id;
	uint32_t topic;

	cursor_fixed(cursor, id.b, ID_BYTES);
	topic = cursor_ok(cursor) ? replica_find_topic(&tables->replica, &id) : NONE;
	return topic != NONE && topic_is_shared(tables, topic, &from->id) ? topic : NONE;
}

/* Goes into buckets of a topic that differ, from a random one on. */
static void descend_buckets(struct tables *tables, const struct id *peer, uint32_t topic,
			    const uint64_t theirs[BUCKETS], const uint64_t ours[BUCKETS])
{
	unsigned start = (unsigned)rng_below(&tables->core->rng, BUCKETS);
	unsigned done = 0;

	for (unsigned i = 0; i < BUCKETS && done < BUCKETS_PER_ROUND; i++) {
		unsigned at = (start + i) % BUCKETS;
		if (theirs[at] == ours[at])
			continue;
		descend(tables, peer, topic, at);
		done++;
	}
}

/* Names what lies in the parts of a bucket that differ; neighbours go together. */
static void name_parts(struct tables *tables, const struct id *peer, uint32_t topic,
		       unsigned bucket, const uint64_t theirs[BUCKETS],
		       const uint64_t ours[BUCKETS])
{
	unsigned at = 0;

	for (unsigned done = 0; at < BUCKETS && done < RUNS_PER_ROUND; at++) {
		uint64_t first, last, skipped;
		unsigned end = at;
		if (theirs[at] == ours[at])
			continue;
		while (end + 1 < BUCKETS && end + 1 - at < RUN_PARTS &&
		       theirs[end + 1] != ours[end + 1])
			end++;
		bucket_range(bucket, at, &first, &last);
		bucket_range(bucket, end, &skipped, &last);
		marks_send(tables, peer, topic, first, last);
		at = end;
		done++;
	}
}

enum drop_reason compare_buckets(struct tables *tables, const struct member *from,
				 const uint8_t *body, size_t len)
{
	uint64_t theirs[BUCKETS], ours[BUCKETS];
	struct cursor cursor;
	uint32_t topic;
	unsigned bucket;

	cursor_init(&cursor, body, len);
	if (cursor_array(&cursor, 3) != 3)
		return DROP_FRAME;
	topic = read_topic(tables, &cursor, from);
	bucket = (unsigned)cursor_uint(&cursor, BUCKETS);
	if (cursor_array(&cursor, BUCKETS) != BUCKETS)
		return DROP_FRAME;
	for (unsigned i = 0; i < BUCKETS; i++)
		theirs[i] = cursor_uint(&cursor, UINT64_MAX);
	if (!cursor_at_end(&cursor))
		return DROP_FRAME;
	if (topic == NONE)
		return DROP_NONE;
	sum_buckets(tables, topic, bucket, ours);
	if (bucket == BUCKETS)
		descend_buckets(tables, &from->id, topic, theirs, ours);
	else
		name_parts(tables, &from->id, topic, bucket, theirs, ours);
	return DROP_NONE;
}

/* Many items stand against few of theirs: sums first, where the range is one that has sums. */
static bool answer_with_buckets(struct tables *tables, const struct id *peer, uint32_t topic,
				uint64_t first, uint64_t last)
{
	uint64_t start, end;

	if (marks_count(tables, topic, first, last, MARKS_MANY + 1) <= MARKS_MANY)
		return false;
	if (first == 0 && last == UINT64_MAX) {
		send_buckets(tables, peer, topic, BUCKETS);
		return true;
	}
	bucket_range(replica_bucket(first), BUCKETS, &start, &end);
	if (first != start || last != end)
		return false;
	send_buckets(tables, peer, topic, replica_bucket(first));
	return true;
}

enum drop_reason compare_marks(struct tables *tables, const struct member *from,
			       const uint8_t *body, size_t len)
{
	struct cursor cursor;
	uint64_t flags, first, last;
	uint32_t topic;

	cursor_init(&cursor, body, len);
	if (cursor_array(&cursor, 5) != 5)
		return DROP_FRAME;
	flags = cursor_uint(&cursor, UINT32_MAX);
	topic = read_topic(tables, &cursor, from);
	first = cursor_uint(&cursor, UINT64_MAX);
	last = cursor_uint(&cursor, UINT64_MAX);
	if (!cursor_ok(&cursor) || first > last)
		return DROP_FRAME;
	if (topic == NONE)
		return DROP_NONE;
	if (!(flags & 1) && answer_with_buckets(tables, &from->id, topic, first, last))
		return DROP_NONE;
	return marks_compare(tables, from, topic, first, last, (flags & 1) != 0, cursor.at,
			     (size_t)(cursor.end - cursor.at));
}
