/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How fast a network of many remote endpoints is programmed, in every layout and form, against
 * `bridge -batch` and `ip -batch` doing the same by hand in the same run: once with the three
 * entries of an endpoint that an administrator sets, and once with the two that weftd gets by with.
 * Every measurement has a fresh network namespace and a process of its own; --last makes them in
 * the opposite order. Prints a table, or JSON with --json; figures are ratios to the hand-made
 * run of three, by the clock and in CPU time, which other work on the machine disturbs less, and
 * seconds for orientation.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gossip/base/check.h"
#include "overlay/linux/linux.h"
#include "overlay/overlay.h"

#define PEERS 16
#define VNI 4096
#define BY_HAND 2 /* of the variants, the first */

struct figures {
	double program_s;   /* nothing stands -> all stands */
	double program_cpu; /* the same in seconds of CPU, the kernel's share included */
	double check_s;     /* all stands -> nothing to do */
	double check_cpu;   /* the same in seconds of CPU */
	double one_more_ms; /* one endpoint more, until it stands */
	double withdraw_s;  /* all are withdrawn */
	double bytes_each;  /* of the overlay's memory, at rest */
	double operations;
	double failed;
};

static double seconds(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double cpu_seconds(int who)
{
	struct rusage usage;

	WEFT_ASSERT(getrusage(who, &usage) == 0);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct mono now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (struct mono){at.tv_sec * NS_PER_S + at.tv_nsec};
}

static struct id make_id(uint8_t kind, uint32_t number)
{
	struct id id = {{kind}};

	memcpy(id.b + 1, &number, sizeof(number));
	return id;
}

static struct inet peer_vtep(uint32_t i)
{
	return inet_from_v4(0xc0a84d02u + i % PEERS);
}

static struct inet endpoint_ip(uint32_t i)
{
	return inet_from_v4(0x0a400000u + 16 + i);
}

static void run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static void make_host(void)
{
	WEFT_ASSERT(unshare(CLONE_NEWNET) == 0);
	run("ip link set lo up && ip link add eth0 type veth peer name eth1 && "
	    "ip addr add 192.168.77.1/24 dev eth0 && ip link set eth0 up && ip link set eth1 up");
}

static void put_endpoint(struct overlay *ov, const struct id *network, uint32_t i)
{
	struct id endpoint = make_id(2, i), owner = make_id(1, i % PEERS + 2);
	struct rec_endpoint row = {.addr_count = 1};

	row.mac = mac_of_endpoint(&endpoint);
	row.addrs[0] = (struct prefix){endpoint_ip(i), 96 + 10};
	overlay_endpoint_put(ov, network, &endpoint, &owner, (struct overlay_version){1, i + 1},
			     &row);
}

static void feed(struct overlay *ov, const struct id *network, const struct id *self,
		 bool multicast)
{
	const struct rec_attachment attachment = {.mtu_bytes = 1450};
	struct rec_network rec = {
	    .vni = VNI, .port = 4789, .multicast = multicast, .internal = true, .pool_count = 1};

	WEFT_ASSERT(prefix_parse("10.64.0.0/10", &rec.pools[0].subnet) == 0);
	overlay_network_put(ov, network, &rec);
	overlay_attachment_put(ov, network, self, &attachment);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct id peer = make_id(1, i + 2);
		struct inet vtep = peer_vtep(i);

		overlay_member_put(ov, &peer, &vtep);
		overlay_attachment_put(ov, network, &peer, &attachment);
	}
}

static double reconcile(struct overlay *ov, struct figures *figures)
{
	struct overlay_report report;
	double start = seconds();

	(void)overlay_reconcile(ov, now(), NULL, &report);
	figures->operations = report.operations;
	figures->failed += report.failed;
	return seconds() - start;
}

