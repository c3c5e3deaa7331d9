/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The join behind the cookie, both sides. A stranger with a genuine cookie shows a seed a proof:
 * any bytes, sealed as they must be, or a genuine proof with fields changed and signed again. And a
 * node that joins through a seed of bad intent gets a cookie that is changed, or any verdict sealed
 * as its seed would. An input is a few records, each a way and a piece of bytes:
 *
 *   way 0 a proof of any bytes, 1 a genuine proof changed by its piece, 2 a verdict of any bytes to
 *   the joiner, 3 the seed's last cookie to the joiner, changed
 */
#include <string.h>

#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "input.h"
#include "world.h"

#define RECORDS_MAX 6
#define JOINER 1
#define AFTER_MS 20

static struct world world;
static struct token token;
static struct flight cookie; /* the last one that the seed sent */
static const struct hostport stranger = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}},
					 GOSSIP_PORT};

static bool tap(void *ctx, const struct flight *flight)
{
	(void)ctx;
	if ((flight->bytes[0] & 0x0f) == DGRAM_COOKIE)
		cookie = *flight;
	return true;
}

static void world_begin(void)
{
	struct weft_err err;
	const char *text;

	world_open(&world, 1);
	world.now->watch = tap;
	text = cluster_make(world.now, (struct gossip_command){.text = NULL});
	FUZZ_MUST(token_parse(gossip_crypto_sodium(), text, &token, &err) == 0);
	cluster_start(world.now, JOINER);
	world_keep(&world);
}

/* The stranger's side of a handshake: HELLO, and with the cookie that comes the head of a proof. */
struct handshake {
	uint8_t pub[KX_PUB_BYTES], sec[KX_SEC_BYTES], tx[AEAD_KEY_BYTES], rx[AEAD_KEY_BYTES];
	struct cert seed;
	uint8_t out[DATAGRAM_BYTES_MAX];
};

static bool shake(struct handshake *hand)
{
	struct gossip *g = world.now->nodes[0].g;
	const struct gossip_crypto *crypto = g->core.crypto;
	uint8_t hello[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_HELLO};
	uint8_t shared[32];

	crypto->kx_pair(crypto->ctx, hand->pub, hand->sec);
	wire_put(hello + 4, cert_key_id(crypto, hand->pub), KEY_ID_BYTES);
	memcpy(hello + WIRE_HEADER_BYTES, hand->pub, KX_PUB_BYTES);
	cookie.len = 0;
	cluster_deliver(world.now, 0, &stranger, hello, sizeof(hello));
	if (cookie.len == 0 ||
	    !cert_parse(cookie.bytes + COOKIE_AT_CERT, CERT_BYTES, &hand->seed) ||
	    crypto->kx(crypto->ctx, hand->sec, hand->seed.key, shared) != 0)
		return false;
	join_keys(crypto, shared, hand->pub, hand->seed.key, hand->tx, hand->rx);
	hand->out[0] = WIRE_VERSION << 4 | DGRAM_PROOF;
	wire_put(hand->out + 1, cert_key_id(crypto, hand->seed.key) >> 40, 3);
	wire_put(hand->out + 4, cert_key_id(crypto, hand->pub), KEY_ID_BYTES);
	wire_put(hand->out + 12, 1, 8);
	memcpy(hand->out + WIRE_HEADER_BYTES, cookie.bytes + WIRE_HEADER_BYTES, COOKIE_BYTES);
	memcpy(hand->out + WIRE_HEADER_BYTES + COOKIE_BYTES, hand->pub, KX_PUB_BYTES);
	return true;
}

static void prove(struct handshake *hand, const uint8_t *plain, size_t len)
{
	const struct gossip_crypto *crypto = world.now->nodes[0].g->core.crypto;

	if (len > DATAGRAM_BYTES_MAX - PROOF_AD_BYTES - AEAD_TAG_BYTES)
		return;
	crypto->seal(crypto->ctx, hand->tx, 1, hand->out, PROOF_AD_BYTES, plain, len,
		     hand->out + PROOF_AD_BYTES);
	cluster_deliver(world.now, 0, &stranger, hand->out, PROOF_AD_BYTES + len + AEAD_TAG_BYTES);
}

