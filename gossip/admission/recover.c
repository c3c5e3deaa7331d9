/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The way out of a fence: weft node recover.
 *
 *   CMD_RECOVER    a new epoch is stored and claimed like that of a start, so that a twin that
 *                  still runs is found; then the tables are compared with every member that is
 *                  there, until they were equal with each and what was learnt is durable
 *   (the host      drops what it leased and others hold now, ends what it does not have)
 *   CMD_RECOVERED  the fence is taken from the store, then from this node
 *
 * One member is not enough: what this node granted before its disk went back may be known to its
 * recipient alone. Members that do not answer are named, and the view is refused, unless the
 * operator says that it must do without them (force). Stopped anywhere, the node is still fenced.
 */
#include <stdio.h>
#include <string.h>

#include "admission_impl.h"
#include "gossip/tables/adopt.h"
#include "gossip/tables/repair.h"

#define LOOK_MS 50
#define SYNCS_AT_ONCE 3
#define SETTLE_MS 2000 /* how long rows of networks may take to come; no more than a wait */
#define NAMED_MAX 4
#define TOO_EARLY "more of what this node once wrote came meanwhile; try again"

static int id_cmp_item(const void *key, const void *item)
{
	return id_cmp(key, item);
}

static bool was_asked(const struct recovering *rec, const struct id *id)
{
	size_t at = vec_lower_bound(&rec->asked, id, id_cmp_item);

	return at < rec->asked.count && id_eq(vec_at(&rec->asked, at), id);
}

static struct gossip_answer *end(struct admission *adm)
{
	adm->recovering.under_way = false;
	adm->recovering.asked.count = 0;
	return core_answer(adm->core, adm->recovering.tag);
}

bool recover_is_for(enum node_fence fence)
{
	return fence == FENCE_CLONE || fence == FENCE_SET_BACK;
}

void recover_begin(struct admission *adm, const struct gossip_command *command)
{
	struct recovering *rec = &adm->recovering;

	if (!recover_is_for(adm->fence)) {
		core_answer(adm->core, command->tag);
		return;
	}
	if (rec->under_way) {
		admission_answer_err(adm, command->tag, WEFT_E_BUSY,
				     "this node is recovering already; try again");
		return;
	}
	rec->under_way = true;
	rec->claimed = rec->viewed = false;
	rec->force = command->flag;
	rec->tag = command->tag;
	rec->moved = rec->due = adm->core->now;
	adm->claiming.shown = (struct limit){0}; /* the operator has decided */
	claim_raise(adm, adm->claiming.under_way ? adm->claiming.epoch : adm->core->self.epoch);
}

/* A member agreed to the new epoch, or there is none to ask. */
void recover_claimed(struct admission *adm)
{
	adm->recovering.claimed = true;
	adm->recovering.moved = adm->recovering.due = adm->core->now;
}

void recover_refused(struct admission *adm, const struct hostport *lives)
{
	char text[HOSTPORT_TEXT_BYTES];

	if (!adm->recovering.under_way)
		return;
	hostport_format(lives, text);
	weft_err_set(&end(adm)->err, WEFT_E_IS_COPY,
		     "another process runs with this identity at %s; stop that one and restart "
		     "this one, or weft reset here",
		     text);
}

void admission_synced(struct admission *adm, const struct id *member)
{
	const struct id admitter = admission_admitter(adm);
	struct recovering *rec = &adm->recovering;

	adm->synced = true;
	adm->introduced = adm->introduced || id_eq(member, &admitter);
	if (!rec->under_way || !rec->claimed || was_asked(rec, member))
		return;
	vec_insert(&rec->asked, vec_lower_bound(&rec->asked, member, id_cmp_item), member);
	rec->moved = rec->due = adm->core->now;
}

/* Members that were not asked yet; *present: of these that are there. */
static size_t count_unasked(const struct admission *adm, size_t *present)
{
	const struct member_table *members = adm->members;
	size_t left = 0;

	*present = 0;
	for (size_t i = 0; i < members->ordered.count; i++) {
		const struct member *member = member_at(members, i);

		if (!member_counts(members, member) || was_asked(&adm->recovering, &member->id))
			continue;
		left++;
		*present += member_is_present(member);
	}
	return left;
}

/* Compares with some who are there and were not asked yet. */
static void ask_more(struct admission *adm)
{
	const struct member_table *members = adm->members;

	for (size_t i = 0, asked = 0; i < members->ordered.count && asked < SYNCS_AT_ONCE; i++) {
		struct member *member = member_at(members, i);
		const struct session *session;

		if (!member_counts(members, member) || !member_is_present(member) ||
		    was_asked(&adm->recovering, &member->id))
			continue;
		session = repair_find(adm->tables, &member->id);
		if (session == NULL || !session->report)
			tables_sync(adm->tables, member);
		asked++;
	}
}

