/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What an overlay tells: of endpoints that stand, of operations that failed, of networks and of
 * itself. Values only; part of the door, overlay/overlay.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gossip/base/record.h"
#include "gossip/base/write.h"

/* The version of a row; a later one wins. */
struct overlay_version {
	uint64_t epoch;
	uint64_t sequence;
};

/* One remote endpoint whose entries now stand in this kernel. */
struct overlay_applied {
	struct id network;
	struct id endpoint;
	struct id owner;
	struct overlay_version version;
};

/* One operation that the kernel refused; retried with back-off until it succeeds. */
struct overlay_failure {
	struct id network; /* zero when it belongs to the whole host */
	int error;         /* errno */
	uint32_t attempts;
	char operation[96]; /* what was tried, as a line */
	char reason[96];    /* the kernel's own words, or those of errno */
};

/* Where a reconcile tells what happened; any pointer may be NULL. Called from overlay_reconcile and
 * overlay_attach on the same thread; the values are valid during the call only. */
struct overlay_sink {
	void *ctx;
	void (*applied)(void *ctx, const struct overlay_applied *applied);
	void (*failed)(void *ctx, const struct overlay_failure *failure);
	/* The host's end of a local endpoint is gone: its namespace died or someone removed it.
	 * Told once until the endpoint is put again. */
	void (*lost)(void *ctx, const struct id *network, const struct id *endpoint);
	/* What this host's underlay leaves for inner packets, for its attachment row; on change. */
	void (*mtu)(void *ctx, const struct id *network, uint16_t mtu_bytes);
	/* An operation that was done, as a line; for tracing. */
	void (*done)(void *ctx, const struct id *network, const char *operation);
};

/* What one reconcile did. */
struct overlay_report {
	uint32_t networks; /* looked at */
	uint32_t operations;
	uint32_t failed;
	uint32_t dumps;
	int64_t took_ns;
};

/* A network as `network inspect` and `status` show it. */
struct overlay_network_state {
	bool present;     /* this host takes part: devices are wanted here */
	bool pending;     /* a reconcile is due */
	uint32_t vni;     /* in use; 0 before the first reconcile */
	uint32_t failed;  /* operations that failed last time */
	uint32_t remotes; /* remote endpoints that are programmed */
	uint32_t locals;
	uint32_t hosts;     /* attached hosts, this one included */
	uint32_t conflicts; /* addresses or MACs that two endpoints claim */
	uint16_t mtu_bytes; /* in force */
	uint16_t own_mtu_bytes;
	int64_t last_ms; /* how long its last reconcile took */
	char error[160]; /* the last failure, or empty */
};

struct overlay_totals {
	uint32_t networks; /* with devices here */
	uint32_t pending;
	uint32_t failed;
	uint32_t unknown_boxes; /* ports that no row explains, while the overlay is held */
	int64_t last_ms;
	uint64_t reconciles, operations, failures, repairs, dumps, overruns;
	size_t held_bytes; /* memory held for the rows */
	size_t remotes;
};

/* What overlay_attach made. */
struct overlay_plugged {
	char host_ifname[IFNAME_BYTES];
	uint16_t mtu_bytes;
	size_t gateway_count;
	struct inet gateways[POOLS_MAX];
};
