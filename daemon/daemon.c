/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The turn of the loop: whatever comes in becomes an event of the node, and the update that comes
 * out is carried to sockets, threads, waiting requests and listeners. An update is read to its end
 * before the next step, since a step overwrites it; what must step again because of it (requests
 * that waited for a network) is done afterwards.
 */
#include "daemon/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/diag/diag.h"
#include "daemon/feed.h"
#include "gossip/base/check.h"
#include "ipamdb/query.h"

bool daemon_stop(struct daemon *d, enum daemon_end end)
{
	if (d->end == DAEMON_RUNS)
		d->end = end;
	uv_stop(&d->loop);
	return d->end == end;
}

static void on_tick(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	struct node_event event = {.kind = NODE_EV_TICK};

	d->tick_armed = MONO_NEVER;
	daemon_step(d, &event);
}

/* One timer follows the node's deadline; it is touched only when that moved. */
static void arm_tick(struct daemon *d)
{
	struct mono deadline = node_deadline(d->node);
	int64_t ns;

	if (deadline.ns == d->tick_armed.ns)
		return;
	d->tick_armed = deadline;
	if (deadline.ns == MONO_NEVER.ns) {
		uv_timer_stop(&d->tick);
		return;
	}
	uv_update_time(&d->loop);
	ns = mono_diff_ns(deadline, daemon_now());
	/* Rounded up: a timer that fires early would only be armed again. */
	uv_timer_start(&d->tick, on_tick, ns > 0 ? (uint64_t)((ns + NS_PER_MS - 1) / NS_PER_MS) : 0,
		       0);
}

static void apply_change(struct daemon *d, const struct gossip_change *change)
{
	if (change->kind == CHANGE_ROW &&
	    (change->row.kind == FACT_NETWORK || change->row.kind == FACT_NETWORK_END))
		d->networks_changed = true;
	if (d->kernel_fed)
		feed_change(d, change);
	if (events_are_wanted(d->events))
		api_event(d, change);
}

static void apply(struct daemon *d, const struct node_update *update)
{
	/* Commits and rows first: the threads work while this one sends. */
	for (size_t i = 0; i < update->batch_count; i++) {
		const struct node_batch *batch = &update->batches[i];

		store_thread_commit(d->store, batch->token, batch->writes, batch->count);
	}
	for (size_t i = 0; i < update->change_count; i++)
		apply_change(d, &update->changes[i]);
	udp_send(&d->udp, update->sends, update->send_count);
	/* Rows before work: a plug finds its network already there. */
	for (size_t i = 0; i < update->work_count; i++)
		kernel_work(d, &update->works[i]);
	for (size_t i = 0; i < update->delivery_count; i++)
		diag_delivered(d->diag, &update->deliveries[i]);
	for (size_t i = 0; i < update->answer_count; i++)
		api_answered(d, &update->answers[i]);
}

static void on_kernel(uv_poll_t *poll, int status, int events);

/* Opens the kernel once this node knows its id. */
static void open_kernel(struct daemon *d)
{
	struct id self = gossip_self(node_gossip(d->node));

	if (d->kernel_tried || id_is_zero(&self))
		return;
	d->kernel_tried = true;
	daemon_open_kernel(d);
	if (!d->kernel)
		return;
	uv_poll_init(&d->loop, &d->kernel_poll, kernel_thread_fd(d->kernel));
	d->kernel_poll.data = d;
	uv_poll_start(&d->kernel_poll, UV_READABLE, on_kernel);
}

static void finish_step(struct daemon *d, const struct node_update *update)
{
	d->stepping = true;
	d->steps++;
	if (!ipamdb_is_guarded(node_ipamdb(d->node)))
		store_thread_trust(d->store);
	apply(d, update);
	d->stepping = false;
	kernel_refusals(d);
	open_kernel(d);
	kernel_follow(d);
	api_resets_follow(d);
	arm_tick(d);
	if (d->networks_changed || d->follow) {
		bool networks = d->networks_changed;

		d->networks_changed = d->follow = false;
		api_retry(d, networks);
	}
}

void daemon_step(struct daemon *d, struct node_event *event)
{
	WEFT_ASSERT(!d->stepping);
	event->now = daemon_now();
	event->wall = daemon_wall();
	finish_step(d, node_step(d->node, event));
}

void daemon_submit(struct daemon *d, struct request *req, struct node_request *request)
{
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = request};
	struct weft_err err = {0};

	if (repeat_note(d, req, request, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (store_thread_is_behind(d->store)) {
		api_fail(req, WEFT_E_BUSY, "the store is behind; try again");
		return;
	}
	request->tag = request_tag(req);
	call_of(d, req);
	daemon_step(d, &event);
}

void daemon_submit_own(struct daemon *d, struct node_request *request)
{
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = request};

	request->tag = DAEMON_TAG | ++d->next_tag;
	daemon_step(d, &event);
}

static void on_datagram(void *ctx, const struct hostport *from, const uint8_t *bytes, size_t len)
{
	struct node_event event = {
	    .kind = NODE_EV_DATAGRAM, .from = *from, .bytes = bytes, .len = len};

	daemon_step(ctx, &event);
}

static void on_udp(uv_poll_t *poll, int status, int events);

/* Stops reading datagrams while a thread is behind: what bounds the channels. */
static void watch_udp(struct daemon *d)
{
	bool may = !store_thread_is_behind(d->store) &&
		   (!d->kernel || kernel_thread_waiting(d->kernel) < CHANNEL_HIGH);

	if (may && !d->reading)
		uv_poll_start(&d->udp_poll, UV_READABLE, on_udp);
	else if (!may && d->reading)
		uv_poll_stop(&d->udp_poll);
	d->reading = may;
}