/* Nobody is left to wait for: names those who did not answer. */
static void refuse(struct admission *adm, size_t left)
{
	const struct member_table *members = adm->members;
	char names[NAMED_MAX * (NAME_BYTES + 2) + 8] = "";
	size_t named = 0, len = 0;

	for (size_t i = 0; i < members->ordered.count && named < NAMED_MAX; i++) {
		const struct member *member = member_at(members, i);

		if (!member_counts(members, member) || was_asked(&adm->recovering, &member->id))
			continue;
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					named++ > 0 ? ", " : "", member->rec->name);
	}
	weft_err_set(&end(adm)->err, WEFT_E_NO_PEER,
		     "%zu %s did not say what it knows of this node: %s%s; try again when all "
		     "answer, remove those that are gone for good, or weft node recover --force",
		     left, left == 1 ? "member" : "members", names, left > named ? ", ..." : "");
}

/* The store is late with what others showed. */
static void refuse_unstored(struct admission *adm)
{
	weft_err_set(&end(adm)->err, WEFT_E_STORE,
		     "what members showed of this node could not be written so far; this node "
		     "stays fenced; see what is wrong with its disk, then try again");
}

/* What a look comes to. */
enum outlook { OUTLOOK_WAIT, OUTLOOK_UNHEARD, OUTLOOK_UNSTORED, OUTLOOK_VIEW };

static enum outlook outlook(const struct admission *adm, size_t left, size_t present)
{
	const struct recovering *rec = &adm->recovering;
	int64_t waited = mono_diff_ms(adm->core->now, rec->moved);
	bool is_late = waited >= SYNC_WAIT_MS;
	bool has_all = rec->claimed && left == 0;
	bool does_without = rec->force && (is_late || (rec->claimed && present == 0));

	if (!has_all && !does_without)
		return is_late ? OUTLOOK_UNHEARD : OUTLOOK_WAIT;
	if (!adopt_is_stored(adm->tables))
		return is_late ? OUTLOOK_UNSTORED : OUTLOOK_WAIT;
	if (!adopt_has_networks(adm->tables) && waited < SETTLE_MS)
		return OUTLOOK_WAIT;
	return OUTLOOK_VIEW;
}

void recover_tick(struct admission *adm)
{
	struct recovering *rec = &adm->recovering;
	size_t left, present;

	if (!rec->under_way || !mono_is_due(rec->due, adm->core->now) ||
	    !core_has_room(adm->core, 0, 0, 1))
		return;
	rec->due = mono_add_ms(adm->core->now, LOOK_MS);
	if (rec->shown != adm->shown)
		rec->moved = adm->core->now;
	rec->shown = adm->shown;
	left = count_unasked(adm, &present);
	switch (outlook(adm, left, present)) {
	case OUTLOOK_WAIT:
		if (rec->claimed)
			ask_more(adm);
		break;
	case OUTLOOK_UNHEARD:
		refuse(adm, left);
		break;
	case OUTLOOK_UNSTORED:
		refuse_unstored(adm);
		break;
	case OUTLOOK_VIEW:
		rec->viewed = true;
		end(adm);
		break;
	}
}

struct mono recover_deadline(const struct admission *adm)
{
	return adm->recovering.under_way ? adm->recovering.due : MONO_NEVER;
}

void recover_lift(struct admission *adm, const struct gossip_command *command)
{
	struct recovering *rec = &adm->recovering;
	uint64_t token;

	if (!recover_is_for(adm->fence)) {
		core_answer(adm->core, command->tag);
		return;
	}
	if (!rec->viewed || rec->under_way || rec->shown != adm->shown) {
		rec->shown = adm->shown;
		admission_answer_err(adm, command->tag, WEFT_E_BUSY, TOO_EARLY);
		return;
	}
	adm->fence_wanted = FENCE_NONE;
	token = core_persist_begin(adm->core, command->tag);
	admission_meta(adm, META_FENCE, NULL, 0);
	admission_wait(adm, PENDING_RECOVER, token, command->tag, &adm->core->self.id, NULL);
}

/* That the fence ends is on the disk already, perhaps, and what was shown will be there soon:
 * between the two nobody would know of a start that it lacks something. */
void recover_shown(struct admission *adm)
{
	if (recover_is_for(adm->fence) && pending_has(adm, PENDING_RECOVER))
		adm->fence_wanted = adm->fence;
}

void recover_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	struct core *core = adm->core;
	struct gossip_answer *answer = core_answer(core, pending->tag);

	answer->id = pending->id;
	if (!ok) {
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the end of the fence could not be written; this node stays fenced");
		return;
	}
	if (!recover_is_for(adm->fence))
		return;
	/* A fence that is still to be written comes behind its end on the disk. */
	if (adm->recovering.shown != adm->shown || adm->fence_wanted != FENCE_NONE ||
	    pending_has(adm, PENDING_FENCE)) {
		adm->recovering.shown = adm->shown;
		weft_err_set(&answer->err, WEFT_E_BUSY, TOO_EARLY);
		return;
	}
	adm->recovering.viewed = false;
	adm->fence = FENCE_NONE;
	core->self.cloned = false;
	seal_forget_past(adm->seal);
	core_trace(core, TRACE_RECOVERED, &core->self.id, NULL, NULL, (int64_t)core->self.epoch);
}
