/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Whom others named when they left (parting.c). Only those are remembered who are not known here,
 * and this node: the newest version of a part counts, and who became known or was removed is swept
 * out. When the store is read nobody is known yet, so the first sweep finds most. What is too much
 * to remember counts as somebody missing, until its author is removed or this node starts anew.
 */
#include "naming.h"

#include <stddef.h>
#include <string.h>

#include "closure.h"

#define SWEEP_MS 1000
#define NAMINGS_MAX (1 << 20) /* 16 MiB of ids */

/* Whom one part of somebody's list names. */
struct naming {
	struct id by;
	uint8_t part[PART_BYTES];
	struct vec nodes; /* struct id */
};

#define NAMING_KEY_BYTES (ID_BYTES + PART_BYTES)
_Static_assert(offsetof(struct naming, part) == ID_BYTES, "the key has no gap");

void namings_init(struct ipamdb *db)
{
	map_init(&db->parting.namings, &db->heap, NAMING_KEY_BYTES, sizeof(struct naming),
		 db->map_seed);
}

static bool is_stranger(const struct ipamdb *db, const struct id *node)
{
	const struct peer *peer = peer_find(db, node);

	return !(peer && peer->known) && !id_eq(node, &db->self) && !closure_is_removed(db, node);
}

static void naming_drop(struct ipamdb *db, struct naming *naming)
{
	WEFT_ASSERT(db->parting.naming_count >= naming->nodes.count);
	db->parting.naming_count -= naming->nodes.count;
	vec_close(&naming->nodes);
	map_remove(&db->parting.namings, naming);
}

/* Keeps those who are missing here, and this node itself; true when none is left. */
static bool naming_sweep(struct ipamdb *db, struct naming *naming)
{
	bool is_void = closure_is_removed(db, &naming->by);

	for (size_t i = naming->nodes.count; i-- > 0;) {
		const struct id *node = vec_at(&naming->nodes, i);
		if (!is_void && (id_eq(node, &db->self) || is_stranger(db, node)))
			continue;
		vec_remove(&naming->nodes, i);
		db->parting.naming_count--;
	}
	return naming->nodes.count == 0;
}

void namings_sweep(struct ipamdb *db)
{
	struct partings *parting = &db->parting;
	struct naming *naming;
	struct vec empty;
	size_t pos = 0;

	if (!parting->is_stale)
		return;
	if (!mono_is_due(parting->sweep_at, db->now)) {
		db_chores_by(db, parting->sweep_at);
		return;
	}
	vec_init(&empty, &db->heap, sizeof(struct naming));
	while ((naming = map_next(&parting->namings, &pos)) != NULL)
		if (naming_sweep(db, naming))
			vec_push(&empty, naming);
	for (size_t i = 0; i < empty.count; i++)
		naming_drop(db, map_find(&parting->namings, vec_at(&empty, i)));
	vec_close(&empty);
	parting->is_stale = false;
	parting->sweep_at = mono_add_ms(db->now, SWEEP_MS);
}

/* What the newest version of a part says takes the place of what an older one said. */
void namings_put(struct ipamdb *db, const struct row_view *row, const uint8_t *ids, size_t count)
{
	struct partings *parting = &db->parting;
	struct naming key = {.by = row->owner, .part = {row->key[0], row->key[1]}};
	struct naming *naming = map_find(&parting->namings, &key);

	if (naming)
		naming_drop(db, naming);
	vec_init(&key.nodes, &db->heap, sizeof(struct id));
	for (size_t i = 0; i < count; i++) {
		struct id node;

		memcpy(node.b, ids + i * ID_BYTES, ID_BYTES);
		if (id_eq(&node, &db->self) || is_stranger(db, &node))
			vec_push(&key.nodes, &node);
	}
	if (parting->naming_count + key.nodes.count > NAMINGS_MAX) {
		peer_intern(db, &row->owner)->is_cut = true;
		vec_close(&key.nodes);
	} else if (key.nodes.count > 0) {
		naming = map_insert(&parting->namings, &key, NULL);
		naming->nodes = key.nodes;
		parting->naming_count += key.nodes.count;
		parting->is_stale = true;
	}
}

bool namings_have_self(const struct ipamdb *db, const struct id *node)
{
	const struct naming *naming;
	size_t pos = 0;

	while ((naming = map_next(&db->parting.namings, &pos)) != NULL)
		for (size_t i = 0; id_eq(&naming->by, node) && i < naming->nodes.count; i++)
			if (id_eq(vec_at(&naming->nodes, i), &db->self))
				return true;
	return false;
}

const struct id *namings_stranger(const struct ipamdb *db, size_t *pos)
{
	const struct naming *naming;
	size_t slot = *pos / NAMED_PER_ROW, at = *pos % NAMED_PER_ROW;

	for (; (naming = map_next(&db->parting.namings, &slot)) != NULL; at = 0) {
		const struct peer *by = peer_find(db, &naming->by);
		if (!by || !by->gone || closure_is_removed(db, &naming->by))
			continue;
		for (; at < naming->nodes.count; at++) {
			const struct id *node = vec_at(&naming->nodes, at);
			if (!is_stranger(db, node))
				continue;
			*pos = (slot - 1) * NAMED_PER_ROW + at + 1;
			return node;
		}
	}
	return NULL;
}
