/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Metrics as Prometheus text: every row of the table in gossip/base/metrics.h with its value.
 * Counters of the core are found by their names; its drop reasons are one metric with a label.
 */
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/api/api.h"
#include "daemon/api/json.h"
#include "daemon/api/names.h"
#include "gossip/base/check.h"
#include "gossip/base/metrics.h"
#include "ipamdb/query.h"

#define DROP_PREFIX "dropped_"
#define LABELS_BYTES (4 * NAME_BYTES)
#define METRICS_KEPT_MS 1000

/* The page while it is written. */
struct page {
	FILE *out;
	enum metric_id last; /* whose head was written last */
};

/* One sample; labels is NULL or `name="value"`. Samples of a metric come one after the other. */
static void sample(struct page *page, enum metric_id id, const char *labels, double value)
{
	const struct metric_info *info = metric_info(id);

	WEFT_ASSERT((labels != NULL) == (info->label != NULL));
	if (page->last != id)
		fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help,
			info->name, metric_type_name(info->type));
	page->last = id;
	fprintf(page->out, "%s%s%s%s ", info->name, labels ? "{" : "", labels ? labels : "",
		labels ? "}" : "");
	/* Whole numbers are written whole: a counter of bytes has more digits than a double shows.
	 */
	if (value >= 0 && value < 9e15 && value == (double)(uint64_t)value)
		fprintf(page->out, "%" PRIu64 "\n", (uint64_t)value);
	else
		fprintf(page->out, "%.12g\n", value);
}

static void number(struct page *page, enum metric_id id, uint64_t value)
{
	sample(page, id, NULL, (double)value);
}

static void label(char out[LABELS_BYTES], const char *name, const char *value)
{
	size_t len = strlen(out);

	len += (size_t)snprintf(out + len, LABELS_BYTES - len, "%s%s=\"", len > 0 ? "," : "", name);
	for (; *value && len + 4 < LABELS_BYTES; value++) {
		if (*value == '"' || *value == '\\')
			out[len++] = '\\';
		out[len++] = *value == '\n' ? ' ' : *value;
	}
	snprintf(out + len, LABELS_BYTES - len, "\"");
}

static void write_drops(struct page *page, const struct gossip *g)
{
	struct gossip_counter c;

	for (size_t i = 0; gossip_counter(g, i, &c); i++) {
		char labels[LABELS_BYTES] = "";

		if (strncmp(c.name, DROP_PREFIX, strlen(DROP_PREFIX)) != 0)
			continue;
		label(labels, "reason", c.name + strlen(DROP_PREFIX));
		sample(page, METRIC_gossip_dropped, labels, (double)c.value);
	}
}

static void write_gossip(struct page *page, const struct gossip *g)
{
	struct gossip_counter c;

	write_drops(page, g);
	for (size_t i = 0; gossip_counter(g, i, &c); i++) {
		enum metric_id id;
		char name[96];

		if (strncmp(c.name, DROP_PREFIX, strlen(DROP_PREFIX)) == 0)
			continue;
		snprintf(name, sizeof(name), "weft_gossip_%s%s", c.name,
			 c.is_gauge ? "" : "_total");
		id = metric_find(name);
		/* Each stands in the table: a test sees to it. */
		if (id != METRIC_COUNT)
			number(page, id, c.value);
	}
}

static int rtt_cmp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void write_rtts(struct page *page, int64_t *rtts, size_t count)
{
	static const struct {
		const char *label;
		unsigned per_cent;
	} quantiles[] = {
	    {"quantile=\"0.5\"", 50}, {"quantile=\"0.9\"", 90}, {"quantile=\"1\"", 100}};

	qsort(rtts, count, sizeof(*rtts), rtt_cmp);
	for (size_t i = 0; count > 0 && i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		sample(page, METRIC_member_rtt_seconds, quantiles[i].label,
		       (double)rtts[(count - 1) * quantiles[i].per_cent / 100] / 1e9);
}

static void write_members(struct page *page, struct daemon *d)
{
	size_t states[MEMBER_REMOVED + 1] = {0}, count = 0, cap = 0;
	struct member_info info;
	int64_t *rtts;

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);)
		cap++;
	rtts = calloc(cap + 1, sizeof(*rtts));
	WEFT_ASSERT(rtts != NULL);
	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		states[member_shown(d, &info)]++;
		if (info.rtt_ns > 0 && info.state == MEMBER_ALIVE)
			rtts[count++] = info.rtt_ns;
	}
	for (int state = MEMBER_ALIVE; state <= MEMBER_REMOVED; state++) {
		char labels[LABELS_BYTES] = "";

		label(labels, "state", member_state_name((enum member_state)state));
		sample(page, METRIC_members, labels, (double)states[state]);
	}
	write_rtts(page, rtts, count);
	free(rtts);
}

static void write_node(struct page *page, struct daemon *d)
{
	const struct gossip *g = node_gossip(d->node);
	struct weft_err fence = {0};
	struct mono at;
	struct id with;

	sample(page, METRIC_info, "version=\"" WEFT_VERSION "\"", 1);
	sample(page, METRIC_start_time_seconds, NULL, (double)d->started.ms / 1e3);
	sample(page, METRIC_loop_lag_seconds, NULL, (double)lag_worst_ns(&d->lag) / 1e9);
	sample(page, METRIC_loop_own_seconds, NULL, (double)lag_own_ns(&d->lag) / 1e9);
	number(page, METRIC_fenced, api_fence(d, &fence) != 0);
	number(page, METRIC_isolated, gossip_is_isolated(g));
	number(page, METRIC_guarded, ipamdb_is_guarded(node_ipamdb(d->node)));
	if (gossip_last_sync(g, &with, &at))
		sample(page, METRIC_sync_age_seconds, NULL,
		       (double)mono_diff_ms(daemon_now(), at) / 1e3);
	number(page, METRIC_steps, d->steps);
}

