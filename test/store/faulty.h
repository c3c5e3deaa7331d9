/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A disk that fails when it is told to: a layer of SQLite's between the store and the real files,
 * made the default one, so that the store runs as it is. Every call that changes something (write,
 * sync, truncate, open, delete) is an operation with a number. So are the store's own fsync and
 * rename, which the linker leads here (--wrap); what it unlinks it unlinks, unless the power is
 * gone.
 *
 * A power cut keeps what was synced, and of the writes since then those that chance chooses, in
 * their order. Names of files count as durable once made: the store syncs its directory by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault {
	FAULT_NONE = 0,
	FAULT_IOERR, /* the operation fails, nothing of it happens */
	FAULT_FULL,  /* the same, as a full disk says it */
	FAULT_SHORT, /* half of a write happens, then it fails */
	FAULT_CUT,   /* from here on nothing happens any more: the power is gone */
};

/* Puts the layer in place; once a process. */
void faulty_install(void);

/* From now on operation number at (1 is the next) meets the fault, and all after it too when
 * lasting; at 0: none does. Counting begins anew. */
void faulty_plan(enum fault fault, unsigned at, bool lasting);

/* Operations since the plan was made. */
unsigned faulty_count(void);

/* After a cut, with all files closed: leaves on the disk what the cut left. */
void faulty_power_on(uint64_t seed);
