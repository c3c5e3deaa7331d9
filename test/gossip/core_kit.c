/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "core_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *pages_take(void *ctx, size_t bytes)
{
	void *pages = NULL;

	(void)ctx;
	if (posix_memalign(&pages, 4096, bytes) != 0)
		return NULL;
	memset(pages, 0, bytes);
	return pages;
}

static void pages_give(void *ctx, void *pages, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	free(pages);
}

struct page_source core_kit_pages(void)
{
	return (struct page_source){.take = pages_take, .give = pages_give};
}

static void kit_random(void *ctx, void *out, size_t len)
{
	struct core_kit *kit = ctx;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)rng_u64(&kit->rng);
}

static void kit_wipe(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	memset(bytes, 0, len);
}

static void kit_trace(void *ctx, const struct trace_record *record)
{
	struct core_kit *kit = ctx;

	kit->last_trace = *record;
	kit->traces++;
}

struct id id_numbered(uint8_t number)
{
	struct id id;

	memset(id.b, number, sizeof(id.b));
	return id;
}

void core_kit_open(struct core_kit *kit, uint8_t self)
{
	struct gossip_config config = {.seed = self};

	memset(kit, 0, sizeof(*kit));
	kit->pages = core_kit_pages();
	kit->crypto = (struct gossip_crypto){.ctx = kit, .random = kit_random, .wipe = kit_wipe};
	rng_init(&kit->rng, self);
	heap_init(&kit->blob_heap, &kit->pages);
	blob_store_init(&kit->blobs, &kit->blob_heap, 1);
	config.crypto = &kit->crypto;
	config.pages = kit->pages;
	config.blobs = &kit->blobs;
	config.trace = (struct trace_sink){.ctx = kit, .emit = kit_trace};
	core_init(&kit->core, &config, &kit->update);
	member_table_init(&kit->members, &kit->core);
	kit->core.self.id = id_numbered(self);
	kit->core.self.phase = NODE_ACTIVE;
	core_begin_step(&kit->core, (struct mono){NS_PER_S}, (struct wall){0});
	core_kit_member(kit, self, "self");
	kit->members.arrivals.count = 0;
	member_flush(&kit->members);
	core_kit_step(kit, 0);
}

void core_kit_close(struct core_kit *kit)
{
	member_table_close(&kit->members);
	core_close(&kit->core);
	WEFT_ASSERT(kit->blobs.count == 0);
	blob_store_close(&kit->blobs);
	heap_close(&kit->blob_heap);
}

void core_kit_step(struct core_kit *kit, int64_t ms)
{
	core_begin_step(&kit->core, mono_add_ms(kit->core.now, ms), (struct wall){0});
}

struct member *core_kit_member(struct core_kit *kit, uint8_t number, const char *name)
{
	struct id id = id_numbered(number);
	struct member *member = member_intern(&kit->members, &id);
	struct rec_member rec = {.wire_min = 1, .wire_max = 1};

	(void)snprintf(rec.name, sizeof(rec.name), "%s", name);
	rec.gossip.ip = inet_from_v4(0x0a000000u + number);
	rec.gossip.port = GOSSIP_PORT;
	rec.vtep = rec.gossip.ip;
	member_apply_record(&kit->members, member, &rec, 1);
	return member;
}

void core_kit_unsend(struct outbox *box)
{
	box->frames.count = 0;
	box->len = 0;
}
