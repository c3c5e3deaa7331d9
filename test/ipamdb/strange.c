/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "strange.h"

#include <string.h>

#include "test/base/cmocka_all.h"

struct id strange_id(uint32_t i)
{
	struct id id;

	memset(&id, 0x77, ID_BYTES);
	memcpy(id.b, &i, sizeof(i));
	return id;
}

struct ipamdb *strange_begin(struct cluster *c)
{
	(void)cluster_with_network(c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(c, 2);
	return c->nodes[1].db;
}

struct cluster_row strange_row(const struct cluster *c, uint16_t kind, const struct range_key *key,
			       size_t to, bool deleted)
{
	struct rec_grant grant = {.to = c->nodes[to].id};
	struct cluster_row row = {.view = {.kind = kind,
					   .deleted = deleted,
					   .owner = c->nodes[2].id,
					   .epoch = 1,
					   .sequence = deleted ? 2 : 1,
					   .key_len = RANGE_KEY_BYTES,
					   .value_len = 1},
				  .bytes = {0xc0}};

	range_key_encode(key, row.view.key);
	if (kind == ROW_GRANT)
		row.view.value_len = (size_t)rec_grant_encode(&grant, row.bytes, sizeof(row.bytes));
	return row;
}

void strange_fact(struct cluster *c, size_t node, uint16_t kind, uint32_t i, const char *pool)
{
	struct rec_network rec = {.name = "late", .vni = 4096, .port = 4789, .pool_count = 1};
	struct id id = strange_id(i);
	struct cluster_row row = {.view = {.kind = kind,
					   .owner = c->nodes[0].id,
					   .sequence = 9,
					   .key_len = ID_BYTES,
					   .value_len = 1},
				  .bytes = {0xc0}};

	assert_int_equal(prefix_parse(pool, &rec.pools[0].subnet), 0);
	rec.pools[0].ip_range = rec.pools[0].subnet;
	memcpy(row.view.key, id.b, ID_BYTES);
	if (kind == FACT_NETWORK)
		row.view.value_len = (size_t)rec_network_encode(&rec, row.bytes, sizeof(row.bytes));
	(void)cluster_disk_put(&c->nodes[node].disk, &row);
	cluster_show(c, node, &row);
}

struct net *strange_net(const struct cluster *c, uint32_t i)
{
	struct id id = strange_id(i);

	return net_find(c->nodes[1].db, &id);
}
