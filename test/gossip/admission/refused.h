/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Node 3, which node 1 admitted while few could hear of it (cluster_admit_unheard), and what others
 * say to it when that one is removed.
 */
#pragma once

#include "test/gossip/cluster.h"

/* Is it fenced, as it does not count; is it not; does its disk say so? */
bool refused_is_fenced(struct cluster *c);
bool refused_is_free(struct cluster *c);
bool refused_is_noted(struct cluster *c);

/* Node 0 removes node 1, which has died; node 3 can be heard again. */
void refused_lose_admitter(struct cluster *c);

/* Gives node n the removal of node 1, and nothing else of what node 0 knows. */
void refused_tell(struct cluster *c, size_t n);

/* A step of node n in which all is seen to that was changed beside it. */
void refused_step(struct cluster *c, size_t n);

/* Node 3 starts again. */
void refused_restart(struct cluster *c);
