/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Members that are no daemons: many whole gossip cores in one process, with real cryptography and
 * sockets, which join a cluster by a token and then own endpoints of a network. A real weftd beside
 * them has more remote endpoints than a machine could hold boxes.
 *
 *   bench_peers ADDR FIRST_PORT COUNT TOKEN NETWORK FIRST_ENDPOINT EACH PER_S
 *
 * Each core owns EACH endpoints of the network, whose addresses count up from FIRST_ENDPOINT. It
 * attaches to nothing, so that nobody tells it of the others' endpoints. All of them together are
 * told at a pace of PER_S. Says "joined" once all are members, "told" once all endpoints were told,
 * and goes on answering until it is ended.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/udp.h"
#include "gossip/base/check.h"
#include "gossip/base/derive.h"
#include "gossip/gossip.h"

#define PEERS_MAX 200
#define ROWS_AT_ONCE 20
#define VALUE_BYTES 128
#define TAG_JOIN 1
#define SETTLE_MS 2000
#define JOIN_MS 100000

struct peer {
	struct gossip *core;
	struct udp udp;
	bool joined;
	uint32_t told;
	size_t durable_count;
	uint64_t durable[UPDATE_PERSISTS]; /* commits that are told as done in the next step */
};

struct peers {
	size_t count;
	struct peer list[PEERS_MAX];
	struct id network;
	uint32_t first_ip, each;
	double per_s;
	uint64_t told;
	struct heap heap;
	struct blob_store blobs; /* of all: equal rows are stored once */
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_peers: %s\n", what);
	exit(1);
}

static struct mono now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (struct mono){at.tv_sec * NS_PER_S + at.tv_nsec};
}

static struct wall wall(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	return (struct wall){(int64_t)at.tv_sec * 1000 + at.tv_nsec / NS_PER_MS};
}

/* One event; what it writes counts as durable at once: nothing here outlives the process. */
static void step(struct peer *peer, struct gossip_event *event)
{
	const struct gossip_update *update;

	event->now = now();
	event->wall = wall();
	update = gossip_step(peer->core, event);
	udp_send(&peer->udp, update->sends, update->send_count);
	for (size_t i = 0; i < update->answer_count; i++) {
		if (update->answers[i].err.code != 0)
			die(update->answers[i].err.message);
		peer->joined |= update->answers[i].tag == TAG_JOIN;
	}
	WEFT_ASSERT(peer->durable_count + update->persist_count <= UPDATE_PERSISTS);
	for (size_t i = 0; i < update->persist_count; i++)
		peer->durable[peer->durable_count++] = update->persists[i].token;
	while (peer->durable_count > 0) {
		struct gossip_event done = {
		    .kind = EV_DURABLE, .token = peer->durable[--peer->durable_count], .ok = true};

		step(peer, &done);
	}
}

static void on_datagram(void *ctx, const struct hostport *from, const uint8_t *bytes, size_t len)
{
	struct gossip_event event = {
	    .kind = EV_DATAGRAM, .from = *from, .bytes = bytes, .len = len};

	step(ctx, &event);
}

static void command(struct peer *peer, struct gossip_command *command)
{
	step(peer, &(struct gossip_event){.kind = EV_COMMAND, .command = command});
}

static void peer_open(struct peers *peers, size_t index, const struct hostport *first,
		      const char *token)
{
	struct peer *peer = &peers->list[index];
	struct hostport addr = {first->ip, (uint16_t)(first->port + index)};
	struct gossip_command join = {.kind = CMD_JOIN, .tag = TAG_JOIN, .text = token};
	struct gossip_config config = {
	    .crypto = gossip_crypto_sodium(),
	    .pages = page_source_mmap(),
	    .blobs = &peers->blobs,
	    .seed = index + 1,
	    .advertise = addr,
	    .vtep = inet_from_v4(0x0ac80001u + (uint32_t)index),
	};
	struct weft_err err;

	snprintf(config.name, sizeof(config.name), "peer-%zu", index);
	if (udp_open(&peer->udp, &addr, &err) != 0)
		die(err.message);
	peer->core = gossip_new(&config);
	step(peer, &(struct gossip_event){.kind = EV_START});
	command(peer, &join);
}

