/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/hostcheck/legacy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/hostcheck/conntrack.h"
#include "gossip/base/check.h"

#define NAME_BYTES_MAX 64

struct table {
	const char *entries;
	size_t bytes;
};

/* ---- entries ---- */

/* Is the target as large as what its name makes of it? */
static bool has_target(const struct ipt_entry *entry)
{
	const struct xt_error_target *target =
	    (const void *)((const char *)entry + entry->target_offset);
	size_t room = (size_t)entry->next_offset - entry->target_offset;

	if (room < sizeof(target->target))
		return false;
	if (strcmp(target->target.u.user.name, XT_ERROR_TARGET) == 0)
		return room >= sizeof(*target) &&
		       memchr(target->errorname, '\0', sizeof(target->errorname)) != NULL;
	return target->target.u.user.name[0] != '\0' || room >= sizeof(struct xt_standard_target);
}

/* The one at this place, or NULL where none fits. */
static const struct ipt_entry *entry_at(const struct table *table, size_t at)
{
	const struct ipt_entry *entry = (const void *)(table->entries + at);

	if (at + sizeof(*entry) > table->bytes || entry->next_offset > table->bytes - at ||
	    entry->target_offset < sizeof(*entry) || entry->target_offset > entry->next_offset ||
	    !has_target(entry))
		return NULL;
	return entry;
}

static const struct xt_standard_target *standard_of(const struct ipt_entry *entry)
{
	return (const void *)((const char *)entry + entry->target_offset);
}

static bool is_drop(const struct ipt_entry *entry)
{
	const struct xt_standard_target *standard = standard_of(entry);

	return standard->target.u.user.name[0] == '\0' && standard->verdict == -NF_DROP - 1;
}

/* The chain that begins behind this entry, or NULL. */
static const char *name_of(const struct ipt_entry *entry)
{
	const struct xt_error_target *target =
	    (const void *)((const char *)entry + entry->target_offset);

	return strcmp(target->target.u.user.name, XT_ERROR_TARGET) == 0 ? target->errorname : NULL;
}

/* The chain whose first rule stands here. */
static const char *chain_at(const struct table *table, size_t place)
{
	const struct ipt_entry *entry;

	for (size_t at = 0; at < place && (entry = entry_at(table, at)) != NULL;
	     at += entry->next_offset) {
		if (at + entry->next_offset == place && name_of(entry))
			return name_of(entry);
	}
	return "?";
}

/* ---- one rule as expressions ---- */

static void add_match(json_t *rule, bool unlike, json_t *left, json_t *right)
{
	json_array_append_new(rule, json_pack("{s:{s:s,s:o,s:o}}", "match", "op",
					      unlike ? "!=" : "==", "left", left, "right", right));
}

/* As much of a name is compared as the mask covers; of a whole one that is its end, too. */
static void add_device(json_t *rule, const char *key, const char *name, const unsigned char *mask,
		       bool unlike)
{
	char pattern[IFNAMSIZ + 2];
	size_t covered = 0;

	while (covered < IFNAMSIZ && mask[covered] != 0)
		covered++;
	if (covered == 0)
		return;
	snprintf(pattern, sizeof(pattern), "%.*s%s", (int)covered, name,
		 strnlen(name, covered) < covered ? "" : "*");
	add_match(rule, unlike, json_pack("{s:{s:s}}", "meta", "key", key), json_string(pattern));
}

static void add_address(json_t *rule, const char *field, struct in_addr addr, struct in_addr mask,
			bool unlike)
{
	char text[INET_ADDRSTRLEN];
	uint32_t bits = ntohl(mask.s_addr);

	if (bits == 0)
		return;
	(void)inet_ntop(AF_INET, &addr, text, sizeof(text));
	add_match(
	    rule, unlike, json_pack("{s:{s:s,s:s}}", "payload", "protocol", "ip", "field", field),
	    json_pack("{s:{s:s,s:i}}", "prefix", "addr", text, "len", __builtin_popcount(bits)));
}

static const char *protocol_name(unsigned protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : "other";
}

static json_t *xt(const char *type, const char *name)
{
	return json_pack("{s:{s:s,s:s}}", "xt", "type", type, "name", name);
}

/* Ports say that it is for some of the traffic only, states are read; of other matches the name is
 * all that is told. */
static void add_one(json_t *rule, const struct xt_entry_match *match)
{
	char name[NAME_BYTES_MAX];
	json_t *states = NULL;

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(match->u.user.name), match->u.user.name);
	if (conntrack_is(name))
		states = conntrack_read(name, match->u.user.revision, match->data,
					match->u.match_size - sizeof(*match));
	if (states)
		json_array_extend(rule, states);
	else if (strcmp(name, "tcp") == 0 || strcmp(name, "udp") == 0 ||
		 strcmp(name, "icmp") == 0 || strcmp(name, "multiport") == 0)
		add_match(rule, false,
			  json_pack("{s:{s:s,s:s}}", "payload", "protocol", "th", "field", "dport"),
			  json_integer(0));
	else
		json_array_append_new(rule, xt("match", name));
	json_decref(states);
}

