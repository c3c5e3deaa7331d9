/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A few nodes that are nothing but tables: cores with members, a network of datagrams with delay,
 * loss and cuts, a disk that commits a millisecond later. Signatures are keyed hashes, everybody
 * may write what he signs unless the test says otherwise.
 */
#pragma once

#include "test/gossip/core_kit.h"
#include "gossip/tables/tables_state.h"

#define TNET_NODES_MAX 12

struct tnet_store {
	enum write_kind kind;
	struct row_view key; /* of what is dropped */
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;
};

struct tnet_node {
	struct core_kit kit;
	struct tables *tables;
	uint8_t number;
	bool unknown[256]; /* authors that this node does not know */
	bool denied[256];  /* authors that may not write facts here */
	bool disk_fails;
	int64_t disk_slow_ms; /* later than usual */
	size_t changes, retracted, synced, rows_seen, twins;
	struct row_view last_change; /* value not to be used */
	size_t traces;
	size_t drops;
	size_t writes[16];        /* by kind */
	struct tnet_store *store; /* what was committed, newest version of each row */
	size_t store_count, store_cap;
};

struct tnet {
	size_t count;
	struct tnet_node *nodes;
	struct rng rng;
	struct mono now;
	unsigned loss_percent;
	int64_t delay_ns_min, delay_ns_max;
	bool cut[TNET_NODES_MAX][TNET_NODES_MAX];
	size_t datagrams, bytes;   /* handed to the network */
	size_t repair_datagrams;   /* with a frame of the repair path in them */
	struct tnet_event *events; /* sorted by time, then by order of adding */
};

/* Nodes 1 to count, each with all others as alive members and its tables started. */
void tnet_open(struct tnet *net, size_t count, uint64_t seed);
void tnet_close(struct tnet *net);
struct tnet_node *tnet_node(struct tnet *net, size_t number);

/* One row or fact through tables_put; the key is a number. The code of tables_put. */
int tnet_put(struct tnet *net, size_t number, uint16_t kind, const struct id *topic, uint32_t key,
	     const char *value);
int tnet_delete(struct tnet *net, size_t number, uint16_t kind, const struct id *topic,
		uint32_t key);

/* The same for rows prepared by the test. */
int tnet_put_rows(struct tnet *net, size_t number, const struct row_view *rows, size_t count,
		  uint64_t *token, struct weft_err *err);

/* A row signed by its owner, who need not be a node: its length in out. */
size_t tnet_sign(const struct row_view *row, uint8_t out[ROW_BYTES_MAX]);

/* Has a node's outbox a frame of golden bytes? Empties the outbox. */
bool tnet_frame_fits(struct tnet_node *node, uint8_t type, const char *name, const char *hex);

/* Gives bytes to a node as if somebody had told them. */
enum drop_reason tnet_receive(struct tnet *net, size_t number, size_t from, const uint8_t *bytes,
			      size_t len);

/* Lets time pass. */
void tnet_run(struct tnet *net, int64_t ms);

/* The same until all tables are equal; the milliseconds it took, or -1 after max. */
int64_t tnet_run_until_equal(struct tnet *net, int64_t ms_max);
bool tnet_is_equal(struct tnet *net);

/* Topics of a node, and its attachment rows for them. */
void tnet_attach(struct tnet *net, size_t number, const struct id *topic);
void tnet_topics(struct tnet *net, size_t number, const struct id *topics, size_t count);
void tnet_sync(struct tnet *net, size_t number, size_t with);

/* A row that a node holds, by its number; false when absent or deleted. value may be NULL. */
bool tnet_has(struct tnet *net, size_t number, size_t owner, const struct id *topic, uint16_t kind,
	      uint32_t key, const char *value);

/* Kills a node and starts it anew from its store, with the next epoch. */
void tnet_restart(struct tnet *net, size_t number);
void tnet_cut(struct tnet *net, size_t a, size_t b, bool cut);
void tnet_key(struct row_view *row, uint32_t key);

/* A fake of admission.h for programs that use this net; once in each of them. */
#define TNET_ADMISSION                                                                          \
	enum drop_reason admission_may_write(struct admission *adm, const struct row_view *row, \
					     uint8_t pub[SIGN_PUB_BYTES])                       \
	{                                                                                       \
		return tnet_may_write((struct tnet_node *)(void *)adm, row, pub);               \
	}                                                                                       \
	void admission_set_back(struct admission *adm, uint64_t epoch, const struct id *by)     \
	{                                                                                       \
		(void)epoch;                                                                    \
		(void)by;                                                                       \
		((struct tnet_node *)(void *)adm)->twins++;                                     \
		((struct tnet_node *)(void *)adm)->kit.core.self.cloned = true;                 \
	}                                                                                       \
	void admission_synced(struct admission *adm, const struct id *member)                   \
	{                                                                                       \
		(void)adm;                                                                      \
		(void)member;                                                                   \
	}                                                                                       \
	void admission_row(struct admission *adm, const struct row_view *row)                   \
	{                                                                                       \
		tnet_row((struct tnet_node *)(void *)adm, row);                                 \
	}

/* tables_net_disk.c: signatures that are keyed hashes; a store that keeps the last of each row. */
void tnet_crypto(struct gossip_crypto *crypto);
void tnet_store_fold(struct tnet_node *node, const struct tnet_store *entry);

enum drop_reason tnet_may_write(struct tnet_node *node, const struct row_view *row,
				uint8_t pub[SIGN_PUB_BYTES]);
void tnet_row(struct tnet_node *node, const struct row_view *row);
