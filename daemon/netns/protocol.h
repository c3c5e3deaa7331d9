/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What weftd and its attach helper say to each other over a SOCK_SEQPACKET pair: one question, one
 * answer, both of fixed size, in the byte order of the one machine they share. A good answer
 * carries two descriptors: the namespace and a NETLINK_ROUTE socket opened inside it.
 */
#pragma once

#include <stdint.h>

#define NETNS_MAGIC UINT32_C(0x77656674)
#define NETNS_TEXT_BYTES 256
#define NETNS_WHY_BYTES 200
#define NETNS_FDS 2

struct netns_ask {
	uint32_t magic;
	uint32_t number;             /* given back with the answer */
	char text[NETNS_TEXT_BYTES]; /* a path, a name below /run/netns, or a process id */
};

struct netns_answer {
	uint32_t magic;
	uint32_t number;
	int32_t error; /* errno; 0: two descriptors come along */
	uint32_t pad;
	uint64_t dev, inode; /* of the namespace */
	char why[NETNS_WHY_BYTES];
};
