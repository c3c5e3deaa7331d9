/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers for people. Lists have their columns in one table; single objects are printed key by key;
 * a few commands say it in sentences.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/table.h"

#define ID_SHOWN 8 /* digits of an id in tables: enough to type as a prefix */

enum column_kind { COLUMN_TEXT = 0, COLUMN_ID, COLUMN_STATE };

struct column {
	const char *title;
	const char *key;
	enum column_kind kind;
};

struct listing {
	enum api_id method;
	const char *empty; /* what is said instead of an empty table */
	struct column columns[8];
};

static const struct listing listings[] = {
    {API_MEMBERS,
     "no members: this host is in no cluster",
     {{"NAME", "name", 0},
      {"ID", "id", COLUMN_ID},
      {"ADDRESS", "addr", 0},
      {"STATE", "state", COLUMN_STATE},
      {"ADMIN", "admin", 0},
      {"TAGS", "tags", 0}}},
    {API_NETWORK_LS,
     "no networks; make one with weft network create",
     {{"NAME", "name", 0},
      {"ID", "id", COLUMN_ID},
      {"VNI", "vni", 0},
      {"SUBNETS", "subnets", 0},
      {"ENDPOINTS", "endpoints", 0},
      {"HOSTS", "hosts", 0},
      {"ENCRYPT", "encrypt", 0}}},
    {API_ENDPOINT_LS,
     "no endpoints; make one with weft attach",
     {{"NAME", "name", 0},
      {"ID", "id", COLUMN_ID},
      {"NETWORK", "network", 0},
      {"ADDRESSES", "addresses", 0},
      {"MAC", "mac", 0},
      {"HOST", "host", 0},
      {"STATE", "state", COLUMN_STATE}}},
    {API_IPAM_LS,
     "this host leases no addresses",
     {{"NETWORK", "network", 0},
      {"ADDRESS", "address", 0},
      {"MAC", "mac", 0},
      {"ENDPOINT", "endpoint", COLUMN_ID},
      {"NAME", "name", 0},
      {"STATE", "state", 0},
      {"SINCE", "since", 0}}},
    {API_TOKEN_LS,
     "no tokens; make one with weft token create",
     {{"ID", "id", COLUMN_ID},
      {"STATE", "state", COLUMN_STATE},
      {"EXPIRES", "expires", 0},
      {"NAMES", "name_pattern", 0},
      {"MADE BY", "made_by", 0}}},
    {API_ADMIN_LS,
     "no admins: this host is in no cluster",
     {{"NAME", "name", 0}, {"ID", "id", COLUMN_ID}, {"STATE", "state", COLUMN_STATE}}},
};

static const struct column ring_columns[] = {{"FIRST", "first", 0},
					     {"LAST", "last", 0},
					     {"ADDRESSES", "addresses", 0},
					     {"HOLDER", "holder", 0},
					     {"STATE", "state", COLUMN_STATE},
					     {"FREE", "free", 0},
					     {"LEASED", "leased", 0}};

static const struct column finding_columns[] = {
    {"KIND", "kind", 0},       {"NETWORK", "network", 0},
    {"ADDRESS", "address", 0}, {"ENDPOINT", "endpoint", COLUMN_ID},
    {"OTHER", "other", 0},     {"FIXED", "fixed", 0}};

/* Appends text to out[0..cap). */
static void append(char *out, size_t cap, const char *text)
{
	size_t len = strlen(out);

	snprintf(out + len, cap - len, "%s", text);
}

/* A value as it stands in a cell or behind a key. */
static void text_of(const json_t *value, char *out, size_t cap)
{
	const char *key;
	json_t *item;
	size_t i;

	out[0] = '\0';
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		snprintf(out, cap, "%s",
			 json_string_value(value)[0] ? json_string_value(value) : "-");
		break;
	case JSON_INTEGER:
		snprintf(out, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		snprintf(out, cap, "%.2f", json_real_value(value));
		break;
	case JSON_TRUE:
		snprintf(out, cap, "yes");
		break;
	case JSON_ARRAY:
		json_array_foreach((json_t *)(uintptr_t)value, i, item)
		{
			append(out, cap, i ? ", " : "");
			append(out, cap, json_is_string(item) ? json_string_value(item) : "...");
		}
		break;
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)value, key, item)
		{
			append(out, cap, out[0] ? ", " : "");
			append(out, cap, key);
			append(out, cap, "=");
			append(out, cap, json_is_string(item) ? json_string_value(item) : "...");
		}
		break;
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	if (out[0] == '\0')
		snprintf(out, cap, "-");
}

