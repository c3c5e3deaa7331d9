/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A step of the core, from the event to the update.
 *
 *   event ---> the module it belongs to ---> modules whose time has come ---> outbox ---> sends
 *
 * An event finds an empty update, so that whatever it causes has room; the ticks after it look for
 * room themselves and go on in the next step. Modules do not call back into this file: what one
 * does and others must know (members that arrive, a new phase) is settled here between the stages.
 */
#include "gossip_impl.h"

#include "base/pack.h"

#define OS_PAGE_BYTES ((size_t)4096)
#define PUTS_MAX 4096
#define STRANGER_MS 500

static size_t page_bytes(void)
{
	return (sizeof(struct gossip) + OS_PAGE_BYTES - 1) & ~(OS_PAGE_BYTES - 1);
}

struct gossip *gossip_new(const struct gossip_config *config)
{
	struct gossip *g = config->pages.take(config->pages.ctx, page_bytes());

	if (g == NULL)
		weft_assert_failed("out of memory: the page source has none left", __FILE__,
				   __LINE__);
	g->pages = config->pages;
	core_init(&g->core, config, &g->update);
	member_table_init(&g->members, &g->core);
	map_init(&g->puts, &g->core.heap, sizeof(uint64_t), sizeof(struct put), g->core.map_seed);
	g->seal = seal_new(&g->core, &g->members);
	g->tables = tables_new(&g->core, &g->members);
	g->admission = admission_new(&g->core, &g->members, g->seal, g->tables);
	tables_set_admission(g->tables, g->admission);
	g->swim = swim_new(&g->core, &g->members);
	g->messages = messages_new(&g->core, &g->members);
	g->flush_due = MONO_NEVER;
	g->stranger_due = MONO_NEVER;
	g->due = MONO_NEVER; /* before its start nothing is due */
	return g;
}

void gossip_free(struct gossip *g)
{
	struct page_source pages;

	if (g == NULL)
		return;
	pages = g->pages;
	messages_free(g->messages);
	swim_free(g->swim);
	admission_free(g->admission);
	tables_free(g->tables);
	seal_free(g->seal);
	map_close(&g->puts);
	member_table_close(&g->members);
	core_close(&g->core);
	pages.give(pages.ctx, g, page_bytes());
}

static int load_incarnation(struct gossip *g, const struct write *write)
{
	struct cursor cursor;
	uint64_t incarnation;

	if (write->len == 0)
		return 0;
	cursor_init(&cursor, write->bytes, write->len);
	incarnation = cursor_uint(&cursor, UINT64_C(1) << 62);
	if (!cursor_at_end(&cursor))
		return WEFT_E_INVALID;
	g->core.self.incarnation = incarnation;
	return 0;
}

int gossip_load(struct gossip *g, const struct write *write)
{
	WEFT_ASSERT(!g->started);
	switch (write->kind) {
	case WRITE_META:
		if (write->meta == META_INCARNATION)
			return load_incarnation(g, write);
		return admission_load(g->admission, write);
	case WRITE_OWN_ROW:
	case WRITE_FACT:
	case WRITE_SNAPSHOT:
		return tables_load(g->tables, write);
	default:
		return 0;
	}
}

/* ---- datagrams ---- */

/* What is sent to members alone; a row is shown to strangers as well. */
static bool is_for_members(uint8_t type)
{
	return type >> 4 != 0 && type >> 4 <= 3 && type != FRAME_ROW;
}

static enum drop_reason frame_dispatch(struct gossip *g, const struct opened *in,
				       const struct hostport *from, uint8_t type,
				       const uint8_t *body, size_t len)
{
	bool is_claim = type == FRAME_CLAIM || type == FRAME_CLAIM_ANSWER || type == FRAME_SET_BACK;

	/* It speaks to be understood, and of its tables until somebody has them. */
	if (g->core.self.phase == NODE_LEFT && (is_claim || type >> 4 != 0) &&
	    ((!is_claim && type >> 4 != 2) || !admission_is_leaving(g->admission))) {
		/* Two who have left would else tell each other for ever. */
		if (type != FRAME_ROW && !in->claiming)
			admission_asked(g->admission, in->from);
		return DROP_NONE;
	}
	if (is_claim)
		return admission_frame(g->admission, in, from, type, body, len);
	if (is_for_members(type))
		admission_believed(g->admission, in->from);
	if (type == FRAME_PAD)
		return DROP_NONE;
	switch (type >> 4) {
	case 0:
		return seal_frame(g->seal, in, from, type, body, len);
	case 1:
		return swim_frame(g->swim, in->from, type, body, len);
	case 2:
		return tables_frame(g->tables, in->from, type, body, len);
	case 3:
		if (g->core.self.phase != NODE_ACTIVE || !in->from->has_record)
			return DROP_NONE; /* the sender repeats it */
		return messages_frame(g->messages, in->from, type, body, len);
	default:
		return DROP_FRAME_TYPE;
	}
}

