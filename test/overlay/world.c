/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "world.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>

#include <cmocka.h>

#include "gossip/base/check.h"

#define QUIET_MS 150  /* without a word from the kernel, a host is at rest */
#define HANG_MS 60000 /* whatever takes so long will never be */
#define PING_MS 50.0  /* a first ping is answered within that */
#define SOFTIRQS_MAX 256

bool world_is_possible(void)
{
	if (geteuid() == 0)
		return true;
	fprintf(stderr, "SKIPPED: tests on the real kernel need root (network namespaces)\n");
	return false;
}

void world_go(int ns)
{
	WEFT_ASSERT(setns(ns, CLONE_NEWNET) == 0);
}

static int own_ns(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	WEFT_ASSERT(fd >= 0);
	return fd;
}

int world_new_ns(struct world *world)
{
	int fd;

	WEFT_ASSERT(unshare(CLONE_NEWNET) == 0);
	fd = own_ns();
	world_go(world->home);
	WEFT_ASSERT(ns_run(fd, "ip link set lo up") == 0);
	return fd;
}

static pid_t spawn(int ns, const char *command, int out)
{
	pid_t pid = fork();

	WEFT_ASSERT(pid >= 0);
	if (pid != 0)
		return pid;
	world_go(ns);
	if (out >= 0)
		dup2(out, 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status;

	WEFT_ASSERT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int ns_run(int ns, const char *fmt, ...)
{
	char command[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return wait_for(spawn(ns, command, -1));
}

void ns_read(int ns, char *out, size_t cap, const char *fmt, ...)
{
	char command[2048];
	size_t len = 0;
	ssize_t got;
	va_list args;
	int pipes[2];
	pid_t pid;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	WEFT_ASSERT(pipe2(pipes, O_CLOEXEC) == 0);
	pid = spawn(ns, command, pipes[1]);
	close(pipes[1]);
	while (len < cap - 1 && (got = read(pipes[0], out + len, cap - 1 - len)) > 0)
		len += (size_t)got;
	out[len] = '\0';
	close(pipes[0]);
	wait_for(pid);
}

/* For how long, in all, a thread was ready and had no processor, in ns, as the kernel counts it. */
static int64_t starved_ns(const char *schedstat)
{
	FILE *file = fopen(schedstat, "re");
	long long ns = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*d %lld", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

/* The same for the kernel's own threads that carry packets when a processor has no time for them at
 * once: ksoftirqd, one a processor. */
static int64_t softirqs_starved_ns(void)
{
	static int pids[SOFTIRQS_MAX], count = -1;
	char path[64], list[4096], *at = list;
	int64_t ns = 0;

	if (count < 0) {
		int home = own_ns();

		ns_read(home, list, sizeof(list), "pgrep '^ksoftirqd/'");
		close(home);
		for (count = 0; *at != '\0' && count < SOFTIRQS_MAX; at += strspn(at, "\n"))
			pids[count++] = (int)strtol(at, &at, 10);
	}
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/proc/%d/schedstat", pids[i]);
		ns += starved_ns(path);
	}
	return ns;
}

bool ns_pings(int ns, const char *to)
{
	char out[1024] = "", path[64], command[128];
	int64_t starved = -softirqs_starved_ns();
	siginfo_t ended;
	int pipes[2];
	ssize_t len;
	double ms;
	pid_t pid;

	WEFT_ASSERT(pipe2(pipes, O_CLOEXEC) == 0);
	snprintf(command, sizeof(command), "exec ping -n -c1 -W1 %s 2>&1", to);
	pid = spawn(ns, command, pipes[1]);
	close(pipes[1]);
	WEFT_ASSERT(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) == 0);
	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	starved += softirqs_starved_ns() + starved_ns(path);
	wait_for(pid);
	len = read(pipes[0], out, sizeof(out) - 1);
	close(pipes[0]);
	out[len < 0 ? 0 : len] = '\0';
	ms = strstr(out, "time=") != NULL ? strtod(strstr(out, "time=") + 5, NULL) : HANG_MS;
	if (ms - (double)starved / NS_PER_MS < PING_MS)
		return true;
	print_message("%swithout a processor: %.1f ms\n", out, (double)starved / NS_PER_MS);
	return false;
}

bool ns_pings_in_vain(int ns, const char *to)
{
	return ns_run(ns, "ping -n -c1 -W1 %s >/dev/null 2>&1", to) == 1;
}

static struct mono now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (struct mono){at.tv_sec * NS_PER_S + at.tv_nsec};
}

struct id world_id(uint8_t kind, uint8_t number)
{
	struct id id = {{0}};

	memset(id.b, kind * 16 + number, sizeof(id.b));
	id.b[0] = kind;
	id.b[1] = number;
	return id;
}

static int box_open(void *ctx, const struct local_endpoint *endpoint, struct overlay_box *box)
{
	int home = own_ns(), ns = open(endpoint->netns, O_RDONLY | O_CLOEXEC);

	(void)ctx;
	if (ns < 0)
		return -1;
	world_go(ns);
	box->netns_fd = ns;
	box->rtnl_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	world_go(home);
	close(home);
	return 0;
}

static void box_close(void *ctx, struct overlay_box *box)
{
	(void)ctx;
	close(box->netns_fd);
	close(box->rtnl_fd);
}

void host_start(struct world *world, struct host *host)
{
	struct page_source pages = page_source_mmap();
	struct overlay_config config = {.node = host->node,
					.vtep = host->vtep,
					.layout = world->layout,
					.fdb_form = world->form,
					.pages = pages,
					.seed = 1,
					.kernel = linux_kernel_ops(),
					.box_open = box_open,
					.box_close = box_close};
	struct weft_err err;

	world_go(host->ns);
	host->kernel = linux_kernel_open(&pages, 1, &err);
	WEFT_ASSERT(host->kernel != NULL);
	config.kernel_ctx = host->kernel;
	host->ov = overlay_new(&config, &err);
	WEFT_ASSERT(host->ov != NULL);
	world_go(world->home);
}

void host_stop(struct world *world, struct host *host)
{
	world_go(host->ns);
	overlay_free(host->ov);
	linux_kernel_close(host->kernel);
	host->ov = NULL;
	host->kernel = NULL;
	world_go(world->home);
}

void world_open(struct world *world, enum overlay_layout layout, enum overlay_fdb_form form)
{
	memset(world, 0, sizeof(*world));
	world->home = own_ns();
	world->layout = layout;
	world->form = form;
	world->switch_ns = world_new_ns(world);
	WEFT_ASSERT(ns_run(world->switch_ns, "ip link add sw type bridge && ip link set sw up") ==
		    0);
	for (int i = 0; i < WORLD_HOSTS; i++) {
		struct host *host = &world->hosts[i];

		host->node = world_id(1, (uint8_t)(i + 1));
		host->ns = world_new_ns(world);
		host->vtep = inet_from_v4(0xc0a84d00u + (uint32_t)i + 1);
		WEFT_ASSERT(
		    ns_run(world->switch_ns,
			   "ip link add h%d type veth peer name eth0 netns /proc/%d/fd/%d && "
			   "ip link set h%d master sw up",
			   i, (int)getpid(), host->ns, i) == 0);
		WEFT_ASSERT(ns_run(host->ns,
				   "ip addr add 192.168.77.%d/24 dev eth0 && "
				   "ip link set eth0 up",
				   i + 1) == 0);
		host_start(world, host);
	}
}

void world_close(struct world *world)
{
	for (int i = 0; i < WORLD_HOSTS; i++) {
		if (world->hosts[i].ov != NULL)
			host_stop(world, &world->hosts[i]);
		close(world->hosts[i].ns);
	}
	close(world->switch_ns);
	close(world->home);
}

static void on_applied(void *ctx, const struct overlay_applied *applied)
{
	(void)applied;
	((struct host *)ctx)->told_applied++;
}

static void on_failed(void *ctx, const struct overlay_failure *failure)
{
	struct host *host = ctx;

	host->told_failed++;
	snprintf(host->failed, sizeof(host->failed), "%s: %s (%d)", failure->operation,
		 failure->reason, failure->error);
}

static void on_lost(void *ctx, const struct id *network, const struct id *endpoint)
{
	(void)network;
	(void)endpoint;
	((struct host *)ctx)->told_lost++;
}

static void on_mtu(void *ctx, const struct id *network, uint16_t mtu)
{
	(void)network;
	((struct host *)ctx)->told_mtu = mtu;
}

static void on_done(void *ctx, const struct id *network, const char *operation)
{
	struct host *host = ctx;
	size_t len = strlen(host->done);

	(void)network;
	host->told_done++;
	if (len + strlen(operation) + 2 < sizeof(host->done))
		snprintf(host->done + len, sizeof(host->done) - len, "%s\n", operation);
}

static struct overlay_sink sink_of(struct host *host)
{
	return (struct overlay_sink){.ctx = host,
				     .applied = on_applied,
				     .failed = on_failed,
				     .lost = on_lost,
				     .mtu = on_mtu,
				     .done = on_done};
}

/* Waits for the kernel's word, at most as long as the host wants to; true when nothing came. */
static bool is_quiet(struct host *host, int ms)
{
	struct pollfd polls[2];
	int fds[2];
	size_t count = overlay_fds(host->ov, fds);
	bool heard;

	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	heard = poll(polls, (nfds_t)count, ms) > 0;
	if (heard)
		overlay_notify(host->ov, now());
	return !heard;
}

/* One turn of a daemon's kernel thread. At rest: nothing is due soon, and the kernel says nothing
 * more for a while. */
static bool turn(struct host *host)
{
	int64_t wait = mono_diff_ms(overlay_deadline(host->ov), now());
	struct overlay_sink sink = sink_of(host);

	if (wait > 0)
		return is_quiet(host, wait > QUIET_MS ? QUIET_MS : (int)wait + 1) &&
		       wait > QUIET_MS;
	(void)overlay_reconcile(host->ov, now(), &sink, NULL);
	return false;
}

bool host_settle(struct world *world, struct host *host, int ms)
{
	static const char own[] = "/proc/thread-self/schedstat";
	struct mono start = now(), hang = mono_add_ms(start, HANG_MS);
	int64_t starved = starved_ns(own), took = 0;
	bool rest = false;

	world_go(host->ns);
	while (!rest && took < ms * NS_PER_MS && !mono_is_due(hang, now())) {
		rest = turn(host);
		took = mono_diff_ns(now(), start) - (starved_ns(own) - starved);
	}
	world_go(world->home);
	return rest;
}

bool host_until(struct world *world, struct host *host, bool (*is_so)(const struct host *host))
{
	struct mono hang = mono_add_ms(now(), HANG_MS);

	world_go(host->ns);
	while (!is_so(host) && !mono_is_due(hang, now()))
		(void)turn(host);
	world_go(world->home);
	return is_so(host);
}

bool world_settle(struct world *world, int ms)
{
	bool rest = true;

	for (int i = 0; i < WORLD_HOSTS; i++)
		rest = host_settle(world, &world->hosts[i], ms) && rest;
	return rest;
}

void world_network(struct rec_network *rec, const char *subnet, const char *gateway, uint32_t vni)
{
	memset(rec, 0, sizeof(*rec));
	rec->vni = vni;
	rec->port = 4789;
	rec->pool_count = 1;
	WEFT_ASSERT(prefix_parse(subnet, &rec->pools[0].subnet) == 0);
	WEFT_ASSERT(inet_parse(gateway, &rec->pools[0].gateway) == 0);
}

static void share_member(struct world *world, const struct id *network,
			 const struct rec_network *rec, int i)
{
	struct host *host = &world->hosts[i];
	const struct rec_attachment attachment = {.mtu_bytes = 0};
	struct local_endpoint own = {.network = *network, .is_host = true, .addr_count = 1};
	struct rec_endpoint row = {.is_host = true, .addr_count = 1};
	struct inet last = prefix_last(&rec->pools[0].subnet);

	own.id = world_id(3, (uint8_t)(network->b[1] * 4 + i));
	own.mac = mac_of_bridge(&host->node, rec->vni);
	own.addrs[0] = rec->pools[0].subnet;
	own.addrs[0].ip = inet_add(&last, i - 4);
	row.mac = own.mac;
	row.addrs[0] = own.addrs[0];
	for (int j = 0; j < WORLD_HOSTS; j++) {
		struct overlay *ov = world->hosts[j].ov;

		overlay_member_put(ov, &host->node, &host->vtep);
		overlay_attachment_put(ov, network, &host->node, &attachment);
		if (i == j)
			overlay_local_put(ov, &own);
		else
			overlay_endpoint_put(ov, network, &own.id, &host->node,
					     (struct overlay_version){1, 1}, &row);
	}
}

void world_share(struct world *world, const struct id *network, const struct rec_network *rec)
{
	for (int i = 0; i < WORLD_HOSTS; i++)
		overlay_network_put(world->hosts[i].ov, network, rec);
	for (int i = 0; i < WORLD_HOSTS; i++)
		share_member(world, network, rec, i);
}

void box_publish(struct world *world, const struct box *box, uint64_t sequence)
{
	struct rec_endpoint row = {.mac = box->endpoint.mac,
				   .addr_count = box->endpoint.addr_count};

	memcpy(row.addrs, box->endpoint.addrs, sizeof(row.addrs));
	for (int i = 0; i < WORLD_HOSTS; i++) {
		if (&world->hosts[i] != box->host)
			overlay_endpoint_put(world->hosts[i].ov, &box->endpoint.network,
					     &box->endpoint.id, &box->host->node,
					     (struct overlay_version){1, sequence}, &row);
	}
}

int box_attach(struct world *world, struct host *host, struct box *box, const struct id *network,
	       uint8_t number, const char *addr, struct weft_err *err)
{
	struct overlay_sink sink = sink_of(host);
	struct overlay_box fds = OVERLAY_BOX_NONE;
	int code;

	memset(&box->endpoint, 0, sizeof(box->endpoint));
	if (box->ns <= 0)
		box->ns = world_new_ns(world);
	box->host = host;
	box->endpoint.id = world_id(2, number);
	box->endpoint.network = *network;
	box->endpoint.mac = mac_of_endpoint(&box->endpoint.id);
	box->endpoint.addr_count = 1;
	WEFT_ASSERT(prefix_parse(addr, &box->endpoint.addrs[0]) == 0);
	memcpy(box->endpoint.ifname, "eth0", 5);
	snprintf(box->endpoint.netns, sizeof(box->endpoint.netns), "/proc/%d/fd/%d", (int)getpid(),
		 box->ns);
	world_go(host->ns);
	WEFT_ASSERT(box_open(NULL, &box->endpoint, &fds) == 0);
	code = overlay_attach(host->ov, &box->endpoint, &fds, now(), &sink, NULL, err);
	box_close(NULL, &fds);
	world_go(world->home);
	if (code == 0)
		box_publish(world, box, 1);
	return code;
}
