/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A datagram from nowhere: what a node is, knows and keeps is the same after it as before, nothing
 * is written because of it, and whoever has not shown that he receives at his address is sent no
 * more bytes than came from there. That is a sum over what came, from honest people too: a host may
 * have left the first of two datagrams unanswered, and answer the second with more than it has. For
 * each host it is kept what came from where nobody has proved to be, less what was sent there.
 * Certificates, hints and cookies answer the datagram at hand alone: of those there is no sum, and
 * a knock, which is a certificate too, is longer than what it would be an answer to.
 *
 * One thing is news whoever shows it: a certificate that another run of the same identity signed. A
 * node of which there is a copy, or whose disk went back, may fence itself by it.
 *
 * Work that was due anyhow is done first, by ticks at the same instant, so that it is not taken for
 * what the datagram did.
 */
#include <stdlib.h>

#include "checks_parts.h"
#include "gossip/core/wire.h"
#include "network.h"
#include "sim_crypto.h"

#define TICKS_MAX 64
#define FENCE_CLONED 1u
#define FENCE_ALONE 2u

/* Of so many addresses a host's sum is kept, the newest: a flood comes from half as many. Of an
 * older one nothing is excused. */
#define STRANGERS_MAX 256

struct stranger {
	struct hostport at;
	int64_t left; /* of what came from there; below 0: more was sent there */
};

struct strangers {
	uint64_t boot;        /* what was heard before a start, the node does not know */
	struct hostport from; /* of the datagram at work; port 0: something else is */
	size_t bare;          /* of it, answered in certificates, hints and cookies */
	size_t count, next;
	struct stranger *all;
};

void hostile_checks_open(struct sim *sim)
{
	sim->checks->strangers = calloc(sim->host_count, sizeof(struct strangers));
	WEFT_ASSERT(sim->checks->strangers != NULL);
}

void hostile_checks_close(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++)
		free(sim->checks->strangers[i].all);
	free(sim->checks->strangers);
}

static uint64_t fold_in(uint64_t sum, const void *bytes, size_t len)
{
	return sim_hash64(bytes, len, sum);
}

static uint64_t members_print(const struct gossip *gossip)
{
	struct member_info info;
	uint64_t sum = 0;

	for (size_t at = 0; gossip_member_next(gossip, &at, &info);) {
		/* Not its epoch: a certificate is as good whoever shows it. */
		uint64_t numbers[] = {info.state, info.incarnation, (uint64_t)info.heard.ns,
				      info.addr.port};

		sum = fold_in(sum, info.id.b, ID_BYTES);
		sum = fold_in(sum, info.addr.ip.b, sizeof(info.addr.ip.b));
		sum = fold_in(sum, numbers, sizeof(numbers));
	}
	return sum;
}

static uint64_t addresses_print(const struct sim *sim, struct ipamdb *db)
{
	struct ipam_ring_info part;
	struct lease lease;
	uint64_t sum = 0;

	for (size_t n = 0; n < sim->network_count; n++)
		for (size_t at = 0; ipamdb_ring_next(db, &sim->networks[n], &at, &part);) {
			sum = fold_in(sum, part.first.b, sizeof(part.first.b));
			sum = fold_in(sum, part.holder.b, ID_BYTES);
			sum = fold_in(sum, &part.generation, sizeof(part.generation));
		}
	for (size_t at = 0; ipamdb_lease_next(db, &at, &lease);) {
		sum = fold_in(sum, lease.address.b, sizeof(lease.address.b));
		sum = fold_in(sum, lease.endpoint.b, ID_BYTES);
		sum = fold_in(sum, &lease.sequence, sizeof(lease.sequence));
	}
	return sum;
}

/* What a node is, knows and keeps. */
enum {
	PRINT_TABLES,
	PRINT_MEMBERS,
	PRINT_ADDRESSES,
	PRINT_PHASE,
	PRINT_FENCE,
	PRINT_READY,
	PRINTS
};

struct print {
	uint64_t parts[PRINTS];
};

static const char *const print_names[PRINTS] = {"tables", "members", "addresses",
						"phase",  "fences",  "readiness"};

static struct print fingerprint(struct sim *sim, struct sim_host *host)
{
	const struct gossip *gossip = node_gossip(host->node);
	struct print print;

	print.parts[PRINT_TABLES] = gossip_tables_hash(gossip);
	print.parts[PRINT_MEMBERS] = members_print(gossip);
	print.parts[PRINT_ADDRESSES] = addresses_print(sim, node_ipamdb(host->node));
	print.parts[PRINT_PHASE] = (uint64_t)gossip_phase(gossip);
	print.parts[PRINT_FENCE] = (gossip_is_alone(gossip) ? FENCE_ALONE : 0) |
				   (gossip_is_cloned(gossip) ? FENCE_CLONED : 0);
	print.parts[PRINT_READY] = (uint64_t)node_is_ready(host->node);
	return print;
}

