/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a run begins and ends with. Order of the start: state directory and store, what the stored
 * rows say of this node's address, the marker, the gossip socket, the node with all stored writes,
 * the threads, the API. The end is the reverse; every part may be missing.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/diag/diag.h"
#include "daemon/underlay.h"
#include "gossip/base/check.h"

/* What the first look at the store finds. */
struct glance {
	struct id marker;
	bool has_member;
	struct rec_member member; /* as this node published it last */
};

static int glance_visit(void *ctx, const struct write *write)
{
	struct glance *glance = ctx;

	if (write->kind == WRITE_META && write->meta == META_MARKER && write->len == ID_BYTES)
		memcpy(&glance->marker, write->bytes, ID_BYTES);
	if (write->kind == WRITE_OWN_ROW && write->row.kind == ROW_MEMBER && !write->row.deleted)
		glance->has_member =
		    rec_member_decode(write->row.value, write->row.value_len, &glance->member) == 0;
	/* Facts and what follows are of no interest here: end the walk. */
	return write->kind == WRITE_META || write->kind == WRITE_OWN_ROW ? 0 : 1;
}

static int load_visit(void *ctx, const struct write *write)
{
	const struct daemon *d = ctx;

	return node_load(d->node, write);
}

/* Makes every missing directory of a path; the last part too when it ends with a slash. */
static int make_parents(const char *path, mode_t mode, struct weft_err *err)
{
	char part[OPTION_TEXT_BYTES];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return weft_err_set(
			    err, WEFT_E_INVALID,
			    "cannot make %s: %s; see that weftd may write there, or "
			    "choose another place",
			    part, strerror(errno));
	}
	return 0;
}

static uint64_t random_u64(void)
{
	uint64_t value = 0;
	ssize_t n = getrandom(&value, sizeof(value), 0);

	WEFT_ASSERT(n == (ssize_t)sizeof(value));
	return value;
}

/* The id of this boot of the host. */
static struct id boot_id(void)
{
	struct id id = {{0}};
	char text[64] = "", hex[ID_TEXT_BYTES] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	size_t len = 0;

	if (!file)
		return id;
	if (fgets(text, sizeof(text), file)) {
		for (const char *at = text; *at && len + 1 < sizeof(hex); at++) {
			if (*at != '-' && *at != '\n')
				hex[len++] = *at;
		}
		(void)id_parse(hex, &id);
	}
	fclose(file);
	return id;
}

/* Configured, else bound to, else what was told before if this host still has it, else what the
 * routes say. */
static void choose_advertise(struct daemon *d, const struct glance *glance)
{
	const struct options *options = d->options;

	d->advertise.port = options->bind.port;
	d->advertise_chosen = true;
	if (options->has_advertise) {
		d->advertise = options->advertise;
		return;
	}
	if (!inet_is_any(&options->bind.ip)) {
		d->advertise.ip = options->bind.ip;
		return;
	}
	if (glance->has_member && underlay_has(&glance->member.gossip.ip)) {
		d->advertise.ip = glance->member.gossip.ip;
		return;
	}
	d->advertise_chosen = false;
	if (underlay_address(!inet_is_v4(&options->bind.ip), &d->advertise.ip) != 0)
		d->advertise.ip = inet_from_v4(0x7f000001);
}

static void on_trace(void *ctx, const struct trace_record *record)
{
	struct daemon *d = ctx;

	log_trace(d->log, record);
}

static int open_node(struct daemon *d, struct store *store, struct weft_err *err)
{
	struct page_source pages = page_source_mmap();
	struct node_config config = {
	    .gossip = {.crypto = gossip_crypto_sodium(),
		       .pages = pages,
		       .blobs = &d->blobs,
		       .seed = random_u64(),
		       .profile = d->options->profile,
		       .advertise = d->advertise,
		       .vtep = d->advertise.ip,
		       .trace = {.ctx = d, .emit = on_trace}},
	    .cooldown_ms = d->options->cooldown_ms,
	    .guard = d->options->guard,
	    .boot = boot_id(),
	    .ack_wait_ms = 50,
	    .sync_wait_ms = d->options->sync_wait_ms,
	    .mtu_bytes = underlay_inner_mtu(&d->advertise.ip),
	    .vxlan_port = d->options->vxlan_port,
	};
	int rc;

	memcpy(config.gossip.name, d->options->name, sizeof(config.gossip.name));
	heap_init(&d->heap, &pages);
	blob_store_init(&d->blobs, &d->heap, random_u64());
	d->node = node_new(&config);
	rc = store_load(store, load_visit, d, err);
	if (rc != 0 && err->code == 0)
		weft_err_set(err, WEFT_E_STORE,
			     "the store holds something that weft did not write");
	return rc;
}

