/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What becomes of a removed node's space.
 *
 * "Removed" says that the node is off, but not what it did before: it may have granted space that
 * only some members have heard of. Each member therefore closes it: it commits a fact with a digest
 * of the space that the removed node owns by its own view, and takes no further grant of that node
 * into account from then on. When the closures of all members agree, nobody holds anything that the
 * others do not know of, and the member with the lowest id takes the space back, at the next
 * generation. A failed member counts, and blocks, until it is back or removed itself.
 *
 * A row of the removed node that comes after the closing waits. It counts only if another member
 * held it at its own closing, which shows when that member's digest is met by admitting the rows
 * that wait, in the order of their versions; then this node's closure is written anew. Members with
 * less thus catch up with the one that knew most, and none can admit what nobody had when it
 * closed. Tombstones are not taken: rows of a removed node are frozen.
 */
#include "closure.h"

#include <string.h>

#include "closing.h"
#include "row.h"

#define LATE_MAX 4096

struct closing *closing_find(const struct ipamdb *db, const struct id *removed)
{
	for (size_t i = 0; i < db->closings.count; i++) {
		struct closing *closing = *(struct closing **)vec_at(&db->closings, i);
		if (id_eq(&closing->removed, removed))
			return closing;
	}
	return NULL;
}

static struct closing *closing_intern(struct ipamdb *db, const struct id *removed)
{
	struct closing *closing = closing_find(db, removed);

	if (closing)
		return closing;
	closing = heap_take(&db->heap, sizeof(*closing));
	closing->removed = *removed;
	vec_init(&closing->closers, &db->heap, sizeof(struct closer));
	vec_init(&closing->late, &db->heap, sizeof(struct late));
	vec_push(&db->closings, &closing);
	return closing;
}

bool closure_is_removed(const struct ipamdb *db, const struct id *node)
{
	const struct closing *closing = closing_find(db, node);

	return closing && closing->is_removed;
}

bool closure_next(const struct ipamdb *db, size_t *at, struct id *removed)
{
	while (*at < db->closings.count) {
		const struct closing *closing = *(struct closing **)vec_at(&db->closings, (*at)++);
		if (!closing->is_removed)
			continue;
		*removed = closing->removed;
		return true;
	}
	return false;
}

void closure_removal(struct ipamdb *db, const struct id *removed)
{
	closing_intern(db, removed)->is_removed = true;
	db_chores_by(db, db->now);
}