static void frames_walk(struct gossip *g, const struct opened *in, const struct hostport *from)
{
	const uint8_t *at = in->frames;
	size_t left = in->len;

	while (left > 0) {
		enum drop_reason reason;
		size_t len;
		if (left < FRAME_HEADER_BYTES ||
		    (len = (size_t)wire_get(at + 1, 2)) > left - FRAME_HEADER_BYTES) {
			core_drop(&g->core, DROP_FRAME);
			return;
		}
		reason = frame_dispatch(g, in, from, at[0], at + FRAME_HEADER_BYTES, len);
		if (reason != DROP_NONE)
			core_drop(&g->core, reason);
		at += FRAME_HEADER_BYTES + len;
		left -= FRAME_HEADER_BYTES + len;
	}
}

static bool hears_members(const struct gossip *g)
{
	/* Who left in this run says so to those who have not heard it. */
	return g->core.self.phase == NODE_ACTIVE || g->core.self.phase == NODE_CLAIMING ||
	       admission_is_leaving(g->admission) ||
	       (g->core.self.phase == NODE_LEFT && g->core.self.epoch > 0);
}

/* Sealed datagrams and certificates; what is dropped here was counted by the sealing layer. */
static void sealed_received(struct gossip *g, const struct gossip_event *event)
{
	struct opened in = {0};
	enum drop_reason reason;

	if (!hears_members(g)) {
		core_drop(&g->core, DROP_NO_CLUSTER);
		return;
	}
	reason = seal_open(g->seal, &event->from, event->bytes, event->len, &in);
	if (in.renewed != NULL) {
		admission_renewed(g->admission, in.renewed);
		swim_renewed(g->swim, in.renewed);
	}
	/* A certificate of nobody may be that of a member whose row was lost on its way here. */
	if (reason == DROP_CERT)
		g->stranger_due = mono_min(g->stranger_due, mono_add_ms(g->core.now, STRANGER_MS));
	if (reason != DROP_NONE || in.from == NULL)
		return;
	/* An undecided claimer may be a copy: the member was not heard by it. */
	if (!in.claiming) {
		in.from->heard = g->core.now;
		swim_heard(g->swim, in.from);
		admission_heard(g->admission, in.from);
	}
	frames_walk(g, &in, &event->from);
}

static void datagram_received(struct gossip *g, const struct gossip_event *event)
{
	enum drop_reason reason = DROP_NONE;

	g->core.traffic.received++;
	g->core.traffic.received_bytes += event->len;
	if (event->len < WIRE_OVERHEAD_BYTES)
		reason = DROP_SHORT;
	else if (event->len > DATAGRAM_BYTES_MAX)
		reason = DROP_LONG;
	else if (event->bytes[0] >> 4 != WIRE_VERSION)
		reason = DROP_VERSION;
	if (reason != DROP_NONE) {
		core_drop(&g->core, reason);
		return;
	}
	switch (event->bytes[0] & 0x0f) {
	case DGRAM_SEALED:
	case DGRAM_CERT_SEALED:
	case DGRAM_CERT:
		sealed_received(g, event);
		return;
	case DGRAM_HELLO:
	case DGRAM_COOKIE:
	case DGRAM_PROOF:
	case DGRAM_ADMIT:
		reason = admission_datagram(g->admission, &event->from, event->bytes, event->len);
		break;
	default:
		reason = DROP_TYPE;
	}
	if (reason != DROP_NONE)
		core_drop(&g->core, reason);
}

/* ---- commands ---- */

static void put_command(struct gossip *g, const struct gossip_command *command)
{
	struct weft_err err = {0};
	uint64_t token = 0;
	struct put *put;
	int rc;

	if (g->puts.count >= PUTS_MAX)
		rc = weft_err_set(&err, WEFT_E_BUSY, "%d writes wait for the store", PUTS_MAX);
	else
		rc = tables_put(g->tables, command->tag, command->rows, command->row_count, &token,
				&err);
	if (rc != 0) {
		WEFT_ASSERT(err.code != 0);
		core_answer(&g->core, command->tag)->err = err;
		return;
	}
	put = map_insert(&g->puts, &token, NULL);
	put->tag = command->tag;
}

static void command_received(struct gossip *g, const struct gossip_command *command)
{
	bool needs_cluster =
	    command->kind == CMD_PUT || command->kind == CMD_MESSAGE || command->kind == CMD_REPLY;

	if (needs_cluster && g->core.self.phase != NODE_ACTIVE) {
		weft_err_set(&core_answer(&g->core, command->tag)->err, WEFT_E_NO_CLUSTER,
			     "this node is not an active member of a cluster");
		return;
	}
	switch (command->kind) {
	case CMD_PUT:
		put_command(g, command);
		return;
	case CMD_MESSAGE:
		messages_request(g->messages, command);
		return;
	case CMD_REPLY:
		messages_reply(g->messages, command);
		return;
	case CMD_TOPICS:
		tables_topics(g->tables, command->topics, command->topic_count);
		core_answer(&g->core, command->tag);
		return;
	case CMD_MEET:
		tables_meet(g->tables, command->flag);
		core_answer(&g->core, command->tag);
		return;
	default:
		admission_command(g->admission, command);
	}
}

