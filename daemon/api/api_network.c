/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Networks: listed, shown, removed. How they are made is in api_create.c. */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/pager.h"
#include "daemon/underlay.h"
#include "ipamdb/query.h"

#define RESERVATIONS_NAMED 4

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

	/* Nobody is attached: what the first one here would get. A list does not ask for it, as it
	 * means a look at the interfaces. */
	if (json_is_null(json_object_get(json, "mtu")))
		json_object_set_new(json, "mtu",
				    json_integer(underlay_inner_mtu(&d->advertise.ip)));
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

/* An address that is kept for somebody is a use as an endpoint is; what other hosts keep only they
 * know. WEFT_E_IN_USE with the first few. */
static int check_unreserved(struct daemon *d, const struct id *network, const char *name,
			    struct weft_err *err)
{
	char list[RESERVATIONS_NAMED * (INET_TEXT_BYTES + NAME_BYTES + 8)] = "";
	char address[INET_TEXT_BYTES] = "", more[32] = "";
	size_t used = 0, count = 0;
	struct lease lease;

	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(d->node), &at, &lease);) {
		if (lease.cooling || !lease.reserved || !id_eq(&lease.network, network))
			continue;
		if (count++ >= RESERVATIONS_NAMED)
			continue;
		inet_format(&lease.address, address);
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s%s%s%s",
					 used ? ", " : "", address, lease.name[0] ? " (" : "",
					 lease.name, lease.name[0] ? ")" : "");
	}
	if (count == 0)
		return 0;
	if (count > RESERVATIONS_NAMED)
		snprintf(more, sizeof(more), " and %zu more", count - RESERVATIONS_NAMED);
	return weft_err_set(err, WEFT_E_IN_USE,
			    "network %s keeps reserved: %.300s%s; weft ipam release %s ADDRESS "
			    "gives one back, --force drops all",
			    name, list, more, name);
}

void api_network_rm(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_NETWORK_RM, .flag = request_flag(req, "force")};
	struct rec_network rec;
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0 ||
	    find_network(d, request_text(req, "network"), &request.id, &rec, &err) != 0 ||
	    (!request.flag && check_unreserved(d, &request.id, rec.name, &err) != 0)) {
		request_fail(req, &err);
		return;
	}
	daemon_submit(d, req, &request);
}
