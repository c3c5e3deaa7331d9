/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What goes into a step of ipamdb: events, of which one carries a request. Everything is a value,
 * borrowed for the call. What comes out is in update.h.
 */
#pragma once

#include "update.h"

enum ipam_request_kind {
	IPAM_LEASE = 1, /* one address per pool family, or those named, for an endpoint */
	IPAM_RESERVE,   /* the same without an endpoint behind it */
	IPAM_RELEASE,   /* one address by network and address; sequence must fit when given */
	IPAM_RELEASE_ENDPOINT, /* all addresses of an endpoint of this host */
	IPAM_HAND_OVER, /* leave: give every free range away; answered when recipients hold it */
	IPAM_REST,      /* all own space of the network that is free, or much of it, cools down */
};

struct ipam_request {
	enum ipam_request_kind kind;
	uint64_t tag;
	struct id network;
	struct id endpoint;
	struct mac mac;
	char name[NAME_BYTES];
	size_t addr_count; /* 0: choose */
	struct inet addrs[ENDPOINT_ADDRS_MAX];
	uint64_t sequence; /* IPAM_RELEASE: 0 any */
	bool force;        /* release although an endpoint holds it */
	struct mono deadline;
};

enum ipam_event_kind {
	IPAM_EV_TICK = 1,
	IPAM_EV_ROW,    /* a row or fact is visible (own ones too) */
	IPAM_EV_MEMBER, /* state of a member */
	IPAM_EV_SYNCED, /* a whole sync with a member was completed */
	IPAM_EV_REQUEST,
	IPAM_EV_MESSAGE,  /* request from another node */
	IPAM_EV_ANSWERED, /* answer to a message of ours */
	IPAM_EV_DURABLE,
	/* ok: this node may lease; not ok: fenced, left, removed or a copy. The members that the
	 * store knows are told before, or the restart guard takes this for a cluster of one.
	 * member: who admitted this node, zero for the first one. */
	IPAM_EV_ACTIVE,
	IPAM_EV_STAYS,   /* a leave came to nothing after its hand-over */
	IPAM_EV_CONFIRM, /* the operator overrides the restart guard */
};

struct ipam_event {
	enum ipam_event_kind kind;
	struct mono now;
	struct wall wall;
	const struct row_view *row;
	struct id member;
	bool present;     /* IPAM_EV_MEMBER: alive or suspect */
	bool removed;     /* IPAM_EV_MEMBER: removed or left */
	const char *name; /* IPAM_EV_MEMBER: for people, borrowed; may be NULL */
	const struct ipam_request *request;
	uint64_t message; /* IPAM_EV_MESSAGE: handle */
	uint64_t tag;     /* IPAM_EV_ANSWERED */
	int code; /* 0, or IPAM_EV_ANSWERED: why there is no answer; _DURABLE: why it is not */
	const uint8_t *bytes;
	size_t len;
	uint64_t token; /* IPAM_EV_DURABLE */
	bool ok;        /* IPAM_EV_ACTIVE */
};
