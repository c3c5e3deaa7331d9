/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Packing: msgpack-c decides the encoding (the shortest), its write callback is bounded here. */
#include "pack.h"

#include <string.h>

#include <msgpack/pack.h>

#include "check.h"

/* Nothing is written any more after the first thing that did not fit: no gaps. */
static int pack_write(void *data, const char *bytes, size_t len)
{
	struct pack *pack = data;

	WEFT_ASSERT(pack->len <= pack->cap);
	if (pack->overflow || len > pack->cap - pack->len) {
		pack->overflow = true;
		return -1;
	}
	if (len > 0)
		memcpy(pack->bytes + pack->len, bytes, len);
	pack->len += len;
	return 0;
}

static msgpack_packer packer(struct pack *pack)
{
	msgpack_packer to;

	msgpack_packer_init(&to, pack, pack_write);
	return to;
}

void pack_init(struct pack *pack, void *bytes, size_t cap)
{
	WEFT_ASSERT(bytes != NULL || cap == 0);
	*pack = (struct pack){.bytes = bytes, .cap = cap};
}

bool pack_ok(const struct pack *pack)
{
	return !pack->overflow;
}

void pack_array(struct pack *pack, size_t count)
{
	msgpack_packer to = packer(pack);

	WEFT_ASSERT(count <= UINT32_MAX);
	msgpack_pack_array(&to, count);
}

void pack_uint(struct pack *pack, uint64_t value)
{
	msgpack_packer to = packer(pack);

	msgpack_pack_uint64(&to, value);
}

void pack_int(struct pack *pack, int64_t value)
{
	msgpack_packer to = packer(pack);

	msgpack_pack_int64(&to, value);
}

void pack_bool(struct pack *pack, bool value)
{
	msgpack_packer to = packer(pack);

	if (value)
		msgpack_pack_true(&to);
	else
		msgpack_pack_false(&to);
}

void pack_nil(struct pack *pack)
{
	msgpack_packer to = packer(pack);

	msgpack_pack_nil(&to);
}

void pack_bin(struct pack *pack, const void *bytes, size_t len)
{
	msgpack_packer to = packer(pack);

	WEFT_ASSERT(len <= UINT32_MAX);
	msgpack_pack_bin(&to, len);
	pack_write(pack, bytes, len);
}

void pack_str(struct pack *pack, const char *text)
{
	msgpack_packer to = packer(pack);
	size_t len = strlen(text);

	WEFT_ASSERT(len <= UINT32_MAX);
	msgpack_pack_str(&to, len);
	pack_write(pack, text, len);
}

void pack_raw(struct pack *pack, const void *bytes, size_t len)
{
	pack_write(pack, bytes, len);
}
