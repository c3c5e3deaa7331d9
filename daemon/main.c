/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weftd: reads options, then runs until it is told to stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/rights.h"

/* What main hands to a reload. */
struct arguments {
	int argc;
	char **argv;
};

static int read_options(const struct arguments *args, struct option_texts *texts,
			struct options *options, enum options_want *want, struct weft_err *err)
{
	int rc;

	memset(texts, 0, sizeof(*texts));
	rc = options_flags(texts, args->argc, args->argv, want, err);
	if (rc != 0 || *want == WANT_HELP || *want == WANT_VERSION)
		return rc;
	rc = options_env(texts, environ, err);
	if (rc == 0)
		rc = options_file(texts, err);
	return rc == 0 ? options_judge(texts, options, err) : rc;
}

static int reload(void *ctx, struct options *options, struct weft_err *err)
{
	struct option_texts texts;
	enum options_want want;

	return read_options(ctx, &texts, options, &want, err);
}

/* Why weftd ends, with what to do about it. */
static int tell(struct log *log, const struct weft_err *err)
{
	char line[WEFT_ERR_LINE_BYTES];

	weft_err_line(err, line);
	log_line(log, LOG_LEVEL_ERROR, "%s", line);
	return 1;
}

/* Signals that stop or reload are for the loop of a run alone, which reads them from this
 * descriptor. They stay blocked in all threads, which begin with the mask of this one: whatever
 * else goes on (a store is opened or closed, a state wiped) is not ended halfway, and the signal
 * waits for the loop that follows. */
static int hold_signals(struct weft_err *err)
{
	sigset_t held;
	int fd;

	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &held, NULL);
	fd = signalfd(-1, &held, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return weft_err_set(err, WEFT_E_INTERNAL, "no descriptor for signals: %s",
				    strerror(errno));
	return fd;
}

static int run(struct arguments *args, const struct options *options)
{
	struct weft_err err = {0};
	struct log log;
	char restore[OPTION_TEXT_BYTES] = "";
	struct daemon_config config = {
	    .options = options, .log = &log, .reload = reload, .ctx = args, .restore = restore};
	enum daemon_end end;

	log_init(&log, stderr, options->log_level, options->log_format);
	signal(SIGPIPE, SIG_IGN);
	config.signals = hold_signals(&err);
	if (config.signals < 0 || rights_drop(&err) != 0)
		return tell(&log, &err);
	do {
		end = daemon_run(&config, &err);
		if (end == DAEMON_WIPE && daemon_wipe(options, &err) != 0)
			end = DAEMON_FAILED;
		if (end == DAEMON_RESTORE && daemon_restore(options, restore, &err) != 0)
			log_line(&log, LOG_LEVEL_ERROR, "%s is not restored: %s", restore,
				 err.message);
	} while (end == DAEMON_WIPE || end == DAEMON_RESTORE);
	return end == DAEMON_FAILED ? tell(&log, &err) : 0;
}

int main(int argc, char **argv)
{
	struct arguments args = {argc, argv};
	struct option_texts texts;
	struct options options;
	enum options_want want;
	struct weft_err err = {0};

	if (read_options(&args, &texts, &options, &want, &err) != 0) {
		fprintf(stderr, "weftd: %s\n", err.message);
		return 2;
	}
	switch (want) {
	case WANT_HELP:
		options_help(stdout);
		return 0;
	case WANT_VERSION:
		puts("weftd " WEFT_VERSION);
		return 0;
	case WANT_CHECK:
		options_print(&texts, stdout);
		return 0;
	case WANT_RUN:
		break;
	}
	return run(&args, &options);
}
