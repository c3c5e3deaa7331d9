/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Addresses as the kernel's sockets take them. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "gossip/base/addr.h"

/* Fills *out for a socket of IPv6 or IPv4; the bytes that it takes. */
socklen_t sockaddr_of(const struct hostport *hp, bool is_v6, struct sockaddr_storage *out);
