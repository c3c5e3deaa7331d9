/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/underlay.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gossip/base/err.h"

static bool from_sockaddr(const struct sockaddr *addr, struct inet *ip)
{
	if (addr && addr->sa_family == AF_INET) {
		*ip = inet_from_v4(
		    ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr));
		return true;
	}
	if (addr && addr->sa_family == AF_INET6) {
		memcpy(ip->b, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
		return true;
	}
	return false;
}

int underlay_source(const struct inet *to, struct inet *source)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	bool is_v4 = inet_is_v4(to);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = WEFT_E_NOT_FOUND;

	if (fd < 0)
		return rc;
	if (is_v4) {
		struct sockaddr_in *in = (struct sockaddr_in *)&addr;

		in->sin_family = AF_INET;
		in->sin_port = htons(9);
		in->sin_addr.s_addr = htonl(inet_v4(to));
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(9);
		memcpy(&in6->sin6_addr, to->b, 16);
	}
	/* Connecting a UDP socket sends nothing; it only asks the routing table. */
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&addr, &len) == 0 &&
	    from_sockaddr((struct sockaddr *)&addr, source))
		rc = 0;
	close(fd);
	return rc;
}

static bool is_candidate(const struct ifaddrs *at, bool v6, struct inet *ip)
{
	if (!(at->ifa_flags & IFF_UP) || (at->ifa_flags & IFF_LOOPBACK) ||
	    strncmp(at->ifa_name, "wf", 2) == 0 || !from_sockaddr(at->ifa_addr, ip) ||
	    inet_is_v4(ip) == v6)
		return false;
	/* Link-local addresses mean something else on every link. */
	return v6 ? ip->b[0] != 0xfe : (inet_v4(ip) >> 16) != 0xa9fe;
}

int underlay_address(bool v6, struct inet *ip)
{
	struct inet outside;
	struct ifaddrs *list = NULL;
	int rc = WEFT_E_NOT_FOUND;

	/* Documentation addresses: nobody is there, but the default route leads to them. */
	(void)inet_parse(v6 ? "2001:db8::1" : "192.0.2.1", &outside);
	if (underlay_source(&outside, ip) == 0)
		return 0;
	if (getifaddrs(&list) != 0)
		return rc;
	for (const struct ifaddrs *at = list; at && rc != 0; at = at->ifa_next) {
		if (is_candidate(at, v6, ip))
			rc = 0;
	}
	freeifaddrs(list);
	return rc;
}

/* Copies the name of the interface that has the address. */
static bool find_interface(const struct inet *ip, char name[IFNAMSIZ])
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return false;
	for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next) {
		struct inet have;

		if (!from_sockaddr(at->ifa_addr, &have) || !inet_eq(&have, ip))
			continue;
		strncpy(name, at->ifa_name, IFNAMSIZ - 1);
		name[IFNAMSIZ - 1] = '\0';
		found = true;
	}
	freeifaddrs(list);
	return found;
}

bool underlay_has(const struct inet *ip)
{
	char name[IFNAMSIZ];

	return find_interface(ip, name);
}

uint16_t underlay_inner_mtu(const struct inet *ip)
{
	struct ifreq req;
	int mtu = UNDERLAY_MTU_PRESET;
	int overhead = inet_is_v4(ip) ? VXLAN_OVERHEAD_V4 : VXLAN_OVERHEAD_V6;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&req, 0, sizeof(req));
	if (fd >= 0 && find_interface(ip, req.ifr_name) && ioctl(fd, SIOCGIFMTU, &req) == 0)
		mtu = req.ifr_mtu;
	if (fd >= 0)
		close(fd);
	if (mtu > UINT16_MAX)
		mtu = UINT16_MAX;
	return (uint16_t)(mtu > overhead + 68 ? mtu - overhead : 68);
}
