/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The lives of leases: see lease.h.
 *
 * Cooling leases stay in the store with the wall time at which their release was handed in, so that
 * a restart does not shorten their rest. It begins when the release is durable, since until then
 * the box is there and others know it. When that was the disk does not tell, and of a disk that
 * stalled or a machine that stood still it is long after. So a start lets the commit have taken
 * LATE_MS, but nobody wait longer than once from then on. What has cooled is free at once; that the
 * store forgets it a moment later costs nothing, since a cooling lease whose time is over means the
 * same as none.
 *
 * Every lease has a number that is never used again, so that a release that comes late frees
 * nobody else's. Numbers are made durable in blocks.
 */
#include "lease.h"

#include <string.h>

#include "flight.h"

#define SEQUENCE_BLOCK 4096 /* leases for each write of the number; a start skips as many */
#define DROPS_PER_GROUP 64
#define LATE_MS 60000 /* for the commit of a release, at most */

_Static_assert(DROPS_PER_GROUP <= IPAM_WRITES, "a group fits an update");

/* A lease that cools down. */
struct cooling {
	struct lease_key key;
	uint64_t sequence;
	struct mono due;
};

void leases_init(struct ipamdb *db)
{
	fifo_init(&db->cooling, &db->heap, sizeof(struct cooling));
}

struct lease_entry *lease_find(const struct ipamdb *db, const struct lease_key *key)
{
	return map_find(&db->leases, key);
}

static struct lease_key key_of(const struct lease *lease)
{
	return (struct lease_key){lease->network, lease->address};
}

static void endpoint_add(struct ipamdb *db, const struct lease *lease)
{
	struct endpoint_leases *entry;

	if (id_is_zero(&lease->endpoint))
		return;
	entry = map_insert(&db->endpoints, &lease->endpoint, NULL);
	if (entry->count < ENDPOINT_ADDRS_MAX)
		entry->keys[entry->count++] = key_of(lease);
}

static void endpoint_remove(struct ipamdb *db, const struct lease *lease)
{
	struct endpoint_leases *entry = map_find(&db->endpoints, &lease->endpoint);
	struct lease_key key = key_of(lease);

	for (size_t i = 0; entry && i < entry->count; i++) {
		if (memcmp(&entry->keys[i], &key, sizeof(key)) != 0)
			continue;
		entry->keys[i] = entry->keys[--entry->count];
		if (entry->count == 0)
			map_remove(&db->endpoints, &lease->endpoint);
		return;
	}
}

void lease_begin(struct ipamdb *db, struct net *net, const struct lease *lease,
		 struct lease_entry *before)
{
	struct lease_key key = key_of(lease);
	bool fresh;
	struct lease_entry *entry;

	WEFT_ASSERT(space_is_busy(&net->space, addr_from_inet(&lease->address)));
	entry = map_insert(&db->leases, &key, &fresh);
	memset(before, 0, sizeof(*before));
	if (!fresh) {
		WEFT_ASSERT(entry->state == LEASE_COOLING);
		net->counts[entry->state]--;
		*before = *entry;
	}
	entry->lease = *lease;
	entry->state = LEASE_NEW;
	net->counts[LEASE_NEW]++;
	net->reserved += lease->reserved;
	endpoint_add(db, lease);
}

void lease_state_set(struct ipamdb *db, struct lease_entry *entry, enum lease_state state)
{
	struct net *net = net_find(db, &entry->lease.network);

	WEFT_ASSERT(net != NULL);
	WEFT_ASSERT(net->counts[entry->state] > 0);
	net->counts[entry->state]--;
	net->counts[state]++;
	entry->state = state;
}

/* Forgets a lease and frees its address. */
static void lease_forget(struct ipamdb *db, struct lease_entry *entry, bool fresh)
{
	struct net *net = net_find(db, &entry->lease.network);
	struct lease_key key = key_of(&entry->lease);

	WEFT_ASSERT(net != NULL);
	net->counts[entry->state]--;
	if (entry->state != LEASE_COOLING)
		net->reserved -= entry->lease.reserved;
	net_give(net, addr_from_inet(&key.address), fresh);
	map_remove(&db->leases, &key);
	db->serve = true;
}

void lease_abort(struct ipamdb *db, const struct lease_key *key, const struct lease_entry *before)
{
	struct lease_entry *entry = lease_find(db, key);

	WEFT_ASSERT(entry != NULL && entry->state == LEASE_NEW);
	WEFT_ASSERT(!before->lease.cooling || before->state == LEASE_COOLING);
	endpoint_remove(db, &entry->lease);
	if (!before->lease.cooling || mono_is_due(before->due, db->now)) {
		lease_forget(db, entry, !before->lease.cooling);
		return;
	}
	/* It is still in the queue of those that cool, and on the disk as it was. */
	net_find(db, &key->network)->reserved -= entry->lease.reserved;
	entry->lease = before->lease;
	entry->due = before->due;
	lease_state_set(db, entry, LEASE_COOLING);
}

void lease_cool(struct ipamdb *db, struct lease_entry *entry)
{
	struct cooling cooling = {key_of(&entry->lease), entry->lease.sequence,
				  mono_add_ms(db->now, db->config.cooldown_ms)};

	WEFT_ASSERT(entry->state == LEASE_ENDING);
	net_find(db, &cooling.key.network)->reserved -= entry->lease.reserved;
	endpoint_remove(db, &entry->lease);
	entry->lease.cooling = true;
	entry->due = cooling.due;
	lease_state_set(db, entry, LEASE_COOLING);
	fifo_push(&db->cooling, &cooling);
}

