/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"

/* The kernel fills a dump's datagrams up to the size of the reader's buffer, at most 32 KiB. */
#define RX_BYTES ((size_t)65536)
#define MSG_BYTES ((size_t)4096)
#define SOCKET_RX_BYTES (4 << 20)

static void set_option(int fd, int level, int option, int value)
{
	/* An older kernel lacks some; each only saves work or adds words to errors. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

int chan_open(struct chan *chan, int protocol, int fd)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};

	memset(chan, 0, sizeof(*chan));
	chan->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3)
			   : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (chan->fd < 0)
		return -errno;
	if (fd < 0 && bind(chan->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		int error = errno;

		close(chan->fd);
		return -error;
	}
	if (setsockopt(chan->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){SOCKET_RX_BYTES},
		       sizeof(int)) != 0)
		set_option(chan->fd, SOL_SOCKET, SO_RCVBUF, SOCKET_RX_BYTES);
	set_option(chan->fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	set_option(chan->fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	set_option(chan->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	chan->msg = nlmsg_alloc_size(MSG_BYTES);
	chan->rx = malloc(RX_BYTES);
	chan->tx = malloc(CHAN_BATCH_BYTES);
	if (chan->msg == NULL || chan->rx == NULL || chan->tx == NULL)
		abort();
	return 0;
}

void chan_close(struct chan *chan)
{
	if (chan->msg == NULL)
		return;
	close(chan->fd);
	nlmsg_free(chan->msg);
	free(chan->rx);
	free(chan->tx);
	memset(chan, 0, sizeof(*chan));
}

struct nl_msg *chan_begin(struct chan *chan, uint16_t type, uint16_t flags, const void *head,
			  size_t head_bytes)
{
	struct nlmsghdr *nlh = nlmsg_hdr(chan->msg);

	memset(nlh, 0, sizeof(*nlh));
	nlh->nlmsg_len = NLMSG_HDRLEN;
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
	if (nlmsg_append(chan->msg, (void *)(uintptr_t)head, head_bytes, NLMSG_ALIGNTO) != 0)
		weft_assert_failed("a fixed header fits", __FILE__, __LINE__);
	return chan->msg;
}

static int send_bytes(struct chan *chan, const void *bytes, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	for (;;) {
		ssize_t sent =
		    sendto(chan->fd, bytes, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));

		if (sent == (ssize_t)len)
			return 0;
		if (sent >= 0)
			return -EIO;
		if (errno != EINTR)
			return -errno;
	}
}

/* One datagram from the kernel; what other processes send is passed over. */
static ssize_t receive(struct chan *chan, int flags)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(chan->fd, chan->rx, RX_BYTES, flags,
				       (struct sockaddr *)&from, &from_len);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		if (from.nl_pid == 0)
			return len;
	}
}

