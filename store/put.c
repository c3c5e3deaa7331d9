/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One function a statement that changes something, and the switch over the kinds of writes.
 *
 * The store is the last who can notice that a decision above it was wrong. What would break a
 * promise made to others is refused here, whoever asks: an own row that goes back in version, a
 * second content under one version, a grant that turns into another one, a live lease that changes
 * its endpoint. Foreign rows are different: they arrive in any order, and the newest stays.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "sql.h"

#define OWN_VERSION_BYTES 16
#define FACT_VERSION_BYTES 24
#define ADDR_BYTES 17

static void u64_write(uint8_t out[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static int meta_put(struct store *store, const struct write *write, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_META_PUT);

	bind_int(&b, write->meta);
	bind_blob(&b, write->bytes, write->len);
	return bind_run(&b, err);
}

static int meta_drop(struct store *store, enum meta_key key, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_META_DROP);

	bind_int(&b, key);
	return bind_run(&b, err);
}

static void bind_row_key(struct binder *b, const struct row_view *row)
{
	bind_id(b, &row->owner);
	bind_id(b, &row->topic);
	bind_int(b, row->kind);
	bind_blob(b, row->key, row->key_len);
}

/* Forgets a row of own_rows or snapshot_rows; one that is not there is fine. */
static int row_drop(struct store *store, enum stmt stmt, const struct row_view *row,
		    struct weft_err *err)
{
	struct binder b = bind_begin(store, stmt);

	bind_row_key(&b, row);
	return bind_run(&b, err);
}

static int row_put(struct store *store, enum stmt stmt, const struct row_view *row,
		   const struct write *write, struct weft_err *err)
{
	struct binder b = bind_begin(store, stmt);
	uint8_t version[OWN_VERSION_BYTES];

	u64_write(version, row->epoch);
	u64_write(version + 8, row->sequence);
	bind_row_key(&b, row);
	bind_blob(&b, version, sizeof(version));
	bind_blob(&b, write->bytes, write->len);
	return bind_run(&b, err);
}

/* 0 when the grant may stand where one of its key perhaps stands already. Its tombstone may follow
 * it, nothing else may. */
static int grant_check(struct store *store, const struct row_view *grant, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_OWN_GET);
	struct row_view old;
	int rc, code = 0;

	bind_row_key(&b, grant);
	rc = b.rc == SQLITE_OK ? sqlite3_step(b.stmt) : b.rc;
	if (rc == SQLITE_ROW) {
		const uint8_t *bytes = sqlite3_column_blob(b.stmt, 0);

		if (row_parse(bytes, (size_t)sqlite3_column_bytes(b.stmt, 0), &old) < 0)
			code = weft_err_set(err, WEFT_E_STORE, "a stored grant is damaged");
		else if (!grant->deleted && (old.deleted || old.value_len != grant->value_len ||
					     memcmp(old.value, grant->value, old.value_len) != 0))
			code = weft_err_set(err, WEFT_E_CONFLICT,
					    "this range was granted before at this generation");
	} else if (rc != SQLITE_DONE) {
		code = store_fail(store->db, rc, err, b.what);
	}
	sqlite3_reset(b.stmt);
	return code;
}

/* Reads the row of a write: a fact or an owned row, as its kind says. */
static int row_read(const struct write *write, bool fact, struct row_view *row,
		    struct weft_err *err)
{
	if (row_parse(write->bytes, write->len, row) < 0)
		return weft_err_set(err, WEFT_E_INVALID, "the bytes to be stored are no row");
	if (row_is_fact(row) != fact)
		return weft_err_set(err, WEFT_E_INVALID, "a row of kind %u is %s", row->kind,
				    fact ? "no fact" : "a fact");
	return 0;
}

static int own_put(struct store *store, const struct write *write, struct weft_err *err)
{
	struct row_view row;
	int code = row_read(write, false, &row, err);

	if (code == 0 && row.kind == ROW_GRANT)
		code = grant_check(store, &row, err);
	if (code == 0)
		code = row_put(store, STMT_OWN_PUT, &row, write, err);
	if (code == 0 && sqlite3_changes(store->db) == 0)
		code = weft_err_set(
		    err, WEFT_E_CONFLICT, "an own row of kind %u goes back to version %llu.%llu",
		    row.kind, (unsigned long long)row.epoch, (unsigned long long)row.sequence);
	return code;
}

static int snapshot_put(struct store *store, const struct write *write, struct weft_err *err)
{
	struct row_view row;
	int code = row_read(write, false, &row, err);

	return code < 0 ? code : row_put(store, STMT_SNAPSHOT_PUT, &row, write, err);
}

static int fact_put(struct store *store, const struct write *write, struct weft_err *err)
{
	uint8_t version[FACT_VERSION_BYTES];
	struct row_view row;
	struct binder b;
	int code = row_read(write, true, &row, err);

	if (code < 0)
		return code;
	u64_write(version, row.sequence);
	memcpy(version + 8, row.owner.b, ID_BYTES);
	b = bind_begin(store, STMT_FACT_PUT);
	bind_int(&b, row.kind);
	bind_blob(&b, row.key, row.key_len);
	bind_blob(&b, version, sizeof(version));
	bind_blob(&b, write->bytes, write->len);
	return bind_run(&b, err);
}

