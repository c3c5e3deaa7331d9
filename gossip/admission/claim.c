/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The claim of an epoch after a restart, and the new epoch of every day.
 *
 *   start: epoch + 1 is stored, then shown in a fresh certificate, and one member after another is
 *   asked whether he agrees. He does when the certificate is the newest he knows (seal_claim.c asks
 *   the old address first, if there is another). He refuses when the old process answers: then this
 *   node is a copy, and changes nothing.
 *
 * Whoever agrees first decides. When nobody answers for SYNC_WAIT_MS the node goes on alone, with
 * what it has, and goes on asking; alone it must lease nothing new. A node whose cluster has no
 * other member needs nobody's consent.
 *
 * A disk that went back by whole starts makes this node claim an epoch that others know already.
 * Who does shows it its own later certificate (seal_claim.c), which nobody else can have signed:
 * the node fences itself, then claims the epoch after that one, so that it is heard and can learn
 * what it once wrote. A member that has forgotten the certificate only names the epoch. That proves
 * nothing, so it only raises the epoch: rows of its own that the node never wrote are the proof.
 * It is believed now and then, whoever says it: each epoch is put on the disk and shown to all. Who
 * runs, and was agreed to, asks nobody else for it, and not for long: of two processes the one that
 * asks is taken for the copy (seal_rival.c), and it shall not take a word to make it ask. Nor does
 * a word end it then: that it lives elsewhere would be said by whoever made it ask.
 *
 * Where ever higher ones are shown another process lives with this identity, and does the same:
 * each was agreed to once, by members that could not hear the other one. A node that has claimed
 * that often counts on no more but now and then, so that it is heard again once the other one is
 * gone, and is fenced as a clone until its operator has decided which of the two stays (recover.c).
 *
 * Who has left claims to be heard, and asks by it whether its leave is known for good (leave.c): a
 * member agrees in a word of its own, once the record is on its disk and so is what else the leaver
 * knew, and says nothing before. A claimer that knows nothing of its leave is not agreed to by
 * that, but by the record shown ahead of it put out. As long as nobody is heard it asks ever less
 * often.
 *
 * Who runs, and is not agreed to by a member that took an older copy for it, is shown the copy's
 * certificate by that one: an epoch below the own one (seal_clone.c).
 *
 * Frames: CLAIM is the epoch (8 bytes). CLAIM_ANSWER is a verdict (1 byte, enum claim_verdict), the
 * epoch (8) and the address where the id lives (address 16, port 2). SET_BACK is a certificate of
 * the claimer that is no older than the one it uses, or the epoch (8) of such a one; or an older
 * one that is in use.
 */
#include <string.h>

#include "admission_impl.h"

#define ROUND_MS 250
#define ROUND_ALONE_MS 1000
#define ROUND_UNHEARD_MAX 5 /* doublings */
#define ROUND_MEMBERS 2
#define CLAIM_BYTES 8
#define ANSWER_BYTES (1 + 8 + 16 + 2)
#define LEAP_MAX (UINT64_C(1) << 32) /* what is believed without proof */
#define NAMED_INTERVAL_NS (600 * NS_PER_S)
#define NAMED_BURST 4 /* who only forgot names one, or another where somebody told him since */
#define SHOWN_INTERVAL_NS NAMED_INTERVAL_NS
#define SHOWN_BURST 8 /* what each knows of a disk that went back soon is known to all */
#define TWIN_SHOWN 5  /* fewer, so that also the one hears of it that is shown no more then */

enum claim_verdict {
	VERDICT_AGREES = 0,
	VERDICT_LIVES_ELSEWHERE = 1,
	VERDICT_LEFT = 2, /* agrees, and will always know that the claimer left */
};

bool claim_has_others(const struct admission *adm)
{
	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		if (member_counts(adm->members, member_at(adm->members, i)))
			return true;
	}
	return false;
}

