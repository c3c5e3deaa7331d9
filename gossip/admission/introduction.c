/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How a node shows to somebody who may never have heard of it that it is a member.
 *
 * It sends its own member row, which is believed when whoever admitted it is a member too
 * (authority.c): anybody who holds a token could sign as a made-up one. Where he has lost his disk,
 * and the others had not stored him either, nobody is left to say who he was but those whom he
 * admitted. So while whoever admitted this node is not there, his row goes now and then in place of
 * its own, and so does his admitter's while he is not there either. Each is believed by the same
 * rule as if its owner showed it; of a removed admitter nobody is told but whom this node refuses,
 * who could not believe it else. A failed member that shows a newer certificate has just been
 * started again: it is shown both. Who asked a seed, though others are there, may have found
 * somebody who forgot them all: for a moment it takes its admitters for gone.
 */
#include "admission_impl.h"

#define ADMITTERS_MAX 8   /* of a chain of admitters that are all gone */
#define ADMITTERS_EVERY 3 /* of what goes unasked: mostly the own row is enough */

/* Nobody is there to say who this is but this node. */
static bool is_absent(const struct admission *adm, const struct member *member)
{
	return !member_is_present(member) || seeds_ask_for_others(adm);
}

/* Who admitted this node and is not there, who admitted him, and so on; but not whom this is for,
 * nor those before him: whom he admitted himself he believes. Of a stranger (NULL) it is not known
 * who is there for him. Whether the chain goes on through who was removed is the caller's. */
static size_t absent_admitters(const struct admission *adm, const struct member *to, bool removed,
			       struct id out[ADMITTERS_MAX])
{
	const uint8_t *chain = adm->chain;
	size_t len = adm->chain_len, count = 0;

	while (count < ADMITTERS_MAX) {
		const struct member *member;
		struct chain_info info;
		if (chain_read(adm->core->crypto, chain, len, &info) != 0 || info.is_root)
			break;
		member = member_find(adm->members, &info.admitter);
		if (member == NULL || !member->has_record ||
		    (to != NULL && !is_absent(adm, member)) || member == to ||
		    (member->state == MEMBER_REMOVED && !removed) ||
		    id_eq(&member->id, &adm->core->self.id))
			break;
		out[count++] = info.admitter;
		chain = member->rec->chain;
		len = member->rec->chain_len;
	}
	return count;
}

/* Who knocks has to wait long for the next answer: each seed is shown the own row first. */
static bool is_admitters_turn(const struct admission *adm)
{
	const struct seeds *seeds = &adm->seeds;

	if (seeds->asked > 0)
		return (seeds->asked - 1) / seeds->count % 2 == 1;
	return rng_below(&adm->core->rng, 2) == 0;
}

static const uint8_t *introduce_by(struct admission *adm, const struct id *admitters, size_t count,
				   size_t *len)
{
	WEFT_ASSERT(count > 0 && count <= ADMITTERS_MAX);
	return tables_member_row(adm->tables, &admitters[rng_below(&adm->core->rng, count)], len);
}

static const uint8_t *answer(struct admission *adm, const struct member *to, bool removed,
			     size_t *len)
{
	struct id admitters[ADMITTERS_MAX];
	size_t count = absent_admitters(adm, to, removed, admitters);

	if (count > 0 && is_admitters_turn(adm))
		return introduce_by(adm, admitters, count, len);
	return tables_member_row(adm->tables, &adm->core->self.id, len);
}

const uint8_t *admission_answer(struct admission *adm, const struct member *to, size_t *len)
{
	return answer(adm, to, false, len);
}

/* Who is refused itself shows no removed admitter: it is not to be believed. */
const uint8_t *admission_refuser(struct admission *adm, size_t *len)
{
	return answer(adm, NULL, !adm->core->self.refused, len);
}

const uint8_t *admission_introduction(struct admission *adm, const struct member *to, size_t room,
				      size_t *len)
{
	struct id admitters[ADMITTERS_MAX];
	size_t count = absent_admitters(adm, to, false, admitters);
	const uint8_t *row = NULL;

	if (count > 0 && rng_below(&adm->core->rng, ADMITTERS_EVERY) == 0)
		row = introduce_by(adm, admitters, count, len);
	if (row == NULL || *len > room)
		row = tables_member_row(adm->tables, &adm->core->self.id, len);
	return row != NULL && *len <= room ? row : NULL;
}

static void show(struct admission *adm, const struct member *to, const uint8_t *row, size_t len)
{
	if (row != NULL)
		(void)outbox_add_via(&adm->core->outbox, &to->id, &to->addr, CLASS_CONTROL,
				     FRAME_ROW, row, len);
}

