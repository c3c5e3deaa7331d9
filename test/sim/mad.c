/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The node of a mad host runs as any other. What it seals is seen on the way; some of its datagrams
 * are then sealed anew, under the same key and counter, with frames of the madman's own behind what
 * was in them: rows that are huge, malformed, contradict each other, claim space and generations of
 * others or speak for others, versions at the end of numbers, floods of pulls, unknown frames.
 * Everything is rightly signed and sealed: it is its right to speak, not what it says, that others
 * can judge.
 *
 * Sane hosts must stay up and in bounds, lease nothing twice among themselves, and agree once an
 * admin has removed the madman.
 */
#include "mad.h"

#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "gossip/base/check.h"
#include "gossip/core/limit.h"
#include "gossip/core/wire.h"
#include "ipamdb/query.h"
#include "sim_crypto.h"

#define SIGN_LABEL "weft row 1"
#define SIGN_LABEL_BYTES (sizeof(SIGN_LABEL) - 1)
#define REMOVE_BOUND_MS 40000
#define SAYINGS_PER_S 100 /* datagrams: each is answered, and each answer makes it speak again */

struct mad_seal {
	uint64_t counter;
	uint8_t header[WIRE_HEADER_BYTES];
	uint8_t key[AEAD_KEY_BYTES];
	uint8_t plain[DATAGRAM_BYTES_MAX];
	size_t ad_len, len;
};

struct mad {
	struct sim *sim;
	struct mad_seal *seals; /* of the step under way */
	size_t count, cap;
	uint8_t sec[SIGN_SEC_BYTES];
	struct id cluster;
	uint64_t sequence;
	struct limit sayings;
	bool removing;
};

/* --- going mad -------------------------------------------------------------------------------- */

static bool may_go_mad(const struct sim_host *host)
{
	return host->index > 0 && host->running && host->state == HOST_UP && host->joined &&
	       !host->leaving && !host->was_astray && !host->was_admin;
}

static int identity_find(void *ctx, const struct write *write)
{
	struct mad *mad = ctx;
	const struct gossip_crypto *crypto = sim_crypto_table(mad->sim->crypto);
	uint8_t pub[SIGN_PUB_BYTES];

	if (write->kind == WRITE_META && write->meta == META_IDENTITY && write->len == SEED_BYTES)
		crypto->sign_pair(crypto->ctx, write->bytes, pub, mad->sec);
	return 0;
}

void fault_go_mad(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, may_go_mad);
	char name[NAME_BYTES];
	struct mad *mad;

	if (!host || sim->opt.real_crypto ||
	    (sim->opt.mad_most > 0 && sim->counters[COUNT_MADMEN] >= sim->opt.mad_most))
		return;
	mad = calloc(1, sizeof(*mad));
	WEFT_ASSERT(mad != NULL);
	mad->sim = sim;
	(void)disk_load(&host->disk, identity_find, mad);
	(void)gossip_cluster(node_gossip(host->node), &mad->cluster, name);
	sim_trace(sim, "%zu goes mad", host->index);
	sim->counters[COUNT_MADMEN]++;
	host->mad = mad;
	host->was_astray = true;
	host->state = HOST_MAD;
	host->endpoint_count = 0;
}

void mad_free(struct mad *mad)
{
	if (!mad)
		return;
	free(mad->seals);
	free(mad);
}

/* --- what it says ----------------------------------------------------------------------------- */

static const struct id *somebody(struct sim *sim)
{
	return &sim->hosts[sim_draw(sim, sim->host_count)].id;
}

static uint64_t wild(struct sim *sim)
{
	switch (sim_draw(sim, 5)) {
	case 0:
		return sim_draw(sim, 4);
	case 1:
		return 1 + sim_draw(sim, 60);
	case 2:
		return (uint64_t)INT64_MAX - sim_draw(sim, 2);
	case 3:
		return UINT64_C(1) << 63;
	default:
		return UINT64_MAX - sim_draw(sim, 2);
	}
}

static void noise(struct sim *sim, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)sim_draw(sim, 256);
}

static void key_take(struct row_view *row, const void *key, size_t len)
{
	memcpy(row->key, key, len);
	row->key_len = len;
}

