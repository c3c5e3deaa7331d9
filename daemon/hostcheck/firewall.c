/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A walk along rules, as the kernel would make it. A match is answered by yes, no or maybe; what
 * holds for some protocols or ports only is no: it is asked what becomes of boxes' traffic as such.
 *
 * A rule that may hold is not taken to drop. It is taken to accept when another of its matches
 * names weft's devices or the boxes' addresses, as whoever wrote it had them in mind; else the walk
 * goes on, and its end is unsure. Where it could not be read which states iptables' conntrack match
 * asks for (conntrack.h), nearly always it is those of answers: these are taken and others are not.
 */
#include "daemon/hostcheck/firewall.h"

#include <stdio.h>
#include <string.h>

#include "daemon/hostcheck/firewall_match.h"
#include "gossip/base/check.h"

#define DEPTH_MAX 32 /* jumps; the kernel allows 16 */
#define RULES_MAX (1u << 20)

enum end {
	GOES_ON, /* to the next rule of the chain that jumped here */
	ACCEPTED,
	DROPPED
};

/* ---- taking the listing apart ---- */

static json_t *list_at(json_t *lists, const json_t *object, const char *name)
{
	char key[KEY_BYTES];
	json_t *list;

	match_key(key, match_text(object, "family"), match_text(object, "table"),
		  match_text(object, name));
	list = json_object_get(lists, key);
	if (list)
		return list;
	list = json_array();
	json_object_set_new(lists, key, list);
	return list;
}

void firewall_init(struct firewall *firewall, const json_t *listing)
{
	const json_t *item, *object;
	size_t i;

	*firewall = (struct firewall){json_object(), json_object(), json_array()};
	json_array_foreach(json_object_get(listing, "nftables"), i, item)
	{
		if ((object = json_object_get(item, "chain")) != NULL) {
			(void)list_at(firewall->chains, object, "name");
			if (strcmp(match_text(object, "hook"), "forward") == 0)
				json_array_append(firewall->bases, (json_t *)(uintptr_t)object);
		} else if ((object = json_object_get(item, "rule")) != NULL) {
			json_array_append(list_at(firewall->chains, object, "chain"),
					  json_object_get(object, "expr"));
		} else if ((object = json_object_get(item, "set")) != NULL ||
			   (object = json_object_get(item, "map")) != NULL) {
			json_array_extend(list_at(firewall->sets, object, "name"),
					  json_object_get(object, "elem"));
		}
	}
}

void firewall_close(struct firewall *firewall)
{
	json_decref(firewall->chains);
	json_decref(firewall->sets);
	json_decref(firewall->bases);
}

/* ---- rules ---- */

static enum end walk_chain(struct walk *walk, const char *chain, const struct hold *outer);

/* What else a rule can have: matches of other kinds, and what leaves the packet alone. */
static void note_other(const char *name, const json_t *value, struct hold *hold)
{
	static const char *const harmless[] = {
	    "counter", "log",    "mangle", "notrack", "flow", "ct helper",     "ct timeout",
	    "set",     "tproxy", "dup",    "secmark", "last", "ct expectation"};

	if (strcmp(name, "xt") == 0) {
		const char *match = match_text(value, "name");

		if (strcmp(match, "conntrack") == 0 || strcmp(match, "state") == 0)
			hold->conntrack = true;
		else if (strcmp(match, "comment") != 0 &&
			 strcmp(match_text(value, "type"), "target") != 0)
			hold->maybe = true;
		return;
	}
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (strcmp(name, harmless[i]) == 0)
			return;
	}
	hold->maybe = true;
}

static enum end accept(struct walk *walk, const struct hold *hold)
{
	bool answer = walk->packet->answer;

	if (hold->weft || (!hold->maybe && (!hold->conntrack || answer)))
		return ACCEPTED;
	/* Of the first packets iptables' conntrack takes none. */
	if (hold->maybe && (!hold->conntrack || answer))
		walk->fate->unsure = true;
	return GOES_ON;
}

static enum end drop(struct walk *walk, const char *chain, const struct hold *hold)
{
	if (hold->maybe || hold->conntrack)
		return GOES_ON;
	snprintf(walk->fate->chain, sizeof(walk->fate->chain), "%s", chain);
	return DROPPED;
}

/* Is it a verdict? Then *end and *leaves are set: whether the chain ends here. In a branch that is
 * only maybe entered (outer) it does when nothing of the rule itself is maybe. */
