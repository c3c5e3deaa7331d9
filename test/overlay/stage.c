/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "test/base/cmocka_all.h"

static void on_applied(void *ctx, const struct overlay_applied *applied)
{
	struct fake_stage *stage = ctx;

	stage->applied++;
	stage->last_applied = *applied;
}

static void on_failed(void *ctx, const struct overlay_failure *failure)
{
	struct fake_stage *stage = ctx;

	stage->failed++;
	stage->last_failure = *failure;
}

static void on_lost(void *ctx, const struct id *network, const struct id *endpoint)
{
	(void)network;
	(void)endpoint;
	((struct fake_stage *)ctx)->lost++;
}

static void on_mtu(void *ctx, const struct id *network, uint16_t mtu)
{
	(void)network;
	((struct fake_stage *)ctx)->mtu_told = mtu;
}

static void on_done(void *ctx, const struct id *network, const char *operation)
{
	struct fake_stage *stage = ctx;
	size_t len = strlen(stage->done);

	(void)network;
	(void)snprintf(stage->done + len, sizeof(stage->done) - len, "%s\n", operation);
}

static struct overlay_sink sink_of(struct fake_stage *stage)
{
	return (struct overlay_sink){stage, on_applied, on_failed, on_lost, on_mtu, on_done};
}

struct id stage_id(uint8_t kind, uint8_t number)
{
	struct id id = {{kind, number}};

	return id;
}

static int box_open(void *ctx, const struct local_endpoint *endpoint, struct overlay_box *box)
{
	(void)ctx;
	*box = (struct overlay_box){.netns_fd = endpoint->id.b[1], .rtnl_fd = -1};
	return 0;
}

void stage_member(struct fake_stage *stage, uint8_t number, const char *vtep)
{
	const struct rec_attachment attachment = {.mtu_bytes = 0};
	struct id node = stage_id(1, number);
	struct inet ip;

	WEFT_ASSERT(inet_parse(vtep, &ip) == 0);
	overlay_member_put(stage->ov, &node, &ip);
	overlay_attachment_put(stage->ov, &stage->network, &node, &attachment);
}

void stage_endpoint(struct fake_stage *stage, uint8_t number, uint8_t owner, const char *addr,
		    uint64_t sequence)
{
	struct id endpoint = stage_id(2, number), node = stage_id(1, owner);
	struct rec_endpoint row = {.addr_count = 1};

	row.mac = mac_of_endpoint(&endpoint);
	WEFT_ASSERT(prefix_parse(addr, &row.addrs[0]) == 0);
	overlay_endpoint_put(stage->ov, &stage->network, &endpoint, &node,
			     (struct overlay_version){1, sequence}, &row);
}

void stage_own_lease(struct fake_stage *stage, const char *addr)
{
	struct local_endpoint own = {.is_host = true, .addr_count = 1};

	own.id = stage_id(3, 1);
	own.network = stage->network;
	own.mac = mac_of_bridge(&stage->self, STAGE_VNI);
	WEFT_ASSERT(prefix_parse(addr, &own.addrs[0]) == 0);
	overlay_local_put(stage->ov, &own);
}

static struct overlay *make(struct fake_stage *stage, enum overlay_layout layout,
			    enum overlay_fdb_form form)
{
	struct overlay_config config = {.node = stage->self,
					.layout = layout,
					.fdb_form = form,
					.pages = stage->pages,
					.seed = 3,
					.kernel = fake_kernel_ops(),
					.kernel_ctx = stage->kernel,
					.box_open = box_open};
	struct overlay *ov;
	struct weft_err err;

	WEFT_ASSERT(inet_parse("192.0.2.1", &config.vtep) == 0);
	ov = overlay_new(&config, &err);
	WEFT_ASSERT(ov != NULL);
	return ov;
}

