/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A want goes through an origin in windows: the peer lists versions from `after` to `through` (and
 * sends the rows along, unless only the list was asked for); those that are not here are missing;
 * once they came, the next window follows. After the last one the peer's claim "I am complete up to
 * here" is ours as well: the lowest of all its answers, for a peer that is started again in the
 * middle may lack what it has listed, and says of it what it says of rows that were replaced.
 *
 * A whole comparison also finds rows that should not be here. Every row of the origin is stale
 * until it is listed. At the end a stale row below the floor goes if the owner itself made the
 * list, or if this replica was incomplete: then its tombstone was collected before it got here.
 * Nobody else's list removes anything; and what an owner lacks above its floor it never collected,
 * so its disk went back: the row stays, to be shown to it.
 *
 * Where a whole comparison brings nothing and the next one finds a difference all the same, their
 * owner may have signed two texts of one version. That one's list says which text each version has,
 * and what has another one here is fetched: who has seen both keeps the one that everybody keeps
 * (receive.c). Of the highest version in which two differ one of them lacks the row that both will
 * keep, and takes it; so they are equal in the end. A peer that shows a difference, and then
 * nothing that can be taken, is left alone for a while.
 *
 * Who keeps what this node has collected of its own rows differs from it for long and has nothing
 * to say: so once somebody was asked for those of a topic, and answered, nobody is
 * for a while.
 */
#include "want.h"

#include <string.h>

#include "floor.h"
#include "receive.h"
#include "tables_state.h"

#define VAIN_MS 10000 /* between two whole comparisons with one peer that bring nothing */
#define OWN_MS 60000  /* between two of this node's own rows in a topic, with anybody */

uint32_t want_origin(const struct tables *tables, const struct want *want)
{
	return replica_origin_of(&tables->replica, &want->owner, want->topic);
}

/* What this node wrote itself; not while others tell it what it wrote. */
static bool is_own(const struct tables *tables, const struct want *want)
{
	return id_eq(&want->owner, &tables->core->self.id) && !tables->core->self.cloned;
}

static void missing_clear(struct tables *tables, struct want *want)
{
	if (want->missing != NULL)
		heap_give(&tables->core->heap, want->missing,
			  want->missing_cap * sizeof(struct version));
	want->missing = NULL;
	want->missing_count = 0;
	want->missing_cap = 0;
	want->expected = 0;
}

static void stale_set(struct tables *tables, const struct origin *origin, bool stale)
{
	for (uint32_t s = origin->first; s != NONE; s = replica_slot(&tables->replica, s)->next) {
		struct slot *slot = replica_slot(&tables->replica, s);
		if (stale)
			slot->flags |= SLOT_STALE;
		else
			slot->flags &= (uint16_t)~SLOT_STALE;
	}
}

void want_begin(struct tables *tables, struct want *want, bool whole)
{
	uint32_t number = want_origin(tables, want);
	struct origin *origin = number != NONE ? replica_origin(&tables->replica, number) : NULL;

	WEFT_ASSERT(!want->is_fact);
	want->whole = whole && origin != NULL;
	want->fresh = origin == NULL || origin->count == 0;
	want->took = false;
	want->texts = false;
	want->mode = WANT_ROWS;
	want->after = (struct version){0, 0};
	want->claim = (struct version){UINT64_MAX, UINT64_MAX};
	if (want->whole) {
		/* Of what it wrote itself nobody has more versions; other texts it asks for seldom.
		 */
		want->texts = (origin->flags & ORIGIN_TEXTS) != 0 || is_own(tables, want);
		want->mode = want->texts ? WANT_TEXTS : WANT_LIST;
		origin->flags = (origin->flags | ORIGIN_WHOLE) & ~(uint32_t)ORIGIN_TEXTS;
		stale_set(tables, origin, true);
	} else if (origin != NULL) {
		want->after = origin->mark.upto;
		/* Much of what lies beyond the hole may be here: see what before it is sent. */
		if (watermark_has_gaps(&origin->mark))
			want->mode = WANT_LIST;
	}
}

void want_close(struct tables *tables, struct want *want)
{
	uint32_t number = want->is_fact ? NONE : want_origin(tables, want);

	missing_clear(tables, want);
	if (want->whole && number != NONE) {
		replica_origin(&tables->replica, number)->flags &= ~(uint32_t)ORIGIN_WHOLE;
		stale_set(tables, replica_origin(&tables->replica, number), false);
	}
}

static size_t find_version(const struct version *versions, size_t count, struct version version)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (version_cmp(versions[mid], version) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && version_cmp(versions[low], version) == 0 ? low : count;
}

void want_list(struct tables *tables, struct want *want, const struct version *versions,
	       const uint64_t *texts, size_t count)
{
	uint32_t number = want_origin(tables, want);
	struct origin *origin = number != NONE ? replica_origin(&tables->replica, number) : NULL;
	bool *here;
	uint32_t s;

	missing_clear(tables, want);
	want->listed = true;
	if (count == 0)
		return;
	here = heap_take(&tables->core->heap, count);
	for (s = origin != NULL ? origin->first : NONE; s != NONE;
	     s = replica_slot(&tables->replica, s)->next) {
		struct slot *slot = replica_slot(&tables->replica, s);
		size_t i =
		    find_version(versions, count, (struct version){slot->epoch, slot->sequence});
		if (i == count)
			continue;
		here[i] = texts == NULL || texts[i] == replica_text(&tables->replica, slot);
		slot->flags &= (uint16_t)~SLOT_STALE;
	}
	want->missing_cap = count;
	want->missing = heap_take(&tables->core->heap, count * sizeof(struct version));
	for (size_t i = 0; i < count; i++) {
		/* A whole comparison does not trust the watermark. */
		if (here[i] ||
		    (!want->whole && origin != NULL && watermark_knows(&origin->mark, versions[i])))
			continue;
		want->missing[want->missing_count++] = versions[i];
	}
	heap_give(&tables->core->heap, here, count);
	WEFT_ASSERT(want->missing_count <= want->missing_cap);
}

