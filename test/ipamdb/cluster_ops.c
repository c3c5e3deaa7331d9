/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What tests do to the cluster of cluster.h, and what they see of it. */
#include "cluster_impl.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "ipamdb/query.h"

size_t cluster_rows_of(void *ctx, const struct id *owner, size_t left, size_t limit,
		       void (*visit)(void *arg, const struct row_view *row), void *arg)
{
	struct cluster_node *node = ctx;
	const struct vec *rows = &node->disk.rows;
	size_t end = left < rows->count ? left : rows->count;

	/* The newest is the last one on the disk; places of others' rows count as well. */
	for (; end > 0 && limit > 0; end--) {
		const struct cluster_row *row = vec_at(rows, end - 1);
		struct row_view view = row->view;

		view.value = row->bytes;
		if (row_is_fact(&view) || !id_eq(&view.owner, owner))
			continue;
		visit(arg, &view);
		node->rows_visited++;
		limit--;
	}
	return end;
}

void cluster_member(struct cluster *c, size_t about, bool present, bool removed)
{
	char name[] = "host0";

	name[4] = (char)('0' + about);
	c->nodes[about].left = removed;
	for (size_t i = 0; i < c->count; i++) {
		struct ipam_event event = {
		    .kind = IPAM_EV_MEMBER,
		    .member = c->nodes[about].id,
		    .present = present,
		    .removed = removed,
		    .name = name,
		};
		cluster_step(c, i, &event);
	}
}

void cluster_show(struct cluster *c, size_t node, struct cluster_row *row)
{
	cluster_tell_row(c, node, row);
}

void cluster_tell_all(struct cluster *c, size_t i)
{
	/* The newest first: an order in which no store gives them, and which must do no harm. */
	for (size_t r = c->nodes[i].disk.rows.count; r-- > 0;)
		cluster_tell_row(c, i, vec_at(&c->nodes[i].disk.rows, r));
}

/* The process is back with its leases; rows and members are told next. */
static void revive(struct cluster *c, size_t i, bool marker_ok)
{
	struct cluster_node *node = &c->nodes[i];
	struct wall wall = {c->now.ns / NS_PER_MS - c->wall_back_ms};

	WEFT_ASSERT(!node->up);
	node->db = cluster_db_make(c, i);
	node->boot++;
	node->up = true;
	if (node->disk.lease_sequence_len > 0) {
		struct write write = {.kind = WRITE_META,
				      .meta = META_LEASE_SEQUENCE,
				      .bytes = node->disk.lease_sequence,
				      .len = node->disk.lease_sequence_len};
		WEFT_ASSERT(ipamdb_load(node->db, &write) == 0);
	}
	if (node->disk.introduced) {
		struct write write = {.kind = WRITE_META,
				      .meta = META_INTRODUCED,
				      .bytes = (const uint8_t *)"\x01",
				      .len = 1};
		WEFT_ASSERT(ipamdb_load(node->db, &write) == 0);
	}
	for (size_t l = 0; l < node->disk.leases.count; l++) {
		struct write write = {.kind = WRITE_LEASE};
		write.lease = ((struct cluster_lease *)vec_at(&node->disk.leases, l))->lease;
		WEFT_ASSERT(ipamdb_load(node->db, &write) == 0);
	}
	ipamdb_start(node->db, c->now, wall, marker_ok);
}

static void activate(struct cluster *c, size_t i)
{
	struct ipam_event active = {
	    .kind = IPAM_EV_ACTIVE, .ok = true, .member = c->nodes[i].admitter};

	for (size_t m = 0; m < c->count; m++)
		cluster_member(c, m, c->nodes[m].up && !c->nodes[m].left, c->nodes[m].left);
	cluster_step(c, i, &active);
}

/* Has compared everything with a member. */
static void meet(struct cluster *c, size_t i)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};

	synced.member = c->nodes[i == 0 ? c->count - 1 : 0].id;
	cluster_step(c, i, &synced);
}

