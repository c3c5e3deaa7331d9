/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Admissions that do not count, seen from both sides.
 *
 * Whoever admitted a node may be removed before anybody else knows that node. Then the others
 * refuse it for good (authority.c); it would take them for failed for ever, and go on leasing what
 * the removed one gave it. So who refuses says why:
 *
 *   refusing   A stranger shows a member row that is whole and its own, and its admitter is removed
 *              here. It is sent that removal, sealed to the key that the row proves.
 *   refused    A member shows the removal of whoever admitted this node: that member refuses, until
 *              it sends what only members are sent. It may yet hear of this node from others.
 *              Who was admitted by one that is refused is refused as well, and is shown the same.
 *              Where this node asked, as it finds nobody whom it knows, the answer brings the
 *              answerer's own row, too: if that is not believed, nothing is. (Whoever was removed
 *              has a removal to show, and may sign more of them than are due.)
 *   untold     This node has the removal of whoever admitted it, which another one wrote, and no
 *              record of anybody else: nobody is there to tell it. So it stays until a member
 *              speaks to it; a record proves nothing, for a row is shown by whoever has it.
 *
 * One member that knows this node is enough, since it tells the others. That one does shows in that
 * it speaks to this node; but so do those who came in by the removed one as well, and are refused
 * like it. So a member counts whose chain of admitters does not lead there. While somebody refuses
 * and nobody who counts is there, or nobody has heard of this node, it leases, grants and admits
 * nothing. Else it has to join anew, under another identity.
 *
 * A refusal ends when who refuses speaks to this node as to a member, or somebody who counts does;
 * when he has left or was removed. It does not by time, nor by a start, before which it is noted on
 * the disk (refusal_note.c): whom all refuse is not free by a cut, for the others take back what it
 * would lease from. So one who refuses and has failed goes on refusing until he is removed.
 * Who has spoken to this node as to a member in this run has forgotten it since, or lies, for what
 * is believed once stays: he is not listened to while anybody else speaks to it. So this is left to
 * a member that lies: where all chains lead through a removed one it fences whomever it has said
 * nothing else to in this run, which are most in a large cluster, until it is removed.
 */
#include <string.h>

#include "admission_impl.h"
#include "gossip/base/check.h"
#include "gossip/tables/receive.h"

#define LOOK_MS 250
#define LOOK_MS_MAX 10000 /* while nothing changes, each pause is twice the one before */

bool refusal_make(struct admission *adm, const struct row_view *row, const uint8_t *bytes,
		  const struct id *admitter, struct rejection *why)
{
	WEFT_ASSERT(row->kind == ROW_MEMBER && !id_is_zero(admitter));
	if (admission_may_write(adm, row, why->pub) != DROP_NONE ||
	    !receive_is_signed(adm->tables, row, bytes, why->pub))
		return false;
	why->fact = tables_fact(adm->tables, FACT_REMOVAL, admitter->b, ID_BYTES, &why->len);
	if (why->fact != NULL && limit_pass(&adm->voids, adm->core->now, VOID_INTERVAL_NS, 1))
		core_trace(adm->core, TRACE_ADMISSION_VOID, &row->owner, admitter, NULL, 0);
	return why->fact != NULL;
}

/* A member in one review: does its chain of admitters lead to the cluster key, or what decides? */
struct link {
	enum standing { STANDS_IF_ADMITTER = 0, STANDS, STANDS_NOT } standing;
	size_t admitter; /* its place among the members */
};

/* No chain leads through this node or whoever was removed nor, if strict, through anybody else who
 * is; one whose end is not known here is believed, if not strict. */
static struct link link_of(const struct admission *adm, const struct member *member,
			   const struct id *removed, bool strict)
{
	const struct link unknown = {.standing = strict ? STANDS_NOT : STANDS};
	struct link link = {.standing = STANDS_NOT};
	struct chain_info info;

	if (!member->has_record)
		return unknown;
	if (id_eq(&member->id, &adm->core->self.id) || id_eq(&member->id, removed) ||
	    (strict && member->state == MEMBER_REMOVED) ||
	    chain_read(adm->core->crypto, member->rec->chain, member->rec->chain_len, &info) != 0)
		return link;
	if (info.is_root)
		link.standing = STANDS;
	else if (!member_place(adm->members, &info.admitter, &link.admitter))
		return unknown;
	else
		link.standing = STANDS_IF_ADMITTER;
	return link;
}

