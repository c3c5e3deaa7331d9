/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A pull asks for a window at a time: the answer to one request is bounded by the peer, and the
 * next request is sent when all answers to the last are here. Rows may be overtaken by the frame
 * that ends their list, so what is missing then is first waited for and asked for again when the
 * session's time is up.
 *
 * Facts go first in a request: they say who may write.
 */
#include "pull.h"

#include <string.h>

#include "gossip/base/pack.h"
#include "tables_state.h"
#include "topic.h"
#include "versions.h"
#include "want.h"

#define WANTS_MAX 1024
#define ASK_VERSIONS 24 /* so that two entries fit a frame */
#define ENTRY_BYTES 64
#define VERSION_BYTES 18 /* at most */
#define WANT_TRIES 4

_Static_assert(ASK_VERSIONS <= PULL_VERSIONS, "nobody asks for more than is answered");
_Static_assert(2 * ENTRY_BYTES + ASK_VERSIONS * VERSION_BYTES < REPAIR_FRAME_BYTES,
	       "one entry always fits");

static struct want *want_at(const struct session *session, size_t i)
{
	return vec_at(&session->wants, i);
}

static struct want *find_origin(const struct session *session, const struct id *owner,
				uint32_t topic)
{
	for (size_t i = 0; i < session->wants.count; i++) {
		struct want *want = want_at(session, i);
		if (!want->is_fact && want->topic == topic && id_eq(&want->owner, owner))
			return want;
	}
	return NULL;
}

static struct want *find_fact(const struct session *session, uint64_t place)
{
	for (size_t i = 0; i < session->wants.count; i++) {
		struct want *want = want_at(session, i);
		if (want->is_fact && want->place == place)
			return want;
	}
	return NULL;
}

static void want_remove(struct tables *tables, struct session *session, struct want *want)
{
	size_t i = (size_t)(want - want_at(session, 0));

	WEFT_ASSERT(i < session->wants.count);
	want_close(tables, want);
	vec_remove(&session->wants, i);
}

/* A new want, unless somebody is asked already or too much is under way. */
static struct want *want_add(struct tables *tables, const struct id *peer, const struct want *fresh)
{
	struct session *session;

	for (size_t i = 0; i < REPAIR_SESSIONS; i++) {
		const struct session *at = &tables->repair.sessions[i];
		if (at->used && (fresh->is_fact ? find_fact(at, fresh->place)
						: find_origin(at, &fresh->owner, fresh->topic)))
			return NULL;
	}
	session = repair_open(tables, peer);
	if (session == NULL || session->wants.count >= WANTS_MAX)
		return NULL;
	session->worked = true;
	return vec_push(&session->wants, fresh);
}

void pull_want_origin(struct tables *tables, const struct id *peer, const struct id *owner,
		      uint32_t topic, bool whole)
{
	struct want fresh = {.owner = *owner, .topic = topic};
	struct want *want = want_add(tables, peer, &fresh);

	if (want != NULL)
		want_begin(tables, want, whole);
}

void pull_want_fact(struct tables *tables, const struct id *peer, uint64_t place)
{
	struct want fresh = {.is_fact = true, .place = place};

	want_add(tables, peer, &fresh);
}

void pull_want_incomplete(struct tables *tables, struct session *session)
{
	struct replica *replica = &tables->replica;

	for (uint32_t i = 1; i < replica->origins.count; i++) {
		const struct origin *origin = replica_origin(replica, i);
		if (origin->flags & ORIGIN_INCOMPLETE &&
		    topic_is_shared(tables, origin->topic, &session->peer))
			pull_want_origin(tables, &session->peer,
					 &replica_owner(replica, origin->owner)->id, origin->topic,
					 true);
	}
}

void pull_forget(struct tables *tables, struct session *session)
{
	while (session->wants.count > 0)
		want_remove(tables, session, want_at(session, session->wants.count - 1));
}

/* How many versions this want asks for by name. */
static size_t named(const struct want *want)
{
	if (want->mode != WANT_MISSING)
		return 0;
	return want->missing_count < ASK_VERSIONS ? want->missing_count : ASK_VERSIONS;
}

static void pack_entry(struct tables *tables, struct pack *pack, struct want *want)
{
	want->expected = named(want);
	want->unlisted = want->mode == WANT_ROWS ? PULL_ROWS : 0;
	pack_array(pack, 6);
	pack_bin(pack, replica_topic(&tables->replica, want->topic)->id.b, ID_BYTES);
	pack_bin(pack, want->owner.b, ID_BYTES);
	pack_uint(pack, want->mode);
	pack_uint(pack, want->after.epoch);
	pack_uint(pack, want->after.sequence);
	pack_array(pack, 2 * want->expected);
	for (size_t i = 0; i < want->expected; i++) {
		pack_uint(pack, want->missing[i].epoch);
		pack_uint(pack, want->missing[i].sequence);
	}
}

