/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Leases of this host, reservations, and the check of all addresses. */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/pager.h"
#include "ipamdb/query.h"

static json_t *json_network_name(struct daemon *d, const struct id *network)
{
	struct ipam_net_info info;

	if (ipamdb_net(node_ipamdb(d->node), network, &info) && info.name[0])
		return json_name(info.name);
	return json_id(network);
}

static json_t *json_lease(struct daemon *d, const struct lease *lease)
{
	static const struct mac no_mac;
	/* A reservation has an id on paper, which names nothing. */
	bool is_nobodys = lease->reserved || id_is_zero(&lease->endpoint);
	const char *state = lease->cooling ? "cooling" : lease->reserved ? "reserved" : "leased";

	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "network",
			 json_network_name(d, &lease->network), "network_id",
			 json_id(&lease->network), "address", json_inet(&lease->address), "mac",
			 mac_eq(&lease->mac, &no_mac) ? json_null() : json_mac(&lease->mac),
			 "endpoint", is_nobodys ? json_null() : json_id(&lease->endpoint), "name",
			 json_name(lease->name), "since", json_wall(lease->since), "state", state);
}

void api_ipam_ls(struct daemon *d, struct request *req)
{
	const char *network = request_text(req, "network");
	struct weft_err err = {0};
	struct lease lease;
	struct pager pager;
	struct id id;

	if ((network && find_network(d, network, &id, NULL, &err) != 0) ||
	    pager_begin(&pager, req, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(d->node), &at, &lease);) {
		struct page_key key = page_key_of(&lease.network, lease.address.b);

		/* A cooling address is nobody's lease any more. */
		if (lease.cooling || (network && !id_eq(&lease.network, &id)))
			continue;
		if (pager_wants(&pager, &key))
			pager_add(&pager, &key, json_lease(d, &lease));
	}
	pager_answer(&pager, req);
}

void api_ipam_reserve_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	struct id network;
	struct weft_err err;
	struct lease lease;

	/* Repeated later, the address may be somebody else's, and so may the name of its network.
	 */
	if (answer->endpoint_addr_count > 0 &&
	    find_network(d, request_text(req, "network"), &network, NULL, &err) == 0 &&
	    ipamdb_lease(node_ipamdb(d->node), &network, &answer->addrs[0].ip, &lease) &&
	    id_eq(&lease.endpoint, &answer->id)) {
		request_answer(req, json_lease(d, &lease));
		return;
	}
	request_answer(req,
		       json_pack("{s:o,s:o}", "network", json_name(request_text(req, "network")),
				 "address",
				 answer->endpoint_addr_count > 0 ? json_inet(&answer->addrs[0].ip)
								 : json_null()));
}

void api_ipam_reserve(struct daemon *d, struct request *req)
{
	const char *text = request_text(req, "address"), *name = request_text(req, "name");
	struct hostport addr = {.port = 0};
	struct node_request request = {
	    .kind = NODE_RESERVE, .addr_count = text ? 1 : 0, .addrs = &addr, .text = name};
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0 ||
	    find_network(d, request_text(req, "network"), &request.id, NULL, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (text && inet_parse(text, &addr.ip) != 0) {
		api_fail(req, WEFT_E_INVALID, "\"%.64s\" is not an address; write 10.1.0.5", text);
		return;
	}
	if (name && !name_is_valid(name)) {
		api_fail(req, WEFT_E_INVALID,
			 "\"%.64s\" is not a name; use 1 to 63 letters, digits, dots, _ and -",
			 name);
		return;
	}
	daemon_submit(d, req, &request);
}

void api_ipam_release(struct daemon *d, struct request *req)
{
	const char *text = request_text(req, "address");
	struct hostport addr = {.port = 0};
	struct node_request request = {.kind = NODE_RELEASE,
				       .addr_count = 1,
				       .addrs = &addr,
				       .flag = request_flag(req, "force")};
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0 ||
	    find_network(d, request_text(req, "network"), &request.id, NULL, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (inet_parse(text, &addr.ip) != 0) {
		api_fail(req, WEFT_E_INVALID, "\"%.64s\" is not an address; write 10.1.0.5", text);
		return;
	}
	daemon_submit(d, req, &request);
}

static const char *remedy_text(const struct node_finding *finding)
{
	static const char *const texts[] = {
	    [REMEDY_RELEASE] = "weft ipam check --fix",
	    [REMEDY_UNRESERVE] = "weft ipam release it, or weft ipam check --fix --force",
	    [REMEDY_DETACH] = "detach it, or weft ipam check --fix --force",
	    [REMEDY_QUIT] = "detach this host's endpoints of the network",
	    [REMEDY_THERE] = "weft ipam check on the other host",
	    [REMEDY_WAIT] = "wait until a member shows who owns it",
	    [REMEDY_REMOVE] = "weft node rm whoever claims it wrongly",
	};

	return finding->fixed ? NULL : texts[finding->remedy];
}

static json_t *json_finding(struct daemon *d, const struct node_finding *finding)
{
	static const char *const kinds[] = {"", "leak", "double", "stray", "conflict", "lost"};
	char other[NAME_BYTES + 8] = "";

	if (!id_is_zero(&finding->other))
		member_label(d, &finding->other, other);
	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:b,s:s?}", "kind", kinds[finding->kind], "network",
			 json_network_name(d, &finding->network), "address",
			 json_inet(&finding->address), "endpoint",
			 id_is_zero(&finding->endpoint) ? json_null() : json_id(&finding->endpoint),
			 "other", other[0] ? json_name(other) : json_null(), "fixed",
			 finding->fixed, "remedy", remedy_text(finding));
}

void api_ipam_check_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	json_t *findings = json_array();
	size_t leases = 0;
	struct lease lease;

	for (size_t i = 0; i < answer->finding_count; i++)
		json_array_append_new(findings, json_finding(d, &answer->findings[i]));
	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(d->node), &at, &lease);)
		leases += !lease.cooling;
	request_answer(req, json_pack("{s:o,s:i}", "findings", findings, "leases", (int)leases));
}

void api_ipam_check(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_CHECK,
				       .flag = request_flag(req, "fix"),
				       .force = request_flag(req, "force")};
	struct weft_err err = {0};

	if (request.force && !request.flag) {
		api_fail(req, WEFT_E_INVALID, "--force says how far --fix may go; use both");
		return;
	}

	if (api_is_active(d, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	daemon_submit(d, req, &request);
}

void api_ipam_confirm(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_CONFIRM};

	daemon_submit(d, req, &request);
}
