/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Recovering a node whose disk went back, or whose identity another process had.
 *
 *   VIEWS   the core asks every member what it holds of this node's rows
 *   WAITS   leases outside of what this node owns now, by that view, are somebody else's to give:
 *           their boxes are detached, reservations released; as often as it takes. Then the
 *           networks in which this host had anything that it forgot cool down
 *   ASKED   what this host has and what its rows say is made one: endpoints and attachments that
 *           only the rows know end, those that the rows do not know are written anew; and the
 *           pools of a network that this node made are its own where nobody holds anything higher
 *   LIFTS   the core takes the fence away; when it was shown more meanwhile, all is looked at again
 *
 * All other leases stay. Each of these steps may be done again, so a node that is stopped anywhere
 * comes up fenced and recovers by the same command.
 */
#include "recover.h"

#include <string.h>

#include "agenda.h"
#include "box.h"
#include "commit.h"
#include "detach.h"
#include "ipamdb/query.h"
#include "network.h"
#include "presence.h"

#define FINDINGS_MAX 256 /* at once: what is left is found again */
#define ROWS_MAX 64      /* in one commit; what is left goes into the next */
#define AGAIN_MS 100     /* for a detach, a commit or the core: tens of milliseconds */
#define GIVE_UP_MS 25000 /* the API waits 30 s: its caller hears the reason */

/* Ends of a network's attachment and pools may come on top. */
_Static_assert(ROWS_MAX + 1 + POOLS_MAX < UPDATE_WRITES, "gossip signs them in one command");

static void ask_core(struct node *node, struct op *op, enum agenda_kind kind, enum op_state state)
{
	op->state = state;
	op->deadline = MONO_NEVER;
	agenda_add(node, &(struct agenda_item){.kind = kind, .tag = op->id, .flag = op->flag});
}

void recover_request(struct node *node, const struct node_request *request)
{
	struct op *op = op_new(node, OP_RECOVER, request->tag); /* remembers nothing: request.h */
	struct weft_err err = {0};

	if (node_may_serve(node, &err) != 0) {
		op_fail_err(node, op, &err);
		return;
	}
	op->flag = request->flag;
	op->give_up = mono_add_ms(node->now, GIVE_UP_MS);
	ask_core(node, op, AGENDA_RECOVER, OP_VIEWS);
}

static void note(struct op *op, const struct node_finding *finding)
{
	for (size_t i = 0; i < op->findings.count; i++) {
		const struct node_finding *there = vec_at(&op->findings, i);

		if (id_eq(&there->endpoint, &finding->endpoint) &&
		    inet_eq(&there->address, &finding->address))
			return;
	}
	vec_push(&op->findings, finding);
}

static bool is_box(void *ctx, const struct id *endpoint)
{
	return box_find(ctx, endpoint) != NULL;
}

/* A lease that another node may give away: its box goes, or the lease alone. */
static void drop(struct node *node, struct op *op, const struct ipam_finding *stray)
{
	struct box *box = box_find(node, &stray->endpoint);
	struct network *network = network_find(node, &stray->network);
	struct ipam_request request = {.kind = IPAM_RELEASE,
				       .tag = op->id,
				       .network = stray->network,
				       .addr_count = 1,
				       .addrs = {stray->address},
				       .force = true,
				       .deadline = MONO_NEVER};

	if (box != NULL && box->endpoint.is_host) {
		/* Without an address of its own a host has no boxes in a network. */
		WEFT_ASSERT(network != NULL);
		boxes_end(node, &network->id);
		presence_end(node, network);
	} else if (box != NULL) {
		if (box->op == 0 && box->state == BOX_UP)
			detach_begin(node, box, NULL);
	} else if (op->state != OP_ASKED) {
		op->state = OP_ASKED;
		agenda_add_ipam(node, &request);
	}
}

