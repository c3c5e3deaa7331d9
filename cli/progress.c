/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/progress.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"

const char *progress_words(enum api_id method)
{
	switch (method) {
	case API_JOIN:
		return "joining: a member has to admit this host";
	case API_LEAVE:
		return "leaving: boxes are detached and address ranges handed over";
	case API_ATTACH:
		return "attaching: the network, or an address of it, is not there yet";
	case API_NODE_RECOVER:
		return "recovering: every member is asked what it holds";
	case API_BACKUP:
		return "copying this node's state";
	case API_RESTORE:
		return "checking the backup";
	case API_DIAG:
	case API_PATH:
		return "probing the ways to other hosts";
	default:
		return "waiting for weftd";
	}
}

void progress_begin(struct progress *progress, const char *words, int64_t every_ms, FILE *out)
{
	*progress = (struct progress){
	    .out = out, .words = words, .began_ms = clock_ms(), .every_ms = every_ms};
}

static void tell(struct progress *progress)
{
	fprintf(progress->out, "\r%s, %lld s\033[K", progress->words,
		++progress->told * (long long)progress->every_ms / 1000);
	fflush(progress->out);
}

void progress_tick(struct progress *progress)
{
	if (progress->out &&
	    clock_ms() - progress->began_ms >= (progress->told + 1) * progress->every_ms)
		tell(progress);
}

void progress_end(struct progress *progress)
{
	if (progress->told == 0)
		return;
	fputs("\r\033[K", progress->out);
	fflush(progress->out);
	progress->told = 0;
}

int64_t progress_wait(int fd, int64_t for_ms, const char *words, int64_t every_ms, FILE *out)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct progress progress;
	int64_t passed = 0;

	progress_begin(&progress, words, every_ms, out);
	while (out && (for_ms == 0 || passed < for_ms)) {
		if (poll(&wait, 1, (int)every_ms) != 0)
			break;
		passed = clock_ms() - progress.began_ms;
		tell(&progress);
	}
	progress_end(&progress);
	if (for_ms == 0)
		return 0;
	passed = clock_ms() - progress.began_ms;
	return passed < for_ms ? for_ms - passed : 1;
}

FILE *progress_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && term[0] && strcmp(term, "dumb") != 0 ? stderr
										     : NULL;
}
