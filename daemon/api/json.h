/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Values as JSON, in the form that the API promises: ids in hex, instants in RFC 3339, UTC. */
#pragma once

#include <jansson.h>

#include "daemon/api/names.h"

/* Each is a new reference, the caller's. */
json_t *json_id(const struct id *id);
json_t *json_inet(const struct inet *ip);
json_t *json_prefix(const struct prefix *prefix);
json_t *json_hostport(const struct hostport *hp);
json_t *json_mac(const struct mac *mac);
json_t *json_wall(struct wall at);            /* null for 0 */
json_t *json_token_expires(const char *text); /* of a token; null where it is none */
json_t *json_labels(const struct rec_label *labels, size_t count);
json_t *json_name(const char *name); /* a text from elsewhere; "?" where it is no UTF-8 */

/* What the lists show of each, as packaging/pages/answers.c promises. */
json_t *json_member(struct daemon *d, const struct member_info *info);
/* Adds to a member when it was heard last and how long it took to answer; null for this host and
 * for whom nobody heard. */
void json_set_heard(json_t *member, const struct member_info *info);

json_t *json_network(struct daemon *d, const struct id *id, const struct rec_network *rec);
json_t *json_endpoint(struct daemon *d, const struct endpoint_found *found);

/* What is left to be said of one that was detached: its ids and where it was. */
json_t *json_endpoint_gone(struct daemon *d, const struct endpoint_found *found);

/* "alive" and the like. */
const char *member_state_name(enum member_state state);
const char *node_phase_name(enum node_phase phase);

/* Sums over the attachment rows of members that count. */
struct network_sums {
	size_t hosts, endpoints;
	uint16_t mtu_bytes;        /* the smallest; 0 while nobody is attached */
	char host[NAME_BYTES + 8]; /* one of them, if possible another one, and one that is alive */
	int host_rank;
};

/* Of a network. This host's own boxes are counted, its row about them may be behind. */
struct network_sums network_sums(struct daemon *d, const struct id *id);

/* A field of API_LABELS as labels: 0, WEFT_E_LIMIT or WEFT_E_INVALID. */
int labels_from_json(json_t *json, struct rec_label *labels, size_t cap, size_t *count,
		     struct weft_err *err);
