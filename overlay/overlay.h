/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The door of the overlay: rows in, kernel state out.
 *
 * An overlay keeps a compact copy of the rows that concern the kernel (networks, members,
 * attachments, endpoints, where own endpoints are plugged in). Feeding it programs nothing: each
 * put or end marks what it touches, and overlay_reconcile computes the desired state from the rows,
 * reads the actual state from the kernel and applies the difference. One thread uses an overlay.
 *
 *   rows -> overlay_*_put -> overlay_reconcile -> kernel_ops -> kernel
 *   kernel notifications -> overlay_notify -> overlay_deadline -> overlay_reconcile
 */
#pragma once

#include "gossip/base/err.h"
#include "gossip/base/heap.h"
#include "gossip/base/instant.h"
#include "gossip/base/record.h"
#include "gossip/base/write.h"
#include "overlay/config.h"
#include "overlay/report.h"

struct overlay;

/* ---- life ---- */

/* An overlay over config (copied). NULL with err when the kernel backend does not start. */
struct overlay *overlay_new(const struct overlay_config *config, struct weft_err *err);

/* Frees the overlay; the kernel keeps every object. */
void overlay_free(struct overlay *ov);

/* ---- rows; every put may be repeated and replaces what was there ---- */

/* This host's own outer address changed. */
void overlay_vtep_set(struct overlay *ov, const struct inet *vtep);

void overlay_network_put(struct overlay *ov, const struct id *network,
			 const struct rec_network *rec);
void overlay_network_end(struct overlay *ov, const struct id *network);

/* A member and its VTEP; without one, what it owns is not programmed. */
void overlay_member_put(struct overlay *ov, const struct id *node, const struct inet *vtep);
void overlay_member_end(struct overlay *ov, const struct id *node);

/* A host takes part in a network; this host's own row says that devices are wanted here. */
void overlay_attachment_put(struct overlay *ov, const struct id *network, const struct id *node,
			    const struct rec_attachment *rec);
void overlay_attachment_end(struct overlay *ov, const struct id *network, const struct id *node);

/* An endpoint row of any host; own ones change nothing (overlay_local_put says more). An older
 * version than the one held is passed over. */
void overlay_endpoint_put(struct overlay *ov, const struct id *network, const struct id *endpoint,
			  const struct id *owner, struct overlay_version version,
			  const struct rec_endpoint *rec);
void overlay_endpoint_end(struct overlay *ov, const struct id *network, const struct id *endpoint,
			  const struct id *owner, struct overlay_version version);

/* An endpoint of this host as the store holds it (at start), or the host's own lease (is_host). */
void overlay_local_put(struct overlay *ov, const struct local_endpoint *endpoint);
void overlay_local_end(struct overlay *ov, const struct id *network, const struct id *endpoint);

/* ---- work ---- */

/* Brings the kernel to what the rows say, for all that is due at now. 0, or WEFT_E_KERNEL when
 * something failed and will be retried (told through sink). Nothing is sent for what is right. */
int overlay_reconcile(struct overlay *ov, struct mono now, const struct overlay_sink *sink,
		      struct overlay_report *report);

/* When overlay_reconcile wants to be called next; now or earlier: at once. */
struct mono overlay_deadline(const struct overlay *ov);

/* Descriptors to poll for reading; how many were written (at most 2). */
size_t overlay_fds(const struct overlay *ov, int fds[2]);

/* Reads what the kernel reports; drift marks networks, so that overlay_deadline moves. */
void overlay_notify(struct overlay *ov, struct mono now);

/* While held, nothing of weft's is taken away because no row explains it: the rows may be older
 * than the kernel. What is missing is added as ever. Afterwards it is swept. See held.c. */
void overlay_hold(struct overlay *ov, bool held, struct mono now);

/* Marks everything, as the slow timer does. */
void overlay_mark_all(struct overlay *ov, struct mono now);

/* Makes an endpoint's veth while its address is not to be seen yet: down, in no bridge and without
 * one. overlay_attach goes on from box->made. A failure costs time only, and leaves nothing. */
void overlay_make(struct overlay *ov, const struct local_endpoint *endpoint,
		  struct overlay_box *box);

/* Takes back what overlay_make made for an endpoint that is not to be attached after all. */
void overlay_unmake(struct overlay *ov, const struct local_endpoint *endpoint,
		    const struct overlay_box *box);

/* Plugs an endpoint into a box: devices of the network first when they are missing, then the veth,
 * its address, MAC, MTU and routes. On success the endpoint counts as put; after an error nothing
 * of it is left. WEFT_E_NOT_FOUND: no such network. WEFT_E_EXISTS: the box has that interface name.
 */
int overlay_attach(struct overlay *ov, const struct local_endpoint *endpoint,
		   const struct overlay_box *box, struct mono now, const struct overlay_sink *sink,
		   struct overlay_plugged *plugged, struct weft_err *err);

/* Unplugs an endpoint and forgets it; also when its namespace is gone or it never was. After an
 * error its port is what no row explains: the reconciles to come take it away. */
int overlay_detach(struct overlay *ov, const struct id *network, const struct id *endpoint,
		   struct weft_err *err);

/* ---- queries ---- */

bool overlay_network_get(const struct overlay *ov, const struct id *network,
			 struct overlay_network_state *state);
void overlay_totals_get(const struct overlay *ov, struct overlay_totals *totals);

/* 0, or WEFT_E_POOL_OVERLAP with err naming the route or address of this host (not weft's own) that
 * overlaps prefix. */
int overlay_overlaps(struct overlay *ov, const struct prefix *prefix, struct weft_err *err);
