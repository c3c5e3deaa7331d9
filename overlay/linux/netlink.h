/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A netlink channel: one socket, one message under construction, one batch of messages to send.
 * Messages are built with libnl-core; this file sends them and reads what comes back. A batch
 * carries one acknowledgement request, on its last message: the kernel works through a batch in
 * order and reports each message that failed by its sequence number, so the last answer tells that
 * all have been tried. See linux/Documentation/userspace-api/netlink/intro.rst.
 */
#pragma once

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_BATCH_BYTES ((size_t)16384)
#define CHAN_BATCH_OPS 512
#define CHAN_TEXT_BYTES 96

struct chan {
	int fd;
	uint32_t seq;
	struct nl_msg *msg; /* under construction */
	uint8_t *rx;        /* what was received last */
	uint8_t *tx;        /* the batch */
	size_t tx_bytes;
	size_t tx_count;
	uint32_t tx_first; /* sequence number of its first message */
	uint32_t tx_tags[CHAN_BATCH_OPS];
	size_t tx_last; /* where its last message begins */
};

/* Tells that the message with this tag failed: error is a positive errno. */
typedef void chan_failed_fn(void *arg, uint32_t tag, int error, const char *text);
typedef void chan_each_fn(void *arg, struct nlmsghdr *nlh);

/* Opens a socket of protocol in this thread's namespace, or takes a copy of fd when fd >= 0. */
int chan_open(struct chan *chan, int protocol, int fd);
void chan_close(struct chan *chan);

/* Starts a message with its fixed header; attributes follow with nla_put on the result. */
struct nl_msg *chan_begin(struct chan *chan, uint16_t type, uint16_t flags, const void *head,
			  size_t head_bytes);

/* Sends the message and waits for its acknowledgement: 0 or -errno; text (may be NULL) gets the
 * kernel's words. */
int chan_call(struct chan *chan, char text[CHAN_TEXT_BYTES]);

/* Sends the message and calls each for every answer: 0, -errno, or -EINTR when the kernel's tables
 * changed during a dump and what was seen may be incomplete. */
int chan_dump(struct chan *chan, chan_each_fn *each, void *arg);

/* Sends the message and gives its one answer to each: 0 or -errno. */
int chan_get(struct chan *chan, chan_each_fn *each, void *arg);

/* Adds the message to the batch. True when the batch is full and must be flushed first. */
bool chan_batch_is_full(const struct chan *chan);
void chan_batch_add(struct chan *chan, uint32_t tag);

/* Sends the batch and waits until all of it was tried. 0, or -errno when the outcome of some is not
 * known. */
int chan_batch_flush(struct chan *chan, chan_failed_fn *failed, void *arg);

/* Receives once without waiting and calls each for every message: count of bytes, -EAGAIN when
 * nothing is there, -ENOBUFS after an overrun. */
int chan_drain(struct chan *chan, chan_each_fn *each, void *arg);