/* True when leases are left that have to go. */
static bool drop_strays(struct node *node, struct op *op)
{
	struct ipam_finding *found =
	    scratch_take(&node->scratch, FINDINGS_MAX * sizeof(struct ipam_finding));
	size_t count = ipamdb_findings(node->ipamdb, is_box, node, found, FINDINGS_MAX);
	struct id self = gossip_self(node->gossip);
	bool left = false;

	for (size_t i = 0; i < count && i < FINDINGS_MAX; i++) {
		const struct ipam_finding *stray = &found[i];

		if (stray->kind != IPAM_FINDING_STRAY || id_is_zero(&stray->other) ||
		    id_eq(&stray->other, &self))
			continue;
		left = true;
		note(op, &(struct node_finding){.kind = FINDING_STRAY,
						.fixed = true,
						.network = stray->network,
						.endpoint = stray->endpoint,
						.other = stray->other,
						.address = stray->address});
		drop(node, op, stray);
	}
	return left;
}

/* ---- addresses that were in use ---- */

struct forgotten {
	struct node *node;
	struct id self;
	bool any;
};

static bool find_forgotten(void *ctx, const struct row_view *row)
{
	struct forgotten *forgotten = ctx;
	struct id id = row_key_id(row);

	forgotten->any = id_eq(&row->owner, &forgotten->self) && !row->deleted &&
			 box_find(forgotten->node, &id) == NULL;
	return !forgotten->any;
}

/* Lets the addresses of a network cool down before the rows end that say whose they were; false
 * when none need to. */
static bool rest_next(struct node *node, struct op *op)
{
	struct forgotten forgotten = {.node = node, .self = gossip_self(node->gossip)};

	for (size_t i = 0; i < node->networks.count; i++) {
		const struct network *network = network_at(node, i);
		struct ipam_request request = {.kind = IPAM_REST,
					       .tag = op->id,
					       .network = network->id,
					       .deadline = MONO_NEVER};

		forgotten.any = false;
		gossip_rows(node->gossip, &network->id, ROW_ENDPOINT, find_forgotten, &forgotten);
		if (!ipamdb_must_rest(node->ipamdb, &network->id, forgotten.any))
			continue;
		op->state = OP_ASKED;
		agenda_add_ipam(node, &request);
		return true;
	}
	return false;
}

/* ---- rows ---- */

struct search {
	struct node *node;
	struct op *op;
	struct commit *commit;
	struct id self;
};

static bool end_unknown(void *ctx, const struct row_view *row)
{
	static const struct inet no_address;
	struct search *search = ctx;
	struct id id = row_key_id(row);
	struct rec_endpoint rec = {.addr_count = 0};

	if (!id_eq(&row->owner, &search->self) || box_find(search->node, &id) != NULL)
		return true;
	(void)rec_endpoint_decode(row->value, row->value_len, &rec);
	commit_row_of(search->commit, ROW_ENDPOINT, &row->topic, &id, NULL, 0);
	if (!rec.is_host)
		note(search->op, &(struct node_finding){
				     .kind = FINDING_LOST,
				     .fixed = true,
				     .network = row->topic,
				     .endpoint = id,
				     .address = rec.addr_count > 0 ? rec.addrs[0].ip : no_address});
	return search->commit->rows.count < ROWS_MAX;
}

static bool is_covered(struct ipamdb *db, const struct id *network)
{
	struct ipam_net_info info = {.total = 0};
	struct ipam_ring_info part;
	uint64_t covered = 0;

	for (size_t at = 0; ipamdb_ring_next(db, network, &at, &part);)
		if (!part.untold)
			covered +=
			    part.count < UINT64_MAX - covered ? part.count : UINT64_MAX - covered;
	return ipamdb_net(db, network, &info) && covered >= info.total;
}

/* The fact of a network says who held its pools first, also when nobody is left who saw the rows
 * that said so: everybody who holds a part of them has a higher generation. */
static void settle_pools(struct search *search, const struct network *network)
{
	struct row_view rows[POOLS_MAX], there;
	size_t count;

	if (!network->known || network->ended || !id_eq(&network->author, &search->self) ||
	    is_covered(search->node->ipamdb, &network->id))
		return;
	count = ipamdb_network_rows(&network->id, &network->rec, rows);
	for (size_t i = 0; i < count; i++)
		if (!gossip_row(search->node->gossip, &search->self, &id_none, ROW_RANGE,
				rows[i].key, rows[i].key_len, &there))
			commit_row(search->commit, &rows[i]);
}

