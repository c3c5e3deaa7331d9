/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers for people: single objects are printed key by key; a few commands say it in sentences.
 * Lists are in list.c.
 */
#include <stdarg.h>
#include <string.h>

#include "cli/list.h"

/* Key by key; objects inside become lines with a dotted key. */
static void add_object(struct table *table, const char *prefix, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		char name[128], text[1024];

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
		text_of(value, text, sizeof(text));
		table_add(table, name, COLOUR_NONE);
		table_add(table, text, strcmp(key, "state") == 0 ? colour_of(text) : COLOUR_NONE);
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

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
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
		text_at(answer, "name"), text_at(answer, "token"), text_at(answer, "expires"));
}

static void print_attach(const json_t *answer, FILE *out)
{
	char addresses[256], pending[256];

	text_of(json_object_get(answer, "addresses"), addresses, sizeof(addresses));
	text_of(json_object_get(answer, "peers_pending"), pending, sizeof(pending));
	fprintf(out, "%s on %s, endpoint %s\n", addresses, text_at(answer, "ifname"),
		text_at(answer, "endpoint"));
	if (strcmp(pending, "-") != 0)
		fprintf(out, "Not yet known to: %s\n", pending);
}

/* How many there are of each state; who failed, by name. */
static void members_text(const json_t *members, char *out, size_t cap)
{
	const json_t *names = json_object_get(members, "failed_names");
	char failed[300] = "", list[256];
	size_t len;

	if (json_array_size(names) > 0) {
		text_of(names, list, sizeof(list));
		snprintf(failed, sizeof(failed), " (%s%s)", list,
			 (long long)json_array_size(names) < number_at(members, "failed") ? ", ..."
											  : "");
	}
	len = (size_t)snprintf(out, cap, "%lld alive, %lld suspect, %lld failed%s, %lld left",
			       number_at(members, "alive"), number_at(members, "suspect"),
			       number_at(members, "failed"), failed, number_at(members, "left"));
	if (number_at(members, "removed") > 0 && len < cap)
		snprintf(out + len, cap - len, ", %lld removed", number_at(members, "removed"));
}

static enum colour members_colour(const json_t *members)
{
	if (number_at(members, "failed") > 0)
		return COLOUR_RED;
	return number_at(members, "suspect") > 0 ? COLOUR_YELLOW : COLOUR_NONE;
}

static void print_status(const json_t *answer, bool colour, FILE *out)
{
	const json_t *cluster = json_object_get(answer, "cluster");
	const json_t *node = json_object_get(answer, "node");
	const json_t *members = json_object_get(answer, "members");
	const json_t *reconcile = json_object_get(answer, "reconcile");
	const json_t *sync = json_object_get(answer, "sync");
	struct table table;
	char text[512];
	size_t i;
	json_t *item;

	table_init(&table, 2);
	table_add(&table, "cluster", COLOUR_NONE);
	table_add(&table, json_is_object(cluster) ? text_at(cluster, "name") : "none", COLOUR_NONE);
	table_add(&table, "node", COLOUR_NONE);
	snprintf(text, sizeof(text), "%s (%.8s) at %s, %s", text_at(node, "name"),
		 text_at(node, "id"), text_at(node, "addr"), text_at(node, "phase"));
	table_add(&table, text,
		  strcmp(text_at(node, "phase"), "active") == 0 ? COLOUR_NONE : COLOUR_RED);
	table_add(&table, "members", COLOUR_NONE);
	members_text(members, text, sizeof(text));
	table_add(&table, text, members_colour(members));
	table_add(&table, "networks", COLOUR_NONE);
	snprintf(text, sizeof(text), "%lld", number_at(answer, "networks"));
	table_add(&table, text, COLOUR_NONE);
	table_add(&table, "sync", COLOUR_NONE);
	if (json_is_object(sync))
		snprintf(text, sizeof(text), "%s, last with %s %.1f s ago",
			 json_is_true(json_object_get(answer, "in_sync")) ? "in sync"
									  : "not in sync",
			 text_at(sync, "with"), (double)number_at(sync, "age_ms") / 1000);
	else
		snprintf(text, sizeof(text), "%s",
			 json_is_true(json_object_get(answer, "in_sync")) ? "in sync"
									  : "not in sync");
	table_add(&table, text,
		  json_is_true(json_object_get(answer, "in_sync")) ? COLOUR_NONE : COLOUR_YELLOW);
	table_add(&table, "kernel", COLOUR_NONE);
	snprintf(text, sizeof(text), "%lld pending, %lld failed, last reconcile %lld ms",
		 number_at(reconcile, "pending"), number_at(reconcile, "failed"),
		 number_at(reconcile, "last_ms"));
	table_add(&table, text, number_at(reconcile, "failed") ? COLOUR_RED : COLOUR_NONE);
	table_add(&table, "loop lag", COLOUR_NONE);
	snprintf(text, sizeof(text), "%.2f ms",
		 json_number_value(json_object_get(answer, "loop_lag_ms")));
	table_add(&table, text, COLOUR_NONE);
	json_array_foreach(json_object_get(answer, "warnings"), i, item)
	{
		table_add(&table, "warning", COLOUR_YELLOW);
		table_add(&table, json_string_value(item), COLOUR_NONE);
	}
	table_print(&table, colour, out);
	table_close(&table);
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

		fprintf(out, "gave up %s in network %s, endpoint %s: ", text_at(item, "address"),
			text_at(item, "network"), text_at(item, "endpoint"));
		if (other)
			fprintf(out, "%s holds that address now\n", other);
		else
			fputs("this host does not have it\n", out);
	}
}

