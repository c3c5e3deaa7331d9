/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What happens to a row, in the order of what it costs: shape, topic, version, floor, count cap,
 * what is left of its author's allowance, the author's right, signature. Only a row that passes all
 * of it changes anything, and takes from the allowance: a forger must not use up somebody else's.
 *
 * A row of an unknown author is parked, a row below its owner's floor is old. A row of this node
 * that it never wrote is for adopt.c.
 *
 * An owner may sign two texts of one version, of one key or of two. That is an alarm, and whoever
 * sees both keeps one of them by the same rule: so those who saw different ones first end with the
 * same. That one owner has one row of a version is what lists of versions rely on.
 *
 * A member row that says that its owner left stays, whatever the version of one that does not: who
 * wrote that one knew nothing of the leave, since its disk went back.
 */
#include "receive.h"

#include <string.h>

#include "adopt.h"
#include "replica_cap.h"
#include "tables_state.h"
#include "topic.h"

#define SIGN_LABEL "weft row 1"
#define SIGN_LABEL_BYTES (sizeof(SIGN_LABEL) - 1)
#define BURST_S 4
#define PULLED_SHARE 32 /* a row that was asked for costs its owner this much less */

_Static_assert(ROW_SIG_BYTES == SIG_BYTES, "a row ends with one signature");

static size_t signed_message(const struct tables *tables, const uint8_t *bytes, size_t len,
			     uint8_t out[SIGN_LABEL_BYTES + ID_BYTES + ROW_BYTES_MAX])
{
	WEFT_ASSERT(len <= ROW_BYTES_MAX);
	memcpy(out, SIGN_LABEL, SIGN_LABEL_BYTES);
	memcpy(out + SIGN_LABEL_BYTES, tables->core->self.cluster.b, ID_BYTES);
	memcpy(out + SIGN_LABEL_BYTES + ID_BYTES, bytes, len);
	return SIGN_LABEL_BYTES + ID_BYTES + len;
}

void receive_sign(const struct tables *tables, const uint8_t *bytes, size_t len,
		  uint8_t sig[SIG_BYTES])
{
	const struct gossip_crypto *crypto = tables->core->crypto;
	uint8_t message[SIGN_LABEL_BYTES + ID_BYTES + ROW_BYTES_MAX];
	size_t message_len = signed_message(tables, bytes, len, message);

	crypto->sign(crypto->ctx, tables->core->self.sign_sec, message, message_len, sig);
}

bool receive_is_signed(const struct tables *tables, const struct row_view *row,
		       const uint8_t *bytes, const uint8_t pub[SIGN_PUB_BYTES])
{
	const struct gossip_crypto *crypto = tables->core->crypto;
	uint8_t message[SIGN_LABEL_BYTES + ID_BYTES + ROW_BYTES_MAX];
	size_t len = signed_message(tables, bytes, row->signed_len, message);

	return crypto->verify(crypto->ctx, pub, message, len, row->sig) == 0;
}

/* Checks a signature once per interned row: everybody who shares the store sees the mark. */
static bool signature_fits(struct tables *tables, const struct row_view *row, const uint8_t *bytes,
			   uint32_t blob, const uint8_t pub[SIGN_PUB_BYTES])
{
	if (blob_is_verified(tables->core->blobs, blob))
		return true;
	if (!receive_is_signed(tables, row, bytes, pub))
		return false;
	blob_mark_verified(tables->core->blobs, blob);
	return true;
}

/* Kinds that are known have their topic; unknown ones are carried wherever they are. */
static bool topic_fits(const struct row_view *row)
{
	if (row->kind == ROW_ENDPOINT)
		return !id_is_zero(&row->topic);
	if (row->kind <= ROW_FLOOR)
		return id_is_zero(&row->topic);
	return true;
}

/* Versions of owners begin with 1: what comparisons list is what lies above 0. */
static bool version_fits(const struct row_view *row)
{
	return row->sequence <= ROW_SEQUENCE_MAX && (row->sequence > 0 || row_is_fact(row));
}

