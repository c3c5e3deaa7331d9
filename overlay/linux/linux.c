/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gossip/base/check.h"
#include "linux_parts.h"

#define SYSCTL_PATH_BYTES 128

static int sysctl_open(const char *path, int flags)
{
	char full[SYSCTL_PATH_BYTES];
	int len = snprintf(full, sizeof(full), "/proc/sys/%s", path);
	int fd;

	if (len < 0 || (size_t)len >= sizeof(full))
		return -ENAMETOOLONG;
	fd = open(full, flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

static int sysctl_get(void *ctx, const char *path, char *value, size_t cap)
{
	int fd = sysctl_open(path, O_RDONLY);
	ssize_t len;

	(void)ctx;
	WEFT_ASSERT(cap > 0);
	if (fd < 0)
		return fd;
	len = read(fd, value, cap - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	value[len] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

int linux_sysctl_set(const char *path, const char *value)
{
	int fd = sysctl_open(path, O_WRONLY);
	ssize_t len;
	int error;

	if (fd < 0)
		return fd;
	len = write(fd, value, strlen(value));
	error = len < 0 ? errno : EIO;
	close(fd);
	return len == (ssize_t)strlen(value) ? 0 : -error;
}

static struct mono linux_clock(void *ctx)
{
	struct timespec at;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (struct mono){at.tv_sec * NS_PER_S + at.tv_nsec};
}

struct linux_kernel *linux_kernel_open(const struct page_source *pages, uint64_t seed,
				       struct weft_err *err)
{
	struct heap heap;
	struct linux_kernel *kernel;
	int status;

	heap_init(&heap, pages);
	kernel = heap_take(&heap, sizeof(*kernel));
	kernel->heap = heap;
	kernel->has_ipv6 = access("/proc/net/if_inet6", F_OK) == 0;
	devices_init(&kernel->devices, &kernel->heap, seed);
	linux_rules_open(kernel);
	status = chan_open(&kernel->rtnl, NETLINK_ROUTE, -1);
	if (status == 0)
		status = linux_events_open(kernel);
	if (status == 0)
		return kernel;
	weft_err_set(err, WEFT_E_KERNEL, "netlink cannot be opened: %s", strerror(-status));
	linux_kernel_close(kernel);
	return NULL;
}

void linux_kernel_close(struct linux_kernel *kernel)
{
	struct heap heap;

	if (kernel == NULL)
		return;
	chan_close(&kernel->rtnl);
	chan_close(&kernel->events);
	chan_close(&kernel->nftables);
	linux_rules_close(kernel);
	devices_close(&kernel->devices);
	heap = kernel->heap; /* the kernel lies in its own heap */
	heap_close(&heap);
}

static const struct kernel_ops ops = {
    .dump_host = linux_dump_host,
    .dump_network = linux_dump_network,
    .get_entries = linux_get_entries,
    .apply = linux_apply,
    .sysctl_get = sysctl_get,
    .rules_match = linux_rules_match,
    .rules_set = linux_rules_set,
    .rules_add = linux_rules_add,
    .route_mtu = linux_route_mtu,
    .box_mtu = linux_box_mtu,
    .box_mtu_set = linux_box_mtu_set,
    .each_prefix = linux_each_prefix,
    .make = linux_make,
    .plug = linux_plug,
    .announce = linux_announce,
    .flush_flows = linux_flush_flows,
    .fds = linux_fds,
    .events = linux_events,
    .clock = linux_clock,
};

const struct kernel_ops *linux_kernel_ops(void)
{
	return &ops;
}
