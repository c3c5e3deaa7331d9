/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "onesided.h"

#include "tables_state.h"

static struct onesided *find(const struct session *session, uint32_t origin)
{
	for (size_t i = 0; i < session->onesided.count; i++) {
		struct onesided *at = vec_at(&session->onesided, i);
		if (at->origin == origin)
			return at;
	}
	return NULL;
}

static void forget(struct session *session, const struct onesided *known)
{
	const struct onesided *first = vec_at(&session->onesided, 0);

	vec_remove(&session->onesided, (size_t)(known - first));
}

void onesided_note(struct tables *tables, const struct id *peer, const struct id *owner,
		   uint32_t topic, uint64_t theirs)
{
	uint32_t number = replica_origin_of(&tables->replica, owner, topic);
	struct session *session = repair_find(tables, peer);
	struct onesided fresh = {number, theirs};
	struct onesided *known;
	bool differs;

	if (session == NULL || number == NONE)
		return;
	known = find(session, number);
	differs = (theirs == 0) !=
		  ((replica_origin(&tables->replica, number)->flags & ORIGIN_CAPPED) != 0);
	if (known != NULL && differs) {
		known->theirs = theirs;
	} else if (known != NULL) {
		forget(session, known);
	} else if (differs && session->onesided.count < ONESIDED_MAX) {
		vec_push(&session->onesided, &fresh);
		/* There may be more than one comparison shows. */
		repair_progress(tables, session);
	}
}

uint64_t onesided_hash(const struct tables *tables, const struct session *session, uint32_t topic)
{
	uint64_t hash = replica_topic(&tables->replica, topic)->hash;

	for (size_t i = 0; session != NULL && i < session->onesided.count; i++) {
		const struct onesided *at = vec_at(&session->onesided, i);
		const struct origin *origin = replica_origin(&tables->replica, at->origin);
		if (origin->topic == topic)
			hash += at->theirs - origin->hash;
	}
	return hash;
}
