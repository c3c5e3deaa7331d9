/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/names.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"

#define MARK_LEN (sizeof(WEFT_ALIAS_MARK) - 1)

static void device_name(const char *stem, uint32_t vni, char out[IFNAME_BYTES])
{
	WEFT_ASSERT(vni <= 0xffffff);
	memset(out, 0, IFNAME_BYTES);
	(void)snprintf(out, IFNAME_BYTES, "%s%06x", stem, (unsigned)vni);
}

void name_bridge(uint32_t vni, char out[IFNAME_BYTES])
{
	device_name("wfbr", vni, out);
}

void name_vxlan(uint32_t vni, char out[IFNAME_BYTES])
{
	device_name("wfvx", vni, out);
}

bool name_is_device(const char *name)
{
	return strncmp(name, "wfbr", 4) == 0 || strncmp(name, "wfvx", 4) == 0;
}

void name_port(const struct id *endpoint, char out[IFNAME_BYTES])
{
	char text[ID_TEXT_BYTES];

	id_format(endpoint, text);
	memset(out, 0, IFNAME_BYTES);
	(void)snprintf(out, IFNAME_BYTES, "wfe%.12s", text);
}

void name_local_port(const struct local_endpoint *local, char out[IFNAME_BYTES])
{
	if (local->is_host)
		memset(out, 0, IFNAME_BYTES);
	else if (local->host_ifname[0] == '\0')
		name_port(&local->id, out);
	else
		memmove(out, local->host_ifname, IFNAME_BYTES);
}

void name_alias(const struct id *network, char out[WEFT_ALIAS_BYTES])
{
	memset(out, 0, WEFT_ALIAS_BYTES);
	memcpy(out, WEFT_ALIAS_MARK, MARK_LEN);
	id_format(network, out + MARK_LEN);
}

bool name_alias_is_weft(const char *alias)
{
	return strncmp(alias, WEFT_ALIAS_MARK, MARK_LEN) == 0;
}

bool name_alias_parse(const char *alias, struct id *network)
{
	return name_alias_is_weft(alias) && id_parse(alias + MARK_LEN, network) == 0;
}
