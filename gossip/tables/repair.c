/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * When to compare.
 *
 * Every node compares its tables with a random member every INTERVAL_MS_MAX while nothing happens,
 * which costs one small datagram each way; after a change within a second or two; at once when
 * asked to. Every other time the partner is chosen among those attached to one of its networks, so
 * that a network of three hosts among thousands is repaired as fast as the whole. Where somebody
 * waits for each member (the restart guard `all`), those that were not compared with get their turn
 * besides, in the order of ids from this node's own on.
 *
 * A session is what is under way with one peer: a digest that was sent, or rows that are fetched.
 * When all has come, the tables are compared again, until they are equal or nothing moves any more.
 * The other side needs no session to answer; it opens one when it finds that it lacks something
 * itself. There are few sessions: who finds none free is served by a later comparison.
 */
#include "repair.h"

#include <string.h>

#include "compare.h"
#include "onesided.h"
#include "pull.h"
#include "tables_state.h"
#include "topic.h"

#define INTERVAL_MS_MIN 1000
#define INTERVAL_MS_MAX 8000
#define CHANGED_MS 1000
#define SOON_MS 50
#define TIMEOUT_MS_MIN 120
#define TIMEOUT_MS_WAN 400
#define TIMEOUT_MS_MAX 4000
#define TRIES 6
#define TRIES_IDLE 2
#define TOPICS_MS 200
#define WHOLE_MS 5000
#define STALLED_MAX 32 /* of who has left: four seconds and more */
#define MEETS_AT_ONCE (REPAIR_SESSIONS - 1)

void repair_init(struct repair *repair)
{
	*repair = (struct repair){
	    .due = MONO_NEVER,
	    .interval_ms = INTERVAL_MS_MIN,
	    .topics_due = MONO_NEVER,
	    .meet_due = MONO_NEVER,
	    .whole_at = MONO_NEVER,
	};
}

static void session_close(struct tables *tables, struct session *session)
{
	WEFT_ASSERT(session->used);
	pull_forget(tables, session);
	vec_close(&session->wants);
	vec_close(&session->onesided);
	*session = (struct session){.used = false};
}

void repair_close(struct tables *tables)
{
	for (size_t i = 0; i < REPAIR_SESSIONS; i++) {
		if (tables->repair.sessions[i].used)
			session_close(tables, &tables->repair.sessions[i]);
	}
}

/* Nodes that start or change together shall not compare in the same instant. */
static int64_t spread_ms(const struct tables *tables)
{
	return (int64_t)(tables->core->map_seed % 500);
}

void repair_start(struct tables *tables)
{
	struct mono now = tables->core->now;

	tables->repair.due = mono_add_ms(now, INTERVAL_MS_MIN + spread_ms(tables));
	tables->repair.whole = tables->members->ordered.count <= 1;
	tables->repair.whole_at = mono_add_ms(now, WHOLE_MS);
}

bool repair_is_whole(const struct tables *tables)
{
	const struct replica *replica = &tables->replica;

	if (mono_is_due(tables->repair.whole_at, tables->core->now))
		return true;
	for (uint32_t i = TOPIC_ALL + 1; i < replica->topics.count; i++) {
		const struct topic *topic = replica_topic(replica, i);
		if (topic->kept && !topic->synced && topic_has(tables, i, &tables->core->self.id))
			return false;
	}
	return tables->repair.whole;
}

struct session *repair_find(struct tables *tables, const struct id *peer)
{
	for (size_t i = 0; i < REPAIR_SESSIONS; i++) {
		struct session *session = &tables->repair.sessions[i];
		if (session->used && id_eq(&session->peer, peer))
			return session;
	}
	return NULL;
}

static int64_t timeout_ms(const struct tables *tables, const struct session *session)
{
	const struct member *peer = member_find(tables->members, &session->peer);
	int64_t ms = tables->core->profile == PROFILE_WAN ? TIMEOUT_MS_WAN : TIMEOUT_MS_MIN;

	if (peer != NULL && peer->srtt_ns > 0 && 4 * peer->srtt_ns / NS_PER_MS > ms)
		ms = 4 * peer->srtt_ns / NS_PER_MS;
	ms <<= session->tries;
	return ms < TIMEOUT_MS_MAX ? ms : TIMEOUT_MS_MAX;
}

