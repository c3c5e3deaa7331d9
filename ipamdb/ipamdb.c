/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The step function of ipamdb.
 *
 * Invariants, in the order in which they are relied upon:
 *   1. An address is leased by the holder of the highest generation that covers it, after its own
 *      row at that generation is durable; where two holders share a generation by nobody.
 *   2. Only the owner grants, above every generation it knows, and never what it has leased, lets
 *      cool, or has promised before the grant is durable.
 *   3. The own rows alone never say more than this node owns, at any moment of their life on disk.
 *   4. What depends on a commit is told after it. A failed commit has changed nothing.
 *
 * After every event the waiting requests are served and the chores done (accepting grants, merging
 * rows, closures), each as far as the update has room; the rest is due at once, in the next step.
 */
#include "ipamdb.h"

#include <string.h>

#include "accept.h"
#include "ask.h"
#include "closure.h"
#include "db.h"
#include "donor.h"
#include "gossip/base/pack.h"
#include "naming.h"
#include "parting.h"
#include "request.h"
#include "rest.h"
#include "row.h"
#include "tidy.h"
#include "witness.h"

struct ipamdb *ipamdb_new(const struct ipamdb_config *config)
{
	struct heap heap;
	struct ipamdb *db;

	WEFT_ASSERT(config->crypto != NULL);
	heap_init(&heap, &config->pages);
	db = heap_take(&heap, sizeof(*db));
	db->heap = heap;
	db->config = *config;
	if (db->config.cooldown_ms <= 0)
		db->config.cooldown_ms = IPAM_COOLDOWN_MS;
	db->self = config->self;
	rng_init(&db->rng, config->seed);
	db->map_seed = rng_u64(&db->rng);
	map_init(&db->peers, &db->heap, ID_BYTES, sizeof(struct peer), db->map_seed);
	map_init(&db->leases, &db->heap, sizeof(struct lease_key), sizeof(struct lease_entry),
		 db->map_seed);
	map_init(&db->endpoints, &db->heap, ID_BYTES, sizeof(struct endpoint_leases), db->map_seed);
	scratch_init(&db->scratch, &db->heap);
	flights_init(db);
	nets_init(db);
	vec_init(&db->waiters, &db->heap, sizeof(struct waiter *));
	vec_init(&db->asks, &db->heap, sizeof(struct ask *));
	closures_init(db);
	parting_init(db);
	leases_init(db);
	db->next_token = db->next_tag = 1;
	db->chores_at = db->rests_due = MONO_NEVER;
	return db;
}

void ipamdb_free(struct ipamdb *db)
{
	struct heap heap;

	if (!db)
		return;
	heap = db->heap; /* it holds all there is, the database itself included */
	heap_close(&heap);
}

void ipamdb_self_set(struct ipamdb *db, const struct id *self)
{
	if (id_eq(&db->self, self))
		return;
	db->self = *self;
	closure_member_changed(db, NULL);
	for (size_t i = 0; i < db->nets.count; i++) {
		struct net *net = net_at(db, i);
		net_self_changed(db, net);
	}
}

struct peer *peer_find(const struct ipamdb *db, const struct id *id)
{
	return map_find(&db->peers, id);
}

struct peer *peer_intern(struct ipamdb *db, const struct id *id)
{
	return map_insert(&db->peers, id, NULL);
}

void peer_name(const struct ipamdb *db, const struct id *id, char out[NAME_BYTES])
{
	const struct peer *peer = peer_find(db, id);
	char text[ID_TEXT_BYTES];

	if (peer && peer->name[0]) {
		memcpy(out, peer->name, NAME_BYTES);
		return;
	}
	id_format(id, text);
	memcpy(out, text, 8);
	out[8] = '\0';
}

struct ipam_answer *db_answer(struct ipamdb *db, uint64_t tag)
{
	struct ipam_answer *answer;

	if (db->update.answer_count == IPAM_ANSWERS)
		return NULL;
	answer = &db->update.answers[db->update.answer_count++];
	memset(answer, 0, sizeof(*answer));
	answer->tag = tag;
	return answer;
}

bool db_has_room(const struct ipamdb *db, size_t rows, size_t writes)
{
	const struct ipam_update *update = &db->update;

	return update->group_count < IPAM_GROUPS && update->row_count + rows <= IPAM_ROWS &&
	       update->write_count + writes <= IPAM_WRITES && update->answer_count < IPAM_ANSWERS;
}

void db_chores_by(struct ipamdb *db, struct mono at)
{
	db->chores_at = mono_min(db->chores_at, at);
}

