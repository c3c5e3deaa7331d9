/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answering those who fetch. A request is answered from the present tables alone, with at most
 * SERVE_BYTES of rows; what does not fit is said to be "more". Rows go in order of their versions,
 * but for an owner's member row, which goes before everything else to somebody who may not know the
 * owner. An origin below its floor is not served.
 */
#include <string.h>

#include "gossip/base/pack.h"
#include "pull.h"
#include "tables_state.h"
#include "topic.h"
#include "versions.h"

#define SERVE_BYTES ((size_t)32 * 1024)
#define TEXTS_MAX 32
#define TEXT_BYTES 9
#define HEAD_BYTES 100 /* of a PULL_END without its versions */

_Static_assert(HEAD_BYTES + VERSIONS_LIST_BYTES + VERSIONS_RUN_BYTES * PULL_VERSIONS <=
		   REPAIR_FRAME_BYTES,
	       "the end of a list of versions asked for by name fits one frame");

_Static_assert(HEAD_BYTES + 2 * VERSIONS_LIST_BYTES +
		       (VERSIONS_RUN_BYTES + TEXT_BYTES) * TEXTS_MAX <=
		   REPAIR_FRAME_BYTES,
	       "so does one of versions with their texts");

struct request {
	struct id topic_id, owner_id;
	uint32_t topic, origin;
	enum want_mode mode;
	struct version after;
	size_t count;
	struct version versions[PULL_VERSIONS];
};

struct listed {
	struct version version;
	uint32_t slot;
};

struct serve {
	struct tables *tables;
	const struct member *to;
	size_t budget;
	size_t count, max;
	bool more;
	struct listed at[VERSIONS_MAX];
};

static void send_row(struct serve *serve, uint32_t slot)
{
	struct core *core = serve->tables->core;
	size_t len;
	const uint8_t *bytes =
	    blob_bytes(core->blobs, replica_slot(&serve->tables->replica, slot)->blob, &len);

	(void)outbox_add(&core->outbox, &serve->to->id, CLASS_REPAIR, FRAME_ROW, bytes, len);
	serve->tables->counts.served++;
	serve->budget = serve->budget > len ? serve->budget - len : 0;
}

static void pack_version(struct pack *pack, struct version version)
{
	pack_uint(pack, version.epoch);
	pack_uint(pack, version.sequence);
}

static void pack_texts(const struct serve *serve, struct pack *pack)
{
	const struct replica *replica = &serve->tables->replica;

	pack_array(pack, serve->count);
	for (size_t i = 0; i < serve->count; i++)
		pack_uint(pack, replica_text(replica, replica_slot(replica, serve->at[i].slot)));
}

/* Ends the answer about one origin; the versions are those of serve->at. */
static void send_end(struct serve *serve, const struct request *request, struct version through,
		     struct version claim)
{
	struct version versions[VERSIONS_MAX];
	uint8_t bytes[REPAIR_FRAME_BYTES];
	struct pack pack;

	for (size_t i = 0; i < serve->count; i++)
		versions[i] = serve->at[i].version;
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, request->mode == WANT_TEXTS ? 12 : 11);
	pack_bin(&pack, request->topic_id.b, ID_BYTES);
	pack_bin(&pack, request->owner_id.b, ID_BYTES);
	pack_uint(&pack, request->mode);
	pack_version(&pack, request->after);
	pack_version(&pack, through);
	pack_bool(&pack, serve->more);
	pack_version(&pack, claim);
	versions_pack(&pack, versions, serve->count);
	if (request->mode == WANT_TEXTS)
		pack_texts(serve, &pack);
	WEFT_ASSERT(pack_ok(&pack));
	(void)outbox_add(&serve->tables->core->outbox, &serve->to->id, CLASS_REPAIR, FRAME_PULL_END,
			 pack.bytes, pack.len);
}

static bool is_lower(const struct listed *a, const struct listed *b)
{
	return version_cmp(a->version, b->version) < 0;
}

/* Restores the heap of at[0..count), the highest version on top, below place i. */
static void sink(struct serve *serve, size_t i, size_t count)
{
	struct listed item = serve->at[i];

	for (;;) {
		size_t child = 2 * i + 1;
		if (child + 1 < count && is_lower(&serve->at[child], &serve->at[child + 1]))
			child++;
		if (child >= count || !is_lower(&item, &serve->at[child]))
			break;
		serve->at[i] = serve->at[child];
		i = child;
	}
	serve->at[i] = item;
}

