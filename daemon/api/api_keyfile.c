/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The cluster key to a sealed file and back. Hashing a password takes a tenth of a second on
 * purpose: a worker thread does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "gossip/base/check.h"
#include "gossip/trust/keyfile.h"

#define SEALED_TEXT_BYTES (2 * KEYFILE_BYTES + 1)

struct key_work {
	uv_work_t work;
	struct daemon *d;
	uint64_t tag;
	bool seal;
	char password[KEYFILE_PASSWORD_MAX + 1];
	uint8_t seed[SEED_BYTES];
	uint8_t file[KEYFILE_BYTES];
	size_t file_len;
	struct weft_err err;
};

static void key_run(uv_work_t *work)
{
	struct key_work *key = work->data;
	const struct gossip_crypto *crypto = gossip_crypto_sodium();

	if (key->seal)
		keyfile_seal(crypto, key->seed, key->password, key->file, &key->err);
	else
		keyfile_open(crypto, key->file, key->file_len, key->password, key->seed, &key->err);
}

static void answer_sealed(struct request *req, const struct key_work *key)
{
	char text[SEALED_TEXT_BYTES];

	for (size_t i = 0; i < KEYFILE_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", key->file[i]);
	request_answer(req, json_pack("{s:s}", "sealed", text));
}

/* The core judges whether it is this cluster's key; it makes this node an admin. */
static void restore(struct daemon *d, struct request *req, const struct key_work *key)
{
	struct node_request request = {
	    .kind = NODE_ADMIN_RESTORE, .bytes = key->seed, .len = sizeof(key->seed)};

	daemon_submit(d, req, &request);
}

static void key_done(uv_work_t *work, int status)
{
	struct key_work *key = work->data;
	struct request *req = http_request(key->d->http, key->tag);

	if (status != 0 && key->err.code == 0)
		weft_err_set(&key->err, WEFT_E_BUSY, "weftd is stopping");
	if (req && key->err.code != 0)
		request_fail(req, &key->err);
	else if (req && key->seal)
		answer_sealed(req, key);
	else if (req)
		restore(key->d, req, key);
	explicit_bzero(key, sizeof(*key));
	free(key);
}

static void key_start(struct daemon *d, struct request *req, struct key_work *key)
{
	const char *password = request_text(req, "passphrase");

	if (strlen(password) < KEYFILE_PASSWORD_MIN || strlen(password) > KEYFILE_PASSWORD_MAX) {
		explicit_bzero(key, sizeof(*key));
		free(key);
		api_fail(req, WEFT_E_INVALID, "a passphrase has %d to %d bytes",
			 KEYFILE_PASSWORD_MIN, KEYFILE_PASSWORD_MAX);
		return;
	}
	memcpy(key->password, password, strlen(password) + 1);
	key->d = d;
	key->tag = request_tag(req);
	key->work.data = key;
	uv_queue_work(&d->loop, &key->work, key_run, key_done);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The sealed file as its text; false when it is none. */
static bool from_hex(const char *text, struct key_work *key)
{
	size_t len = strlen(text);

	if (len != 2 * sizeof(key->file))
		return false;
	for (size_t i = 0; i < sizeof(key->file); i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key->file[i] = (uint8_t)(high << 4 | low);
	}
	key->file_len = sizeof(key->file);
	return true;
}

static struct key_work *key_new(bool seal)
{
	struct key_work *key = calloc(1, sizeof(*key));

	WEFT_ASSERT(key != NULL);
	key->seal = seal;
	return key;
}

void api_admin_backup(struct daemon *d, struct request *req)
{
	const uint8_t *seed = gossip_cluster_seed(node_gossip(d->node));
	struct key_work *key;

	if (seed == NULL) {
		api_fail(req, WEFT_E_NOT_FOUND,
			 "this node does not hold the cluster key; run this where weft init ran");
		return;
	}
	key = key_new(true);
	memcpy(key->seed, seed, SEED_BYTES);
	key_start(d, req, key);
}

void api_admin_restore(struct daemon *d, struct request *req)
{
	const char *text = request_text(req, "sealed");
	struct weft_err err = {0};
	struct key_work *key;

	if (api_is_active(d, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	key = key_new(false);
	if (!from_hex(text, key)) {
		free(key);
		api_fail(
		    req, WEFT_E_INVALID,
		    "this is not a sealed cluster key; name the file that weft admin backup wrote");
		return;
	}
	key_start(d, req, key);
}