static void rearm(struct tables *tables, struct session *session)
{
	session->asked = tables->core->now;
	session->due = mono_add_ms(session->asked, timeout_ms(tables, session));
}

struct session *repair_open(struct tables *tables, const struct id *peer)
{
	struct session *session = repair_find(tables, peer);

	for (size_t i = 0; i < REPAIR_SESSIONS && session == NULL; i++) {
		if (tables->repair.sessions[i].used)
			continue;
		session = &tables->repair.sessions[i];
		*session = (struct session){
		    .used = true,
		    .peer = *peer,
		    .tries_max = TRIES,
		};
		vec_init(&session->wants, &tables->core->heap, sizeof(struct want));
		vec_init(&session->onesided, &tables->core->heap, sizeof(struct onesided));
		rearm(tables, session);
	}
	return session;
}

void repair_progress(struct tables *tables, struct session *session)
{
	session->tries = 0;
	session->tries_max = TRIES;
	rearm(tables, session);
}

void repair_asked(struct tables *tables, struct session *session)
{
	const struct member *peer = member_find(tables->members, &session->peer);

	if (peer != NULL && peer->state == MEMBER_LEFT)
		return;
	session->tries = 0;
	session->tries_max = TRIES;
	if (session->wants.count == 0)
		rearm(tables, session);
}

static void begin(struct tables *tables, struct session *session)
{
	tables->counts.digests++;
	session->answered = false;
	session->applied = tables->counts.applied;
	compare_begin(tables, &session->peer);
	rearm(tables, session);
}

/* The last comparison with somebody who left is over: were there enough that brought nothing? Each
 * looks at a part of what differs, and while the peer lacks much itself everything does; so it
 * takes many to have seen all that it has. One that was not answered, or of which something was
 * given up, does not count. */
static bool farewell_ends(struct tables *tables, struct session *session)
{
	struct member *peer = member_find(tables->members, &session->peer);

	if (peer == NULL || peer->state != MEMBER_LEFT || peer->compared || !session->answered)
		return false;
	session->tries = 0;
	session->stalled = session->fetched ? 0 : (uint8_t)(session->stalled + 1);
	session->fetched = false;
	if (session->stalled < STALLED_MAX)
		return false;
	tables->counts.unsynced++;
	farewell_heard(tables, peer);
	session_close(tables, session);
	return true;
}

void repair_again(struct tables *tables, struct session *session)
{
	WEFT_ASSERT(session->wants.count == 0);
	session->worked = true;
	/* Nothing moved: the next comparison waits for the time-out, else two whose difference
	 * stays would compare as fast as they can. */
	if (session->applied == tables->counts.applied)
		rearm(tables, session);
	else if (!farewell_ends(tables, session))
		begin(tables, session);
}

void repair_sync(struct tables *tables, const struct member *with)
{
	struct session *session;

	if (id_eq(&with->id, &tables->core->self.id))
		return;
	session = repair_open(tables, &with->id);
	if (session == NULL) {
		/* All are busy: one that nobody waits for makes room. */
		for (size_t i = 0; i < REPAIR_SESSIONS && session == NULL; i++) {
			if (!tables->repair.sessions[i].report)
				session = &tables->repair.sessions[i];
		}
		if (session == NULL)
			return;
		session_close(tables, session);
		session = repair_open(tables, &with->id);
		WEFT_ASSERT(session != NULL);
	}
	session->report = true;
	session->tries = 0;
	session->tries_max = TRIES;
	if (session->wants.count == 0)
		begin(tables, session);
}

void repair_topic(struct tables *tables, uint32_t topic)
{
	replica_topic(&tables->replica, topic)->synced = false;
	tables->repair.topics_due = tables->core->now;
}

void repair_changed(struct tables *tables)
{
	struct repair *repair = &tables->repair;

	repair->interval_ms = INTERVAL_MS_MIN;
	if (repair->due.ns != MONO_NEVER.ns)
		repair->due = mono_min(
		    repair->due, mono_add_ms(tables->core->now, CHANGED_MS + spread_ms(tables)));
}

void repair_soon(struct tables *tables)
{
	tables->repair.interval_ms = INTERVAL_MS_MIN;
	tables->repair.due = mono_min(tables->repair.due, mono_add_ms(tables->core->now, SOON_MS));
}