static struct link *links_read(const struct admission *adm, const struct id *removed, bool strict)
{
	const struct member_table *members = adm->members;
	size_t count = members->ordered.count;
	struct link *links = scratch_take(&adm->core->scratch, count * sizeof(*links));

	for (size_t i = 0; i < count; i++)
		links[i] = link_of(adm, member_at(members, i), removed, strict);
	return links;
}

/* However long its chain is; all on the way are what the one is that decides. In a circle, which no
 * joins can make, nobody stands. */
static bool stands(struct link *links, size_t count, size_t at)
{
	enum standing standing;
	size_t end = at, steps = 0;

	while (links[end].standing == STANDS_IF_ADMITTER && steps++ < count)
		end = links[end].admitter;
	standing = links[end].standing == STANDS ? STANDS : STANDS_NOT;
	while (links[at].standing == STANDS_IF_ADMITTER) {
		links[at].standing = standing;
		at = links[at].admitter;
	}
	return standing == STANDS;
}

static bool speaks(const struct member *member)
{
	return member->spoke && !member->refuses && member->has_record && member_is_present(member);
}

static bool is_spoken_to(const struct admission *adm)
{
	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		if (speaks(member_at(adm->members, i)))
			return true;
	}
	return false;
}

/* Is a member there that knows this node and came in without whoever was removed? Where the founder
 * itself was removed nobody's chain is without a removed one; then whoever came in another way
 * counts. */
static bool is_known(const struct admission *adm, const struct id *removed)
{
	const struct member_table *members = adm->members;
	size_t count = members->ordered.count;
	struct link *links = links_read(adm, removed, true);
	bool strict = false;

	for (size_t i = 0; i < count && !strict; i++)
		strict = stands(links, count, i);
	if (!strict)
		links = links_read(adm, removed, false);
	for (size_t i = 0; i < count; i++) {
		if (speaks(member_at(members, i)) && stands(links, count, i))
			return true;
	}
	return false;
}

/* Somebody who refuses this node and is to be listened to; *any: whether anybody refuses it. */
static const struct member *who_refuses(struct admission *adm, bool *any)
{
	const struct member *first = NULL, *again = NULL;
	bool spoken_to = is_spoken_to(adm);

	*any = false;
	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		struct member *member = member_at(adm->members, i);

		if (!member->refuses)
			continue;
		member->refuses = !member_state_is_gone(member->state);
		*any = *any || member->refuses;
		if (member->refuses && !member->spoke)
			first = member;
		else if (member->refuses)
			again = member;
	}
	return first != NULL || spoken_to ? first : again;
}

/* Did another one remove whoever admitted this node? */
static bool is_void(const struct admission *adm, const struct id *ours, struct id *remover)
{
	struct row_view removal;

	if (id_is_zero(ours) || !authority_has_fact(adm->tables, FACT_REMOVAL, ours, &removal) ||
	    id_eq(&removal.owner, &adm->core->self.id))
		return false;
	*remover = removal.owner;
	return true;
}

/* Is that all that this node knows of others? */
static bool is_unheard(const struct admission *adm, const struct id *ours)
{
	const struct member_table *members = adm->members;

	for (size_t i = 0; i < members->ordered.count; i++) {
		const struct member *member = member_at(members, i);

		if (member->has_record && !id_eq(&member->id, &adm->core->self.id) &&
		    !id_eq(&member->id, ours))
			return false;
	}
	return true;
}

/* Once that was so it ends by a member's word: a record may come from anybody. */
static bool is_untold(struct admission *adm, const struct id *ours, struct id *remover)
{
	bool voided = is_void(adm, ours, remover);

	if (is_spoken_to(adm))
		adm->refusing.untold = false;
	else if (voided && is_unheard(adm, ours))
		adm->refusing.untold = true;
	return adm->refusing.untold;
}

