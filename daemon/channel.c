/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/channel.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "gossip/base/check.h"
#include "gossip/base/err.h"

int channel_init(struct channel *channel)
{
	channel->head = NULL;
	channel->tail = &channel->head;
	channel->count = 0;
	channel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (channel->fd < 0)
		return WEFT_E_LIMIT;
	uv_mutex_init(&channel->lock);
	return 0;
}

void channel_close(struct channel *channel, void (*free_item)(struct channel_item *item))
{
	struct channel_item *item = channel_take(channel);

	while (item) {
		struct channel_item *next = item->next;

		free_item(item);
		item = next;
	}
	uv_mutex_destroy(&channel->lock);
	close(channel->fd);
	channel->fd = -1;
}

void channel_push(struct channel *channel, struct channel_item *item)
{
	bool was_empty;

	WEFT_ASSERT(channel->fd >= 0);
	item->next = NULL;
	uv_mutex_lock(&channel->lock);
	was_empty = channel->head == NULL;
	*channel->tail = item;
	channel->tail = &item->next;
	channel->count++;
	uv_mutex_unlock(&channel->lock);
	if (was_empty) {
		int rc = eventfd_write(channel->fd, 1);

		WEFT_ASSERT(rc == 0);
	}
}

struct channel_item *channel_take(struct channel *channel)
{
	struct channel_item *item;
	eventfd_t value;

	/* Reset first: an item pushed after this is either taken below or signalled anew. */
	(void)eventfd_read(channel->fd, &value);
	uv_mutex_lock(&channel->lock);
	item = channel->head;
	channel->head = NULL;
	channel->tail = &channel->head;
	channel->count = 0;
	uv_mutex_unlock(&channel->lock);
	return item;
}

size_t channel_count(struct channel *channel)
{
	size_t count;

	uv_mutex_lock(&channel->lock);
	count = channel->count;
	uv_mutex_unlock(&channel->lock);
	return count;
}

bool channel_is_high(struct channel *channel)
{
	return channel_count(channel) >= CHANNEL_HIGH;
}