void daemon_open_kernel(struct daemon *d)
{
	struct weft_err err = {0};
	struct kernel_config config = {.overlay = {.node = gossip_self(node_gossip(d->node)),
						   .vtep = d->advertise.ip,
						   .pages = page_source_mmap(),
						   .seed = random_u64()},
				       .helper = d->options->helper,
				       .tell_done = d->log->level >= LOG_LEVEL_DEBUG};

	d->kernel = kernel_thread_new(&config, &err);
	if (d->kernel)
		return;
	/* Gossip and leases work without the kernel; boxes cannot be attached. */
	log_line(d->log, LOG_LEVEL_ERROR, "nothing can be attached here: %s", err.message);
}

static int open_http(struct daemon *d, struct weft_err *err)
{
	struct group *group = getgrnam(d->options->group);
	struct http_config config = {.loop = &d->loop,
				     .change_gid = group ? group->gr_gid : (gid_t)-1,
				     .ctx = d,
				     .handle = api_handle};

	if (!group)
		log_line(d->log, LOG_LEVEL_INFO,
			 "there is no group \"%s\": only root may change things",
			 d->options->group);
	config.listen_fd =
	    http_listen(d->options->socket, config.change_gid, d->options->all_read, err);
	if (config.listen_fd < 0)
		return err->code;
	d->events = events_new(random_u64());
	d->http = http_new(&config, err);
	return d->http ? 0 : err->code;
}

static int open_pages(struct daemon *d, int listen_fd, struct weft_err *err)
{
	struct http_config config = {.loop = &d->loop,
				     .listen_fd = listen_fd,
				     .change_gid = (gid_t)-1,
				     .pages_only = true,
				     .ctx = d,
				     .handle = api_handle};
	char at[HOSTPORT_TEXT_BYTES];

	d->pages = http_new(&config, err);
	if (!d->pages) {
		http_close(d->http);
		uv_run(&d->loop, UV_RUN_DEFAULT);
		return err->code;
	}
	hostport_format(&d->options->metrics_listen, at);
	log_line(d->log, LOG_LEVEL_INFO, "everybody may read metrics at TCP %s", at);
	return 0;
}

static int open_api(struct daemon *d, struct weft_err *err)
{
	int pages_fd = -1;
	int rc = make_parents(d->options->socket, 0755, err);

	/* Tried before there is anything to be closed again. */
	if (rc == 0 && d->options->has_metrics_listen) {
		pages_fd = http_listen_tcp(&d->options->metrics_listen, err);
		rc = pages_fd >= 0 ? 0 : err->code;
	}
	if (rc == 0)
		rc = open_http(d, err);
	if (rc == 0 && pages_fd >= 0)
		return open_pages(d, pages_fd, err);
	if (pages_fd >= 0)
		close(pages_fd);
	return rc;
}

static int open_store(struct daemon *d, struct store **store, struct glance *glance,
		      struct weft_err *err)
{
	struct store_config config = {.state_dir = d->options->state_dir};
	struct weft_err ignored = {0};
	int rc = make_parents(d->options->state_dir, 0755, err);

	if (rc == 0)
		rc = make_parents(d->options->socket, 0755, err);
	if (rc == 0)
		rc = store_open(&config, store, err);
	if (rc == 0) {
		backup_tidy(d->options->state_dir);
		(void)store_load(*store, glance_visit, glance, &ignored);
	}
	return rc;
}

int daemon_open(struct daemon *d, struct weft_err *err)
{
	struct glance glance = {.has_member = false};
	struct marker marker = {.fd = -1};
	struct store *store = NULL;
	int rc;

	d->udp.fd = -1;
	rc = open_store(d, &store, &glance, err);
	if (rc == 0) {
		choose_advertise(d, &glance);
		rc = marker_open(&marker, d->options->socket, &glance.marker, &d->marker_ok, err);
	}
	if (rc == 0)
		rc = udp_open(&d->udp, &d->options->bind, err);
	if (rc == 0)
		rc = open_node(d, store, err);
	if (rc == 0) {
		d->store = store_thread_new(store, &marker, err);
		rc = d->store ? 0 : err->code;
	}
	if (!d->store) {
		store_close(store);
		marker_close(&marker);
		return rc;
	}
	return open_api(d, err);
}

void daemon_close(struct daemon *d)
{
	kernel_thread_free(d->kernel);
	/* Waits for what is still to be made durable. */
	store_thread_free(d->store);
	http_free(d->http);
	http_free(d->pages);
	shared_text_release(d->page);
	if (d->events)
		unlink(d->options->socket);
	events_free(d->events);
	diag_free(d->diag);
	if (d->node) {
		node_free(d->node);
		blob_store_close(&d->blobs);
		heap_close(&d->heap);
	}
	udp_close(&d->udp);
}

int daemon_restore(const struct options *options, const char *path, struct weft_err *err)
{
	struct store_config config = {.state_dir = options->state_dir};

	return store_restore(&config, path, err);
}

int daemon_wipe(const struct options *options, struct weft_err *err)
{
	struct store_config config = {.state_dir = options->state_dir};
	int code = store_wipe(&config, err);

	if (code == 0)
		backup_tidy(options->state_dir);
	return code;
}
