/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Which VNI each network uses. Its fact records one, which its maker saw to be free; only makers
 * who did not hear each other can have recorded one number twice. Then the network of the smallest
 * id keeps it and the others move to the first of their derived numbers (vni_of_network) that
 * nobody recorded and nobody of a smaller id moved to. A pure function of the networks that are
 * there, so hosts that know the same facts agree without a word; when the one that kept the number
 * ends, the next one moves back to what its fact says.
 */
#pragma once

#include "derive.h"
#include "map.h"

struct vni_claim {
	struct id network;
	uint32_t recorded;
	uint32_t used; /* out */
};

/* Fills in used of all claims, which are in order of id; the heap serves for the call only. */
void vnis_assign(struct heap *heap, uint64_t seed, struct vni_claim *claims, size_t count);
