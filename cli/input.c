/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What is no plain argument: a token from standard input or a file (arguments show in `ps`), the
 * passphrase and the file of the cluster key.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/file.h"

#define INPUT_BYTES 8192

/* A whole small file without the white space around it. */
static int read_text(FILE *file, const char *name, char *out, struct weft_err *err)
{
	size_t len = fread(out, 1, INPUT_BYTES, file);
	size_t start = 0;

	if (ferror(file))
		return weft_err_set(err, WEFT_E_INVALID,
				    "cannot read %s: %s; name a file that you may read", name,
				    strerror(errno));
	if (len == INPUT_BYTES)
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s is too long to be right; see what it holds", name);
	while (len > 0 && strchr(" \t\r\n", out[len - 1]))
		len--;
	out[len] = '\0';
	start = strspn(out, " \t\r\n");
	memmove(out, out + start, len >= start ? len - start + 1 : 1);
	if (out[0] == '\0')
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s is empty; see what was meant to be in it", name);
	return 0;
}

static int read_path(const char *path, char *out, struct weft_err *err)
{
	FILE *file = fopen(path, "re");
	int rc;

	if (!file)
		return weft_err_set(err, WEFT_E_INVALID,
				    "cannot read %s: %s; name a file that you may read", path,
				    strerror(errno));
	rc = read_text(file, path, out, err);
	fclose(file);
	return rc;
}

static int set_text(struct call *call, const char *name, const char *text, struct weft_err *err)
{
	if (json_object_set_new(call->body, name, json_string(text)) != 0)
		return weft_err_set(err, WEFT_E_INVALID, "the %s is not text; see what it holds",
				    name);
	return 0;
}

static int prepare_join(struct call *call, struct weft_err *err)
{
	const char *token = json_string_value(json_object_get(call->body, "token"));
	char text[INPUT_BYTES];
	int rc;

	if (strcmp(token, "-") == 0)
		rc = read_text(stdin, "standard input", text, err);
	else if (token[0] == '@')
		rc = read_path(token + 1, text, err);
	else
		return 0;
	return rc == 0 ? set_text(call, "token", text, err) : rc;
}

/* Waits for a whole line, or for one of the signals. False when it was a signal. */
static bool wait_line(int tty, const sigset_t *signals)
{
	struct pollfd wait[] = {{.fd = tty, .events = POLLIN},
				{.fd = signalfd(-1, signals, SFD_CLOEXEC), .events = POLLIN}};
	int ready;

	do
		ready = poll(wait, 2, -1);
	while (ready < 0 && errno == EINTR);
	if (wait[1].fd >= 0)
		close(wait[1].fd);
	return !wait[1].revents;
}

/* One line from the terminal without showing it. Whoever ends weft meanwhile gets a terminal back
 * that shows what is typed: the signal is held until then, and not taken. */
static ssize_t read_silently(int tty, const char *prompt, char *out)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct termios before, silent;
	sigset_t signals, mask;
	ssize_t len = -1;

	if (tcgetattr(tty, &before) != 0)
		return -1;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&signals, ending[i]);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &silent);
	dprintf(tty, "%s", prompt);
	if (wait_line(tty, &signals))
		len = read(tty, out, INPUT_BYTES - 1);
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return len;
}

static int ask(const char *prompt, char *out, struct weft_err *err)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	ssize_t len;

	if (tty < 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "no terminal to ask for the passphrase; use --passphrase-file");
	len = read_silently(tty, prompt, out);
	close(tty);
	if (len <= 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "no passphrase was given; type one, or use --passphrase-file");
	out[len] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

static int prepare_passphrase(struct call *call, bool twice, struct weft_err *err)
{
	const char *path = json_string_value(json_object_get(call->local, "passphrase_file"));
	char first[INPUT_BYTES], second[INPUT_BYTES];
	int rc = path ? read_path(path, first, err) : ask("Passphrase: ", first, err);

	if (rc == 0 && twice && !path) {
		rc = ask("Again: ", second, err);
		if (rc == 0 && strcmp(first, second) != 0)
			rc = weft_err_set(err, WEFT_E_INVALID, "the passphrases differ; try again");
		explicit_bzero(second, sizeof(second));
	}
	if (rc == 0)
		rc = set_text(call, "passphrase", first, err);
	explicit_bzero(first, sizeof(first));
	return rc;
}

/* That there is something already is better said before anything is typed. */
static int prepare_backup(struct call *call, struct weft_err *err)
{
	const char *path = json_string_value(json_object_get(call->local, "file"));

	if (access(path, F_OK) == 0)
		return weft_err_set(err, WEFT_E_EXISTS, "%s exists already; name a new file", path);
	return prepare_passphrase(call, true, err);
}

static int prepare_restore(struct call *call, struct weft_err *err)
{
	const char *path = json_string_value(json_object_get(call->local, "file"));
	char text[INPUT_BYTES];
	int rc = read_path(path, text, err);

	if (rc == 0)
		rc = set_text(call, "sealed", text, err);
	return rc == 0 ? prepare_passphrase(call, false, err) : rc;
}

/* weftd works in another directory, and follows no link of those that it is told. */
static int prepare_file(struct call *call, struct weft_err *err)
{
	const char *path = json_string_value(json_object_get(call->body, "file"));
	char here[PATH_MAX], whole[PATH_MAX];

	if (path[0] == '\0')
		return weft_err_set(err, WEFT_E_INVALID, "the name of the file is empty; name one");
	if (call->method->id == API_RESTORE && realpath(path, whole))
		return set_text(call, "file", whole, err);
	if (path[0] == '/')
		return 0;
	if (!getcwd(here, sizeof(here)) ||
	    snprintf(whole, sizeof(whole), "%s/%s", here, path) >= (int)sizeof(whole))
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s: this path is too long; name a shorter one", path);
	return set_text(call, "file", whole, err);
}

int input_prepare(struct call *call, struct weft_err *err)
{
	switch (call->method->id) {
	case API_JOIN:
		return prepare_join(call, err);
	case API_ADMIN_BACKUP:
		return prepare_backup(call, err);
	case API_ADMIN_RESTORE:
		return prepare_restore(call, err);
	case API_BACKUP:
	case API_RESTORE:
		return prepare_file(call, err);
	default:
		return 0;
	}
}

static int write_sealed(const char *path, const char *sealed, struct weft_err *err)
{
	int fd = file_make(AT_FDCWD, path, err);
	bool ok;

	if (fd < 0)
		return fd;
	ok = dprintf(fd, "%s\n", sealed) > 0 && fsync(fd) == 0;
	if (close(fd) == 0 && ok)
		return 0;
	weft_err_set(err, WEFT_E_STORE, "cannot write %s: %s; see that its disk has room", path,
		     strerror(errno));
	unlink(path);
	return err->code;
}

int input_finish(const struct call *call, json_t *answer, struct weft_err *err)
{
	const char *path = json_string_value(json_object_get(call->local, "file"));
	const char *sealed = json_string_value(json_object_get(answer, "sealed"));
	int rc;

	if (call->method->id != API_ADMIN_BACKUP)
		return 0;
	if (!sealed)
		return weft_err_set(err, WEFT_E_INTERNAL,
				    "weftd sent no key; are weft and weftd of one version (weft "
				    "version)?");
	rc = write_sealed(path, sealed, err);
	json_object_clear(answer);
	json_object_set_new(answer, "file", json_string(path));
	return rc;
}