/* The next few endpoints of one core. */
static void tell(struct peers *peers, size_t index)
{
	static struct row_view rows[ROWS_AT_ONCE];
	static uint8_t values[ROWS_AT_ONCE][VALUE_BYTES];
	struct gossip_command topics = {
	    .kind = CMD_TOPICS, .topic_count = 1, .topics = &peers->network};
	struct gossip_command put = {.kind = CMD_PUT, .rows = rows};
	struct peer *peer = &peers->list[index];

	if (peer->told == 0)
		command(peer, &topics);
	for (; put.row_count < ROWS_AT_ONCE && peer->told < peers->each; put.row_count++) {
		uint32_t number = (uint32_t)index * peers->each + peer->told++;
		struct rec_endpoint rec = {.addr_count = 1};
		struct id id = {{2, 0xbe}};
		int len;

		memcpy(id.b + 2, &number, sizeof(number));
		rec.mac = mac_of_endpoint(&id);
		rec.addrs[0] = (struct prefix){inet_from_v4(peers->first_ip + number), 96 + 10};
		len = rec_endpoint_encode(&rec, values[put.row_count], VALUE_BYTES);
		WEFT_ASSERT(len > 0);
		rows[put.row_count] = (struct row_view){.kind = ROW_ENDPOINT,
							.topic = peers->network,
							.key_len = ID_BYTES,
							.value = values[put.row_count],
							.value_len = (size_t)len};
		memcpy(rows[put.row_count].key, id.b, ID_BYTES);
	}
	peers->told += put.row_count;
	command(peer, &put);
}

/* All are members, and each knows all others and the daemon. */
static bool all_joined(const struct peers *peers)
{
	for (size_t i = 0; i < peers->count; i++) {
		struct member_info info;
		size_t alive = 0, at = 0;

		while (gossip_member_next(peers->list[i].core, &at, &info))
			alive += info.state == MEMBER_ALIVE;
		if (!peers->list[i].joined || alive != peers->count + 1)
			return false;
	}
	return true;
}

/* Whatever came, and timers that are due. */
static void turn(struct peers *peers)
{
	struct pollfd polls[PEERS_MAX];

	for (size_t i = 0; i < peers->count; i++)
		polls[i] = (struct pollfd){.fd = peers->list[i].udp.fd, .events = POLLIN};
	(void)poll(polls, (nfds_t)peers->count, 1);
	for (size_t i = 0; i < peers->count; i++) {
		struct peer *peer = &peers->list[i];

		if (polls[i].revents != 0)
			(void)udp_receive(&peer->udp, peer, on_datagram);
		if (mono_is_due(gossip_deadline(peer->core), now()))
			step(peer, &(struct gossip_event){.kind = EV_TICK});
	}
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void run(struct peers *peers)
{
	uint64_t all = (uint64_t)peers->count * peers->each;
	struct mono start;
	size_t next = 0;

	for (start = now(); !all_joined(peers); turn(peers)) {
		if (mono_diff_ms(now(), start) > JOIN_MS)
			die("not all were members of each other in time");
	}
	for (start = now(); mono_diff_ms(now(), start) < SETTLE_MS;)
		turn(peers);
	say("joined");
	for (start = now(); peers->told < all; turn(peers)) {
		double due = peers->per_s * (double)mono_diff_ns(now(), start) / 1e9;

		for (; peers->told < all && (double)peers->told < due; next++)
			tell(peers, next % peers->count);
	}
	say("told");
	for (;;)
		turn(peers);
}

int main(int argc, char **argv)
{
	static struct peers peers;
	struct page_source pages = page_source_mmap();
	struct hostport first;
	struct inet ip;

	if (argc != 9 || inet_parse(argv[1], &first.ip) != 0 ||
	    id_parse(argv[5], &peers.network) != 0 || inet_parse(argv[6], &ip) != 0)
		die("usage: ADDR FIRST_PORT COUNT TOKEN NETWORK FIRST_ENDPOINT EACH PER_S");
	first.port = (uint16_t)strtoul(argv[2], NULL, 10);
	peers.count = strtoul(argv[3], NULL, 10);
	peers.first_ip = inet_v4(&ip);
	peers.each = (uint32_t)strtoul(argv[7], NULL, 10);
	peers.per_s = strtod(argv[8], NULL);
	if (peers.count == 0 || peers.count > PEERS_MAX)
		die("too many or no peers");
	heap_init(&peers.heap, &pages);
	blob_store_init(&peers.blobs, &peers.heap, 1);
	for (size_t i = 0; i < peers.count; i++)
		peer_open(&peers, i, &first, argv[4]);
	run(&peers);
	return 0;
}
