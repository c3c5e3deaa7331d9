/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * This node's own member record: made from configuration and chain, published when it changes.
 *
 * It is wanted after each start and each claim that was agreed to, for another run's record may
 * stand for this one's, and when the advertised address changes. It is put unless it says what the
 * published one says. A step without room tries again; a configuration from which no record can be
 * made is given up until the next wish: whoever set it was told by the command that first needed
 * it.
 */
#include <string.h>

#include "admission_impl.h"

static int record_make(struct admission *adm, bool left, struct rec_member *rec,
		       struct weft_err *err)
{
	const struct core *core = adm->core;

	if (!name_is_valid(core->name))
		return weft_err_set(err, WEFT_E_INVALID,
				    "\"%s\" is no node name: 1 to 63 of A-Z a-z 0-9 . _ -, "
				    "beginning with a letter or digit; set one with --name",
				    core->name);
	if (inet_is_any(&core->advertise.ip) || core->advertise.port == 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "no address to tell other hosts; set one with --advertise");
	*rec = (struct rec_member){
	    .gossip = core->advertise,
	    .vtep = inet_is_any(&core->vtep) ? core->advertise.ip : core->vtep,
	    .wire_min = WIRE_VERSION,
	    .wire_max = WIRE_VERSION,
	    .left = left,
	    .chain_len = adm->chain_len,
	};
	memcpy(rec->name, core->name, sizeof(rec->name));
	memcpy(rec->pubkey, core->self.sign_pub, PUBKEY_BYTES);
	memcpy(rec->chain, adm->chain, adm->chain_len);
	return 0;
}

int own_record_put(struct admission *adm, uint64_t tag, bool left, const struct row_view *more,
		   size_t more_count, uint64_t *token, struct weft_err *err)
{
	struct row_view rows[4] = {{.kind = ROW_MEMBER}};
	uint8_t value[VALUE_BYTES_MAX];
	struct rec_member rec;
	int rc;

	WEFT_ASSERT(more_count < 4);
	rc = record_make(adm, left, &rec, err);
	if (rc != 0)
		return rc;
	rc = rec_member_encode(&rec, value, sizeof(value));
	if (rc < 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the advertised address or VTEP is not one that hosts can "
				    "send to; see --advertise");
	rows[0].value = value;
	rows[0].value_len = (size_t)rc;
	for (size_t i = 0; i < more_count; i++)
		rows[1 + i] = more[i];
	return tables_put(adm->tables, tag, rows, 1 + more_count, token, err);
}

static bool differs(const struct rec_member *a, const struct rec_member *b)
{
	return strcmp(a->name, b->name) != 0 || !hostport_eq(&a->gossip, &b->gossip) ||
	       !inet_eq(&a->vtep, &b->vtep) || a->wire_min != b->wire_min ||
	       a->wire_max != b->wire_max || a->left != b->left;
}

void own_record_tick(struct admission *adm)
{
	struct rec_member rec;
	struct weft_err err;
	uint64_t token;

	if (!adm->publish_wanted || adm->publishing || adm->core->self.phase != NODE_ACTIVE ||
	    adm->leaving.under_way || !admission_may_wait(adm))
		return;
	if (record_make(adm, false, &rec, &err) != 0 || !differs(&rec, &adm->core->self.member)) {
		adm->publish_wanted = false;
		return;
	}
	if (own_record_put(adm, 0, false, NULL, 0, &token, &err) != 0)
		return; /* no room in this step: tried again */
	adm->publish_wanted = false;
	adm->publishing = true;
	admission_wait(adm, PENDING_ADVERTISE, token, 0, NULL, NULL);
}

void own_record_advertise(struct admission *adm, const struct gossip_command *command)
{
	struct core *core = adm->core;
	struct hostport old = core->advertise;
	struct inet old_vtep = core->vtep;
	struct weft_err err = {0};
	uint64_t token;

	if (command->addr_count > 0)
		core->advertise = command->addrs[0];
	if (!inet_is_any(&command->vtep))
		core->vtep = command->vtep;
	if (core->self.phase != NODE_ACTIVE || adm->leaving.under_way) {
		/* To be published if the leave comes to nothing. */
		adm->publish_wanted = adm->publish_wanted || core->self.phase == NODE_ACTIVE;
		core_answer(core, command->tag);
		return;
	}
	if (own_record_put(adm, command->tag, false, NULL, 0, &token, &err) != 0) {
		core->advertise = old;
		core->vtep = old_vtep;
		core_answer(core, command->tag)->err = err;
		return;
	}
	adm->publishing = true;
	admission_wait(adm, PENDING_ADVERTISE, token, command->tag, &core->self.id, NULL);
}