static void on_udp(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < UDP_BATCHES_PER_TURN; i++) {
		if (udp_receive(&d->udp, d, on_datagram) < UDP_BATCH)
			break;
	}
	watch_udp(d);
}

static void on_committed(void *ctx, const struct store_done *done)
{
	struct daemon *d = ctx;
	struct node_event event = {
	    .kind = NODE_EV_COMMITTED, .token = done->token, .ok = done->code == 0};

	if (done->is_file) {
		api_filed(d, done);
		return;
	}
	ailment_note(&d->store_ailment, d->log, daemon_now(), done->err);
	if (done->err)
		event.err = *done->err;
	if (done->token != 0)
		daemon_step(d, &event);
}

static void on_store(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;

	(void)status;
	(void)events;
	store_thread_drain(d->store, d, on_committed);
	watch_udp(d);
}

static void on_kernel(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;

	(void)status;
	(void)events;
	kernel_thread_drain(d->kernel, d, kernel_told);
	watch_udp(d);
}

/* Of a changed configuration the level of the log takes effect at once, the rest at a start. */
static void reload(struct daemon *d)
{
	struct weft_err err = {0};
	struct options fresh;

	if (d->config->reload(d->config->ctx, &fresh, &err) != 0) {
		log_line(d->log, LOG_LEVEL_ERROR, "the configuration stays as it was: %s",
			 err.message);
		return;
	}
	d->log->level = fresh.log_level;
	kernel_tell_done(d);
	log_line(d->log, LOG_LEVEL_INFO, "configuration read again; log level is %s",
		 log_level_name(fresh.log_level));
}

static void on_ping(uv_timer_t *timer)
{
	struct daemon *d = timer->data;

	events_ping(d->events);
}

/* A signal that comes in the turn that ends a run waits for the next run, or for nobody. */
static void on_signals(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;
	struct signalfd_siginfo info;

	(void)status;
	(void)events;
	while (d->end == DAEMON_RUNS &&
	       read(d->config->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload(d);
			continue;
		}
		log_line(d->log, LOG_LEVEL_INFO,
			 "stopping on %s; members and data plane stay as they are",
			 strsignal((int)info.ssi_signo));
		(void)daemon_stop(d, DAEMON_STOP);
	}
}

static void start_handles(struct daemon *d)
{
	uv_timer_init(&d->loop, &d->tick);
	uv_poll_init(&d->loop, &d->udp_poll, d->udp.fd);
	uv_poll_init(&d->loop, &d->store_poll, store_thread_fd(d->store));
	uv_poll_init(&d->loop, &d->signal_poll, d->config->signals);
	d->tick.data = d->udp_poll.data = d->store_poll.data = d->signal_poll.data = d;
	uv_poll_start(&d->store_poll, UV_READABLE, on_store);
	uv_poll_start(&d->signal_poll, UV_READABLE, on_signals);
	uv_timer_init(&d->loop, &d->ping);
	d->ping.data = d;
	uv_timer_start(&d->ping, on_ping, EVENTS_PING_MS, EVENTS_PING_MS);
	lag_init(&d->lag, &d->loop);
	d->diag = diag_new(d);
	d->tick_armed = MONO_NEVER;
	watch_udp(d);
}

static void stop_handles(struct daemon *d)
{
	uv_close((uv_handle_t *)&d->tick, NULL);
	uv_close((uv_handle_t *)&d->ping, NULL);
	uv_close((uv_handle_t *)&d->udp_poll, NULL);
	uv_close((uv_handle_t *)&d->store_poll, NULL);
	if (d->kernel)
		uv_close((uv_handle_t *)&d->kernel_poll, NULL);
	uv_close((uv_handle_t *)&d->signal_poll, NULL);
	lag_close(&d->lag);
	diag_close(d->diag);
	http_close(d->http);
	if (d->pages)
		http_close(d->pages);
	uv_run(&d->loop, UV_RUN_DEFAULT);
}

/* Tells whoever started this process how it stands. */
static void tell_manager(const char *state)
{
	sd_notify(0, state);
}

static void run(struct daemon *d)
{
	char bind_text[HOSTPORT_TEXT_BYTES], advertise[HOSTPORT_TEXT_BYTES];

	const struct node_update *update =
	    node_start(d->node, daemon_now(), daemon_wall(), d->marker_ok);

	start_handles(d);
	finish_step(d, update);
	hostport_format(&d->options->bind, bind_text);
	hostport_format(&d->advertise, advertise);
	log_event(d->log, LOG_OWN, LOG_LEVEL_INFO, "weftd " WEFT_VERSION " runs",
		  (struct log_field[]){{"socket", d->options->socket},
				       {"bind", bind_text},
				       {"advertise", advertise},
				       {"state_dir", d->options->state_dir}},
		  4);
	tell_manager("READY=1");
	uv_run(&d->loop, UV_RUN_DEFAULT);
	/* After a wipe or a restore it runs on: who was told that it stops would kill it. */
	if (d->end == DAEMON_STOP)
		tell_manager("STOPPING=1");
	stop_handles(d);
}

enum daemon_end daemon_run(const struct daemon_config *config, struct weft_err *err)
{
	struct daemon *d = calloc(1, sizeof(*d));
	enum daemon_end end = DAEMON_FAILED;

	WEFT_ASSERT(d != NULL);
	d->config = config;
	d->options = config->options;
	d->log = config->log;
	d->started = daemon_wall();
	uv_loop_init(&d->loop);
	if (daemon_open(d, err) == 0) {
		run(d);
		end = d->end;
	}
	daemon_close(d);
	uv_loop_close(&d->loop);
	free(d);
	return end;
}