void db_chores_again(struct ipamdb *db)
{
	db_chores_by(db, mono_add_ms(db->now, 1)); /* the next instant in which a host steps */
}

void db_trace(const struct ipamdb *db, enum trace_event event, const struct id *node,
	      const struct id *object, const struct inet *address, uint64_t value)
{
	struct trace_record record = {
	    .event = event,
	    .at = db->now,
	    .value = value > INT64_MAX ? INT64_MAX : (int64_t)value,
	};

	if (node)
		record.node = *node;
	if (object)
		record.object = *object;
	if (address)
		record.addr.ip = *address;
	trace_emit(&db->config.trace, &record);
}

int db_may_act(const struct ipamdb *db, struct weft_err *err)
{
	if (db->standing == STANDING_NONE)
		return weft_err_set(err, WEFT_E_NO_CLUSTER,
				    "this node is not yet an active member of a cluster; weft "
				    "status says what it waits for");
	if (db->standing == STANDING_FENCED)
		return weft_err_set(err, WEFT_E_FENCED,
				    "this node is fenced and leases nothing new; weft status says "
				    "why, weft node recover ends it");
	return 0;
}

int db_may_lease(const struct ipamdb *db, struct weft_err *err)
{
	int rc = db_may_act(db, err);

	if (rc != 0)
		return rc;
	if (db->guarded)
		return weft_err_set(err, WEFT_E_GUARDED,
				    "new leases wait for a sync with a member after a reboot; "
				    "weft ipam confirm overrides");
	return 0;
}

/* Ends the restart guard when enough members were synced with. */
static void guard_review(struct ipamdb *db)
{
	const struct peer *peer;
	size_t pos = 0, others = 0, synced = 0;

	if (!db->guarded || db->standing != STANDING_ACTIVE)
		return;
	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		if (peer->gone || id_eq(&peer->id, &db->self))
			continue;
		others++;
		synced += peer->synced;
	}
	if (others == 0 || (db->config.guard == GUARD_ONE ? synced > 0 : synced == others))
		db->guarded = false;
	if (!db->guarded) {
		db->serve = true;
		db_chores_by(db, db->now);
	}
}

int ipamdb_load(struct ipamdb *db, const struct write *write)
{
	struct cursor cursor;
	struct row_view row;

	WEFT_ASSERT(!db->started);
	switch (write->kind) {
	case WRITE_LEASE:
		return lease_load(db, &write->lease);
	case WRITE_OWN_ROW:
	case WRITE_FACT:
	case WRITE_SNAPSHOT:
		if (row_parse(write->bytes, write->len, &row) != 0)
			return WEFT_E_INVALID;
		if (write->kind == WRITE_OWN_ROW)
			ipamdb_self_set(db, &row.owner);
		row_apply(db, &row);
		return 0;
	case WRITE_META:
		if (write->meta != META_LEASE_SEQUENCE) {
			db->introduced = db->introduced || write->meta == META_INTRODUCED;
			return 0;
		}
		cursor_init(&cursor, write->bytes, write->len);
		db->lease_sequence = cursor_uint(&cursor, UINT64_MAX);
		return cursor_at_end(&cursor) ? 0 : WEFT_E_INVALID;
	default:
		return 0;
	}
}

void ipamdb_start(struct ipamdb *db, struct mono now, struct wall wall, bool marker_ok)
{
	WEFT_ASSERT(!db->started);
	db->now = now;
	db->wall = wall;
	db->started = true;
	db->started_at = now;
	db->guarded = !marker_ok && db->config.guard != GUARD_OFF;
	db_chores_by(db, now);
	leases_start(db);
	rests_start(db);
}

static void member_apply(struct ipamdb *db, const struct ipam_event *event)
{
	struct peer *peer = peer_intern(db, &event->member);

	bool is_news = !peer->known || peer->gone != event->removed;

	if (event->removed && !peer->gone)
		peer->gone_at = db->now;
	peer->known = true;
	peer->present = event->present;
	peer->gone = event->removed;
	if (is_news)
		closure_member_changed(db, peer);
	if (event->name) {
		size_t len = strnlen(event->name, NAME_BYTES - 1);
		memcpy(peer->name, event->name, len);
		peer->name[len] = '\0';
	}
	db->serve = db->serve || id_eq(&peer->id, &db->admitter);
	db_chores_by(db, db->now);
}

