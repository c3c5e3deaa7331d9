/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Leases that end at their host's request. */
#pragma once

#include "flight.h"

/* IPAM_RELEASE and IPAM_RELEASE_ENDPOINT. */
void release_submit(struct ipamdb *db, const struct ipam_request *req);

/* Continuation of FLIGHT_RELEASE. */
void release_durable(struct ipamdb *db, struct flight *flight, int code);
