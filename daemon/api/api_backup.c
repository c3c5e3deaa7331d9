/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * This node's state as a file, and back. A backup holds the node's identity, and what was leased as
 * of one moment: a restored node is a node whose disk went back, fenced until weft node recover.
 * Both name files of this host, which weftd opens, so they are for root alone.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/api.h"

void backup_tidy(const char *state_dir)
{
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, API_CARRIED, strlen(API_CARRIED)) == 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

static bool may_name_files(struct request *req)
{
	const char *path = request_text(req, "file");

	if (request_caller(req)->uid != 0)
		api_fail(req, WEFT_E_DENIED, "only root may have this node's state");
	else if (path[0] != '/' || strlen(path) >= OPTION_TEXT_BYTES)
		api_fail(req, WEFT_E_INVALID, "\"%.64s\" is not an absolute path", path);
	else
		return true;
	return false;
}

void api_backup(struct daemon *d, struct request *req)
{
	if (!may_name_files(req))
		return;
	log_line(d->log, LOG_LEVEL_WARNING, "backup to %s asked for", request_text(req, "file"));
	store_thread_file(d->store, request_tag(req), STORE_FILE_BACKUP, request_text(req, "file"));
}

void api_restore(struct daemon *d, struct request *req)
{
	enum node_phase phase = gossip_phase(node_gossip(d->node));

	if (!may_name_files(req))
		return;
	if (phase != NODE_NO_CLUSTER && !request_flag(req, "force")) {
		api_fail(req, WEFT_E_CONFLICT,
			 "this host is in a cluster, and what it leased since the backup would be "
			 "forgotten; use --force if that is meant");
		return;
	}
	store_thread_file(d->store, request_tag(req), STORE_FILE_CHECK, request_text(req, "file"));
}

void api_filed(struct daemon *d, const struct store_done *done)
{
	struct request *req = http_request(d->http, done->token);
	const char *file;

	if (!req)
		return;
	if (done->err) {
		request_fail(req, done->err);
		return;
	}
	file = request_text(req, "file");
	if (request_method(req)->id == API_RESTORE) {
		if (d->end != DAEMON_RUNS || !daemon_stop(d, DAEMON_RESTORE)) {
			api_fail(req, WEFT_E_BUSY, "weftd is stopping; try again when it runs");
			return;
		}
		log_line(d->log, LOG_LEVEL_WARNING, "the state in %s is restored by request", file);
		snprintf(d->config->restore, OPTION_TEXT_BYTES, "%s", file);
		request_answer(req, json_pack("{s:s}", "file", file));
		return;
	}
	request_answer(req, json_pack("{s:s}", "file", file));
}