static void add_matches(json_t *rule, const struct ipt_entry *entry)
{
	size_t at = sizeof(*entry);

	while (at + sizeof(struct xt_entry_match) <= entry->target_offset) {
		const struct xt_entry_match *match = (const void *)((const char *)entry + at);

		/* One that is larger than what is there is none. */
		if (match->u.match_size < sizeof(*match) ||
		    match->u.match_size > entry->target_offset - at) {
			json_array_append_new(rule, xt("match", "?"));
			break;
		}
		add_one(rule, match);
		at += match->u.match_size;
	}
}

static void add_target(json_t *rule, const struct table *table, const struct ipt_entry *entry)
{
	const struct xt_standard_target *standard = standard_of(entry);
	char name[NAME_BYTES_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(standard->target.u.user.name),
		 standard->target.u.user.name);
	if (name[0] != '\0')
		json_array_append_new(rule, xt("target", name));
	else if (standard->verdict >= 0)
		json_array_append_new(
		    rule, json_pack("{s:{s:s}}", entry->ip.flags & IPT_F_GOTO ? "goto" : "jump",
				    "target", chain_at(table, (size_t)standard->verdict)));
	else
		json_array_append_new(rule,
				      json_pack("{s:n}", standard->verdict == XT_RETURN ? "return"
							 : is_drop(entry)               ? "drop"
									  : "accept"));
}

static json_t *rule_of(const struct table *table, const struct ipt_entry *entry)
{
	const struct ipt_ip *ip = &entry->ip;
	json_t *rule = json_array();

	add_device(rule, "iifname", ip->iniface, ip->iniface_mask, ip->invflags & IPT_INV_VIA_IN);
	add_device(rule, "oifname", ip->outiface, ip->outiface_mask,
		   ip->invflags & IPT_INV_VIA_OUT);
	add_address(rule, "saddr", ip->src, ip->smsk, ip->invflags & IPT_INV_SRCIP);
	add_address(rule, "daddr", ip->dst, ip->dmsk, ip->invflags & IPT_INV_DSTIP);
	if (ip->proto != 0)
		add_match(rule, ip->invflags & IPT_INV_PROTO,
			  json_pack("{s:{s:s}}", "meta", "key", "l4proto"),
			  json_string(protocol_name(ip->proto)));
	if ((ip->flags & IPT_F_FRAG) && !(ip->invflags & IPT_INV_FRAG))
		json_array_append_new(rule, xt("match", "fragment"));
	add_matches(rule, entry);
	add_target(rule, table, entry);
	return rule;
}

/* ---- the table ---- */

static void add_chain(json_t *list, const char *policy)
{
	json_array_append_new(list, json_pack("{s:{s:s,s:s,s:s,s:s,s:s}}", "chain", "family", "ip",
					      "table", LEGACY_TABLE, "name", "FORWARD", "hook",
					      "forward", "policy", policy));
}

static void add_rule(json_t *list, const struct table *table, const char *chain,
		     const struct ipt_entry *entry)
{
	json_array_append_new(list, json_pack("{s:{s:s,s:s,s:s,s:o}}", "rule", "family", "ip",
					      "table", LEGACY_TABLE, "chain", chain, "expr",
					      rule_of(table, entry)));
}

/* Chains follow each other: one of the user's begins behind an entry that has its name, one of the
 * kernel's lies between where it is entered and its policy. */
json_t *legacy_listing(const void *entries, size_t bytes, size_t hook, size_t underflow)
{
	const struct table table = {entries, bytes};
	json_t *list = json_array();
	const char *chain = NULL;

	for (size_t at = 0; at < bytes;) {
		const struct ipt_entry *entry = entry_at(&table, at);

		if (!entry) {
			json_decref(list);
			return NULL;
		}
		if (at == hook)
			chain = "FORWARD";
		if (at == underflow) {
			add_chain(list, is_drop(entry) ? "drop" : "accept");
			chain = NULL;
		} else if (name_of(entry)) {
			chain = name_of(entry);
		} else if (chain) {
			add_rule(list, &table, chain, entry);
		}
		at += entry->next_offset;
	}
	return json_pack("{s:o}", "nftables", list);
}

bool legacy_stands(void)
{
	FILE *file = fopen("/proc/self/net/ip_tables_names", "re");
	char line[NAME_BYTES_MAX];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found = found || strcmp(line, "filter\n") == 0;
	if (file)
		fclose(file);
	return found;
}

json_t *legacy_read(void)
{
	struct ipt_getinfo info = {.name = "filter"};
	struct ipt_get_entries *all = NULL;
	socklen_t len = sizeof(info);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	json_t *listing = NULL;

	if (fd < 0)
		return NULL;
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len) == 0) {
		len = (socklen_t)(sizeof(*all) + info.size);
		all = calloc(1, len);
		WEFT_ASSERT(all != NULL);
		memcpy(all->name, info.name, sizeof(all->name));
		all->size = info.size;
		if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, all, &len) == 0) {
			errno = EPROTO;
			listing = legacy_listing(all->entrytable, info.size,
						 info.hook_entry[NF_INET_FORWARD],
						 info.underflow[NF_INET_FORWARD]);
		}
	}
	free(all);
	close(fd);
	return listing;
}
