/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Members, and this node among them. */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/pager.h"
#include "ipamdb/query.h"

void api_members(struct daemon *d, struct request *req)
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

		if (pager_wants(&pager, &key))
			pager_add(&pager, &key, json_member(d, &info));
	}
	pager_answer(&pager, req);
}

void api_node_inspect(struct daemon *d, struct request *req)
{
	struct member_info info;
	struct weft_err err = {0};
	json_t *json;

	if (find_member(d, request_text(req, "node"), &info, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	json = json_member(d, &info);
	json_object_set_new(json, "vtep", json_inet(&info.vtep));
	json_object_set_new(json, "epoch", json_integer((json_int_t)info.epoch));
	json_object_set_new(json, "wire_min", json_integer(info.wire_min));
	json_object_set_new(json, "wire_max", json_integer(info.wire_max));
	json_set_heard(json, &info);
	request_answer(req, json);
}

/* One whom nobody here knows, but one who left did: its space is waited for. */
static bool find_stranger(struct daemon *d, const char *text, struct id *id)
{
	return id_parse(text, id) == 0 && ipamdb_is_stranger(node_ipamdb(d->node), id);
}

void api_node_rm(struct daemon *d, struct request *req)
{
	const char *reason = request_text(req, "reason");
	struct node_request request = {.kind = NODE_REMOVE, .text = reason ? reason : ""};
	struct member_info info = {.is_self = false};
	struct weft_err err = {0};

	if (api_is_active(d, &err) == 0 && find_stranger(d, request_text(req, "node"), &info.id))
		request.flag = true;
	else if (err.code != 0 || find_member(d, request_text(req, "node"), &info, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (info.is_self) {
		api_fail(req, WEFT_E_INVALID, "a node does not remove itself; use weft leave");
		return;
	}
	if (strlen(request.text) >= NAME_BYTES) {
		api_fail(req, WEFT_E_INVALID, "--reason has at most %d bytes", NAME_BYTES - 1);
		return;
	}
	request.id = info.id;
	daemon_submit(d, req, &request);
}

void api_node_advertise(struct daemon *d, struct request *req)
{
	const char *text = request_text(req, "address");
	struct hostport addr;
	struct node_request request = {.kind = NODE_ADVERTISE, .addr_count = 1, .addrs = &addr};

	if (hostport_parse(text, d->options->bind.port, &addr) != 0) {
		api_fail(req, WEFT_E_INVALID,
			 "\"%.64s\" is not an address; write ADDR or ADDR:PORT", text);
		return;
	}
	if (!advertise_is_reachable(&addr.ip, &d->options->bind.ip)) {
		api_fail(req, WEFT_E_INVALID,
			 "%.64s is not an address at which other hosts reach this one; write one "
			 "of its own (ip address shows them)",
			 text);
		return;
	}
	d->advertise = addr;
	d->advertise_chosen = true;
	request.vtep = addr.ip;
	daemon_submit(d, req, &request);
}