static void event_apply(struct ipamdb *db, const struct ipam_event *event)
{
	switch (event->kind) {
	case IPAM_EV_TICK:
		break;
	case IPAM_EV_ROW:
		row_apply(db, event->row);
		break;
	case IPAM_EV_MEMBER:
		member_apply(db, event);
		break;
	case IPAM_EV_SYNCED:
		peer_intern(db, &event->member)->synced = true;
		db->met = true;
		db->serve = true; /* waiters of a newcomer */
		db_chores_by(db, db->now);
		break;
	case IPAM_EV_REQUEST:
		request_submit(db, event->request);
		break;
	case IPAM_EV_MESSAGE:
		donor_message(db, event);
		break;
	case IPAM_EV_ANSWERED:
		if (!parting_answered(db, event))
			ask_answered(db, event);
		break;
	case IPAM_EV_DURABLE:
		flight_durable(db, event->token, event->code);
		break;
	case IPAM_EV_ACTIVE:
		db->standing = event->ok ? STANDING_ACTIVE : STANDING_FENCED;
		db->admitter = event->member;
		db->serve = true;
		db_chores_by(db, db->now);
		break;
	case IPAM_EV_STAYS:
		handover_undo(db);
		break;
	case IPAM_EV_CONFIRM:
		db->guarded = false;
		db->serve = true;
		db_chores_by(db, db->now);
		break;
	}
}

/* Nothing is taken up, taken back or let go by half of what is known of a network: one that is
 * unread waits. What this node owns and has granted stands in rows of its own, which are never
 * passed over: it leases and grants meanwhile. And what a closure says counts all that was passed
 * over (authors_top()). */
static void chores(struct ipamdb *db)
{
	struct mono next = MONO_NEVER;
	bool is_over = false;

	if (!mono_is_due(db->chores_at, db->now))
		return;
	db->chores_at = MONO_NEVER;
	if (db->unread)
		next = db->read_at;
	closures_step(db);
	partings_answer(db);
	namings_sweep(db);
	introduction_keep(db);
	for (size_t i = 0; i < db->tended.count; i++) {
		struct net *net = net_tended(db, i);
		if (net->unread)
			continue;
		if (accept_grants(db, net))
			next = mono_min(next, mono_add_ms(db->now, RETRY_MS));
		witness_step(db, net);
		if (net->tidy_at.ns != MONO_NEVER.ns)
			next = mono_min(next, tidy_net(db, net));
		is_over = is_over || net_is_over(db, net);
	}
	if (is_over)
		nets_retire(db);
	handover_step(db);
	if (db->handover.active)
		next = mono_min(next, db->handover.deadline);
	db_chores_by(db, next);
}

const struct ipam_update *ipamdb_step(struct ipamdb *db, const struct ipam_event *event)
{
	struct ipam_update *update = &db->update;

	WEFT_ASSERT(db->started);
	update->group_count = update->row_count = update->write_count = update->keep_count = 0;
	update->message_count = update->reply_count = update->answer_count = 0;
	scratch_reset(&db->scratch);
	if (event->now.ns > db->now.ns) /* a clock that goes back stands still */
		db->now = event->now;
	db->wall = event->wall;
	event_apply(db, event);
	rows_read_again(db);
	guard_review(db);
	leases_tick(db);
	rests_tick(db);
	requests_tick(db);
	chores(db);
	requests_serve(db);
	return update;
}

struct mono ipamdb_deadline(const struct ipamdb *db)
{
	struct mono next = mono_min(leases_deadline(db), requests_deadline(db));

	if (db->serve)
		return db->now;
	return mono_min(mono_min(next, db->rests_due), db->chores_at);
}

size_t ipamdb_network_rows(const struct id *network, const struct rec_network *rec,
			   struct row_view rows[POOLS_MAX])
{
	WEFT_ASSERT(rec->pool_count <= POOLS_MAX);
	for (size_t i = 0; i < rec->pool_count; i++) {
		struct range_key key = {*network, rec->pools[i].subnet, 1};
		rows[i] = (struct row_view){
		    .kind = ROW_RANGE,
		    .key_len = RANGE_KEY_BYTES,
		    .value = (const uint8_t *)"\xc0", /* nil */
		    .value_len = 1,
		};
		range_key_encode(&key, rows[i].key);
	}
	return rec->pool_count;
}

void ipamdb_check(struct ipamdb *db)
{
	for (size_t i = 0; i < db->nets.count; i++) {
		struct net *net = net_at(db, i);
		if (i > 0)
			WEFT_ASSERT(id_cmp(&net_at(db, i - 1)->id, &net->id) < 0);
		net_check(db, net);
	}
	nets_check(db);
	closure_check(db);
	leases_check(db);
}