/* Without room to say so it stays as it is: the topic is compared again. */
static void topic_now_synced(struct tables *tables, uint32_t number)
{
	struct topic *topic = replica_topic(&tables->replica, number);
	struct gossip_change *change;

	if (topic->synced || !core_has_room(tables->core, 1, 0, 0))
		return;
	topic->synced = true;
	if (!topic->kept || !topic_has(tables, number, &tables->core->self.id))
		return;
	change = core_change(tables->core, CHANGE_TOPIC);
	change->row.topic = topic->id;
}

/* The same where one of the two has left: who leaves introduces nobody, and no network is learnt
 * from him. */
static void farewell_equal(struct tables *tables, struct session *session, struct member *peer,
			   uint32_t topic)
{
	if (topic != NONE)
		return;
	farewell_heard(tables, peer);
	if (session == NULL || session->wants.count > 0)
		return;
	tables->counts.synced++;
	session_close(tables, session);
}

void repair_equal(struct tables *tables, const struct id *peer, uint32_t topic)
{
	struct session *session = repair_find(tables, peer);
	struct member *member = member_find(tables->members, peer);
	struct gossip_change *change;

	if (tables->farewell.stage != FAREWELL_NONE ||
	    (member != NULL && member->state == MEMBER_LEFT)) {
		farewell_equal(tables, session, member, topic);
		return;
	}
	for (uint32_t i = TOPIC_ALL + 1; i < tables->replica.topics.count; i++) {
		if ((topic == NONE && topic_is_shared(tables, i, peer)) || topic == i)
			topic_now_synced(tables, i);
	}
	if (topic != NONE || session == NULL || session->wants.count > 0)
		return;
	if (tables->replica.incomplete_count > 0 && !session->asked_incomplete) {
		session->asked_incomplete = true;
		pull_want_incomplete(tables, session);
		pull_pump(tables, session);
		if (session->wants.count > 0)
			return;
	}
	/* Somebody may wait for this member's first sync, though nothing differs. */
	if (session->report || session->worked || (member != NULL && !member->compared)) {
		if (!core_has_room(tables->core, 1, 0, 0))
			return; /* the session's time-out compares again */
		if (member != NULL)
			member->compared = true;
		change = core_change(tables->core, CHANGE_SYNCED);
		change->member = *peer;
		core_trace(tables->core, TRACE_SYNCED, peer, NULL, NULL,
			   tables->replica.row_count + tables->replica.fact_count);
	}
	tables->counts.synced++;
	tables->repair.equal_with = *peer;
	tables->repair.equal_at = tables->core->now;
	admission_synced(tables->admission, &session->peer);
	session_close(tables, session);
}

static void session_tick(struct tables *tables, struct session *session)
{
	struct member *peer = member_find(tables->members, &session->peer);

	if (peer != NULL)
		member_doubt(tables->members, peer, session->asked);
	if (++session->tries > session->tries_max) {
		tables->counts.unsynced++;
		session_close(tables, session);
		return;
	}
	if (session->wants.count == 0) {
		if (!farewell_ends(tables, session))
			begin(tables, session);
		return;
	}
	pull_retry(tables, session);
	if (session->used)
		rearm(tables, session);
}

/* Somebody to compare with: anybody, or in turn somebody of a random network of this node. */
static struct member *partner(struct tables *tables)
{
	struct replica *replica = &tables->replica;
	struct member *peer = NULL;
	size_t own = 0;
	uint64_t chosen;

	if (++tables->repair.rounds % 2 == 0) {
		for (uint32_t i = TOPIC_ALL + 1; i < replica->topics.count; i++)
			own += replica_topic(replica, i)->kept;
		chosen = own > 0 ? rng_below(&tables->core->rng, own) : 0;
		for (uint32_t i = TOPIC_ALL + 1; i < replica->topics.count && own > 0; i++) {
			if (replica_topic(replica, i)->kept && chosen-- == 0)
				topic_pick(tables, i, &peer, 1);
		}
	}
	if (peer == NULL)
		topic_pick(tables, TOPIC_ALL, &peer, 1);
	return peer;
}