void cluster_start(struct cluster *c, size_t i, bool marker_ok)
{
	struct cluster_node *node = &c->nodes[i];

	revive(c, i, marker_ok);
	/* Own rows and facts come back from the disk; the snapshot of others' rows
	 * only where it is kept: losing it must never make a node own more. */
	for (size_t r = c->keep_snapshots ? 0 : node->disk.rows.count; r-- > 0;) {
		struct cluster_row *row = vec_at(&node->disk.rows, r);
		if (!row_is_fact(&row->view) && !row->is_kept &&
		    !id_eq(&row->view.owner, &node->id))
			vec_remove(&node->disk.rows, r);
	}
	for (size_t r = 0; r < node->disk.rows.count; r++)
		cluster_tell_row(c, i, vec_at(&node->disk.rows, r));
	activate(c, i);
	if (marker_ok)
		meet(c, i);
}

void cluster_start_keeping(struct cluster *c, size_t i)
{
	revive(c, i, true);
	cluster_tell_all(c, i);
	activate(c, i);
	meet(c, i);
}

void cluster_crash(struct cluster *c, size_t i)
{
	WEFT_ASSERT(c->nodes[i].up);
	ipamdb_free(c->nodes[i].db);
	c->nodes[i].db = NULL;
	c->nodes[i].up = false;
	cluster_member(c, i, false, c->nodes[i].left);
}

struct id cluster_stranger_id(uint8_t number)
{
	struct id id;

	memset(&id, 0x77, sizeof(id));
	id.b[0] = number;
	return id;
}

struct id cluster_stranger(struct cluster *c, size_t i, uint8_t number)
{
	struct ipam_event event = {
	    .kind = IPAM_EV_MEMBER, .member = cluster_stranger_id(number), .name = "stranger"};

	cluster_step(c, i, &event);
	return event.member;
}

uint64_t cluster_hand_over(struct cluster *c, size_t i)
{
	struct ipam_request req = {.kind = IPAM_HAND_OVER};

	return cluster_request(c, i, &req);
}

void cluster_leave(struct cluster *c, size_t i)
{
	uint64_t tag = cluster_hand_over(c, i);

	cluster_run(c, 3000);
	WEFT_ASSERT(cluster_answer(c, tag) && cluster_answer(c, tag)->err.code == 0);
	cluster_member(c, i, false, true);
}

void cluster_sync(struct cluster *c)
{
	for (size_t from = 0; from < c->count; from++)
		for (size_t to = 0; to < c->count; to++)
			for (size_t r = 0; r < c->nodes[from].disk.rows.count; r++) {
				struct cluster_row row =
				    *(struct cluster_row *)vec_at(&c->nodes[from].disk.rows, r);
				if (from == to || !c->nodes[from].up || !c->nodes[to].up ||
				    c->cut[from][to])
					continue;
				if (cluster_disk_put(&c->nodes[to].disk, &row))
					cluster_tell_row(c, to, &row);
			}
	for (size_t from = 0; from < c->count; from++)
		for (size_t to = 0; to < c->count; to++) {
			struct ipam_event event = {.kind = IPAM_EV_SYNCED,
						   .member = c->nodes[from].id};
			if (from != to && c->nodes[from].up && !c->cut[from][to])
				cluster_step(c, to, &event);
		}
}

static void write_rows(struct cluster *c, size_t node, struct cluster_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		rows[i].view.owner = c->nodes[node].id;
		rows[i].view.epoch = row_is_fact(&rows[i].view) ? 0 : 1;
		rows[i].view.sequence = ++c->nodes[node].disk.row_sequence;
		cluster_disk_put(&c->nodes[node].disk, &rows[i]);
		cluster_tell_row(c, node, &rows[i]);
		cluster_broadcast(c, node, &rows[i]);
	}
}

