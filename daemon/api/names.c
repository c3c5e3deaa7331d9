/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/api/names.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"

static const struct id topic_all;

void match_begin(struct match *match, const char *text)
{
	memset(match, 0, sizeof(*match));
	match->text = text;
}

void match_offer(struct match *match, const struct id *id, const char *name)
{
	struct id whole;

	WEFT_ASSERT(id != NULL);
	if (id_parse(match->text, &whole) == 0 && id_eq(&whole, id)) {
		match->exact = true;
		match->exact_id = *id;
	}
	if (name && name[0] && strcmp(name, match->text) == 0) {
		if (match->by_name < MATCH_IDS)
			match->name_ids[match->by_name] = *id;
		match->by_name++;
	}
	if (id_has_prefix(id, match->text)) {
		if (match->by_prefix < MATCH_IDS)
			match->prefix_ids[match->by_prefix] = *id;
		match->by_prefix++;
	}
}

static int match_ambiguous(const struct match *match, const char *what, size_t count,
			   const struct id *ids, struct weft_err *err)
{
	char list[MATCH_IDS * (ID_TEXT_BYTES + 1) + 8] = "";
	size_t len = 0;

	for (size_t i = 0; i < count && i < MATCH_IDS; i++) {
		list[len++] = ' ';
		id_format(&ids[i], list + len);
		len += ID_TEXT_BYTES - 1;
	}
	return weft_err_set(err, WEFT_E_AMBIGUOUS,
			    "\"%.64s\" fits %zu %ss; name one by its id:%s%s", match->text, count,
			    what, list, count > MATCH_IDS ? " ..." : "");
}

int match_end(const struct match *match, const char *what, const char *list, struct id *id,
	      struct weft_err *err)
{
	if (match->exact) {
		*id = match->exact_id;
		return 0;
	}
	if (match->by_name == 1) {
		*id = match->name_ids[0];
		return 0;
	}
	if (match->by_name > 1)
		return match_ambiguous(match, what, match->by_name, match->name_ids, err);
	if (match->by_prefix == 1) {
		*id = match->prefix_ids[0];
		return 0;
	}
	if (match->by_prefix > 1)
		return match_ambiguous(match, what, match->by_prefix, match->prefix_ids, err);
	return weft_err_set(err, WEFT_E_NOT_FOUND, "no %s \"%.64s\"; see %s", what, match->text,
			    list);
}

void member_info_label(const struct member_info *info, char out[NAME_BYTES + 8])
{
	char id[ID_TEXT_BYTES];

	id_format(&info->id, id);
	if (info->name[0] == '\0')
		snprintf(out, NAME_BYTES + 8, "%s", id);
	else if (info->name_shared)
		snprintf(out, NAME_BYTES + 8, "%s~%.4s", info->name, id);
	else
		snprintf(out, NAME_BYTES + 8, "%s", info->name);
}

void member_label(struct daemon *d, const struct id *id, char out[NAME_BYTES + 8])
{
	struct member_info info;

	if (gossip_member(node_gossip(d->node), id, &info))
		member_info_label(&info, out);
	else
		id_format(id, out);
}

enum member_state member_shown(const struct daemon *d, const struct member_info *info)
{
	if (info->is_self && gossip_phase(node_gossip(d->node)) == NODE_REMOVED)
		return MEMBER_REMOVED;
	return info->state;
}

static bool is_gone(const struct member_info *info)
{
	return info->state == MEMBER_LEFT || info->state == MEMBER_REMOVED;
}

/* Somebody new may have the name of somebody who is gone; and who was removed may run on, so that
 * there is more to be said about it than about who left. */
static int rank_of(const struct member_info *info)
{
	if (!is_gone(info))
		return 0;
	return info->state == MEMBER_REMOVED ? 1 : 2;
}

int find_member(struct daemon *d, const char *text, struct member_info *info, struct weft_err *err)
{
	const struct gossip *g = node_gossip(d->node);
	struct match match;
	struct id id;
	int rc;

	for (int rank = 0; rank <= 2; rank++) {
		match_begin(&match, text);
		for (size_t at = 0; gossip_member_next(g, &at, info);) {
			char label[NAME_BYTES + 8];

			member_info_label(info, label);
			if (rank_of(info) > rank)
				continue;
			match_offer(&match, &info->id,
				    strcmp(label, text) == 0 ? label : info->name);
		}
		rc = match_end(&match, "member", "weft members", &id, err);
		if (rc != WEFT_E_NOT_FOUND)
			break;
	}
	if (rc == 0 && !gossip_member(g, &id, info))
		return weft_err_set(err, WEFT_E_NOT_FOUND, "no member \"%.64s\"", text);
	return rc;
}