/* Something to ask for now: not asked yet, and not waiting for rows on their way. */
static bool is_ready(const struct want *want)
{
	if (want->asked)
		return false;
	return !want->listed ||
	       (want->mode == WANT_MISSING && want->missing_count > 0 && want->expected == 0);
}

static size_t choose(const struct session *session, bool facts, size_t max, struct want **out)
{
	size_t count = 0;

	for (size_t i = 0; i < session->wants.count && count < max; i++) {
		struct want *want = want_at(session, i);
		if (want->is_fact == facts && is_ready(want))
			out[count++] = want;
	}
	return count;
}

void pull_pump(struct tables *tables, struct session *session)
{
	struct want *facts[PULL_FACTS];
	struct want *origins[PULL_ORIGINS];
	uint8_t bytes[REPAIR_FRAME_BYTES];
	struct pack pack;
	size_t room = REPAIR_FRAME_BYTES - ENTRY_BYTES;
	size_t fact_count, ready, origin_count = 0;

	for (size_t i = 0; i < session->wants.count; i++) {
		if (want_at(session, i)->asked)
			return;
	}
	fact_count = choose(session, true, PULL_FACTS, facts);
	ready = fact_count > 0 ? 0 : choose(session, false, PULL_ORIGINS, origins);
	for (; origin_count < ready; origin_count++) {
		size_t need = ENTRY_BYTES + named(origins[origin_count]) * VERSION_BYTES;
		if (need > room)
			break;
		room -= need;
	}
	if (fact_count + origin_count == 0)
		return;
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 2);
	pack_array(&pack, fact_count);
	for (size_t i = 0; i < fact_count; i++) {
		pack_uint(&pack, facts[i]->place);
		facts[i]->asked = true;
	}
	pack_array(&pack, origin_count);
	for (size_t i = 0; i < origin_count; i++) {
		pack_entry(tables, &pack, origins[i]);
		origins[i]->asked = true;
	}
	WEFT_ASSERT(pack_ok(&pack));
	tables->counts.pulls++;
	(void)outbox_add(&tables->core->outbox, &session->peer, CLASS_REPAIR, FRAME_PULL,
			 pack.bytes, pack.len);
}

/* Goes on after something came: ask for more, or compare again when nothing is left. */
static void proceed(struct tables *tables, struct session *session)
{
	repair_progress(tables, session);
	if (session->wants.count == 0)
		repair_again(tables, session);
	else
		pull_pump(tables, session);
}

/* What a want does when its answer is late; false when it is given up. */
static bool retry(struct tables *tables, struct want *want, const struct id *peer)
{
	bool waiting = want->listed && (want->is_fact || want->missing_count > 0);
	bool fresh = want->fresh;

	if (!want->asked && !waiting)
		return !want->listed || !want_advance(tables, want, peer);
	want->asked = false;
	want->expected = 0;
	if (want->is_fact)
		want->listed = false;
	else if (waiting)
		want->mode = WANT_MISSING;
	else if (want->mode == WANT_ROWS)
		want_begin(tables, want, want->whole); /* part of the rows came */
	want->fresh = fresh;
	return ++want->tries <= WANT_TRIES;
}

void pull_retry(struct tables *tables, struct session *session)
{
	for (size_t i = session->wants.count; i-- > 0;) {
		if (retry(tables, want_at(session, i), &session->peer))
			continue;
		session->answered = false;
		want_remove(tables, session, want_at(session, i));
	}
	if (session->wants.count == 0)
		repair_again(tables, session);
	else
		pull_pump(tables, session);
}

bool pull_is_wanted(struct tables *tables, const struct id *peer, const struct row_view *row)
{
	const struct session *session = repair_find(tables, peer);

	if (session == NULL || session->wants.count == 0)
		return false;
	if (row_is_fact(row))
		return find_fact(session, replica_place(row)) != NULL;
	return find_origin(session, &row->owner,
			   replica_find_topic(&tables->replica, &row->topic)) != NULL;
}

/* One want moved: on with it when nothing of its list is missing any more. */
static void moved(struct tables *tables, struct session *session, struct want *want)
{
	if (want->listed && want->missing_count == 0 && want_advance(tables, want, &session->peer))
		want_remove(tables, session, want);
	proceed(tables, session);
}

/* Rows of a wanted origin come for other reasons too: told to all, or along with a comparison. If
 * each put off the time-out, an answer that was lost would not be missed as long as they come. */
static bool is_answer(struct want *want, struct version version, bool applied)
{
	if (want_came(want, version))
		return true;
	if (!applied || want->unlisted == 0)
		return false;
	want->unlisted--;
	return true;
}

