/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Datagrams at a whole core that is one of three members. An input is a few records, each a way, a
 * pause and a piece of bytes:
 *
 *   way 0 raw from a member's address, 1 raw from a stranger, 2 and 3 frames that the second or
 *   third member seals (so the parsers behind the seal see them), 4 a genuine datagram of the
 *   second member with one byte changed, 5 a row or fact signed by the second member in a frame
 *   of his; 6 the same from the founder, who is an admin, told to the second member; 7 a
 *   certificate that the second member signed, from his address or another; 8 his own member
 *   record, changed
 *
 * In frames a run of sixteen bytes 1, 2 or 3 stands for the id of that member.
 *
 * The cluster is formed once and put back for every input.
 */
#include <string.h>

#include "gossip/trust/cert.h"
#include "gossip/gossip_impl.h"
#include "input.h"
#include "world.h"

#define NODES 3
#define RECORDS_MAX 12
#define AFTER_MS 3
#define LONG_PAUSES 0xf0 /* long enough to decide a claim */
#define LONG_MS 250

static struct world world;

/* Node from seals frames to node to, who hears them at once. */
static void tell(size_t from, size_t to, const uint8_t *frames, size_t len)
{
	struct cluster *c = world.now;
	struct gossip *g = c->nodes[from].g;
	struct id id = gossip_self(c->nodes[to].g);
	struct member *member = member_find(&g->members, &id);
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	size_t sent;

	if (member == NULL || len > seal_room(g->seal, member))
		return;
	core_begin_step(&g->core, c->now, c->wall);
	if (seal_send(g->seal, member, NULL, frames, len) != 0 || g->update.send_count == 0)
		return;
	sent = g->update.sends[0].len;
	memcpy(bytes, g->update.sends[0].bytes, sent);
	cluster_deliver(c, to, &c->nodes[from].addr, bytes, sent);
}

/* Kind, topic and key from the piece; epoch and sequence follow what the author wrote so far. */
static void tell_row(size_t from, size_t to, struct input piece)
{
	struct gossip *g = world.now->nodes[from].g;
	uint8_t message[10 + ID_BYTES + ROW_BYTES_MAX] = "weft row 1";
	uint8_t frame[FRAME_HEADER_BYTES + ROW_BYTES_MAX];
	uint8_t bytes[ROW_BYTES_MAX];
	uint64_t kind = input_number(&piece, 1);
	uint64_t shape = input_number(&piece, 1);
	struct row_view row = {
	    .kind = (uint16_t)(shape & 1 ? ROW_KIND_FACTS + kind % 16 : kind % ROW_KIND_FACTS),
	    .deleted = (shape & 3) == 2,
	    .owner = g->core.self.id,
	    .epoch = shape & 1 ? 0 : g->core.self.epoch + (shape >> 6),
	    .sequence = input_number(&piece, 2),
	    .at = world.now->wall,
	};
	const uint8_t *key;
	int len;

	row.key_len =
	    shape >> 2 & 1 ? ID_BYTES : (size_t)input_number(&piece, 1) % (KEY_BYTES_MAX + 1);
	key = input_piece(&piece, &row.key_len);
	memcpy(row.key, key, row.key_len);
	if (shape & 8)
		memcpy(row.key, g->core.self.id.b, row.key_len < ID_BYTES ? row.key_len : ID_BYTES);
	if ((shape & 17) == 16) /* facts have no topic */
		memset(row.topic.b, 0x70, ID_BYTES);
	row.value = piece.at;
	row.value_len = piece.len;
	if (row.kind == 0)
		return;
	len = row_encode(&row, bytes, sizeof(bytes));
	if (len < 0)
		return;
	memcpy(message + 10, g->core.self.cluster.b, ID_BYTES);
	memcpy(message + 10 + ID_BYTES, bytes, (size_t)len);
	g->core.crypto->sign(g->core.crypto->ctx, g->core.self.sign_sec, message,
			     10 + ID_BYTES + (size_t)len, bytes + len);
	tell(from, to, frame, wire_put_frame(frame, FRAME_ROW, bytes, (size_t)len + ROW_SIG_BYTES));
}

static void tell_cert(struct input piece)
{
	struct hostport elsewhere = {inet_from_v4(0x0a000063), GOSSIP_PORT};
	struct cluster *c = world.now;
	struct gossip *g = c->nodes[1].g;
	uint64_t shape = input_number(&piece, 1);
	struct cert cert = {
	    .wire_min = 1,
	    .wire_max = 1 + (shape >> 4 & 1),
	    .cluster = g->core.self.cluster,
	    .node = g->core.self.id,
	    .epoch = g->core.self.epoch + input_number(&piece, shape & 1 ? 8 : 1),
	};
	uint8_t bytes[WIRE_HEADER_BYTES + CERT_BYTES] = {WIRE_VERSION << 4 | DGRAM_CERT};

	if (cert.epoch == 0)
		return;
	for (size_t i = 0; i < KX_PUB_BYTES; i++)
		cert.key[i] = (uint8_t)input_number(&piece, 1);
	wire_put(bytes + 4, cert_key_id(g->core.crypto, cert.key), 8);
	cert_sign(g->core.crypto, &cert, g->core.self.sign_sec, bytes + WIRE_HEADER_BYTES);
	cluster_deliver(c, 0, shape & 2 ? &elsewhere : &c->nodes[1].addr, bytes, sizeof(bytes));
}