void cluster_fact(struct cluster *c, size_t node, uint16_t kind, const uint8_t *key, size_t key_len,
		  const uint8_t *value, size_t len)
{
	struct cluster_row row = {.view = {.kind = kind, .key_len = key_len, .value_len = len}};

	memcpy(row.view.key, key, key_len);
	memcpy(row.bytes, value, len);
	write_rows(c, node, &row, 1);
}

void cluster_remove(struct cluster *c, size_t by, size_t removed)
{
	struct rec_removal rec = {.reason = "gone"};
	uint8_t value[128];
	int len = rec_removal_encode(&rec, value, sizeof(value));

	WEFT_ASSERT(len > 0);
	cluster_member(c, removed, false, true);
	cluster_fact(c, by, FACT_REMOVAL, c->nodes[removed].id.b, ID_BYTES, value, (size_t)len);
}

static void pool_parse(struct rec_pool *pool, const char *text, size_t len)
{
	char one[PREFIX_TEXT_BYTES];

	WEFT_ASSERT(len < sizeof(one));
	memcpy(one, text, len);
	one[len] = '\0';
	WEFT_ASSERT(prefix_parse(one, &pool->subnet) == 0);
	pool->ip_range = pool->subnet;
	pool->gateway = inet_add(&pool->subnet.ip, 1);
}

struct id cluster_network(struct cluster *c, size_t node, const char *name, const char *pools)
{
	struct rec_network rec = {.vni = 4096, .port = 4789};
	struct row_view views[POOLS_MAX];
	struct cluster_row rows[POOLS_MAX + 1] = {{.view = {.kind = 0}}};
	struct id id;
	size_t count;
	int len;

	memset(&id, name[0], sizeof(id));
	memcpy(rec.name, name, strlen(name) + 1);
	for (const char *at = pools; *at;) {
		size_t part = strcspn(at, ",");
		WEFT_ASSERT(rec.pool_count < POOLS_MAX);
		pool_parse(&rec.pools[rec.pool_count++], at, part);
		at += part + (at[part] == ',');
	}
	len = rec_network_encode(&rec, rows[0].bytes, sizeof(rows[0].bytes));
	WEFT_ASSERT(len > 0);
	rows[0].view =
	    (struct row_view){.kind = FACT_NETWORK, .key_len = ID_BYTES, .value_len = (size_t)len};
	memcpy(rows[0].view.key, id.b, ID_BYTES);
	count = ipamdb_network_rows(&id, &rec, views);
	for (size_t i = 0; i < count; i++)
		cluster_row_copy(&rows[i + 1], &views[i]);
	write_rows(c, node, rows, count + 1);
	return id;
}

void cluster_network_end(struct cluster *c, size_t node, const struct id *network)
{
	cluster_fact(c, node, FACT_NETWORK_END, network->b, ID_BYTES, (const uint8_t *)"\xc0", 1);
}

void cluster_attachment(struct cluster *c, size_t node, const struct id *network, uint8_t bucket)
{
	struct rec_attachment rec = {.mtu_bytes = 1450, .free_log2 = bucket};
	struct cluster_row row = {.view = {.kind = ROW_ATTACHMENT, .key_len = ID_BYTES}};
	int len = rec_attachment_encode(&rec, row.bytes, sizeof(row.bytes));

	WEFT_ASSERT(len > 0);
	row.view.value_len = (size_t)len;
	memcpy(row.view.key, network->b, ID_BYTES);
	write_rows(c, node, &row, 1);
}

uint64_t cluster_request(struct cluster *c, size_t node, struct ipam_request *req)
{
	struct ipam_event event = {.kind = IPAM_EV_REQUEST, .request = req};

	req->tag = c->next_tag++;
	if (req->deadline.ns == 0)
		req->deadline = mono_add_ms(c->now, 5000);
	cluster_step(c, node, &event);
	return req->tag;
}

static uint64_t take(struct cluster *c, size_t node, const struct id *network, const char *addr,
		     enum ipam_request_kind kind)
{
	struct ipam_request req = {.kind = kind, .network = *network};

