/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/http.h"

#define ASK_MS 5000

static int fail(struct weft_err *err, const char *what, const char *path)
{
	return weft_err_set(err, WEFT_E_INVALID, "cannot %s %s: %s", what, path, strerror(errno));
}

static int copy_bytes(int from, int to)
{
	char bytes[65536];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (ssize_t done = 0; done < n;) {
			ssize_t wrote = write(to, bytes + done, (size_t)(n - done));

			if (wrote < 0 && errno != EINTR)
				return -1;
			done += wrote > 0 ? wrote : 0;
		}
	}
	return 0;
}

/* A durable copy of a file as a new one of that owner's; nothing is left of it after an error. The
 * state directory is another user's: no link that he lays there is followed. */
static int copy_file(const char *from, const char *to, uid_t owner, struct weft_err *err)
{
	struct stat stat;
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int out, code = 0;

	if (in < 0 || fstat(in, &stat) != 0 || !S_ISREG(stat.st_mode)) {
		code = in < 0 ? fail(err, "read", from)
			      : weft_err_set(err, WEFT_E_INVALID, "%s is not a file", from);
		if (in >= 0)
			close(in);
		return code;
	}
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0) {
		code = fail(err, "make", to);
		if (errno == EEXIST)
			code = weft_err_set(err, WEFT_E_EXISTS, "%s exists already", to);
	} else {
		if (copy_bytes(in, out) != 0 || fchown(out, owner, (gid_t)-1) != 0 ||
		    fsync(out) != 0)
			code = fail(err, "write", to);
		close(out);
		if (code != 0)
			unlink(to);
	}
	close(in);
	return code;
}

/* As whom the process runs that listens on the socket. */
static int daemon_uid(const struct cli_options *options, uid_t *uid, struct weft_err *err)
{
	struct ucred peer = {.uid = 0};
	socklen_t len = sizeof(peer);
	int fd = http_connect(options->socket, err);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		peer.uid = 0;
	close(fd);
	*uid = peer.uid;
	return 0;
}

/* A new name in the state directory of the weftd that answers here. */
static int stage_name(struct stage *stage, const struct cli_options *options, struct weft_err *err)
{
	struct call call = {.method = api_method(API_VERSION), .deadline_ms = ASK_MS};
	json_t *answer = call_ask(options, &call, call.method->path, err);
	const char *dir = json_string_value(json_object_get(answer, "state_dir"));
	unsigned long long number = 0;
	int n = -1;

	if (answer && getrandom(&number, sizeof(number), 0) == (ssize_t)sizeof(number) && dir)
		n = snprintf(stage->path, sizeof(stage->path), "%s/carried.%016llx", dir, number);
	json_decref(answer);
	if (!answer)
		return err->code;
	if (n > 0 && (size_t)n < sizeof(stage->path))
		return 0;
	stage->path[0] = '\0';
	return weft_err_set(err, WEFT_E_UNSUPPORTED, "weftd does not say where its state lies");
}

int stage_begin(struct stage *stage, const struct cli_options *options, struct call *call,
		struct weft_err *err)
{
	const char *file = json_string_value(json_object_get(call->body, "file"));
	int code;

	stage->path[0] = '\0';
	if (geteuid() != 0) /* which weftd refuses */
		return 0;
	code = daemon_uid(options, &stage->owner, err);
	if (code != 0 || stage->owner == 0)
		return code;
	if (snprintf(stage->file, sizeof(stage->file), "%s", file) >= (int)sizeof(stage->file))
		return weft_err_set(err, WEFT_E_INVALID, "the path is too long");
	/* That a backup would overwrite something is better said before. */
	if (call->method->id == API_BACKUP && access(stage->file, F_OK) == 0)
		return weft_err_set(err, WEFT_E_EXISTS, "%s exists already", stage->file);
	code = stage_name(stage, options, err);
	if (code == 0 && call->method->id == API_RESTORE)
		code = copy_file(stage->file, stage->path, stage->owner, err);
	if (code == 0)
		json_object_set_new(call->body, "file", json_string(stage->path));
	return code;
}

int stage_end(const struct stage *stage, enum api_id method, json_t *answer, struct weft_err *err)
{
	if (stage->path[0] == '\0')
		return 0;
	json_object_set_new(answer, "file", json_string(stage->file));
	return method == API_BACKUP ? copy_file(stage->path, stage->file, 0, err) : 0;
}

void stage_close(const struct stage *stage)
{
	if (stage->path[0] != '\0')
		(void)unlink(stage->path);
}
