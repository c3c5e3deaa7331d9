/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the files of the checkers share; the door is checks.h. */
#pragma once

#include "gossip/base/check.h"
#include "gossip/base/map.h"
#include "ipamdb/query.h"
#include "sim.h"

struct rows_checks;
struct member_checks;
struct wire_checks;
struct range_checks;
struct lease_checks;
struct strangers;
struct ports;

struct checks {
	uint64_t looks[CHECKER_COUNT];
	struct mono second;       /* when the world is looked over next */
	uint64_t look_at;         /* the step from which insides are looked at again */
	struct mono disturbed_at; /* the last moment at which links or everybody were disturbed */
	struct map hosts;         /* struct known_host: who has which id */
	struct rows_checks *rows;
	struct member_checks *members;
	struct wire_checks *wire;
	struct range_checks *ranges;
	struct lease_checks *leases;
	struct strangers *strangers; /* by the host's index */
	struct ports *ports;         /* by the host's index */
};

struct known_host {
	struct id id;
	size_t index;
};

/* The host that has, or had, this id; NULL for nobody. */
struct sim_host *check_host(struct sim *sim, const struct id *id);

/* It is in the cluster, runs and was not removed. */
bool check_takes_part(const struct sim_host *host);

/* Was removed, or is nobody: what it holds and leases does not count. */
bool check_is_off(const struct sim_host *host);

/* Was removed, left, or is nobody: what it owned may be taken over by others. */
bool check_is_gone(const struct sim_host *host);

/* Observers of which every change is kept in mind: all in a small world, some in a large one. */
bool check_is_observer(const struct sim *sim, const struct sim_host *host);

/* checks_void.c: looks for hosts whose admission counts nowhere; true when there are more of them
 * than before. */
bool voids_look(struct sim *sim);

/* checks_rows.c */
void rows_checks_open(struct sim *sim);
void rows_checks_close(struct sim *sim);
void rows_start(struct sim *sim, struct sim_host *host);
void rows_update(struct sim *sim, struct sim_host *host, const struct node_update *update);
void rows_write(struct sim *sim, struct sim_host *host, const struct write *write);

void rows_replaced(struct sim *sim, struct sim_host *host);

/* Was exactly this row on its author's disk at any time? */
bool rows_were_durable(const struct sim *sim, const struct row_view *row);

/* checks_members.c */
void members_checks_open(struct sim *sim);
void members_checks_close(struct sim *sim);
void members_start(struct sim *sim, struct sim_host *host);
void members_update(struct sim *sim, struct sim_host *host, const struct node_update *update);
void members_write(struct sim *sim, struct sim_host *host, const struct write *write);
void members_second(struct sim *sim);
void members_replaced(struct sim *sim, struct sim_host *host);

/* checks_promises.c */
void promises_update(struct sim *sim, struct sim_host *host, const struct node_update *update);

/* checks_wire.c */
void wire_checks_open(struct sim *sim);
void wire_checks_close(struct sim *sim);
void wire_event(struct sim *sim, struct sim_host *host, const struct node_event *event);
void wire_update(struct sim *sim, struct sim_host *host, const struct node_update *update);
void wire_second(struct sim *sim);

/* What a node has of what could grow for ever. */
struct gauges {
	uint64_t rows, used, frames, queued;
};
void gauges_judge(struct sim *sim, const struct sim_host *host, const struct gauges *gauges,
		  uint64_t members);

/* checks_hostile.c: what came from where nobody has proved to be, and what was sent there. */
void hostile_checks_open(struct sim *sim);
void hostile_checks_close(struct sim *sim);
void hostile_event(struct sim *sim, const struct sim_host *host, const struct node_event *event);
void hostile_update(struct sim *sim, struct sim_host *host, const struct node_update *update);
/* Fails when more was sent to where this datagram came from than came from there. */
void hostile_judge(struct sim *sim, const struct sim_host *host, const struct node_event *event);

/* checks_ranges.c */
void range_checks_open(struct sim *sim);
void range_checks_close(struct sim *sim);
void ranges_commit(struct sim *sim, struct sim_host *host, const struct sim_commit *commit);
void ranges_second(struct sim *sim);

/* How a node stands to an address, by all rows on all disks. */
enum range_standing {
	RANGE_UNKNOWN = 0, /* of no pool that is followed */
	RANGE_FOREIGN,
	RANGE_GRANTED, /* granted to it; its own row is not durable */
	RANGE_OWN,
};
enum range_standing ranges_standing(struct sim *sim, const struct id *self,
				    const struct id *network, const struct inet *address);

/* Has this address its new owner since everybody forgot what gave it to the old one? What nobody
 * can show any more is taken back first (checks_forgotten.c). */
bool ranges_forgot(struct sim *sim, const struct id *old, const struct id *owner,
		   const struct id *network, const struct inet *address);

/* checks_lies.c: has a madman claimed this address of the network, or any (NULL)? */
bool check_was_lied_of(struct sim *sim, const struct id *network, const struct inet *address);
/* Had a madman all these addresses, by what is durable? */
bool check_is_madmans(struct sim *sim, const struct id *network, const struct inet *first,
		      const struct inet *last);

/* checks_leases.c */
void lease_checks_open(struct sim *sim);
void lease_checks_close(struct sim *sim);
void lease_start_look(struct sim *sim, struct sim_host *host, bool marker_ok);
void lease_commit_look(struct sim *sim, struct sim_host *host, const struct sim_commit *commit);
void lease_event_look(struct sim *sim, struct sim_host *host, const struct node_event *event);
void lease_update_look(struct sim *sim, struct sim_host *host, const struct node_update *update);
/* All leases of a host have ended: it was removed, or its disk is another one. */
void leases_end(struct sim *sim, struct sim_host *host, bool forgotten);
void lease_write_look(struct sim *sim, struct sim_host *host, const struct write *write);

/* checks_forgotten.c: is this a lease of one whose copy took its place, and nobody else knows it?
 */
bool lease_is_unheard(struct sim *sim, const struct sim_owner *owner);

/* checks_ports.c */
void ports_checks_open(struct sim *sim);
void ports_checks_close(struct sim *sim);
void ports_start(struct sim *sim, struct sim_host *host, bool marker_ok);
void ports_second(struct sim *sim);