static void epoch_persist(struct admission *adm, enum pending_kind kind, uint64_t epoch)
{
	uint64_t token;

	WEFT_ASSERT(epoch > adm->stored_epoch && !adm->claiming.persisting);
	if (!admission_may_wait(adm) || !core_has_room(adm->core, 0, 1, 0)) {
		adm->retry_due = mono_add_ms(adm->core->now, ROUND_MS);
		return;
	}
	token = core_persist_begin(adm->core, 0);
	admission_meta_uint(adm, META_EPOCH, epoch);
	admission_wait(adm, kind, token, 0, NULL, NULL);
	adm->claiming.persisting = true;
	adm->claiming.storing = epoch;
}

void claim_start(struct admission *adm)
{
	WEFT_ASSERT(!adm->claiming.under_way);
	adm->claiming = (struct claiming){
	    .under_way = true,
	    .epoch = adm->stored_epoch + 1,
	    .began = adm->core->now,
	    .due = adm->core->now,
	};
	admission_phase(adm, NODE_CLAIMING);
	epoch_persist(adm, PENDING_EPOCH, adm->claiming.epoch);
}

static void activate(struct admission *adm)
{
	struct core *core = adm->core;

	admission_tables_start(adm);
	admission_phase(adm, NODE_ACTIVE);
	adm->publish_wanted = true;
	core_trace(core, TRACE_STARTED, &core->self.id, NULL, NULL, (int64_t)core->self.epoch);
}

static void confirmed(struct admission *adm, struct member *by)
{
	struct core *core = adm->core;

	adm->claiming.under_way = false;
	core->self.alone = false;
	if (admission_is_leaving(adm)) {
		leave_claimed(adm);
		return;
	}
	if (core->self.phase == NODE_CLAIMING)
		activate(adm);
	/* Another run's record may stand for this one's, and say where that one lived. */
	adm->publish_wanted = true;
	recover_claimed(adm);
	if (by == NULL)
		return;
	core_trace(core, TRACE_CLAIMED, &by->id, NULL, &by->addr, (int64_t)core->self.epoch);
	tables_sync(adm->tables, by);
}

void claim_use_epoch(struct admission *adm)
{
	adm->stored_epoch = adm->core->self.epoch;
	seal_renew(adm->seal);
	adm->renew_due = mono_add_ms(adm->core->now, RENEW_MS);
}

void claim_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	struct core *core = adm->core;

	adm->claiming.persisting = false;
	if (!ok || core->self.phase == NODE_REMOVED)
		return; /* tried again by claiming_tick */
	core->self.epoch = adm->claiming.storing;
	claim_use_epoch(adm);
	if (pending->kind == PENDING_RENEW || adm->claiming.epoch != core->self.epoch)
		return; /* not the one to be claimed */
	adm->claiming.persisted = true;
	adm->claiming.began = core->now;
	adm->claiming.due = core->now;
	if (!claim_has_others(adm))
		confirmed(adm, NULL);
}

/* Is nothing higher in use or being claimed? */
static bool can_raise(const struct admission *adm, uint64_t above)
{
	const struct claiming *claiming = &adm->claiming;
	enum node_phase phase = adm->core->self.phase;

	return (phase == NODE_CLAIMING || phase == NODE_ACTIVE || admission_is_leaving(adm)) &&
	       above >= adm->core->self.epoch && above < EPOCH_MAX &&
	       (!claiming->under_way || claiming->epoch <= above);
}

void claim_raise(struct admission *adm, uint64_t above)
{
	struct claiming *claiming = &adm->claiming;

	if (!can_raise(adm, above))
		return;
	core_trace(adm->core, TRACE_RAISED, &adm->core->self.id, NULL, NULL, (int64_t)(above + 1));
	claiming->under_way = true;
	claiming->persisted = false;
	claiming->epoch = above + 1;
	claiming->namer = (struct id){0};
	claiming->began = claiming->due = adm->core->now;
	if (!claiming->persisting)
		epoch_persist(adm, PENDING_EPOCH, claiming->epoch);
}