/* The error code and, where the kernel gives one, its text; positive errno or 0. */
static int read_error(struct nlmsghdr *nlh, char text[CHAN_TEXT_BYTES])
{
	struct nlmsgerr *err = nlmsg_data(nlh);
	struct nlattr *attrs, *message;
	int head = (int)sizeof(*err), left;

	if (text != NULL)
		text[0] = '\0';
	if (nlmsg_datalen(nlh) < head)
		return EBADMSG;
	if (text == NULL || err->error == 0 || (nlh->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
		return -err->error;
	if ((nlh->nlmsg_flags & NLM_F_CAPPED) == 0)
		head += (int)NLMSG_ALIGN(err->msg.nlmsg_len) - (int)NLMSG_HDRLEN;
	left = nlmsg_datalen(nlh) - head;
	attrs = (struct nlattr *)(void *)((char *)err + head);
	message = left > 0 ? nla_find(attrs, left, NLMSGERR_ATTR_MSG) : NULL;
	if (message != NULL)
		(void)nla_strlcpy(text, message, CHAN_TEXT_BYTES);
	return -err->error;
}

static int call(struct chan *chan, uint16_t flags, chan_each_fn *each, void *arg,
		char text[CHAN_TEXT_BYTES])
{
	struct nlmsghdr *request = nlmsg_hdr(chan->msg);
	uint32_t seq = ++chan->seq;
	bool interrupted = false;
	int status;

	WEFT_ASSERT(chan->tx_count == 0);
	if (text != NULL)
		text[0] = '\0';
	request->nlmsg_seq = seq;
	request->nlmsg_flags = (uint16_t)(request->nlmsg_flags | flags);
	status = send_bytes(chan, request, request->nlmsg_len);
	while (status == 0) {
		ssize_t got = receive(chan, 0);
		int left = (int)got;

		if (got < 0)
			return (int)got;
		for (struct nlmsghdr *nlh = (void *)chan->rx; nlmsg_ok(nlh, left);
		     nlh = nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			interrupted |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return -read_error(nlh, text);
			if (nlh->nlmsg_type == NLMSG_DONE)
				return interrupted ? -EINTR : 0;
			if (each != NULL)
				each(arg, nlh);
			if ((request->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK)) == 0)
				return 0;
		}
	}
	return status;
}

int chan_call(struct chan *chan, char text[CHAN_TEXT_BYTES])
{
	int status;

	KILL_POINT(NETLINK_BEFORE);
	status = call(chan, NLM_F_ACK, NULL, NULL, text);
	KILL_POINT(NETLINK_AFTER);
	return status;
}

int chan_dump(struct chan *chan, chan_each_fn *each, void *arg)
{
	return call(chan, NLM_F_DUMP, each, arg, NULL);
}

int chan_get(struct chan *chan, chan_each_fn *each, void *arg)
{
	return call(chan, 0, each, arg, NULL);
}

bool chan_batch_is_full(const struct chan *chan)
{
	return chan->tx_count == CHAN_BATCH_OPS || chan->tx_bytes + 1024 > CHAN_BATCH_BYTES;
}

void chan_batch_add(struct chan *chan, uint32_t tag)
{
	struct nlmsghdr *nlh = nlmsg_hdr(chan->msg);
	size_t len = NLMSG_ALIGN(nlh->nlmsg_len);

	WEFT_ASSERT(chan->tx_count < CHAN_BATCH_OPS);
	WEFT_ASSERT(chan->tx_bytes + len <= CHAN_BATCH_BYTES);
	nlh->nlmsg_seq = ++chan->seq;
	if (chan->tx_count == 0)
		chan->tx_first = nlh->nlmsg_seq;
	memcpy(chan->tx + chan->tx_bytes, nlh, nlh->nlmsg_len);
	memset(chan->tx + chan->tx_bytes + nlh->nlmsg_len, 0, len - nlh->nlmsg_len);
	chan->tx_last = chan->tx_bytes;
	chan->tx_bytes += len;
	chan->tx_tags[chan->tx_count++] = tag;
}

/* Reads the answers to a batch that was sent, up to the last, which always has one. */
static int batch_answers(struct chan *chan, size_t count, chan_failed_fn *failed, void *arg)
{
	for (;;) {
		ssize_t got = receive(chan, 0);
		int left = (int)got;

		if (got < 0)
			return (int)got;
		for (struct nlmsghdr *nlh = (void *)chan->rx; nlmsg_ok(nlh, left);
		     nlh = nlmsg_next(nlh, &left)) {
			size_t place = nlh->nlmsg_seq - chan->tx_first;
			char text[CHAN_TEXT_BYTES];
			int error;

			if (nlh->nlmsg_type != NLMSG_ERROR || place >= count)
				continue;
			error = read_error(nlh, text);
			if (error != 0)
				failed(arg, chan->tx_tags[place], error, text);
			if (place == count - 1)
				return 0;
		}
	}
}

int chan_batch_flush(struct chan *chan, chan_failed_fn *failed, void *arg)
{
	struct nlmsghdr *last = (void *)(chan->tx + chan->tx_last);
	size_t count = chan->tx_count, bytes = chan->tx_bytes;
	int status;

	if (count == 0)
		return 0;
	KILL_POINT(NETLINK_BEFORE);
	last->nlmsg_flags |= NLM_F_ACK;
	chan->tx_count = 0;
	chan->tx_bytes = 0;
	status = send_bytes(chan, chan->tx, bytes);
	if (status == 0)
		status = batch_answers(chan, count, failed, arg);
	KILL_POINT(NETLINK_AFTER);
	return status;
}

int chan_drain(struct chan *chan, chan_each_fn *each, void *arg)
{
	ssize_t got = receive(chan, MSG_DONTWAIT);
	int left = (int)got;

	for (struct nlmsghdr *nlh = (void *)chan->rx; left > 0 && nlmsg_ok(nlh, left);
	     nlh = nlmsg_next(nlh, &left))
		each(arg, nlh);
	return (int)got;
}
