/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Networks: listed, shown, removed. How they are made is in api_create.c. */
#include <string.h>

#include "daemon/json.h"
#include "daemon/pager.h"

struct network_list {
	struct daemon *d;
	struct pager pager;
};

static bool visit_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct network_list *list = ctx;
	struct page_key key = page_key_of(id, NULL);

	if (pager_wants(&list->pager, &key))
		pager_add(&list->pager, &key, json_network(list->d, id, rec));
	return true;
}

void api_network_ls(struct daemon *d, struct request *req)
{
	struct network_list list = {.d = d};
	struct weft_err err = {0};

	if (pager_begin(&list.pager, req, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	each_network(d, &list, visit_network);
	pager_answer(&list.pager, req);
}

static json_t *json_pools(const struct rec_network *rec)
{
	json_t *pools = json_array();

	for (size_t i = 0; i < rec->pool_count; i++) {
		const struct rec_pool *pool = &rec->pools[i];
		json_t *aux = json_array();

		for (size_t j = 0; j < pool->aux_count; j++)
			json_array_append_new(aux, json_inet(&pool->aux[j]));
		json_array_append_new(pools, json_pack("{s:o,s:o,s:o,s:o}", "subnet",
						       json_prefix(&pool->subnet), "gateway",
						       json_inet(&pool->gateway), "ip_range",
						       json_prefix(&pool->ip_range), "aux", aux));
	}
	return pools;
}

/* What the kernel thread says of the network's devices here. */
static json_t *json_state(const struct kernel_tell *tell)
{
	const struct overlay_network_state *state = &tell->state;

	if (!tell->has_state || !state->present)
		return json_null();
	return json_pack("{s:b,s:i,s:i,s:i,s:i,s:i,s:i,s:s}", "pending", state->pending, "failed",
			 (int)state->failed, "local_endpoints", (int)state->locals,
			 "remote_endpoints", (int)state->remotes, "conflicts",
			 (int)state->conflicts, "mtu_bytes", (int)state->mtu_bytes, "last_ms",
			 (int)state->last_ms, "error", state->error);
}

static void answer_network(struct daemon *d, struct request *req, json_t *here)
{
	struct call *call = call_of(d, req);
	const struct rec_network *rec = &call->network;
	json_t *json = json_network(d, &call->id, rec);

	json_object_set_new(json, "pools", json_pools(rec));
	json_object_set_new(json, "port", json_integer(rec->port));
	json_object_set_new(json, "multicast", json_boolean(rec->multicast));
	json_object_set_new(json, "labels", json_labels(rec->labels, rec->label_count));
	json_object_set_new(json, "created", json_wall(rec->created));
	json_object_set_new(json, "here", here);
	request_answer(req, json);
}

static void inspect_told(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	answer_network(d, req, json_state(tell));
}

void api_network_inspect(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct kernel_ask *ask;
	struct weft_err err = {0};

	if (find_network(d, request_text(req, "network"), &call->id, &call->network, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (!d->kernel) {
		answer_network(d, req, json_null());
		return;
	}
	call->told = inspect_told;
	ask = kernel_ask_new(ASK_STATE);
	ask->tag = request_tag(req);
	ask->network = call->id;
	kernel_thread_ask(d->kernel, ask);
}

void api_network_rm(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_NETWORK_RM, .flag = request_flag(req, "force")};
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0 ||
	    find_network(d, request_text(req, "network"), &request.id, NULL, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	daemon_submit(d, req, &request);
}