/* Looks at it as often as things change that bear on it, and else less and less often. */
static void look_pause(struct refusing *refusing, struct mono now, uint64_t turns)
{
	if (refusing->turns != turns || refusing->pause_ms == 0)
		refusing->pause_ms = LOOK_MS;
	refusing->turns = turns;
	refusing->due = mono_add_ms(now, refusing->pause_ms);
	refusing->pause_ms *= 2;
	if (refusing->pause_ms > LOOK_MS_MAX)
		refusing->pause_ms = LOOK_MS_MAX;
}

static void review(struct admission *adm)
{
	struct id ours = admission_admitter(adm), removed = admission_refused_for(adm);
	struct id by = id_none;
	bool any, refused = is_untold(adm, &ours, &by);
	const struct member *member = who_refuses(adm, &any);

	if (member != NULL) {
		by = member->id;
		refused = refused || !is_known(adm, &removed);
	}
	adm->refusing.reviewed = adm->core->now;
	adm->refusing.due = MONO_NEVER;
	if (any || refused)
		look_pause(&adm->refusing, adm->core->now, adm->members->turns);
	refusal_note(adm, refused ? member : NULL);
	if (adm->core->self.refused == refused)
		return;
	adm->core->self.refused = refused;
	if (refused)
		core_trace(adm->core, TRACE_ADMISSION_REFUSED, &by, &removed, NULL, 0);
	else
		core_trace(adm->core, TRACE_ADMISSION_TAKEN, NULL, NULL, NULL, 0);
}

/* At once, but no more often than now and then: a member turns its word at no cost, and each look
 * goes through all members. */
static struct mono next_look(const struct admission *adm)
{
	struct mono next = mono_add_ms(adm->refusing.reviewed, LOOK_MS);

	return mono_is_due(next, adm->core->now) ? adm->core->now : next;
}

static void look_again(struct admission *adm)
{
	adm->refusing.due = mono_min(adm->refusing.due, next_look(adm));
	adm->refusing.pause_ms = 0;
}

/* Did he admit this node, or one who did, and so on? */
bool refusal_is_ours(const struct admission *adm, const struct id *removed)
{
	const uint8_t *chain = adm->chain;
	size_t len = adm->chain_len;

	for (size_t i = 0; i < adm->members->ordered.count && len > 0; i++) {
		const struct member *admitter;
		struct chain_info info;

		if (chain_read(adm->core->crypto, chain, len, &info) != 0 || info.is_root)
			return false;
		if (id_eq(&info.admitter, removed))
			return true;
		admitter = member_find(adm->members, &info.admitter);
		if (admitter == NULL || !admitter->has_record)
			return false;
		chain = admitter->rec->chain;
		len = admitter->rec->chain_len;
	}
	return false;
}

void refusal_shown(struct admission *adm, struct member *by, const struct id *removed)
{
	/* It counts once it is believed itself. */
	if (by->refuses || !authority_has_fact(adm->tables, FACT_REMOVAL, removed, NULL))
		return;
	by->refuses = true;
	adm->refusing.removed = *removed;
	look_again(adm);
}

struct id admission_refused_for(const struct admission *adm)
{
	const struct id *removed = &adm->refusing.removed;

	return id_is_zero(removed) ? admission_admitter(adm) : *removed;
}

static bool looks(const struct admission *adm)
{
	return adm->refusing.due.ns != MONO_NEVER.ns;
}

void admission_believed(struct admission *adm, struct member *by)
{
	bool is_news = by->refuses || (!by->spoke && looks(adm));

	by->spoke = true;
	by->refuses = false;
	if (is_news)
		look_again(adm);
}

void refusal_soon(struct admission *adm)
{
	adm->refusing.due = adm->core->now;
	adm->refusing.pause_ms = 0;
}

static struct mono look_due(const struct admission *adm)
{
	if (looks(adm) && adm->refusing.turns != adm->members->turns)
		return mono_min(adm->refusing.due, next_look(adm));
	return adm->refusing.due;
}

void refusal_tick(struct admission *adm)
{
	if (mono_is_due(look_due(adm), adm->core->now))
		review(adm);
	refusal_note_tick(adm);
}

struct mono refusal_deadline(const struct admission *adm)
{
	return mono_min(look_due(adm), refusal_note_deadline(adm));
}
