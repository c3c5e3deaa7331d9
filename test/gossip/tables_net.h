/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A few nodes that are nothing but tables: cores with members, a network of datagrams with delay,
 * loss and cuts, a disk that commits a millisecond later. Signatures are keyed hashes, everybody
 * may write what he signs unless the test says otherwise.
 */
#pragma once

#include "core_kit.h"
#include "gossip/tables_state.h"

#define NET_NODES_MAX 12

struct net_store {
	enum write_kind kind;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;
};

struct net_node {
	struct core_kit kit;
	struct tables *tables;
	uint8_t number;
	bool unknown[256]; /* authors that this node does not know */
	bool denied[256];  /* authors that may not write facts here */
	bool disk_fails;
	size_t changes, retracted, synced, rows_seen;
	struct row_view last_change; /* value not to be used */
	size_t traces;
	size_t drops;
	size_t writes[16];       /* by kind */
	struct net_store *store; /* what was committed, newest version of each row */
	size_t store_count, store_cap;
};

struct net {
	size_t count;
	struct net_node *nodes;
	struct rng rng;
	struct mono now;
	unsigned loss_percent;
	int64_t delay_ns_min, delay_ns_max;
	bool cut[NET_NODES_MAX][NET_NODES_MAX];
	size_t datagrams, bytes;  /* handed to the network */
	size_t repair_datagrams;  /* with a frame of the repair path in them */
	struct net_event *events; /* sorted by time, then by order of adding */
};

/* Nodes 1 to count, each with all others as alive members and its tables started. */
void net_open(struct net *net, size_t count, uint64_t seed);
void net_close(struct net *net);
struct net_node *net_node(struct net *net, size_t number);

/* One row or fact through tables_put; the key is a number. The code of tables_put. */
int net_put(struct net *net, size_t number, uint16_t kind, const struct id *topic, uint32_t key,
	    const char *value);
int net_delete(struct net *net, size_t number, uint16_t kind, const struct id *topic, uint32_t key);

/* The same for rows prepared by the test. */
int net_put_rows(struct net *net, size_t number, const struct row_view *rows, size_t count,
		 uint64_t *token, struct weft_err *err);

/* A row signed by its owner, who need not be a node: its length in out. */
size_t net_sign(const struct row_view *row, uint8_t out[ROW_BYTES_MAX]);

/* Gives bytes to a node as if somebody had told them. */
enum drop_reason net_receive(struct net *net, size_t number, size_t from, const uint8_t *bytes,
			     size_t len);

/* Lets time pass. */
void net_run(struct net *net, int64_t ms);

/* The same until all tables are equal; the milliseconds it took, or -1 after max. */
int64_t net_run_until_equal(struct net *net, int64_t ms_max);
bool net_is_equal(struct net *net);

/* Topics of a node, and its attachment rows for them. */
void net_attach(struct net *net, size_t number, const struct id *topic);
void net_topics(struct net *net, size_t number, const struct id *topics, size_t count);
void net_sync(struct net *net, size_t number, size_t with);

/* A row that a node holds, by its number; false when absent or deleted. value may be NULL. */
bool net_has(struct net *net, size_t number, size_t owner, const struct id *topic, uint16_t kind,
	     uint32_t key, const char *value);

/* Kills a node and starts it anew from its store, with the next epoch. */
void net_restart(struct net *net, size_t number);
void net_cut(struct net *net, size_t a, size_t b, bool cut);
void net_key(struct row_view *row, uint32_t key);

/* A fake of admission.h for programs that use this net; once in each of them. */
#define NET_ADMISSION                                                                           \
	enum drop_reason admission_may_write(struct admission *adm, const struct row_view *row, \
					     uint8_t pub[SIGN_PUB_BYTES])                       \
	{                                                                                       \
		return net_may_write((struct net_node *)(void *)adm, row, pub);                 \
	}                                                                                       \
	void admission_row(struct admission *adm, const struct row_view *row)                   \
	{                                                                                       \
		net_row((struct net_node *)(void *)adm, row);                                   \
	}

enum drop_reason net_may_write(struct net_node *node, const struct row_view *row,
			       uint8_t pub[SIGN_PUB_BYTES]);
void net_row(struct net_node *node, const struct row_view *row);