static void write_udp(struct page *page, const struct udp *udp)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(memory);

	number(page, METRIC_udp_received, udp->counts.received);
	number(page, METRIC_udp_received_bytes, udp->counts.received_bytes);
	number(page, METRIC_udp_sent, udp->counts.sent);
	number(page, METRIC_udp_sent_bytes, udp->counts.sent_bytes);
	number(page, METRIC_udp_send_failed, udp->counts.send_failed);
	number(page, METRIC_udp_oversized, udp->counts.oversized);
	if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0)
		number(page, METRIC_udp_kernel_dropped, memory[SK_MEMINFO_DROPS]);
}

static void write_store(struct page *page, struct daemon *d)
{
	struct store_stats stats;

	store_thread_stats(d->store, &stats);
	number(page, METRIC_store_commits, stats.commits);
	number(page, METRIC_store_batches, stats.batches);
	number(page, METRIC_store_writes, stats.writes);
	number(page, METRIC_store_failures, stats.failures);
	number(page, METRIC_store_bytes, stats.bytes);
	sample(page, METRIC_store_commit_max_seconds, NULL, (double)stats.max_commit_us / 1e6);
	sample(page, METRIC_store_commit_last_seconds, NULL, (double)stats.last_commit_us / 1e6);
	number(page, METRIC_store_waiting, store_thread_waiting(d->store));
	number(page, METRIC_store_failing, d->store_ailment.err.code != 0);
}

static void write_overlay(struct page *page, struct daemon *d)
{
	const struct overlay_totals *totals = &d->totals;

	number(page, METRIC_overlay_networks, totals->networks);
	number(page, METRIC_overlay_remotes, totals->remotes);
	number(page, METRIC_overlay_pending, totals->pending);
	number(page, METRIC_overlay_failed, totals->failed);
	number(page, METRIC_overlay_held_bytes, totals->held_bytes);
	number(page, METRIC_overlay_waiting, d->kernel ? kernel_thread_waiting(d->kernel) : 0);
	sample(page, METRIC_overlay_reconcile_seconds, NULL, (double)totals->last_ms / 1e3);
	number(page, METRIC_overlay_reconciles, totals->reconciles);
	number(page, METRIC_overlay_operations, totals->operations);
	number(page, METRIC_overlay_failures, totals->failures);
	number(page, METRIC_overlay_repairs, totals->repairs);
	number(page, METRIC_overlay_dumps, totals->dumps);
	number(page, METRIC_overlay_overruns, totals->overruns);
	number(page, METRIC_overlay_lost_endpoints, d->lost_endpoints);
}

static void write_http(struct page *page, struct daemon *d)
{
	struct http_counts counts, pages = {0};

	http_counts(d->http, &counts);
	if (d->pages)
		http_counts(d->pages, &pages);
	number(page, METRIC_api_requests, counts.requests + pages.requests);
	number(page, METRIC_api_errors, counts.errors + pages.errors);
	number(page, METRIC_api_expired, counts.expired);
	number(page, METRIC_api_pending, counts.pending);
}

/* A name may be that of two networks that were made apart, and of any number that ended; one of
 * which only rows speak has none. */
static void write_ipam(struct page *page, struct daemon *d)
{
	static const char *const states[] = {"leased",   "cooling", "free",
					     "promised", "frozen",  "conflict"};
	struct ipam_net_info net;

	for (size_t at = 0; ipamdb_net_next(node_ipamdb(d->node), &at, &net);) {
		uint64_t values[] = {net.leased,   net.cooling, net.free,
				     net.promised, net.frozen,  net.conflicts};

		char id[ID_TEXT_BYTES];

		if (!net.known || net.ended)
			continue;
		id_format(&net.id, id);
		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
			char labels[LABELS_BYTES] = "";

			label(labels, "network", net.name);
			label(labels, "id", id);
			label(labels, "state", states[i]);
			sample(page, METRIC_ipam_addresses, labels, (double)values[i]);
		}
	}
}

static struct shared_text *metrics_text(struct daemon *d)
{
	char *text = NULL;
	size_t len = 0;
	struct page page = {open_memstream(&text, &len), METRIC_COUNT};

	WEFT_ASSERT(page.out != NULL);
	write_node(&page, d);
	write_members(&page, d);
	write_gossip(&page, node_gossip(d->node));
	write_udp(&page, &d->udp);
	write_store(&page, d);
	write_overlay(&page, d);
	write_http(&page, d);
	write_ipam(&page, d);
	fclose(page.out);
	return shared_text_new(text);
}

/* Many networks make it a long page. How often it is asked for over TCP, where anybody may, is not
 * to tell how busy the loop is: these share one for a while. On this host it is as of now. */
static struct shared_text *metrics_kept(struct daemon *d)
{
	if (d->page && !mono_is_due(d->page_until, daemon_now()))
		return d->page;
	shared_text_release(d->page);
	d->page = metrics_text(d);
	d->page_until = mono_add_ms(daemon_now(), METRICS_KEPT_MS);
	return d->page;
}

void api_metrics(struct daemon *d, struct request *req)
{
	bool is_far = request_caller(req)->uid == (uid_t)-1;
	struct shared_text *page = is_far ? metrics_kept(d) : metrics_text(d);

	request_answer_shared(req, 200, "text/plain; version=0.0.4; charset=utf-8", page);
	if (!is_far)
		shared_text_release(page);
}
