/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What follows from an update and would overwrite it: put down while it is read, done in order of
 * arrival once none is.
 */
#pragma once

#include "state.h"

enum agenda_kind {
	AGENDA_COMMIT = 1,
	AGENDA_IPAM,
	AGENDA_MESSAGE,
	AGENDA_REPLY,
	AGENDA_TOPICS,
	AGENDA_LEAVE,
	AGENDA_RECOVER,
	AGENDA_RECOVERED,
	AGENDA_MEET
};

struct agenda_item {
	enum agenda_kind kind;
	uint64_t tag;     /* of the op or call that waits for the answer */
	struct id peer;   /* AGENDA_MESSAGE */
	uint64_t message; /* AGENDA_REPLY */
	int64_t ttl_ms;   /* AGENDA_MESSAGE */
	bool flag;        /* AGENDA_RECOVER: without those who do not answer; AGENDA_MEET: on */
	size_t len;
	void *bytes; /* message, struct ipam_request or struct commit; owned */
};

/* Puts something down; its bytes are copied but for a commit, which is taken. */
void agenda_add(struct node *node, const struct agenda_item *item);
void agenda_add_ipam(struct node *node, const struct ipam_request *request);

/* Does what is there, as far as there is room and budget. */
void agenda_run(struct node *node);
bool agenda_is_empty(const struct node *node);
