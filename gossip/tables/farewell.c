/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A leave takes no rows along. What only the leaver has (another's leave that it alone was told of,
 * a removal, the rows of somebody who is gone) would be lost with it, so it has left for good only
 * when the tables of a member that stays equalled its own.
 *
 * But nobody counts it any more, so nobody may come to count through it either. Whom it knew when
 * it left it named in rows of its own (ROW_PARTING), which everybody waits for who takes back
 * space. Of whom it has not named it says nothing: that one comes to be known by a member that
 * stays, or does not. Hence:
 *
 *   MUTE   from the command on. The list of names is made, and whoever is told "equal" now takes
 *          that for an introduction: no comparison is begun, answered or ended.
 *   TELLS  from the commit on. Its own record is part of its tables, so whoever finds them equal
 *          knows that it left, and takes that for no introduction. The member that it asks to
 *          remember it compares with it (leave_is_kept); it answers, fetches what it lacks, which
 *          makes the tables equal, and shows what those wrote whom it has named, those who were
 *          removed, and itself. An owner whom it has not named is shown as if nothing were here.
 *
 * What then still differs nobody can mend: a newcomer that only the leaver heard of, two texts of
 * one version. Tables that differ though nothing new comes any more count as equal.
 */
#include "farewell.h"

#include <string.h>

#include "gossip/base/pack.h"
#include "tables_state.h"

void farewell_init(struct farewell *farewell, struct core *core)
{
	*farewell = (struct farewell){.stage = FAREWELL_NONE};
	vec_init(&farewell->named, &core->heap, sizeof(struct id));
}

void farewell_close(struct farewell *farewell)
{
	vec_close(&farewell->named);
}

static int id_cmp_named(const void *key, const void *item)
{
	return id_cmp(key, item);
}

static bool is_named(const struct farewell *farewell, const struct id *id, size_t *at)
{
	*at = vec_lower_bound(&farewell->named, id, id_cmp_named);
	return *at < farewell->named.count && id_eq(vec_at(&farewell->named, *at), id);
}

/* A part: one string of ids. */
static void add_part(struct tables *tables, const struct row_view *part)
{
	struct farewell *farewell = &tables->farewell;
	struct cursor cursor;
	const uint8_t *ids;
	size_t len;

	cursor_init(&cursor, part->value, part->value_len);
	ids = cursor_bin(&cursor, VALUE_BYTES_MAX, &len);
	for (size_t i = 0; ids != NULL && i + ID_BYTES <= len; i += ID_BYTES) {
		struct id id;
		size_t at;
		memcpy(id.b, ids + i, ID_BYTES);
		if (!is_named(farewell, &id, &at))
			vec_insert(&farewell->named, at, &id);
	}
}

void farewell_note(struct tables *tables, const struct row_view *row)
{
	if (tables->farewell.stage != FAREWELL_NONE && row->kind == ROW_PARTING && !row->deleted &&
	    id_eq(&row->owner, &tables->core->self.id))
		add_part(tables, row);
}

static void list_names(struct tables *tables)
{
	const struct replica *replica = &tables->replica;
	uint32_t self = replica_find_owner(replica, &tables->core->self.id);
	uint32_t origin = replica_find_origin(replica, self, TOPIC_ALL);

	tables->farewell.named.count = 0;
	for (uint32_t s = origin != NONE ? replica_origin(replica, origin)->first : NONE; s != NONE;
	     s = replica_slot(replica, s)->next) {
		struct row_view row;
		if (replica_slot(replica, s)->kind != ROW_PARTING)
			continue;
		replica_view(replica, s, &row);
		farewell_note(tables, &row);
	}
}

void farewell_set(struct tables *tables, enum farewell_stage stage)
{
	struct farewell *farewell = &tables->farewell;
	bool begins = farewell->stage == FAREWELL_NONE;

	WEFT_ASSERT(stage != FAREWELL_NONE || farewell->stage != FAREWELL_TELLS);
	farewell->stage = stage;
	if (stage == FAREWELL_NONE || !begins)
		return;
	repair_close(tables);
	list_names(tables);
	WEFT_ASSERT(farewell->named.count == 0 || tables->replica.row_count > 0);
}

bool farewell_shows(const struct tables *tables, const struct id *owner)
{
	const struct member *member;
	size_t at;

	if (tables->farewell.stage == FAREWELL_NONE || id_eq(owner, &tables->core->self.id) ||
	    is_named(&tables->farewell, owner, &at))
		return true;
	member = member_find(tables->members, owner);
	return member != NULL && member->state == MEMBER_REMOVED;
}

void farewell_heard(struct tables *tables, struct member *member)
{
	if (member == NULL || member->state != MEMBER_LEFT || member->compared)
		return;
	member->compared = true;
	snapshot_want(tables);
}
