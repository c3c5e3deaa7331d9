/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Endpoints of all hosts, as their rows tell. */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/pager.h"
#include "overlay/names.h"

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

/* Rows of a network's endpoints go only to the hosts that are attached to it. Of the others this
 * host knows how many endpoints there are, from the attachments. */
struct elsewhere {
	struct daemon *d;
	const struct id *only;
	json_t *list;
};

static bool visit_known(void *ctx, const struct endpoint_found *found)
{
	size_t *known = ctx;

	*known += !found->rec.is_host;
	return true;
}

static bool visit_elsewhere(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct elsewhere *elsewhere = ctx;
	size_t known = 0;
	struct network_sums sums;

	if (elsewhere->only && !id_eq(elsewhere->only, id))
		return true;
	each_endpoint(elsewhere->d, id, &known, visit_known);
	sums = network_sums(elsewhere->d, id);
	if (known == 0 && sums.endpoints > 0)
		json_array_append_new(
		    elsewhere->list, json_pack("{s:o,s:i,s:i,s:o}", "network", json_name(rec->name),
					       "endpoints", (int)sums.endpoints, "hosts",
					       (int)sums.hosts, "host", json_name(sums.host)));
	return true;
}

void api_endpoint_ls(struct daemon *d, struct request *req)
{
	const char *network = request_text(req, "network");
	struct endpoint_list list = {.d = d};
	struct elsewhere elsewhere = {.d = d, .list = NULL};
	struct weft_err err = {0};
	struct id id;

	if ((network && find_network(d, network, &id, NULL, &err) != 0) ||
	    pager_begin(&list.pager, req, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	each_endpoint(d, network ? &id : NULL, &list, visit_endpoint);
	elsewhere.only = network ? &id : NULL;
	elsewhere.list = json_array();
	each_network(d, &elsewhere, visit_elsewhere);
	list.pager.beside = json_pack("{s:o}", "elsewhere", elsewhere.list);
	pager_answer(&list.pager, req);
}

/* Where an endpoint of this host is plugged in; null for others. */
static json_t *json_plug(struct daemon *d, const struct id *id)
{
	struct local_endpoint local;
	char port[IFNAME_BYTES];

	for (size_t at = 0; node_endpoint_next(d->node, &at, &local);) {
		if (!id_eq(&local.id, id))
			continue;
		name_local_port(&local, port);
		return json_pack("{s:s,s:s,s:o,s:I,s:o}", "ifname", local.ifname, "host_ifname",
				 port, "netns", json_name(local.netns), "netns_inode",
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