/* ---- the step ---- */

static void durable_received(struct gossip *g, uint64_t token, bool ok)
{
	const struct put *put = map_find(&g->puts, &token);

	admission_durable(g->admission, token, ok);
	swim_durable(g->swim, token, ok);
	tables_durable(g->tables, token, ok);
	if (put == NULL)
		return;
	struct gossip_answer *answer = core_answer(&g->core, put->tag);
	if (!ok)
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the rows could not be written; nobody was told of them");
	map_remove(&g->puts, &token);
}

/* What modules did that others must know of. */
static void settle(struct gossip *g)
{
	struct vec *arrivals = &g->members.arrivals;
	struct vec *doubted = &g->members.doubted;

	if (g->core.self.phase != g->seen_phase) {
		g->seen_phase = g->core.self.phase;
		g->phase_pending = true;
		if (g->seen_phase == NODE_ACTIVE)
			swim_start(g->swim);
	}
	/* A sync may bring new members, so the list may grow while it is walked. */
	for (size_t i = 0; i < arrivals->count; i++) {
		struct member_arrival arrival = *(struct member_arrival *)vec_at(arrivals, i);
		swim_watch(g->swim, arrival.member);
		if (arrival.healed && g->seen_phase == NODE_ACTIVE)
			tables_sync(g->tables, arrival.member);
	}
	arrivals->count = 0;
	for (size_t i = 0; i < doubted->count; i++)
		swim_doubt(g->swim, *(struct member **)vec_at(doubted, i));
	doubted->count = 0;
}

/* Compares tables with somebody, at most twice a second however often strangers speak. */
static void stranger_tick(struct gossip *g)
{
	struct member *with = member_pick(&g->members, NULL, 0);

	g->stranger_due = MONO_NEVER;
	if (with != NULL && g->core.self.phase == NODE_ACTIVE)
		tables_sync(g->tables, with);
}

static void ticks(struct gossip *g)
{
	struct mono now = g->core.now;

	if (mono_is_due(g->stranger_due, now))
		stranger_tick(g);
	if (mono_is_due(admission_deadline(g->admission), now))
		admission_tick(g->admission);
	if (mono_is_due(seal_deadline(g->seal), now))
		seal_tick(g->seal);
	if (mono_is_due(swim_deadline(g->swim), now))
		swim_tick(g->swim);
	if (mono_is_due(tables_deadline(g->tables), now))
		tables_tick(g->tables);
	if (mono_is_due(messages_deadline(g->messages), now))
		messages_tick(g->messages);
}

static void report(struct gossip *g)
{
	if (g->phase_pending && core_has_room(&g->core, 1, 0, 0)) {
		core_change(&g->core, CHANGE_PHASE);
		g->phase_pending = false;
	}
	(void)member_flush(&g->members);
}

static void flush(struct gossip *g)
{
	const struct flush parts = {
	    .core = &g->core,
	    .members = &g->members,
	    .seal = g->seal,
	    .swim = g->swim,
	    .tables = g->tables,
	    .admission = g->admission,
	};

	g->flush_due = flush_outbox(&parts);
	for (size_t i = 0; i < g->update.send_count; i++) {
		g->core.traffic.sent++;
		g->core.traffic.sent_bytes += g->update.sends[i].len;
	}
}

static struct mono deadline(const struct gossip *g)
{
	struct mono due = mono_min(admission_deadline(g->admission), seal_deadline(g->seal));

	due = mono_min(due, mono_min(swim_deadline(g->swim), tables_deadline(g->tables)));
	due = mono_min(due, mono_min(messages_deadline(g->messages), g->flush_due));
	due = mono_min(due, g->stranger_due);
	return due;
}

const struct gossip_update *gossip_step(struct gossip *g, const struct gossip_event *event)
{
	/* A clock that a host lets go back stands still here. */
	struct mono now = event->now.ns > g->core.now.ns ? event->now : g->core.now;

	core_begin_step(&g->core, now, event->wall);
	switch (event->kind) {
	case EV_TICK:
		break;
	case EV_DATAGRAM:
		datagram_received(g, event);
		break;
	case EV_COMMAND:
		command_received(g, event->command);
		break;
	case EV_DURABLE:
		durable_received(g, event->token, event->ok);
		break;
	case EV_START:
		WEFT_ASSERT(!g->started);
		g->started = true;
		admission_start(g->admission);
		break;
	}
	settle(g);
	ticks(g);
	settle(g);
	report(g);
	flush(g);
	g->due = deadline(g);
	return &g->update;
}

struct mono gossip_deadline(const struct gossip *g)
{
	bool has_more = g->phase_pending || g->members.changed.count > 0;

	return has_more ? mono_min(g->due, g->core.now) : g->due;
}