/* Any part of a network's pool, at any generation. */
static bool range_say(struct sim *sim, struct sim_host *host, struct row_view *row)
{
	uint8_t key[RANGE_KEY_BYTES];
	struct ipam_net_info info;
	struct range_key range;
	unsigned host_bits;
	struct inet base;

	if (sim->network_count == 0 || !sim->opt.mad_claims)
		return false;
	range.network = sim->networks[sim_draw(sim, sim->network_count)];
	if (!ipamdb_net(node_ipamdb(host->node), &range.network, &info) || info.pool_count == 0)
		return false;
	host_bits = 128u - info.pools[0].subnet.bits;
	range.range.bits = (uint8_t)(128u - sim_draw(sim, host_bits + 1));
	base = prefix_base(&info.pools[0].subnet);
	range.range.ip = inet_add(&base, (int64_t)sim_draw(sim, UINT64_C(1) << host_bits));
	range.range.ip = prefix_base(&range.range);
	range.generation = 1 + sim_draw(sim, 6);
	range_key_encode(&range, key);
	if (sim_draw(sim, 2))
		wire_put(key + RANGE_KEY_BYTES - 8, wild(sim), 8);
	key_take(row, key, sizeof(key));
	check_lied(sim, &range.network, &range.range);
	sim->counters[COUNT_MAD_CLAIMS]++;
	return true;
}

static int grant_say(struct sim *sim, struct row_view *row, uint8_t *value)
{
	struct rec_grant grant = {.to = *somebody(sim)};

	row->kind = ROW_GRANT;
	return rec_grant_encode(&grant, value, VALUE_BYTES_MAX);
}

static int endpoint_say(struct sim *sim, struct row_view *row, uint8_t *value)
{
	struct rec_endpoint endpoint = {.addr_count = 1};
	const struct sim_owner *owner;
	struct id id;

	if (sim->network_count == 0)
		return -1;
	row->kind = ROW_ENDPOINT;
	row->topic = sim->networks[sim_draw(sim, sim->network_count)];
	noise(sim, id.b, ID_BYTES);
	key_take(row, id.b, ID_BYTES);
	noise(sim, endpoint.mac.b, sizeof(endpoint.mac.b));
	endpoint.mac.b[0] = 2;
	endpoint.addrs[0] = (struct prefix){inet_from_v4(0x0a400001u), 120};
	for (size_t at = 0; (owner = map_next(&sim->owners, &at)) != NULL;)
		if (owner->held && sim_draw(sim, 3) == 0) {
			endpoint.addrs[0].ip = owner->address;
			row->topic = owner->network;
			break;
		}
	return rec_endpoint_encode(&endpoint, value, VALUE_BYTES_MAX);
}

static int attachment_say(struct sim *sim, struct row_view *row, uint8_t *value)
{
	struct rec_attachment attachment = {.mtu_bytes = (uint16_t)(1280 + sim_draw(sim, 9000)),
					    .free_log2 = (uint8_t)sim_draw(sim, 129),
					    .endpoints = (uint32_t)sim_draw(sim, UINT32_MAX)};

	if (sim->network_count == 0)
		return -1;
	row->kind = ROW_ATTACHMENT;
	key_take(row, sim->networks[sim_draw(sim, sim->network_count)].b, ID_BYTES);
	return rec_attachment_encode(&attachment, value, VALUE_BYTES_MAX);
}

/* A fact about somebody for which others, or nobody, may speak. */
static int fact_say(struct sim *sim, struct row_view *row, uint8_t *value)
{
	static const uint16_t kinds[] = {FACT_TOKEN,     FACT_TOKEN_END, FACT_ADMIN,
					 FACT_ADMIN_END, FACT_REMOVAL,   FACT_CLOSURE};

	row->kind = kinds[sim_draw(sim, sizeof(kinds) / sizeof(kinds[0]))];
	row->topic = (struct id){{0}};
	key_take(row, somebody(sim)->b, ID_BYTES);
	if (sim_draw(sim, 2)) {
		memcpy(row->key + ID_BYTES, somebody(sim)->b, ID_BYTES);
		row->key_len = 2 * ID_BYTES;
	}
	value[0] = 0xc0;
	if (sim_draw(sim, 3) == 0)
		return 1;
	noise(sim, value, 40);
	return 40;
}

