/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/names.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/map.h"

/* Constants that keep the uses of the hash apart; part of what hosts agree on. */
enum {
	SEED_BRIDGE = 0x77660001,
	SEED_ENDPOINT = 0x77660002,
	SEED_VNI = 0x77660003,
	SEED_PORT = 0x77660004,
};

static void hex(const uint8_t *bytes, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

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

static void device_name(const char *stem, uint32_t vni, char out[IFNAME_BYTES])
{
	const uint8_t bytes[3] = {(uint8_t)(vni >> 16), (uint8_t)(vni >> 8), (uint8_t)vni};

	WEFT_ASSERT(vni <= 0xffffff);
	memset(out, 0, IFNAME_BYTES);
	memcpy(out, stem, 4);
	hex(bytes, sizeof(bytes), out + 4);
}

void name_bridge(uint32_t vni, char out[IFNAME_BYTES])
{
	device_name("wfbr", vni, out);
}

void name_vxlan(uint32_t vni, char out[IFNAME_BYTES])
{
	device_name("wfvx", vni, out);
}

void name_port(const struct id *endpoint, char out[IFNAME_BYTES])
{
	memset(out, 0, IFNAME_BYTES);
	memcpy(out, "wfe", 3);
	hex(endpoint->b, 6, out + 3);
}

void name_alias(const struct id *network, char out[WEFT_ALIAS_BYTES])
{
	memset(out, 0, WEFT_ALIAS_BYTES);
	memcpy(out, "weft:", 5);
	hex(network->b, ID_BYTES, out + 5);
}

bool name_alias_parse(const char *alias, struct id *network)
{
	return strncmp(alias, "weft:", 5) == 0 && id_parse(alias + 5, network) == 0;
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
	uint8_t bytes[ID_BYTES + 4];

	memcpy(bytes, node->b, ID_BYTES);
	for (int i = 0; i < 4; i++)
		bytes[ID_BYTES + i] = (uint8_t)(vni >> (24 - 8 * i));
	return mac_from(derive(SEED_BRIDGE, bytes, sizeof(bytes)));
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
	uint8_t bytes[ID_BYTES + 4];

	memcpy(bytes, network->b, ID_BYTES);
	for (int i = 0; i < 4; i++)
		bytes[ID_BYTES + i] = (uint8_t)(attempt >> (24 - 8 * i));
	return WEFT_VNI_MIN + (uint32_t)(derive(SEED_VNI, bytes, sizeof(bytes)) %
					 (WEFT_VNI_MAX - WEFT_VNI_MIN + 1));
}
