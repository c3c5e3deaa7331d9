/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a round found, as checks for people (daemon/diag/check_row.h).
 */
#pragma once

#include <jansson.h>

#include "daemon/diag/diag.h"

/* Adds a check; peer and remedy may be NULL. */
void judge_add(json_t *checks, const char *check, const char *peer, const char *verdict,
	       const char *remedy, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* What is known of a pair besides the round. */
struct judge_pair {
	const char *label;  /* of the peer */
	const char *helper; /* of who was asked about it, if anybody was */
	enum member_state state;
	struct hostport own; /* gossip address of this host */
	const char *version; /* of this daemon */
};

/* Judges the pair: one line when all is well, else a line for each thing that is not. */
void judge_pair(json_t *checks, const struct judge_pair *pair, const struct diag_round *round,
		const struct diag_peer *peer);

/* Adds what a round as a whole has to say, and then what its client had: why_blind is the reason
 * why what comes here cannot be seen. That there was no room or time for all is nobody's fault. */
void judge_round(json_t *checks, const struct diag_round *round, const char *why_blind);

/* The largest size of which at least one came, to a port of which any came; 0: none. */
uint16_t judge_largest(const struct probe *probe,
		       const uint32_t counts[DIAG_PORTS_MAX][DIAG_SIZES_MAX]);

/* Was nothing seen of what was sent to a port, from here to there (out) or back? False while that
 * was not measured. */
bool judge_is_blocked(const struct diag_peer *peer, size_t nth_port, bool out);
