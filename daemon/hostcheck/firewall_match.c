/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/hostcheck/firewall_match.h"

#include <stdio.h>
#include <string.h>

const char *match_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void match_key(char key[KEY_BYTES], const char *family, const char *table, const char *name)
{
	snprintf(key, KEY_BYTES, "%s %s %s", family, table, name);
}

static enum answer least(enum answer a, enum answer b)
{
	return a < b ? a : b;
}

static enum answer said(bool yes)
{
	return yes ? YES : NO;
}

static bool is_weft_name(const char *name)
{
	return strncmp(name, "wfbr", 4) == 0 || strncmp(name, "wfe", 3) == 0 ||
	       strncmp(name, "wfvx", 4) == 0;
}

/* A name, or what it begins with and an asterisk. */
static enum answer device_is(const char *device, const char *pattern, struct hold *hold)
{
	size_t len = strlen(pattern);
	bool same = len > 0 && pattern[len - 1] == '*' ? strncmp(device, pattern, len - 1) == 0
						       : strcmp(device, pattern) == 0;

	hold->weft = hold->weft || (same && is_weft_name(pattern));
	return said(same);
}

/* Is all of own between the two? */
static enum answer between(const struct prefix *own, const struct inet *first,
			   const struct inet *last, struct hold *hold)
{
	struct inet low = prefix_base(own), high = prefix_last(own);

	if (inet_cmp(first, &low) <= 0 && inet_cmp(&high, last) <= 0) {
		hold->weft = true;
		return YES;
	}
	return inet_cmp(last, &low) < 0 || inet_cmp(&high, first) < 0 ? NO : MAYBE;
}

/* One address, a prefix or a range. */
static enum answer address_is(const struct prefix *own, const json_t *value, struct hold *hold)
{
	const json_t *prefix = json_object_get(value, "prefix"),
		     *range = json_object_get(value, "range");
	const char *text = json_string_value(value), *until = text;
	long long bits = json_integer_value(json_object_get(prefix, "len"));
	struct prefix theirs;
	struct inet first, last;
	char whole[PREFIX_TEXT_BYTES];

	if (range) {
		text = json_string_value(json_array_get(range, 0));
		until = json_string_value(json_array_get(range, 1));
	} else if (prefix) {
		text = match_text(prefix, "addr");
		if (bits == 0)
			return YES;
		snprintf(whole, sizeof(whole), "%.45s/%lld", text, bits);
		if (prefix_parse(whole, &theirs) != 0)
			return MAYBE;
		first = prefix_base(&theirs);
		last = prefix_last(&theirs);
		return own ? between(own, &first, &last, hold) : NO;
	}
	if (!text || !until || inet_parse(text, &first) != 0 || inet_parse(until, &last) != 0)
		return MAYBE;
	return own ? between(own, &first, &last, hold) : NO;
}

/* Protocols inside of IP: that of boxes' traffic may be any. */
static enum answer protocol_is(const json_t *value)
{
	const char *name = json_string_value(value);

	return name && (strcmp(name, "tcp") == 0 || strcmp(name, "udp") == 0) ? MAYBE : NO;
}

static enum answer word_is(const char *word, const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? said(strcmp(text, word) == 0) : MAYBE;
}

/* What boxes publish nothing by. */
static enum answer status_is(const json_t *value)
{
	return word_is("dnat", value) == YES ? NO : MAYBE;
}

/* Among iptables' states are what nftables calls a status: weft translates what goes out of most
 * networks, which answers bear. */
static enum answer state_is(const struct packet *packet, const json_t *value)
{
	if (packet->answer && word_is("snat", value) == YES)
		return MAYBE;
	return word_is(packet->answer ? "established" : "new", value);
}

static enum answer meta_is(const struct walk *walk, const char *key, const json_t *value,
			   struct hold *hold)
{
	const struct packet *packet = walk->packet;
	const char *text = json_string_value(value);

	/* One without a name went away. */
	if (strcmp(key, "iifname") == 0 || strcmp(key, "iif") == 0)
		return text ? device_is(packet->in, text, hold) : NO;
	if (strcmp(key, "oifname") == 0 || strcmp(key, "oif") == 0)
		return text ? device_is(packet->out, text, hold) : NO;
	if (strcmp(key, "nfproto") == 0)
		return word_is("ipv4", value);
	if (strcmp(key, "protocol") == 0)
		return word_is("ip", value);
	return strcmp(key, "l4proto") == 0 ? protocol_is(value) : MAYBE;
}

static enum answer payload_is(const struct walk *walk, const json_t *payload, const json_t *value,
			      struct hold *hold)
{
	const struct packet *packet = walk->packet;
	const char *protocol = match_text(payload, "protocol"),
		   *field = match_text(payload, "field");