static int lease_put(struct store *store, const struct lease *lease, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_LEASE_PUT);
	int code;

	bind_id(&b, &lease->network);
	bind_blob(&b, lease->address.b, sizeof(lease->address.b));
	if (id_is_zero(&lease->endpoint))
		bind_null(&b);
	else
		bind_id(&b, &lease->endpoint);
	bind_blob(&b, lease->mac.b, sizeof(lease->mac.b));
	bind_text(&b, lease->name, sizeof(lease->name));
	bind_id(&b, &lease->boot);
	bind_int(&b, lease->since.ms);
	bind_int(&b, (int64_t)lease->sequence);
	bind_int(&b, lease->cooling);
	bind_int(&b, lease->reserved);
	bind_int(&b, lease->cool_until.ms);
	code = bind_run(&b, err);
	if (code == 0 && sqlite3_changes(store->db) == 0) {
		char text[INET_TEXT_BYTES];

		inet_format(&lease->address, text);
		code = weft_err_set(err, WEFT_E_CONFLICT,
				    "%s is leased to another endpoint of this host", text);
	}
	return code;
}

static int lease_drop(struct store *store, const struct lease *lease, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_LEASE_DROP);

	bind_id(&b, &lease->network);
	bind_blob(&b, lease->address.b, sizeof(lease->address.b));
	return bind_run(&b, err);
}

static int endpoint_put(struct store *store, const struct local_endpoint *ep, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_ENDPOINT_PUT);
	uint8_t addrs[ENDPOINT_ADDRS_MAX * ADDR_BYTES];

	WEFT_ASSERT(ep->addr_count <= ENDPOINT_ADDRS_MAX);
	for (size_t i = 0; i < ep->addr_count; i++) {
		memcpy(addrs + i * ADDR_BYTES, ep->addrs[i].ip.b, 16);
		addrs[i * ADDR_BYTES + 16] = ep->addrs[i].bits;
	}
	bind_id(&b, &ep->id);
	bind_id(&b, &ep->network);
	bind_text(&b, ep->name, sizeof(ep->name));
	bind_text(&b, ep->ifname, sizeof(ep->ifname));
	bind_text(&b, ep->host_ifname, sizeof(ep->host_ifname));
	bind_text(&b, ep->netns, sizeof(ep->netns));
	bind_int(&b, (int64_t)ep->netns_dev);
	bind_int(&b, (int64_t)ep->netns_inode);
	bind_blob(&b, ep->mac.b, sizeof(ep->mac.b));
	bind_int(&b, ep->is_host);
	bind_blob(&b, addrs, ep->addr_count * ADDR_BYTES);
	bind_id(&b, &ep->boot);
	bind_int(&b, ep->since.ms);
	return bind_run(&b, err);
}

static int endpoint_drop(struct store *store, const struct id *id, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_ENDPOINT_DROP);

	bind_id(&b, id);
	return bind_run(&b, err);
}

static int answer_put(struct store *store, const struct write *write, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_ANSWER_PUT);

	bind_text(&b, write->answer.request, sizeof(write->answer.request));
	bind_int(&b, write->answer.at.ms);
	bind_blob(&b, write->bytes, write->len);
	return bind_run(&b, err);
}

int store_prune(struct store *store, struct wall now, size_t *removed, struct weft_err *err)
{
	struct binder b = bind_begin(store, STMT_ANSWER_PRUNE);
	int code;

	bind_int(&b, now.ms - STORE_ANSWER_KEPT_MS);
	code = bind_run(&b, err);
	if (removed)
		*removed = code == 0 ? (size_t)sqlite3_changes(store->db) : 0;
	return code;
}

int store_put(struct store *store, const struct write *write, struct weft_err *err)
{
	WEFT_ASSERT(!sqlite3_get_autocommit(store->db));
	switch (write->kind) {
	case WRITE_META:
		if (write->len > META_BYTES_MAX)
			break;
		return write->len > 0 ? meta_put(store, write, err)
				      : meta_drop(store, write->meta, err);
	case WRITE_OWN_ROW:
		return own_put(store, write, err);
	case WRITE_FACT:
		return fact_put(store, write, err);
	case WRITE_ROW_DROP:
		return row_drop(store, STMT_OWN_DROP, &write->row, err);
	case WRITE_SNAPSHOT:
		return snapshot_put(store, write, err);
	case WRITE_SNAPSHOT_DROP:
		return row_drop(store, STMT_SNAPSHOT_DROP, &write->row, err);
	case WRITE_LEASE:
		return lease_put(store, &write->lease, err);
	case WRITE_LEASE_DROP:
		return lease_drop(store, &write->lease, err);
	case WRITE_ENDPOINT:
		return endpoint_put(store, &write->endpoint, err);
	case WRITE_ENDPOINT_DROP:
		return endpoint_drop(store, &write->endpoint.id, err);
	case WRITE_ANSWER:
		if (write->len > ANSWER_BYTES_MAX)
			break;
		return answer_put(store, write, err);
	}
	return weft_err_set(err, WEFT_E_INVALID, "write of kind %d and %zu bytes is not known",
			    (int)write->kind, write->len);
}
