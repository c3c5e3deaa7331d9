/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

socklen_t sockaddr_of(const struct hostport *hp, bool is_v6, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (is_v6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(hp->port);
		memcpy(&in6->sin6_addr, hp->ip.b, sizeof(hp->ip.b));
		return sizeof(*in6);
	}

	struct sockaddr_in *in = (struct sockaddr_in *)out;

	in->sin_family = AF_INET;
	in->sin_port = htons(hp->port);
	in->sin_addr.s_addr = inet_is_v4(&hp->ip) ? htonl(inet_v4(&hp->ip)) : INADDR_NONE;
	return sizeof(*in);
}
