/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Opening a network namespace and a netlink socket inside it. */
#pragma once

#include "daemon/netns/protocol.h"

/* Judges one question and fills the answer; fds hold two descriptors of the caller's when
 * answer->error is 0. home is a descriptor of this process' own namespace. Aborts when the process
 * cannot come home again, since it must not go on elsewhere. */
void netns_open(int home, const struct netns_ask *ask, struct netns_answer *answer,
		int fds[NETNS_FDS]);
