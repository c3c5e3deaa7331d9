/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A queue from one thread to another. Items change owner; the consumer takes all that wait at once
 * and sleeps on a descriptor. The queue itself has no cap: its producer asks channel_is_high and
 * takes in no work (datagrams, requests) while it is, which is what bounds it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define CHANNEL_HIGH 16384

/* First member of every item. */
struct channel_item {
	struct channel_item *next;
};

struct channel {
	uv_mutex_t lock;
	struct channel_item *head;
	struct channel_item **tail;
	size_t count;
	int fd; /* readable while something waits */
};

/* 0, or a negative code when there is no descriptor left. */
int channel_init(struct channel *channel);

/* Frees what still waits with free_item. */
void channel_close(struct channel *channel, void (*free_item)(struct channel_item *item));
void channel_push(struct channel *channel, struct channel_item *item);

/* All items in order, linked by next; NULL when none waits. */
struct channel_item *channel_take(struct channel *channel);
size_t channel_count(struct channel *channel);

/* CHANNEL_HIGH items wait: the consumer is behind, and nothing more is to be taken in. */
bool channel_is_high(struct channel *channel);