static void measure(enum overlay_layout layout, enum overlay_fdb_form form, bool multicast,
		    uint32_t count, struct figures *figures)
{
	struct page_source pages = page_source_mmap();
	struct id self = make_id(1, 1), network = make_id(4, 1);
	struct overlay_config config = {.node = self,
					.vtep = inet_from_v4(0xc0a84d01u),
					.layout = layout,
					.fdb_form = form,
					.pages = pages,
					.seed = 7,
					.kernel = linux_kernel_ops()};
	struct overlay_totals before, after;
	struct weft_err err;
	struct overlay *ov;
	double operations, cpu;

	make_host();
	config.kernel_ctx = linux_kernel_open(&pages, 7, &err);
	ov = overlay_new(&config, &err);
	WEFT_ASSERT(ov != NULL);
	feed(ov, &network, &self, multicast);
	(void)reconcile(ov, figures);
	overlay_totals_get(ov, &before);
	for (uint32_t i = 0; i < count; i++)
		put_endpoint(ov, &network, i);
	cpu = cpu_seconds(RUSAGE_SELF);
	figures->program_s = reconcile(ov, figures);
	figures->program_cpu = cpu_seconds(RUSAGE_SELF) - cpu;
	operations = figures->operations;
	overlay_totals_get(ov, &after);
	figures->bytes_each = (double)(after.held_bytes - before.held_bytes) / count;
	overlay_mark_all(ov, now());
	cpu = cpu_seconds(RUSAGE_SELF);
	figures->check_s = reconcile(ov, figures);
	figures->check_cpu = cpu_seconds(RUSAGE_SELF) - cpu;
	WEFT_ASSERT(figures->operations == 0);
	put_endpoint(ov, &network, count);
	figures->one_more_ms = 1000 * reconcile(ov, figures);
	for (uint32_t i = 0; i <= count; i++) {
		struct id endpoint = make_id(2, i), owner = make_id(1, i % PEERS + 2);

		overlay_endpoint_end(ov, &network, &endpoint, &owner,
				     (struct overlay_version){2, 1});
	}
	figures->withdraw_s = reconcile(ov, figures);
	figures->operations = operations;
	overlay_free(ov);
	linux_kernel_close(config.kernel_ctx);
}

static void write_batches(enum overlay_layout layout, uint32_t count, const char *fdb,
			  const char *neigh)
{
	bool proxy = layout == OVERLAY_PROXY;
	FILE *f = fopen(fdb, "w"), *n = fopen(neigh, "w");

	WEFT_ASSERT(f != NULL && n != NULL);
	for (uint32_t i = 0; i < count; i++) {
		struct id endpoint = make_id(2, i);
		struct mac mac = mac_of_endpoint(&endpoint);
		struct inet ip = endpoint_ip(i), vtep = peer_vtep(i);
		char mac_text[MAC_TEXT_BYTES], ip_text[INET_TEXT_BYTES], vtep_text[INET_TEXT_BYTES];

		mac_format(&mac, mac_text);
		inet_format(&ip, ip_text);
		inet_format(&vtep, vtep_text);
		fprintf(f, "fdb add %s dev wfvx dst %s self permanent\n", mac_text, vtep_text);
		if (!proxy)
			fprintf(f, "fdb add %s dev wfvx master static\n", mac_text);
		fprintf(n, "neigh add %s lladdr %s dev %s nud permanent\n", ip_text, mac_text,
			proxy ? "wfvx" : "wfbr");
	}
	fclose(f);
	fclose(n);
}

/* What an administrator would run: the entries of the suppress layout, two lines a MAC; or those of
 * the proxy layout, one line a MAC. */
static void measure_by_hand(enum overlay_layout layout, uint32_t count, struct figures *figures)
{
	char fdb[64], neigh[64], command[256];
	double start, cpu;

	make_host();
	run("ip link add wfbr type bridge && ip link add wfvx type vxlan id 4096 dstport 4789 "
	    "local "
	    "192.168.77.1 nolearning && ip link set wfvx master wfbr && ip link set wfbr up && "
	    "ip link set wfvx up");
	snprintf(fdb, sizeof(fdb), "/tmp/weft-bench-%d.fdb", getpid());
	snprintf(neigh, sizeof(neigh), "/tmp/weft-bench-%d.neigh", getpid());
	write_batches(layout, count, fdb, neigh);
	snprintf(command, sizeof(command), "bridge -batch %s && ip -batch %s", fdb, neigh);
	start = seconds();
	cpu = cpu_seconds(RUSAGE_CHILDREN);
	run(command);
	figures->program_s = seconds() - start;
	figures->program_cpu = cpu_seconds(RUSAGE_CHILDREN) - cpu;
	unlink(fdb);
	unlink(neigh);
}

struct variant {
	const char *name;
	enum overlay_layout layout;
	enum overlay_fdb_form form;
	bool multicast;
	bool by_hand;
};

/* In a process of its own, so that nothing of one measurement is left for the next. */
static struct figures in_child(const struct variant *variant, uint32_t count)
{
	struct figures figures = {0};
	int pipes[2], status;
	pid_t pid;

	WEFT_ASSERT(pipe(pipes) == 0);
	pid = fork();
	WEFT_ASSERT(pid >= 0);
	if (pid == 0) {
		if (variant->by_hand)
			measure_by_hand(variant->layout, count, &figures);
		else
			measure(variant->layout, variant->form, variant->multicast, count,
				&figures);
		WEFT_ASSERT(write(pipes[1], &figures, sizeof(figures)) == sizeof(figures));
		_exit(0);
	}
	close(pipes[1]);
	if (read(pipes[0], &figures, sizeof(figures)) != sizeof(figures))
		exit(1);
	close(pipes[0]);
	WEFT_ASSERT(waitpid(pid, &status, 0) == pid);
	return figures;
}

