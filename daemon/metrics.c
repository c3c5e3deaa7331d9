/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Metrics as Prometheus text. Counters of the core come with their own words; drop reasons are one
 * metric with a label. The rest is one table.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api.h"
#include "gossip/base/check.h"
#include "ipamdb/query.h"

#define DROP_PREFIX "dropped_"

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP weft_%s %s\n# TYPE weft_%s %s\n", name, help, name, type);
}

static void counter(FILE *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", help);
	fprintf(out, "weft_%s %" PRIu64 "\n", name, value);
}

static void gauge(FILE *out, const char *name, const char *help, double value)
{
	head(out, name, "gauge", help);
	fprintf(out, "weft_%s %.9g\n", name, value);
}

static void write_gossip(FILE *out, const struct gossip *g)
{
	struct gossip_counter c;

	head(out, "gossip_dropped_total", "counter", "datagrams and frames not used, by reason");
	for (size_t i = 0; gossip_counter(g, i, &c); i++) {
		if (strncmp(c.name, DROP_PREFIX, strlen(DROP_PREFIX)) == 0)
			fprintf(out, "weft_gossip_dropped_total{reason=\"%s\"} %" PRIu64 "\n",
				c.name + strlen(DROP_PREFIX), c.value);
	}
	for (size_t i = 0; gossip_counter(g, i, &c); i++) {
		char name[96];

		if (strncmp(c.name, DROP_PREFIX, strlen(DROP_PREFIX)) == 0)
			continue;
		snprintf(name, sizeof(name), "gossip_%s%s", c.name, c.is_gauge ? "" : "_total");
		if (c.is_gauge)
			gauge(out, name, c.help, (double)c.value);
		else
			counter(out, name, c.help, c.value);
	}
}

static void write_udp(FILE *out, const struct udp_counts *udp)
{
	counter(out, "udp_received_total", "datagrams read from the socket", udp->received);
	counter(out, "udp_received_bytes_total", "their bytes", udp->received_bytes);
	counter(out, "udp_sent_total", "datagrams sent", udp->sent);
	counter(out, "udp_sent_bytes_total", "their bytes", udp->sent_bytes);
	counter(out, "udp_send_failed_total", "datagrams that the kernel refused",
		udp->send_failed);
	counter(out, "udp_oversized_total", "datagrams larger than any may be", udp->oversized);
}

static void write_store(FILE *out, struct daemon *d)
{
	struct store_stats stats;

	store_thread_stats(d->store, &stats);
	counter(out, "store_commits_total", "transactions made durable", stats.commits);
	counter(out, "store_batches_total", "batches made durable", stats.batches);
	counter(out, "store_writes_total", "writes made durable", stats.writes);
	counter(out, "store_failures_total", "batches refused or failed", stats.failures);
	gauge(out, "store_bytes", "size of the database on disk", (double)stats.bytes);
	gauge(out, "store_commit_max_seconds", "longest commit", (double)stats.max_commit_us / 1e6);
	gauge(out, "store_waiting", "batches that wait to be committed",
	      (double)store_thread_waiting(d->store));
}

static void write_overlay(FILE *out, struct daemon *d)
{
	const struct overlay_totals *totals = &d->totals;

	gauge(out, "overlay_networks", "networks with devices here", totals->networks);
	gauge(out, "overlay_remotes", "remote endpoints that are programmed",
	      (double)totals->remotes);
	gauge(out, "overlay_pending", "networks whose reconcile is due", totals->pending);
	gauge(out, "overlay_failed", "operations that fail and are retried", totals->failed);
	gauge(out, "overlay_held_bytes", "memory held for rows", (double)totals->held_bytes);
	gauge(out, "overlay_reconcile_seconds", "how long the last reconcile took",
	      (double)totals->last_ms / 1e3);
	counter(out, "overlay_reconciles_total", "reconciles", totals->reconciles);
	counter(out, "overlay_operations_total", "kernel operations", totals->operations);
	counter(out, "overlay_failures_total", "kernel operations refused", totals->failures);
	counter(out, "overlay_repairs_total", "times that somebody's change was undone",
		totals->repairs);
	counter(out, "overlay_dumps_total", "dumps of kernel state", totals->dumps);
	counter(out, "overlay_overruns_total", "notifications lost", totals->overruns);
	counter(out, "overlay_lost_endpoints_total", "endpoints whose namespace went away",
		d->lost_endpoints);
}

static void write_http(FILE *out, struct daemon *d)
{
	struct http_counts counts;

	http_counts(d->http, &counts);
	counter(out, "api_requests_total", "requests of the API", counts.requests);
	counter(out, "api_errors_total", "answers with a status from 400 up", counts.errors);
	counter(out, "api_expired_total", "requests that ended at their deadline", counts.expired);
	gauge(out, "api_pending", "requests under way", counts.pending);
}

static void label_text(const char *name, char out[2 * NAME_BYTES])
{
	size_t len = 0;

	for (; *name && len + 2 < 2 * NAME_BYTES; name++) {
		if (*name == '"' || *name == '\\')
			out[len++] = '\\';
		out[len++] = *name == '\n' ? ' ' : *name;
	}
	out[len] = '\0';
}

static void write_ipam(FILE *out, struct daemon *d)
{
	static const char *const states[] = {"leased",   "cooling", "free",
					     "promised", "frozen",  "conflict"};
	struct ipam_net_info net;

	head(out, "ipam_addresses", "gauge", "addresses of a network as this host sees them");
	for (size_t at = 0; ipamdb_net_next(node_ipamdb(d->node), &at, &net);) {
		uint64_t values[] = {net.leased,   net.cooling, net.free,
				     net.promised, net.frozen,  net.conflicts};
		char name[2 * NAME_BYTES];

		label_text(net.name, name);
		for (size_t i = 0; i < 6; i++)
			fprintf(out,
				"weft_ipam_addresses{network=\"%s\",state=\"%s\"} %" PRIu64 "\n",
				name, states[i], values[i]);
	}
}

char *metrics_text(struct daemon *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	WEFT_ASSERT(out != NULL);
	head(out, "info", "gauge", "version of this daemon");
	fprintf(out, "weft_info{version=\"" WEFT_VERSION "\"} 1\n");
	gauge(out, "start_time_seconds", "when this daemon started", (double)d->started.ms / 1e3);
	gauge(out, "loop_lag_seconds", "longest turn of the loop in the last minute",
	      (double)lag_worst_ns(&d->lag) / 1e9);
	counter(out, "steps_total", "steps of the node", d->steps);
	write_gossip(out, node_gossip(d->node));
	write_udp(out, &d->udp.counts);
	write_store(out, d);
	write_overlay(out, d);
	write_http(out, d);
	write_ipam(out, d);
	fclose(out);
	return text;
}
