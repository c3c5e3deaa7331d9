/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "onesided.h"

#include "tables_state.h"

static int place_cmp(const void *key, const void *item)
{
	const struct onesided *a = key, *b = item;

	if (a->topic != b->topic)
		return a->topic < b->topic ? -1 : 1;
	return a->origin < b->origin ? -1 : a->origin > b->origin;
}

static struct onesided *at_of(const struct session *session, size_t i)
{
	return i < session->onesided.count ? vec_at(&session->onesided, i) : NULL;
}

void onesided_note(struct tables *tables, const struct id *peer, const struct id *owner,
		   uint32_t topic, uint64_t theirs)
{
	const struct onesided fresh = {topic, replica_origin_of(&tables->replica, owner, topic),
				       theirs};
	struct session *session = repair_find(tables, peer);
	struct onesided *known;
	bool differs;
	size_t i;

	if (session == NULL || fresh.origin == NONE)
		return;
	i = vec_lower_bound(&session->onesided, &fresh, place_cmp);
	known = at_of(session, i);
	if (known != NULL && place_cmp(&fresh, known) != 0)
		known = NULL;
	differs = (theirs == 0) !=
		  ((replica_origin(&tables->replica, fresh.origin)->flags & ORIGIN_CAPPED) != 0);
	if (known != NULL && differs) {
		known->theirs = theirs;
	} else if (known != NULL) {
		vec_remove(&session->onesided, i);
	} else if (differs && session->onesided.count < ONESIDED_MAX) {
		vec_insert(&session->onesided, i, &fresh);
		/* There may be more than one comparison shows. */
		repair_progress(tables, session);
	}
}

void onesided_forget(struct tables *tables, uint32_t topic, const struct id *peer)
{
	const struct onesided first = {.topic = topic};

	for (size_t n = 0; n < REPAIR_SESSIONS; n++) {
		struct session *session = &tables->repair.sessions[n];
		struct onesided *at;
		size_t i;

		if (!session->used || (peer != NULL && !id_eq(&session->peer, peer)))
			continue;
		i = vec_lower_bound(&session->onesided, &first, place_cmp);
		while ((at = at_of(session, i)) != NULL && at->topic == topic)
			vec_remove(&session->onesided, i);
	}
}

uint64_t onesided_hash(const struct tables *tables, const struct session *session, uint32_t topic)
{
	const struct onesided first = {.topic = topic}, *at;
	uint64_t hash = replica_topic(&tables->replica, topic)->hash;
	size_t i;

	if (session == NULL || session->onesided.count == 0)
		return hash;
	i = vec_lower_bound(&session->onesided, &first, place_cmp);
	for (; (at = at_of(session, i)) != NULL && at->topic == topic; i++)
		hash += at->theirs - replica_origin(&tables->replica, at->origin)->hash;
	tables->core->walked += ONESIDED_WALK;
	return hash;
}