static void add_line(struct table *table, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add_line(struct table *table, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	table_add(table, name, COLOUR_NONE);
	table_add(table, text, COLOUR_NONE);
}

static void print_path(const json_t *answer, bool colour, FILE *out)
{
	const json_t *helper = json_object_get(answer, "helper");
	bool direct = json_is_true(json_object_get(answer, "direct"));
	char rtt[64], heard[64], blocked[256];
	struct table table;

	text_of(json_object_get(answer, "blocked"), blocked, sizeof(blocked));
	text_of(json_object_get(answer, "rtt_ms"), rtt, sizeof(rtt));
	text_of(json_object_get(answer, "heard_ms"), heard, sizeof(heard));
	table_init(&table, 2);
	add_line(&table, "node", "%s (%.8s)", text_at(answer, "name"), text_at(answer, "id"));
	table_add(&table, "state", COLOUR_NONE);
	table_add(&table, text_at(answer, "state"), colour_of(text_at(answer, "state")));
	add_line(&table, "boxes", "VXLAN from %s to %s", text_at(answer, "source"),
		 text_at(answer, "vtep"));
	add_line(&table, "gossip", "%s, %s", text_at(answer, "addr"),
		 direct                   ? "directly"
		 : json_is_string(helper) ? "not directly: it answers another member, not this host"
					  : "it does not answer");
	if (json_is_string(helper))
		add_line(&table, "", "asked through %s", json_string_value(helper));
	add_line(&table, "round trip", "%s%s, last heard %s%s", rtt, rtt[0] == '-' ? "" : " ms",
		 heard, heard[0] == '-' ? "" : " ms ago");
	if (blocked[0] != '-')
		add_line(&table, "blocked", "%s; weft diag says what to do", blocked);
	if (json_is_integer(json_object_get(answer, "mtu_bytes")))
		add_line(&table, "MTU", "%lld bytes pass of %lld, %lld for boxes",
			 number_at(answer, "mtu_bytes"), number_at(answer, "interface_mtu_bytes"),
			 number_at(answer, "inner_mtu_bytes"));
	else
		add_line(&table, "MTU", "not measured; the interface here has %lld bytes",
			 number_at(answer, "interface_mtu_bytes"));
	add_line(&table, "encryption", "%s", text_at(answer, "encryption"));
	if (direct) {
		add_line(&table, "weftd", "%s", text_at(answer, "version"));
		add_line(&table, "clock", "%+lld ms from the one here",
			 number_at(answer, "clock_ms"));
	}
	table_print(&table, colour, out);
	table_close(&table);
}

/* Whom the revoked token or admin admitted: they stay. */
static void print_revoked(const json_t *answer, FILE *out)
{
	char names[1024];

	if (number_at(answer, "admitted_count") == 0) {
		fputs("Revoked; nobody was admitted by it.\n", out);
		return;
	}
	text_of(json_object_get(answer, "admitted"), names, sizeof(names));
	if (number_at(answer, "admitted_count") == 1)
		fprintf(out, "Revoked. 1 member was admitted by it and stays: %s\n", names);
	else
		fprintf(out, "Revoked. %lld members were admitted by it and stay: %s\n",
			number_at(answer, "admitted_count"), names);
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
		char names[512];

		text_of(json_object_get(item, "waits_for"), names, sizeof(names));
		if (number_at(item, "count") > 0)
			fprintf(out, "the space of removed %s waits for %s\n",
				text_at(item, "removed"), names);
	}
	if (number_at(answer, "frozen") == 0)
		return;
	json_array_foreach(json_object_get(answer, "blocks"), i, item)
	    fprintf(out, "  %s %s; %s\n", text_at(item, "member"), text_at(item, "why"),
		    text_at(item, "todo"));
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

/* Commands whose good answer is a sentence. */
static bool print_sentence(enum api_id method, const json_t *answer, FILE *out)
{
	switch (method) {
	case API_INIT:
		print_init(answer, out);
		return true;
	case API_JOIN:
		fprintf(out, "Joined cluster %s with %lld member%s.\n", text_at(answer, "name"),
			number_at(answer, "members"), plural(number_at(answer, "members")));
		return true;
	case API_LEAVE:
		print_leave(answer, out);
		return true;
	case API_RESET:
		fputs("This host's state is wiped; weft init or weft join begins anew.\n", out);
		return true;
	case API_TOKEN_CREATE:
		fprintf(out, "%s\n", text_at(answer, "token"));
		return true;
	case API_NETWORK_CREATE:
		fprintf(out, "network %s: VNI %lld, id %s\n", text_at(answer, "name"),
			number_at(answer, "vni"), text_at(answer, "id"));
		return true;
	case API_ATTACH:
		print_attach(answer, out);
		return true;
	case API_DETACH:
		fputs(json_is_true(json_object_get(answer, "detached")) ? "Detached.\n"
									: "Nothing to detach.\n",
		      out);
		return true;
	case API_NODE_RM:
		fputs("Removed. Its addresses are taken back when every member has closed on it; "
		      "weft ipam ring NETWORK says whom that waits for.\n",
		      out);
		return true;
	case API_TOKEN_RM:
	case API_ADMIN_RM:
		print_revoked(answer, out);
		return true;
	case API_IPAM_CONFIRM:
		fputs("Leases are made without waiting for a member.\n", out);
		return true;
	case API_BACKUP:
		fprintf(out, "This node's state is in %s; it holds its secrets.\n",
			text_at(answer, "file"));
		return true;
	case API_RESTORE:
		fprintf(out,
			"%s takes the place of this node's state; it is fenced until weft node "
			"recover.\n",
			text_at(answer, "file"));
		return true;
	case API_NODE_RECOVER:
		print_recover(answer, out);
		return true;
	case API_IPAM_RESERVE:
		fprintf(out, "%s\n", text_at(answer, "address"));
		return true;
	case API_VERSION:
		fprintf(out, "weft %s, weftd %s\n", WEFT_VERSION, text_at(answer, "version"));
		return true;
	default:
		return false;
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
	else if (!print_sentence(method->id, answer, out) && json_object_size(answer) > 0)
		print_object(answer, options->colour, out);
}

void print_event(const json_t *event, FILE *out)
{
	const char *kind = text_at(event, "event");
	const json_t *object = json_object_get(event, kind);
	char addresses[256] = "";

	if (strcmp(kind, "snapshot") == 0)
		return;
	if (json_object_get(object, "addresses"))
		text_of(json_object_get(object, "addresses"), addresses, sizeof(addresses));
	else if (json_object_get(object, "addr"))
		snprintf(addresses, sizeof(addresses), "%s", text_at(object, "addr"));
	fprintf(out, "%s %-8s %-8s %s %.8s %s\n", text_at(event, "at"), kind,
		text_at(event, "action"), text_at(object, "name"), text_at(object, "id"),
		addresses);
	fflush(out);
}