static enum colour colour_of(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {
	    {"alive", COLOUR_GREEN},    {"valid", COLOUR_GREEN},    {"held", COLOUR_GREEN},
	    {"suspect", COLOUR_YELLOW}, {"granted", COLOUR_YELLOW}, {"frozen", COLOUR_YELLOW},
	    {"expired", COLOUR_YELLOW}, {"failed", COLOUR_RED},     {"conflict", COLOUR_RED},
	    {"revoked", COLOUR_RED},    {"removed", COLOUR_RED}};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	}
	return COLOUR_NONE;
}

static void print_list(const struct column *columns, size_t count, const json_t *list, bool colour,
		       FILE *out)
{
	struct table table;
	size_t i;
	json_t *item;

	table_init(&table, count);
	for (size_t c = 0; c < count; c++)
		table_add(&table, columns[c].title, COLOUR_NONE);
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		for (size_t c = 0; c < count; c++) {
			const json_t *value = json_object_get(item, columns[c].key);
			char text[512];

			text_of(value, text, sizeof(text));
			if (columns[c].kind == COLUMN_ID && strlen(text) > ID_SHOWN)
				text[ID_SHOWN] = '\0';
			table_add(&table, text,
				  columns[c].kind == COLUMN_STATE ? colour_of(text) : COLOUR_NONE);
		}
	}
	table_print(&table, colour, out);
	table_close(&table);
}

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

static void print_status(const json_t *answer, bool colour, FILE *out)
{
	const json_t *cluster = json_object_get(answer, "cluster");
	const json_t *node = json_object_get(answer, "node");
	const json_t *members = json_object_get(answer, "members");
	const json_t *reconcile = json_object_get(answer, "reconcile");
	const json_t *sync = json_object_get(answer, "sync");
	struct table table;
	char text[256];
	size_t i;
	json_t *item;

	table_init(&table, 2);
	table_add(&table, "cluster", COLOUR_NONE);
	table_add(&table, json_is_object(cluster) ? text_at(cluster, "name") : "none", COLOUR_NONE);
	table_add(&table, "node", COLOUR_NONE);
	snprintf(text, sizeof(text), "%s (%.8s) at %s, %s", text_at(node, "name"),
		 text_at(node, "id"), text_at(node, "addr"), text_at(node, "phase"));
	table_add(&table, text, COLOUR_NONE);
	table_add(&table, "members", COLOUR_NONE);
	snprintf(text, sizeof(text), "%lld alive, %lld suspect, %lld failed, %lld left",
		 number_at(members, "alive"), number_at(members, "suspect"),
		 number_at(members, "failed"), number_at(members, "left"));
	table_add(&table, text, COLOUR_NONE);
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
	table_add(&table, text, COLOUR_NONE);
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

static void print_ring(const json_t *answer, bool colour, FILE *out)
{
	const json_t *here = json_object_get(answer, "here");
	size_t i;
	json_t *item;

	print_list(ring_columns, sizeof(ring_columns) / sizeof(ring_columns[0]),
		   json_object_get(answer, "ranges"), colour, out);
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
}

static void print_check(const json_t *answer, bool colour, FILE *out)
{
	const json_t *findings = json_object_get(answer, "findings");

	if (json_array_size(findings) == 0) {
		fprintf(out, "%lld leases checked, nothing found\n", number_at(answer, "leases"));
		return;
	}
	print_list(finding_columns, sizeof(finding_columns) / sizeof(finding_columns[0]), findings,
		   colour, out);
}

static const struct listing *listing_of(enum api_id method)
{
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (listings[i].method == method)
			return &listings[i];
	}
	return NULL;
}

static void print_listing(const struct listing *listing, const json_t *list, bool colour, FILE *out)
{
	size_t count = 0;

	while (count < 8 && listing->columns[count].title)
		count++;
	if (json_array_size(list) == 0)
		fprintf(out, "%s\n", listing->empty);
	else
		print_list(listing->columns, count, list, colour, out);
}

/* Commands whose good answer is a sentence. */
static bool print_sentence(enum api_id method, const json_t *answer, FILE *out)
{
	switch (method) {
	case API_INIT:
		print_init(answer, out);
		return true;
	case API_JOIN:
		fprintf(out, "Joined cluster %s with %lld members.\n", text_at(answer, "name"),
			number_at(answer, "members"));
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
	const struct listing *listing = listing_of(method->id);

	if (listing)
		print_listing(listing, answer, options->colour, out);
	else if (method->id == API_STATUS)
		print_status(answer, options->colour, out);
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