	if (strcmp(protocol, "ether") == 0)
		return strcmp(field, "type") == 0 ? word_is("ip", value) : MAYBE;
	if (strcmp(protocol, "ip") != 0)
		return protocol[0] == '\0' ? MAYBE : NO;
	if (strcmp(field, "saddr") == 0)
		return address_is(packet->from, value, hold);
	if (strcmp(field, "daddr") == 0)
		return address_is(packet->to, value, hold);
	return strcmp(field, "protocol") == 0 ? protocol_is(value) : MAYBE;
}

static enum answer one_is(const struct walk *walk, const json_t *left, const json_t *right,
			  struct hold *hold);

static bool is_others(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && strcmp(text, "*") == 0;
}

/* Some element of a list, or else the one that stands for all others; what it leads to in a map
 * goes to *found. An element is a value, whatever it is called: a device may have a set's name. */
enum answer match_any(const struct walk *walk, const json_t *left, const json_t *list,
		      struct hold *hold, const json_t **found)
{
	enum answer best = NO;
	const json_t *item, *others = NULL;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const json_t *value = found ? json_array_get(item, 0) : item;
		struct hold own = *hold;
		enum answer answer;

		if (json_object_get(value, "elem"))
			value = json_object_get(json_object_get(value, "elem"), "val");
		if (is_others(value)) {
			others = item;
			continue;
		}
		answer = one_is(walk, left, value, &own);
		if (answer <= best)
			continue;
		best = answer;
		*hold = own;
		if (found)
			*found = json_array_get(item, 1);
	}
	if (best == NO && others) {
		best = YES;
		if (found)
			*found = json_array_get(others, 1);
	}
	return best;
}

/* The elements of a set, or NULL where it is none. */
const json_t *match_elements(const struct walk *walk, const json_t *value)
{
	const char *name = json_string_value(value);
	char key[KEY_BYTES];

	if (json_is_array(value))
		return value; /* flags, of which one is enough */
	if (json_object_get(value, "set"))
		return json_object_get(value, "set");
	if (!name || name[0] != '@')
		return NULL;
	match_key(key, walk->family, walk->table, name + 1);
	return json_object_get(walk->firewall->sets, key);
}

static enum answer all_are(const struct walk *walk, const json_t *lefts, const json_t *rights,
			   struct hold *hold)
{
	enum answer answer = json_array_size(lefts) == json_array_size(rights) ? YES : MAYBE;
	const json_t *left;
	size_t i;

	json_array_foreach(lefts, i, left) answer =
	    least(answer, one_is(walk, left, json_array_get(rights, i), hold));
	return answer;
}

static enum answer one_is(const struct walk *walk, const json_t *left, const json_t *right,
			  struct hold *hold)
{
	const json_t *part;
	const char *key;

	if ((part = json_object_get(left, "concat")) != NULL)
		return all_are(walk, part, json_object_get(right, "concat"), hold);
	if ((part = json_object_get(left, "meta")) != NULL)
		return meta_is(walk, match_text(part, "key"), right, hold);
	if ((part = json_object_get(left, "payload")) != NULL)
		return payload_is(walk, part, right, hold);
	/* A packet that is forwarded is for nobody here. */
	if (json_object_get(left, "fib"))
		return word_is("local", right) == YES ? NO : MAYBE;
	if ((part = json_object_get(left, "&")) != NULL) {
		part = json_object_get(json_array_get(part, 0), "ct");
		return part && strcmp(match_text(part, "key"), "status") == 0 ? status_is(right)
									      : MAYBE;
	}
	part = json_object_get(left, "ct");
	key = match_text(part, "key");
	if (strcmp(key, "state") == 0)
		return state_is(walk->packet, right);
	if (strcmp(key, "direction") == 0 && walk->packet->answer)
		return MAYBE; /* boxes may have been called, too */
	return strcmp(key, "status") == 0 ? status_is(right) : MAYBE;
}

static enum answer value_is(const struct walk *walk, const json_t *left, const json_t *right,
			    struct hold *hold)
{
	const json_t *list = match_elements(walk, right);

	return list ? match_any(walk, left, list, hold, NULL) : one_is(walk, left, right, hold);
}

static bool is_port(const json_t *left)
{
	const char *protocol = match_text(json_object_get(left, "payload"), "protocol");

	return protocol[0] != '\0' && strcmp(protocol, "ip") != 0 && strcmp(protocol, "ether") != 0;
}

enum answer match_holds(const struct walk *walk, const json_t *match, struct hold *hold)
{
	const char *op = match_text(match, "op");
	const json_t *left = json_object_get(match, "left"),
		     *right = json_object_get(match, "right");
	struct hold inside = *hold;
	enum answer answer;

	if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
		return value_is(walk, left, right, hold);
	if (strcmp(op, "!=") != 0 || is_port(left))
		return is_port(left) ? NO : MAYBE;
	answer = value_is(walk, left, right, &inside);
	return answer == MAYBE ? MAYBE : said(answer == NO);
}
