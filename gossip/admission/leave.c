/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Leaving in order: the member record says so, is stored together with the fence that keeps this
 * node from coming back by itself, and is told to some peers twice. The node falls silent when one
 * member has said that the record is on its disk, with all that this node knew: what three peers
 * have heard everybody knows soon, but if the only one to hear it forgot it in a crash, nobody
 * could say it any more.
 *
 *   ACTIVE --record and FENCE_LEAVING durable--> LEFT --told, a member's disk has it--> silent
 *                                                       (FENCE_LEFT)
 *
 * It asks for that by claims of its epoch, ahead of each of which goes the record (claim.c). A
 * member that leaves itself does not count, nor one that it takes for gone; where nobody else is
 * left there is nobody to ask. Whoever asked this node to leave waits KEEP_MS for it, and no longer
 * than that somebody is there; the claims go on. A start that finds FENCE_LEAVING, or that record,
 * does the same: it is LEFT at once and stays so, but it claims an epoch like any other start, for
 * without one nobody opens what it seals.
 *
 * A member whose address has changed since is not reached by that, and asks nobody who left: then
 * the claims go on until somebody else is found, and all that is missing is the end of them.
 *
 * Who is silent still says that it left to whoever asks it something, as long as its process runs:
 * another who leaves would wait for it for ever, and a member that has forgotten what it heard may
 * be the only one that is there. What merely tells it something, a row, gets no answer: two who
 * left would tell each other for ever.
 *
 * From the command on nobody learns from this node who else is a member: it admits nobody, believes
 * no newcomer's own word, and shows of its tables what tables/farewell.c says. Whom it knows then
 * it has named before (ipamdb/parting.c).
 *
 * A leave is for good, also where the disk went back and knows nothing of it: the record that says
 * so stays in all tables whatever is signed later (tables/receive.c), and who left and claims an
 * epoch all the same is shown it, and is out again.
 */
#include "admission_impl.h"

#include "gossip/base/check.h"

#define TELL_PEERS 4
#define TELL_ROUNDS 2
#define TELL_MS 100
#define KEEP_MS 5000

void leave_begin(struct admission *adm, const struct gossip_command *command)
{
	struct weft_err err = {0};
	uint64_t token;

	if (adm->leaving.under_way) {
		admission_answer_err(adm, command->tag, WEFT_E_BUSY,
				     "this node is leaving already; weft status says when it has");
		return;
	}
	/* The host has yet to hear of a member whom it may have to name. */
	if (adm->members->changed.count > 0 || !core_has_room(adm->core, 0, 2, 1) ||
	    own_record_put(adm, command->tag, true, NULL, 0, &token, &err) != 0) {
		if (err.code == 0)
			weft_err_set(&err, WEFT_E_BUSY, CORE_BUSY_TEXT);
		core_answer(adm->core, command->tag)->err = err;
		return;
	}
	admission_meta_uint(adm, META_FENCE, FENCE_LEAVING);
	tables_farewell(adm->tables, FAREWELL_MUTE);
	adm->leaving = (struct leaving){.under_way = true, .tag = command->tag};
	admission_wait(adm, PENDING_LEAVE, token, command->tag, NULL, NULL);
}

void leave_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	if (!ok) {
		/* What it left by before may have been shown meanwhile, and is not shown again. */
		bool is_out = adm->core->self.member.left;

		adm->leaving = (struct leaving){.under_way = false};
		tables_farewell(adm->tables, FAREWELL_NONE);
		admission_answer_err(
		    adm, pending->tag, WEFT_E_STORE, "leaving could not be written; %s",
		    is_out ? "the others know that this node left before" : "this node stays");
		if (is_out)
			leave_learnt(adm);
		return;
	}
	if (adm->fence != FENCE_REMOVED) {
		/* A weaker fence that came meanwhile may be on its way to the store, behind this
		 * one: then this one is written again. */
		adm->fence_wanted = adm->fence == FENCE_NONE ? FENCE_NONE : FENCE_LEAVING;
		adm->fence = FENCE_LEAVING;
		admission_phase(adm, NODE_LEFT);
		tables_farewell(adm->tables, FAREWELL_TELLS);
		claim_left(adm);
	}
	adm->leaving.rounds = 1;
	adm->leaving.due = adm->core->now;
	adm->leaving.give_up = mono_add_ms(adm->core->now, KEEP_MS);
}

void leave_start(struct admission *adm)
{
	WEFT_ASSERT(adm->fence == FENCE_LEAVING && !adm->leaving.under_way);
	admission_tables_start(adm);
	tables_farewell(adm->tables, FAREWELL_TELLS);
	claim_start(adm);
	admission_phase(adm, NODE_LEFT);
}

