/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The checkers: what must hold in a world whatever happens in it. Each has a name, which failures
 * print and which the mutants are killed by, and looks at transitions: an event before a node takes
 * it, the update that comes out, a commit on a disk, an answer, a start. What is compared over the
 * whole world is looked at once a second and when all is calm.
 */
#pragma once

#include "model.h"

struct sim;
struct gossip_change;

/* X(NAME, "name", what it holds the world to) */
#define SIM_CHECKERS(X)                                                                            \
	X(VERSION_BACK, "version-never-back", "what an observer shows of a row only gets newer")   \
	X(SAME_BYTES, "same-version-same-bytes", "a version of a row is one text everywhere")      \
	X(WRITTEN, "row-of-its-owner", "nobody shows a row that its owner did not write")          \
	X(RESURRECTION, "no-resurrection", "no deleted row returns with an older version")         \
	X(ADVERTISED, "advertised-is-durable", "what others see of a node is on its disk")         \
	X(OWN_LOST, "own-rows-survive", "after a start a node knows all it ever told")             \
	X(INCARNATION, "incarnation-rises", "a stored epoch or incarnation never gets smaller")    \
	X(SELF_DEAD, "never-dead-to-itself", "a running node does not take itself for dead")       \
	X(FALSE_FAILED, "healthy-not-failed", "who runs and is connected is not declared failed")  \
	X(FAILED_LONG, "alive-soon-again", "nobody alive is failed for longer than the bound")     \
	X(ALIVE_LONG, "dead-soon-failed", "nobody dead is alive for longer than the bound")        \
	X(REMOVED_HEARD, "removed-unheard", "who knows a removal hears the removed no more")       \
	X(MTU, "datagram-fits", "no datagram is longer than a datagram may be")                    \
	X(RATE, "bytes-in-budget", "a node sends no more bytes a second than its budget")          \
	X(QUEUES, "queues-in-caps", "what waits to be sent stays below its caps")                  \
	X(STORM, "no-storm", "what happens in one second is bounded by the number of hosts")       \
	X(MEMORY, "memory-in-cap", "a node's memory follows from what it must know")               \
	X(REPLAY, "replay-changes-nothing", "a datagram that came before changes nothing")         \
	X(ONE_LEASE, "one-lease-an-address", "no address is leased by two members")                \
	X(GENERATION, "one-holder-a-generation", "no generation of an address has two holders")    \
	X(TRANSFER, "transfer-is-atomic", "a range is written only over what its author may give") \
	X(OWN_RANGE, "lease-from-own-range", "leases come from ranges whose own row is durable")   \
	X(OWNERSHIP, "ownership-never-back", "dropping rows moves no ownership")                   \
	X(SUMS, "sums-fit-pool", "the sums over a network add up")                                 \
	X(COOLING, "cooling-is-kept", "an address is leased again only when it has cooled down")   \
	X(FENCED, "fenced-leases-nothing", "who is fenced or guarded leases and grants nothing")   \
	X(WORD, "word-stands-on-disk", "what a node's word goes by is on its disk before")         \
	X(NAMED, "leaver-names-all", "who leaves has named all whom it knew")                      \
	X(LEFT_BACK, "left-stays-left", "who left is never taken for a member again")              \
	X(TOLD, "told-after-commit", "an answer tells only what is durable")                       \
	X(PORTS, "made-ahead-is-used", "what is made ahead of an attach is plugged or goes")       \
	X(ANSWERED, "answered-in-time", "every request is answered within its bound")              \
	X(CONVERGED, "tables-equal", "after calm everybody shows the same")

#define SIM_CHECKER_ENUM(name, text, says) CHECKER_##name,

enum checker { SIM_CHECKERS(SIM_CHECKER_ENUM) CHECKER_COUNT };

struct checks;

const char *checker_name(enum checker checker);
const char *checker_says(enum checker checker);

/* How often a checker had something to judge in this world: what it excuses does not count. */
uint64_t checker_looks(const struct checks *checks, enum checker checker);

/* Counts a look of a checker at what it would not let pass. */
void check_look(struct sim *sim, enum checker checker);

/* A failure of this checker, with what was seen; the first of a run is kept. */
void check_fail(struct sim *sim, enum checker checker, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void checks_open(struct sim *sim);
void checks_close(struct sim *sim);

/* Hooks, in the order of a host's life. */
void check_start(struct sim *sim, struct sim_host *host, bool marker_ok); /* loaded, not started */
void check_event(struct sim *sim, struct sim_host *host, const struct node_event *event);
void check_update(struct sim *sim, struct sim_host *host, const struct node_update *update);
void check_answer(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		  const struct node_answer *answer);
void check_write(struct sim *sim, struct sim_host *host, const struct write *write);
void check_commit(struct sim *sim, struct sim_host *host, const struct sim_commit *commit);
void check_step(struct sim *sim, struct sim_host *host);

/* Faults that excuse what healthy hosts are held to: this host (NULL: everybody) is disturbed now.
 */
void check_disturbed(struct sim *sim, struct sim_host *host);

/* The host's disk is another one from now on: older, empty, or that of another host. What it had
 * told may be lost with it; all else holds as before. */
void check_disk_replaced(struct sim *sim, struct sim_host *host);

/* How many datagrams and frames a host has dropped. */
uint64_t check_drops(const struct sim_host *host);

/* What a datagram of somebody without keys is. */
enum hostile {
	HOSTILE_MADE_UP, /* or misdirected: from or to another address than the recorded one's */
	HOSTILE_CHANGED, /* of a recorded one, on its own way */
	HOSTILE_AGAIN,   /* a recorded one whole, on its own way */
};

/* Nothing may change, and its source is not sent more than ever came from it, nor more in
 * certificates and cookies than this datagram has. */
void check_hostile(struct sim *sim, struct sim_host *host, const struct hostport *from,
		   const uint8_t *bytes, size_t len, enum hostile hostile);

/* A row that its owner wrote in another way than through its node: a mad owner. */
void check_wrote(struct sim *sim, const struct row_view *row, bool durable);

/* checks_lies.c: a madman signs that this space is his, or somebody's whom he gave it to. */
void check_lied(struct sim *sim, const struct id *network, const struct prefix *range);

/* True when every live node agrees with every other; why names the first difference. */
bool check_converged(struct sim *sim, char *why, size_t why_bytes);
void check_requests(struct sim *sim);

/* checks_rows.c: was this member's record on that one's disk at its start, or has it been shown
 * since? Of observers (all hosts of a small world); false of others. */
bool rows_show_member(const struct sim *sim, const struct sim_host *by,
		      const struct sim_host *member);

/* checks_ports.c: what a node asks of its kernel, what that has done to an endpoint's port, and
 * whether each is explained when all is calm. */
void ports_work(struct sim *sim, struct sim_host *host, const struct node_work *work);
void ports_done(struct sim *sim, struct sim_host *host, const struct id *id, bool stands);
bool ports_has(struct sim *sim, const struct sim_host *host, const struct id *id);
bool ports_agree(struct sim *sim, char *why, size_t why_bytes);

/* checks_ipam.c: addresses when all is calm. */
bool check_rings(struct sim *sim, const struct id *network, char *why, size_t why_bytes);
bool check_sums(struct sim *sim, const struct id *network, char *why, size_t why_bytes);
bool check_leases(struct sim *sim, char *why, size_t why_bytes);
