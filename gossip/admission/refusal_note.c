/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the disk has of a refusal.
 *
 * Who is refused leases nothing, since the others take back what it would lease from. A start in a
 * cut has nobody who says so again. So one who refuses this node is noted, with the removal that he
 * showed, when he begins to be listened to; the note goes when nobody is any more. A start puts him
 * back as he was; then every way out is the one that it was (refusal.c). If he is not the only one,
 * the others say so again once they are heard.
 *
 * Whoever believed this node before is listened to only while nobody else speaks to it, so the note
 * says that, too: the start before has spoken for him. Where he is all that is noted and another
 * one comes who never did, that one is noted in his place. Who found out untold is noted as such.
 *
 * A refusal counts at once, and is noted behind that: a crash between the two is as one before it
 * was heard. A store that refuses the note is asked again, and meanwhile this run knows. No more
 * than one note is written in NOTE_MS: a member turns its word at no cost.
 *
 * META_REFUSED: a MessagePack array of 4, or more, which are passed over: by, removed, spoke,
 * untold.
 */
#include "admission_impl.h"
#include "gossip/base/pack.h"

#define NOTE_FIELDS 4
#define FIELDS_MAX 15
#define NOTE_BYTES 64
#define NOTE_MS 1000

static bool note_eq(const struct refusal_note *a, const struct refusal_note *b)
{
	return id_eq(&a->by, &b->by) && id_eq(&a->removed, &b->removed) && a->spoke == b->spoke &&
	       a->untold == b->untold;
}

void refusal_note(struct admission *adm, const struct member *by)
{
	struct refusal_note *wanted = &adm->refusing.wanted;
	const struct member *noted = member_find(adm->members, &wanted->by);
	struct refusal_note note = {.untold = adm->refusing.untold};

	if (by != NULL || note.untold)
		note.removed = admission_refused_for(adm);
	if (by != NULL) {
		WEFT_ASSERT(by->refuses);
		/* Who is noted stays so if he is as good. */
		note.spoke = by->spoke;
		note.by = noted != NULL && noted->refuses && noted->spoke == by->spoke ? noted->id
										       : by->id;
	}
	*wanted = note;
}

bool admission_refused_by(const struct admission *adm, struct id *by)
{
	*by = adm->refusing.wanted.by;
	return !id_is_zero(by);
}

int refusal_load(struct admission *adm, const uint8_t *bytes, size_t len)
{
	struct refusing *refusing = &adm->refusing;
	struct refusal_note note;
	struct member *by;
	struct cursor cursor;
	size_t fields;

	cursor_init(&cursor, bytes, len);
	fields = cursor_array(&cursor, FIELDS_MAX);
	if (fields < NOTE_FIELDS)
		return WEFT_E_INVALID;
	cursor_fixed(&cursor, note.by.b, ID_BYTES);
	cursor_fixed(&cursor, note.removed.b, ID_BYTES);
	note.spoke = cursor_bool(&cursor);
	note.untold = cursor_bool(&cursor);
	for (size_t i = NOTE_FIELDS; i < fields; i++)
		cursor_skip(&cursor);
	if (!cursor_at_end(&cursor) || (id_is_zero(&note.by) && !note.untold))
		return WEFT_E_INVALID;
	if (!id_is_zero(&note.by)) {
		/* Before the rows, so there is room; his may have come to the disk, or not. */
		by = member_intern(adm->members, &note.by);
		if (by == NULL)
			return WEFT_E_INVALID;
		by->refuses = true;
		by->spoke = note.spoke;
	}
	refusing->untold = note.untold;
	refusing->removed = note.removed;
	refusing->wanted = refusing->stored = note;
	return 0;
}

static bool wants_store(const struct refusing *refusing)
{
	return !refusing->is_storing &&
	       (refusing->is_unsure || !note_eq(&refusing->wanted, &refusing->stored));
}

static void note_write(struct admission *adm, const struct refusal_note *note)
{
	uint8_t bytes[NOTE_BYTES];
	struct pack pack;

	if (id_is_zero(&note->by) && !note->untold) {
		admission_meta(adm, META_REFUSED, NULL, 0);
		return;
	}
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, NOTE_FIELDS);
	pack_bin(&pack, note->by.b, ID_BYTES);
	pack_bin(&pack, note->removed.b, ID_BYTES);
	pack_bool(&pack, note->spoke);
	pack_bool(&pack, note->untold);
	WEFT_ASSERT(pack_ok(&pack));
	admission_meta(adm, META_REFUSED, bytes, pack.len);
}

void refusal_note_tick(struct admission *adm)
{
	struct refusing *refusing = &adm->refusing;
	uint64_t token;

	if (!wants_store(refusing) || !mono_is_due(refusing->store_due, adm->core->now))
		return;
	refusing->store_due = mono_add_ms(adm->core->now, RETRY_MS);
	if (!admission_may_wait(adm) || !core_has_room(adm->core, 0, 1, 0))
		return;
	refusing->store_due = mono_add_ms(adm->core->now, NOTE_MS);
	token = core_persist_begin(adm->core, 0);
	note_write(adm, &refusing->wanted);
	admission_wait(adm, PENDING_REFUSED, token, 0, NULL, NULL);
	refusing->on_its_way = refusing->wanted;
	refusing->is_storing = true;
}

void refusal_durable(struct admission *adm, bool ok)
{
	struct refusing *refusing = &adm->refusing;

	WEFT_ASSERT(refusing->is_storing);
	refusing->is_storing = false;
	refusing->is_unsure = !ok;
	if (ok)
		refusing->stored = refusing->on_its_way;
}

struct mono refusal_note_deadline(const struct admission *adm)
{
	return wants_store(&adm->refusing) ? adm->refusing.store_due : MONO_NEVER;
}
