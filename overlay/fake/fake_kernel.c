/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "fake_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "fake_kernel_parts.h"

_Static_assert(sizeof(struct klink) <= FAKE_OBJ_BYTES, "an event holds any object");

struct fake_kernel *fake_kernel_new(const struct page_source *pages)
{
	struct fake_kernel *kernel;
	struct heap heap;

	heap_init(&heap, pages);
	kernel = heap_take(&heap, sizeof(*kernel));
	kernel->heap = heap;
	kstate_init(&kernel->state, &kernel->heap);
	vec_init(&kernel->events, &kernel->heap, sizeof(struct fake_event));
	vec_init(&kernel->prefixes, &kernel->heap, sizeof(struct prefix));
	kernel->underlay_mtu = 1500;
	return kernel;
}

void fake_kernel_free(struct fake_kernel *kernel)
{
	struct heap heap;

	if (kernel == NULL)
		return;
	heap = kernel->heap;
	heap_close(&heap);
}

struct fake_faults *fake_kernel_faults(struct fake_kernel *kernel)
{
	return &kernel->faults;
}

const struct fake_counts *fake_kernel_counts(const struct fake_kernel *kernel)
{
	return &kernel->counts;
}

const struct kstate *fake_kernel_state(const struct fake_kernel *kernel)
{
	return &kernel->state;
}

const char *fake_kernel_rules(const struct fake_kernel *kernel, enum krules table)
{
	return kernel->rules[table] != NULL ? kernel->rules[table] : "";
}

void fake_kernel_clock_set(struct fake_kernel *kernel, struct mono now)
{
	WEFT_ASSERT(now.ns >= kernel->now.ns);
	kernel->now = now;
}

void fake_kernel_underlay_set(struct fake_kernel *kernel, uint32_t mtu)
{
	kernel->underlay_mtu = mtu;
	fake_notify(kernel, KEVENT_ROUTES, KOBJ_LINK, false, NULL);
}

void fake_kernel_put(struct fake_kernel *kernel, enum kobj_kind kind, const void *obj)
{
	fake_put(kernel, kind, obj);
}

bool fake_kernel_remove(struct fake_kernel *kernel, enum kobj_kind kind, const void *key)
{
	return fake_remove(kernel, kind, key);
}

static void rules_drop(struct fake_kernel *kernel, enum krules table)
{
	heap_give(&kernel->heap, kernel->rules[table], kernel->rules_bytes[table]);
	kernel->rules[table] = NULL;
}

void fake_kernel_rules_flush(struct fake_kernel *kernel, enum krules table)
{
	rules_drop(kernel, table);
	fake_notify(kernel, KEVENT_RULES, KOBJ_LINK, false, NULL);
}

void fake_kernel_prefix_add(struct fake_kernel *kernel, const struct prefix *prefix)
{
	vec_push(&kernel->prefixes, prefix);
}

static bool interrupted(struct fake_kernel *kernel)
{
	kernel->counts.dumps++;
	if (kernel->faults.interrupted == 0)
		return false;
	kernel->faults.interrupted--;
	return true;
}

static void copy_all(const struct fake_kernel *kernel, enum kobj_kind kind, struct kstate *out)
{
	for (size_t i = 0; i < kernel->state.of[kind].count; i++)
		vec_push(&out->of[kind], vec_at(&kernel->state.of[kind], i));
}

static int dump_host(void *ctx, struct kstate *out)
{
	static const enum kobj_kind kinds[] = {KOBJ_LINK, KOBJ_ADDR, KOBJ_ROUTE, KOBJ_NEXTHOP};
	struct fake_kernel *kernel = ctx;

	if (interrupted(kernel))
		return -EINTR;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		copy_all(kernel, kinds[i], out);
	return 0;
}

static int dump_network(void *ctx, const char *bridge, const char *vxlan, struct kstate *out)
{
	struct fake_kernel *kernel = ctx;

	if (interrupted(kernel))
		return -EINTR;
	if (fake_link(kernel, bridge) == NULL || fake_link(kernel, vxlan) == NULL)
		return -ENODEV;
	for (size_t i = 0; i < kernel->state.of[KOBJ_FDB].count; i++) {
		const struct kfdb *fdb = vec_at(&kernel->state.of[KOBJ_FDB], i);
		const struct klink *dev = fake_link(kernel, fdb->dev);

		if (dev != NULL && memcmp(dev->master, bridge, IFNAME_BYTES) == 0)
			vec_push(&out->of[KOBJ_FDB], fdb);
	}
	for (size_t i = 0; i < kernel->state.of[KOBJ_NEIGH].count; i++) {
		const struct kneigh *neigh = vec_at(&kernel->state.of[KOBJ_NEIGH], i);

		if (!neigh->dynamic && (memcmp(neigh->dev, bridge, IFNAME_BYTES) == 0 ||
					memcmp(neigh->dev, vxlan, IFNAME_BYTES) == 0))
			vec_push(&out->of[KOBJ_NEIGH], neigh);
	}
	return 0;
}

