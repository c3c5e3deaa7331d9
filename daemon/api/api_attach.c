/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * attach and detach. An attach first opens the namespace (the kernel thread asks the helper), then
 * asks the node, which leases, has the veth made while it commits (that takes the descriptors
 * along), has it plugged and answers when the others know it.
 *
 * From then on the node decides, within a time that it keeps by itself, and an attach that failed
 * left nothing. The request waits longer than that, so that nobody hears that the time is up while
 * the endpoint may come to stay; it ends by itself only where the disk does not answer, and without
 * it nothing is plugged.
 */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/api.h"

#define ATTACH_WAIT_MS 10000
#define ATTACH_OPEN_MS 10000 /* for the namespace, once the network is there */
#define ATTACH_LEASE_MS 10000
#define ATTACH_UNDO_MS 5000 /* for the disk to take it back */
#define ATTACH_DECIDE_MS (ATTACH_LEASE_MS + NODE_PLUG_MS + ATTACH_UNDO_MS)
#define ATTACH_WAIT_MAX_MS 600000

void api_attach_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	json_t *addresses = json_array(), *pending = json_array();
	static const struct inet none;

	for (size_t i = 0; i < answer->endpoint_addr_count; i++)
		json_array_append_new(addresses, json_prefix(&answer->addrs[i]));
	for (size_t i = 0; i < answer->pending_count && i < 8; i++) {
		char label[NAME_BYTES + 8];

		member_label(d, &answer->pending[i], label);
		json_array_append_new(pending, json_name(label));
	}
	request_answer(
	    req,
	    json_pack("{s:o,s:s,s:o,s:o,s:o,s:i,s:s,s:o}", "endpoint", json_id(&answer->id),
		      "ifname", answer->endpoint.ifname, "addresses", addresses, "mac",
		      json_mac(&answer->endpoint.mac), "gateway",
		      inet_eq(&answer->gateway, &none) ? json_null() : json_inet(&answer->gateway),
		      "mtu", (int)answer->mtu_bytes, "name", answer->endpoint.name, "peers_pending",
		      pending));
}

static int read_wanted(const struct request *req, struct hostport *addrs, size_t *count,
		       struct weft_err *err)
{
	size_t i;
	json_t *item;

	*count = 0;
	json_array_foreach(request_json(req, "addresses"), i, item)
	{
		const char *text = json_string_value(item);

		if (*count == ENDPOINT_ADDRS_MAX)
			return weft_err_set(err, WEFT_E_LIMIT, "more than %d --ip; give fewer",
					    ENDPOINT_ADDRS_MAX);
		addrs[*count].port = 0;
		if (inet_parse(text, &addrs[*count].ip) != 0)
			return weft_err_set(err, WEFT_E_INVALID,
					    "\"%.64s\" is not an address; write 10.1.0.5", text);
		for (size_t j = 0; j < *count; j++) {
			if (inet_eq(&addrs[j].ip, &addrs[*count].ip))
				return weft_err_set(err, WEFT_E_INVALID,
						    "--ip %.64s is given twice; keep one", text);
		}
		(*count)++;
	}
	return 0;
}

/* An endpoint of another host that has the MAC which is asked for. */
struct mac_search {
	struct id self;
	const struct mac *mac;
	struct endpoint_found found;
	bool has_found;
};

static bool visit_mac(void *ctx, const struct endpoint_found *found)
{
	struct mac_search *search = ctx;

	if (id_eq(&found->owner, &search->self) || !mac_eq(&found->rec.mac, search->mac))
		return true;
	search->found = *found;
	search->has_found = true;
	return false;
}

/* Two stations with one MAC take each other's frames. This host's own are the node's to judge. */
static int check_mac(struct daemon *d, const struct call *call, struct weft_err *err)
{
	static const struct mac derived;
	struct mac_search search = {.self = gossip_self(node_gossip(d->node)),
				    .mac = &call->endpoint.mac};
	char id[ID_TEXT_BYTES], host[NAME_BYTES + 8];

	if (mac_eq(search.mac, &derived))
		return 0;
	each_endpoint(d, &call->id, &search, visit_mac);
	if (!search.has_found)
		return 0;
	id_format(&search.found.id, id);
	member_label(d, &search.found.owner, host);
	return weft_err_set(err, WEFT_E_CONFLICT,
			    "endpoint %s on %s has this MAC already; choose another --mac or none",
			    id, host);
}

