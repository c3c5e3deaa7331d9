/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The sockets on which the HTTP server takes connections. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/http/http.h"
#include "daemon/sockaddr.h"

/* True when somebody answers on the socket file. */
static bool is_answered(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;

	if (fd >= 0)
		close(fd);
	return answered;
}

int http_listen(const char *path, gid_t group, bool all_read, struct weft_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int fd, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the path %s is too long for a socket; use a shorter --socket",
				    path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return weft_err_set(err, WEFT_E_EXISTS,
				    "%s is there and is no socket; remove it or use --socket",
				    path);
	if (is_answered(&addr))
		return weft_err_set(err, WEFT_E_EXISTS,
				    "another weftd answers on %s; stop it or use --socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return weft_err_set(err, WEFT_E_INTERNAL, "no unix socket: %s", strerror(errno));
	unlink(path);
	/* Who may not write to a socket cannot connect to it. */
	mask = umask(all_read ? 0111 : 0117);
	rc = bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (rc == 0 && group != (gid_t)-1)
		rc = chown(path, (uid_t)-1, group);
	if (rc == 0)
		rc = listen(fd, 512);
	if (rc != 0) {
		rc = errno;
		close(fd);
		return weft_err_set(err, WEFT_E_INVALID,
				    "cannot listen on %s: %s; see that its directory can be "
				    "written, or use --socket",
				    path, strerror(rc));
	}
	return fd;
}

int http_listen_tcp(const struct hostport *at, struct weft_err *err)
{
	bool is_v6 = !inet_is_v4(&at->ip);
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage addr;
	char text[HOSTPORT_TEXT_BYTES];
	int one = 1, why;

	if (fd < 0)
		return weft_err_set(err, WEFT_E_INTERNAL, "no TCP socket: %s", strerror(errno));
	/* Connections of the run before may still be winding down. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (is_v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sockaddr_of(at, is_v6, &addr)) == 0 &&
	    listen(fd, HTTP_PAGES_CONNECTIONS_MAX) == 0)
		return fd;
	why = errno;
	close(fd);
	hostport_format(at, text);
	return weft_err_set(err, WEFT_E_INVALID,
			    "cannot listen on TCP %s for metrics: %s; choose another with "
			    "--metrics-listen",
			    text, strerror(why));
}
