/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of admission: leaving in order; leave.c and those who call it.
 */
#pragma once

#include "gossip/core/member.h"

struct admission;
struct gossip_command;
struct pending;

struct leaving {
	bool under_way;
	bool kept;       /* a member that stays will always know, or there is none */
	uint64_t tag;    /* of the command, 0: nobody waits */
	unsigned rounds; /* of telling; 0 while it is being stored */
	struct mono due, give_up;
};

void leave_begin(struct admission *adm, const struct gossip_command *command);
void leave_durable(struct admission *adm, const struct pending *pending, bool ok);
void leave_start(struct admission *adm);   /* died before it is certain that it will be known */
void leave_claimed(struct admission *adm); /* a member will always know, or there is none */
void leave_tell(struct admission *adm, const struct id *to);
void leave_tick(struct admission *adm);

/* A member asks something: of one who left and says nothing else but that? */
void leave_hears(struct admission *adm, const struct member *by);

/* Will this node always know that the member left, and all that it knew: by its disk, and as one
 * that stays itself? When not, it sees to that. */
bool leave_is_kept(struct admission *adm, struct member *member);

/* A member is shown the record by which it left; this node was shown such a one. */
void leave_show(struct admission *adm, const struct member *member, const struct hostport *at);
void leave_learnt(struct admission *adm);