int lease_load(struct ipamdb *db, const struct lease *lease)
{
	struct net *net = net_intern(db, &lease->network, &db->self);
	struct lease_key key = key_of(lease);
	addr128 addr = addr_from_inet(&lease->address);
	struct lease_entry *entry;
	bool fresh;

	if (!net)
		return WEFT_E_LIMIT;
	entry = map_insert(&db->leases, &key, &fresh);
	if (!fresh)
		return WEFT_E_INVALID;
	entry->lease = *lease;
	entry->state = lease->cooling ? LEASE_COOLING : LEASE_HELD;
	net->counts[entry->state]++;
	net->reserved += lease->reserved && !lease->cooling;
	if (!space_is_busy(&net->space, addr))
		space_take(&net->space, addr);
	if (!lease->cooling)
		endpoint_add(db, lease);
	if (lease->sequence > db->lease_sequence)
		db->lease_sequence = lease->sequence;
	return 0;
}

static int cooling_cmp(const void *key, const void *item)
{
	const struct cooling *a = key;
	const struct cooling *b = item;

	if (a->due.ns != b->due.ns)
		return a->due.ns < b->due.ns ? -1 : 1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

/* When it has cooled down in any case, if its release was as late as can be. */
static struct mono due_at_latest(const struct ipamdb *db, const struct lease *lease)
{
	int64_t left = lease->cool_until.ms + LATE_MS - db->wall.ms;

	return mono_add_ms(db->now, left > 0 ? left : 0);
}

void leases_start(struct ipamdb *db)
{
	struct mono longest = mono_add_ms(db->now, db->config.cooldown_ms);
	struct lease_entry *entry;
	struct vec rests;
	size_t pos = 0;

	vec_init(&rests, &db->heap, sizeof(struct cooling));
	while ((entry = map_next(&db->leases, &pos)) != NULL) {
		struct cooling cooling = {key_of(&entry->lease), entry->lease.sequence,
					  due_at_latest(db, &entry->lease)};
		if (entry->state == LEASE_COOLING)
			vec_insert(&rests, vec_lower_bound(&rests, &cooling, cooling_cmp),
				   &cooling);
	}
	/* The oldest first, also of those that wait equally long from now on. */
	for (size_t i = 0; i < rests.count; i++) {
		struct cooling *cooling = vec_at(&rests, i);
		cooling->due = mono_min(cooling->due, longest);
		lease_find(db, &cooling->key)->due = cooling->due;
		fifo_push(&db->cooling, cooling);
	}
	vec_close(&rests);
}

void leases_tick(struct ipamdb *db)
{
	struct flight *flight = NULL;
	size_t dropped = 0;

	while (db->cooling.count > 0 && dropped < DROPS_PER_GROUP) {
		struct cooling cooling = *(struct cooling *)fifo_at(&db->cooling, 0);
		struct lease_entry *entry = lease_find(db, &cooling.key);
		struct write write = {.kind = WRITE_LEASE_DROP};
		if (!mono_is_due(cooling.due, db->now))
			break;
		if (!entry || entry->state != LEASE_COOLING ||
		    entry->lease.sequence != cooling.sequence) {
			fifo_pop(&db->cooling); /* leased again by name meanwhile */
			continue;
		}
		if (!flight) {
			if (!db_has_room(db, 0, DROPS_PER_GROUP))
				return;
			flight = flight_begin(db, FLIGHT_FORGET, 0);
		}
		write.lease = entry->lease;
		flight_write(db, flight, &write);
		fifo_pop(&db->cooling);
		lease_forget(db, entry, false);
		dropped++;
	}
}

struct mono leases_deadline(const struct ipamdb *db)
{
	if (db->cooling.count == 0)
		return MONO_NEVER;
	return ((struct cooling *)fifo_at(&db->cooling, 0))->due;
}

uint64_t lease_sequence_next(struct ipamdb *db, bool *wants_meta)
{
	uint64_t next = ++db->lease_sequence;

	if (next > db->lease_sequence_durable) {
		db->lease_sequence_durable = next + SEQUENCE_BLOCK;
		*wants_meta = true;
	}
	WEFT_ASSERT(next <= db->lease_sequence_durable);
	return next;
}

void leases_check(const struct ipamdb *db)
{
	static const struct span all = {0, ~(addr128)0};
	const struct lease_entry *entry;
	size_t pos = 0, sum = 0;

	while ((entry = map_next(&db->leases, &pos)) != NULL) {
		const struct net *net = net_find(db, &entry->lease.network);
		WEFT_ASSERT(net != NULL);
		WEFT_ASSERT(space_is_busy(&net->space, addr_from_inet(&entry->lease.address)));
		WEFT_ASSERT(entry->lease.cooling == (entry->state == LEASE_COOLING));
	}
	for (size_t i = 0; i < db->nets.count; i++) {
		const struct net *net = net_at(db, i);
		size_t leases = 0, specials = net->special.count;
		for (size_t s = 0; s < LEASE_STATES; s++)
			leases += net->counts[s];
		for (size_t s = 0; s < net->special.count; s++) {
			struct lease_key key = {
			    net->id, addr_to_inet(*(const addr128 *)vec_at(&net->special, s))};
			specials -= lease_find(db, &key) != NULL;
		}
		/* What is busy is leased (or rests), or is never leased. */
		WEFT_ASSERT(space_busy(&net->space, &all) == leases + specials);
		WEFT_ASSERT(net->reserved <= leases);
		sum += leases;
	}
	WEFT_ASSERT(sum == db->leases.count);
}
