/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers for people: single objects are printed key by key; a few commands say it in sentences.
 * Lists are in list.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/list.h"
#include "gossip/base/check.h"

/* Key by key; objects inside become lines with a dotted key. */
static void add_object(struct table *table, const char *prefix, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		char name[128];
		char *text;

		snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] ? "." : "", key);
		if (json_is_object(value) && json_object_size(value) > 0) {
			add_object(table, name, value);
			continue;
		}
		if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
			size_t i;
			json_t *item;

			json_array_foreach(value, i, item)
			{
				char at[160];

				snprintf(at, sizeof(at), "%s[%zu]", name, i);
				add_object(table, at, item);
			}
			continue;
		}
		text = json_is_false(value) ? strdup("no") : text_of(value);
		WEFT_ASSERT(text != NULL);
		table_add(table, name, COLOUR_NONE);
		table_add(table, text, strcmp(key, "state") == 0 ? colour_of(text) : COLOUR_NONE);
		free(text);
	}
}

static void print_object(const json_t *object, bool colour, FILE *out)
{
	struct table table;

	table_init(&table, 2);
	add_object(&table, "", object);
	table_print(&table, colour, out);
	table_close(&table);
}

/* A text for people: a dash stands where there is none. */
static const char *say(const json_t *object, const char *key)
{
	return text_at(object, key, "-");
}

static long long number_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_init(const json_t *answer, FILE *out)
{
	fprintf(out,
		"Cluster %s is made; this host is its first member and its admin.\n\n"
		"On another host:\n\n  weft join %s\n\n"
		"The token admits until %s; weft token create makes another.\n"
		"The cluster key rests here only: save it with weft admin backup FILE.\n",
		say(answer, "name"), say(answer, "token"), say(answer, "expires"));
}

static void print_attach(const json_t *answer, FILE *out)
{
	const json_t *pending = json_object_get(answer, "peers_pending");
	char *addresses = text_of(json_object_get(answer, "addresses")), *names = text_of(pending);

	fprintf(out, "%s on %s, endpoint %s\n", addresses, say(answer, "ifname"),
		say(answer, "endpoint"));
	if (json_array_size(pending) > 0)
		fprintf(out, "Not yet known to: %s\n", names);
	free(addresses);
	free(names);
}

/* How many there are of each state; who failed, by name. Malloc'd. */
static char *members_text(const json_t *members)
{
	const json_t *names = json_object_get(members, "failed_names");
	long long failed = number_at(members, "failed");
	char *list = text_of(names), *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	WEFT_ASSERT(out != NULL);
	fprintf(out, "%lld alive, %lld suspect, %lld failed", number_at(members, "alive"),
		number_at(members, "suspect"), failed);
	if (json_array_size(names) > 0)
		fprintf(out, " (%s%s)", list,
			(long long)json_array_size(names) < failed ? ", ..." : "");
	fprintf(out, ", %lld left", number_at(members, "left"));
	if (number_at(members, "removed") > 0)
		fprintf(out, ", %lld removed", number_at(members, "removed"));
	fclose(out);
	WEFT_ASSERT(text != NULL);
	free(list);
	return text;
}

static enum colour members_colour(const json_t *members)
{
	if (number_at(members, "failed") > 0)
		return COLOUR_RED;
	return number_at(members, "suspect") > 0 ? COLOUR_YELLOW : COLOUR_NONE;
}

static void add_line(struct table *table, const char *name, enum colour colour, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));

static void add_line(struct table *table, const char *name, enum colour colour, const char *fmt,
		     ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	WEFT_ASSERT(len >= 0);
	table_add(table, name, COLOUR_NONE);
	table_add(table, text, colour);
	free(text);
}

static void add_sync(struct table *table, const json_t *answer)
{
	const json_t *sync = json_object_get(answer, "sync");
	bool in_sync = json_is_true(json_object_get(answer, "in_sync"));
	const char *is = in_sync ? "in sync" : "not in sync";
	enum colour colour = in_sync ? COLOUR_NONE : COLOUR_YELLOW;

	if (json_is_object(sync))
		add_line(table, "sync", colour, "%s, last with %s %.1f s ago", is,
			 say(sync, "with"), (double)number_at(sync, "age_ms") / 1000);
	else
		add_line(table, "sync", colour, "%s", is);
}

