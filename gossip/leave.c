/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Leaving in order: the member record says so, is stored together with the fence that keeps this
 * node from coming back by itself, and is told to some peers twice before the node falls silent.
 * Nobody has to acknowledge it: what three peers know everybody knows soon, and should all of it be
 * lost, the silence is found as a failure.
 */
#include "admission_impl.h"

#define TELL_PEERS 4
#define TELL_ROUNDS 2
#define TELL_MS 100

void leave_begin(struct admission *adm, const struct gossip_command *command)
{
	struct weft_err err = {0};
	uint64_t token;

	if (adm->leaving.under_way) {
		admission_refuse(adm, command->tag, WEFT_E_BUSY, "this node is leaving already");
		return;
	}
	if (!core_has_room(adm->core, 0, 2, 1) ||
	    own_record_put(adm, command->tag, true, NULL, 0, &token, &err) != 0) {
		if (err.code == 0)
			weft_err_set(&err, WEFT_E_BUSY, "too much in one step; try again");
		core_answer(adm->core, command->tag)->err = err;
		return;
	}
	admission_meta_uint(adm, META_FENCE, FENCE_LEFT);
	adm->leaving = (struct leaving){.under_way = true, .tag = command->tag};
	admission_wait(adm, PENDING_LEAVE, token, command->tag, NULL, NULL);
}

void leave_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	if (!ok) {
		adm->leaving = (struct leaving){.under_way = false};
		admission_refuse(adm, pending->tag, WEFT_E_STORE,
				 "leaving could not be written; this node stays");
		return;
	}
	adm->fence = FENCE_LEFT;
	adm->leaving.rounds = 1;
	adm->leaving.due = adm->core->now;
}

static void tell(struct admission *adm)
{
	struct core *core = adm->core;
	static const struct id no_topic;
	struct id skip[TELL_PEERS];
	struct row_view row;

	if (!tables_row(adm->tables, &core->self.id, &no_topic, ROW_MEMBER, no_topic.b, 0, &row))
		return;
	for (size_t i = 0; i < TELL_PEERS; i++) {
		const struct member *to = member_pick(adm->members, skip, i);
		if (to == NULL)
			break;
		skip[i] = to->id;
		/* A row is its signed bytes and the signature right behind them. */
		outbox_add(&core->outbox, &to->id, CLASS_CONTROL, FRAME_ROW,
			   row.sig - row.signed_len, row.signed_len + SIG_BYTES);
	}
}

void leave_tick(struct admission *adm)
{
	struct leaving *leaving = &adm->leaving;

	if (!leaving->under_way || leaving->rounds == 0 ||
	    !mono_is_due(leaving->due, adm->core->now))
		return;
	if (leaving->rounds <= TELL_ROUNDS) {
		tell(adm);
		leaving->rounds++;
		leaving->due = mono_add_ms(adm->core->now, TELL_MS);
		return;
	}
	if (!core_has_room(adm->core, 0, 0, 1))
		return;
	leaving->under_way = false;
	admission_phase(adm, NODE_LEFT);
	core_answer(adm->core, leaving->tag);
}
