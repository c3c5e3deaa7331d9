/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A kernel in memory behind overlay/kernel.h, for tests and for the simulator. It holds the same
 * objects, refuses what the real one refuses with the same error numbers, lets go of what a removed
 * device takes with it, and notifies. Faults are asked for one by one; nothing here is random.
 */
#pragma once

#include "overlay/kernel.h"

struct fake_kernel;

/* What goes wrong next; zero: nothing. Each counts down as it is used. */
struct fake_faults {
	uint32_t fail_after;      /* the operation after so many others fails once ... */
	int fail_error;           /* ... with this errno; 0: none */
	enum kobj_kind fail_kind; /* every operation on this kind fails with fail_kind_error */
	int fail_kind_error;
	uint32_t lose_after;  /* apply ends after so many operations and returns ... */
	int lose_error;       /* ... -lose_error: the outcome is not known; 0: none */
	uint32_t interrupted; /* so many dumps end with -EINTR */
	bool deaf;            /* notifications are dropped, unnoticed */
	bool overrun;         /* the next reading of events finds that some were lost */
	int make_error;       /* nothing is made ahead; 0: it is */
	int plug_error;       /* plug fails at its last step; all is undone; 0: it does not */
	int rules_error;      /* setting rules fails */
};

/* What was asked of it so far. */
struct fake_counts {
	uint64_t operations, dumps, gets, paths, rule_sets, rule_adds, announcements, flushes,
	    events;
	uint64_t announced_late; /* of these: the neighbour, or the box, stood already */
};

/* An empty kernel on pages of the source; freed by fake_kernel_free. */
struct fake_kernel *fake_kernel_new(const struct page_source *pages);
void fake_kernel_free(struct fake_kernel *kernel);

/* The operations; their ctx is a struct fake_kernel. */
const struct kernel_ops *fake_kernel_ops(void);

struct fake_faults *fake_kernel_faults(struct fake_kernel *kernel);
const struct fake_counts *fake_kernel_counts(const struct fake_kernel *kernel);

/* What stands, sorted; borrowed until the next operation. */
const struct kstate *fake_kernel_state(const struct fake_kernel *kernel);

/* The text of a table, or "". */
const char *fake_kernel_rules(const struct fake_kernel *kernel, enum krules table);

/* What the clock says, and the MTU of the way to everywhere. */
void fake_kernel_clock_set(struct fake_kernel *kernel, struct mono now);
void fake_kernel_underlay_set(struct fake_kernel *kernel, uint32_t mtu);

/* Somebody else's doing, with its notifications: adds or replaces an object, removes one (with all
 * that goes with it; false when there is none), flushes a table. */
void fake_kernel_put(struct fake_kernel *kernel, enum kobj_kind kind, const void *obj);
bool fake_kernel_remove(struct fake_kernel *kernel, enum kobj_kind kind, const void *key);
void fake_kernel_rules_flush(struct fake_kernel *kernel, enum krules table);

/* A prefix of the host's own routing, for the overlap check. */
void fake_kernel_prefix_add(struct fake_kernel *kernel, const struct prefix *prefix);
