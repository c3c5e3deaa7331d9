/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Does a match of a firewall's rule hold for a packet? Part of daemon/hostcheck/firewall.c, whose
 * walk it serves.
 */
#pragma once

#include "daemon/hostcheck/firewall.h"

#define KEY_BYTES 512

enum answer { NO, MAYBE, YES };

/* A packet in a table. */
struct walk {
	const struct firewall *firewall;
	const struct packet *packet;
	const char *family, *table;
	struct fate *fate;
	unsigned depth; /* of jumps */
	unsigned rules; /* that were looked at */
};

/* How far it is sure that a rule holds. */
struct hold {
	bool maybe;     /* something cannot be judged */
	bool conntrack; /* iptables' states cannot */
	bool weft;      /* it names weft's devices or addresses */
};

/* A text of an object; empty when it has none. */
const char *match_text(const json_t *object, const char *key);

/* The key in a firewall of what a table has. */
void match_key(char key[KEY_BYTES], const char *family, const char *table, const char *name);

/* A match as libnftables-json(5) has it: notes in hold whether it is weft's. */
enum answer match_holds(const struct walk *walk, const json_t *match, struct hold *hold);

/* The elements of a set, be it named or not, or NULL where it is none. */
const json_t *match_elements(const struct walk *walk, const json_t *value);

/* Is it one of a list? Of a map's, what that leads to goes to *found; else found is NULL. */
enum answer match_any(const struct walk *walk, const json_t *left, const json_t *list,
		      struct hold *hold, const json_t **found);
