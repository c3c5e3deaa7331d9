/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the API answers, for its manual page: the keys of each answer with their types. The daemon
 * makes its answers by hand; test/packaging/test_api.py holds every one of them against this table.
 *
 * A key is a way into the answer: `members.alive` is the key `alive` of the object `members`,
 * `ranges[].first` the key `first` of each object of the list `ranges`. Below a key whose type ends
 * in "or null" nothing is there when it is null.
 */
#pragma once

#include "gossip/base/api.h"

/* "text", "id", "address", "instant", "flag", "number", "list of ...", the name of an object, ...
 */
struct answer_key {
	const char *name;
	const char *type;
	const char *help;
};

/* An object that several answers hold. */
struct answer_object {
	const char *name;
	const char *help;
	const struct answer_key *keys;
	size_t key_count;
};

struct answer {
	const struct answer_object
	    *object; /* the answer is one of these, with further keys; or NULL */
	const struct answer_key *keys;
	size_t key_count;
	const char *text; /* what an answer that is no JSON object says; NULL */
};

/* Every type and what it means; a type that is not here is the name of an object. */
const struct answer_key *answer_types(size_t *count);

const struct answer_object *answer_objects(size_t *count);

/* What a method answers; never NULL, and never without anything but for an empty object. */
const struct answer *answer_of(enum api_id id);
