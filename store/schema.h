/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The schema as a list of steps, one file in store/schema each, compiled into the program. Step n
 * leads from version n to n + 1 and is never changed once released; a change is a new step.
 */
#pragma once

#include <sqlite3.h>
#include <stddef.h>

#include "gossip/base/err.h"

/* Marks the file as weft's in its header ("weft"). */
#define SCHEMA_APPLICATION_ID 0x77656674

struct schema_step {
	const char *name; /* of its file */
	const char *sql;
};

/* Generated from store/schema/NNNN_what.sql at build, in order of their numbers. */
extern const struct schema_step schema_steps[];
extern const size_t schema_step_count;

/* The version of db; 0 for an empty one. WEFT_E_STORE when it is not weft's or damaged,
 * WEFT_E_UNSUPPORTED when it is newer than count steps lead to. */
int schema_version(sqlite3 *db, size_t count, struct weft_err *err);

/* Takes the steps that are missing, each in one transaction with its version number, so that a
 * crash leaves a version that some weft wrote. Returns the version (count) or an error. */
int schema_upgrade(sqlite3 *db, const struct schema_step *steps, size_t count,
		   struct weft_err *err);
