/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/kernel/box.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/netns/protocol.h"
#include "gossip/base/check.h"

static int spawn(const char *helper, int fd, pid_t *pid)
{
	static char *const environment[] = {NULL};
	char *const argv[] = {(char *)(uintptr_t) "weft-netns", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	/* libraries open some that would stay open in it */
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(pid, helper, &actions, &attr, argv, environment);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Starts the program as a child, on one end of a pair of sockets. */
static int start_child(struct boxes *boxes, struct weft_err *err)
{
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return weft_err_set(err, WEFT_E_UNSUPPORTED, "no socket for weft-netns: %s",
				    strerror(errno));
	rc = spawn(boxes->helper, pair[1], &boxes->pid);
	close(pair[1]);
	if (rc != 0) {
		boxes->pid = 0;
		close(pair[0]);
		return weft_err_set(err, WEFT_E_UNSUPPORTED,
				    "cannot start %s: %s; install it or set --helper",
				    boxes->helper, strerror(rc));
	}
	boxes->fd = pair[0];
	return 0;
}

/* Connects to a helper that the service manager starts, with rights that this process never had. */
static int reach(struct boxes *boxes, struct weft_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = BOX_WAIT_MS / 1000};
	int fd = -1, why = ENAMETOOLONG;

	if (strlen(boxes->helper) < sizeof(addr.sun_path)) {
		memcpy(addr.sun_path, boxes->helper, strlen(boxes->helper));
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		why = errno;
	}
	/* A manager that is stuck does not accept, and connect waits like send. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		boxes->fd = fd;
		return 0;
	}
	if (fd >= 0) {
		why = errno;
		close(fd);
	}
	return weft_err_set(err, WEFT_E_UNSUPPORTED,
			    "cannot reach weft-netns at %s: %s; see systemctl status "
			    "weft-netns.socket",
			    boxes->helper, strerror(why));
}

static int start(struct boxes *boxes, struct weft_err *err)
{
	struct stat stat_of;
	int rc;

	WEFT_ASSERT(boxes->fd < 0);
	WEFT_ASSERT(boxes->pid == 0);
	if (stat(boxes->helper, &stat_of) == 0 && S_ISSOCK(stat_of.st_mode))
		rc = reach(boxes, err);
	else
		rc = start_child(boxes, err);
	if (rc == 0)
		boxes->starts++;
	return rc;
}

/* Ends a helper that died or does not answer; one that is no child ends with its connection. */
static void stop(struct boxes *boxes)
{
	if (boxes->fd < 0)
		return;
	close(boxes->fd);
	boxes->fd = -1;
	if (boxes->pid == 0)
		return;
	kill(boxes->pid, SIGKILL);
	while (waitpid(boxes->pid, NULL, 0) < 0 && errno == EINTR)
		;
	boxes->pid = 0;
}

int boxes_init(struct boxes *boxes, const char *helper, struct weft_err *err)
{
	memset(boxes, 0, sizeof(*boxes));
	boxes->fd = -1;
	snprintf(boxes->helper, sizeof(boxes->helper), "%s", helper);
	return start(boxes, err);
}

void boxes_close(struct boxes *boxes)
{
	stop(boxes);
}

void box_close(struct overlay_box *box)
{
	if (box->netns_fd >= 0)
		close(box->netns_fd);
	if (box->rtnl_fd >= 0)
		close(box->rtnl_fd);
	box->netns_fd = box->rtnl_fd = -1;
}

/* Receives one answer with its descriptors; false when it is none of ours. */
static bool receive(int fd, struct netns_answer *answer, struct overlay_box *box)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * NETNS_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec part = {answer, sizeof(*answer)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (head && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int) * NETNS_FDS)) {
		int fds[NETNS_FDS];

		memcpy(fds, CMSG_DATA(head), sizeof(fds));
		box->netns_fd = fds[0];
		box->rtnl_fd = fds[1];
	}
	return n == (ssize_t)sizeof(*answer) && answer->magic == NETNS_MAGIC &&
	       memchr(answer->why, '\0', sizeof(answer->why)) != NULL;
}

/* One question and its answer; false when the helper is of no use any more. */
static bool talk(struct boxes *boxes, const char *text, struct netns_answer *answer,
		 struct overlay_box *box)
{
	struct netns_ask ask = {.magic = NETNS_MAGIC, .number = ++boxes->number};

	snprintf(ask.text, sizeof(ask.text), "%s", text);
	if (send(boxes->fd, &ask, sizeof(ask), MSG_NOSIGNAL) != (ssize_t)sizeof(ask))
		return false;
	for (;;) {
		struct pollfd wait = {.fd = boxes->fd, .events = POLLIN};

		if (poll(&wait, 1, BOX_WAIT_MS) <= 0)
			return false;
		if (!receive(boxes->fd, answer, box)) {
			box_close(box);
			return false;
		}
		if (answer->number == ask.number)
			return true;
		box_close(box);
	}
}

static int code_of(int error)
{
	switch (error) {
	case ENOENT:
	case ESRCH:
		return WEFT_E_NOT_FOUND;
	case EPERM:
	case EACCES:
		return WEFT_E_DENIED;
	default:
		return WEFT_E_INVALID;
	}
}

static const char *remedy_of(int error)
{
	if (error == EACCES)
		return "let weft-netns read it: AppArmor gives it what lies below /run, and what "
		       "/etc/apparmor.d/local/weft-netns adds";
	return "name one that is there by its path, by its name (ip netns) or by a process in it";
}

int boxes_open(struct boxes *boxes, const char *text, struct box *box, struct weft_err *err)
{
	struct netns_answer answer;

	memset(box, 0, sizeof(*box));
	box->fds = OVERLAY_BOX_NONE;
	if (strlen(text) >= NETNS_TEXT_BYTES)
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "the namespace's path is longer than %d bytes; name it by a process in it",
		    NETNS_TEXT_BYTES - 1);
	/* A helper that died since is replaced once; a second failure is an answer. */
	for (int attempt = 0; attempt < 2; attempt++) {
		int rc = boxes->fd < 0 ? start(boxes, err) : 0;

		if (rc != 0)
			return rc;
		if (!talk(boxes, text, &answer, &box->fds)) {
			stop(boxes);
			continue;
		}
		if (answer.error != 0)
			return weft_err_set(err, code_of(answer.error),
					    "cannot enter namespace \"%s\": %s; %s", text,
					    answer.why, remedy_of(answer.error));
		if (box->fds.netns_fd < 0)
			return weft_err_set(err, WEFT_E_INTERNAL,
					    "weft-netns answered without descriptors");
		box->dev = answer.dev;
		box->inode = answer.inode;
		return 0;
	}
	return weft_err_set(
	    err, WEFT_E_TIMEOUT,
	    "weft-netns does not answer for \"%s\"; its log says more, then try again", text);
}