void claim_left(struct admission *adm)
{
	struct claiming *claiming = &adm->claiming;
	struct mono now = adm->core->now;

	WEFT_ASSERT(admission_is_leaving(adm));
	claiming->namer = (struct id){0};
	if (claiming->under_way)
		return; /* since its start, or for a higher epoch */
	claiming->under_way = claiming->persisted = true;
	claiming->epoch = adm->core->self.epoch;
	claiming->began = now;
	claiming->due = mono_add_ms(now, ROUND_MS);
}

void admission_set_back(struct admission *adm, uint64_t epoch, const struct id *by)
{
	const struct id *witness = by != NULL ? by : &adm->core->self.id;
	struct limit *shown = &adm->claiming.shown;

	adm->shown++;
	if (!adm->core->self.cloned)
		core_trace(adm->core, TRACE_SET_BACK, witness, NULL, NULL, (int64_t)epoch);
	adm->core->self.cloned = true;
	effect_fence(adm, FENCE_SET_BACK);
	recover_shown(adm);
	if (!can_raise(adm, epoch))
		return;
	if (!limit_has(shown, adm->core->now, SHOWN_INTERVAL_NS, TWIN_SHOWN * SHOWN_INTERVAL_NS))
		effect_fence(adm, FENCE_CLONE);
	if (limit_pass(shown, adm->core->now, SHOWN_INTERVAL_NS, SHOWN_BURST))
		claim_raise(adm, epoch);
}

void claim_ask(struct admission *adm, const struct member *member)
{
	uint8_t body[CLAIM_BYTES];

	wire_put(body, adm->core->self.epoch, CLAIM_BYTES);
	if (admission_is_leaving(adm))
		leave_tell(adm, &member->id);
	outbox_add(&adm->core->outbox, &member->id, CLASS_CONTROL, FRAME_CLAIM, body, sizeof(body));
}

/* The epoch is in use, whether he agrees or not. */
static void ask_namer(struct admission *adm)
{
	const struct member *member = member_find(adm->members, &adm->claiming.namer);

	if (member == NULL || !member_counts(adm->members, member) ||
	    mono_diff_ms(adm->core->now, adm->claiming.began) >= SYNC_WAIT_MS)
		adm->claiming.under_way = false;
	else
		claim_ask(adm, member);
}

static void ask_some(struct admission *adm)
{
	const struct member_table *members = adm->members;
	size_t asked = 0;

	if (!id_is_zero(&adm->claiming.namer)) {
		ask_namer(adm);
		return;
	}
	for (size_t i = 0; i < members->ordered.count && asked < ROUND_MEMBERS; i++) {
		const struct member *member =
		    member_at(members, adm->claiming.next++ % members->ordered.count);
		if (!member_counts(adm->members, member))
			continue;
		claim_ask(adm, member);
		asked++;
	}
}

static void go_alone(struct admission *adm)
{
	core_trace(adm->core, TRACE_ALONE, &adm->core->self.id, NULL, NULL, 0);
	adm->core->self.alone = true;
	activate(adm);
}

/* Nobody answered so far: it asks on, but slower. */
static bool is_patient(const struct admission *adm)
{
	return adm->core->self.alone ||
	       mono_diff_ms(adm->core->now, adm->claiming.began) >= SYNC_WAIT_MS;
}

/* Who has left and finds nobody waits for somebody to come back, perhaps for days. Who is a member
 * leases nothing new before somebody agrees, so it asks on: with all else that it says alone that
 * is less than an idle member says among others. */
static int64_t round_ms(struct admission *adm)
{
	struct claiming *claiming = &adm->claiming;
	unsigned doublings = claiming->unheard;

	if (!is_patient(adm))
		return ROUND_MS;
	if (!admission_is_leaving(adm))
		return ROUND_ALONE_MS;
	if (claiming->unheard < ROUND_UNHEARD_MAX)
		claiming->unheard++;
	return (int64_t)ROUND_ALONE_MS << doublings;
}

