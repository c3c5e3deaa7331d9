/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The process around a node: it wires sockets, the store's and the kernel's threads, the API and
 * the clock to the pure node, and decides nothing by itself. One struct daemon lives for one run;
 * all of it belongs to the loop thread.
 *
 *   datagram, request, committed, kernel report, tick -> node_step -> daemon_apply ->
 *       sendmmsg, store thread, kernel thread, answers of the API, event streams
 */
#pragma once

#include <uv.h>

#include "daemon/ailment.h"
#include "daemon/clock.h"
#include "daemon/http/events.h"
#include "daemon/http/http.h"
#include "daemon/kernel/kernel_thread.h"
#include "daemon/kernel_glue.h"
#include "daemon/lag.h"
#include "daemon/log.h"
#include "daemon/node/node.h"
#include "daemon/options.h"
#include "daemon/start.h"
#include "daemon/store_thread.h"
#include "daemon/udp.h"

struct diag; /* daemon/diag/diag.h */

#define DAEMON_TAG (UINT64_C(1) << 63) /* tags of the daemon's own requests */

/* Why a run ended. */
enum daemon_end {
	DAEMON_RUNS = 0,
	DAEMON_STOP,
	DAEMON_WIPE,    /* wipe the store, then run again */
	DAEMON_RESTORE, /* put a backup in its place, then run again */
	DAEMON_FAILED
};

struct daemon {
	const struct options *options;
	struct log *log;
	const struct daemon_config *config;
	uv_loop_t loop;
	enum daemon_end end;

	struct heap heap; /* of blobs and small tables */
	struct blob_store blobs;
	struct node *node;
	bool stepping; /* inside node_step or daemon_apply */
	struct hostport advertise;
	bool advertise_chosen; /* by options or by the user: not to be changed by itself */
	struct wall started;
	bool marker_ok;

	struct udp udp;
	uv_poll_t udp_poll;
	bool reading;
	uv_timer_t tick;
	struct mono tick_armed;
	struct store_thread *store;
	uv_poll_t store_poll;
	struct ailment store_ailment;
	struct kernel_thread *kernel;
	uv_poll_t kernel_poll;
	bool kernel_tried; /* to be opened: it may be refused */
	bool kernel_held;  /* what it has and no row explains is left alone */
	bool kernel_fed;   /* it has all rows; changes follow one by one */
	bool withdrawn;    /* removed, or to be wiped: nothing of it is to stand in the kernel */
	size_t refused_count;
	struct kernel_refusal refused[NODE_WORKS]; /* by the last step, to be told after it */
	struct overlay_totals totals;
	bool kernel_looked; /* the node was told that the kernel was read */
	uv_poll_t signal_poll;
	struct http *http;
	struct http *pages;       /* over TCP; NULL where not configured */
	struct shared_text *page; /* of metrics.c for all who come there, ... */
	struct mono page_until;   /* ... before then */
	struct events *events;
	struct lag lag;
	struct diag *diag;
	uv_timer_t ping;       /* of event streams */
	bool networks_changed; /* since waiters looked last */
	bool follow;           /* a request goes on after this step */
	bool resets_wait;      /* for boxes of a removed node that are being detached */
	uint64_t next_tag;
	uint64_t steps, kernel_failures, lost_endpoints;
};

struct daemon_config {
	const struct options *options;
	struct log *log;
	/* Reads the options again on SIGHUP; what can change while running is taken from them. */
	int (*reload)(void *ctx, struct options *options, struct weft_err *err);
	void *ctx;
	char *restore; /* OPTION_TEXT_BYTES: the backup of DAEMON_RESTORE */
	int signals;   /* tells of those that stop and reload, which no thread takes otherwise */
};

/* One run, from opening the store to closing it. Sets err and returns DAEMON_FAILED when it could
 * not start. */
enum daemon_end daemon_run(const struct daemon_config *config, struct weft_err *err);

/* Ends the run after the current turn; false when it ends already, for another reason. */
bool daemon_stop(struct daemon *d, enum daemon_end end);

/* One step of the node; its update is applied before it returns. Not reentrant. */
void daemon_step(struct daemon *d, struct node_event *event);

/* A request of the API: its answer comes to api_answered by the request's tag. request->tag is
 * set here. */
void daemon_submit(struct daemon *d, struct request *req, struct node_request *request);

/* A request of the daemon's own; a failure is logged. */
void daemon_submit_own(struct daemon *d, struct node_request *request);
