/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A handle is the place of a slot plus one. Slots of equal hash form a chain from the map's entry;
 * with a seeded 64-bit hash chains longer than one are a curiosity, but equal hashes are never
 * taken for equal bytes. Free slots form a list through the same link.
 */
#include "blob.h"

#include <stdbool.h>
#include <string.h>

#include "check.h"

#define BLOB_BYTES_MAX ((size_t)65535)

struct slot {
	uint8_t *bytes; /* NULL in a free slot */
	uint64_t hash;
	uint32_t refs;
	uint32_t next; /* handle of the next in the chain or free list */
	uint16_t len;
	bool verified;
};

struct chain {
	uint64_t hash;
	uint32_t head;
	uint32_t reserved;
};

static struct slot *slot_get(const struct blob_store *store, uint32_t handle)
{
	struct slot *slot;

	WEFT_ASSERT(handle != BLOB_NONE);
	slot = vec_at(&store->slots, handle - 1);
	WEFT_ASSERT(slot->bytes != NULL && slot->refs > 0);
	return slot;
}

void blob_store_init(struct blob_store *store, struct heap *heap, uint64_t seed)
{
	*store = (struct blob_store){.heap = heap, .free_head = BLOB_NONE, .seed = seed};
	map_init(&store->by_hash, heap, sizeof(uint64_t), sizeof(struct chain), seed);
	vec_init(&store->slots, heap, sizeof(struct slot));
}

void blob_store_close(struct blob_store *store)
{
	for (size_t i = 0; i < store->slots.count; i++) {
		struct slot *slot = vec_at(&store->slots, i);
		heap_give(store->heap, slot->bytes, slot->len);
	}
	vec_close(&store->slots);
	map_close(&store->by_hash);
	store->free_head = BLOB_NONE;
	store->bytes = 0;
	store->count = 0;
}

static uint32_t slot_make(struct blob_store *store)
{
	uint32_t handle = store->free_head;

	if (handle != BLOB_NONE) {
		struct slot *slot = vec_at(&store->slots, handle - 1);
		WEFT_ASSERT(slot->bytes == NULL);
		store->free_head = slot->next;
		return handle;
	}
	WEFT_ASSERT(store->slots.count < UINT32_MAX - 1);
	vec_push(&store->slots, NULL);
	return (uint32_t)store->slots.count;
}

uint32_t blob_take(struct blob_store *store, const void *bytes, size_t len)
{
	struct chain *chain;
	struct slot *slot;
	uint64_t hash;
	uint32_t handle;

	WEFT_ASSERT(len >= 1 && len <= BLOB_BYTES_MAX);
	hash = map_hash(bytes, len, store->seed);
	chain = map_insert(&store->by_hash, &hash, NULL);
	for (handle = chain->head; handle != BLOB_NONE; handle = slot->next) {
		slot = slot_get(store, handle);
		if (slot->len == len && memcmp(slot->bytes, bytes, len) == 0)
			return blob_share(store, handle);
	}
	handle = slot_make(store);
	slot = vec_at(&store->slots, handle - 1);
	*slot = (struct slot){
	    .bytes = heap_take(store->heap, len),
	    .hash = hash,
	    .refs = 1,
	    .next = chain->head,
	    .len = (uint16_t)len,
	};
	memcpy(slot->bytes, bytes, len);
	chain->head = handle;
	store->bytes += len;
	store->count++;
	return handle;
}

uint32_t blob_share(struct blob_store *store, uint32_t handle)
{
	struct slot *slot = slot_get(store, handle);

	WEFT_ASSERT(slot->refs < UINT32_MAX);
	slot->refs++;
	return handle;
}

static void chain_remove(struct blob_store *store, uint32_t handle)
{
	struct slot *slot = slot_get(store, handle);
	struct chain *chain = map_find(&store->by_hash, &slot->hash);
	uint32_t *link;

	WEFT_ASSERT(chain != NULL);
	for (link = &chain->head; *link != handle; link = &slot_get(store, *link)->next)
		;
	*link = slot->next;
	if (chain->head == BLOB_NONE)
		map_remove(&store->by_hash, &slot->hash);
}

void blob_give(struct blob_store *store, uint32_t handle)
{
	struct slot *slot = slot_get(store, handle);

	if (--slot->refs > 0)
		return;
	slot->refs = 1; /* still whole while it leaves its chain */
	chain_remove(store, handle);
	WEFT_ASSERT(store->bytes >= slot->len && store->count > 0);
	store->bytes -= slot->len;
	store->count--;
	heap_give(store->heap, slot->bytes, slot->len);
	*slot = (struct slot){.next = store->free_head};
	store->free_head = handle;
}

const uint8_t *blob_bytes(const struct blob_store *store, uint32_t handle, size_t *len)
{
	const struct slot *slot = slot_get(store, handle);

	*len = slot->len;
	return slot->bytes;
}

void blob_mark_verified(struct blob_store *store, uint32_t handle)
{
	slot_get(store, handle)->verified = true;
}

int blob_is_verified(const struct blob_store *store, uint32_t handle)
{
	return slot_get(store, handle)->verified;
}
