/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * From what people type to ids: a whole id, a name, or the unique beginning of an id, in this
 * order. What fits several objects is an error that lists their ids.
 */
#pragma once

#include "daemon/daemon.h"

#define MATCH_IDS 6

/* A search under way: begun with the text, offered every candidate, then ended. */
struct match {
	const char *text;
	size_t by_name, by_prefix;
	bool exact;
	struct id exact_id;
	struct id name_ids[MATCH_IDS];
	struct id prefix_ids[MATCH_IDS];
};

struct endpoint_found {
	struct id id, network, owner;
	uint64_t epoch, sequence;
	struct rec_endpoint rec;
};

void match_begin(struct match *match, const char *text);

/* One candidate; name may be NULL or empty. */
void match_offer(struct match *match, const struct id *id, const char *name);

/* 0 with *id, WEFT_E_NOT_FOUND or WEFT_E_AMBIGUOUS. what: "network"; list: the command that lists
 * them. */
int match_end(const struct match *match, const char *what, const char *list, struct id *id,
	      struct weft_err *err);

/* A member's state as it is told to people: a removed node is no longer told anything of the
 * cluster by others, and knows its own removal by its phase. */
enum member_state member_shown(const struct daemon *d, const struct member_info *info);

/* A member by name, name~id4, id or prefix; present ones go before those that left. */
int find_member(struct daemon *d, const char *text, struct member_info *info, struct weft_err *err);

/* A network that was not removed. */
int find_network(struct daemon *d, const char *text, struct id *id, struct rec_network *rec,
		 struct weft_err *err);

/* An endpoint anywhere this host looks; network NULL: in any. */
int find_endpoint(struct daemon *d, const struct id *network, const char *text,
		  struct endpoint_found *found, struct weft_err *err);

/* Visits every network that was not removed. */
void each_network(struct daemon *d, void *ctx,
		  bool (*visit)(void *ctx, const struct id *id, const struct rec_network *rec));

/* Visits every endpoint known here; network NULL: of all networks. */
void each_endpoint(struct daemon *d, const struct id *network, void *ctx,
		   bool (*visit)(void *ctx, const struct endpoint_found *found));

/* How a member is shown: its name, or name~id4 when two share it; the id when it is unknown. */
void member_label(struct daemon *d, const struct id *id, char out[NAME_BYTES + 8]);
void member_info_label(const struct member_info *info, char out[NAME_BYTES + 8]);