static void print_status(const json_t *answer, bool colour, FILE *out)
{
	const json_t *node = json_object_get(answer, "node");
	const json_t *members = json_object_get(answer, "members");
	const json_t *reconcile = json_object_get(answer, "reconcile");
	bool active = strcmp(say(node, "phase"), "active") == 0;
	/* Before its first cluster a node is nobody. */
	bool has_id = strspn(say(node, "id"), "0") < strlen(say(node, "id"));
	char *count = members_text(members);
	struct table table;
	size_t i;
	json_t *item;

	table_init(&table, 2);
	add_line(&table, "cluster", COLOUR_NONE, "%s",
		 text_at(json_object_get(answer, "cluster"), "name",
			 "none; weft init makes one, weft join joins one"));
	add_line(&table, "node", active ? COLOUR_NONE : COLOUR_RED, "%s%s%.8s%s at %s, %s",
		 say(node, "name"), has_id ? " (" : "", has_id ? say(node, "id") : "",
		 has_id ? ")" : "", say(node, "addr"), say(node, "phase"));
	add_line(&table, "members", members_colour(members), "%s", count);
	add_line(&table, "networks", COLOUR_NONE, "%lld", number_at(answer, "networks"));
	if (json_is_object(json_object_get(answer, "cluster")))
		add_sync(&table, answer);
	add_line(&table, "kernel", number_at(reconcile, "failed") ? COLOUR_RED : COLOUR_NONE,
		 "%lld pending, %lld failed, last reconcile %lld ms",
		 number_at(reconcile, "pending"), number_at(reconcile, "failed"),
		 number_at(reconcile, "last_ms"));
	add_line(&table, "loop lag", COLOUR_NONE, "%.2f ms",
		 json_number_value(json_object_get(answer, "loop_lag_ms")));
	json_array_foreach(json_object_get(answer, "warnings"), i, item)
	{
		table_add(&table, "warning", COLOUR_YELLOW);
		table_add(&table, json_string_value(item), COLOUR_NONE);
	}
	table_print(&table, colour, out);
	table_close(&table);
	free(count);
}

static void print_recover(const json_t *answer, FILE *out)
{
	const json_t *dropped = json_object_get(answer, "dropped");
	size_t i;
	json_t *item;

	if (!json_is_true(json_object_get(answer, "recovered"))) {
		fputs("This node is not fenced: nothing to do.\n", out);
		return;
	}
	fprintf(out, "Recovered: this node leases again; %lld lease%s kept.\n",
		number_at(answer, "kept"), number_at(answer, "kept") == 1 ? " was" : "s were");
	json_array_foreach(dropped, i, item)
	{
		const char *other = json_string_value(json_object_get(item, "other"));

		fprintf(out, "gave up %s in network %s, endpoint %s: ", say(item, "address"),
			say(item, "network"), say(item, "endpoint"));
		if (other)
			fprintf(out, "%s holds that address now\n", other);
		else
			fputs("this host does not have it\n", out);
	}
}

/* "12.34 ms", and "-" where there is no such number. Malloc'd. */
static char *ms_text(const json_t *value, const char *behind)
{
	char *number = text_of(value), *text = NULL;
	int len = asprintf(&text, "%s%s", number, json_is_number(value) ? behind : "");

	WEFT_ASSERT(len >= 0);
	free(number);
	return text;
}

static void add_reach(struct table *table, const json_t *answer, bool direct)
{
	const char *helper = text_at(answer, "helper", NULL);
	char *rtt = ms_text(json_object_get(answer, "rtt_ms"), " ms");
	char *heard = ms_text(json_object_get(answer, "heard_ms"), " ms ago");

	add_line(table, "gossip", COLOUR_NONE, "%s, %s", say(answer, "addr"),
		 direct   ? "directly"
		 : helper ? "not directly: it answers another member, not this host"
			  : "it does not answer");
	if (helper)
		add_line(table, "", COLOUR_NONE, "asked through %s", helper);
	add_line(table, "round trip", COLOUR_NONE, "%s, last heard %s", rtt, heard);
	free(rtt);
	free(heard);
}