static void put_u64(uint8_t out[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

uint32_t closing_digest(struct ipamdb *db, const struct id *node, uint8_t out[DIGEST_BYTES])
{
	uint8_t chain[DIGEST_BYTES + ID_BYTES + 16 + 16 + 8] = {0};
	uint32_t count = 0;

	for (size_t i = 0; i < db->nets.count; i++) {
		struct net *net = *(struct net **)vec_at(&db->nets, i);
		const struct runs *runs = net_runs(net);
		for (size_t r = 0; r < runs->items.count; r++) {
			const struct run *run = runs_at(runs, r);
			struct inet lo = addr_to_inet(run->span.lo);
			struct inet hi = addr_to_inet(run->span.hi);
			if (!id_eq(&run->holder, node) || net->ended)
				continue;
			memcpy(chain + DIGEST_BYTES, net->id.b, ID_BYTES);
			memcpy(chain + DIGEST_BYTES + 16, lo.b, 16);
			memcpy(chain + DIGEST_BYTES + 32, hi.b, 16);
			put_u64(chain + DIGEST_BYTES + 48, run->generation);
			crypto_hash_label(db->config.crypto, "weft closure", node->b, ID_BYTES,
					  chain, sizeof(chain), out);
			memcpy(chain, out, DIGEST_BYTES);
			count++;
		}
	}
	if (count == 0)
		crypto_hash_label(db->config.crypto, "weft closure", node->b, ID_BYTES, NULL, 0,
				  out);
	return count;
}

static bool is_later(const struct claim *a, const struct claim *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->sequence > b->sequence;
}

/* Puts a row among those that wait, in the order of versions. */
static void late_add(struct closing *closing, const struct late *late)
{
	size_t at = 0;

	for (; at < closing->late.count; at++) {
		const struct late *other = vec_at(&closing->late, at);
		if (is_later(&other->claim, &late->claim))
			break;
		if (!is_later(&late->claim, &other->claim))
			return; /* it waits already */
	}
	if (closing->late.count < LATE_MAX)
		vec_insert(&closing->late, at, late);
}

/* After a restart the rows come back in any order, those that never counted too: all wait until
 * this node's own digest (or another's) says which it had. */
static void late_set_aside(struct ipamdb *db, struct closing *closing)
{
	for (size_t n = 0; n < db->nets.count; n++) {
		struct net *net = *(struct net **)vec_at(&db->nets, n);
		for (size_t i = net->claims.count; i-- > 0;) {
			struct late late = {net->id, *(struct claim *)vec_at(&net->claims, i)};
			if (!id_eq(&late.claim.author, &closing->removed))
				continue;
			late_add(closing, &late);
			claim_drop(db, net, &late.claim);
		}
	}
}

void closure_fact(struct ipamdb *db, const struct row_view *row)
{
	struct rec_closure rec;
	struct closing *closing;
	struct closer closer;
	struct id removed;

	if (row->key_len != 2 * ID_BYTES ||
	    rec_closure_decode(row->value, row->value_len, &rec) != 0)
		return;
	memcpy(removed.b, row->key, ID_BYTES);
	memcpy(closer.id.b, row->key + ID_BYTES, ID_BYTES);
	memcpy(closer.digest, rec.digest, DIGEST_BYTES);
	if (!id_eq(&closer.id, &row->owner))
		return; /* only the closer itself says so */
	closing = closing_intern(db, &removed);
	db_chores_by(db, db->now);
	if (id_eq(&closer.id, &db->self)) {
		if (!closing->is_closed)
			late_set_aside(db, closing);
		closing->is_closed = closing->is_durable = true;
		memcpy(closing->digest, closer.digest, DIGEST_BYTES);
		return;
	}
	for (size_t i = 0; i < closing->closers.count; i++) {
		struct closer *there = vec_at(&closing->closers, i);
		if (id_eq(&there->id, &closer.id)) {
			*there = closer;
			return;
		}
	}
	vec_push(&closing->closers, &closer);
}

bool closure_admits(struct ipamdb *db, const struct row_view *row)
{
	struct closing *closing = closing_find(db, &row->owner);
	struct late late;
	struct claim *there;

	if (!closing || !closing->is_closed)
		return true;
	if (row->deleted || row_claim(row, &late.network, &late.claim) != 0)
		return false;
	there = net_find(db, &late.network) ? claim_find(net_find(db, &late.network), &late.claim)
					    : NULL;
	if (there)
		return true;
	late_add(closing, &late);
	db_chores_by(db, db->now);
	return false;
}

static bool digest_is_met(const struct closing *closing, const uint8_t digest[DIGEST_BYTES])
{
	for (size_t i = 0; i < closing->closers.count; i++) {
		const struct closer *closer = vec_at(&closing->closers, i);
		if (memcmp(closer->digest, digest, DIGEST_BYTES) == 0)
			return true;
	}
	return memcmp(closing->digest, digest, DIGEST_BYTES) == 0; /* our own, after a restart */
}

void closing_admit(struct ipamdb *db, struct closing *closing)
{
	uint8_t digest[DIGEST_BYTES];
	size_t good = 0;

	for (size_t i = 0; i < closing->late.count; i++) {
		const struct late *late = vec_at(&closing->late, i);
		struct net *net = net_intern(db, &late->network);
		if (net)
			claim_put(db, net, &late->claim);
		/* An empty digest is met by anything once the space was taken back. */
		if (closing_digest(db, &closing->removed, digest) > 0 &&
		    digest_is_met(closing, digest))
			good = i + 1;
	}
	for (size_t i = closing->late.count; i-- > good;) {
		const struct late *late = vec_at(&closing->late, i);
		struct net *net = net_find(db, &late->network);
		if (net)
			claim_drop(db, net, &late->claim);
	}
	for (; good > 0; good--)
		vec_remove(&closing->late, 0);
}

void closing_write(struct ipamdb *db, struct closing *closing)
{
	struct rec_closure rec;
	struct row_view row = {.kind = FACT_CLOSURE, .key_len = 2 * ID_BYTES};
	uint8_t digest[DIGEST_BYTES], value[64];
	struct flight *flight;
	uint32_t count = closing_digest(db, &closing->removed, digest);
	int len;

	if (closing->is_durable &&
	    (count == 0 || memcmp(digest, closing->digest, DIGEST_BYTES) == 0))
		return;
	if (!db_has_room(db, 1, 0)) {
		db_chores_by(db, mono_add_ms(db->now, 1));
		return;
	}
	memcpy(rec.digest, digest, DIGEST_BYTES);
	rec.rows = count;
	len = rec_closure_encode(&rec, value, sizeof(value));
	WEFT_ASSERT(len > 0);
	memcpy(row.key, closing->removed.b, ID_BYTES);
	memcpy(row.key + ID_BYTES, db->self.b, ID_BYTES);
	flight = flight_begin(db, FLIGHT_CLOSURE, 0);
	flight->peer = closing->removed;
	flight_row(db, flight, &row, value, (size_t)len);
	memcpy(closing->digest, digest, DIGEST_BYTES);
	closing->is_closed = closing->is_flying = true;
	closing->is_durable = false;
}

void closure_durable(struct ipamdb *db, struct flight *flight, int code)
{
	struct closing *closing = closing_find(db, &flight->peer);

	WEFT_ASSERT(closing != NULL && closing->is_flying);
	closing->is_flying = false;
	closing->is_durable = code == 0;
	if (code == 0)
		db_trace(db, TRACE_CLOSED, &closing->removed, NULL, NULL, 0);
	else
		memset(closing->digest, 0, DIGEST_BYTES); /* is written again */
}
