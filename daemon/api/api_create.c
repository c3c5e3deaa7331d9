/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Making a network. Its pools are checked against this host's own routes by the kernel thread and
 * against other networks by the node; without --subnet a free /24 is looked for, one candidate at
 * a time, beginning at a place that depends on the name, so that two hosts that make networks at
 * the same moment seldom choose the same.
 */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/api.h"
#include "gossip/base/check.h"
#include "gossip/base/map.h"

#define PRESET_BASE UINT32_C(0x0a400000) /* 10.64.0.0/10: 16,384 networks of /24 */
#define PRESET_COUNT 16384u
#define PRESET_ATTEMPTS 64
#define PRESET_BITS (96 + 24)
#define MTU_MIN 576

static void submit(struct daemon *d, struct request *req);
static void choose(struct daemon *d, struct request *req);

void api_network_create_done(struct daemon *d, struct request *req,
			     const struct node_answer *answer)
{
	struct rec_network rec;
	int rc = rec_network_decode(answer->bytes, answer->len, &rec);

	/* As it was made: the node fills in the VNI and what else was left open. */
	WEFT_ASSERT(rc == 0);
	request_answer(req, json_network(d, &answer->id, &rec));
}

static void submit(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct node_request request = {
	    .kind = NODE_NETWORK_CREATE, .network = &call->network, .flag = call->force};

	call->told = NULL;
	daemon_submit(d, req, &request);
}

static void overlaps_told(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	struct call *call = call_of(d, req);

	if (tell->err.code == 0)
		submit(d, req);
	else if (call->attempts > 0)
		choose(d, req);
	else
		request_fail(req, &tell->err);
}

/* Does this host use these addresses already? */
static void ask_overlaps(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct kernel_ask *ask;

	if (!d->kernel || call->force) {
		submit(d, req);
		return;
	}
	call->told = overlaps_told;
	ask = kernel_ask_new(ASK_OVERLAPS);
	ask->tag = request_tag(req);
	ask->rec.prefixes.count = call->network.pool_count;
	for (size_t i = 0; i < call->network.pool_count; i++)
		ask->rec.prefixes.list[i] = call->network.pools[i].subnet;
	kernel_thread_ask(d->kernel, ask);
}

struct overlap_check {
	const struct prefix *subnet;
	bool found;
};

static bool visit_overlap(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct overlap_check *check = ctx;

	(void)id;
	for (size_t i = 0; i < rec->pool_count && !check->found; i++)
		check->found = prefix_overlaps(check->subnet, &rec->pools[i].subnet);
	return !check->found;
}

static void pool_fill(struct rec_pool *pool)
{
	struct inet base = prefix_base(&pool->subnet);

	pool->gateway = inet_add(&base, 1);
	pool->ip_range = pool->subnet;
}

/* Tries the next candidate that no network has. */
static void choose(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct rec_pool *pool = &call->network.pools[0];
	uint64_t start = map_hash(call->network.name, strlen(call->network.name), 0);

	while (call->attempts < PRESET_ATTEMPTS) {
		uint32_t n = (uint32_t)((start + call->attempts++) % PRESET_COUNT);
		struct overlap_check check = {.subnet = &pool->subnet};

		pool->subnet = (struct prefix){inet_from_v4(PRESET_BASE + (n << 8)), PRESET_BITS};
		each_network(d, &check, visit_overlap);
		if (check.found)
			continue;
		pool_fill(pool);
		call->network.pool_count = 1;
		ask_overlaps(d, req);
		return;
	}
	api_fail(req, WEFT_E_POOL_OVERLAP,
		 "no free /24 was found in 10.64.0.0/10; name one with "
		 "--subnet");
}

/* The pool of an address; NULL with err. */
static struct rec_pool *pool_for(struct rec_network *rec, const struct inet *ip, const char *text,
				 struct weft_err *err)
{
	for (size_t i = 0; i < rec->pool_count; i++) {
		if (prefix_has(&rec->pools[i].subnet, ip))
			return &rec->pools[i];
	}
	weft_err_set(err, WEFT_E_ADDRESS_OUTSIDE,
		     "%.64s belongs to no --subnet of this network; give the --subnet that has it",
		     text);
	return NULL;
}

static int read_subnets(json_t *list, struct rec_network *rec, struct weft_err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);
		struct rec_pool *pool = &rec->pools[rec->pool_count];
		struct inet base;

		if (rec->pool_count == POOLS_MAX)
			return weft_err_set(
			    err, WEFT_E_LIMIT,
			    "more than %d --subnet; make another network for the rest", POOLS_MAX);
		if (prefix_parse(text, &pool->subnet) != 0)
			return weft_err_set(err, WEFT_E_INVALID,
					    "\"%.64s\" is not a subnet; write 10.1.0.0/24", text);
		base = prefix_base(&pool->subnet);
		if (!inet_eq(&base, &pool->subnet.ip))
			return weft_err_set(err, WEFT_E_INVALID,
					    "\"%.64s\" has bits behind its length; write the first "
					    "address of the subnet",
					    text);
		if (!inet_is_v4(&base))
			return weft_err_set(
			    err, WEFT_E_UNSUPPORTED,
			    "\"%.64s\": only IPv4 subnets can be leased from so far; "
			    "write one of IPv4",
			    text);
		if (pool->subnet.bits > 96 + 29 || pool->subnet.bits < 96 + 8)
			return weft_err_set(err, WEFT_E_INVALID,
					    "\"%.64s\": a subnet is between /8 and /29", text);
		pool_fill(pool);
		rec->pool_count++;
	}
	return 0;
}