void claim_hears(struct admission *adm, const struct member *by)
{
	struct claiming *claiming = &adm->claiming;

	if (!claiming->under_way || claiming->unheard == 0 || !member_counts(adm->members, by))
		return;
	claiming->unheard = 0;
	claiming->due = mono_min(claiming->due, mono_add_ms(adm->core->now, ROUND_MS));
}

void claiming_tick(struct admission *adm)
{
	struct claiming *claiming = &adm->claiming;
	struct core *core = adm->core;
	bool renew = core->self.phase == NODE_ACTIVE && mono_is_due(adm->renew_due, core->now);

	if (renew && !claiming->persisting && mono_is_due(adm->retry_due, core->now))
		epoch_persist(adm, PENDING_RENEW, core->self.epoch + 1);
	if (!claiming->under_way)
		return;
	if (!claiming->persisted) {
		if (claiming->epoch <= adm->stored_epoch)
			claiming->epoch = adm->stored_epoch + 1; /* a day ended meanwhile */
		if (!claiming->persisting && mono_is_due(adm->retry_due, core->now))
			epoch_persist(adm, PENDING_EPOCH, claiming->epoch);
		return;
	}
	if (!mono_is_due(claiming->due, core->now))
		return;
	if (core->self.phase == NODE_CLAIMING &&
	    mono_diff_ms(core->now, claiming->began) >= SYNC_WAIT_MS)
		go_alone(adm);
	if (!claim_has_others(adm)) {
		confirmed(adm, NULL);
		return;
	}
	ask_some(adm);
	claiming->due = mono_add_ms(core->now, round_ms(adm));
}

struct mono claiming_deadline(const struct admission *adm)
{
	const struct claiming *claiming = &adm->claiming;
	struct mono due = MONO_NEVER;

	if (adm->core->self.phase == NODE_ACTIVE && !claiming->persisting)
		due = adm->renew_due.ns > adm->retry_due.ns ? adm->renew_due : adm->retry_due;
	if (!claiming->under_way)
		return due;
	if (claiming->persisted)
		return mono_min(due, claiming->due);
	return claiming->persisting ? due : mono_min(due, adm->retry_due);
}

/* A member claims: agree, refuse, or say nothing while its old address is being asked. */
static enum drop_reason answer_claim(struct admission *adm, const struct opened *in,
				     const struct hostport *from, const uint8_t *body, size_t len)
{
	enum claim_state state = seal_claim(adm->seal, in->from);
	uint8_t frame[FRAME_HEADER_BYTES + ANSWER_BYTES];
	uint8_t answer[ANSWER_BYTES] = {VERDICT_AGREES};
	uint64_t epoch;

	if (len != CLAIM_BYTES)
		return DROP_FRAME;
	epoch = wire_get(body, CLAIM_BYTES);
	if (epoch != in->epoch)
		return DROP_FRAME;
	wire_put(answer + 1, epoch, 8);
	memcpy(answer + 9, in->from->addr.ip.b, 16);
	wire_put(answer + 25, in->from->addr.port, 2);
	if (!in->claiming) {
		if (adm->core->self.phase == NODE_LEFT) {
			leave_tell(adm, &in->from->id); /* it need not wait for this node */
			return DROP_NONE;
		}
		if (in->from->state == MEMBER_LEFT) {
			if (in->provisional)
				return DROP_NONE; /* a CHALLENGE goes there, and it asks again */
			leave_show(adm, in->from, from);
			if (!leave_is_kept(adm, in->from))
				return DROP_NONE; /* it asks again */
			answer[0] = VERDICT_LEFT;
		}
		if (seal_may_answer_at(adm->seal, in->from, from, sizeof(frame)))
			outbox_add_via(&adm->core->outbox, &in->from->id, from, CLASS_CONTROL,
				       FRAME_CLAIM_ANSWER, answer, sizeof(answer));
		return DROP_NONE;
	}
	if (state != CLAIM_REFUSED)
		return DROP_NONE;
	answer[0] = VERDICT_LIVES_ELSEWHERE;
	seal_answer_claim(adm->seal, in->from, from, frame,
			  wire_put_frame(frame, FRAME_CLAIM_ANSWER, answer, sizeof(answer)));
	return DROP_NONE;
}