static bool is_own(const struct tables *tables, const struct row_view *row)
{
	return !row_is_fact(row) && id_eq(&row->owner, &tables->core->self.id);
}

static struct origin *origin_of(const struct tables *tables, const struct row_view *row)
{
	const struct replica *replica = &tables->replica;
	uint32_t origin =
	    row_is_fact(row)
		? NONE
		: replica_origin_of(replica, &row->owner, replica_find_topic(replica, &row->topic));

	return origin != NONE ? replica_origin(replica, origin) : NULL;
}

/* The row is at or below a floor that this complete replica has passed: deleted or replaced long
 * ago, whoever still shows it. Of an owner who is gone nobody collects tombstones any more: whoever
 * lacks some takes them back when all of an origin is compared, or the two would never be equal. */
static bool is_below_floor(const struct tables *tables, const struct row_view *row, uint32_t slot)
{
	const struct origin *origin = origin_of(tables, row);
	struct version floor;

	if (row_is_fact(row) || slot != NONE)
		return false;
	if (!floor_find(tables, &row->owner, &row->topic, &floor) ||
	    version_cmp(replica_version(row), floor) > 0)
		return false;
	if (row->deleted)
		return origin == NULL || !(origin->flags & ORIGIN_WHOLE) ||
		       !(replica_owner(&tables->replica, origin->owner)->flags & OWNER_FROZEN);
	return origin != NULL && !(origin->flags & (ORIGIN_INCOMPLETE | ORIGIN_WHOLE)) &&
	       version_cmp(origin->mark.upto, floor) >= 0;
}

/* The cap that a new key would pass, its owner's or that of all facts; 0: none. */
static uint32_t passed_cap(const struct tables *tables, const struct row_view *row)
{
	const struct gossip_limits *limits = &tables->core->limits;
	const struct origin *origin = origin_of(tables, row);
	uint32_t max = origin != NULL ? replica_origin_cap(&tables->replica, origin) : 0;

	if (!row_is_fact(row))
		return origin != NULL && origin->count >= max ? max : 0;
	max = replica_facts_cap(&tables->replica, &row->owner, row->kind, 1);
	if (max != 0)
		return max;
	return tables->replica.fact_count >= limits->facts_max ? limits->facts_max : 0;
}

static enum drop_reason capped(struct tables *tables, const struct row_view *row,
			       enum trace_event event, int64_t cap)
{
	uint32_t told = event == TRACE_OWNER_HASTY ? OWNER_HASTE_TOLD : OWNER_CAP_TOLD;
	uint32_t number = replica_find_owner(&tables->replica, &row->owner);

	tables->counts.capped++;
	if (number != NONE && !(replica_owner(&tables->replica, number)->flags & told)) {
		replica_owner(&tables->replica, number)->flags |= told;
		core_trace(tables->core, event, &row->owner, NULL, NULL, cap);
	}
	return DROP_ROW_CAP;
}

/* A new key is over a cap. Nodes saw different rows first and will never agree: what is capped is
 * compared no more. */
static enum drop_reason refuse_key(struct tables *tables, const struct row_view *row, uint32_t cap)
{
	struct replica *replica = &tables->replica;
	const struct origin *origin = origin_of(tables, row);

	if (origin != NULL)
		replica_cap(replica, replica_find_origin(replica, origin->owner, origin->topic));
	/* A forger can bring nobody here: so many are signed by the author already. */
	else if (replica_facts_cap(replica, &row->owner, row->kind, 1) != 0)
		replica_cap_author(replica, &row->owner);
	return capped(tables, row, TRACE_OWNER_CAPPED, cap);
}

/* More bytes of an author came than its allowance holds. */
static enum drop_reason refuse_haste(struct tables *tables, const struct row_view *row)
{
	return capped(tables, row, TRACE_OWNER_HASTY, tables->core->limits.row_bytes_per_owner_s);
}

