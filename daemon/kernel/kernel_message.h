/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the loop asks the kernel thread and what it is told; see kernel_thread.h. */
#pragma once

#include "daemon/channel.h"
#include "daemon/kernel/box.h"
#include "overlay/linux/linux_watch.h"
#include "overlay/overlay.h"

#define KERNEL_WANTS_MAX 32

enum kernel_ask_kind {
	ASK_NETWORK_PUT = 1, /* network, rec.network */
	ASK_NETWORK_END,     /* network */
	ASK_MEMBER_PUT,      /* node, ip */
	ASK_MEMBER_END,      /* node */
	ASK_ATTACHMENT_PUT,  /* network, node, rec.attachment */
	ASK_ATTACHMENT_END,  /* network, node */
	ASK_ENDPOINT_PUT,    /* network, endpoint, node, version, rec.endpoint */
	ASK_ENDPOINT_END,    /* network, endpoint, node, version */
	ASK_LOCAL_PUT,       /* rec.local */
	ASK_VTEP,            /* ip */
	ASK_HOLD,            /* held: see overlay_hold */
	ASK_READY,           /* from now on the kernel may be touched */
	ASK_TELL_DONE,       /* wanted: TELL_DONE from now on, or no more */
	ASK_BOX,             /* tag, text: open a namespace; TELL_BOX */
	ASK_MAKE,            /* rec.local, box (taken over): what can be made ahead of ASK_PLUG */
	ASK_UNMAKE,          /* tag, rec.local: no ASK_PLUG comes after ASK_MAKE; TELL_UNMADE */
	ASK_PLUG,            /* rec.local, box (taken over, if not by ASK_MAKE); TELL_PLUGGED */
	ASK_UNPLUG,          /* rec.local; TELL_UNPLUGGED */
	ASK_OVERLAPS,        /* tag, prefixes; TELL_OVERLAPS */
	ASK_STATE,           /* tag, network; TELL_STATE */
	ASK_WATCH,           /* tag, wants: expect these probes; TELL_WATCH, err */
	ASK_SEEN,            /* tag, wants: what came of them, and no more; TELL_WATCH, err, seen */
	ASK_UNWATCH,         /* nobody expects anything */
	ASK_SETTLE,          /* tag: what was asked before is to be in the kernel; TELL_SETTLED */
	ASK_STOP,
};

/* One question. Only as much of it as its kind needs is allocated: kernel_ask_new. */
struct kernel_ask {
	struct channel_item item;
	enum kernel_ask_kind kind;
	uint64_t tag;
	struct id network, endpoint, node;
	struct overlay_version version;
	struct inet ip;
	bool held, wanted;
	struct overlay_box box;
	union {
		struct rec_network network;
		struct rec_attachment attachment;
		struct rec_endpoint endpoint;
		struct local_endpoint local;
		char text[NETNS_PATH_BYTES];
		struct {
			size_t count;
			struct prefix list[POOLS_MAX];
		} prefixes;
		struct {
			size_t count;
			struct watch_want list[KERNEL_WANTS_MAX];
		} wants;
	} rec;
};

enum kernel_tell_kind {
	TELL_APPLIED = 1, /* applied[0..applied_count) */
	TELL_PLUGGED,     /* endpoint, err, plugged */
	TELL_UNPLUGGED,   /* endpoint, err */
	TELL_UNMADE,      /* tag */
	TELL_LOST,        /* network, endpoint */
	TELL_MTU,         /* network, mtu_bytes */
	TELL_FAILED,      /* failure */
	TELL_DONE,        /* network, text: an operation was done */
	TELL_BOX,         /* tag, err or box */
	TELL_OVERLAPS,    /* tag, err */
	TELL_STATE,       /* tag, has_state, state */
	TELL_WATCH,       /* tag, err, seen[0..seen_count) */
	TELL_TOTALS,      /* totals */
	TELL_SETTLED,     /* tag, totals: of these failed are tried again */
	TELL_WARNING,     /* text */
};

#define KERNEL_APPLIED_MAX 64

struct kernel_tell {
	struct channel_item item;
	enum kernel_tell_kind kind;
	uint64_t tag;
	struct id network, endpoint;
	struct weft_err err;
	struct box box;
	uint16_t mtu_bytes;
	bool has_state;
	struct overlay_network_state state;
	struct overlay_totals totals;
	struct overlay_plugged plugged;
	struct overlay_failure failure;
	char text[256];
	size_t applied_count;
	struct overlay_applied applied[KERNEL_APPLIED_MAX];
	size_t seen_count;
	struct watch_seen *seen; /* of the tell; NULL for none */
};