static bool fact_is_there(const struct daemon *d, uint16_t kind, const struct id *id)
{
	struct row_view row;

	return gossip_row(node_gossip(d->node), NULL, &topic_all, kind, id->b, ID_BYTES, &row);
}

struct network_walk {
	struct daemon *d;
	void *ctx;
	bool (*visit)(void *ctx, const struct id *id, const struct rec_network *rec);
};

static bool visit_network(void *ctx, const struct row_view *row)
{
	struct network_walk *walk = ctx;
	struct id id = row_key_id(row);
	struct rec_network rec;

	if (fact_is_there(walk->d, FACT_NETWORK_END, &id) ||
	    rec_network_decode(row->value, row->value_len, &rec) != 0)
		return true;
	return walk->visit(walk->ctx, &id, &rec);
}

void each_network(struct daemon *d, void *ctx,
		  bool (*visit)(void *ctx, const struct id *id, const struct rec_network *rec))
{
	struct network_walk walk = {d, ctx, visit};

	gossip_rows(node_gossip(d->node), &topic_all, FACT_NETWORK, visit_network, &walk);
}

static bool offer_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	match_offer(ctx, id, rec->name);
	return true;
}

int find_network(struct daemon *d, const char *text, struct id *id, struct rec_network *rec,
		 struct weft_err *err)
{
	struct match match;
	struct row_view row;
	int rc;

	match_begin(&match, text);
	each_network(d, &match, offer_network);
	rc = match_end(&match, "network", "weft network ls", id, err);
	if (rc != 0 || !rec)
		return rc;
	if (!gossip_row(node_gossip(d->node), NULL, &topic_all, FACT_NETWORK, id->b, ID_BYTES,
			&row) ||
	    rec_network_decode(row.value, row.value_len, rec) != 0)
		return weft_err_set(err, WEFT_E_NOT_FOUND, "no network \"%.64s\"", text);
	return 0;
}

struct endpoint_walk {
	struct daemon *d;
	void *ctx;
	bool (*visit)(void *ctx, const struct endpoint_found *found);
	bool stopped;
};

static bool visit_endpoint(void *ctx, const struct row_view *row)
{
	struct endpoint_walk *walk = ctx;
	struct endpoint_found found = {.id = row_key_id(row),
				       .network = row->topic,
				       .owner = row->owner,
				       .epoch = row->epoch,
				       .sequence = row->sequence};
	struct member_info owner;

	/* Rows of who left or was removed are kept, but mean nothing any more. */
	if (gossip_member(node_gossip(walk->d->node), &row->owner, &owner) && is_gone(&owner))
		return true;
	if (rec_endpoint_decode(row->value, row->value_len, &found.rec) != 0)
		return true;
	walk->stopped = !walk->visit(walk->ctx, &found);
	return !walk->stopped;
}

static bool visit_topic(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct endpoint_walk *walk = ctx;

	(void)rec;
	gossip_rows(node_gossip(walk->d->node), id, ROW_ENDPOINT, visit_endpoint, walk);
	return !walk->stopped;
}

void each_endpoint(struct daemon *d, const struct id *network, void *ctx,
		   bool (*visit)(void *ctx, const struct endpoint_found *found))
{
	struct endpoint_walk walk = {d, ctx, visit, false};

	if (network)
		visit_topic(&walk, network, NULL);
	else
		each_network(d, &walk, visit_topic);
}

struct endpoint_search {
	struct match match;
	struct endpoint_found *out;
	const struct id *wanted;
};

static bool offer_endpoint(void *ctx, const struct endpoint_found *found)
{
	struct endpoint_search *search = ctx;

	match_offer(&search->match, &found->id, found->rec.name);
	return true;
}

static bool take_endpoint(void *ctx, const struct endpoint_found *found)
{
	struct endpoint_search *search = ctx;

	if (!id_eq(&found->id, search->wanted))
		return true;
	*search->out = *found;
	return false;
}

int find_endpoint(struct daemon *d, const struct id *network, const char *text,
		  struct endpoint_found *found, struct weft_err *err)
{
	struct endpoint_search search = {.out = found};
	struct id id;
	int rc;

	match_begin(&search.match, text);
	each_endpoint(d, network, &search, offer_endpoint);
	rc = match_end(&search.match, "endpoint", "weft endpoint ls", &id, err);
	if (rc != 0)
		return rc;
	search.wanted = &id;
	each_endpoint(d, network, &search, take_endpoint);
	return 0;
}