static void tell_member(struct input piece)
{
	struct gossip *g = world.now->nodes[1].g;
	struct rec_member rec = g->core.self.member;
	uint64_t shape = input_number(&piece, 1);
	uint8_t bytes[5 + VALUE_BYTES_MAX] = {ROW_MEMBER, 0, 0x10, 0};
	int len;

	bytes[1] = (uint8_t)(shape & 0xc0);
	if (shape & 1)
		rec.left = true;
	if (shape & 2)
		rec.gossip.port = (uint16_t)input_number(&piece, 2);
	if (shape & 4)
		rec.vtep = inet_from_v4((uint32_t)input_number(&piece, 4));
	if (shape & 8)
		rec.name[0] = (char)('a' + input_number(&piece, 1) % 26);
	if (shape & 16)
		rec.chain[input_number(&piece, 2) % CHAIN_BYTES_MAX] ^= 1;
	len = rec_member_encode(&rec, bytes + 5, sizeof(bytes) - 5);
	if (len > 0) /* key of no bytes: its length is the zero before the value */
		tell_row(1, 0, (struct input){bytes, 5 + (size_t)len});
}

/* Ids of members in the place of their numbers. */
static void tell_frames(size_t from, struct input piece)
{
	uint8_t frames[WIRE_PAYLOAD_MAX];
	uint8_t mark[ID_BYTES];

	if (piece.len > sizeof(frames))
		return;
	memcpy(frames, piece.at, piece.len);
	for (size_t n = 0; n < NODES; n++) {
		struct id id = gossip_self(world.now->nodes[n].g);

		memset(mark, (int)n + 1, sizeof(mark));
		for (size_t at = 0; at + ID_BYTES <= piece.len; at++) {
			if (memcmp(frames + at, mark, ID_BYTES) == 0)
				memcpy(frames + at, id.b, ID_BYTES);
		}
	}
	tell(from, 0, frames, piece.len);
}

/* A datagram that the second member really sent, changed at one place. */
static void tell_changed(struct input piece)
{
	static const uint8_t nothing[] = {FRAME_CHALLENGE, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0};
	struct cluster *c = world.now;
	struct gossip *g = c->nodes[1].g;
	struct id id = gossip_self(c->nodes[0].g);
	struct member *member = member_find(&g->members, &id);
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	size_t at = (size_t)input_number(&piece, 2);
	size_t len;

	core_begin_step(&g->core, c->now, c->wall);
	if (member == NULL || seal_send(g->seal, member, NULL, nothing, sizeof(nothing)) != 0 ||
	    g->update.send_count == 0)
		return;
	len = g->update.sends[0].len;
	memcpy(bytes, g->update.sends[0].bytes, len);
	bytes[at % len] ^= (uint8_t)input_number(&piece, 1);
	if (piece.len > 0)
		len = len - len * piece.at[0] / 256;
	cluster_deliver(c, 0, &c->nodes[1].addr, bytes, len);
}

static void record(unsigned way, struct input piece)
{
	struct hostport stranger = {inet_from_v4(0xc0000201), GOSSIP_PORT};
	struct cluster *c = world.now;

	switch (way % 9) {
	case 0:
		cluster_deliver(c, 0, &c->nodes[1].addr, piece.at, piece.len);
		break;
	case 1:
		cluster_deliver(c, 0, &stranger, piece.at, piece.len);
		break;
	case 2:
	case 3:
		tell_frames(way % 9 - 1, piece);
		break;
	case 4:
		tell_changed(piece);
		break;
	case 5:
		tell_row(1, 0, piece);
		break;
	case 6:
		tell_row(0, 1, piece);
		break;
	case 7:
		tell_cert(piece);
		break;
	default:
		tell_member(piece);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (world.now == NULL) {
		world_open(&world, NODES);
		world_keep(&world);
	}
	world_restore(&world);
	for (int i = 0; i < RECORDS_MAX && in.len > 0; i++) {
		unsigned way = (unsigned)input_number(&in, 1);
		int64_t pause = (int64_t)input_number(&in, 1);
		size_t len = (size_t)input_number(&in, 2) % (DATAGRAM_BYTES_MAX + 2);
		const uint8_t *piece = input_piece(&in, &len);

		record(way, (struct input){piece, len});
		cluster_run(world.now, pause < LONG_PAUSES ? pause % 8 : pause % 8 * LONG_MS);
	}
	cluster_run(world.now, AFTER_MS);
	for (size_t n = 0; n < NODES; n++)
		gossip_check(world.now->nodes[n].g);
	return 0;
}