/* Has it learnt from a certificate that there is another run of it? Then it also claims a higher
 * epoch, which is written. */
static bool fences_itself(const struct sim_host *host, const struct print *before,
			  const struct print *after)
{
	return host->was_astray && !(before->parts[PRINT_FENCE] & FENCE_CLONED) &&
	       after->parts[PRINT_FENCE] == (before->parts[PRINT_FENCE] | FENCE_CLONED);
}

/* What differs; NULL when nothing does. */
static const char *prints_differ(const struct print *a, const struct print *b)
{
	for (size_t i = 0; i < PRINTS; i++)
		if (a->parts[i] != b->parts[i])
			return print_names[i];
	return NULL;
}

/* Does what is due; false when the node always has more to do, or was stopped amid it. */
static bool settle(struct sim *sim, struct sim_host *host)
{
	uint64_t boot = host->boot;

	for (int i = 0; i < TICKS_MAX; i++) {
		struct node_event tick = {.kind = NODE_EV_TICK};

		if (clock_due(&host->clock, node_deadline(host->node)).ns > sim->now.ns)
			return true;
		host_event(sim, host, &tick);
		if (host->boot != boot || sim->failed)
			return false;
	}
	return false;
}

/* Is this where a member says in its record that it lives? Others go there of themselves. */
static bool is_home(struct sim_host *host, const struct id *member, const struct hostport *at)
{
	static const struct id everywhere;
	struct rec_member rec;
	struct row_view row;

	return gossip_row(node_gossip(host->node), member, &everywhere, ROW_MEMBER, NULL, 0,
			  &row) &&
	       rec_member_decode(row.value, row.value_len, &rec) == 0 &&
	       hostport_eq(&rec.gossip, at);
}

/* Does it repeat the 64 random bits of a knock, from where that went? */
static bool answers_knock(const struct sim_host *host, const struct hostport *from,
			  const uint8_t *bytes, size_t len)
{
	return (bytes[0] & 0x0f) == DGRAM_CERT && len >= WIRE_HEADER_BYTES &&
	       hostport_eq(from, &host->knocked) && wire_get(bytes + 12, 8) == host->knock;
}

/* Does a member live there? */
static bool is_members(struct sim_host *host, const struct hostport *at)
{
	struct member_info info;

	for (size_t i = 0; gossip_member_next(node_gossip(host->node), &i, &info);)
		if (hostport_eq(&info.addr, at) || is_home(host, &info.id, at))
			return true;
	return false;
}

/* Has whoever sent this shown before that he receives there: as a member that lives there, or by
 * the cookie that he was sent? A joiner takes a cookie only with the 64 random bits of the greeting
 * that it sent there itself; a bit that was flipped elsewhere in it does not make it another's. */
static bool is_proven(struct sim_host *host, const struct hostport *from, const uint8_t *bytes,
		      enum hostile hostile)
{
	if (((bytes[0] & 0x0f) == DGRAM_PROOF && hostile == HOSTILE_AGAIN) ||
	    ((bytes[0] & 0x0f) == DGRAM_COOKIE && hostile != HOSTILE_MADE_UP))
		return true;
	return is_members(host, from);
}

/* --- what came from where --------------------------------------------------------------------- */

static struct stranger *stranger_find(struct sim *sim, const struct sim_host *host,
				      const struct hostport *at)
{
	struct strangers *strangers = &sim->checks->strangers[host->index];

	if (strangers->boot != host->boot)
		strangers->count = strangers->next = 0;
	strangers->boot = host->boot;
	for (size_t i = 0; i < strangers->count; i++)
		if (hostport_eq(&strangers->all[i].at, at))
			return &strangers->all[i];
	return NULL;
}

static struct stranger *stranger_add(struct sim *sim, const struct sim_host *host,
				     const struct hostport *at)
{
	struct strangers *strangers = &sim->checks->strangers[host->index];
	struct stranger *stranger;

	if (strangers->all == NULL)
		strangers->all = calloc(STRANGERS_MAX, sizeof(*strangers->all));
	WEFT_ASSERT(strangers->all != NULL);
	stranger = &strangers->all[strangers->next];
	strangers->next = (strangers->next + 1) % STRANGERS_MAX;
	if (strangers->count < STRANGERS_MAX)
		strangers->count++;
	*stranger = (struct stranger){.at = *at};
	return stranger;
}

/* Does this host know him who lives there now to live there? Where it takes somebody else to live,
 * that one may move, and the sum counts again. */
static bool knows_where(struct sim *sim, const struct sim_host *host, const struct hostport *at)
{
	const struct sim_host *sender = simnet_host(sim, at);
	struct member_info info;

	return sender && gossip_member(node_gossip(host->node), &sender->id, &info) &&
	       hostport_eq(&info.addr, at);
}