struct overlay *stage_bare(struct fake_stage *stage)
{
	return make(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
}

void stage_rows(struct fake_stage *stage)
{
	overlay_network_put(stage->ov, &stage->network, &stage->rec);
	stage_member(stage, 1, "192.0.2.1");
	stage_member(stage, 2, "192.0.2.2");
	stage_member(stage, 3, "192.0.2.3");
	stage_own_lease(stage, "10.7.0.251/24");
}

static void start(struct fake_stage *stage, enum overlay_layout layout, enum overlay_fdb_form form)
{
	stage->ov = make(stage, layout, form);
	stage_rows(stage);
}

void stage_open(struct fake_stage *stage, enum overlay_layout layout, enum overlay_fdb_form form)
{
	memset(stage, 0, sizeof(*stage));
	stage->pages = page_source_mmap();
	stage->kernel = fake_kernel_new(&stage->pages);
	stage->now = (struct mono){NS_PER_S};
	stage->self = stage_id(1, 1);
	stage->network = stage_id(4, 1);
	stage->rec.vni = STAGE_VNI;
	stage->rec.port = 4789;
	stage->rec.pool_count = 1;
	WEFT_ASSERT(prefix_parse("10.7.0.0/24", &stage->rec.pools[0].subnet) == 0);
	WEFT_ASSERT(inet_parse("10.7.0.1", &stage->rec.pools[0].gateway) == 0);
	start(stage, layout, form);
}

void stage_close(struct fake_stage *stage)
{
	overlay_free(stage->ov);
	fake_kernel_free(stage->kernel);
}

int stage_set_up(void **state)
{
	static struct fake_stage stage;

	stage_open(&stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	*state = &stage;
	return 0;
}

int stage_tear_down(void **state)
{
	stage_close(*state);
	return 0;
}

void stage_restart(struct fake_stage *stage, enum overlay_layout layout, enum overlay_fdb_form form)
{
	overlay_free(stage->ov);
	start(stage, layout, form);
}

int stage_reconcile(struct fake_stage *stage)
{
	struct overlay_sink sink = sink_of(stage);

	stage->done[0] = '\0';
	return overlay_reconcile(stage->ov, stage->now, &sink, &stage->report);
}

int stage_settle(struct fake_stage *stage, int64_t ms)
{
	struct mono end = mono_add_ms(stage->now, ms);
	int count = 0;

	for (int i = 0; i < 1000; i++) {
		struct mono due;

		overlay_notify(stage->ov, stage->now);
		due = overlay_deadline(stage->ov);
		if (due.ns > end.ns)
			break;
		if (due.ns > stage->now.ns)
			stage->now = due;
		fake_kernel_clock_set(stage->kernel, stage->now);
		(void)stage_reconcile(stage);
		count++;
	}
	return count;
}

static struct local_endpoint endpoint_of(const struct fake_stage *stage, uint8_t number)
{
	struct local_endpoint endpoint = {
	    .id = stage_id(2, number), .network = stage->network, .ifname = "eth0"};

	endpoint.mac = mac_of_endpoint(&endpoint.id);
	return endpoint;
}

void stage_make(struct fake_stage *stage, uint8_t number)
{
	const struct local_endpoint endpoint = endpoint_of(stage, number);

	stage->box = (struct overlay_box){.netns_fd = number, .rtnl_fd = -1};
	overlay_make(stage->ov, &endpoint, &stage->box);
}

void stage_unmake(struct fake_stage *stage, uint8_t number)
{
	const struct local_endpoint endpoint = endpoint_of(stage, number);

	overlay_unmake(stage->ov, &endpoint, &stage->box);
}

int stage_attach(struct fake_stage *stage, uint8_t number, const char *addr, struct weft_err *err)
{
	struct local_endpoint endpoint = endpoint_of(stage, number);
	struct overlay_box box = {.netns_fd = number, .rtnl_fd = -1};
	struct overlay_sink sink = sink_of(stage);

	if (stage->box.netns_fd == number)
		box = stage->box;
	stage->box = OVERLAY_BOX_NONE;
	endpoint.addr_count = 1;
	WEFT_ASSERT(prefix_parse(addr, &endpoint.addrs[0]) == 0);
	return overlay_attach(stage->ov, &endpoint, &box, stage->now, &sink, NULL, err);
}

size_t stage_count(const struct fake_stage *stage, enum kobj_kind kind)
{
	return fake_kernel_state(stage->kernel)->of[kind].count;
}

void stage_make_all(struct fake_stage *stage)
{
	struct weft_err err = {0};

	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	stage_endpoint(stage, 13, 3, "10.7.0.13/24", 1);
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), 0);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->failed, 0);
}

/* What stands is exactly what stood, as bytes. */
void stage_remember(const struct fake_stage *stage, char *out, size_t cap)
{
	size_t len = 0;

	for (int kind = 1; kind < KOBJ_KINDS; kind++) {
		const struct vec *vec = &fake_kernel_state(stage->kernel)->of[kind];

		for (size_t i = 0; i < vec->count; i++) {
			char line[256];

			kobj_format((enum kobj_kind)kind, vec_at(vec, i), line, sizeof(line));
			len += (size_t)snprintf(out + len, cap - len, "%s\n", line);
			assert_true(len < cap);
		}
	}
	for (int i = 0; i < KRULES_COUNT; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s",
					fake_kernel_rules(stage->kernel, (enum krules)i));
	assert_true(len < cap);
}
