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
void fault_disk_full(struct sim *sim);
void fault_disk_stall(struct sim *sim);
void fault_box_gone(struct sim *sim);

/* SIM_FAULT is due. */
void faults_event(struct sim *sim, const struct sim_event *event);

/* A host was stopped: it may be one that will be started soon. */
void faults_stopped(struct sim *sim, struct sim_host *host);

/* Starts a host that is down; nothing when it runs or never comes back. */
void faults_restart(struct sim *sim, struct sim_host *host);

/* Chaos ends: nothing is armed any more. */
void faults_calm(struct sim *sim);
