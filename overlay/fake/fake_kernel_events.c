/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The fake kernel's objects and the notifications that every change of them makes.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "fake_kernel_parts.h"

/* Place of the object with this key, or where it would go; *found tells which. */
static size_t place_of(const struct fake_kernel *kernel, enum kobj_kind kind, const void *key,
		       bool *found)
{
	const struct vec *vec = &kernel->state.of[kind];
	size_t low = 0, high = vec->count;

	*found = false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = kobj_key_cmp(kind, vec_at(vec, mid), key);

		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void *fake_find(const struct fake_kernel *kernel, enum kobj_kind kind, const void *key)
{
	bool found;
	size_t place = place_of(kernel, kind, key, &found);

	return found ? vec_at(&kernel->state.of[kind], place) : NULL;
}

struct klink *fake_link(const struct fake_kernel *kernel, const char *name)
{
	struct klink key = {.kind = KLINK_OTHER};

	memcpy(key.name, name, IFNAME_BYTES);
	return fake_find(kernel, KOBJ_LINK, &key);
}

void fake_notify(struct fake_kernel *kernel, uint8_t what, enum kobj_kind kind, bool gone,
		 const void *obj)
{
	struct fake_event event = {.what = what, .kind = (uint8_t)kind, .gone = gone};

	if (kernel->faults.deaf)
		return;
	if (kernel->events.count >= FAKE_EVENTS_MAX) {
		kernel->lost_events = true;
		return;
	}
	if (obj != NULL)
		memcpy(event.obj, obj, kobj_bytes(kind));
	vec_push(&kernel->events, &event);
}

void fake_put(struct fake_kernel *kernel, enum kobj_kind kind, const void *obj)
{
	bool found;
	size_t place = place_of(kernel, kind, obj, &found);

	if (found)
		memcpy(vec_at(&kernel->state.of[kind], place), obj, kobj_bytes(kind));
	else
		vec_insert(&kernel->state.of[kind], place, obj);
	if (kind != KOBJ_SYSCTL && kind != KOBJ_BOX_MTU)
		fake_notify(kernel, KEVENT_OBJECT, kind, false, obj);
}

/* Removes every object of a kind that lies on a device; these begin with its name. */
static void remove_on(struct fake_kernel *kernel, enum kobj_kind kind, const char *dev, bool told)
{
	struct vec *vec = &kernel->state.of[kind];

	for (size_t i = vec->count; i-- > 0;) {
		unsigned char copy[FAKE_OBJ_BYTES];

		memcpy(copy, vec_at(vec, i), vec->item_bytes);
		if (memcmp(copy, dev, IFNAME_BYTES) != 0)
			continue;
		vec_remove(vec, i);
		if (told)
			fake_notify(kernel, KEVENT_OBJECT, kind, true, copy);
	}
}

void fake_wipe(struct fake_kernel *kernel, const char *dev)
{
	remove_on(kernel, KOBJ_NEIGH, dev, true);
	remove_on(kernel, KOBJ_ROUTE, dev, false); /* the real one does not tell of IPv4 routes */
}

static void take_along(struct fake_kernel *kernel, const char *dev)
{
	struct vec *links = &kernel->state.of[KOBJ_LINK];

	fake_wipe(kernel, dev);
	remove_on(kernel, KOBJ_ADDR, dev, true);
	remove_on(kernel, KOBJ_FDB, dev, true);
	remove_on(kernel, KOBJ_BOX_MTU, dev, false);
	for (size_t i = 0; i < links->count; i++) {
		struct klink *link = vec_at(links, i);

		if (memcmp(link->master, dev, IFNAME_BYTES) != 0)
			continue;
		memset(link->master, 0, IFNAME_BYTES);
		memset(&link->port, 0, sizeof(link->port));
		fake_notify(kernel, KEVENT_OBJECT, KOBJ_LINK, false, link);
	}
}

bool fake_remove(struct fake_kernel *kernel, enum kobj_kind kind, const void *key)
{
	unsigned char copy[FAKE_OBJ_BYTES];
	bool found;
	size_t place = place_of(kernel, kind, key, &found);

	if (!found)
		return false;
	memcpy(copy, vec_at(&kernel->state.of[kind], place), kobj_bytes(kind));
	vec_remove(&kernel->state.of[kind], place);
	fake_notify(kernel, KEVENT_OBJECT, kind, true, copy);
	if (kind == KOBJ_LINK)
		take_along(kernel, ((struct klink *)(void *)copy)->name);
	WEFT_ASSERT(fake_find(kernel, kind, copy) == NULL);
	return true;
}

size_t fake_fds(void *ctx, int fds[2])
{
	(void)ctx;
	(void)fds;
	return 0;
}

void fake_events(void *ctx, void *arg, void (*each)(void *arg, const struct kevent *event))
{
	const struct kevent overrun = {.what = KEVENT_OVERRUN};
	struct fake_kernel *kernel = ctx;
	struct vec events = kernel->events;

	vec_init(&kernel->events, &kernel->heap, sizeof(struct fake_event));
	if (kernel->lost_events || kernel->faults.overrun)
		each(arg, &overrun);
	kernel->lost_events = false;
	kernel->faults.overrun = false;
	for (size_t i = 0; i < events.count; i++) {
		const struct fake_event *event = vec_at(&events, i);
		const struct kevent told = {.what = event->what,
					    .kind = (enum kobj_kind)event->kind,
					    .gone = event->gone,
					    .obj = event->obj};

		kernel->counts.events++;
		each(arg, &told);
	}
	vec_close(&events);
}
