/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "vni.h"

#include "check.h"

/* The first derived number of the network that nobody has; all of them taken is beyond reach. */
static uint32_t move(struct map *taken, const struct id *network)
{
	for (uint32_t attempt = 0;; attempt++) {
		uint32_t vni = vni_of_network(network, attempt);
		bool fresh;

		WEFT_ASSERT(attempt < UINT32_MAX);
		map_insert(taken, &vni, &fresh);
		if (fresh)
			return vni;
	}
}

void vnis_assign(struct heap *heap, uint64_t seed, struct vni_claim *claims, size_t count)
{
	struct map taken;
	size_t moves = 0;

	map_init(&taken, heap, sizeof(uint32_t), sizeof(uint32_t), seed);
	for (size_t i = 0; i < count; i++) {
		bool fresh;

		WEFT_ASSERT(i == 0 || id_cmp(&claims[i - 1].network, &claims[i].network) < 0);
		map_insert(&taken, &claims[i].recorded, &fresh);
		claims[i].used = fresh ? claims[i].recorded : 0;
		moves += !fresh;
	}
	for (size_t i = 0; i < count && moves > 0; i++) {
		if (claims[i].used != 0)
			continue;
		claims[i].used = move(&taken, &claims[i].network);
		moves--;
	}
	map_close(&taken);
}