static void print_path(const json_t *answer, bool colour, FILE *out)
{
	bool direct = json_is_true(json_object_get(answer, "direct"));
	const json_t *blocked = json_object_get(answer, "blocked");
	char *ports = text_of(blocked);
	struct table table;

	table_init(&table, 2);
	add_line(&table, "node", COLOUR_NONE, "%s (%.8s)", say(answer, "name"), say(answer, "id"));
	add_line(&table, "state", colour_of(say(answer, "state")), "%s", say(answer, "state"));
	add_line(&table, "boxes", COLOUR_NONE, "VXLAN from %s to %s", say(answer, "source"),
		 say(answer, "vtep"));
	add_reach(&table, answer, direct);
	if (json_array_size(blocked) > 0)
		add_line(&table, "blocked", COLOUR_RED, "%s; weft diag says what to do", ports);
	if (json_is_integer(json_object_get(answer, "mtu_bytes")))
		add_line(&table, "MTU", COLOUR_NONE, "%lld bytes pass of %lld, %lld for boxes",
			 number_at(answer, "mtu_bytes"), number_at(answer, "interface_mtu_bytes"),
			 number_at(answer, "inner_mtu_bytes"));
	else
		add_line(&table, "MTU", COLOUR_NONE,
			 "not measured; the interface here has %lld bytes",
			 number_at(answer, "interface_mtu_bytes"));
	add_line(&table, "encryption", COLOUR_NONE, "%s", say(answer, "encryption"));
	if (direct) {
		add_line(&table, "weftd", COLOUR_NONE, "%s", say(answer, "version"));
		add_line(&table, "clock", COLOUR_NONE, "%+lld ms from the one here",
			 number_at(answer, "clock_ms"));
	}
	table_print(&table, colour, out);
	table_close(&table);
	free(ports);
}

/* Whom the revoked token or admin admitted: they stay. */
static void print_revoked(const json_t *answer, FILE *out)
{
	char *names;

	if (number_at(answer, "admitted_count") == 0) {
		fputs("Revoked; nobody was admitted by it.\n", out);
		return;
	}
	names = text_of(json_object_get(answer, "admitted"));
	if (number_at(answer, "admitted_count") == 1)
		fprintf(out, "Revoked. 1 member was admitted by it and stays: %s\n", names);
	else
		fprintf(out, "Revoked. %lld members were admitted by it and stay: %s\n",
			number_at(answer, "admitted_count"), names);
	free(names);
}

static void print_ring(const json_t *answer, bool colour, FILE *out)
{
	const json_t *here = json_object_get(answer, "here");
	size_t i;
	json_t *item;

	print_ring_list(json_object_get(answer, "ranges"), colour, out);
	fprintf(out, "\nthis host holds %lld of %lld: %lld leased, %lld cooling, %lld free\n",
		number_at(here, "held"), number_at(answer, "total"), number_at(here, "leased"),
		number_at(here, "cooling"), number_at(here, "free"));
	json_array_foreach(json_object_get(answer, "blockers"), i, item)
	{
		char *names = text_of(json_object_get(item, "waits_for"));

		if (number_at(item, "count") > 0)
			fprintf(out, "the space of removed %s waits for %s\n", say(item, "removed"),
				names);
		free(names);
	}
	if (number_at(answer, "frozen") == 0)
		return;
	json_array_foreach(json_object_get(answer, "blocks"), i, item)
	    fprintf(out, "  %s %s; %s\n", say(item, "member"), say(item, "why"), say(item, "todo"));
}

static void print_check(const json_t *answer, bool colour, FILE *out)
{
	const json_t *findings = json_object_get(answer, "findings");

	if (json_array_size(findings) == 0) {
		fprintf(out, "%lld lease%s checked, nothing found\n", number_at(answer, "leases"),
			plural(number_at(answer, "leases")));
		return;
	}
	print_finding_list(findings, colour, out);
}

