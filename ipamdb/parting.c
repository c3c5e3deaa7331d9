/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Parting: a leave takes no knowledge of members along.
 *
 * Whoever takes back space needs the word of every member (closure.c), so he has to know them all.
 * A member that stays sees to that by its own closure: views must agree. But one that leaves may
 * have been the only one who knew a newcomer, may have given him space, and has no closure to be
 * waited for any more. So, as the last thing of its hand-over, it names in rows of its own
 * everybody whom it knows, and waits until some other member has these rows.
 *
 *   ROW_PARTING   key: number of the part, 2 bytes; value: ids of nodes, up to NAMED_PER_ROW
 *
 * The record that says "left" comes later in the same sequence of versions: who has all rows up to
 * it has all parts. Nobody takes anything back while he lacks some of a left node's rows, or while
 * one whom it named is neither a member here nor removed. An older list, of a leave that came to
 * nothing, names nobody whom its author does not know still, so parts are never taken back.
 *
 * What others name is remembered in naming.c.
 *
 * A known limit: each leave adds a row for every 60 that are members or have left, and they stay.
 */
#include "parting.h"

#include <string.h>

#include "closure.h"
#include "gossip/base/err.h"
#include "gossip/base/pack.h"
#include "naming.h"
#include "send.h"

#define PARTS_PER_GROUP 8 /* 8 KiB of a commit */
#define PART_VALUE_BYTES (NAMED_PER_ROW * ID_BYTES + 4)
#define ASK_AGAIN_MS 200 /* between two questions, or looks whether one can be asked */
#define ANSWER_MS 1000   /* a question waits so long for rows: less than a message lives */
#define LOOK_MS 10       /* that rows have come is told by nobody */
#define QUESTIONS_MAX 64 /* who finds no room asks again */

_Static_assert(PART_VALUE_BYTES <= VALUE_BYTES_MAX, "a part is one row");
_Static_assert(PARTS_PER_GROUP <= IPAM_ROWS, "a group fits an update");

/* Of a member that leaves: has this node all its rows? */
struct question {
	uint64_t handle;
	struct id from;
	uint64_t epoch, sequence;
	struct mono give_up;
};

void parting_init(struct ipamdb *db)
{
	namings_init(db);
	vec_init(&db->parting.named, &db->heap, sizeof(struct id));
	vec_init(&db->parting.questions, &db->heap, sizeof(struct question));
}

void parting_begin(struct ipamdb *db)
{
	db->parting.is_listed = false;
}

/* ---- this node leaves ---- */

static int named_cmp(const void *key, const void *item)
{
	return id_cmp(key, item);
}

static bool is_to_be_named(const struct ipamdb *db, const struct peer *peer)
{
	return peer->known && !id_eq(&peer->id, &db->self) && !closure_is_removed(db, &peer->id);
}

/* Does the list lack nobody? Who was removed since may stay in it. */
bool parting_is_whole(struct ipamdb *db)
{
	struct partings *parting = &db->parting;
	const struct peer *peer;
	size_t pos = 0;

	if (!parting->is_listed)
		return false;
	if (memcmp(parting->view, closure_view(db), DIGEST_BYTES) == 0)
		return true;
	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		size_t at = vec_lower_bound(&parting->named, &peer->id, named_cmp);
		if (is_to_be_named(db, peer) &&
		    (at == parting->named.count || !id_eq(vec_at(&parting->named, at), &peer->id)))
			return false;
	}
	memcpy(parting->view, closure_view(db), DIGEST_BYTES);
	return true;
}

static void list_make(struct ipamdb *db)
{
	struct partings *parting = &db->parting;
	const struct peer *peer;
	size_t pos = 0;

	parting->named.count = 0;
	while ((peer = map_next(&db->peers, &pos)) != NULL)
		if (is_to_be_named(db, peer))
			vec_insert(&parting->named,
				   vec_lower_bound(&parting->named, &peer->id, named_cmp),
				   &peer->id);
	memcpy(parting->view, closure_view(db), DIGEST_BYTES);
	parting->is_listed = true;
	parting->is_seen = parting->is_told = false;
	parting->written = parting->flying = 0;
	parting->ask_at = db->now;
}

