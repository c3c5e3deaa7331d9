/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tokens and admins: who may let nodes in. */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/pager.h"
#include "gossip/trust/token.h"

#define ADMITTED_SHOWN 64

static const struct id topic_all;

json_t *json_token_expires(const char *text)
{
	const struct gossip_crypto *crypto = gossip_crypto_sodium();
	struct weft_err err;
	struct token token;
	json_t *json = NULL;

	if (text && token_parse(crypto, text, &token, &err) == 0)
		json = json_wall(token.terms.expires);
	crypto->wipe(crypto->ctx, &token, sizeof(token));
	return json ? json : json_null();
}

void api_token_create_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	(void)d;
	request_answer(req, json_pack("{s:s,s:o,s:o}", "token", answer->text ? answer->text : "",
				      "id", json_id(&answer->id), "expires",
				      json_token_expires(answer->text)));
}

void api_token_create(struct daemon *d, struct request *req)
{
	struct rec_label labels[4];
	uint64_t ttl = TOKEN_TTL_MS;
	const char *pattern = request_text(req, "name_pattern");
	struct node_request request = {
	    .kind = NODE_TOKEN_CREATE, .text = pattern ? pattern : "", .labels = labels};
	struct weft_err err = {0};

	request_uint(req, "ttl_ms", &ttl);
	if (ttl < 1000 || ttl > UINT64_C(366) * 86400000) {
		api_fail(req, WEFT_E_INVALID, "--ttl is between 1s and 366d");
		return;
	}
	if (strlen(request.text) >= NAME_BYTES) {
		api_fail(req, WEFT_E_INVALID, "--name-pattern has at most %d bytes",
			 NAME_BYTES - 1);
		return;
	}
	if (api_is_active(d, &err) != 0 || labels_from_json(request_json(req, "tags"), labels, 4,
							    &request.label_count, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	request.ttl_ms = (int64_t)ttl;
	daemon_submit(d, req, &request);
}

struct token_list {
	struct daemon *d;
	struct pager pager;
};

/* Of each that was not revoked. */
static bool visit_token(void *ctx, const struct row_view *row)
{
	struct token_list *list = ctx;
	struct id id = row_key_id(row);
	struct page_key key = page_key_of(&id, NULL);
	struct rec_token rec;
	char author[NAME_BYTES + 8];

	if (!pager_wants(&list->pager, &key) ||
	    rec_token_decode(row->value, row->value_len, &rec) != 0)
		return true;
	member_label(list->d, &row->owner, author);
	pager_add(&list->pager, &key,
		  json_pack("{s:o,s:s,s:o,s:o,s:o,s:o}", "id", json_id(&id), "state",
			    rec.expires.ms <= daemon_wall().ms ? "expired" : "valid", "expires",
			    json_wall(rec.expires), "name_pattern", json_name(rec.name_pattern),
			    "tags", json_labels(rec.tags, rec.tag_count), "made_by",
			    json_name(author)));
	return true;
}

void api_token_ls(struct daemon *d, struct request *req)
{
	struct token_list list = {.d = d};
	struct weft_err err = {0};

	if (pager_begin(&list.pager, req, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	gossip_rows(node_gossip(d->node), &topic_all, FACT_TOKEN, visit_token, &list);
	pager_answer(&list.pager, req);
}

/* Whom the token or admin that was revoked had admitted: they stay members, and an admin may want
 * to look at them. */
void api_revoke_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	struct id ids[ADMITTED_SHOWN];
	size_t count = gossip_admitted_by(node_gossip(d->node), &answer->id, ids, ADMITTED_SHOWN);
	json_t *names = json_array();

	for (size_t i = 0; i < count && i < ADMITTED_SHOWN; i++) {
		char label[NAME_BYTES + 8];

		member_label(d, &ids[i], label);
		json_array_append_new(names, json_name(label));
	}
	request_answer(req, json_pack("{s:o,s:o,s:i}", "id", json_id(&answer->id), "admitted",
				      names, "admitted_count", (int)count));
}

static bool offer_token(void *ctx, const struct row_view *row)
{
	struct id id = row_key_id(row);

	match_offer(ctx, &id, NULL);
	return true;
}

void api_token_rm(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_TOKEN_RM};
	struct weft_err err = {0};
	struct match match;

	match_begin(&match, request_text(req, "token"));
	gossip_rows(node_gossip(d->node), &topic_all, FACT_TOKEN, offer_token, &match);
	if (api_is_active(d, &err) != 0 ||
	    match_end(&match, "token", "weft token ls", &request.id, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	daemon_submit(d, req, &request);
}

void api_admin_ls(struct daemon *d, struct request *req)
{
	struct member_info info;
	struct pager pager;
	struct weft_err err = {0};

	if (pager_begin(&pager, req, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		struct page_key key = page_key_of(&info.id, NULL);
		char label[NAME_BYTES + 8];

		if (!info.is_admin || !pager_wants(&pager, &key))
			continue;
		member_info_label(&info, label);
		pager_add(&pager, &key,
			  json_pack("{s:o,s:o,s:s,s:b}", "name", json_name(label), "id",
				    json_id(&info.id), "state", member_state_name(info.state),
				    "self", info.is_self));
	}
	pager_answer(&pager, req);
}

static void admin_change(struct daemon *d, struct request *req, enum node_request_kind kind)
{
	struct node_request request = {.kind = kind};
	struct member_info info;
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0 ||
	    find_member(d, request_text(req, "node"), &info, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	request.id = info.id;
	daemon_submit(d, req, &request);
}

void api_admin_add(struct daemon *d, struct request *req)
{
	admin_change(d, req, NODE_ADMIN_ADD);
}

void api_admin_rm(struct daemon *d, struct request *req)
{
	admin_change(d, req, NODE_ADMIN_RM);
}
