/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The registry of members.
 *
 * Changes are reported through one slot a member: a change that finds no room in the update stays
 * pending, and what happens to the member meanwhile is reported with it, so that the queue never
 * exceeds the number of members and the host always ends with the current state.
 *
 * Names are for people and may be shared by two running nodes; both go on. The member of the lowest
 * id among the present ones keeps the plain name, the others are flagged.
 */
#include "member.h"

#include <string.h>

#define PICK_TRIES 16

struct name_slot {
	uint64_t hash;
	struct member *first;
};

struct id_slot {
	struct id id;
	struct member *member;
};

void member_table_init(struct member_table *table, struct core *core)
{
	*table = (struct member_table){.core = core};
	map_init(&table->by_id, &core->heap, sizeof(struct id), sizeof(struct id_slot),
		 core->map_seed);
	map_init(&table->by_name, &core->heap, sizeof(uint64_t), sizeof(struct name_slot),
		 core->map_seed);
	vec_init(&table->ordered, &core->heap, sizeof(struct member *));
	vec_init(&table->changed, &core->heap, sizeof(struct member *));
	vec_init(&table->arrivals, &core->heap, sizeof(struct member_arrival));
	vec_init(&table->doubted, &core->heap, sizeof(struct member *));
}

struct member *member_at(const struct member_table *table, size_t i)
{
	return *(struct member **)vec_at(&table->ordered, i);
}

/* What is known of somebody of whom nothing was published. */
static const struct rec_member no_record;

static void record_forget(struct member_table *table, struct member *member)
{
	if (member->rec_blob != BLOB_NONE)
		blob_give(table->core->blobs, member->rec_blob);
	member->rec_blob = BLOB_NONE;
	member->rec = &no_record;
}

static void record_set(struct member_table *table, struct member *member,
		       const struct rec_member *rec)
{
	uint32_t blob = blob_take(table->core->blobs, rec, sizeof(*rec));
	size_t len;

	record_forget(table, member);
	member->rec_blob = blob;
	member->rec = (const void *)blob_bytes(table->core->blobs, blob, &len);
	WEFT_ASSERT(len == sizeof(*rec));
}

void member_table_close(struct member_table *table)
{
	for (size_t i = 0; i < table->ordered.count; i++) {
		record_forget(table, member_at(table, i));
		heap_give(&table->core->heap, member_at(table, i), sizeof(struct member));
	}
	map_close(&table->by_id);
	map_close(&table->by_name);
	vec_close(&table->ordered);
	vec_close(&table->changed);
	vec_close(&table->arrivals);
	vec_close(&table->doubted);
}

static int id_cmp_member(const void *key, const void *item)
{
	return id_cmp(key, &(*(struct member *const *)item)->id);
}

struct member *member_find(const struct member_table *table, const struct id *id)
{
	const struct id_slot *slot = map_find(&table->by_id, id);

	return slot != NULL ? slot->member : NULL;
}

bool member_place(const struct member_table *table, const struct id *id, size_t *at)
{
	*at = vec_lower_bound(&table->ordered, id, id_cmp_member);
	return *at < table->ordered.count && id_eq(&member_at(table, *at)->id, id);
}

struct member *member_intern(struct member_table *table, const struct id *id)
{
	struct member *member = member_find(table, id);
	struct id_slot *slot;

	if (member != NULL)
		return member;
	WEFT_ASSERT(!id_is_zero(id));
	if (table->ordered.count >= table->core->limits.members_max)
		return NULL;
	member = heap_take(&table->core->heap, sizeof(*member));
	member->id = *id;
	member->rec = &no_record;
	member->state_since = table->core->now;
	slot = map_insert(&table->by_id, id, NULL);
	slot->member = member;
	vec_insert(&table->ordered, vec_lower_bound(&table->ordered, id, id_cmp_member), &member);
	table->state_count[MEMBER_UNKNOWN]++;
	return member;
}

bool member_counts(const struct member_table *table, const struct member *member)
{
	return member->has_record && !member_state_is_gone(member->state) &&
	       !id_eq(&member->id, &table->core->self.id);
}

bool member_is_present(const struct member *member)
{
	return member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT;
}

void member_touch(struct member_table *table, struct member *member)
{
	if (member->change_pending)
		return;
	member->change_pending = true;
	vec_push(&table->changed, &member);
}

static uint64_t name_hash(const struct member_table *table, const char *name)
{
	return map_hash(name, strlen(name), table->core->map_seed);
}

static struct member *first_named(const struct member_table *table, const char *name)
{
	uint64_t hash = name_hash(table, name);
	const struct name_slot *slot = map_find(&table->by_name, &hash);

	return slot != NULL ? slot->first : NULL;
}