static uint16_t last_part(const struct partings *parting)
{
	WEFT_ASSERT(parting->named.count > 0);
	return (uint16_t)((parting->named.count - 1) / NAMED_PER_ROW);
}

static void parts_write(struct ipamdb *db)
{
	struct partings *parting = &db->parting;
	struct flight *flight = NULL;
	size_t at = parting->written;

	WEFT_ASSERT(parting->flying == 0 && at % NAMED_PER_ROW == 0);
	if (!db_has_room(db, PARTS_PER_GROUP, 0)) {
		db_chores_again(db);
		return;
	}
	for (size_t i = 0; i < PARTS_PER_GROUP && at < parting->named.count; i++) {
		struct row_view row = {.kind = ROW_PARTING, .key_len = PART_BYTES};
		size_t count = parting->named.count - at;
		uint8_t value[PART_VALUE_BYTES];
		struct pack pack;

		if (count > NAMED_PER_ROW)
			count = NAMED_PER_ROW;
		row.key[0] = (uint8_t)(at / NAMED_PER_ROW >> 8);
		row.key[1] = (uint8_t)(at / NAMED_PER_ROW);
		pack_init(&pack, value, sizeof(value));
		pack_bin(&pack, vec_at(&parting->named, at), count * ID_BYTES);
		WEFT_ASSERT(pack_ok(&pack));
		if (!flight)
			flight = flight_begin(db, FLIGHT_PARTING, 0);
		flight_row(db, flight, &row, value, pack.len);
		at += count;
	}
	parting->flying = at - parting->written;
}

void parting_durable(struct ipamdb *db, int code)
{
	if (code == 0)
		db->parting.written += db->parting.flying;
	db->parting.flying = 0;
}

/* Somebody who stays, at random. */
static const struct peer *pick_witness(struct ipamdb *db)
{
	const struct peer *peer, *found = NULL;
	size_t pos = 0;
	uint64_t seen = 0;

	while ((peer = map_next(&db->peers, &pos)) != NULL)
		if (peer->present && !peer->gone && !id_eq(&peer->id, &db->self) &&
		    rng_below(&db->rng, ++seen) == 0)
			found = peer;
	return found;
}

static void witness_ask(struct ipamdb *db, const struct peer *witness)
{
	struct partings *parting = &db->parting;
	struct range_message request = {
	    .kind = RANGE_MESSAGE_PARTING,
	    .epoch = parting->epoch,
	    .sequence = parting->sequence,
	};

	parting->tag = range_message_send(db, &witness->id, &request);
	if (parting->tag == 0)
		db_chores_again(db);
}

bool parting_step(struct ipamdb *db)
{
	struct partings *parting = &db->parting;
	const struct peer *witness;

	if (parting->flying > 0)
		return false;
	if (!parting_is_whole(db))
		list_make(db);
	if (parting->written < parting->named.count) {
		parts_write(db);
		return false;
	}
	if (parting->named.count == 0 || parting->is_seen)
		return true;
	witness = pick_witness(db);
	if (!witness)
		return true;
	if (parting->tag != 0)
		return false;
	if (!parting->is_told || !mono_is_due(parting->ask_at, db->now))
		db_chores_by(db, parting->is_told ? parting->ask_at
						  : mono_add_ms(db->now, ASK_AGAIN_MS));
	else
		witness_ask(db, witness);
	return false;
}

bool parting_answered(struct ipamdb *db, const struct ipam_event *event)
{
	struct partings *parting = &db->parting;
	struct range_message message;

	if (parting->tag == 0 || event->tag != parting->tag)
		return false;
	parting->tag = 0;
	parting->ask_at = mono_add_ms(db->now, ASK_AGAIN_MS);
	if (event->code == 0 && range_message_decode(event->bytes, event->len, &message) == 0 &&
	    message.kind == RANGE_MESSAGE_PARTED && parting->is_listed && parting->is_told &&
	    message.epoch == parting->epoch && message.sequence == parting->sequence)
		parting->is_seen = true;
	db_chores_by(db, db->now);
	return true;
}