/* What a row takes from its author's allowance, as the time in which so much may come. */
static int64_t cost_ns(const struct tables *tables, size_t len, enum row_path path)
{
	int64_t bytes = (int64_t)(path == PATH_PULLED ? len / PULLED_SHARE + 1 : len);

	return bytes * NS_PER_S / tables->core->limits.row_bytes_per_owner_s;
}

static bool allowance_has(const struct tables *tables, const struct row_view *row, size_t len,
			  enum row_path path)
{
	uint32_t owner = replica_find_owner(&tables->replica, &row->owner);
	struct limit spent = {0};

	if (owner != NONE)
		spent = replica_owner(&tables->replica, owner)->spent;
	return limit_has(&spent, tables->core->now, cost_ns(tables, len, path), BURST_S * NS_PER_S);
}

/* Takes the row's bytes from its author's allowance; false when that is used up. */
static bool allowance_take(struct tables *tables, const struct row_view *row, size_t len,
			   enum row_path path)
{
	struct owner *owner;

	if (!allowance_has(tables, row, len, path))
		return false;
	owner = replica_owner(&tables->replica, replica_add_owner(&tables->replica, &row->owner));
	limit_charge(&owner->spent, tables->core->now, cost_ns(tables, len, path));
	if (limit_is_open(&owner->spent, tables->core->now, NS_PER_S))
		owner->flags &= ~(uint32_t)(OWNER_CAP_TOLD | OWNER_HASTE_TOLD);
	return true;
}

void receive_alarm(struct tables *tables, const struct row_view *row)
{
	tables->counts.conflicts++;
	core_trace(tables->core, TRACE_ROW_CONFLICT, &row->owner, &row->topic, NULL,
		   (int64_t)row->sequence);
}

static bool says_left(const struct row_view *row)
{
	struct rec_member rec;

	return row->kind == ROW_MEMBER && !row->deleted &&
	       rec_member_decode(row->value, row->value_len, &rec) == 0 && rec.left;
}

bool receive_is_after_leave(const struct row_view *row, const struct row_view *held)
{
	return says_left(held) && !says_left(row);
}

/* How the row stands to the one held. */
enum standing { ROW_NEW, ROW_NEWER, ROW_SAME, ROW_OLDER, ROW_CONFLICTS };

static enum standing standing_of(const struct tables *tables, const struct row_view *row,
				 const uint8_t *bytes, size_t len, uint32_t slot)
{
	struct row_view held;
	const uint8_t *held_bytes;
	size_t held_len;
	int order;

	if (slot == NONE)
		return ROW_NEW;
	held_bytes =
	    blob_bytes(tables->core->blobs, replica_slot(&tables->replica, slot)->blob, &held_len);
	if (held_len == len && memcmp(held_bytes, bytes, len) == 0)
		return ROW_SAME;
	replica_view(&tables->replica, slot, &held);
	order = row_version_cmp(row, &held);
	if (order != 0 && row->kind == ROW_MEMBER && says_left(row) != says_left(&held))
		return says_left(row) ? ROW_NEWER : ROW_OLDER;
	if (order != 0)
		return order > 0 ? ROW_NEWER : ROW_OLDER;
	return ROW_CONFLICTS;
}

uint32_t receive_twin(const struct tables *tables, const struct row_view *row)
{
	const struct origin *origin = origin_of(tables, row);
	uint32_t slot;

	/* Only a version that may be known already needs a look. */
	if (origin == NULL || !watermark_may_know(&origin->mark, replica_version(row)))
		return NONE;
	slot = replica_find_version(
	    &tables->replica, replica_find_origin(&tables->replica, origin->owner, origin->topic),
	    replica_version(row));
	return slot != NONE && slot != replica_find(&tables->replica, row) ? slot : NONE;
}

/* Passes over what needs no signature for that, and counts it: true when that is done. *verdict is
 * DROP_NONE for rows that are merely old. */
static bool pass_over(struct tables *tables, const struct row_view *row, uint32_t slot,
		      enum standing standing, enum row_path path, enum drop_reason *verdict)
{
	uint32_t topic = replica_find_topic(&tables->replica, &row->topic);
	uint32_t cap = standing == ROW_NEW ? passed_cap(tables, row) : 0;

