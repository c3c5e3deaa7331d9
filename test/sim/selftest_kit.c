/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "selftest_kit.h"

#include <string.h>

struct sim world;
struct node_update update;
const uint8_t signature[ROW_SIG_BYTES] = {7};

int world_open(void **state)
{
	static const char *const pinned[] = {
	    "hosts=3",         "chaos_ms=6000",      "op_gap_ms=20",
	    "loss_ppm=0",      "latency_us_min=100", "latency_us_max=1000",
	    "weight_crash=0",  "weight_partition=0", "weight_leave=0",
	    "weight_remove=0", "commit_fail_ppm=0",  "tame=1",
	};
	struct sim_pins pins = {.count = 0};
	struct sim_options opt;

	(void)state;
	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
		assert_true(sim_pins_add(&pins, pinned[i]));
	sim_options_draw(&opt, 3, &pins);
	sim_open(&world, &opt, NULL);
	assert_true(sim_run(&world));
	for (size_t i = 0; i < 3; i++)
		assert_true(world.hosts[i].joined && world.hosts[i].state == HOST_UP);
	/* Nothing has disturbed anybody for long. */
	world.now = mono_add_ms(world.now, 100000);
	update = (struct node_update){0};
	return 0;
}

int world_close(void **state)
{
	(void)state;
	sim_close(&world);
	return 0;
}

void assert_caught(enum checker checker)
{
	char words[80];

	snprintf(words, sizeof(words), "checker %s: ", checker_name(checker));
	if (!world.failed || strncmp(world.failure, words, strlen(words)) != 0)
		fail_msg("not caught by %s, but: %s", checker_name(checker),
			 world.failed ? world.failure : "nobody");
}

struct row_view row_of(size_t host, uint16_t kind, uint64_t sequence, const char *value)
{
	struct row_view row = {.kind = kind, .epoch = 1000, .sequence = sequence};

	row.owner = world.hosts[host].id;
	row.key_len = 1;
	row.value = (const uint8_t *)value;
	row.value_len = strlen(value);
	row.sig = signature;
	return row;
}

struct write lease_of(uint8_t endpoint)
{
	struct write write = {.kind = WRITE_LEASE};

	memset(&write.lease, 0, sizeof(write.lease));
	write.lease.network.b[0] = 9;
	write.lease.address = inet_from_v4(0x0a090001);
	write.lease.endpoint.b[0] = endpoint;
	return write;
}