static void print_row(const struct variant *variant, const struct figures *figures,
		      const struct figures *by_hand, bool json, bool last)
{
	double ratio = figures->program_s / by_hand->program_s;
	double cpu_ratio = figures->program_cpu / by_hand->program_cpu;

	if (json)
		printf("  {\"variant\": \"%s\", \"multicast\": %s, \"ratio\": %.3f, "
		       "\"cpu_ratio\": %.3f, \"program_s\": %.3f, \"program_cpu_s\": %.3f, "
		       "\"check_s\": %.3f, \"check_cpu_s\": %.3f, \"one_more_ms\": %.2f, "
		       "\"withdraw_s\": %.3f, "
		       "\"bytes_each\": %.0f, \"operations\": %.0f, \"failed\": %.0f}%s\n",
		       variant->name, variant->multicast ? "true" : "false", ratio, cpu_ratio,
		       figures->program_s, figures->program_cpu, figures->check_s,
		       figures->check_cpu, figures->one_more_ms, figures->withdraw_s,
		       figures->bytes_each, figures->operations, figures->failed, last ? "" : ",");
	else
		printf("%-18s %-9s %6.3f %6.3f %9.3f %8.3f %12.2f %10.3f %10.0f %10.0f %6.0f\n",
		       variant->name, variant->multicast ? "on" : "off", ratio, cpu_ratio,
		       figures->program_s, figures->check_s, figures->one_more_ms,
		       figures->withdraw_s, figures->bytes_each, figures->operations,
		       figures->failed);
	fflush(stdout);
}

static void print_all(const struct variant *variants, const struct figures *figures, size_t count,
		      uint32_t endpoints, bool json)
{
	const struct figures *three = &figures[0], *two = &figures[1];

	if (json)
		printf("{\"count\": %u, \"by_hand_s\": %.3f, \"by_hand_cpu_s\": %.3f, "
		       "\"two_by_hand_s\": %.3f, \"two_by_hand_cpu_s\": %.3f, \"variants\": [\n",
		       endpoints, three->program_s, three->program_cpu, two->program_s,
		       two->program_cpu);
	else
		printf("%u endpoints; bridge -batch and ip -batch: %.3f s with three entries each, "
		       "%.3f s with two\n%-18s %-9s %6s %6s %9s %8s %12s %10s %10s %10s %6s\n",
		       endpoints, three->program_s, two->program_s, "variant", "multicast", "ratio",
		       "cpu", "program_s", "check_s", "one_more_ms", "withdraw_s", "bytes_each",
		       "operations", "failed");
	for (size_t i = BY_HAND; i < count; i++)
		print_row(&variants[i], &figures[i], three, json, i + 1 == count);
	if (json)
		printf("]}\n");
}

int main(int argc, char **argv)
{
	static const struct variant variants[] = {
	    {"by hand, three", OVERLAY_SUPPRESS, OVERLAY_FDB_DST, false, true},
	    {"by hand, two", OVERLAY_PROXY, OVERLAY_FDB_DST, false, true},
	    {"proxy dst", OVERLAY_PROXY, OVERLAY_FDB_DST, false, false},
	    {"proxy dst", OVERLAY_PROXY, OVERLAY_FDB_DST, true, false},
	    {"proxy nexthop", OVERLAY_PROXY, OVERLAY_FDB_NEXTHOP, false, false},
	    {"proxy nexthop", OVERLAY_PROXY, OVERLAY_FDB_NEXTHOP, true, false},
	    {"suppress dst", OVERLAY_SUPPRESS, OVERLAY_FDB_DST, false, false},
	    {"suppress dst", OVERLAY_SUPPRESS, OVERLAY_FDB_DST, true, false},
	    {"suppress nexthop", OVERLAY_SUPPRESS, OVERLAY_FDB_NEXTHOP, false, false},
	    {"suppress nexthop", OVERLAY_SUPPRESS, OVERLAY_FDB_NEXTHOP, true, false},
	};
	enum { VARIANTS = sizeof(variants) / sizeof(variants[0]) };
	struct figures figures[VARIANTS];
	uint32_t endpoints = 100000;
	bool json = false, last = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--last") == 0)
			last = true;
		else
			endpoints = (uint32_t)strtoul(argv[i], NULL, 10);
	}
	if (geteuid() != 0 || endpoints == 0) {
		fprintf(stderr, "usage: bench_overlay [--json] [--last] [COUNT], as root\n");
		return 2;
	}
	for (size_t i = 0; i < VARIANTS; i++) {
		size_t place = last ? VARIANTS - 1 - i : i;

		figures[place] = in_child(&variants[place], endpoints);
	}
	print_all(variants, figures, VARIANTS, endpoints, json);
	return 0;
}