bool want_came(struct want *want, struct version version)
{
	for (size_t i = 0; i < want->missing_count; i++) {
		if (version_cmp(want->missing[i], version) != 0)
			continue;
		memmove(&want->missing[i], &want->missing[i + 1],
			(want->missing_count - i - 1) * sizeof(struct version));
		want->missing_count--;
		want->tries = 0;
		if (i < want->expected)
			want->expected--;
		return true;
	}
	return false;
}

/* Removes rows that the list lacked; false when the update has no room for all. */
static bool remove_stale(struct tables *tables, const struct want *want, uint32_t number,
			 bool by_owner)
{
	const struct origin *origin = replica_origin(&tables->replica, number);
	struct version floor = {0, 0};
	uint32_t next;

	if (replica_owner(&tables->replica, origin->owner)->flags & OWNER_FROZEN)
		return true;
	if (!floor_find(tables, &want->owner, &replica_topic(&tables->replica, want->topic)->id,
			&floor))
		return true;
	for (uint32_t s = origin->first; s != NONE; s = next) {
		const struct slot *slot = replica_slot(&tables->replica, s);
		struct version version = {slot->epoch, slot->sequence};
		next = slot->next;
		if (!(slot->flags & SLOT_STALE) || version_cmp(version, want->claim) > 0)
			continue;
		if (version_cmp(version, floor) > 0 ||
		    (!by_owner && !(origin->flags & ORIGIN_INCOMPLETE)))
			continue;
		if (!core_has_room(tables->core, 1, 0, 0))
			return false;
		receive_retract(tables, s);
	}
	return true;
}

static bool has_stale(const struct tables *tables, const struct origin *origin)
{
	uint32_t s = origin->first;

	while (s != NONE && !(replica_slot(&tables->replica, s)->flags & SLOT_STALE))
		s = replica_slot(&tables->replica, s)->next;
	return s != NONE;
}

/* A whole comparison that brought nothing: what is still to be tried. */
static void note_vain(struct tables *tables, const struct want *want, const struct id *peer)
{
	struct origin *origin = replica_origin(&tables->replica, want_origin(tables, want));

	if (!want->whole || want->took)
		return;
	if (!want->texts) {
		/* What the peer lacks it will fetch, if it can take it. */
		if (!(origin->flags & ORIGIN_OFFERED) && has_stale(tables, origin))
			origin->flags |= ORIGIN_OFFERED;
		else
			origin->flags = (origin->flags | ORIGIN_TEXTS) & ~(uint32_t)ORIGIN_OFFERED;
		return;
	}
	origin->vain_with = replica_find_owner(&tables->replica, peer);
	origin->vain_until = mono_add_ms(tables->core->now, VAIN_MS);
}

bool want_is_vain(const struct tables *tables, const struct origin *origin, const struct id *peer)
{
	return origin != NULL && origin->vain_with != NONE &&
	       !mono_is_due(origin->vain_until, tables->core->now) &&
	       origin->vain_with == replica_find_owner(&tables->replica, peer);
}

/* How far the want has come. Of its own rows a node whose disk went back believes nobody's word,
 * which would spoil the counter of its versions, but its own signatures. */
static struct version claim_of(const struct tables *tables, const struct want *want,
			       const struct origin *origin)
{
	struct version floor = {0, 0}, signed_upto = origin->mark.top;

	if (!id_eq(&want->owner, &tables->core->self.id))
		return want->claim;
	if (floor_find(tables, &want->owner, &replica_topic(&tables->replica, want->topic)->id,
		       &floor))
		signed_upto = version_max(signed_upto, floor);
	return version_min(want->claim, signed_upto);
}

/* The last window is here. */
static bool finish(struct tables *tables, struct want *want, const struct id *peer)
{
	uint32_t number = want_origin(tables, want);
	struct version floor;
	struct origin *origin;

	/* Where it has no row itself it asks for all of them as well. */
	if (is_own(tables, want) && !want->took && (want->whole || number == NONE))
		replica_topic(&tables->replica, want->topic)->own_asked_until =
		    mono_add_ms(tables->core->now, OWN_MS);
	if (number == NONE)
		return true;
	note_vain(tables, want, peer);
	if (want->failed || is_own(tables, want))
		return true;
	origin = replica_origin(&tables->replica, number);
	if (want->whole && !remove_stale(tables, want, number, id_eq(peer, &want->owner)))
		return false;
	/* Below its floor an origin may hold what was deleted: only the whole of it says. */
	if (origin->flags & ORIGIN_INCOMPLETE && !want->whole && !want->fresh)
		return true;
	watermark_complete(&origin->mark, &tables->core->heap, claim_of(tables, want, origin));
	if (!(origin->flags & ORIGIN_INCOMPLETE))
		return true;
	if (!floor_find(tables, &want->owner, &replica_topic(&tables->replica, want->topic)->id,
			&floor) ||
	    version_cmp(origin->mark.upto, floor) >= 0) {
		replica_set_incomplete(&tables->replica, number, false);
		floor_collect(tables, number);
	}
	return true;
}

bool want_advance(struct tables *tables, struct want *want, const struct id *peer)
{
	WEFT_ASSERT(want->listed && want->missing_count == 0);
	if (!want->more)
		return finish(tables, want, peer);
	missing_clear(tables, want);
	want->listed = false;
	want->after = want->through;
	if (want->mode == WANT_MISSING)
		want->mode = want->texts ? WANT_TEXTS : WANT_LIST;
	return false;
}
