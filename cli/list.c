/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Lists for people: which columns each has, and the order of its rows. */
#include "cli/list.h"

#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "gossip/base/check.h"

#define LIST_COLUMNS_MAX 8
#define LIST_ORDER_MAX 2
#define ID_SHOWN 8 /* digits of an id in tables: enough to type as a prefix */

enum column_kind { COLUMN_TEXT = 0, COLUMN_ID, COLUMN_STATE };

struct column {
	const char *title;
	const char *key;
	enum column_kind kind;
};

struct listing {
	enum api_id method;
	/* The keys by which people look for a row, the first one first; none: as the daemon gave
	 * them. */
	const char *order[LIST_ORDER_MAX];
	const char *empty; /* what is said instead of an empty table */
	struct column columns[LIST_COLUMNS_MAX];
};

static const struct listing listings[] = {
    {API_MEMBERS,
     {"name"},
     "no members: this host is in no cluster",
     {{"NAME", "name", 0},
      {"ID", "id", COLUMN_ID},
      {"ADDRESS", "addr", 0},
      {"STATE", "state", COLUMN_STATE},
      {"ADMIN", "admin", 0},
      {"TAGS", "tags", 0}}},
    {API_NETWORK_LS,
     {"name"},
     "no networks; make one with weft network create",
     {{"NAME", "name", 0},
      {"ID", "id", COLUMN_ID},
      {"VNI", "vni", 0},
      {"SUBNETS", "subnets", 0},
      {"ENDPOINTS", "endpoints", 0},
      {"HOSTS", "hosts", 0},
      {"ENCRYPT", "encrypt", 0}}},
    {API_ENDPOINT_LS,
     {"network", "name"},
     "no endpoints are known here; weft attach makes one",
     {{"NAME", "name", 0},
      {"ID", "id", COLUMN_ID},
      {"NETWORK", "network", 0},
      {"ADDRESSES", "addresses", 0},
      {"MAC", "mac", 0},
      {"HOST", "host", 0},
      {"STATE", "state", COLUMN_STATE}}},
    {API_IPAM_LS,
     {NULL},
     "this host leases no addresses",
     {{"NETWORK", "network", 0},
      {"ADDRESS", "address", 0},
      {"MAC", "mac", 0},
      {"ENDPOINT", "endpoint", COLUMN_ID},
      {"NAME", "name", 0},
      {"STATE", "state", 0},
      {"SINCE", "since", 0}}},
    {API_TOKEN_LS,
     {"expires"},
     "no tokens; make one with weft token create",
     {{"ID", "id", COLUMN_ID},
      {"STATE", "state", COLUMN_STATE},
      {"EXPIRES", "expires", 0},
      {"NAMES", "name_pattern", 0},
      {"TAGS", "tags", 0},
      {"MADE BY", "made_by", 0}}},
    {API_ADMIN_LS,
     {"name"},
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
    {"OTHER", "other", 0},     {"FIXED", "fixed", 0},
    {"REMEDY", "remedy", 0}};

const char *plural(long long count)
{
	return count == 1 ? "" : "s";
}

const char *text_at(const json_t *object, const char *key, const char *preset)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : preset;
}

/* What stands in a list or behind the key of a map. */
static const char *item_text(const json_t *item)
{
	return json_is_string(item) ? json_string_value(item) : "...";
}

char *text_of(const json_t *value)
{
	char *text = NULL;
	size_t len = 0, i;
	FILE *out = open_memstream(&text, &len);
	const char *key, *between = "";
	json_t *item;

	WEFT_ASSERT(out != NULL);
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		fputs(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%.2f", json_real_value(value));
		break;
	case JSON_TRUE:
		fputs("yes", out);
		break;
	case JSON_ARRAY:
		json_array_foreach((json_t *)(uintptr_t)value, i, item)
		{
			fprintf(out, "%s%s", between, item_text(item));
			between = ", ";
		}
		break;
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)value, key, item)
		{
			fprintf(out, "%s%s=%s", between, key, item_text(item));
			between = ", ";
		}
		break;
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	if (ftell(out) == 0)
		fputc('-', out);
	fclose(out);
	WEFT_ASSERT(text != NULL);
	return text;
}

enum colour colour_of(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {
	    {"alive", COLOUR_GREEN},    {"valid", COLOUR_GREEN},    {"held", COLOUR_GREEN},
	    {"suspect", COLOUR_YELLOW}, {"granted", COLOUR_YELLOW}, {"frozen", COLOUR_YELLOW},
	    {"expired", COLOUR_YELLOW}, {"failed", COLOUR_RED},     {"conflict", COLOUR_RED},
	    {"removed", COLOUR_RED},    {"ok", COLOUR_GREEN},       {"warn", COLOUR_YELLOW},
	    {"fail", COLOUR_RED}};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	}
	return COLOUR_NONE;
}

static void print_columns(const struct column *columns, size_t count, const json_t *list,
			  bool colour, FILE *out)
{
	struct table table;
	size_t i;
	json_t *item;

	table_init(&table, count);
	table.titled = true;
	for (size_t c = 0; c < count; c++)
		table_add(&table, columns[c].title, COLOUR_NONE);
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		for (size_t c = 0; c < count; c++) {
			char *text = text_of(json_object_get(item, columns[c].key));

			if (columns[c].kind == COLUMN_ID && strlen(text) > ID_SHOWN)
				text[ID_SHOWN] = '\0';
			table_add(&table, text,
				  columns[c].kind == COLUMN_STATE ? colour_of(text) : COLOUR_NONE);
			free(text);
		}
	}
	table_print(&table, colour, out);
	table_close(&table);
}

static const struct listing *listing_of(enum api_id method)
{
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (listings[i].method == method)
			return &listings[i];
	}
	return NULL;
}

/* The same objects in order of their texts under a key; equal ones keep their places. */
static json_t *ordered(const json_t *list, const char *key)
{
	json_t *copy = json_array();
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		const char *text = json_string_value(json_object_get(item, key));
		size_t low = 0, high = json_array_size(copy);

		while (low < high) {
			size_t middle = (low + high) / 2;
			const char *other =
			    json_string_value(json_object_get(json_array_get(copy, middle), key));

			if (strcmp(other ? other : "", text ? text : "") <= 0)
				low = middle + 1;
			else
				high = middle;
		}
		json_array_insert(copy, low, item);
	}
	return copy;
}

bool print_list(enum api_id method, const json_t *list, bool colour, FILE *out)
{
	const struct listing *listing = listing_of(method);
	size_t count = 0;
	json_t *sorted;

	if (!listing)
		return false;
	while (count < LIST_COLUMNS_MAX && listing->columns[count].title)
		count++;
	if (json_array_size(list) == 0) {
		fprintf(out, "%s\n", listing->empty);
		return true;
	}
	sorted = json_incref((json_t *)(uintptr_t)list);
	/* By the last key first: the order among equals stays. */
	for (size_t k = LIST_ORDER_MAX; k-- > 0;) {
		json_t *before = sorted;

		if (!listing->order[k])
			continue;
		sorted = ordered(before, listing->order[k]);
		json_decref(before);
	}
	print_columns(listing->columns, count, sorted, colour, out);
	json_decref(sorted);
	return true;
}

void print_ring_list(const json_t *ranges, bool colour, FILE *out)
{
	print_columns(ring_columns, sizeof(ring_columns) / sizeof(ring_columns[0]), ranges, colour,
		      out);
}

void print_finding_list(const json_t *findings, bool colour, FILE *out)
{
	print_columns(finding_columns, sizeof(finding_columns) / sizeof(finding_columns[0]),
		      findings, colour, out);
}
