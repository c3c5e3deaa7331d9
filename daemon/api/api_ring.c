/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who owns which part of a network, and who blocks the reclaim of what removed nodes held. */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/api.h"
#include "ipamdb/query.h"

#define BLOCKERS_SHOWN 16
#define WHY_BYTES 128
#define TODO_BYTES 192

/* Only the holder knows what is leased in its ranges: null for those of others. */
static json_t *json_own(bool is_own, uint64_t count)
{
	return is_own ? json_integer((json_int_t)count) : json_null();
}

static json_t *json_part(struct daemon *d, const struct ipam_ring_info *info)
{
	struct id self = gossip_self(node_gossip(d->node));
	char holder[NAME_BYTES + 8];
	const char *state = info->clash                   ? "conflict"
			    : info->removed || info->left ? "frozen"
			    : info->held                  ? "held"
							  : "granted";
	bool is_own = id_eq(&info->holder, &self);

	member_label(d, &info->holder, holder);
	return json_pack(
	    "{s:o,s:o,s:I,s:o,s:o,s:I,s:s,s:o,s:o,s:o}", "first", json_inet(&info->first), "last",
	    json_inet(&info->last), "addresses", (json_int_t)info->count, "holder",
	    json_name(holder), "holder_id", json_id(&info->holder), "generation",
	    (json_int_t)info->generation, "state", state, "free", json_own(is_own, info->free),
	    "leased", json_own(is_own, info->leased), "cooling", json_own(is_own, info->cooling));
}

static json_t *json_blockers(struct daemon *d)
{
	struct ipamdb *db = node_ipamdb(d->node);
	json_t *list = json_array();
	struct id removed;

	for (size_t at = 0; ipamdb_removed_next(db, &at, &removed);) {
		struct ipam_block blocks[BLOCKERS_SHOWN];
		size_t count = ipamdb_blocks(db, &removed, blocks, BLOCKERS_SHOWN);
		char label[NAME_BYTES + 8];
		json_t *names;

		if (count == 0)
			continue;
		names = json_array();
		for (size_t i = 0; i < count && i < BLOCKERS_SHOWN; i++) {
			member_label(d, &blocks[i].member, label);
			json_array_append_new(names, json_name(label));
		}
		member_label(d, &removed, label);
		json_array_append_new(list, json_pack("{s:o,s:o,s:i}", "removed", json_name(label),
						      "waits_for", names, "count", (int)count));
	}
	return list;
}

/* Why a member blocks, and what to do about it. */
static void block_words(const struct ipam_block *block, bool is_present, const char *label,
			char why[WHY_BYTES], char todo[TODO_BYTES])
{
	static const char *const whys[] = {
	    [IPAM_BLOCK_SILENT] = "has promised nothing about removed members yet",
	    [IPAM_BLOCK_VIEW] = "knows other members or removals than this host does",
	    [IPAM_BLOCK_ROWS] = "has written ranges that have not come to this host",
	    [IPAM_BLOCK_PARTING] = "has left, and not all that it wrote has come to this host",
	    [IPAM_BLOCK_STRANGER] = "is unknown to this host, but was known to one that has left",
	    [IPAM_BLOCK_TURN] = "has not taken it back yet, though its id is the lowest",
	};
	bool is_known = block->why != IPAM_BLOCK_STRANGER && block->why != IPAM_BLOCK_PARTING;

	snprintf(why, WHY_BYTES, "%s%s", is_present || !is_known ? "" : "is not there, and ",
		 whys[block->why]);
	if (block->why == IPAM_BLOCK_STRANGER)
		snprintf(todo, TODO_BYTES,
			 "see that its host runs and reaches this one; one that is off for good is "
			 "given up with weft node rm %.80s",
			 label);
	else if (block->why == IPAM_BLOCK_PARTING)
		snprintf(todo, TODO_BYTES,
			 "wait: the hosts are comparing what they know; should nobody have it any "
			 "more, weft node rm %.80s does without it",
			 label);
	else if (!is_present)
		snprintf(todo, TODO_BYTES, "start it again, or give it up with weft node rm %.80s",
			 label);
	else if (block->why == IPAM_BLOCK_SILENT || block->why == IPAM_BLOCK_TURN)
		snprintf(todo, TODO_BYTES,
			 "if it stays so, weft status on that host says whether it is fenced or "
			 "waits after a reboot");
	else
		snprintf(
		    todo, TODO_BYTES,
		    "wait: the hosts are comparing what they know; if it stays so, weft status "
		    "on that host says whether it is fenced");
}

static json_t *json_blocks(struct daemon *d)
{
	struct ipam_block blocks[BLOCKERS_SHOWN];
	size_t count = ipamdb_blocks(node_ipamdb(d->node), NULL, blocks, BLOCKERS_SHOWN);
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < BLOCKERS_SHOWN; i++) {
		struct member_info info = {.state = MEMBER_UNKNOWN};
		char label[NAME_BYTES + 8], why[WHY_BYTES], todo[TODO_BYTES];
		bool is_present;

		(void)gossip_member(node_gossip(d->node), &blocks[i].member, &info);
		is_present =
		    info.is_self || info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT;
		member_label(d, &blocks[i].member, label);
		block_words(&blocks[i], is_present, label, why, todo);
		json_array_append_new(
		    list, json_pack("{s:o,s:o,s:s,s:s,s:s}", "member", json_name(label),
				    "member_id", json_id(&blocks[i].member), "state",
				    member_state_name(info.state), "why", why, "todo", todo));
	}
	return list;
}

void api_ipam_ring(struct daemon *d, struct request *req)
{
	struct ipamdb *db = node_ipamdb(d->node);
	struct ipam_net_info net = {.known = false};
	struct ipam_ring_info info;
	struct weft_err err = {0};
	json_t *ranges = json_array();
	struct rec_network rec;
	struct id id;

	if (find_network(d, request_text(req, "network"), &id, &rec, &err) != 0) {
		json_decref(ranges);
		request_fail(req, &err);
		return;
	}
	for (size_t at = 0; ipamdb_ring_next(db, &id, &at, &info);)
		json_array_append_new(ranges, json_part(d, &info));
	(void)ipamdb_net(db, &id, &net);
	request_answer(
	    req,
	    json_pack("{s:o,s:o,s:I,s:o,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I},s:i,s:I,s:I,s:o,s:o}",
		      "network", json_name(rec.name), "network_id", json_id(&id), "total",
		      (json_int_t)net.total, "ranges", ranges, "here", "held", (json_int_t)net.held,
		      "leased", (json_int_t)net.leased, "reserved", (json_int_t)net.reserved,
		      "cooling", (json_int_t)net.cooling, "special", (json_int_t)net.special,
		      "free", (json_int_t)net.free, "promised", (json_int_t)net.promised, "rows",
		      (json_int_t)net.own_rows, "holders", (int)net.holders, "conflicts",
		      (json_int_t)net.conflicts, "frozen", (json_int_t)net.frozen, "blockers",
		      json_blockers(d), "blocks", json_blocks(d)));
}