/* Flags every present bearer of a name but the one of the lowest id. */
static void name_review(struct member_table *table, const char *name)
{
	const struct member *lowest = NULL;
	struct member *at;

	for (at = first_named(table, name); at != NULL; at = at->next_named) {
		if (member_is_present(at) && strcmp(at->rec->name, name) == 0 &&
		    (lowest == NULL || id_cmp(&at->id, &lowest->id) < 0))
			lowest = at;
	}
	for (at = first_named(table, name); at != NULL; at = at->next_named) {
		bool shared = lowest != NULL && at != lowest && member_is_present(at) &&
			      strcmp(at->rec->name, name) == 0;
		if (shared == at->name_shared)
			continue;
		at->name_shared = shared;
		member_touch(table, at);
		if (shared)
			core_trace(table->core, TRACE_NAME_SHARED, &at->id, &lowest->id, NULL, 0);
	}
}

static void name_link(struct member_table *table, struct member *member)
{
	uint64_t hash = name_hash(table, member->rec->name);
	struct name_slot *slot = map_insert(&table->by_name, &hash, NULL);

	member->next_named = slot->first;
	slot->first = member;
}

static void name_unlink(struct member_table *table, struct member *member)
{
	uint64_t hash = name_hash(table, member->rec->name);
	struct name_slot *slot = map_find(&table->by_name, &hash);
	struct member **link;

	WEFT_ASSERT(slot != NULL);
	for (link = &slot->first; *link != member; link = &(*link)->next_named)
		WEFT_ASSERT(*link != NULL);
	*link = member->next_named;
	member->next_named = NULL;
	member->name_shared = false;
	if (slot->first == NULL)
		map_remove(&table->by_name, &hash);
}

static void arrive(struct member_table *table, struct member *member, bool healed)
{
	struct member_arrival arrival = {.member = member, .healed = healed};

	vec_push(&table->arrivals, &arrival);
}

void member_doubt(struct member_table *table, struct member *member, struct mono asked)
{
	if (member->doubted || member->heard.ns > asked.ns)
		return;
	member->doubted = true;
	vec_push(&table->doubted, &member);
}

void member_apply_record(struct member_table *table, struct member *member,
			 const struct rec_member *rec, uint64_t epoch)
{
	char old_name[NAME_BYTES] = "";
	bool renamed = !member->has_record || strcmp(member->rec->name, rec->name) != 0;

	WEFT_ASSERT(member_find(table, &member->id) == member);
	if (renamed && member->has_record) {
		memcpy(old_name, member->rec->name, sizeof(old_name));
		name_unlink(table, member);
	}
	/* A new address in the record is where the member says it is now. */
	if (member->addr.port == 0 || !hostport_eq(&member->rec->gossip, &rec->gossip))
		member->addr = rec->gossip;
	record_set(table, member, rec);
	table->turns++;
	member->has_record = true;
	member->has_key = true;
	if (epoch > member->epoch)
		member->epoch = epoch;
	if (renamed)
		name_link(table, member);
	if (old_name[0] != '\0')
		name_review(table, old_name);
	member_touch(table, member);
	if (rec->left && member->state != MEMBER_REMOVED) {
		member->compared = member->compared && member->state == MEMBER_LEFT;
		member_set_state(table, member, MEMBER_LEFT);
	} else if (!rec->left &&
		   (member->state == MEMBER_UNKNOWN || member->state == MEMBER_LEFT)) {
		member_set_state(table, member, MEMBER_ALIVE);
		arrive(table, member, false);
	}
	name_review(table, rec->name);
}

void member_vouch(struct member_table *table, struct member *member,
		  const uint8_t pubkey[SIGN_PUB_BYTES], const struct hostport *addr)
{
	struct rec_member rec = {.wire_min = 0};

	WEFT_ASSERT(!member->has_record && member->state != MEMBER_REMOVED);
	memcpy(rec.pubkey, pubkey, SIGN_PUB_BYTES);
	record_set(table, member, &rec);
	member->addr = *addr;
	member->has_key = true;
}

static void trace_state(struct core *core, const struct member *member)
{
	/* Suspicion and removal have somebody behind them, whom their modules name. */
	if (member->state == MEMBER_ALIVE)
		core_trace(core, TRACE_MEMBER_ALIVE, &member->id, NULL, &member->addr, 0);
	else if (member->state == MEMBER_FAILED)
		core_trace(core, TRACE_MEMBER_FAILED, &member->id, NULL, NULL, 0);
	else if (member->state == MEMBER_LEFT)
		core_trace(core, TRACE_MEMBER_LEFT, &member->id, NULL, NULL, 0);
}

size_t member_bucket(const struct id *id)
{
	return id->b[0] % MEMBER_BUCKETS;
}

/* What a member adds to the hash of its bucket: nothing while it is what everybody supposes who
 * knows its record alone. A suspicion passes and does not count. */
static uint32_t liveness_hash(const struct member *member)
{
	bool failed = member->state == MEMBER_FAILED;
	uint8_t bytes[ID_BYTES + 8 + 1];

	if (!failed && (!member_is_present(member) || member->incarnation == 0))
		return 0;
	memcpy(bytes, member->id.b, ID_BYTES);
	wire_put(bytes + ID_BYTES, member->incarnation, 8);
	bytes[ID_BYTES + 8] = failed;
	return (uint32_t)map_hash(bytes, sizeof(bytes), 0);
}

void member_set_incarnation(struct member_table *table, struct member *member, uint64_t incarnation)
{
	uint32_t *bucket = &table->liveness[member_bucket(&member->id)];

	*bucket ^= liveness_hash(member);
	member->incarnation = incarnation;
	*bucket ^= liveness_hash(member);
}

