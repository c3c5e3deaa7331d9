/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of the fake kernel.
 */
#pragma once

#include "fake_kernel.h"

#define FAKE_OBJ_BYTES 192
#define FAKE_EVENTS_MAX 8192

struct fake_event {
	uint8_t what;
	uint8_t kind;
	bool gone;
	_Alignas(8) unsigned char obj[FAKE_OBJ_BYTES];
};

struct fake_kernel {
	struct heap heap;
	struct kstate state;
	struct vec events;   /* struct fake_event */
	struct vec prefixes; /* struct prefix */
	char *rules[KRULES_COUNT];
	size_t rules_bytes[KRULES_COUNT];
	struct fake_faults faults;
	struct fake_counts counts;
	struct mono now;
	uint32_t underlay_mtu;
	bool lost_events;
};

/* The object with this key, or NULL. */
void *fake_find(const struct fake_kernel *kernel, enum kobj_kind kind, const void *key);
struct klink *fake_link(const struct fake_kernel *kernel, const char *name);

/* Adds or replaces, or removes with everything that depends on it; both notify. */
void fake_put(struct fake_kernel *kernel, enum kobj_kind kind, const void *obj);
bool fake_remove(struct fake_kernel *kernel, enum kobj_kind kind, const void *key);
void fake_notify(struct fake_kernel *kernel, uint8_t what, enum kobj_kind kind, bool gone,
		 const void *obj);

/* What the real kernel drops when a device goes down or changes its MAC. */
void fake_wipe(struct fake_kernel *kernel, const char *dev);

int fake_apply(void *ctx, const struct kop *ops, size_t count, kernel_failed_fn *failed, void *arg);
int fake_make(void *ctx, const struct kplug *plug, const struct overlay_box *box, int *made);
int fake_plug(void *ctx, const struct kplug *plug, const struct overlay_box *box,
	      struct weft_err *err);
size_t fake_fds(void *ctx, int fds[2]);
void fake_events(void *ctx, void *arg, void (*each)(void *arg, const struct kevent *event));
