/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Saying again who came after this node, where the row that said so is in no table any more. */
#pragma once

#include "net.h"

/* Writes the grants that are missing, a few at a time. */
void witness_step(struct ipamdb *db, struct net *net);
