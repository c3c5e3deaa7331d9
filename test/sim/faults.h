/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What befalls hosts: stops at chosen moments, restarts of many at once, disks that fill up, stall,
 * are lost, go back in time or are copied. Each is an operation of the workload with a weight of
 * its own; what follows later comes back as SIM_FAULT.
 */
#pragma once

#include "sim.h"

struct sim_event;

/* An operation of the workload: does nothing where it does not fit. */
void fault_stop_point(struct sim *sim);
void fault_mass_restart(struct sim *sim);

/* Who has left, and need tell it no longer, is switched off for good; in chaos one in two. */
void faults_switch_off(struct sim *sim);
void fault_disk_full(struct sim *sim);
void fault_disk_stall(struct sim *sim);
void fault_box_gone(struct sim *sim);

void fault_disk_lost(struct sim *sim);
void fault_backup(struct sim *sim);
void fault_disk_back(struct sim *sim);
void fault_disk_copied(struct sim *sim);
void fault_begin_anew(struct sim *sim);

/* copies.c: is there a copy of which it is not decided yet whether it is one; is there one that
 * runs on alone, since it has found nobody to ask? */
bool copies_any_claims(const struct sim *sim);
bool copies_any_alone(const struct sim *sim);
/* Is there anybody whom a copy can ask, and who knows the original? */
bool copies_has_witness(const struct sim *sim, const struct sim_host *original);
/* Is there one who hears the original, and can whoever the copy asks know of that: the original
 * lives where all look for it, or the copy finds one who hears it? */
bool copies_is_heard_of(struct sim *sim, const struct sim_host *original,
			const struct sim_host *copy);
/* Does what this one sends to where it knows a member arrive there? */
bool copies_reaches_any(struct sim *sim, const struct sim_host *original);
/* Did a copy take this one's place; and it is the member again, and recovered. */
bool copies_took_over(const struct sim *sim, const struct sim_host *original);
void copies_recovered(struct sim *sim, const struct sim_host *original);
/* An operator looks for copies that have been alone for long, and stops them; in calm all. */
void copies_look(struct sim *sim);
void copies_settle(struct sim *sim);

/* misuse.c: requests that are late, double, wrong or race with each other. */
void misuse_op(struct sim *sim);
void misuse_answered(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		     const struct node_answer *answer);
/* A network whose end is on one disk is no network of the world any more. */
void misuse_wrote(struct sim *sim, const struct write *write);

/* admins.c: an operation of admins beside the first host; and what was answered with success. */
void admins_op(struct sim *sim);
void admins_answered(struct sim *sim, const struct sim_host *host,
		     const struct sim_request *request);
/* May this one be the last to know of a removal, or is it about to be? */
bool admins_need(const struct sim *sim, const struct sim_host *host);

/* SIM_FAULT is due. */
void faults_event(struct sim *sim, const struct sim_event *event);

/* A host was stopped: it may be one that will be started soon. */
void faults_stopped(struct sim *sim, struct sim_host *host);

/* Starts a host that is down; nothing when it runs or never comes back. */
void faults_restart(struct sim *sim, struct sim_host *host);
void faults_restart_later(struct sim *sim, struct sim_host *host, uint64_t ms);

/* Chaos ends: nothing is armed any more. */
void faults_calm(struct sim *sim);

/* NODE_RECOVER was answered. */
void faults_recovered(struct sim *sim, struct sim_host *host, const struct node_answer *answer);

/* links.c: with these at other addresses and that one's disk lost (NULL: nobody's), could all
 * members still find each other from what is on their disks? */
bool faults_leave_links(struct sim *sim, struct sim_host *const *movers, size_t mover_count,
			const struct sim_host *lost);

/* Once a second of calm: what became of those who were astray or copies. False, with the reason,
 * while that is open. */
bool faults_settled(struct sim *sim, char *why, size_t why_bytes);