/* ---- others leave ---- */

/* Who asks anew waits for the answer to that alone. */
static void question_put(struct vec *questions, const struct question *question)
{
	for (size_t i = 0; i < questions->count; i++) {
		struct question *there = vec_at(questions, i);
		if (!id_eq(&there->from, &question->from))
			continue;
		*there = *question;
		return;
	}
	if (questions->count < QUESTIONS_MAX)
		vec_push(questions, question); /* else it will ask again */
}

void parting_asked(struct ipamdb *db, uint64_t handle, const struct id *from,
		   const struct range_message *request)
{
	struct question question = {
	    .handle = handle,
	    .from = *from,
	    .epoch = request->epoch,
	    .sequence = request->sequence,
	    .give_up = mono_add_ms(db->now, ANSWER_MS),
	};

	if (handle == 0)
		return;
	question_put(&db->parting.questions, &question);
	db_chores_again(db);
}

/* Answers when the rows are here, or when it takes too long. */
static bool question_answer(struct ipamdb *db, const struct question *question)
{
	const struct ipamdb_config *config = &db->config;
	struct range_message answer = {
	    .kind = RANGE_MESSAGE_PARTED,
	    .epoch = question->epoch,
	    .sequence = question->sequence,
	};

	if (db->handover.done ||
	    (config->has_rows && !config->has_rows(config->ctx, &question->from, question->epoch,
						   question->sequence))) {
		if (!db->handover.done && !mono_is_due(question->give_up, db->now))
			return false;
		answer.kind = RANGE_MESSAGE_REFUSE;
		answer.refusal = REFUSAL_BUSY;
	}
	return range_message_reply(db, question->handle, &answer);
}

void partings_answer(struct ipamdb *db)
{
	struct vec *questions = &db->parting.questions;

	for (size_t i = questions->count; i-- > 0;) {
		if (question_answer(db, vec_at(questions, i)))
			vec_remove(questions, i);
	}
	if (questions->count > 0)
		db_chores_by(db, mono_add_ms(db->now, LOOK_MS));
}

void parting_row(struct ipamdb *db, const struct row_view *row)
{
	struct partings *parting = &db->parting;
	struct cursor cursor;
	const uint8_t *ids;
	size_t len = 0;

	if (row->key_len != PART_BYTES || !id_is_zero(&row->topic))
		return;
	if (id_eq(&row->owner, &db->self)) {
		if (row->deleted || !parting->is_listed ||
		    parting->written + parting->flying == 0 ||
		    (parting->flying == 0 && parting->written < parting->named.count) ||
		    (row->key[0] << 8 | row->key[1]) != last_part(parting))
			return;
		parting->epoch = row->epoch;
		parting->sequence = row->sequence;
		parting->is_told = true;
		db_chores_by(db, db->now);
		return;
	}
	cursor_init(&cursor, row->value, row->value_len);
	ids = row->deleted ? NULL : cursor_bin(&cursor, NAMED_PER_ROW * ID_BYTES, &len);
	namings_put(db, row, ids, ids && len % ID_BYTES == 0 ? len / ID_BYTES : 0);
	db_chores_by(db, db->now);
}

void parting_member_row(struct ipamdb *db, const struct row_view *row)
{
	struct rec_member rec;
	struct peer *peer;

	if (rec_member_decode(row->value, row->value_len, &rec) != 0)
		return;
	peer = peer_intern(db, &row->owner);
	peer->told = rec.left ? 'l' : 'm';
	if (!db->started)
		peer->stored = peer->told;
	if (!rec.left)
		return;
	peer->left_epoch = row->epoch;
	peer->left_sequence = row->sequence;
}

bool parting_is_complete(const struct ipamdb *db, const struct peer *peer)
{
	const struct ipamdb_config *config = &db->config;

	WEFT_ASSERT(peer->gone);
	if (id_eq(&peer->id, &db->self))
		return true;
	if (peer->is_cut)
		return false;
	return !config->has_rows ||
	       config->has_rows(config->ctx, &peer->id, peer->left_epoch, peer->left_sequence);
}
