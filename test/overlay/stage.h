/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An overlay on the fake kernel, with the rows that most tests begin with.
 */
#pragma once

#include "overlay/fake/fake_kernel.h"
#include "overlay/overlay.h"

#define STAGE_VNI 4096

struct fake_stage {
	struct page_source pages;
	struct fake_kernel *kernel;
	struct overlay *ov;
	struct mono now;
	struct id self, network;
	struct rec_network rec;
	uint32_t applied, failed, lost, mtu_told;
	struct overlay_applied last_applied;
	struct overlay_failure last_failure;
	struct overlay_report report;
	struct overlay_box box; /* what stage_make made in it, for the next attach */
	char done[16384];       /* operations, a line each */
};

/* Node number 1 in a network 10.7.0.0/24 with peers 2 and 3, nothing reconciled yet. */
void stage_open(struct fake_stage *stage, enum overlay_layout layout, enum overlay_fdb_form form);
void stage_close(struct fake_stage *stage);

/* A test whose state is a stage of its own, opened with the default layout. */
int stage_set_up(void **state);
int stage_tear_down(void **state);
#define STAGED(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

/* The overlay starts over, as after a restart: the kernel stays, the rows are told again. */
void stage_restart(struct fake_stage *stage, enum overlay_layout layout,
		   enum overlay_fdb_form form);

/* An overlay that knows no row yet, and the rows of a stage for it. */
struct overlay *stage_bare(struct fake_stage *stage);
void stage_rows(struct fake_stage *stage);

struct id stage_id(uint8_t kind, uint8_t number);
void stage_member(struct fake_stage *stage, uint8_t number, const char *vtep);
void stage_endpoint(struct fake_stage *stage, uint8_t number, uint8_t owner, const char *addr,
		    uint64_t sequence);
void stage_own_lease(struct fake_stage *stage, const char *addr);

/* One reconcile now; its return value. done holds what it did. */
int stage_reconcile(struct fake_stage *stage);

/* Reads notifications and reconciles while that is due at once or within ms; how many reconciles.
 */
int stage_settle(struct fake_stage *stage, int64_t ms);

/* Makes the veth of endpoint number ahead of its attach, or takes it back. */
void stage_make(struct fake_stage *stage, uint8_t number);
void stage_unmake(struct fake_stage *stage, uint8_t number);

/* Plugs endpoint number into box number. */
int stage_attach(struct fake_stage *stage, uint8_t number, const char *addr, struct weft_err *err);

/* Two remote endpoints and one plugged in, all standing. */
void stage_make_all(struct fake_stage *stage);

/* What stands, as text; equal text means equal states. */
void stage_remember(const struct fake_stage *stage, char *out, size_t cap);
size_t stage_count(const struct fake_stage *stage, enum kobj_kind kind);