	if (kind == IPAM_LEASE)
		for (size_t i = 0; i < 2; i++) {
			uint64_t word = rng_u64(&c->rng);
			memcpy(req.endpoint.b + 8 * i, &word, 8);
		}
	if (addr) {
		req.addr_count = 1;
		WEFT_ASSERT(inet_parse(addr, &req.addrs[0]) == 0);
	}
	return cluster_request(c, node, &req);
}

uint64_t cluster_lease(struct cluster *c, size_t node, const struct id *network, const char *addr)
{
	return take(c, node, network, addr, IPAM_LEASE);
}

uint64_t cluster_reserve(struct cluster *c, size_t node, const struct id *network, const char *addr)
{
	return take(c, node, network, addr, IPAM_RESERVE);
}

uint64_t cluster_release(struct cluster *c, size_t node, const struct id *network,
			 const struct lease *lease)
{
	struct ipam_request req = {
	    .kind = IPAM_RELEASE,
	    .network = *network,
	    .addr_count = 1,
	    .addrs = {lease->address},
	    .sequence = lease->sequence,
	    .force = true,
	};

	return cluster_request(c, node, &req);
}

const struct ipam_answer *cluster_answer(const struct cluster *c, uint64_t tag)
{
	for (size_t i = 0; i < CLUSTER_ANSWERS_MAX && i < c->answer_count; i++)
		if (c->answers[i].tag == tag)
			return &c->answers[i].answer;
	return NULL;
}

struct id cluster_with_network(struct cluster *c, size_t nodes, uint64_t seed, size_t maker,
			       const char *pools)
{
	struct id network;

	cluster_init(c, nodes, seed);
	network = cluster_network(c, maker, "blue", pools);
	cluster_run(c, 10);
	return network;
}

struct lease cluster_leased(struct cluster *c, size_t node, const struct id *network)
{
	uint64_t tag = cluster_lease(c, node, network, NULL);
	struct mono end = mono_add_ms(c->now, 6000);
	const struct ipam_answer *answer;

	while (!(answer = cluster_answer(c, tag)) && cluster_happen(c, end))
		cluster_check(c);
	WEFT_ASSERT(answer != NULL);
	if (answer->err.code != 0)
		fprintf(stderr, "not leased: %s\n", answer->err.message);
	WEFT_ASSERT(answer->err.code == 0 && answer->lease_count == 1);
	return answer->leases[0];
}

uint64_t cluster_held(const struct cluster *c, size_t node, const struct id *network)
{
	struct ipam_net_info info;

	return ipamdb_net(c->nodes[node].db, network, &info) ? info.held : 0;
}

void cluster_check(struct cluster *c)
{
	struct map owners;
	struct owner {
		struct id network;
		struct inet address;
		size_t node;
	} * owner;

	map_init(&owners, &c->heap, sizeof(struct id) + sizeof(struct inet), sizeof(*owner), 1);
	for (size_t i = 0; i < c->count; i++) {
		if (c->nodes[i].up)
			ipamdb_check(c->nodes[i].db);
		for (size_t l = 0; !c->nodes[i].left && l < c->nodes[i].disk.leases.count; l++) {
			const struct cluster_lease *held = vec_at(&c->nodes[i].disk.leases, l);
			bool fresh;
			if (held->lease.cooling)
				continue;
			owner = map_insert(&owners, &held->lease, &fresh);
			WEFT_ASSERT(fresh); /* else two nodes lease one address */
			owner->node = i;
		}
	}
	map_close(&owners);
}

size_t cluster_own_rows(const struct cluster *c, size_t node)
{
	size_t count = 0;

	for (size_t i = 0; i < c->nodes[node].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c->nodes[node].disk.rows, i);
		count += !row->view.deleted && id_eq(&row->view.owner, &c->nodes[node].id) &&
			 (row->view.kind == ROW_RANGE || row->view.kind == ROW_GRANT);
	}
	return count;
}
