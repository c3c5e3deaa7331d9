/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The signatures and the disk of the tables' net. */
#include <stdlib.h>
#include <string.h>

#include "tables_net.h"

static void tnet_signature(const uint8_t key[32], const void *msg, size_t len,
			   uint8_t sig[SIG_BYTES])
{
	for (uint64_t i = 0; i < SIG_BYTES / 8; i++)
		wire_put(sig + 8 * i, map_hash(msg, len, i * 131 + key[0] + 1), 8);
}

static void fake_sign(void *ctx, const uint8_t sec[SIGN_SEC_BYTES], const void *msg, size_t len,
		      uint8_t sig[SIG_BYTES])
{
	(void)ctx;
	tnet_signature(sec, msg, len, sig);
}

static int fake_verify(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
		       const uint8_t sig[SIG_BYTES])
{
	uint8_t want[SIG_BYTES];

	(void)ctx;
	tnet_signature(pub, msg, len, want);
	return memcmp(want, sig, SIG_BYTES) == 0 ? 0 : -1;
}

void tnet_crypto(struct gossip_crypto *crypto)
{
	crypto->sign = fake_sign;
	crypto->verify = fake_verify;
}

size_t tnet_sign(const struct row_view *row, uint8_t out[ROW_BYTES_MAX])
{
	uint8_t message[10 + ID_BYTES + ROW_BYTES_MAX] = "weft row 1";
	uint8_t key[32];
	int len = row_encode(row, out, ROW_BYTES_MAX);

	WEFT_ASSERT(len > 0);
	memset(key, row->owner.b[0], sizeof(key));
	memcpy(message + 10 + ID_BYTES, out, (size_t)len);
	tnet_signature(key, message, 10 + ID_BYTES + (size_t)len, out + len);
	return (size_t)len + ROW_SIG_BYTES;
}

static void store_drop(struct tnet_node *node, const struct row_view *key)
{
	struct row_view held;

	for (size_t i = 0; i < node->store_count; i++) {
		WEFT_ASSERT(row_parse(node->store[i].bytes, node->store[i].len, &held) == 0);
		if (replica_place(key) == replica_place(&held)) {
			node->store[i] = node->store[--node->store_count];
			return;
		}
	}
}

void tnet_store_fold(struct tnet_node *node, const struct tnet_store *entry)
{
	struct row_view row, held;
	size_t i;

	if (entry->kind == WRITE_ROW_DROP || entry->kind == WRITE_SNAPSHOT_DROP) {
		store_drop(node, &entry->key);
		return;
	}
	WEFT_ASSERT(row_parse(entry->bytes, entry->len, &row) == 0);
	for (i = 0; i < node->store_count; i++) {
		WEFT_ASSERT(row_parse(node->store[i].bytes, node->store[i].len, &held) == 0);
		if (replica_place(&row) == replica_place(&held))
			break;
	}
	if (i < node->store_count && !row_is_fact(&row) && row_version_cmp(&row, &held) < 0)
		return;
	if (i == node->store_count) {
		if (node->store_count == node->store_cap) {
			node->store_cap = node->store_cap == 0 ? 64 : 2 * node->store_cap;
			node->store = realloc(node->store, node->store_cap * sizeof(*node->store));
			WEFT_ASSERT(node->store != NULL);
		}
		node->store_count++;
	}
	node->store[i] = *entry;
}