/* A gateway is set once; aux addresses gather. */
static int take_gateway(struct rec_pool *pool, const struct inet *ip, bool *given, const char *text,
			struct weft_err *err)
{
	if (*given)
		return weft_err_set(err, WEFT_E_INVALID,
				    "%.64s is a second --gateway of one subnet; keep one", text);
	*given = true;
	pool->gateway = *ip;
	return 0;
}

static int take_aux(struct rec_pool *pool, const struct inet *ip, struct weft_err *err)
{
	if (pool->aux_count == AUX_MAX)
		return weft_err_set(err, WEFT_E_LIMIT,
				    "more than %d --aux in one subnet; name fewer", AUX_MAX);
	pool->aux[pool->aux_count++] = *ip;
	return 0;
}

static int read_addresses(const struct request *req, struct rec_network *rec, struct weft_err *err)
{
	static const char *const fields[] = {"gateways", "aux"};
	bool given[POOLS_MAX] = {false};

	for (size_t f = 0; f < 2; f++) {
		size_t i;
		json_t *item;

		json_array_foreach(request_json(req, fields[f]), i, item)
		{
			const char *text = json_string_value(item);
			struct rec_pool *pool;
			struct inet ip;
			int rc;

			if (inet_parse(text, &ip) != 0)
				return weft_err_set(err, WEFT_E_INVALID,
						    "\"%.64s\" is not an address; write 10.1.0.5",
						    text);
			pool = pool_for(rec, &ip, text, err);
			if (!pool)
				return err->code;
			rc = f == 0 ? take_gateway(pool, &ip, &given[pool - rec->pools], text, err)
				    : take_aux(pool, &ip, err);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

static int read_ranges(json_t *list, struct rec_network *rec, struct weft_err *err)
{
	bool given[POOLS_MAX] = {false};
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);
		struct rec_pool *pool;
		struct prefix range;

		if (prefix_parse(text, &range) != 0)
			return weft_err_set(err, WEFT_E_INVALID,
					    "\"%.64s\" is not a range; write "
					    "10.1.0.128/25",
					    text);
		range.ip = prefix_base(&range);
		pool = pool_for(rec, &range.ip, text, err);
		if (!pool)
			return err->code;
		if (range.bits < pool->subnet.bits)
			return weft_err_set(
			    err, WEFT_E_INVALID,
			    "\"%.64s\" is larger than its subnet; name a part of it", text);
		if (given[pool - rec->pools])
			return weft_err_set(err, WEFT_E_INVALID,
					    "%.64s is a second --ip-range of one subnet; keep one",
					    text);
		given[pool - rec->pools] = true;
		pool->ip_range = range;
	}
	return 0;
}

/* A number within bounds; *value is kept where it is not given. */
static int read_number(const struct request *req, const char *name, uint64_t low, uint64_t high,
		       uint64_t *value, struct weft_err *err)
{
	uint64_t given;

	if (!request_uint(req, name, &given))
		return 0;
	if (given < low || given > high)
		return weft_err_set(err, WEFT_E_INVALID, "%s is between %llu and %llu",
				    api_field_find(request_method(req), name)->option,
				    (unsigned long long)low, (unsigned long long)high);
	*value = given;
	return 0;
}

static int read_options(struct daemon *d, const struct request *req, struct rec_network *rec,
			struct weft_err *err)
{
	const char *encrypt = request_text(req, "encrypt");
	const char *multicast = request_text(req, "multicast");
	uint64_t vni = 0, mtu = 0, port = d->options->vxlan_port;

	if (read_number(req, "vni", 4096, 0xfffffe, &vni, err) != 0 ||
	    read_number(req, "mtu_bytes", MTU_MIN, 65535, &mtu, err) != 0 ||
	    read_number(req, "port", 1, 65535, &port, err) != 0)
		return err->code;
	if (port == d->options->bind.port || port == d->advertise.port)
		return weft_err_set(err, WEFT_E_INVALID,
				    "weftd itself speaks on UDP port %llu; choose another --port",
				    (unsigned long long)port);
	rec->vni = (uint32_t)vni;
	rec->mtu_bytes = (uint16_t)mtu;
	rec->port = (uint16_t)port;
	if (encrypt && strcmp(encrypt, "none") != 0)
		return weft_err_set(err, WEFT_E_UNSUPPORTED,
				    "--encrypt %.32s is not there yet; only none", encrypt);
	if (multicast && strcmp(multicast, "on") != 0 && strcmp(multicast, "off") != 0)
		return weft_err_set(err, WEFT_E_INVALID, "--multicast is on or off");
	rec->multicast = multicast && strcmp(multicast, "on") == 0;
	rec->internal = request_flag(req, "internal");
	return labels_from_json(request_json(req, "labels"), rec->labels, LABELS_MAX,
				&rec->label_count, err);
}

void api_network_create(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct rec_network *rec = &call->network;
	const char *name = request_text(req, "name");
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (!name_is_valid(name)) {
		api_fail(req, WEFT_E_INVALID,
			 "\"%.64s\" is not a name; use 1 to 63 letters, digits, dots, _ and -",
			 name);
		return;
	}
	memcpy(rec->name, name, strlen(name) + 1);
	rec->created = daemon_wall();
	call->force = rec->forced = request_flag(req, "force");
	if (read_subnets(request_json(req, "subnets"), rec, &err) != 0 ||
	    read_addresses(req, rec, &err) != 0 ||
	    read_ranges(request_json(req, "ip_ranges"), rec, &err) != 0 ||
	    read_options(d, req, rec, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (rec->pool_count == 0)
		choose(d, req);
	else
		ask_overlaps(d, req);
}
