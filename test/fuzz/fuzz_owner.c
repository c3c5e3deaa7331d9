/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An owner that is authenticated but mad: what it writes is signed rightly and means anything. One
 * of two whole hosts, who have a network with a box each, tells the other rows and facts of its own
 * making, and asks for addresses in between; the rows go through tables, address management and
 * routes. An input is a few records: a way (even: a row, odd: a request for addresses), a pause of
 * so many times 8 ms, and a piece of bytes.
 *
 * A row takes kind, shape, sequence and key from its piece and the rest as its value. A key or
 * value that begins with sixteen bytes of 1, 2 or 3 gets the id of host 0, of host 1 or of the
 * network there.
 */
#include <string.h>

#include "gossip/gossip_impl.h"
#include "input.h"
#include "ipamdb/message.h"
#include "test/node/cluster.h"

#define RECORDS_MAX 8
#define LABEL "weft row 1"
#define LABEL_BYTES (sizeof(LABEL) - 1)
#define PAUSE_MS 8
#define AFTER_MS 50

struct mad {
	struct cluster *cluster;
	struct gossip *g; /* of the mad host; a test may look inside */
	struct id network;
};

/* Host 1's frames as a datagram to host 0, who hears it at once. */
static void tell(struct mad *mad, const uint8_t *frames, size_t len)
{
	struct host *to = &mad->cluster->hosts[0], *from = &mad->cluster->hosts[1];
	struct member *member = member_find(&mad->g->members, &to->id);
	struct node_event event = {.kind = NODE_EV_DATAGRAM, .from = from->addr};
	uint8_t bytes[DATAGRAM_BYTES_MAX];

	if (member == NULL || len > seal_room(mad->g->seal, member))
		return;
	core_begin_step(&mad->g->core, mad->cluster->now, mad->g->core.wall);
	if (seal_send(mad->g->seal, member, NULL, frames, len) != 0 ||
	    mad->g->update.send_count == 0)
		return;
	event.len = mad->g->update.sends[0].len;
	memcpy(bytes, mad->g->update.sends[0].bytes, event.len);
	event.bytes = bytes;
	mad->g->update.send_count = 0;
	cluster_tell(mad->cluster, 0, &event);
}

/* Ids in the place of their numbers, wherever they stand. */
static void name_ids(const struct mad *mad, uint8_t *bytes, size_t len)
{
	const struct id *const ids[] = {&mad->cluster->hosts[0].id, &mad->cluster->hosts[1].id,
					&mad->network};
	uint8_t mark[ID_BYTES];

	for (unsigned n = 0; n < 3; n++) {
		memset(mark, (int)n + 1, sizeof(mark));
		for (size_t at = 0; at + ID_BYTES <= len; at++) {
			if (memcmp(bytes + at, mark, ID_BYTES) == 0)
				memcpy(bytes + at, ids[n]->b, ID_BYTES);
		}
	}
}

static void tell_row(struct mad *mad, struct input piece)
{
	const struct core *core = &mad->g->core;
	uint8_t message[LABEL_BYTES + ID_BYTES + ROW_BYTES_MAX] = LABEL;
	uint8_t frame[FRAME_HEADER_BYTES + ROW_BYTES_MAX], bytes[ROW_BYTES_MAX];
	uint8_t value[VALUE_BYTES_MAX];
	uint64_t kind = input_number(&piece, 1), shape = input_number(&piece, 1);
	bool is_fact = shape & 1;
	struct row_view row = {
	    .kind = (uint16_t)(is_fact ? ROW_KIND_FACTS + kind % 16 : kind % 16),
	    .deleted = (shape & 3) == 2,
	    .owner = core->self.id,
	    .epoch = is_fact ? 0 : core->self.epoch + (shape >> 6),
	    .sequence = 100 + input_number(&piece, 2),
	    .at = core->wall,
	    .value = value,
	};
	const uint8_t *key;
	int len;

	row.key_len = shape & 4 ? ID_BYTES : (size_t)input_number(&piece, 1) % (KEY_BYTES_MAX + 1);
	key = input_piece(&piece, &row.key_len);
	memcpy(row.key, key, row.key_len);
	name_ids(mad, row.key, row.key_len);
	if (!is_fact && row.kind == ROW_ENDPOINT)
		row.topic = mad->network;
	row.value_len = piece.len < sizeof(value) ? piece.len : sizeof(value);
	memcpy(value, piece.at, row.value_len);
	name_ids(mad, value, row.value_len);
	if (row.kind == 0 || (len = row_encode(&row, bytes, sizeof(bytes))) < 0)
		return;
	memcpy(message + LABEL_BYTES, core->self.cluster.b, ID_BYTES);
	memcpy(message + LABEL_BYTES + ID_BYTES, bytes, (size_t)len);
	core->crypto->sign(core->crypto->ctx, core->self.sign_sec, message,
			   LABEL_BYTES + ID_BYTES + (size_t)len, bytes + len);
	tell(mad, frame, wire_put_frame(frame, FRAME_ROW, bytes, (size_t)len + ROW_SIG_BYTES));
}

/* A request of the one host to the other, as gossip delivers it. */
static void tell_request(struct mad *mad, struct input piece)
{
	uint8_t body[12 + MESSAGE_BYTES_MAX] = {0};
	uint8_t frame[FRAME_HEADER_BYTES + sizeof(body)];
	size_t len = piece.len < MESSAGE_BYTES_MAX ? piece.len : MESSAGE_BYTES_MAX;

	wire_put(body, rng_u64(&mad->g->core.rng), 8);
	wire_put(body + 8, 200, 4);
	memcpy(body + 12, piece.at, len);
	name_ids(mad, body + 12, len);
	tell(mad, frame, wire_put_frame(frame, FRAME_REQUEST, body, 12 + len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct mad mad;

	if (size == 0)
		return 0;
	mad.cluster = cluster_new(2);
	mad.network = cluster_network(mad.cluster, 0, "blue", "10.1.0.0/24");
	cluster_attached(mad.cluster, 0, &mad.network, 1);
	cluster_attached(mad.cluster, 1, &mad.network, 2);
	mad.g = node_gossip(mad.cluster->hosts[1].node);
	for (int i = 0; i < RECORDS_MAX && in.len > 0; i++) {
		unsigned way = (unsigned)input_number(&in, 1);
		int64_t pause = (int64_t)input_number(&in, 1) % 16;
		size_t len = (size_t)input_number(&in, 2) % (ROW_BYTES_MAX + 1);
		const uint8_t *piece = input_piece(&in, &len);

		if (way % 2 == 0)
			tell_row(&mad, (struct input){piece, len});
		else
			tell_request(&mad, (struct input){piece, len});
		if (pause > 0)
			cluster_run(mad.cluster, pause * PAUSE_MS);
	}
	cluster_run(mad.cluster, AFTER_MS);
	for (size_t i = 0; i < mad.cluster->count; i++)
		node_check(mad.cluster->hosts[i].node);
	cluster_free(mad.cluster);
	return 0;
}
