/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What becomes of a removed node's space.
 *
 * "Removed" says that the node is off, but not what it did before: it may have granted space that
 * only some members have heard of. Each member therefore closes it: it commits a fact with a digest
 * and takes no further row of that node into account from then on. The digest has two halves: over
 * the rows of the removed node that the member counts, and over the space that by its view the
 * removed node still owns. When the closures of all members agree, nobody holds anything that the
 * others do not know of, and the member with the lowest id takes the space back, above every
 * generation it has seen. A failed member counts, and blocks, until it is back or removed itself.
 *
 * A row of the removed node that comes after the closing waits. It counts only if another member
 * counted it at its own closing: when the digest of rows of some closure is met by adding the rows
 * that wait, in the order of their versions. Then this node's closure is written anew. Members with
 * less thus catch up with the one that knew most, and nobody can use what nobody had when it
 * closed. Who closes after others, and holds nothing that the removed node granted, begins with
 * none of its rows and admits what the others counted: what is void for them never counts for it
 * either.
 *
 * A closure is never written anew with fewer rows than before (a snapshot of others' rows may be
 * lost in a crash): another member may have relied on it.
 */
#include "closure.h"

#include <string.h>

#include "closing.h"
#include "row.h"

#define LATE_MAX 4096
#define ROWS_DIGEST_BYTES 16 /* first half of a digest: the rows that count */

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

/* A running hash, of which each half of a digest keeps the first 16 bytes. */
struct chain {
	uint8_t sum[HASH_BYTES];
	uint32_t count;
};

static void chain_add(const struct ipamdb *db, struct chain *chain, const void *bytes, size_t len)
{
	uint8_t next[HASH_BYTES];

	crypto_hash_label(db->config.crypto, "weft closure", chain->sum, HASH_BYTES, bytes, len,
			  next);
	memcpy(chain->sum, next, HASH_BYTES);
	chain->count++;
}

static void put_u64(uint8_t out[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

/* Rows that the node wrote and that count, as everybody can see them. */
static void chain_rows(const struct ipamdb *db, const struct net *net, const struct id *node,
		       struct chain *chain)
{
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		uint8_t bytes[RANGE_KEY_BYTES + 1 + 16];
		if (!id_eq(&claim->author, node) || claim->is_ended || claim->sequence == 0)
			continue; /* collected; or known by an answer alone: its row may never come
				   */
		claim_key(net, claim, bytes);
		bytes[RANGE_KEY_BYTES] = claim->is_grant;
		put_u64(bytes + RANGE_KEY_BYTES + 1, claim->epoch);
		put_u64(bytes + RANGE_KEY_BYTES + 9, claim->sequence);
		chain_add(db, chain, bytes, sizeof(bytes));
	}
}

static void chain_span(const struct ipamdb *db, const struct net *net, const struct span *span,
		       struct chain *chain)
{
	struct inet lo = addr_to_inet(span->lo);
	struct inet hi = addr_to_inet(span->hi);
	uint8_t bytes[ID_BYTES + sizeof(lo) + sizeof(hi)];

	memcpy(bytes, net->id.b, ID_BYTES);
	memcpy(bytes + ID_BYTES, lo.b, sizeof(lo));
	memcpy(bytes + ID_BYTES + sizeof(lo), hi.b, sizeof(hi));
	chain_add(db, chain, bytes, sizeof(bytes));
}

/* What it owns, whatever the generations: neighbouring runs are one span. */
static void chain_owned(const struct ipamdb *db, struct net *net, const struct id *node,
			struct chain *chain)
{
	const struct runs *runs = net_runs(net);
	struct span span = {1, 0}; /* none yet */

	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (!id_eq(&run->holder, node))
			continue;
		if (span.lo <= span.hi && span.hi + 1 == run->span.lo) {
			span.hi = run->span.hi;
			continue;
		}
		if (span.lo <= span.hi)
			chain_span(db, net, &span, chain);
		span = run->span;
	}
	if (span.lo <= span.hi)
		chain_span(db, net, &span, chain);
}

uint32_t closing_digest(struct ipamdb *db, const struct id *node, uint8_t out[DIGEST_BYTES])
{
	struct chain rows = {.count = 0}, owned = {.count = 0};

	for (size_t i = 0; i < db->nets.count; i++) {
		struct net *net = *(struct net **)vec_at(&db->nets, i);
		if (net->ended)
			continue;
		chain_rows(db, net, node, &rows);
		chain_owned(db, net, node, &owned);
	}
	memcpy(out, rows.sum, ROWS_DIGEST_BYTES);
	memcpy(out + ROWS_DIGEST_BYTES, owned.sum, DIGEST_BYTES - ROWS_DIGEST_BYTES);
	return owned.count;
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
			struct late late = {.network = net->id};
			late.claim = *(struct claim *)vec_at(&net->claims, i);
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
	struct late late = {.deleted = row->deleted && row->kind == ROW_GRANT};
	const struct net *net;
	const struct claim *there;

	if (!closing || !closing->is_closed)
		return true;
	if (row_claim(row, &late.network, &late.claim) != 0)
		return false;
	net = net_find(db, &late.network);
	there = net ? claim_find(net, &late.claim) : NULL;
	if (!late.deleted && there && there->is_ended == late.claim.is_ended &&
	    (there->sequence == 0 ||
	     (there->epoch == row->epoch && there->sequence == row->sequence)))
		return true; /* counted already, by its answer or as the row it is */
	late_add(closing, &late);
	db_chores_by(db, db->now);
	return false;
}

