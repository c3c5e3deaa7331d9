/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Chains are listed one by one: the library spoils the text of a table that has an owner (as
 * firewalld's, and what weftd itself watches for probes by), and of a firewall with thousands of
 * chains few are led to from "forward".
 */
#include "daemon/hostcheck/ruleset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hostcheck/conntrack.h"
#include "daemon/hostcheck/firewall_match.h"

#define CHAIN_TRIES 3

/* Appends what a command lists: 0 or -errno with why. */
static int append(json_t *list, const char *command, char why[LOOK_TEXT_BYTES])
{
	json_t *document;
	char *text;
	int status = look_rules(command, &text, why);

	if (status != 0)
		return status;
	document = json_loads(text, 0, NULL);
	free(text);
	if (json_is_array(json_object_get(document, "nftables"))) {
		json_array_extend(list, json_object_get(document, "nftables"));
	} else {
		status = -EPROTO;
		(void)snprintf(why, LOOK_TEXT_BYTES, "the listing is no JSON");
	}
	json_decref(document);
	return status;
}

/* Notes a chain to be listed; wanted is an object of chains by their names, those that were listed
 * are true. */
static void want(json_t *wanted, const char *family, const char *table, const char *chain)
{
	char key[KEY_BYTES];

	match_key(key, family, table, chain);
	if (!json_object_get(wanted, key))
		json_object_set_new(
		    wanted, key,
		    json_pack("{s:s,s:s,s:s}", "family", family, "table", table, "name", chain));
}

/* A table's map of this name, or NULL. */
static const json_t *map_of(const json_t *list, const json_t *rule, const char *name)
{
	const json_t *item, *map;
	size_t i;

	json_array_foreach(list, i, item)
	{
		map = json_object_get(item, "map");
		if (map && strcmp(match_text(map, "name"), name) == 0 &&
		    strcmp(match_text(map, "table"), match_text(rule, "table")) == 0 &&
		    strcmp(match_text(map, "family"), match_text(rule, "family")) == 0)
			return map;
	}
	return NULL;
}

/* Wants the chains that some value of a rule leads to, or of a map that it asks (list; NULL within
 * one, as maps ask no others). */
static void want_targets(json_t *wanted, const json_t *rule, const json_t *value,
			 const json_t *list)
{
	const char *target = json_string_value(json_object_get(value, "target"));
	const char *data = match_text(json_object_get(value, "vmap"), "data"), *key;
	json_t *item;
	size_t i;

	if (target)
		want(wanted, match_text(rule, "family"), match_text(rule, "table"), target);
	if (list && data[0] == '@')
		want_targets(wanted, rule, map_of(list, rule, data + 1), NULL);
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
	    want_targets(wanted, rule, item, list);
	json_array_foreach(value, i, item) want_targets(wanted, rule, item, list);
}

static void want_all(json_t *wanted, const json_t *list, size_t from)
{
	const json_t *rule;

	for (size_t i = from; i < json_array_size(list); i++) {
		rule = json_object_get(json_array_get(list, i), "rule");
		if (rule)
			want_targets(wanted, rule, rule, list);
	}
}

static void want_bases(json_t *wanted, const json_t *chains)
{
	const json_t *item, *chain;
	size_t i;

	json_array_foreach(chains, i, item)
	{
		chain = json_object_get(item, "chain");
		if (strcmp(match_text(chain, "hook"), "forward") == 0 &&
		    strcmp(match_text(chain, "table"), "weft") != 0)
			want(wanted, match_text(chain, "family"), match_text(chain, "table"),
			     match_text(chain, "name"));
	}
}

/* ---- states that iptables' matches ask for ---- */

#define HANDLE_BYTES 24

static void handle_key(char key[HANDLE_BYTES], uint64_t handle)
{
	(void)snprintf(key, HANDLE_BYTES, "%" PRIu64, handle);
}

/* The first expression from this place on that is such a match; the rule's length when none is. */
static size_t next_conntrack(const json_t *rule, size_t from)
{
	const json_t *xt;
	size_t i;

	for (i = from; i < json_array_size(rule); i++) {
		xt = json_object_get(json_array_get(rule, i), "xt");
		if (strcmp(match_text(xt, "type"), "match") == 0 &&
		    conntrack_is(match_text(xt, "name")))
			break;
	}
	return i;
}

/* A rule whose matches are read: the kernel tells them in the listing's order. */
static void take_states(void *arg, const struct look_xt *xt)
{
	char key[HANDLE_BYTES];
	json_t *entry, *rule, *states, *item;
	size_t place, i;

	handle_key(key, xt->handle);
	entry = json_object_get(arg, key);
	if (!entry || !conntrack_is(xt->name))
		return;
	rule = json_object_get(entry, "expr");
	place = next_conntrack(rule, (size_t)json_integer_value(json_object_get(entry, "done")));
	if (place == json_array_size(rule))
		return;
	states = conntrack_read(xt->name, xt->revision, xt->info, xt->bytes);
	if (states)
		json_array_remove(rule, place);
	json_array_foreach(states, i, item) json_array_insert(rule, place + i, item);
	place += states ? i : 1;
	json_object_set_new(entry, "done", json_integer((json_int_t)place));
	json_decref(states);
}

/* Puts the states into rules of the list's end, which are a chain's. Where the kernel does not tell
 * them the match stays as it is. */
static void read_states(json_t *list, size_t from, const json_t *chain)
{
	json_t *rules = json_object(), *expr;
	const json_t *rule;
	char key[HANDLE_BYTES];

	for (size_t i = from; i < json_array_size(list); i++) {
		rule = json_object_get(json_array_get(list, i), "rule");
		expr = json_object_get(rule, "expr");
		if (next_conntrack(expr, 0) == json_array_size(expr))
			continue;
		handle_key(key, (uint64_t)json_integer_value(json_object_get(rule, "handle")));
		json_object_set_new(rules, key, json_pack("{s:O,s:i}", "expr", expr, "done", 0));
	}
	if (json_object_size(rules) > 0)
		(void)look_xts(match_text(chain, "family"), match_text(chain, "table"),
			       match_text(chain, "name"), rules, take_states);
	json_decref(rules);
}

/* ---- chains ---- */

/* A chain is asked for in JSON: in words the library takes none that is called "log" or "drop", as
 * iptables' may be. */
static int append_chain(json_t *list, const json_t *chain, char why[LOOK_TEXT_BYTES])
{
	json_t *document =
	    json_pack("{s:[{s:{s:O}}]}", "nftables", "list", "chain", (json_t *)(uintptr_t)chain);
	char *command = json_dumps(document, JSON_COMPACT);
	size_t from = json_array_size(list);
	int status = append(list, command, why);

	if (status == 0)
		read_states(list, from, chain);
	free(command);
	json_decref(document);
	return status;
}

/* The same where others change the firewall meanwhile, as Docker does: a chain that went since it
 * was named is none, and one that came back is listed then. */
static int append_standing(json_t *list, const json_t *chain, char why[LOOK_TEXT_BYTES])
{
	int status = -EIO, stands = 0;

	for (int i = 0; i < CHAIN_TRIES && status == -EIO && stands == 0; i++) {
		status = append_chain(list, chain, why);
		if (status == -EIO)
			stands = look_chain(match_text(chain, "family"), match_text(chain, "table"),
					    match_text(chain, "name"));
	}
	return stands == -ENOENT ? 0 : status;
}

/* Lists what is wanted, and what that wants, until there is nothing more: 0 or -errno with why. */
static int list_wanted(json_t *wanted, json_t *list, char why[LOOK_TEXT_BYTES])
{
	const char *key;
	json_t *chain;
	void *next;
	int status = 0;
	bool more = true;

	while (more && status == 0) {
		json_t *now = json_copy(wanted);
		size_t from = json_array_size(list);

		more = false;
		json_object_foreach_safe(now, next, key, chain)
		{
			if (json_is_true(chain) || status != 0)
				continue;
			json_object_set_new(wanted, key, json_true());
			status = append_standing(list, chain, why);
			more = true;
		}
		want_all(wanted, list, from);
		json_decref(now);
	}
	return status;
}

json_t *ruleset_read(char why[LOOK_TEXT_BYTES])
{
	json_t *chains = json_array(), *list = json_array(), *wanted = json_object();
	int status = append(chains, "list chains", why);

	want_bases(wanted, chains);
	if (status == 0 && json_object_size(wanted) > 0) {
		status = append(list, "list sets", why);
		if (status == 0)
			status = append(list, "list maps", why);
		if (status == 0)
			status = list_wanted(wanted, list, why);
	}
	json_decref(chains);
	json_decref(wanted);
	if (status != 0) {
		json_decref(list);
		errno = -status;
		return NULL;
	}
	return json_pack("{s:o}", "nftables", list);
}