/* The namespace is open: over to the node. */
static void box_told(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	struct call *call = call_of(d, req);
	struct hostport addrs[ENDPOINT_ADDRS_MAX];
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = call->id,
				       .endpoint = &call->endpoint,
				       .ttl_ms = ATTACH_LEASE_MS,
				       .addrs = addrs};
	struct weft_err err = tell->err;

	call->told = NULL;
	call->box = tell->box.fds;
	if (err.code != 0 || read_wanted(req, addrs, &request.addr_count, &err) != 0 ||
	    check_mac(d, call, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	call->endpoint.netns_dev = tell->box.dev;
	call->endpoint.netns_inode = tell->box.inode;
	weft_err_set(
	    &err, WEFT_E_TIMEOUT,
	    "the disk does not answer for %d s, so that the endpoint is not plugged in, or "
	    "is taken back, once it does; see weft status",
	    ATTACH_DECIDE_MS / 1000);
	request_late_set(req, &err);
	request_deadline_set(req, ATTACH_DECIDE_MS);
	daemon_submit(d, req, &request);
}

/* Looks for the network; without it the request waits for one to appear. */
static void attach_try(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct kernel_ask *ask;
	struct weft_err err = {0};
	int rc = find_network(d, request_text(req, "network"), &call->id, NULL, &err);

	if (rc == WEFT_E_NOT_FOUND) {
		request_late_set(req, &err);
		call->retry = attach_try;
		return;
	}
	call->retry = NULL;
	if (rc != 0) {
		request_fail(req, &err);
		return;
	}
	weft_err_set(&err, WEFT_E_TIMEOUT,
		     "the namespace was not opened within %d s; see weft status",
		     ATTACH_OPEN_MS / 1000);
	request_late_set(req, &err);
	request_deadline_set(req, ATTACH_OPEN_MS);
	call->endpoint.network = call->id;
	call->told = box_told;
	ask = kernel_ask_new(ASK_BOX);
	ask->tag = request_tag(req);
	memcpy(ask->rec.text, call->endpoint.netns, sizeof(ask->rec.text));
	kernel_thread_ask(d->kernel, ask);
}

/* Stricter than the kernel, which takes control bytes and any blank but its own few; "all" and
 * "default" have a meaning of their own under /proc/sys/net. */
static bool ifname_is_valid(const char *name)
{
	static const char *const taken[] = {".", "..", "lo", "all", "default"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcmp(name, taken[i]) == 0)
			return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return false;
	}
	return len > 0 && len < IFNAME_BYTES;
}

static int read_endpoint(const struct request *req, struct local_endpoint *endpoint,
			 struct weft_err *err)
{
	const char *netns = request_text(req, "netns"), *ifname = request_text(req, "ifname");
	const char *name = request_text(req, "name"), *mac = request_text(req, "mac");
	static const struct mac no_mac;

	if (netns[0] == '\0' || strlen(netns) >= sizeof(endpoint->netns))
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "--netns is a path, a name or a process id of at most %zu bytes",
		    sizeof(endpoint->netns) - 1);
	memcpy(endpoint->netns, netns, strlen(netns) + 1);
	if (!ifname)
		ifname = "eth0";
	if (!ifname_is_valid(ifname))
		return weft_err_set(err, WEFT_E_INVALID,
				    "\"%.32s\" is not a name for an interface; use at most %d "
				    "letters, digits, dots, _ and -, such as eth0",
				    ifname, IFNAME_BYTES - 1);
	memcpy(endpoint->ifname, ifname, strlen(ifname) + 1);
	if (name && !name_is_valid(name))
		return weft_err_set(err, WEFT_E_INVALID,
				    "\"%.64s\" is not a name; use 1 to 63 letters, digits, dots, _ "
				    "and -",
				    name);
	if (name)
		memcpy(endpoint->name, name, strlen(name) + 1);
	if (mac && (mac_parse(mac, &endpoint->mac) != 0 || (endpoint->mac.b[0] & 1) ||
		    mac_eq(&endpoint->mac, &no_mac)))
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "\"%.32s\" is not the MAC of one station; write 02:00:00:00:00:01", mac);
	return 0;
}

