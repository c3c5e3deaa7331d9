/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of a reconcile: what its files share.
 */
#pragma once

#include "overlay/desired.h"
#include "overlay/plan.h"

/* One reconcile under way. */
struct work {
	struct overlay *ov;
	struct mono now;
	const struct overlay_sink *sink;
	struct overlay_report report;
	bool in_entries; /* what fails now is of a network's entries */
	bool in_look;    /* or of the look at what no row explains */
};

/* Applies a plan; failures are counted and told. 0, or -errno when the outcome is not known. */
int work_apply(struct work *work, const struct plan *plan);

/* Counts and tells one failure; net is NULL when it belongs to the whole host. */
void work_failed(struct work *work, struct net *net, const char *operation, int error,
		 const char *reason);

/* The network whose device this is, or NULL. */
struct net *work_net_of_device(const struct overlay *ov, const char *dev);

/* The network that an operation is about, or NULL. */
struct net *work_net_of(const struct overlay *ov, const struct kop *op);

/* A part of the work is done from its beginning: what failed in it before is seen again or not. */
void attempt_begin(struct attempt *attempt);

/* The reconcile is over: whether and when the part is tried again. */
void attempt_end(struct attempt *attempt, struct mono now);

/* The first failure of a network that stands, or an empty text; the network's. */
const char *work_error(const struct net *net);

/* Reads the underlay's MTU for every network and marks the host when one changed. */
void work_mtu(struct work *work);

/* Brings links, addresses and routes to what is wanted. */
void work_host(struct work *work);

/* Brings the nftables tables to what is wanted. */
void work_rules(struct work *work, enum krules table);

/* Keeps the text that a table was set by; NULL: that is not known. */
void rules_remember(struct overlay *ov, enum krules table, char *text, size_t bytes);

/* While held: looks whether there is anything that no row explains, and at first at all. */
void held_look(struct work *work);

/* Held no more: networks whose names others have in the kernel are wanted again. */
void held_forget(struct overlay *ov);

/* Nothing goes because no row explains it. */
bool held_spares(const struct overlay *ov);

/* Leaves out of have what is not in want, but for addresses that are left to others; both are
 * sorted. */
void held_spare(const struct overlay *ov, const struct kstate *want, struct kstate *have);

/* True when a table stays as it stands, with what is known to be missing added. */
bool held_rules(struct work *work, enum krules table);

/* Brings one network's entries to what is wanted, and tells of the endpoints that now stand. */
void work_entries(struct work *work, struct net *net);

/* Tells boxes and connection tracking what a plan of entries changes; before it is applied. */
void work_announce(struct work *work, struct net *net, const struct plan *plan,
		   const struct kstate *have);

/* The network's devices are an earlier run's, and so is what was announced in it. */
void work_note_adopted(struct net *net);

/* An address of this network was at mac until now; then it is at mac (announced if that is new). */
void work_note_gone(struct net *net, const struct inet *ip, const struct mac *mac);
void work_note_here(struct overlay *ov, struct net *net, const struct inet *ip,
		    const struct mac *mac, const struct mac *before);
