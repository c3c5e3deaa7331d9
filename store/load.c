/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The way back: each table becomes the writes that would make it. What is read was written by this
 * program, but a disk may have changed it since: lengths are checked, rows are parsed, and what
 * does not fit ends the start with an error instead of going on with half a state.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "sql.h"

#define ADDR_BYTES 17

/* Reads the columns of one row from left to right; a misfit is remembered. */
struct columns {
	sqlite3_stmt *stmt;
	int at;
	bool bad;
};

static int64_t column_int(struct columns *c)
{
	return sqlite3_column_int64(c->stmt, c->at++);
}

static void column_fixed(struct columns *c, void *out, size_t len)
{
	const void *bytes = sqlite3_column_blob(c->stmt, c->at);

	if ((size_t)sqlite3_column_bytes(c->stmt, c->at++) != len)
		c->bad = true;
	else
		memcpy(out, bytes, len);
}

/* A blob that may be NULL, for zero. */
static void column_optional(struct columns *c, void *out, size_t len)
{
	if (sqlite3_column_type(c->stmt, c->at) == SQLITE_NULL)
		c->at++;
	else
		column_fixed(c, out, len);
}

static void column_text(struct columns *c, char *out, size_t cap)
{
	const unsigned char *text = sqlite3_column_text(c->stmt, c->at);
	size_t len = (size_t)sqlite3_column_bytes(c->stmt, c->at++);

	if (!text || len >= cap || memchr(text, 0, len))
		c->bad = true;
	else
		memcpy(out, text, len + 1);
}

static void column_bytes(struct columns *c, struct write *write)
{
	write->bytes = sqlite3_column_blob(c->stmt, c->at);
	write->len = (size_t)sqlite3_column_bytes(c->stmt, c->at++);
}

static void meta_read(struct columns *c, struct write *write)
{
	int64_t key = column_int(c);

	if (key <= 0 || key > UINT16_MAX)
		c->bad = true;
	write->meta = (enum meta_key)key;
	column_bytes(c, write);
}

static void row_read(struct columns *c, struct write *write)
{
	column_bytes(c, write);
	if (row_parse(write->bytes, write->len, &write->row) < 0)
		c->bad = true;
}

static void lease_read(struct columns *c, struct write *write)
{
	struct lease *lease = &write->lease;

	column_fixed(c, lease->network.b, sizeof(lease->network.b));
	column_fixed(c, lease->address.b, sizeof(lease->address.b));
	column_optional(c, lease->endpoint.b, sizeof(lease->endpoint.b));
	column_fixed(c, lease->mac.b, sizeof(lease->mac.b));
	column_text(c, lease->name, sizeof(lease->name));
	column_fixed(c, lease->boot.b, sizeof(lease->boot.b));
	lease->since.ms = column_int(c);
	lease->sequence = (uint64_t)column_int(c);
	lease->cooling = column_int(c) != 0;
	lease->reserved = column_int(c) != 0;
	lease->cool_until.ms = column_int(c);
}

static void endpoint_read(struct columns *c, struct write *write)
{
	struct local_endpoint *ep = &write->endpoint;
	uint8_t addrs[ENDPOINT_ADDRS_MAX * ADDR_BYTES] = {0};
	size_t len;

	column_fixed(c, ep->id.b, sizeof(ep->id.b));
	column_fixed(c, ep->network.b, sizeof(ep->network.b));
	column_text(c, ep->name, sizeof(ep->name));
	column_text(c, ep->ifname, sizeof(ep->ifname));
	column_text(c, ep->host_ifname, sizeof(ep->host_ifname));
	column_text(c, ep->netns, sizeof(ep->netns));
	ep->netns_dev = (uint64_t)column_int(c);
	ep->netns_inode = (uint64_t)column_int(c);
	column_fixed(c, ep->mac.b, sizeof(ep->mac.b));
	ep->is_host = column_int(c) != 0;
	len = (size_t)sqlite3_column_bytes(c->stmt, c->at);
	if (len > sizeof(addrs) || len % ADDR_BYTES != 0) {
		c->bad = true;
		return;
	}
	if (len > 0)
		column_fixed(c, addrs, len);
	else
		c->at++;
	ep->addr_count = len / ADDR_BYTES;
	for (size_t i = 0; i < ep->addr_count; i++) {
		memcpy(ep->addrs[i].ip.b, addrs + i * ADDR_BYTES, 16);
		ep->addrs[i].bits = addrs[i * ADDR_BYTES + 16];
		if (ep->addrs[i].bits > 128)
			c->bad = true;
	}
	column_fixed(c, ep->boot.b, sizeof(ep->boot.b));
	ep->since.ms = column_int(c);
}

static void answer_read(struct columns *c, struct write *write)
{
	column_text(c, write->answer.request, sizeof(write->answer.request));
	write->answer.at.ms = column_int(c);
	column_bytes(c, write);
}

/* The tables in the order in which they are given back. */
static const struct {
	const char *table;
	enum stmt stmt;
	enum write_kind kind;
	void (*read)(struct columns *c, struct write *write);
} tables[] = {
    {"meta", STMT_META_ALL, WRITE_META, meta_read},
    {"own_rows", STMT_OWN_ALL, WRITE_OWN_ROW, row_read},
    {"facts", STMT_FACT_ALL, WRITE_FACT, row_read},
    {"snapshot_rows", STMT_SNAPSHOT_ALL, WRITE_SNAPSHOT, row_read},
    {"endpoints", STMT_ENDPOINT_ALL, WRITE_ENDPOINT, endpoint_read},
    {"leases", STMT_LEASE_ALL, WRITE_LEASE, lease_read},
    {"answers", STMT_ANSWER_ALL, WRITE_ANSWER, answer_read},
};

static int table_load(struct store *store, size_t table,
		      int (*visit)(void *ctx, const struct write *write), void *ctx,
		      struct weft_err *err)
{
	struct binder b = bind_begin(store, tables[table].stmt);
	int rc, code = 0;

	while (code == 0 && (rc = sqlite3_step(b.stmt)) != SQLITE_DONE) {
		struct columns c = {.stmt = b.stmt};
		struct write write;

		memset(&write, 0, sizeof(write));
		write.kind = tables[table].kind;
		if (rc != SQLITE_ROW) {
			code = store_fail(store->db, rc, err, tables[table].table);
			break;
		}
		tables[table].read(&c, &write);
		if (c.bad)
			code = weft_err_set(
			    err, WEFT_E_STORE,
			    "a row of table %s in %s is damaged; put a backup in its place",
			    tables[table].table, store->path);
		else
			code = visit(ctx, &write);
	}
	sqlite3_reset(b.stmt);
	return code;
}

int store_load(struct store *store, int (*visit)(void *ctx, const struct write *write), void *ctx,
	       struct weft_err *err)
{
	WEFT_ASSERT(sqlite3_get_autocommit(store->db));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int code = table_load(store, i, visit, ctx, err);

		if (code != 0)
			return code;
	}
	return 0;
}