	*verdict = DROP_NONE;
	if (standing == ROW_SAME) {
		tables->counts.repeated++;
		return true;
	}
	if (!is_own(tables, row) &&
	    (topic == NONE || !replica_topic(&tables->replica, topic)->kept)) {
		tables->counts.foreign_topic++;
		return true;
	}
	/* An older row that was asked for is still worth its sequence. */
	if ((standing == ROW_OLDER && path != PATH_PULLED) || is_below_floor(tables, row, slot)) {
		tables->counts.outdated++;
		return true;
	}
	if (cap > 0) {
		*verdict = refuse_key(tables, row, cap);
		return true;
	}
	return false;
}

/* What must not be forgotten for something else: without its record nothing of an owner is believed
 * any more; and who owns what. */
static int weight_of(const struct row_view *row)
{
	if (row->kind == ROW_MEMBER)
		return says_left(row) ? 3 : 2;
	return row->kind == ROW_RANGE || row->kind == ROW_GRANT;
}

/* Of two texts of one version the weightier one stays, then the smaller one, whichever came first.
 */
bool receive_gives_way(const struct tables *tables, uint32_t slot, const struct row_view *row,
		       uint32_t blob)
{
	const struct slot *held = replica_slot(&tables->replica, slot);
	size_t held_len, len;
	const uint8_t *held_bytes = blob_bytes(tables->core->blobs, held->blob, &held_len);
	const uint8_t *bytes = blob_bytes(tables->core->blobs, blob, &len);
	int order = memcmp(bytes, held_bytes, held_len < len ? held_len : len);
	struct row_view rival;

	replica_view(&tables->replica, slot, &rival);
	if (weight_of(row) != weight_of(&rival))
		return weight_of(row) > weight_of(&rival);
	return order < 0 || (order == 0 && len < held_len);
}

/* A row that is signed by its author and allowed. */
static enum drop_reason accept(struct tables *tables, const struct member *from,
			       const struct row_view *row, size_t len, uint32_t blob,
			       enum standing standing, enum row_path path)
{
	struct core *core = tables->core;
	enum drop_reason reason = DROP_NONE;
	struct origin *origin = origin_of(tables, row);
	uint32_t twin, rival;

	if (is_own(tables, row) && standing != ROW_OLDER) {
		adopt_row(tables, from, row, blob);
		return DROP_NONE;
	}
	if (id_eq(&row->owner, &core->self.id) && standing != ROW_OLDER)
		adopt_fact(tables, from);
	twin = receive_twin(tables, row);
	rival = standing == ROW_CONFLICTS ? replica_find(&tables->replica, row) : twin;
	if (rival != NONE)
		receive_alarm(tables, row);
	if (standing == ROW_OLDER) {
		tables->counts.outdated++;
		if (origin != NULL)
			watermark_note(&origin->mark, &core->heap, replica_version(row));
	} else if (rival != NONE && !receive_gives_way(tables, rival, row, blob)) {
		tables->counts.outdated++;
	} else if (!core_has_room(core, twin != NONE ? 2 : 1, 0, 0)) {
		tables->counts.crowded++;
	} else if (!allowance_take(tables, row, len, path)) {
		reason = refuse_haste(tables, row);
	} else {
		if (twin != NONE)
			receive_retract(tables, twin);
		receive_apply(tables, row, blob, from, path);
		return DROP_NONE;
	}
	blob_give(core->blobs, blob);
	return reason;
}

enum drop_reason receive_row(struct tables *tables, const struct member *from, const uint8_t *bytes,
			     size_t len, enum row_path path)
{
	struct row_view row;

	if (row_parse(bytes, len, &row) != 0)
		return DROP_ROW;
	return receive_parsed(tables, from, &row, bytes, len, path);
}

enum drop_reason receive_parsed(struct tables *tables, const struct member *from,
				const struct row_view *row, const uint8_t *bytes, size_t len,
				enum row_path path)
{
	uint8_t pub[SIGN_PUB_BYTES] = {0};
	enum drop_reason reason;
	enum standing standing;
	uint32_t slot, blob;

