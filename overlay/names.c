/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/names.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"

static void hex(const uint8_t *bytes, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
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