void pull_arrived(struct tables *tables, const struct id *peer, const struct row_view *row,
		  bool refused, bool applied)
{
	struct session *session = repair_find(tables, peer);
	struct want *want;

	if (session == NULL)
		return;
	if (row_is_fact(row)) {
		want = find_fact(session, replica_place(row));
		if (want != NULL) {
			session->fetched = session->fetched || applied;
			want_remove(tables, session, want);
			proceed(tables, session);
		}
		return;
	}
	want = find_origin(session, &row->owner, replica_find_topic(&tables->replica, &row->topic));
	if (want == NULL)
		return;
	want->failed = want->failed || refused;
	want->took = want->took || applied;
	session->fetched = session->fetched || applied;
	if (!is_answer(want, replica_version(row), applied))
		return;
	want->tries = 0;
	moved(tables, session, want);
}

/* All facts asked for were sent but these, which the peer has no more. */
static enum drop_reason facts_end(struct tables *tables, struct session *session,
				  struct cursor *cursor)
{
	size_t count = cursor_array(cursor, PULL_FACTS);

	for (size_t i = 0; i < count; i++) {
		uint64_t place = cursor_uint(cursor, UINT64_MAX);
		struct want *want = cursor_ok(cursor) ? find_fact(session, place) : NULL;
		if (want != NULL)
			want_remove(tables, session, want);
	}
	if (!cursor_at_end(cursor))
		return DROP_FRAME;
	for (size_t i = 0; i < session->wants.count; i++) {
		struct want *want = want_at(session, i);
		if (!want->is_fact || !want->asked)
			continue;
		want->asked = false;
		want->listed = true; /* on its way */
	}
	proceed(tables, session);
	return DROP_NONE;
}

static struct version read_version(struct cursor *cursor)
{
	uint64_t epoch = cursor_uint(cursor, UINT64_MAX);

	return (struct version){epoch, cursor_uint(cursor, UINT64_MAX)};
}

/* The answer about one origin. */
static enum drop_reason origin_end(struct tables *tables, struct session *session,
				   struct cursor *cursor)
{
	struct version versions[VERSIONS_MAX];
	uint64_t texts[VERSIONS_MAX];
	struct version after, through, claim;
	struct id topic, owner;
	struct want *want;
	uint64_t mode;
	size_t count;
	bool more;

	cursor_fixed(cursor, topic.b, ID_BYTES);
	cursor_fixed(cursor, owner.b, ID_BYTES);
	mode = cursor_uint(cursor, WANT_TEXTS);
	after = read_version(cursor);
	through = read_version(cursor);
	more = cursor_bool(cursor);
	claim = read_version(cursor);
	count = versions_read(cursor, versions);
	if (count == SIZE_MAX ||
	    (mode == WANT_TEXTS && cursor_array(cursor, VERSIONS_MAX) != count))
		return DROP_FRAME;
	for (size_t i = 0; mode == WANT_TEXTS && i < count; i++)
		texts[i] = cursor_uint(cursor, UINT64_MAX);
	if (!cursor_at_end(cursor))
		return DROP_FRAME;
	want = find_origin(session, &owner, replica_find_topic(&tables->replica, &topic));
	if (want == NULL || want->mode != mode || version_cmp(want->after, after) != 0 ||
	    version_cmp(through, after) < 0)
		return DROP_NONE; /* a late answer to an earlier question */
	want->asked = false;
	want->claim = version_min(want->claim, claim);
	want->unlisted = 0;
	if (mode == WANT_MISSING) {
		/* What is listed here the peer has no more: something newer took its place. */
		for (size_t i = 0; i < count; i++)
			want_came(want, versions[i]);
	} else if (!want->listed) {
		want->through = through;
		want->more = more;
		want->tries = 0;
		want_list(tables, want, versions, mode == WANT_TEXTS ? texts : NULL, count);
		if (want->mode != WANT_ROWS && want->missing_count > 0)
			want->mode = WANT_MISSING;
	}
	moved(tables, session, want);
	return DROP_NONE;
}

enum drop_reason pull_end(struct tables *tables, const struct member *from, const uint8_t *body,
			  size_t len)
{
	struct session *session = repair_find(tables, &from->id);
	struct cursor cursor;
	size_t fields;

	cursor_init(&cursor, body, len);
	fields = cursor_array(&cursor, 12);
	if (fields != 1 && fields != 11 && fields != 12)
		return DROP_FRAME;
	if (session == NULL || session->wants.count == 0)
		return DROP_NONE;
	return fields == 1 ? facts_end(tables, session, &cursor)
			   : origin_end(tables, session, &cursor);
}