static void heapify(struct serve *serve)
{
	for (size_t i = serve->count / 2; i-- > 0;)
		sink(serve, i, serve->count);
}

/* The lowest versions beyond request->after, sorted, at most serve->max: a bounded heap, since an
 * origin may hold many times that number. */
static void collect(struct serve *serve, const struct request *request)
{
	const struct replica *replica = &serve->tables->replica;
	uint32_t next = replica_origin(replica, request->origin)->first;

	serve->tables->core->walked += replica_origin(replica, request->origin)->count;
	serve->count = 0;
	serve->more = false;
	for (; next != NONE; next = replica_slot(replica, next)->next) {
		const struct slot *slot = replica_slot(replica, next);
		struct listed item = {{slot->epoch, slot->sequence}, next};
		if (version_cmp(item.version, request->after) <= 0)
			continue;
		if (serve->count < serve->max) {
			serve->at[serve->count++] = item;
			if (serve->count == serve->max)
				heapify(serve);
			continue;
		}
		serve->more = true;
		if (is_lower(&item, &serve->at[0])) {
			serve->at[0] = item;
			sink(serve, 0, serve->count);
		}
	}
	heapify(serve);
	for (size_t end = serve->count; end-- > 1;) {
		struct listed top = serve->at[0];
		serve->at[0] = serve->at[end];
		serve->at[end] = top;
		sink(serve, 0, end);
	}
}

/* Shortens the list to what one frame and the budget of rows hold. */
static void trim(struct serve *serve, bool with_rows)
{
	struct version versions[VERSIONS_MAX];
	size_t bytes = 0, fitting, i;

	for (i = 0; i < serve->count; i++)
		versions[i] = serve->at[i].version;
	fitting = versions_fit(versions, serve->count, REPAIR_FRAME_BYTES - HEAD_BYTES);
	for (i = 0; i < fitting && with_rows; i++) {
		size_t len;
		(void)blob_bytes(serve->tables->core->blobs,
				 replica_slot(&serve->tables->replica, serve->at[i].slot)->blob,
				 &len);
		bytes += len;
		if (bytes > serve->budget)
			fitting = i;
	}
	serve->more = serve->more || fitting < serve->count;
	serve->count = fitting;
}

static uint32_t member_row(const struct tables *tables, const struct id *owner)
{
	struct row_view key = {.kind = ROW_MEMBER, .owner = *owner};

	return replica_find(&tables->replica, &key);
}

static void serve_window(struct serve *serve, const struct request *request)
{
	struct tables *tables = serve->tables;
	const struct origin *origin = replica_origin(&tables->replica, request->origin);
	bool with_rows = request->mode == WANT_ROWS;
	struct version through = request->after;
	uint32_t first = NONE;

	serve->max = with_rows ? PULL_ROWS : VERSIONS_MAX;
	if (request->mode == WANT_TEXTS)
		serve->max = TEXTS_MAX;
	collect(serve, request);
	trim(serve, with_rows);
	if (serve->count > 0)
		through = serve->at[serve->count - 1].version;
	if (with_rows && serve->count > 0) {
		if (request->topic == TOPIC_ALL && request->after.sequence == 0)
			first = member_row(tables, &request->owner_id);
		if (first != NONE)
			send_row(serve, first);
		for (size_t i = 0; i < serve->count; i++) {
			if (serve->at[i].slot != first)
				send_row(serve, serve->at[i].slot);
		}
	}
	send_end(serve, request, through, origin->mark.upto);
}

/* Rows by version; those that are here no more are listed in the end. */
static void serve_missing(struct serve *serve, const struct request *request)
{
	const struct replica *replica = &serve->tables->replica;

	serve->count = 0;
	serve->more = false;
	for (size_t i = 0; i < request->count; i++) {
		uint32_t at = replica_find_version(replica, request->origin, request->versions[i]);
		if (at == NONE)
			serve->at[serve->count++].version = request->versions[i];
		else if (serve->budget > 0)
			send_row(serve, at);
	}
	send_end(serve, request, request->after,
		 replica_origin(replica, request->origin)->mark.upto);
}