/* Changes what the piece says; the signatures are made after that, unless they are to be wrong. */
static void prove_changed(struct handshake *hand, struct input piece)
{
	const struct gossip_crypto *crypto = world.now->nodes[0].g->core.crypto;
	struct chain_ctx ctx = {.crypto = crypto, .cluster_pub = token.cluster_pub};
	uint64_t shape = input_number(&piece, 2);
	uint8_t who = (uint8_t)(1 + input_number(&piece, 1) % 4);
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES], node_sec[SIGN_SEC_BYTES];
	uint8_t plain[DATAGRAM_BYTES_MAX];
	struct token changed = token;
	struct chain_text text;
	struct proof proof = {.name = "web", .replace = shape & 1, .vtep = stranger.ip};
	size_t name_len = shape & 2 ? sizeof(proof.name) - 1 : 0;
	const uint8_t *name;
	int len;

	if (shape & 4)
		changed.path.bytes[input_number(&piece, 2) % changed.path.len] ^= 1;
	if (shape & 8)
		changed.cert.expires.ms = (int64_t)input_number(&piece, 8);
	if (shape & 16)
		changed.terms_bytes[input_number(&piece, 1) % changed.terms_len] ^= 1;
	if (shape & 32)
		world.now->wall.ms += (int64_t)input_number(&piece, 5);
	if (shape & 64)
		proof.gossip = (struct hostport){inet_from_v4((uint32_t)input_number(&piece, 4)),
						 (uint16_t)input_number(&piece, 2)};
	proof.path = changed.path;
	proof.cert = changed.cert;
	proof.terms = changed.terms_bytes;
	proof.terms_len = changed.terms_len;
	seeded_pair(crypto, who, proof.pub, node_sec);
	name = input_piece(&piece, &name_len);
	if (name_len > 0) {
		memcpy(proof.name, name, name_len);
		proof.name[name_len] = '\0';
	}
	crypto->sign_pair(crypto->ctx, token.seed, pub, sec);
	chain_bind(&ctx, &proof.cert.id, sec, proof.pub, proof.bind);
	join_transcript(&ctx, hand->out, hand->seed.key, &proof, &text);
	chain_text_sign(&text, &ctx, sec, proof.token_sig);
	chain_text_sign(&text, &ctx, node_sec, proof.node_sig);
	if (shape & 128)
		proof.bind[0] ^= 1;
	if (shape & 256)
		proof.token_sig[0] ^= 1;
	len = proof_encode(&proof, plain, sizeof(plain));
	if (len > 0)
		prove(hand, plain, (size_t)len);
}

/* The joiner's seed says something: the keys are those that it agreed with the joiner. */
static void verdict(struct input piece)
{
	struct cnode *node = &world.now->nodes[JOINER];
	const struct gossip_crypto *crypto = node->g->core.crypto;
	const struct join *join = node->g->admission->join;
	uint8_t out[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_ADMIT};
	size_t max = sizeof(out) - WIRE_OVERHEAD_BYTES;
	const struct target *target = join != NULL ? join->chosen : NULL;

	if (target == NULL)
		return;
	if (piece.len < max)
		max = piece.len;
	wire_put(out + 1, join->eph_id >> 40, 3);
	wire_put(out + 4, target->key_id, KEY_ID_BYTES);
	wire_put(out + 12, 7, 8);
	crypto->seal(crypto->ctx, target->rx, 7, out, WIRE_HEADER_BYTES, piece.at, max,
		     out + WIRE_HEADER_BYTES);
	cluster_deliver(world.now, JOINER, &target->addr, out, WIRE_OVERHEAD_BYTES + max);
}

/* HELLO goes out, and COOKIE comes back, in two milliseconds; PROOF and what follows would be next.
 */
static void begin_joining(void)
{
	char text[TOKEN_TEXT_MAX];

	memcpy(text, world.now->token, sizeof(text));
	cluster_begin(world.now, JOINER, (struct gossip_command){.kind = CMD_JOIN, .text = text});
	cluster_run(world.now, 3);
}

static void record(unsigned way, struct input piece)
{
	struct handshake hand;
	size_t at;

	switch (way % 4) {
	case 0:
		if (shake(&hand))
			prove(&hand, piece.at, piece.len);
		break;
	case 1:
		if (shake(&hand))
			prove_changed(&hand, piece);
		break;
	case 2:
		if (world.now->nodes[JOINER].g->admission->join == NULL)
			begin_joining();
		verdict(piece);
		break;
	default:
		if (world.now->nodes[JOINER].g->admission->join == NULL)
			begin_joining();
		if (cookie.len == 0)
			break;
		at = (size_t)input_number(&piece, 2) % cookie.len;
		cookie.bytes[at] ^= (uint8_t)input_number(&piece, 1);
		cluster_deliver(world.now, JOINER, &cookie.from, cookie.bytes, cookie.len);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (world.now == NULL)
		world_begin();
	world_restore(&world);
	cookie.len = 0;
	for (int i = 0; i < RECORDS_MAX && in.len > 0; i++) {
		unsigned way = (unsigned)input_number(&in, 1);
		size_t len = (size_t)input_number(&in, 2) % (DATAGRAM_BYTES_MAX + 1);
		const uint8_t *piece = input_piece(&in, &len);

		record(way, (struct input){piece, len});
	}
	cluster_run(world.now, AFTER_MS);
	gossip_check(world.now->nodes[0].g);
	gossip_check(world.now->nodes[JOINER].g);
	return 0;
}
