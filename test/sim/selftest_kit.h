/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The world in which the checkers are tried: of three hosts, in which all has come to rest. */
#pragma once

#include "sim.h"

#include "test/base/cmocka_all.h"

extern struct sim world;
extern struct node_update update; /* what a host is made to say */
extern const uint8_t signature[ROW_SIG_BYTES];

int world_open(void **state);
int world_close(void **state);

#define TRY(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

/* The world failed, and by this checker. */
void assert_caught(enum checker checker);

/* A row by this host; value must outlive it. */
struct row_view row_of(size_t host, uint16_t kind, uint64_t sequence, const char *value);

/* A lease of an address, always the same, by this endpoint. */
struct write lease_of(uint8_t endpoint);

/* Tries the checkers of rows, those of addresses, and these where a copy runs; how many tests
 * failed. */
int selftest_rows(void);
int selftest_addresses(void);
int selftest_copies(void);
