/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/sockaddr.h"
#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"

#define SOCKET_BUFFER_BYTES (4 << 20)

static void address_in(const struct sockaddr_storage *addr, struct hostport *hp)
{
	memset(hp, 0, sizeof(*hp));
	if (addr->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

		memcpy(hp->ip.b, &in6->sin6_addr, sizeof(hp->ip.b));
		hp->port = ntohs(in6->sin6_port);
		return;
	}

	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	hp->ip = inet_from_v4(ntohl(in->sin_addr.s_addr));
	hp->port = ntohs(in->sin_port);
}

int udp_open(struct udp *udp, const struct hostport *bind_to, struct weft_err *err)
{
	struct sockaddr_storage addr;
	char text[HOSTPORT_TEXT_BYTES];
	int size = SOCKET_BUFFER_BYTES;
	socklen_t len;

	memset(udp, 0, sizeof(*udp));
	udp->is_v6 = !inet_is_v4(&bind_to->ip);
	udp->fd =
	    socket(udp->is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (udp->fd < 0)
		return weft_err_set(err, WEFT_E_INTERNAL, "no UDP socket: %s", strerror(errno));
	/* Bursts of a bulk sync outlast one turn of the loop. */
	if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	len = sockaddr_of(bind_to, udp->is_v6, &addr);
	if (bind(udp->fd, (struct sockaddr *)&addr, len) != 0) {
		int why = errno;

		hostport_format(bind_to, text);
		close(udp->fd);
		udp->fd = -1;
		return weft_err_set(err, WEFT_E_INVALID,
				    "cannot bind UDP %s: %s; choose another with --bind", text,
				    strerror(why));
	}
	return 0;
}

void udp_close(struct udp *udp)
{
	if (udp->fd >= 0)
		close(udp->fd);
	udp->fd = -1;
}

size_t udp_receive(struct udp *udp, void *ctx,
		   void (*each)(void *ctx, const struct hostport *from, const uint8_t *bytes,
				size_t len))
{
	uint8_t bytes[UDP_BATCH][DATAGRAM_BYTES_MAX + 1];
	struct sockaddr_storage from[UDP_BATCH];
	struct iovec parts[UDP_BATCH];
	struct mmsghdr messages[UDP_BATCH];
	int n;

	memset(messages, 0, sizeof(messages));
	for (size_t i = 0; i < UDP_BATCH; i++) {
		parts[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &from[i];
		messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	n = recvmmsg(udp->fd, messages, UDP_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct hostport hp;

		udp->counts.received++;
		udp->counts.received_bytes += messages[i].msg_len;
		if (messages[i].msg_len > DATAGRAM_BYTES_MAX) {
			udp->counts.oversized++;
			continue;
		}
		address_in(&from[i], &hp);
		each(ctx, &hp, bytes[i], messages[i].msg_len);
	}
	return n > 0 ? (size_t)n : 0;
}

/* One batch; how many messages are dealt with (a refused one is skipped). */
static size_t send_batch(struct udp *udp, const struct gossip_send *sends, size_t count)
{
	struct sockaddr_storage to[UDP_BATCH];
	struct iovec parts[UDP_BATCH];
	struct mmsghdr messages[UDP_BATCH];
	int n;

	WEFT_ASSERT(count > 0 && count <= UDP_BATCH);
	memset(messages, 0, sizeof(messages));
	for (size_t i = 0; i < count; i++) {
		parts[i] = (struct iovec){(void *)(uintptr_t)sends[i].bytes, sends[i].len};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &to[i];
		messages[i].msg_hdr.msg_namelen = sockaddr_of(&sends[i].to, udp->is_v6, &to[i]);
	}
	KILL_POINT(SEND_BEFORE);
	n = sendmmsg(udp->fd, messages, (unsigned)count, MSG_DONTWAIT);
	KILL_POINT(SEND_AFTER);
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0) {
		udp->counts.send_failed++;
		return 1;
	}
	for (int i = 0; i < n; i++) {
		udp->counts.sent++;
		udp->counts.sent_bytes += sends[i].len;
	}
	return (size_t)n;
}

void udp_send(struct udp *udp, const struct gossip_send *sends, size_t count)
{
	for (size_t at = 0; at < count;) {
		size_t rest = count - at;

		at += send_batch(udp, sends + at, rest < UDP_BATCH ? rest : UDP_BATCH);
	}
}
