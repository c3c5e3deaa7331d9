/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Chains are listed one by one: the library spoils the text of a table that has an owner (as
 * firewalld's, and what weftd itself watches for probes by), and of a firewall with thousands of
 * chains few are led to from "forward".
 */
#include "daemon/hostcheck/ruleset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/linux/linux_look.h"

#define COMMAND_BYTES 512

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Appends what a command lists: 0 or -errno. */
static int append(json_t *list, const char *command)
{
	json_t *document;
	char *text;
	int status = look_rules(command, &text);

	if (status != 0)
		return status;
	document = json_loads(text, 0, NULL);
	free(text);
	if (!json_is_array(json_object_get(document, "nftables")))
		status = -EPROTO;
	else
		json_array_extend(list, json_object_get(document, "nftables"));
	json_decref(document);
	return status;
}

/* Notes a chain to be listed; wanted is an object of commands, those that were run are true. */
static void want(json_t *wanted, const char *family, const char *table, const char *chain)
{
	char command[COMMAND_BYTES];

	snprintf(command, sizeof(command), "list chain %s %s %s", family, table, chain);
	if (!json_object_get(wanted, command))
		json_object_set_new(wanted, command, json_false());
}

/* Wants the chains that some value of a table leads to. */
static void want_targets(json_t *wanted, const char *family, const char *table, const json_t *value)
{
	const char *target = json_string_value(json_object_get(value, "target"));
	const char *key;
	json_t *item;
	size_t i;

	if (target)
		want(wanted, family, table, target);
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
	    want_targets(wanted, family, table, item);
	json_array_foreach(value, i, item) want_targets(wanted, family, table, item);
}

/* Is some chain of this object's table wanted? Those of others may go at any time. */
static bool is_wanted(json_t *wanted, const json_t *object)
{
	char begin[COMMAND_BYTES];
	const char *command;
	json_t *done;
	int len = snprintf(begin, sizeof(begin), "list chain %s %s ", text_of(object, "family"),
			   text_of(object, "table"));

	json_object_foreach(wanted, command, done)
	{
		if (strncmp(command, begin, (size_t)len) == 0)
			return true;
	}
	return false;
}

static void want_all(json_t *wanted, const json_t *list, size_t from)
{
	const json_t *item, *object;

	for (size_t i = from; i < json_array_size(list); i++) {
		item = json_array_get(list, i);
		object = json_object_get(item, "rule");
		if (!object)
			object = json_object_get(item, "map");
		if (object && is_wanted(wanted, object))
			want_targets(wanted, text_of(object, "family"), text_of(object, "table"),
				     object);
	}
}

static void want_bases(json_t *wanted, const json_t *chains)
{
	const json_t *item, *chain;
	size_t i;

	json_array_foreach(chains, i, item)
	{
		chain = json_object_get(item, "chain");
		if (strcmp(text_of(chain, "hook"), "forward") == 0 &&
		    strcmp(text_of(chain, "table"), "weft") != 0)
			want(wanted, text_of(chain, "family"), text_of(chain, "table"),
			     text_of(chain, "name"));
	}
}

/* Lists what is wanted, and what that wants, until there is nothing more: 0 or -errno. */
static int list_wanted(json_t *wanted, json_t *list)
{
	const char *command;
	json_t *done;
	void *next;
	int status = 0;
	bool more = true;

	while (more && status == 0) {
		json_t *now = json_copy(wanted);
		size_t from = json_array_size(list);

		more = false;
		json_object_foreach_safe(now, next, command, done)
		{
			if (json_is_true(done) || status != 0)
				continue;
			json_object_set_new(wanted, command, json_true());
			status = append(list, command);
			more = true;
		}
		want_all(wanted, list, from);
		json_decref(now);
	}
	return status;
}

json_t *ruleset_read(void)
{
	json_t *chains = json_array(), *list = json_array(), *wanted = json_object();
	int status = append(chains, "list chains");

	want_bases(wanted, chains);
	if (status == 0 && json_object_size(wanted) > 0) {
		status = append(list, "list sets");
		if (status == 0)
			status = append(list, "list maps");
		if (status == 0)
			status = list_wanted(wanted, list);
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
