/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Endpoints of all hosts, as their rows tell. */
#include <string.h>

#include "daemon/json.h"
#include "daemon/pager.h"

struct endpoint_list {
	struct daemon *d;
	struct pager pager;
};

static bool visit_endpoint(void *ctx, const struct endpoint_found *found)
{
	struct endpoint_list *list = ctx;
	struct page_key key = page_key_of(&found->network, found->id.b);

	if (pager_wants(&list->pager, &key))
		pager_add(&list->pager, &key, json_endpoint(list->d, found));
	return true;
}

void api_endpoint_ls(struct daemon *d, struct request *req)
{
	const char *network = request_text(req, "network");
	struct endpoint_list list = {.d = d};
	struct weft_err err = {0};
	struct id id;

	if ((network && find_network(d, network, &id, NULL, &err) != 0) ||
	    pager_begin(&list.pager, req, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	each_endpoint(d, network ? &id : NULL, &list, visit_endpoint);
	pager_answer(&list.pager, req);
}

/* Where an endpoint of this host is plugged in; null for others. */
static json_t *json_plug(struct daemon *d, const struct id *id)
{
	struct local_endpoint local;

	for (size_t at = 0; node_endpoint_next(d->node, &at, &local);) {
		if (!id_eq(&local.id, id))
			continue;
		return json_pack("{s:s,s:s,s:o,s:I,s:o}", "ifname", local.ifname, "host_ifname",
				 local.host_ifname, "netns", json_name(local.netns), "netns_inode",
				 (json_int_t)local.netns_inode, "since", json_wall(local.since));
	}
	return json_null();
}

void api_endpoint_inspect(struct daemon *d, struct request *req)
{
	struct endpoint_found found;
	struct weft_err err = {0};
	json_t *json;

	if (find_endpoint(d, NULL, request_text(req, "endpoint"), &found, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	json = json_endpoint(d, &found);
	json_object_set_new(json, "here", json_plug(d, &found.id));
	request_answer(req, json);
}
