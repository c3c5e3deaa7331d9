/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/http.h"

#define ASK_MS 5000
#define OLD_S 600 /* no backup takes so long */

static int fail(struct weft_err *err, const char *what, const char *path)
{
	return weft_err_set(
	    err, WEFT_E_INVALID, "cannot %s %s: %s; %s", what, path, strerror(errno),
	    errno == ENOSPC ? "free space there" : "see that it is there and that root may use it");
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

/* Writes a durable copy into a new file. */
static int fill(int in, int dir, const char *to, uid_t owner, struct weft_err *err)
{
	int out = file_make(dir, to, err);
	int code = 0;

	if (out < 0)
		return out;
	if (copy_bytes(in, out) != 0 || fchown(out, owner, (gid_t)-1) != 0 || fsync(out) != 0)
		code = fail(err, "write", to);
	close(out);
	if (code != 0)
		unlinkat(dir, to, 0);
	return code;
}

/* A copy of a file as a new one of that owner's, each in a directory; nothing is left of it after
 * an error. The state directory is another user's: no link that he lays there is followed (follow
 * is for what the caller named). */
static int copy_file(int from_dir, const char *from, bool follow, int to_dir, const char *to,
		     uid_t owner, struct weft_err *err)
{
	struct stat stat;
	int in =
	    openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
	int code;

	if (in < 0)
		return fail(err, "read", from);
	if (fstat(in, &stat) != 0 || !S_ISREG(stat.st_mode))
		code = weft_err_set(err, WEFT_E_INVALID,
				    "%s is not a file; name the one that weft backup wrote", from);
	else
		code = fill(in, to_dir, to, owner, err);
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

/* Where the weftd that answers here keeps its state. Root makes files there, so it has to be what
 * weftd says it is: a directory of the user that weftd runs as. */
static int open_dir(struct stage *stage, const struct cli_options *options, struct weft_err *err)
{
	struct call call = {.method = api_method(API_VERSION), .deadline_ms = ASK_MS};
	json_t *answer = call_ask(options, &call, call.method->path, err);
	const char *dir = json_string_value(json_object_get(answer, "state_dir"));
	struct stat stat;
	int code = answer ? 0 : err->code;

	if (code == 0 && !dir) {
		code = weft_err_set(err, WEFT_E_UNSUPPORTED,
				    "weftd does not say where its state lies; restart it after an "
				    "upgrade");
	} else if (code == 0) {
		stage->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (stage->dir < 0)
			code = fail(err, "open", dir);
		else if (fstat(stage->dir, &stat) != 0 || stat.st_uid != stage->owner)
			code = weft_err_set(err, WEFT_E_DENIED,
					    "%s is not a directory of the user that weftd runs as",
					    dir);
	}
	json_decref(answer);
	return code;
}

/* What former runs could not remove; others may be at work right now. */
static void remove_old(const struct stage *stage)
{
	int fd = openat(stage->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	struct stat stat;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, API_CARRIED, strlen(API_CARRIED)) == 0 &&
		    fstatat(stage->dir, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
		    stat.st_mtime + OLD_S < time(NULL))
			(void)unlinkat(stage->dir, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* The child outlives weft by a moment at most: the pipe ends with weft. */
static int guard(struct stage *stage, struct weft_err *err)
{
	int ends[2];
	char none;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(err, "guard", stage->name);
	stage->child = fork();
	if (stage->child == 0) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		close(ends[1]);
		while (read(ends[0], &none, 1) < 0 && errno == EINTR)
			;
		(void)unlinkat(stage->dir, stage->name, 0);
		_exit(0);
	}
	close(ends[0]);
	stage->alive = ends[1];
	if (stage->child > 0)
		return 0;
	return fail(err, "guard", stage->name);
}

static int stage_open(struct stage *stage, const struct cli_options *options, struct weft_err *err)
{
	unsigned long long number = 0;
	int code = open_dir(stage, options, err);

	if (code != 0)
		return code;
	remove_old(stage);
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return weft_err_set(err, WEFT_E_INTERNAL,
				    "the kernel gives no random numbers; try again");
	(void)snprintf(stage->name, sizeof(stage->name), API_CARRIED "%016llx", number);
	code = guard(stage, err);
	if (code != 0)
		stage->name[0] = '\0';
	return code;
}

/* weftd is told the whole path of what it opens. */
static int hand_over(const struct stage *stage, struct call *call, struct weft_err *err)
{
	char link[32], dir[PATH_MAX], path[PATH_MAX + sizeof(stage->name)];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", stage->dir);
	len = readlink(link, dir, sizeof(dir) - 1);
	if (len <= 0)
		return fail(err, "name", stage->name);
	dir[len] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s", dir, stage->name);
	json_object_set_new(call->body, "file", json_string(path));
	return 0;
}

int stage_begin(struct stage *stage, const struct cli_options *options, struct call *call,
		struct weft_err *err)
{
	const char *file = json_string_value(json_object_get(call->body, "file"));
	int code;

	*stage = (struct stage){.dir = -1, .alive = -1, .child = -1};
	if (geteuid() != 0) /* which weftd refuses */
		return 0;
	code = daemon_uid(options, &stage->owner, err);
	if (code != 0 || stage->owner == 0)
		return code;
	if (snprintf(stage->file, sizeof(stage->file), "%s", file) >= (int)sizeof(stage->file))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the path is too long; name a shorter one");
	/* That a backup would overwrite something is better said before. */
	if (call->method->id == API_BACKUP && access(stage->file, F_OK) == 0)
		return weft_err_set(err, WEFT_E_EXISTS, "%s exists already; name a new file",
				    stage->file);
	code = stage_open(stage, options, err);
	if (code == 0 && call->method->id == API_RESTORE)
		code = copy_file(AT_FDCWD, stage->file, true, stage->dir, stage->name, stage->owner,
				 err);
	return code == 0 ? hand_over(stage, call, err) : code;
}

int stage_end(const struct stage *stage, enum api_id method, json_t *answer, struct weft_err *err)
{
	if (stage->name[0] == '\0')
		return 0;
	json_object_set_new(answer, "file", json_string(stage->file));
	return method == API_BACKUP
		   ? copy_file(stage->dir, stage->name, false, AT_FDCWD, stage->file, 0, err)
		   : 0;
}

void stage_close(struct stage *stage)
{
	if (stage->alive >= 0)
		close(stage->alive);
	if (stage->child > 0) {
		while (waitpid(stage->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (stage->dir >= 0)
		close(stage->dir);
	*stage = (struct stage){.dir = -1, .alive = -1, .child = -1};
}
