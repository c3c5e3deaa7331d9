/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "versions.h"

#include <string.h>

#include "gossip/base/check.h"

#define STEP_MAX 256u

/* True when b can follow a in one run. */
static bool joins(const struct version *a, const struct version *b)
{
	WEFT_ASSERT(version_cmp(*a, *b) < 0);
	return a->epoch == b->epoch && b->sequence - a->sequence <= STEP_MAX;
}

size_t versions_fit(const struct version *versions, size_t count, size_t room)
{
	size_t bytes = VERSIONS_LIST_BYTES;
	size_t i;

	for (i = 0; i < count && i < VERSIONS_MAX; i++) {
		bytes += i > 0 && joins(&versions[i - 1], &versions[i]) ? 1 : VERSIONS_RUN_BYTES;
		if (bytes > room)
			break;
	}
	return i;
}

/* Length of the run that begins here. */
static size_t run_length(const struct version *versions, size_t count)
{
	size_t i = 1;

	while (i < count && joins(&versions[i - 1], &versions[i]))
		i++;
	return i;
}

void versions_pack(struct pack *pack, const struct version *versions, size_t count)
{
	uint8_t steps[VERSIONS_MAX];
	size_t runs = 0;

	WEFT_ASSERT(count <= VERSIONS_MAX);
	for (size_t i = 0; i < count; i += run_length(&versions[i], count - i))
		runs++;
	pack_array(pack, runs);
	for (size_t i = 0; i < count;) {
		size_t len = run_length(&versions[i], count - i);
		for (size_t j = 1; j < len; j++)
			steps[j - 1] =
			    (uint8_t)(versions[i + j].sequence - versions[i + j - 1].sequence - 1);
		pack_array(pack, 3);
		pack_uint(pack, versions[i].epoch);
		pack_uint(pack, versions[i].sequence);
		pack_bin(pack, steps, len - 1);
		i += len;
	}
}

size_t versions_read(struct cursor *cursor, struct version out[VERSIONS_MAX])
{
	size_t runs = cursor_array(cursor, VERSIONS_MAX);
	size_t count = 0;

	for (size_t r = 0; r < runs; r++) {
		struct version version;
		const uint8_t *steps;
		size_t len;
		if (cursor_array(cursor, 3) != 3)
			return SIZE_MAX;
		version.epoch = cursor_uint(cursor, UINT64_MAX);
		version.sequence = cursor_uint(cursor, UINT64_MAX);
		steps = cursor_bin(cursor, VERSIONS_MAX, &len);
		if (!cursor_ok(cursor) || count + 1 + len > VERSIONS_MAX)
			return SIZE_MAX;
		if (count > 0 && version_cmp(out[count - 1], version) >= 0)
			return SIZE_MAX;
		out[count++] = version;
		for (size_t i = 0; i < len; i++) {
			/* The last number of all is a version like any other: it can be signed. */
			if (version.sequence > UINT64_MAX - 1 - steps[i])
				return SIZE_MAX;
			version.sequence += (uint64_t)steps[i] + 1;
			out[count++] = version;
		}
	}
	return cursor_ok(cursor) ? count : SIZE_MAX;
}