static void serve_entry(struct serve *serve, const struct request *request)
{
	const struct tables *tables = serve->tables;

	if (request->origin == NONE || !farewell_shows(tables, &request->owner_id) ||
	    replica_origin(&tables->replica, request->origin)->flags & ORIGIN_INCOMPLETE) {
		serve->count = 0;
		serve->more = false;
		send_end(serve, request, request->after, (struct version){0, 0});
	} else if (request->mode == WANT_MISSING) {
		serve_missing(serve, request);
	} else {
		serve_window(serve, request);
	}
}

static bool read_entry(const struct tables *tables, struct cursor *cursor, struct request *request)
{
	size_t fields;

	memset(request, 0, sizeof(*request));
	if (cursor_array(cursor, 6) != 6)
		return false;
	cursor_fixed(cursor, request->topic_id.b, ID_BYTES);
	cursor_fixed(cursor, request->owner_id.b, ID_BYTES);
	request->mode = (enum want_mode)cursor_uint(cursor, WANT_TEXTS);
	request->after.epoch = cursor_uint(cursor, UINT64_MAX);
	request->after.sequence = cursor_uint(cursor, UINT64_MAX);
	fields = cursor_array(cursor, 2 * (size_t)PULL_VERSIONS);
	request->count = fields / 2;
	for (size_t i = 0; i < request->count; i++) {
		request->versions[i].epoch = cursor_uint(cursor, UINT64_MAX);
		request->versions[i].sequence = cursor_uint(cursor, UINT64_MAX);
		if (i > 0 && version_cmp(request->versions[i - 1], request->versions[i]) >= 0)
			return false;
	}
	if (!cursor_ok(cursor) || fields % 2 != 0)
		return false;
	request->topic = replica_find_topic(&tables->replica, &request->topic_id);
	request->origin = replica_origin_of(&tables->replica, &request->owner_id, request->topic);
	return true;
}

/* Who may write comes before what was written. */
static bool is_right(uint16_t kind)
{
	return kind == FACT_ADMIN || kind == FACT_TOKEN || kind == FACT_REMOVAL;
}

static void serve_facts(struct serve *serve, const uint64_t *places, size_t count)
{
	const struct replica *replica = &serve->tables->replica;
	uint8_t bytes[REPAIR_FRAME_BYTES];
	uint64_t absent[PULL_FACTS];
	size_t absent_count = 0;
	struct pack pack;

	for (unsigned rights = 2; rights-- > 0;) {
		for (size_t i = 0; i < count; i++) {
			uint32_t slot = replica_find_fact(replica, places[i]);
			if (slot == NONE) {
				if (rights == 0)
					absent[absent_count++] = places[i];
			} else if (is_right(replica_slot(replica, slot)->kind) == (rights == 1)) {
				send_row(serve, slot);
			}
		}
	}
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 1);
	pack_array(&pack, absent_count);
	for (size_t i = 0; i < absent_count; i++)
		pack_uint(&pack, absent[i]);
	WEFT_ASSERT(pack_ok(&pack));
	(void)outbox_add(&serve->tables->core->outbox, &serve->to->id, CLASS_REPAIR, FRAME_PULL_END,
			 pack.bytes, pack.len);
}

enum drop_reason serve_pull(struct tables *tables, const struct member *from, const uint8_t *body,
			    size_t len)
{
	struct serve serve = {.tables = tables, .to = from, .budget = SERVE_BYTES};
	struct session *session = repair_find(tables, &from->id);
	uint64_t places[PULL_FACTS];
	struct request request;
	struct cursor cursor;
	size_t count;

	cursor_init(&cursor, body, len);
	if (cursor_array(&cursor, 2) != 2)
		return DROP_FRAME;
	count = cursor_array(&cursor, PULL_FACTS);
	for (size_t i = 0; i < count; i++)
		places[i] = cursor_uint(&cursor, UINT64_MAX);
	if (!cursor_ok(&cursor))
		return DROP_FRAME;
	if (count > 0)
		serve_facts(&serve, places, count);
	count = cursor_array(&cursor, PULL_ORIGINS);
	for (size_t i = 0; i < count; i++) {
		if (!read_entry(tables, &cursor, &request))
			return DROP_FRAME;
		if (request.topic != NONE && topic_is_shared(tables, request.topic, &from->id))
			serve_entry(&serve, &request);
	}
	if (!cursor_at_end(&cursor))
		return DROP_FRAME;
	if (session != NULL)
		repair_asked(tables, session);
	return DROP_NONE;
}