void admission_renewed(struct admission *adm, const struct member *member)
{
	struct id admitters[ADMITTERS_MAX];
	size_t count = absent_admitters(adm, member, false, admitters);
	const uint8_t *row;
	size_t len;

	if (adm->core->self.phase != NODE_ACTIVE || member->state != MEMBER_FAILED || count == 0)
		return;
	row = introduce_by(adm, admitters, count, &len);
	show(adm, member, row, len);
	row = tables_member_row(adm->tables, &adm->core->self.id, &len);
	show(adm, member, row, len);
}

/* A newcomer that has not compared its tables with whoever admitted it need not know of a removal
 * after which others took back what the removed one gave away. It would believe whom they refuse,
 * and tell them, who believe a member. Another newcomer may know as little. Whoever was a member
 * before has it on its disk, or they wait for it. */
static bool knows_members(const struct admission *adm)
{
	const struct id admitter = admission_admitter(adm);

	return adm->introduced || id_is_zero(&admitter);
}

/* Less is asked of whoever lets others in: its admitter may be gone for good, and equal tables with
 * any member show that it is one to somebody. Whom it lets in hangs on its own admission, and is
 * refused with it. */
bool introduction_may_admit(const struct admission *adm)
{
	return adm->synced || knows_members(adm);
}

/* What a stranger shows of itself. A newcomer believes the founder, whom nobody admitted, whom it
 * admitted itself, and who was let in by one that stands behind its own admission: it is refused
 * for that one's removal like them. */
static bool may_believe(const struct admission *adm, const struct id *admitter)
{
	return knows_members(adm) || id_is_zero(admitter) || id_eq(admitter, &adm->core->self.id) ||
	       refusal_is_ours(adm, admitter);
}

/* Who shows somebody else's row may be refused by all others, since that one is removed. Before its
 * tables equalled those of anybody in this run this node need not know of it. Nor does it know whom
 * they believe already, whose admitter is removed. Where nobody is there to compare with there is
 * no choice. */
static bool may_be_taught(const struct admission *adm)
{
	return adm->synced || (knows_members(adm) && adm->members->present_count <= 1);
}

/* For whose removal the row of this one was refused; NULL: it was not, that is known. */
static struct id *void_find(struct admission *adm, const struct id *node)
{
	for (size_t i = 0; i < VOIDED_MAX && !id_is_zero(node); i++) {
		if (id_eq(&adm->voided[i][0], node))
			return &adm->voided[i][1];
	}
	return NULL;
}

static void void_note(struct admission *adm, const struct id *owner, const struct id *removed)
{
	struct id *known = void_find(adm, owner);

	if (known == NULL) {
		struct id *note = adm->voided[adm->voided_next++ % VOIDED_MAX];

		note[0] = *owner;
		known = &note[1];
	}
	*known = *removed;
}

/* The row of this one is refused for the removal of that one. Its own owner is told; where another
 * shows it, as whoever admitted him, it is kept in mind for when he shows his own. */
static bool refuse(struct admission *adm, const struct id *node, const struct row_view *row,
		   const uint8_t *bytes, const struct id *removed, struct rejection *why)
{
	const struct id by = *removed; /* of a note, perhaps */

	if (!may_be_taught(adm) || !refusal_make(adm, row, bytes, &by, why))
		return false;
	if (id_eq(&row->owner, node))
		return true;
	void_note(adm, &row->owner, &by);
	return false;
}

bool introduction_take(void *ctx, const struct id *node, const uint8_t *bytes, size_t len,
		       struct rejection *why)
{
	struct admission *adm = ctx;
	const struct id *removed;
	struct row_view row;
	struct id by;

	if (adm->leaving.under_way || adm->core->self.phase == NODE_LEFT)
		return false; /* nobody comes to count through it any more */
	if (row_parse(bytes, len, &row) != 0 || id_eq(&row.owner, &adm->core->self.id))
		return false;
	switch (authority_introduction(adm->core, adm->members, &row, &by)) {
	case INTRODUCTION_GOOD:
		if (id_eq(&row.owner, node) ? may_believe(adm, &by) : may_be_taught(adm))
			(void)tables_receive(adm->tables, NULL, bytes, len);
		return false;
	case INTRODUCTION_VOID:
		return refuse(adm, node, &row, bytes, &by, why);
	case INTRODUCTION_STRANGE:
		removed = void_find(adm, &by);
		return removed != NULL && refuse(adm, node, &row, bytes, removed, why);
	}
	return false;
}