static void print_leave(const json_t *answer, FILE *out)
{
	if (!json_is_false(json_object_get(answer, "known"))) {
		fputs("This host has left its cluster; weft reset wipes what it keeps of it.\n",
		      out);
		return;
	}
	fputs("This host has left its cluster, but no member has confirmed yet that it has that on "
	      "its disk.\nweftd goes on telling them, and weft status says when they know. After "
	      "weft reset nobody\ntells them: they take this host for failed until weft node rm.\n",
	      out);
}

/* What is done, where the answer has no more to say. */
static bool print_done(enum api_id method, FILE *out)
{
	static const struct {
		enum api_id method;
		const char *text;
	} rows[] = {
	    {API_RESET, "This host's state is wiped; weft init or weft join begins anew."},
	    {API_NODE_RM,
	     "Removed. Its addresses are taken back when every member has closed on it; weft ipam "
	     "ring NETWORK says whom that waits for."},
	    {API_NODE_ADVERTISE, "Others are told this address from now on."},
	    {API_NETWORK_RM, "The network is removed."},
	    {API_IPAM_RELEASE,
	     "Not leased here any more; an address that was rests before it is leased again."},
	    {API_IPAM_CONFIRM, "Leases are made without waiting for a member."},
	    {API_ADMIN_ADD, "It may sign tokens and removals from now on."},
	    {API_ADMIN_RESTORE, "The cluster key is here; this host is an admin."},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].method != method)
			continue;
		fprintf(out, "%s\n", rows[i].text);
		return true;
	}
	return false;
}

/* Commands whose good answer is a sentence. */
static bool print_sentence(enum api_id method, const json_t *answer, FILE *out)
{
	switch (method) {
	case API_INIT:
		print_init(answer, out);
		return true;
	case API_JOIN:
		fprintf(out, "Joined cluster %s with %lld member%s.\n", say(answer, "name"),
			number_at(answer, "members"), plural(number_at(answer, "members")));
		return true;
	case API_LEAVE:
		print_leave(answer, out);
		return true;
	case API_TOKEN_CREATE:
		fprintf(out, "%s\n", say(answer, "token"));
		return true;
	case API_NETWORK_CREATE:
		fprintf(out, "network %s: VNI %lld, id %s\n", say(answer, "name"),
			number_at(answer, "vni"), say(answer, "id"));
		return true;
	case API_ATTACH:
		print_attach(answer, out);
		return true;
	case API_DETACH:
		fputs(json_is_true(json_object_get(answer, "detached")) ? "Detached.\n"
									: "Nothing to detach.\n",
		      out);
		return true;
	case API_TOKEN_RM:
	case API_ADMIN_RM:
		print_revoked(answer, out);
		return true;
	case API_ADMIN_BACKUP:
		fprintf(out, "The sealed cluster key is in %s; keep it and its passphrase apart.\n",
			say(answer, "file"));
		return true;
	case API_BACKUP:
		fprintf(out, "This node's state is in %s; it holds its secrets.\n",
			say(answer, "file"));
		return true;
	case API_RESTORE:
		fprintf(out,
			"%s takes the place of this node's state; it is fenced until weft node "
			"recover.\n",
			say(answer, "file"));
		return true;
	case API_NODE_RECOVER:
		print_recover(answer, out);
		return true;
	case API_IPAM_RESERVE:
		fprintf(out, "%s\n", say(answer, "address"));
		return true;
	case API_VERSION:
		fprintf(out, "weft %s, weftd %s\n", WEFT_VERSION, say(answer, "version"));
		return true;
	default:
		return print_done(method, out);
	}
}

void print_answer(const struct cli_options *options, const struct api_method *method,
		  const json_t *answer, FILE *out)
{
	if (print_list(method->id, answer, options->colour, out))
		return;
	if (method->id == API_STATUS)
		print_status(answer, options->colour, out);
	else if (method->id == API_PATH)
		print_path(answer, options->colour, out);
	else if (method->id == API_IPAM_RING)
		print_ring(answer, options->colour, out);
	else if (method->id == API_IPAM_CHECK)
		print_check(answer, options->colour, out);
	else if (!print_sentence(method->id, answer, out))
		print_object(answer, options->colour, out);
}