static void compare_with_somebody(struct tables *tables)
{
	struct repair *repair = &tables->repair;
	struct member *peer = partner(tables);
	int64_t interval = repair->interval_ms;
	struct session *session;

	repair->due = mono_add_ms(
	    tables->core->now,
	    interval * 3 / 4 + (int64_t)rng_below(&tables->core->rng, (uint64_t)interval / 2));
	repair->interval_ms = interval * 2 < INTERVAL_MS_MAX ? interval * 2 : INTERVAL_MS_MAX;
	if (peer == NULL || repair_find(tables, &peer->id) != NULL)
		return;
	session = repair_open(tables, &peer->id);
	if (session == NULL)
		return;
	session->tries_max = TRIES_IDLE;
	begin(tables, session);
}

/* Topics that this node has joined lately: each with somebody attached, or with nobody. It needs no
 * session: the answer is either "equal", or opens one for what is missing. */
static void compare_topics(struct tables *tables)
{
	struct replica *replica = &tables->replica;
	bool left = false;

	for (uint32_t i = TOPIC_ALL + 1; i < replica->topics.count; i++) {
		struct topic *topic = replica_topic(replica, i);
		struct member *peer = NULL;
		if (topic->synced || !topic->kept || !topic_has(tables, i, &tables->core->self.id))
			continue;
		if (topic_pick(tables, i, &peer, 1) == 0) {
			topic_now_synced(tables, i); /* there is nobody to learn from */
			left |= !topic->synced;
			continue;
		}
		left = true;
		tables->counts.digests++;
		compare_begin_topic(tables, &peer->id, i);
	}
	tables->repair.topics_due = left ? mono_add_ms(tables->core->now, TOPICS_MS) : MONO_NEVER;
}

/* The next in the order of ids that is there and was not compared with. */
static struct member *meet_next(struct tables *tables)
{
	const struct member_table *members = tables->members;
	struct member *first = NULL;

	for (size_t i = 0; i < members->ordered.count; i++) {
		struct member *member = member_at(members, i);

		if (member->compared || !member_is_present(member) ||
		    id_eq(&member->id, &tables->core->self.id))
			continue;
		if (id_cmp(&member->id, &tables->repair.met_last) > 0)
			return member;
		first = first != NULL ? first : member;
	}
	return first;
}

static void meet_somebody(struct tables *tables)
{
	struct repair *repair = &tables->repair;
	struct member *member = meet_next(tables);
	struct session *session = NULL;
	size_t used = 0;

	for (size_t i = 0; i < REPAIR_SESSIONS; i++)
		used += repair->sessions[i].used;
	/* Somebody may still come: who failed, or is not known yet. */
	repair->meet_due =
	    mono_add_ms(tables->core->now, member != NULL ? MEET_MS : INTERVAL_MS_MIN);
	if (member == NULL)
		return;
	if (used < MEETS_AT_ONCE && repair_find(tables, &member->id) == NULL)
		session = repair_open(tables, &member->id);
	if (session != NULL) {
		session->tries_max = TRIES_IDLE;
		begin(tables, session);
	}
	if (used < MEETS_AT_ONCE)
		repair->met_last = member->id;
}

void repair_meet(struct tables *tables, bool on)
{
	struct repair *repair = &tables->repair;

	if (on == (repair->meet_due.ns != MONO_NEVER.ns))
		return;
	repair->meet_due = on ? tables->core->now : MONO_NEVER;
	/* Hosts that started together begin with different ones. */
	repair->met_last = tables->core->self.id;
}

void repair_tick(struct tables *tables)
{
	struct repair *repair = &tables->repair;
	struct mono now = tables->core->now;

	for (size_t i = 0; i < REPAIR_SESSIONS; i++) {
		if (repair->sessions[i].used && mono_is_due(repair->sessions[i].due, now))
			session_tick(tables, &repair->sessions[i]);
	}
	if (tables->farewell.stage != FAREWELL_NONE)
		return;
	if (mono_is_due(repair->topics_due, now))
		compare_topics(tables);
	if (mono_is_due(repair->meet_due, now))
		meet_somebody(tables);
	if (mono_is_due(repair->due, now))
		compare_with_somebody(tables);
}

struct mono repair_deadline(const struct tables *tables)
{
	struct mono due = MONO_NEVER;

	if (tables->farewell.stage == FAREWELL_NONE)
		due = mono_min(tables->repair.due,
			       mono_min(tables->repair.topics_due, tables->repair.meet_due));
	for (size_t i = 0; i < REPAIR_SESSIONS; i++) {
		if (tables->repair.sessions[i].used)
			due = mono_min(due, tables->repair.sessions[i].due);
	}
	return due;
}