	WEFT_ASSERT(path == PATH_TOLD || path == PATH_PULLED);
	WEFT_ASSERT(row->signed_len + ROW_SIG_BYTES == len);
	if (!topic_fits(row) || !version_fits(row))
		return DROP_ROW;
	slot = replica_find(&tables->replica, row);
	standing = standing_of(tables, row, bytes, len, slot);
	if (pass_over(tables, row, slot, standing, path, &reason))
		return reason;
	if (!is_own(tables, row) && standing != ROW_OLDER && !allowance_has(tables, row, len, path))
		return refuse_haste(tables, row);
	reason = admission_may_write(tables->admission, row, pub);
	if (reason == DROP_ROW_OWNER) {
		park_add(tables, bytes, len);
		return DROP_NONE;
	}
	if (reason != DROP_NONE)
		return reason;
	blob = blob_take(tables->core->blobs, bytes, len);
	if (!signature_fits(tables, row, bytes, blob, pub)) {
		blob_give(tables->core->blobs, blob);
		return DROP_ROW_SIG;
	}
	return accept(tables, from, row, len, blob, standing, path);
}

static void report(struct tables *tables, const struct row_view *row, uint32_t blob, bool deleted)
{
	struct gossip_change *change = core_change(tables->core, CHANGE_ROW);
	size_t len;
	const uint8_t *bytes = blob_bytes(tables->core->blobs, blob, &len);
	uint8_t *kept = scratch_take(&tables->core->scratch, len);

	memcpy(kept, bytes, len);
	row_known(kept, len, &change->row);
	WEFT_ASSERT(change->row.kind == row->kind);
	change->row.deleted = deleted;
}

void receive_apply(struct tables *tables, const struct row_view *row, uint32_t blob,
		   const struct member *from, enum row_path path)
{
	struct replica *replica = &tables->replica;
	uint32_t slot = replica_find(replica, row);
	uint8_t bytes[ROW_BYTES_MAX];
	struct row_view visible;
	size_t len;
	const uint8_t *held = blob_bytes(tables->core->blobs, blob, &len);

	/* What follows may store more rows: the view must not point into what they replace. */
	WEFT_ASSERT(len <= sizeof(bytes));
	memcpy(bytes, held, len);
	topic_intern(tables, &row->topic);
	/* A leave under a lower version: the store keeps the higher one until that is dropped. */
	if (slot != NONE && !row_is_fact(row)) {
		replica_view(replica, slot, &visible);
		if (row_version_cmp(row, &visible) < 0) {
			receive_remove(tables, slot);
			slot = NONE;
		}
	}
	slot = replica_store(replica, slot, row, blob);
	row_known(bytes, len, &visible);
	snapshot_note(tables, slot, path);
	tables->counts.applied++;
	farewell_note(tables, &visible);
	if ((path == PATH_OWN || path == PATH_TOLD) &&
	    (row_is_fact(row) || farewell_shows(tables, &row->owner)))
		spread_add(tables, slot, from != NULL ? &from->id : NULL);
	if (path != PATH_STORE) {
		report(tables, &visible, blob, visible.deleted);
		repair_changed(tables);
	}
	floor_note(tables, slot, &visible, path);
	if (visible.kind == ROW_ATTACHMENT)
		topic_note(tables, &visible);
	admission_row(tables->admission, &visible);
	park_retry(tables, &visible);
}

void receive_remove(struct tables *tables, uint32_t slot)
{
	spread_remove(tables, slot);
	snapshot_drop(tables, slot);
	replica_remove(&tables->replica, slot);
}

void receive_retract(struct tables *tables, uint32_t slot)
{
	struct row_view row;

	replica_view(&tables->replica, slot, &row);
	if (!row.deleted)
		report(tables, &row, replica_slot(&tables->replica, slot)->blob, true);
	row.deleted = true;
	if (row.kind == ROW_ATTACHMENT)
		topic_note(tables, &row);
	receive_remove(tables, slot);
}
