/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * weft-netns: enters network namespaces so that weftd need not be able to. It answers weftd on a
 * socket that it inherits as its standard input, and ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/netns/open.h"

static int answer_send(int fd, const struct netns_answer *answer, const int fds[NETNS_FDS])
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * NETNS_FDS)];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec part = {(void *)(uintptr_t)answer, sizeof(*answer)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (answer->error == 0) {
		struct cmsghdr *head;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * NETNS_FDS);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * NETNS_FDS);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*answer) ? 0 : -1;
}

static int serve(int fd, int home)
{
	for (;;) {
		struct netns_ask ask;
		struct netns_answer answer;
		int fds[NETNS_FDS];
		ssize_t n = recv(fd, &ask, sizeof(ask), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : 1;
		if (n != (ssize_t)sizeof(ask))
			ask.magic = 0;
		netns_open(home, &ask, &answer, fds);

		int rc = answer_send(fd, &answer, fds);

		if (fds[0] >= 0)
			close(fds[0]);
		if (fds[1] >= 0)
			close(fds[1]);
		if (rc != 0)
			return 1;
	}
}

int main(void)
{
	int type = 0;
	socklen_t len = sizeof(type);
	int home;

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_SEQPACKET) {
		fputs("weft-netns: this program is started by weftd and has no use by itself\n",
		      stderr);
		return 2;
	}
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0) {
		fprintf(stderr, "weft-netns: /proc/self/ns/net: %s\n", strerror(errno));
		return 1;
	}
	/* The daemon's death closes the socket; its signals are not for this process. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	return serve(STDIN_FILENO, home);
}