static void settle_network(struct search *search, struct network *network)
{
	bool told = network_host(network, &search->self) != NULL;

	gossip_rows(search->node->gossip, &network->id, ROW_ENDPOINT, end_unknown, search);
	if (search->commit->rows.count >= ROWS_MAX)
		return;
	if (told && network->presence == PRESENCE_NONE)
		commit_row_of(search->commit, ROW_ATTACHMENT, &id_none, &network->id, NULL, 0);
	else if (!told && network->presence == PRESENCE_UP && network->op == 0)
		presence_commit(search->node, network, search->commit);
	settle_pools(search, network);
}

static void settle_box(struct search *search, const struct box *box)
{
	const struct local_endpoint *endpoint = &box->endpoint;
	struct rec_endpoint rec;
	struct row_view row;

	if (box->state != BOX_UP || box->op != 0)
		return;
	if (gossip_row(search->node->gossip, &search->self, &endpoint->network, ROW_ENDPOINT,
		       endpoint->id.b, ID_BYTES, &row) &&
	    rec_endpoint_decode(row.value, row.value_len, &rec) == 0 &&
	    mac_eq(&rec.mac, &endpoint->mac) && rec.addr_count == endpoint->addr_count &&
	    memcmp(rec.addrs, endpoint->addrs, rec.addr_count * sizeof(rec.addrs[0])) == 0)
		return;
	box_commit(search->commit, box);
}

/* Writes what the rows lack or say too much; false when they are right already. */
static bool settle_rows(struct node *node, struct op *op)
{
	struct search search = {node, op, commit_new(node, op->id), gossip_self(node->gossip)};

	for (size_t i = 0; i < node->networks.count && search.commit->rows.count < ROWS_MAX; i++)
		settle_network(&search, network_at(node, i));
	for (size_t i = 0; i < node->boxes.count && search.commit->rows.count < ROWS_MAX; i++)
		settle_box(&search, box_at(node, i));
	if (search.commit->rows.count == 0) {
		commit_free(node, search.commit);
		return false;
	}
	op->state = OP_ASKED;
	op->deadline = MONO_NEVER;
	commit_queue(node, search.commit);
	return true;
}

/* ---- one after the other ---- */

static void later(struct node *node, struct op *op)
{
	op->state = OP_WAITS;
	op->deadline = mono_add_ms(node->now, AGAIN_MS);
}

void recover_try(struct node *node, struct op *op)
{
	struct weft_err err = {0};

	WEFT_ASSERT(op->kind == OP_RECOVER && op->state == OP_WAITS);
	op->deadline = MONO_NEVER;
	if (node_may_serve(node, &err) != 0) {
		op_fail_err(node, op, &err);
	} else if (mono_is_due(op->give_up, node->now)) {
		op_fail(node, op, WEFT_E_TIMEOUT,
			"what this node may not keep was not withdrawn in time; it stays fenced; "
			"try again");
	} else if (drop_strays(node, op)) {
		if (op->state == OP_WAITS)
			later(node, op);
	} else if (!rest_next(node, op) && !settle_rows(node, op)) {
		ask_core(node, op, AGENDA_RECOVERED, OP_LIFTS);
	}
}

void recover_ipam_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	(void)answer; /* what failed is found again */
	later(node, op);
}

void recover_committed(struct node *node, struct op *op, const struct weft_err *err)
{
	if (err->code == 0 || err->code == WEFT_E_BUSY)
		later(node, op);
	else
		op_fail_err(node, op, err);
}

void recover_gossip_answered(struct node *node, struct op *op, const struct gossip_answer *answer)
{
	WEFT_ASSERT(op->state == OP_VIEWS || op->state == OP_LIFTS);
	if (answer->err.code == 0 && op->state == OP_LIFTS)
		op_finish(node, op);
	else if (answer->err.code == 0 ||
		 (op->state == OP_LIFTS && answer->err.code == WEFT_E_BUSY))
		later(node, op);
	else
		op_fail_err(node, op, &answer->err);
}