/* A bridge has one entry for a MAC, whichever port it is on. */
static void get_master(const struct fake_kernel *kernel, const struct kfdb *key, struct kstate *out)
{
	const struct klink *dev = fake_link(kernel, key->dev);

	for (size_t i = 0; dev != NULL && i < kernel->state.of[KOBJ_FDB].count; i++) {
		const struct kfdb *fdb = vec_at(&kernel->state.of[KOBJ_FDB], i);
		const struct klink *port = fake_link(kernel, fdb->dev);

		if (fdb->table == KFDB_MASTER && mac_eq(&fdb->mac, &key->mac) && port != NULL &&
		    memcmp(port->master, dev->master, IFNAME_BYTES) == 0)
			vec_push(&out->of[KOBJ_FDB], fdb);
	}
}

static int get_entries(void *ctx, const struct kstate *keys, struct kstate *out)
{
	struct fake_kernel *kernel = ctx;

	for (size_t i = 0; i < keys->of[KOBJ_FDB].count; i++) {
		const struct kfdb *key = vec_at(&keys->of[KOBJ_FDB], i);
		const struct kfdb *fdb = fake_find(kernel, KOBJ_FDB, key);

		if (fake_link(kernel, key->dev) == NULL)
			return -ENODEV;
		kernel->counts.gets++;
		if (key->table == KFDB_MASTER)
			get_master(kernel, key, out);
		else if (fdb != NULL)
			vec_push(&out->of[KOBJ_FDB], fdb);
	}
	for (size_t i = 0; i < keys->of[KOBJ_NEIGH].count; i++) {
		const struct kneigh *key = vec_at(&keys->of[KOBJ_NEIGH], i);
		const struct kneigh *neigh = fake_find(kernel, KOBJ_NEIGH, key);

		if (fake_link(kernel, key->dev) == NULL)
			return -ENODEV;
		kernel->counts.gets++;
		if (neigh != NULL && !neigh->dynamic)
			vec_push(&out->of[KOBJ_NEIGH], neigh);
	}
	return 0;
}

static int sysctl_get(void *ctx, const char *path, char *value, size_t cap)
{
	struct fake_kernel *kernel = ctx;
	struct ksysctl key = {{0}, {0}};
	const struct ksysctl *sysctl;

	(void)snprintf(key.path, sizeof(key.path), "%s", path);
	sysctl = fake_find(kernel, KOBJ_SYSCTL, &key);
	(void)snprintf(value, cap, "%s", sysctl != NULL ? sysctl->value : "0");
	return 0;
}

static int rules_match(void *ctx, enum krules table, const char *text)
{
	return strcmp(fake_kernel_rules(ctx, table), text) == 0;
}

static int rules_set(void *ctx, enum krules table, const char *text, char *why, size_t cap)
{
	struct fake_kernel *kernel = ctx;

	kernel->counts.rule_sets++;
	if (kernel->faults.rules_error != 0) {
		(void)snprintf(why, cap, "refused by request");
		return -kernel->faults.rules_error;
	}
	rules_drop(kernel, table);
	if (text[0] == '\0')
		return 0;
	kernel->rules_bytes[table] = strlen(text) + 1;
	kernel->rules[table] = heap_take(&kernel->heap, kernel->rules_bytes[table]);
	memcpy(kernel->rules[table], text, kernel->rules_bytes[table]);
	return 0;
}

/* Whether the set or the element that a line adds stands in the table's text. */
static bool is_there(const char *rules, const char *line)
{
	char name[64] = "", element[64] = "", set[80];

	if (sscanf(line, "add element inet weft %63s { %63s }", name, element) == 2)
		return strstr(rules, element) != NULL;
	(void)sscanf(line, "add set inet weft %63s", name);
	(void)snprintf(set, sizeof(set), "set %s ", name);
	return strstr(rules, set) != NULL;
}