void member_set_state(struct member_table *table, struct member *member, enum member_state state)
{
	uint32_t *bucket = &table->liveness[member_bucket(&member->id)];
	enum member_state before = member->state;
	bool was_present = member_is_present(member);

	WEFT_ASSERT(state > MEMBER_UNKNOWN && state <= MEMBER_REMOVED);
	if (state == before)
		return;
	WEFT_ASSERT(before != MEMBER_REMOVED); /* removal is terminal */
	WEFT_ASSERT(table->state_count[before] > 0);
	table->turns++;
	table->state_count[before]--;
	table->state_count[state]++;
	*bucket ^= liveness_hash(member);
	member->state = state;
	*bucket ^= liveness_hash(member);
	member->state_since = table->core->now;
	if (was_present != member_is_present(member))
		table->present_count =
		    was_present ? table->present_count - 1 : table->present_count + 1;
	member_touch(table, member);
	trace_state(table->core, member);
	if (before == MEMBER_FAILED && state == MEMBER_ALIVE)
		arrive(table, member, true);
	if (member->has_record && was_present != member_is_present(member))
		name_review(table, member->rec->name);
}

bool member_flush(struct member_table *table)
{
	size_t done = 0;

	while (done < table->changed.count && core_has_room(table->core, 1, 0, 0)) {
		struct member *member = *(struct member **)vec_at(&table->changed, done++);
		struct gossip_change *change = core_change(table->core, CHANGE_MEMBER);
		change->member = member->id;
		change->before = member->told;
		change->after = member->state;
		member->told = member->state;
		member->change_pending = false;
	}
	if (done == table->changed.count) {
		table->changed.count = 0;
		return true;
	}
	memmove(table->changed.items, vec_at(&table->changed, done),
		(table->changed.count - done) * sizeof(struct member *));
	table->changed.count -= done;
	return false;
}

struct member *member_successor(const struct member_table *table, const struct id *id)
{
	size_t count = table->ordered.count;
	size_t at = vec_lower_bound(&table->ordered, id, id_cmp_member);

	for (size_t i = 0; i < count; i++) {
		struct member *member = member_at(table, (at + i) % count);
		if (member_is_present(member) && !id_eq(&member->id, id) &&
		    !id_eq(&member->id, &table->core->self.id))
			return member;
	}
	return NULL;
}

static bool may_pick(const struct member_table *table, const struct member *member,
		     const struct id *skip, size_t skip_count)
{
	if (member->state != MEMBER_ALIVE || id_eq(&member->id, &table->core->self.id))
		return false;
	for (size_t i = 0; i < skip_count; i++) {
		if (id_eq(&member->id, &skip[i]))
			return false;
	}
	return true;
}

struct member *member_pick(struct member_table *table, const struct id *skip, size_t skip_count)
{
	size_t count = table->ordered.count;
	size_t fit = 0;
	size_t chosen;

	if (count == 0)
		return NULL;
	/* Where most are alive a few throws do; where few are, they are counted. */
	for (int i = 0; i < PICK_TRIES; i++) {
		struct member *member =
		    member_at(table, (size_t)rng_below(&table->core->rng, count));
		if (may_pick(table, member, skip, skip_count))
			return member;
	}
	for (size_t i = 0; i < count; i++)
		fit += may_pick(table, member_at(table, i), skip, skip_count);
	if (fit == 0)
		return NULL;
	chosen = (size_t)rng_below(&table->core->rng, fit);
	for (size_t i = 0; i < count; i++) {
		struct member *member = member_at(table, i);
		if (may_pick(table, member, skip, skip_count) && chosen-- == 0)
			return member;
	}
	return NULL;
}

void member_check(const struct member_table *table)
{
	size_t states[MEMBER_REMOVED + 1] = {0};
	uint32_t liveness[MEMBER_BUCKETS] = {0};
	size_t pending = 0;

	WEFT_ASSERT(table->by_id.count == table->ordered.count);
	for (size_t i = 0; i < table->ordered.count; i++) {
		const struct member *member = member_at(table, i);
		WEFT_ASSERT(i == 0 || id_cmp(&member_at(table, i - 1)->id, &member->id) < 0);
		WEFT_ASSERT(member_find(table, &member->id) == member);
		WEFT_ASSERT(!member_is_present(member) || member->has_record);
		WEFT_ASSERT(!member->has_record || member->has_key);
		WEFT_ASSERT(!member->name_shared || member_is_present(member));
		states[member->state]++;
		liveness[member_bucket(&member->id)] ^= liveness_hash(member);
		pending += member->change_pending;
	}
	for (size_t i = 0; i <= MEMBER_REMOVED; i++)
		WEFT_ASSERT(states[i] == table->state_count[i]);
	WEFT_ASSERT(memcmp(liveness, table->liveness, sizeof(liveness)) == 0);
	WEFT_ASSERT(table->present_count == states[MEMBER_ALIVE] + states[MEMBER_SUSPECT]);
	WEFT_ASSERT(pending == table->changed.count);
}