/* A value of noise under any kind and key. */
static int noise_say(struct sim *sim, struct row_view *row, uint8_t *value)
{
	size_t len = 1 + sim_draw(sim, sim_draw(sim, 2) ? VALUE_BYTES_MAX : 40);

	/* Its key is noise: no range of any network. */
	row->kind =
	    (uint16_t)(1 + (sim_draw(sim, 4) ? sim_draw(sim, ROW_FLOOR) : sim_draw(sim, 62)));
	row->key_len = sim_draw(sim, 2) ? ID_BYTES : sim_draw(sim, KEY_BYTES_MAX + 1);
	noise(sim, row->key, row->key_len);
	/* The record of a member that cannot be read hides who it is; that is tried by forgers. */
	if (row->kind == ROW_MEMBER)
		row->key_len = 0;
	noise(sim, value, len);
	return (int)len;
}

static int value_say(struct sim *sim, struct sim_host *host, struct row_view *row, uint8_t *value)
{
	value[0] = 0xc0;
	switch (sim_draw(sim, 6)) {
	case 0:
		row->kind = ROW_RANGE;
		return range_say(sim, host, row) ? 1 : -1;
	case 1:
		return range_say(sim, host, row) ? grant_say(sim, row, value) : -1;
	case 2:
		return endpoint_say(sim, row, value);
	case 3:
		return attachment_say(sim, row, value);
	case 4:
		return fact_say(sim, row, value);
	default:
		return noise_say(sim, row, value);
	}
}

/* A row with its signature in out; 0 when nothing came to its mind. */
static size_t row_say(struct sim *sim, struct sim_host *host, uint8_t out[ROW_BYTES_MAX])
{
	const struct gossip_crypto *crypto = sim_crypto_table(sim->crypto);
	uint8_t message[SIGN_LABEL_BYTES + ID_BYTES + ROW_BYTES_MAX], value[VALUE_BYTES_MAX];
	struct row_view row = {.owner = host->id, .value = value};
	struct mad *mad = host->mad;
	int len;

	len = value_say(sim, host, &row, value);
	if (len < 0)
		return 0;
	row.value_len = (size_t)len;
	row.deleted = sim_draw(sim, 6) == 0 && !row_is_fact(&row);
	row.epoch = row_is_fact(&row) ? 0 : sim_draw(sim, 3) ? 1 + sim_draw(sim, 3) : wild(sim);
	row.sequence = sim_draw(sim, 3) ? ++mad->sequence : wild(sim);
	len = row_encode(&row, out, ROW_BYTES_MAX);
	if (len < 0)
		return 0;
	memcpy(message, SIGN_LABEL, SIGN_LABEL_BYTES);
	memcpy(message + SIGN_LABEL_BYTES, mad->cluster.b, ID_BYTES);
	memcpy(message + SIGN_LABEL_BYTES + ID_BYTES, out, (size_t)len);
	crypto->sign(crypto->ctx, mad->sec, message, SIGN_LABEL_BYTES + ID_BYTES + (size_t)len,
		     out + len);
	return (size_t)len + ROW_SIG_BYTES;
}

/* Any frame that fits into room bytes, appended; its length, or 0. */
static size_t frame_say(struct sim *sim, struct sim_host *host, const struct hostport *to,
			uint8_t *at, size_t room)
{
	static const uint8_t types[] = {
	    FRAME_PULL,    FRAME_PULL,   FRAME_DIGEST,  FRAME_BUCKETS, FRAME_MARKS, FRAME_PING,
	    FRAME_SUSPECT, FRAME_FAILED, FRAME_REQUEST, FRAME_CLONE,   99};
	uint8_t body[ROW_BYTES_MAX];
	uint8_t type = FRAME_ROW;
	uint64_t kind = sim_draw(sim, 8);
	size_t len;

	if (kind < 5) {
		len = row_say(sim, host, body);
	} else if (kind < 7) {
		len = mad_lie(sim, host, to, &type, body);
		sim->counters[COUNT_MAD_LIES] += len > 0;
	} else {
		type = types[sim_draw(sim, sizeof(types))];
		len = 1 + sim_draw(sim, 120);
		noise(sim, body, len);
		if (sim_draw(sim, 2) && len > ID_BYTES)
			memcpy(body, somebody(sim)->b, ID_BYTES);
	}
	if (len == 0 || FRAME_HEADER_BYTES + len > room)
		return 0;
	return wire_put_frame(at, type, body, len);
}

