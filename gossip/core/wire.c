/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Frames as the wire carries them. */
#include "wire.h"

#include <string.h>

size_t wire_put_frame(uint8_t *at, uint8_t type, const void *body, size_t len)
{
	WEFT_ASSERT(len <= WIRE_PAYLOAD_MAX - FRAME_HEADER_BYTES);
	at[0] = type;
	wire_put(at + 1, len, 2);
	if (len > 0)
		memcpy(at + FRAME_HEADER_BYTES, body, len);
	return FRAME_HEADER_BYTES + len;
}
