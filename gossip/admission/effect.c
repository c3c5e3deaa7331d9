/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What visible rows do to membership: records make members, removals end them, admin facts say who
 * is an admin. Rows come in any order and come again after a restart, so each effect looks at the
 * other facts that bear on it and may be applied twice.
 *
 * A removal holds whatever becomes of its author. Were it void once he had ceased to be an admin,
 * those who heard of the end late would have removed the node, its space would be taken back, and
 * the node itself would go on leasing from it. Nor would the rule keep out a stolen key: whoever
 * holds one dates the removal as he likes.
 */
#include <string.h>

#include "admission_impl.h"

/* Removed and left are for good, and a twin that was proved is more than a disk that went back. */
static bool is_weaker(enum node_fence fence, enum node_fence than)
{
	bool ends = than == FENCE_REMOVED || than == FENCE_LEFT || than == FENCE_LEAVING;

	return fence == than || (fence == FENCE_CLONE && ends) ||
	       (fence == FENCE_SET_BACK && (ends || than == FENCE_CLONE));
}

void effect_fence(struct admission *adm, enum node_fence fence)
{
	WEFT_ASSERT(fence != FENCE_NONE);
	if (is_weaker(fence, adm->fence))
		return;
	adm->fence = fence;
	if (recover_is_for(fence))
		adm->core->self.cloned = true;
	if (!adm->started)
		return;
	adm->fence_wanted = fence;
	core_trace(adm->core, TRACE_FENCED, &adm->core->self.id, NULL, NULL, fence);
}

static bool is_admin(const struct admission *adm, const struct id *id)
{
	return authority_has_fact(adm->tables, FACT_ADMIN, id, NULL) &&
	       !authority_has_fact(adm->tables, FACT_ADMIN_END, id, NULL);
}

static void remove_self(struct admission *adm, const struct id *by)
{
	if (adm->self_removed)
		return;
	adm->self_removed = true;
	if (!adm->started)
		return; /* the start looks at it */
	core_trace(adm->core, TRACE_SELF_REMOVED, &adm->core->self.id, by, NULL, 0);
	effect_fence(adm, FENCE_REMOVED);
	adm->claiming.under_way = false;
	admission_phase(adm, NODE_REMOVED);
}

static void remove_member(struct admission *adm, const struct id *id, const struct id *by)
{
	struct member *member = member_intern(adm->members, id);

	if (member == NULL || member->state == MEMBER_REMOVED)
		return;
	member_set_state(adm->members, member, MEMBER_REMOVED);
	seal_forget(adm->seal, member);
	tables_freeze(adm->tables, id);
	refusal_soon(adm);
	core_trace(adm->core, TRACE_MEMBER_REMOVED, id, by, NULL, 0);
	WEFT_ASSERT(!member_is_present(member));
}

static void removal_row(struct admission *adm, const struct row_view *row)
{
	struct id id = row_key_id(row);

	if (id_is_zero(&id))
		return;
	if (id_eq(&id, &adm->core->self.id))
		remove_self(adm, &row->owner);
	else
		remove_member(adm, &id, &row->owner);
}

static void member_row(struct admission *adm, const struct row_view *row)
{
	struct member *member;
	struct row_view removal;
	struct rec_member rec;
	bool is_self = id_eq(&row->owner, &adm->core->self.id);

	if (rec_member_decode(row->value, row->value_len, &rec) != 0)
		return;
	member = member_intern(adm->members, &row->owner);
	if (member == NULL)
		return;
	member_apply_record(adm->members, member, &rec, row->epoch);
	member->is_admin = is_admin(adm, &member->id);
	if (is_self && rec.left)
		leave_learnt(adm);
	if (is_self) {
		adm->core->self.member = rec;
		/* What another run wrote says where that one lived. (A twin that runs now has a
		 * higher epoch, or takes this as such a row itself: they cannot go on for ever.) */
		adm->publish_wanted |= !rec.left && row->epoch < adm->core->self.epoch;
	} else {
		judge_row_came(adm, &member->id);
	}
	if (rec.left && !is_self)
		tables_freeze(adm->tables, &member->id);
	if (authority_has_fact(adm->tables, FACT_REMOVAL, &row->owner, &removal))
		removal_row(adm, &removal);
}

/* This node became an admin, or is one no more. */
static void admin_self(struct admission *adm)
{
	struct self *self = &adm->core->self;
	struct admin_path author, subject;
	struct row_view row;

	self->is_admin = is_admin(adm, &self->id);
	if (!self->is_admin || !authority_has_fact(adm->tables, FACT_ADMIN, &self->id, &row))
		return;
	if (authority_paths(&row, &author, &subject))
		adm->path = subject;
}

static void admin_row(struct admission *adm, const struct row_view *row)
{
	struct id id = row_key_id(row);
	struct member *member = member_find(adm->members, &id);

	if (id_is_zero(&id))
		return;
	if (member != NULL && member->is_admin != is_admin(adm, &id)) {
		member->is_admin = !member->is_admin;
		member_touch(adm->members, member);
	}
	if (id_eq(&id, &adm->core->self.id))
		admin_self(adm);
}

void effect_row(struct admission *adm, const struct row_view *row)
{
	switch (row->kind) {
	case ROW_MEMBER:
		member_row(adm, row);
		break;
	case FACT_ADMIN:
	case FACT_ADMIN_END:
		admin_row(adm, row);
		break;
	case FACT_REMOVAL:
		removal_row(adm, row);
		break;
	default:
		break;
	}
}

/* Rows were loaded before this node knew who it is. */
void effect_self(struct admission *adm)
{
	const struct member *member = member_find(adm->members, &adm->core->self.id);

	if (member != NULL && member->has_record)
		adm->core->self.member = *member->rec;
	admin_self(adm);
	if (authority_has_fact(adm->tables, FACT_REMOVAL, &adm->core->self.id, NULL))
		adm->self_removed = true;
}
