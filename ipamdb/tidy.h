/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Keeping the table of ranges small. */
#pragma once

#include "net.h"

/* Merges and collects own rows, gives idle single addresses back; the next time to look. */
struct mono tidy_net(struct ipamdb *db, struct net *net);