static enum drop_reason take_answer(struct admission *adm, const struct opened *in,
				    const uint8_t *body, size_t len)
{
	struct core *core = adm->core;
	struct hostport lives;

	if (len != ANSWER_BYTES || body[0] > VERDICT_LEFT)
		return DROP_FRAME;
	if (!adm->claiming.under_way || wire_get(body + 1, 8) != core->self.epoch)
		return DROP_NONE; /* decided already */
	if (body[0] != VERDICT_LIVES_ELSEWHERE) {
		/* Else one of the two does not know of the leave yet. */
		if (admission_is_leaving(adm) == (body[0] == VERDICT_LEFT))
			confirmed(adm, in->from);
		return DROP_NONE;
	}
	if (!id_is_zero(&adm->claiming.namer)) {
		adm->claiming.under_way = false;
		return DROP_NONE;
	}
	memcpy(lives.ip.b, body + 9, 16);
	lives.port = (uint16_t)wire_get(body + 25, 2);
	adm->claiming.under_way = false;
	adm->original = lives;
	core_trace(core, TRACE_SELF_COPY, &in->from->id, NULL, &lives, 0);
	admission_phase(adm, NODE_COPY);
	recover_refused(adm, &lives);
	return DROP_NONE;
}

/* A member says that it knows one, and shows nothing. */
static enum drop_reason take_named(struct admission *adm, const struct id *by, uint64_t epoch)
{
	uint64_t hash = map_hash(by->b, ID_BYTES, adm->core->map_seed);
	const struct claiming *claiming = &adm->claiming;
	bool runs = adm->core->self.phase == NODE_ACTIVE && !adm->core->self.alone &&
		    !adm->core->self.cloned &&
		    (!claiming->under_way || !id_is_zero(&claiming->namer));

	if (epoch - adm->core->self.epoch >= LEAP_MAX || !can_raise(adm, epoch))
		return DROP_NONE;
	if (!limit_pass(&adm->claiming.named[hash % NAMERS_MAX], adm->core->now, NAMED_INTERVAL_NS,
			NAMED_BURST))
		return DROP_RATE;
	claim_raise(adm, epoch);
	if (runs)
		adm->claiming.namer = *by;
	return DROP_NONE;
}

/* A member knows a later run of this node. */
static enum drop_reason take_set_back(struct admission *adm, const struct opened *in,
				      const uint8_t *body, size_t len)
{
	const struct self *self = &adm->core->self;
	struct cert cert;

	if (len == CLAIM_BYTES)
		return take_named(adm, &in->from->id, wire_get(body, CLAIM_BYTES));
	if (len != CERT_BYTES || !cert_parse(body, CERT_BYTES, &cert))
		return DROP_FRAME;
	if (!id_eq(&cert.cluster, &self->cluster) || !id_eq(&cert.node, &self->id))
		return DROP_CERT;
	if (cert.epoch < self->epoch)
		return seal_shown_past(adm->seal, in->from, body);
	/* It crossed with the answer to it; or it was sent under the key before this one. */
	if (cert.epoch >= EPOCH_MAX || seal_is_own_key(adm->seal, cert.key))
		return DROP_NONE;
	if (!seal_may_check(adm->seal, in->from))
		return DROP_RATE;
	if (!cert_verify(adm->core->crypto, body, self->sign_pub))
		return DROP_CERT;
	admission_set_back(adm, cert.epoch, &in->from->id);
	return DROP_NONE;
}

enum drop_reason claim_frame(struct admission *adm, const struct opened *in,
			     const struct hostport *from, uint8_t type, const uint8_t *body,
			     size_t len)
{
	if (type == FRAME_CLAIM)
		return answer_claim(adm, in, from, body, len);
	if (in->claiming)
		return DROP_PROVISIONAL;
	return type == FRAME_SET_BACK ? take_set_back(adm, in, body, len)
				      : take_answer(adm, in, body, len);
}