void leave_claimed(struct admission *adm)
{
	struct leaving *leaving = &adm->leaving;

	WEFT_ASSERT(admission_is_leaving(adm) && (!leaving->under_way || leaving->rounds > 0));
	if (!leaving->under_way)
		*leaving = (struct leaving){.under_way = true, .rounds = 1, .due = adm->core->now};
	else if (leaving->rounds > TELL_ROUNDS)
		leaving->due = adm->core->now;
	leaving->kept = true;
}

void leave_learnt(struct admission *adm)
{
	if (!adm->started || adm->leaving.under_way || adm->fence == FENCE_LEAVING ||
	    adm->core->self.phase == NODE_LEFT || adm->core->self.phase == NODE_REMOVED)
		return;
	effect_fence(adm, FENCE_LEAVING);
	tables_farewell(adm->tables, FAREWELL_TELLS);
	admission_phase(adm, NODE_LEFT);
	claim_left(adm);
}

bool admission_is_leaving(const struct admission *adm)
{
	return adm->core->self.phase == NODE_LEFT && adm->fence == FENCE_LEAVING;
}

/* Sends a node's member row, at an address or (NULL) where the member is. */
static void show_record(struct admission *adm, const struct id *owner, const struct id *to,
			const struct hostport *at)
{
	struct row_view row;
	const uint8_t *bytes;
	size_t len;

	if (!tables_row(adm->tables, owner, &id_none, ROW_MEMBER, NULL, 0, &row))
		return;
	bytes = row_bytes(&row, &len);
	outbox_add_via(&adm->core->outbox, to, at, CLASS_CONTROL, FRAME_ROW, bytes, len);
}

void leave_tell(struct admission *adm, const struct id *to)
{
	show_record(adm, &adm->core->self.id, to, NULL);
}

bool leave_is_kept(struct admission *adm, struct member *member)
{
	WEFT_ASSERT(member->state == MEMBER_LEFT);
	return adm->core->self.phase == NODE_ACTIVE && !adm->leaving.under_way &&
	       tables_has_heard(adm->tables, member) && tables_has_stored(adm->tables, &member->id);
}

void leave_show(struct admission *adm, const struct member *member, const struct hostport *at)
{
	show_record(adm, &member->id, &member->id, at);
}

void leave_hears(struct admission *adm, const struct member *by)
{
	if (adm->core->self.phase != NODE_LEFT || adm->fence != FENCE_LEFT ||
	    !mono_is_due(adm->leaving.due, adm->core->now))
		return;
	leave_tell(adm, &by->id);
	adm->leaving.due = mono_add_ms(adm->core->now, TELL_MS);
}

static void tell_some(struct admission *adm)
{
	struct id skip[TELL_PEERS];

	for (size_t i = 0; i < TELL_PEERS; i++) {
		const struct member *to = member_pick(adm->members, skip, i);
		if (to == NULL)
			break;
		skip[i] = to->id;
		claim_ask(adm, to);
	}
}

/* Who told it to nobody that is there may wait for long. */
static bool is_worth_waiting(const struct admission *adm)
{
	return !adm->leaving.kept && !mono_is_due(adm->leaving.give_up, adm->core->now) &&
	       member_pick(adm->members, NULL, 0) != NULL;
}

void leave_tick(struct admission *adm)
{
	struct leaving *leaving = &adm->leaving;

	if (!leaving->under_way || leaving->rounds == 0 ||
	    !mono_is_due(leaving->due, adm->core->now))
		return;
	if (adm->fence == FENCE_LEAVING && leaving->rounds <= TELL_ROUNDS) {
		tell_some(adm);
		leaving->rounds++;
		leaving->due = mono_add_ms(adm->core->now, TELL_MS);
		return;
	}
	leaving->kept = leaving->kept || !claim_has_others(adm);
	if (adm->fence == FENCE_LEAVING && is_worth_waiting(adm)) {
		leaving->due = leaving->give_up;
		return;
	}
	if (!core_has_room(adm->core, 0, 0, 1))
		return;
	leaving->under_way = false;
	if (leaving->tag != 0)
		core_answer(adm->core, leaving->tag);
	if (adm->fence != FENCE_LEAVING || !leaving->kept)
		return; /* it was removed meanwhile; or the claims go on */
	adm->claiming.under_way = false;
	adm->fence = adm->fence_wanted = FENCE_LEFT;
}
