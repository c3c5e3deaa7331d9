/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "derive.h"

#include <string.h>

#include "check.h"

#define POOL_FIRST UINT32_C(0x0a400000) /* 10.64.0.0/10 */
#define POOL_COUNT UINT32_C(0x4000)     /* of 256 addresses */

/* Constants that keep the uses of the hash apart. */
enum {
	SEED_BRIDGE = 0x77660001,
	SEED_ENDPOINT = 0x77660002,
	SEED_VNI = 0x77660003,
	SEED_PORT = 0x77660004,
	SEED_POOL = 0x77660005,
	SEED_HOST = 0x77660006,
};

/* FNV-1a over a seed and some bytes, mixed: hosts must agree, so it is spelled out here and not
 * taken from the maps, whose hash is nobody else's business. */
static uint64_t derive(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	hash ^= hash >> 32;
	return hash;
}

static uint64_t derive_numbered(uint64_t seed, const struct id *id, uint32_t number)
{
	uint8_t bytes[ID_BYTES + 4];

	memcpy(bytes, id->b, ID_BYTES);
	for (int i = 0; i < 4; i++)
		bytes[ID_BYTES + i] = (uint8_t)(number >> (24 - 8 * i));
	return derive(seed, bytes, sizeof(bytes));
}

static struct mac mac_from(uint64_t bits)
{
	struct mac mac = {{0x02}};

	for (int i = 1; i < 6; i++)
		mac.b[i] = (uint8_t)(bits >> (8 * i));
	return mac;
}

struct mac mac_of_bridge(const struct id *node, uint32_t vni)
{
	return mac_from(derive_numbered(SEED_BRIDGE, node, vni));
}

struct mac mac_of_endpoint(const struct id *endpoint)
{
	return mac_from(derive(SEED_ENDPOINT, endpoint->b, ID_BYTES));
}

struct mac mac_of_port(const struct id *endpoint)
{
	return mac_from(derive(SEED_PORT, endpoint->b, ID_BYTES));
}

uint32_t vni_of_network(const struct id *network, uint32_t attempt)
{
	return WEFT_VNI_MIN + (uint32_t)(derive_numbered(SEED_VNI, network, attempt) %
					 (WEFT_VNI_MAX - WEFT_VNI_MIN + 1));
}

struct prefix pool_of_network(const struct id *network, uint32_t attempt)
{
	uint32_t which = (uint32_t)(derive_numbered(SEED_POOL, network, attempt) % POOL_COUNT);

	return (struct prefix){inet_from_v4(POOL_FIRST + (which << 8)), POOL_DEFAULT_BITS};
}

struct id host_endpoint_of(const struct id *node, const struct id *network)
{
	uint8_t bytes[2 * ID_BYTES];
	struct id id;

	memcpy(bytes, node->b, ID_BYTES);
	memcpy(bytes + ID_BYTES, network->b, ID_BYTES);
	for (size_t half = 0; half < 2; half++) {
		uint64_t part =
		    derive(SEED_HOST + ((uint64_t)(half + 1) << 32), bytes, sizeof(bytes));
		for (size_t i = 0; i < 8; i++)
			id.b[half * 8 + i] = (uint8_t)(part >> (56 - 8 * i));
	}
	WEFT_ASSERT(!id_is_zero(&id));
	return id;
}