void api_attach(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct hostport addrs[ENDPOINT_ADDRS_MAX];
	uint64_t wait_ms = ATTACH_WAIT_MS;
	struct weft_err err = {0};
	size_t count;

	if (request_uint(req, "timeout_ms", &wait_ms) && wait_ms > ATTACH_WAIT_MAX_MS) {
		api_fail(req, WEFT_E_INVALID, "--timeout is at most %dm",
			 ATTACH_WAIT_MAX_MS / 60000);
		return;
	}
	if (api_is_active(d, &err) == 0 && !d->kernel)
		weft_err_set(&err, WEFT_E_UNSUPPORTED,
			     "weftd runs without the right to change the kernel's networks "
			     "(CAP_NET_ADMIN); start it as root or by its unit");
	if (err.code != 0 || read_endpoint(req, &call->endpoint, &err) != 0 ||
	    read_wanted(req, addrs, &count, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	request_deadline_set(req, (int64_t)wait_ms);
	attach_try(d, req);
}

void api_detach_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	bool was_there = !id_is_zero(&answer->id);

	(void)d;
	request_answer(req, json_pack("{s:b,s:o}", "detached", was_there, "endpoint",
				      was_there ? json_id(&answer->id) : json_null()));
}

/* Does this endpoint sit in the namespace that was named? By the text it was attached with, or,
 * when the namespace is open now, by what it is. */
static bool sits_in(const struct local_endpoint *endpoint, const char *netns,
		    const struct kernel_tell *tell)
{
	if (tell && tell->err.code == 0)
		return endpoint->netns_dev == tell->box.dev &&
		       endpoint->netns_inode == tell->box.inode;
	return strcmp(endpoint->netns, netns) == 0;
}

/* How many endpoints of this host fit; the ids of the first few are in match. */
static size_t detach_find(struct daemon *d, const struct request *req, const struct id *network,
			  const struct kernel_tell *tell, struct match *match)
{
	const char *netns = request_text(req, "netns"), *id = request_text(req, "endpoint");
	const char *name = request_text(req, "name");
	struct local_endpoint endpoint;
	size_t count = 0;

	match_begin(match, id ? id : name ? name : netns);
	for (size_t at = 0; node_endpoint_next(d->node, &at, &endpoint);) {
		if (endpoint.is_host || !id_eq(&endpoint.network, network) ||
		    (netns && !sits_in(&endpoint, netns, tell)) ||
		    (id && !id_has_prefix(&endpoint.id, id)) ||
		    (name && strcmp(endpoint.name, name) != 0))
			continue;
		if (count < MATCH_IDS)
			match->name_ids[count] = endpoint.id;
		count++;
	}
	return count;
}

static void detach_go(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	struct call *call = call_of(d, req);
	struct node_request request = {.kind = NODE_DETACH};
	struct weft_err err = {0};
	struct match match;

	match.by_name = detach_find(d, req, &call->id, tell, &match);
	/* Taking away what is not there is done already; a repeat hears of that, too. */
	if (match.by_name > 0 &&
	    match_end(&match, "endpoint", "weft endpoint ls", &request.id, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	call->told = NULL;
	daemon_submit(d, req, &request);
}

static void detach_box_told(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	struct overlay_box box = tell->box.fds;

	box_close(&box);
	detach_go(d, req, tell);
}

void api_detach(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	static const char *const fields[] = {"netns", "endpoint", "name"};
	const char *netns = request_text(req, "netns");
	struct kernel_ask *ask;
	struct weft_err err = {0};
	size_t given = 0;

	/* An empty text is a script's unset variable: it must fit nothing, not anything. */
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *text = request_text(req, fields[i]);

		if (text && text[0] == '\0') {
			api_fail(req, WEFT_E_INVALID, "--%s is empty; say which endpoint",
				 fields[i]);
			return;
		}
		given += text != NULL;
	}
	if (given == 0) {
		api_fail(req, WEFT_E_INVALID, "say which: --netns, --endpoint or --name");
		return;
	}
	if (find_network(d, request_text(req, "network"), &call->id, NULL, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (!netns || !d->kernel || strlen(netns) >= NETNS_PATH_BYTES) {
		detach_go(d, req, NULL);
		return;
	}
	/* A process id or another path may mean the namespace that was attached by its name. */
	call->told = detach_box_told;
	ask = kernel_ask_new(ASK_BOX);
	ask->tag = request_tag(req);
	memcpy(ask->rec.text, netns, strlen(netns) + 1);
	kernel_thread_ask(d->kernel, ask);
}
