/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "replica_kit.h"

#include "test/base/cmocka_all.h"

struct replica_kit kit;

int replica_kit_open(void **state)
{
	(void)state;
	core_kit_open(&kit.core, 1);
	replica_init(&kit.replica, &kit.core.core);
	return 0;
}

int replica_kit_close(void **state)
{
	(void)state;
	replica_check(&kit.replica);
	replica_close(&kit.replica);
	core_kit_close(&kit.core);
	return 0;
}

uint32_t replica_kit_store(const struct row_view *row)
{
	uint8_t bytes[ROW_BYTES_MAX] = {0};
	int len = row_encode(row, bytes, sizeof(bytes));

	assert_true(len > 0);
	return replica_store(&kit.replica, replica_find(&kit.replica, row), row,
			     blob_take(&kit.core.blobs, bytes, (size_t)len + ROW_SIG_BYTES));
}
