/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The difference of two states as an ordered list of idempotent operations. Pure. Both states must
 * be sorted (kstate_sort) and outlive the plan, whose operations point into them.
 */
#pragma once

#include "overlay/kernel.h"

struct plan {
	struct vec ops;     /* struct kop */
	struct vec lost;    /* const struct klink *: wanted ports that do not stand */
	struct vec foreign; /* const struct klink *: wanted names that somebody else uses */
	bool again; /* what it does moves things it cannot see: read and plan again afterwards */
};

void plan_init(struct plan *plan, struct heap *heap);
void plan_close(struct plan *plan);

/* Sysctls, links, MTUs, addresses, routes, new nexthops. */
void plan_host(struct plan *plan, const struct kstate *want, const struct kstate *have);

/* Forwarding entries and neighbours: new ones before old ones go. */
void plan_entries(struct plan *plan, const struct kstate *want, const struct kstate *have);

/* Nexthops that nothing points at any more, after the entries. */
void plan_nexthops_end(struct plan *plan, const struct kstate *want, const struct kstate *have);

/* "create fdb ...", for logs and golden files; returns out. */
const char *plan_format(const struct kop *op, char *out, size_t cap);