/* Another member's whole digest, or the rows of our own (others' rows may have come since). */
static bool is_met(const struct closing *closing, const uint8_t digest[DIGEST_BYTES])
{
	for (size_t i = 0; i < closing->closers.count; i++) {
		const struct closer *closer = vec_at(&closing->closers, i);
		if (memcmp(closer->digest, digest, DIGEST_BYTES) == 0)
			return true;
	}
	return closing->is_closed && memcmp(closing->digest, digest, ROWS_DIGEST_BYTES) == 0;
}

/* Makes a waiting row count; what stood in its place goes to *before, for late_undo. */
static void late_do(struct ipamdb *db, const struct late *late, struct late *before)
{
	struct net *net = net_intern(db, &late->network);
	const struct claim *there = net ? claim_find(net, &late->claim) : NULL;

	*before = (struct late){.network = late->network, .deleted = !there, .claim = late->claim};
	if (there)
		before->claim = *there;
	if (net && there)
		claim_drop(db, net, &late->claim);
	if (net && !late->deleted)
		claim_put(db, net, &late->claim);
}

void closing_admit(struct ipamdb *db, struct closing *closing)
{
	size_t count = closing->late.count, good = 0;
	size_t bytes = count * sizeof(struct late);
	struct late *before, unused;
	uint8_t digest[DIGEST_BYTES];

	if (count == 0)
		return;
	before = heap_take(&db->heap, bytes);
	for (size_t i = 0; i < count; i++) {
		late_do(db, vec_at(&closing->late, i), &before[i]);
		(void)closing_digest(db, &closing->removed, digest);
		if (is_met(closing, digest))
			good = i + 1;
	}
	for (size_t i = count; i-- > good;)
		late_do(db, &before[i], &unused);
	heap_give(&db->heap, before, bytes);
	closing->has_admitted = closing->has_admitted || good > 0;
	for (; good > 0; good--)
		vec_remove(&closing->late, 0);
}

/* Is a grant of the removed node to this one just being taken up? */
static bool is_accepting(const struct ipamdb *db, const struct id *removed)
{
	for (size_t n = 0; n < db->nets.count; n++) {
		const struct net *net = *(struct net **)vec_at(&db->nets, n);
		for (size_t i = 0; i < net->claims.count; i++) {
			const struct claim *claim = vec_at(&net->claims, i);
			if (claim->accepting && id_eq(&claim->author, removed))
				return true;
		}
	}
	return false;
}

/* What this node counts at its first closing: what others counted who closed before, if that can
 * be made out, else all that it has. */
static void first_count(struct ipamdb *db, struct closing *closing)
{
	struct late unused;

	if (closing->closers.count == 0)
		return;
	late_set_aside(db, closing);
	closing_admit(db, closing);
	if (closing->has_admitted)
		return;
	for (size_t i = 0; i < closing->late.count; i++)
		late_do(db, vec_at(&closing->late, i), &unused);
	closing->late.count = 0;
}

/* Is there something new to say, and may it be said? */
static bool wants_writing(const struct closing *closing, const uint8_t digest[DIGEST_BYTES])
{
	if (!closing->is_durable)
		return true;
	if (memcmp(digest, closing->digest, DIGEST_BYTES) == 0)
		return false;
	return closing->has_admitted || memcmp(digest, closing->digest, ROWS_DIGEST_BYTES) == 0;
}

void closing_write(struct ipamdb *db, struct closing *closing)
{
	struct rec_closure rec = {.rows = 0};
	struct row_view row = {.kind = FACT_CLOSURE, .key_len = 2 * ID_BYTES};
	uint8_t digest[DIGEST_BYTES], value[64];
	struct flight *flight;
	int len;

	if (!db_has_room(db, 1, 0)) {
		db_chores_by(db, mono_add_ms(db->now, 1));
		return;
	}
	if (!closing->is_closed) {
		if (is_accepting(db, &closing->removed))
			return; /* its outcome belongs into the digest */
		first_count(db, closing);
	}
	rec.rows = closing_digest(db, &closing->removed, digest);
	if (!wants_writing(closing, digest))
		return;
	memcpy(rec.digest, digest, DIGEST_BYTES);
	len = rec_closure_encode(&rec, value, sizeof(value));
	WEFT_ASSERT(len > 0);
	memcpy(row.key, closing->removed.b, ID_BYTES);
	memcpy(row.key + ID_BYTES, db->self.b, ID_BYTES);
	flight = flight_begin(db, FLIGHT_CLOSURE, 0);
	flight->peer = closing->removed;
	flight_row(db, flight, &row, value, (size_t)len);
	memcpy(closing->digest, digest, DIGEST_BYTES);
	closing->is_closed = closing->is_flying = true;
	closing->is_durable = closing->has_admitted = false;
}

void closure_durable(struct ipamdb *db, struct flight *flight, int code)
{
	struct closing *closing = closing_find(db, &flight->peer);

	WEFT_ASSERT(closing != NULL && closing->is_flying);
	closing->is_flying = false;
	closing->is_durable = code == 0;
	if (code == 0)
		db_trace(db, TRACE_CLOSED, &closing->removed, NULL, NULL, 0);
}