static bool verdict(struct walk *walk, const char *chain, const char *name, const json_t *value,
		    const struct hold *outer, const struct hold *hold, enum end *end, bool *leaves)
{
	const char *target = strcmp(name, "xt") == 0 ? match_text(value, "name") : "";
	bool holds = hold->maybe == outer->maybe && hold->conntrack == outer->conntrack;
	bool sure = !hold->maybe && !hold->conntrack;

	*end = GOES_ON;
	*leaves = true;
	if (strcmp(name, "accept") == 0) {
		*end = accept(walk, hold);
	} else if (strcmp(name, "drop") == 0 || strcmp(name, "reject") == 0 ||
		   strcmp(target, "REJECT") == 0 || strcmp(target, "DROP") == 0) {
		*end = drop(walk, chain, hold);
	} else if (strcmp(name, "queue") == 0 || strcmp(target, "NFQUEUE") == 0) {
		/* A program decides. */
		*end = sure || hold->weft ? ACCEPTED : GOES_ON;
	} else if (strcmp(name, "jump") == 0 || strcmp(name, "goto") == 0) {
		if (sure && strcmp(match_text(value, "target"), "DOCKER-USER") == 0)
			walk->fate->docker = true;
		*end = walk_chain(walk, match_text(value, "target"), hold);
		*leaves = name[0] == 'g';
	} else if (strcmp(name, "continue") == 0) {
		*leaves = false;
	} else if (strcmp(name, "return") != 0) {
		*leaves = false;
		return false;
	}
	*leaves = *end != GOES_ON || (*leaves && holds);
	return true;
}

/* The verdict that a map has for this packet, or NULL. */
static const json_t *look_up(const struct walk *walk, const json_t *vmap, struct hold *hold)
{
	const json_t *data = json_object_get(vmap, "data"), *list = match_elements(walk, data),
		     *found = NULL;
	enum answer answer;

	if (!list) {
		hold->maybe = true;
		return NULL;
	}
	answer = match_any(walk, json_object_get(vmap, "key"), list, hold, &found);
	hold->maybe = hold->maybe || answer == MAYBE;
	return answer == NO ? NULL : found;
}

/* One rule: *leaves says whether the chain ends with it. */
static enum end walk_rule(struct walk *walk, const char *chain, const json_t *rule,
			  const struct hold *outer, bool *leaves)
{
	struct hold hold = *outer;
	const json_t *item, *found;
	enum end end;
	size_t i;

	*leaves = false;
	json_array_foreach(rule, i, item)
	{
		const char *name =
		    json_object_iter_key(json_object_iter((json_t *)(uintptr_t)item));
		const json_t *value = name ? json_object_get(item, name) : NULL;
		struct hold before = hold;
		enum answer answer;

		if (!name)
			continue;
		if (strcmp(name, "match") == 0) {
			answer = match_holds(walk, value, &hold);
			if (answer == NO)
				return GOES_ON;
			hold.maybe = hold.maybe || answer == MAYBE;
			continue;
		}
		if (strcmp(name, "vmap") == 0) {
			found = look_up(walk, value, &hold);
			if (!found) {
				hold = before;
				continue;
			}
			name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)found));
			value = name ? json_object_get(found, name) : NULL;
		}
		if (!name || !verdict(walk, chain, name, value, outer, &hold, &end, leaves))
			note_other(name ? name : "", value, &hold);
		else if (*leaves || end != GOES_ON)
			return end;
	}
	return GOES_ON;
}

static enum end walk_chain(struct walk *walk, const char *chain, const struct hold *outer)
{
	bool leaves = false;
	enum end end = GOES_ON;
	char key[KEY_BYTES];
	const json_t *rule;
	size_t i;

	if (++walk->depth > DEPTH_MAX)
		walk->fate->unsure = true;
	match_key(key, walk->family, walk->table, chain);
	json_array_foreach(json_object_get(walk->firewall->chains, key), i, rule)
	{
		if (walk->depth > DEPTH_MAX || leaves)
			break;
		/* Eight jumps in each of a dozen chains make more ways than there is time for. */
		if (++walk->rules > RULES_MAX) {
			walk->fate->unsure = true;
			break;
		}
		end = walk_rule(walk, chain, rule, outer, &leaves);
	}
	walk->depth--;
	return end;
}

void firewall_judge(const struct firewall *firewall, const json_t *base,
		    const struct packet *packet, struct fate *fate)
{
	static const struct hold certain;
	struct walk walk = {.firewall = firewall,
			    .packet = packet,
			    .family = match_text(base, "family"),
			    .table = match_text(base, "table"),
			    .fate = fate};
	enum end end;

	*fate = (struct fate){.dropped = false};
	WEFT_ASSERT(packet->in != NULL && packet->out != NULL);
	if (packet->bridged ? strcmp(walk.family, "bridge") != 0
			    : strcmp(walk.family, "inet") != 0 && strcmp(walk.family, "ip") != 0)
		return;
	end = walk_chain(&walk, match_text(base, "name"), &certain);
	fate->dropped =
	    end == DROPPED || (end == GOES_ON && strcmp(match_text(base, "policy"), "drop") == 0);
}
