/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Where the nodes of a world get their pages: one arena of large chunks that the system fills in
 * when they are touched, so that the wide arrays of thousands of nodes cost what is used of them.
 */
#pragma once

#include "gossip/base/heap.h"

struct sim_pages;

struct sim_pages *sim_pages_new(void);

/* Gives everything back at once, whoever still holds some. */
void sim_pages_free(struct sim_pages *pages);

struct page_source sim_pages_source(struct sim_pages *pages);