void hostile_event(struct sim *sim, const struct sim_host *host, const struct node_event *event)
{
	struct strangers *strangers = &sim->checks->strangers[host->index];
	struct stranger *stranger;

	strangers->from = (struct hostport){.port = 0};
	strangers->bare = 0;
	if (event->kind != NODE_EV_DATAGRAM)
		return;
	strangers->from = event->from;
	stranger = stranger_find(sim, host, &event->from);
	if (knows_where(sim, host, &event->from)) {
		if (stranger)
			stranger->left = 0;
		return;
	}
	if (!stranger)
		stranger = stranger_add(sim, host, &event->from);
	/* What was sent too much is judged at once or not at all. */
	if (stranger->left < 0)
		stranger->left = 0;
	/* The answer to a knock may be met with as many bytes as that had. */
	stranger->left += answers_knock(host, &event->from, event->bytes, event->len)
			      ? DATAGRAM_BYTES_MAX
			      : (int64_t)event->len;
	/* No answer is longer than a datagram, however much came before. */
	if (stranger->left > DATAGRAM_BYTES_MAX)
		stranger->left = DATAGRAM_BYTES_MAX;
}

void hostile_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	struct strangers *strangers = &sim->checks->strangers[host->index];

	for (size_t i = 0; i < update->send_count; i++) {
		const struct gossip_send *send = &update->sends[i];
		const bool answers = hostport_eq(&send->to, &strangers->from);
		const unsigned type = send->bytes[0] & 0x0f;
		struct stranger *stranger;

		if (type == DGRAM_CERT && send->len == DATAGRAM_BYTES_MAX) {
			host->knocked = send->to;
			host->knock = wire_get(send->bytes + 12, 8);
			/* Of itself a node may knock wherever it looks for somebody. */
			if (!answers)
				continue;
		}
		/* Nearly all goes to members where they are, and to look for those costs most. */
		if (knows_where(sim, host, &send->to))
			continue;
		stranger = stranger_find(sim, host, &send->to);
		if (!stranger || is_members(host, &send->to))
			continue;
		stranger->left -= (int64_t)send->len;
		if (answers && (type == DGRAM_CERT || type == DGRAM_COOKIE))
			strangers->bare += send->len;
	}
}

void hostile_judge(struct sim *sim, const struct sim_host *host, const struct node_event *event)
{
	const struct stranger *stranger = stranger_find(sim, host, &event->from);
	const size_t bare = sim->checks->strangers[host->index].bare;

	if (stranger && stranger->left < 0)
		check_fail(sim, CHECKER_REPLAY,
			   "host %zu answers a datagram of type %x with %zu bytes: %lld more than "
			   "came from there",
			   host->index, event->bytes[0], event->len, (long long)-stranger->left);
	else if (stranger && bare > event->len)
		check_fail(sim, CHECKER_REPLAY,
			   "host %zu answers a datagram of type %x with %zu bytes: %zu in "
			   "certificates or cookies",
			   host->index, event->bytes[0], event->len, bare);
}

/* --- a hostile datagram ----------------------------------------------------------------------- */

void check_hostile(struct sim *sim, struct sim_host *host, const struct hostport *from,
		   const uint8_t *bytes, size_t len, enum hostile hostile)
{
	struct node_event event = {
	    .kind = NODE_EV_DATAGRAM, .from = *from, .bytes = bytes, .len = len, .ok = true};
	uint64_t boot = host->boot;
	struct sim_commit **commits;
	struct print before, after;
	const char *changed;
	bool proven, fenced;

	/* What leaves a mad host is not what its node has sent. */
	if (host->mad) {
		host_event(sim, host, &event);
		return;
	}
	if (!settle(sim, host))
		return;
	check_look(sim, CHECKER_REPLAY);
	commits = host->commits_end;
	proven = answers_knock(host, from, bytes, len) || is_proven(host, from, bytes, hostile);
	before = fingerprint(sim, host);
	host_event(sim, host, &event);
	if (host->boot != boot || sim->failed)
		return;
	after = fingerprint(sim, host);
	fenced = fences_itself(host, &before, &after);
	if (fenced) {
		before.parts[PRINT_FENCE] = after.parts[PRINT_FENCE];
		before.parts[PRINT_READY] = after.parts[PRINT_READY];
	}
	changed = prints_differ(&before, &after);
	if (changed)
		check_fail(sim, CHECKER_REPLAY, "host %zu has other %s after a datagram of type %x",
			   host->index, changed, bytes[0]);
	else if (host->commits_end != commits && !fenced)
		check_fail(sim, CHECKER_REPLAY, "host %zu writes after a datagram of type %x",
			   host->index, bytes[0]);
	else if (!proven)
		hostile_judge(sim, host, &event);
}