/* --- how it says it --------------------------------------------------------------------------- */

static void mad_saw(void *arg, const struct sim_sealed *sealed)
{
	struct mad *mad = arg;
	struct mad_seal *seal;

	if (sealed->ad_len < WIRE_HEADER_BYTES || sealed->len > DATAGRAM_BYTES_MAX)
		return;
	if (mad->count == mad->cap) {
		mad->cap = mad->cap ? 2 * mad->cap : 64;
		mad->seals = realloc(mad->seals, mad->cap * sizeof(*mad->seals));
		WEFT_ASSERT(mad->seals != NULL);
	}
	seal = &mad->seals[mad->count++];
	seal->counter = sealed->counter;
	memcpy(seal->header, sealed->ad, WIRE_HEADER_BYTES);
	memcpy(seal->key, sealed->key, AEAD_KEY_BYTES);
	memcpy(seal->plain, sealed->in, sealed->len);
	seal->ad_len = sealed->ad_len;
	seal->len = sealed->len;
}

void mad_watch(struct sim *sim, struct sim_host *host)
{
	if (!host->mad)
		return;
	host->mad->count = 0;
	sim_crypto_watch(sim->crypto, mad_saw, host->mad);
}

void mad_unwatch(struct sim *sim)
{
	sim_crypto_watch(sim->crypto, NULL, NULL);
}

struct gossip_send mad_twist(struct sim *sim, struct sim_host *host, const struct gossip_send *send,
			     uint8_t bytes[DATAGRAM_BYTES_MAX])
{
	const struct gossip_crypto *crypto = sim_crypto_table(sim->crypto);
	struct mad_seal *seal = NULL;
	size_t room, len;

	for (size_t i = 0; host->mad && i < host->mad->count && !seal; i++)
		if (send->len ==
			host->mad->seals[i].ad_len + host->mad->seals[i].len + AEAD_TAG_BYTES &&
		    memcmp(send->bytes, host->mad->seals[i].header, WIRE_HEADER_BYTES) == 0)
			seal = &host->mad->seals[i];
	if (!seal || sim_draw(sim, 3) == 0 ||
	    !limit_pass(&host->mad->sayings, sim->now, NS_PER_S / SAYINGS_PER_S, SAYINGS_PER_S))
		return *send;
	memcpy(bytes, send->bytes, seal->ad_len);
	if (sim_draw(sim, 8) == 0)
		seal->len = 0; /* nothing of what its node says */
	for (int tries = 0; tries < 12; tries++) {
		room = DATAGRAM_BYTES_MAX - seal->ad_len - AEAD_TAG_BYTES - seal->len;
		len = frame_say(sim, host, &send->to, seal->plain + seal->len, room);
		sim->counters[COUNT_MAD_FRAMES] += len > 0;
		seal->len += len;
	}
	crypto->seal(crypto->ctx, seal->key, seal->counter, bytes, seal->ad_len, seal->plain,
		     seal->len, bytes + seal->ad_len);
	return (struct gossip_send){send->to, bytes, seal->ad_len + seal->len + AEAD_TAG_BYTES};
}

bool mad_settled(struct sim *sim)
{
	struct sim_host *admin = &sim->hosts[0];
	bool settled = true;

	for (size_t i = 0; i < sim->host_count; i++) {
		struct node_request request = {.kind = NODE_REMOVE, .text = "mad"};

		if (sim->hosts[i].state != HOST_MAD)
			continue;
		settled = false;
		request.id = sim->hosts[i].id;
		if (admin->running && admin->state == HOST_UP)
			host_request(sim, admin, &request, REMOVE_BOUND_MS);
	}
	return settled;
}
