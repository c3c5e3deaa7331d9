/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/diag/probe.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gossip/base/check.h"
#include "overlay/linux/linux_watch.h"

#define IP_BYTES_V4 20
#define IP_BYTES_V6 40

static socklen_t address(const struct inet *ip, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_is_v4(ip)) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl(inet_v4(ip));
		return sizeof(*in);
	}

	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->b, sizeof(ip->b));
	return sizeof(*in6);
}

uint16_t probe_udp_bytes(const struct inet *to, uint16_t size)
{
	return (uint16_t)(size - (inet_is_v4(to) ? IP_BYTES_V4 : IP_BYTES_V6));
}

/* A socket that sends what it is given, whatever path MTU the kernel has heard of. */
static int open_socket(const struct probe *probe)
{
	struct sockaddr_storage own;
	socklen_t len = address(&probe->from, 0, &own);
	int as_it_is = IP_PMTUDISC_PROBE, as_it_is6 = IPV6_PMTUDISC_PROBE;
	int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -1;
	if (own.ss_family == AF_INET)
		rc = setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &as_it_is, sizeof(as_it_is));
	else
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &as_it_is6, sizeof(as_it_is6));
	if (rc != 0 || bind(fd, (struct sockaddr *)&own, len) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What a former one was answered with (ICMP) fails the next: once more. 0 or errno. */
static int send_one(int fd, const struct msghdr *message)
{
	ssize_t sent = sendmsg(fd, message, 0);

	if (sent < 0)
		sent = sendmsg(fd, message, 0);
	return sent >= 0 || errno == ECONNREFUSED ? 0 : errno;
}

int probe_send(const struct probe *probe)
{
	static const uint8_t zeros[UINT16_MAX];
	const uint64_t head[2] = {htobe64(WATCH_PROBE_HEADER), htobe64(probe->nonce)};
	int fd = open_socket(probe);
	int error = 0;

	_Static_assert(sizeof(head) == WATCH_PROBE_BYTES, "a probe begins with header and nonce");
	if (fd < 0)
		return errno;
	for (size_t i = 0; i < probe->port_count * probe->size_count * PROBE_COPIES; i++) {
		size_t nth = i / PROBE_COPIES;
		uint16_t size = probe->sizes[nth % probe->size_count];
		struct sockaddr_storage to;
		struct iovec parts[2] = {{(void *)(uintptr_t)head, sizeof(head)},
					 {(void *)(uintptr_t)zeros, 0}};
		struct msghdr message = {.msg_name = &to, .msg_iov = parts, .msg_iovlen = 2};
		int refused;

		WEFT_ASSERT(size >= PROBE_BYTES_MIN);
		message.msg_namelen =
		    address(&probe->to, probe->ports[nth / probe->size_count], &to);
		parts[1].iov_len =
		    probe_udp_bytes(&probe->to, size) - WATCH_UDP_BYTES - sizeof(head);
		refused = send_one(fd, &message);
		if (error == 0)
			error = refused;
	}
	close(fd);
	return error;
}

void probe_sizes(struct probe *probe, uint16_t need, uint16_t full)
{
	static const uint16_t steps[] = {576,  1280, 1380, 1400, 1420,      1440,
					 1450, 1476, 1492, 1500, UINT16_MAX};
	uint16_t last = PROBE_BYTES_MIN;

	probe->size_count = 0;
	probe->sizes[probe->size_count++] = last;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && last < full; i++) {
		if (need > last && need < steps[i] && need < full &&
		    probe->size_count + 1 < DIAG_SIZES_MAX)
			probe->sizes[probe->size_count++] = need;
		last = steps[i] < full ? steps[i] : full;
		if (last == full || probe->size_count + 1 < DIAG_SIZES_MAX)
			probe->sizes[probe->size_count++] = last;
	}
	WEFT_ASSERT(probe->size_count <= DIAG_SIZES_MAX);
}