/* What is there already changes nothing; the rest is written behind. */
static int rules_add(void *ctx, enum krules table, const char *text, char *why, size_t cap)
{
	struct fake_kernel *kernel = ctx;

	if (kernel->rules[table] == NULL)
		return -ENOENT;
	kernel->counts.rule_adds++;
	if (kernel->faults.rules_error != 0) {
		(void)snprintf(why, cap, "refused by request");
		return -kernel->faults.rules_error;
	}
	while (*text != '\0') {
		size_t len = strcspn(text, "\n") + 1, held = kernel->rules_bytes[table];

		if (!is_there(kernel->rules[table], text)) {
			kernel->rules[table] =
			    heap_resize(&kernel->heap, kernel->rules[table], held, held + len);
			memcpy(kernel->rules[table] + held - 1, text, len);
			kernel->rules[table][held - 1 + len] = '\0';
			kernel->rules_bytes[table] += len;
		}
		text += len;
	}
	return 0;
}

static int route_mtu(void *ctx, const struct inet *to, uint32_t *mtu)
{
	struct fake_kernel *kernel = ctx;

	(void)to;
	kernel->counts.paths++;
	*mtu = kernel->underlay_mtu;
	return 0;
}

static int box_mtu(void *ctx, const char *port, uint32_t *mtu)
{
	struct kbox_mtu key = {{0}, 0, {{0}}};
	const struct kbox_mtu *box;

	memcpy(key.port, port, IFNAME_BYTES);
	box = fake_find(ctx, KOBJ_BOX_MTU, &key);
	if (box == NULL)
		return -ENODEV;
	*mtu = box->mtu;
	return 0;
}

/* The box is told by its descriptor: the simulator's boxes are numbers. */
static int box_mtu_set(void *ctx, const struct overlay_box *box, const char *ifname, uint32_t mtu)
{
	struct fake_kernel *kernel = ctx;
	struct vec *boxes = &kernel->state.of[KOBJ_BOX_MTU];

	(void)ifname;
	for (size_t i = 0; i < boxes->count; i++) {
		struct kbox_mtu *at = vec_at(boxes, i);

		if (at->endpoint.b[0] == (uint8_t)box->netns_fd)
			at->mtu = mtu;
	}
	return 0;
}

static int each_prefix(void *ctx, void *arg,
		       void (*each)(void *arg, const struct prefix *prefix, const char *what))
{
	struct fake_kernel *kernel = ctx;

	for (size_t i = 0; i < kernel->prefixes.count; i++)
		each(arg, vec_at(&kernel->prefixes, i), "a route of the test");
	return 0;
}

static int announce(void *ctx, const char *bridge, const struct inet *ip, const struct mac *mac)
{
	struct fake_kernel *kernel = ctx;
	const struct vec *neighbours = &kernel->state.of[KOBJ_NEIGH];
	const struct vec *forwards = &kernel->state.of[KOBJ_FDB];

	kernel->counts.announcements++;
	for (size_t i = 0; i < neighbours->count; i++) {
		const struct kneigh *neigh = vec_at(neighbours, i);

		if (inet_eq(&neigh->ip, ip) && mac_eq(&neigh->mac, mac))
			kernel->counts.announced_late++;
	}
	for (size_t i = 0; i < forwards->count; i++) {
		const struct kfdb *fdb = vec_at(forwards, i);
		const struct klink *dev = fake_link(kernel, fdb->dev);

		if (mac_eq(&fdb->mac, mac) && dev != NULL && dev->kind == KLINK_VETH)
			kernel->counts.announced_late++;
	}
	return fake_link(kernel, bridge) != NULL ? 0 : -ENODEV;
}

static int flush_flows(void *ctx, const struct inet *ip)
{
	(void)ip;
	((struct fake_kernel *)ctx)->counts.flushes++;
	return 0;
}

static struct mono fake_clock(void *ctx)
{
	return ((struct fake_kernel *)ctx)->now;
}

static const struct kernel_ops ops = {
    .dump_host = dump_host,
    .dump_network = dump_network,
    .get_entries = get_entries,
    .apply = fake_apply,
    .sysctl_get = sysctl_get,
    .rules_match = rules_match,
    .rules_set = rules_set,
    .rules_add = rules_add,
    .route_mtu = route_mtu,
    .box_mtu = box_mtu,
    .box_mtu_set = box_mtu_set,
    .each_prefix = each_prefix,
    .make = fake_make,
    .plug = fake_plug,
    .announce = announce,
    .flush_flows = flush_flows,
    .fds = fake_fds,
    .events = fake_events,
    .clock = fake_clock,
};

const struct kernel_ops *fake_kernel_ops(void)
{
	return &ops;
}
