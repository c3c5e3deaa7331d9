/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "drops.h"

#include <string.h>

#include "gossip/base/check.h"

#define WAITING_MAX 65536 /* with more of them what failed is not tried again */

void drops_init(struct drops *drops, struct core *core)
{
	*drops = (struct drops){.own = 0};
	vec_init(&drops->waiting, &core->heap, sizeof(struct drop));
	vec_init(&drops->flying, &core->heap, sizeof(struct drop));
}

void drops_close(struct drops *drops)
{
	vec_close(&drops->waiting);
	vec_close(&drops->flying);
}

void drops_add(struct drops *drops, const struct row_view *key, bool own, struct version stored)
{
	struct drop drop = {
	    .own = own,
	    .kind = key->kind,
	    .owner = key->owner,
	    .topic = key->topic,
	    .key_len = (uint8_t)key->key_len,
	    .version = stored,
	};

	WEFT_ASSERT(key->key_len <= KEY_BYTES_MAX && !row_is_fact(key));
	memcpy(drop.key, key->key, key->key_len);
	vec_push(&drops->waiting, &drop);
	drops->own += own;
}

struct row_view drops_key(const struct drop *drop)
{
	struct row_view key = {.kind = drop->kind,
			       .owner = drop->owner,
			       .topic = drop->topic,
			       .key_len = drop->key_len};

	memcpy(key.key, drop->key, drop->key_len);
	return key;
}

void drops_hand_in(struct drops *drops, size_t at, uint64_t token)
{
	struct drop drop = *(struct drop *)vec_at(&drops->waiting, at);

	WEFT_ASSERT(token != 0 && drop.token == 0);
	drop.token = token;
	vec_remove(&drops->waiting, at);
	vec_push(&drops->flying, &drop);
}

void drops_remove(struct drops *drops, size_t at)
{
	const struct drop *drop = vec_at(&drops->waiting, at);

	WEFT_ASSERT(!drop->own || drops->own > 0);
	drops->own -= drop->own;
	vec_remove(&drops->waiting, at);
}

void drops_end(struct drops *drops, uint64_t token, bool ok)
{
	for (size_t i = drops->flying.count; i-- > 0;) {
		struct drop drop = *(struct drop *)vec_at(&drops->flying, i);

		if (drop.token != token)
			continue;
		vec_remove(&drops->flying, i);
		drop.token = 0;
		if (!ok && drops->waiting.count < WAITING_MAX)
			vec_push(&drops->waiting, &drop);
		else
			drops->own -= drop.own;
	}
}

static bool is_among(const struct vec *vec, const struct id *owner, const struct id *topic,
		     uint64_t but)
{
	for (size_t i = 0; i < vec->count; i++) {
		const struct drop *drop = vec_at(vec, i);
		if ((drop->token == 0 || drop->token != but) && id_eq(&drop->owner, owner) &&
		    id_eq(&drop->topic, topic))
			return true;
	}
	return false;
}

bool drops_has(const struct drops *drops, const struct id *owner, const struct id *topic,
	       uint64_t but)
{
	return is_among(&drops->waiting, owner, topic, but) ||
	       is_among(&drops->flying, owner, topic, but);
}

bool drops_is_empty(const struct drops *drops)
{
	return drops->waiting.count == 0 && drops->flying.count == 0;
}
