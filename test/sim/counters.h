/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What happened in a run, counted. A run of many seeds fails when something that must happen never
 * did: a fault that is never injected proves nothing.
 */
#pragma once

/* X(NAME, text, must happen in any run of COVER_SEEDS seeds) */
#define SIM_COUNTERS_WORLD(X) X(STEPS, "steps", true)

#define SIM_COUNTERS_NETWORK(X)                             \
	X(DATAGRAMS, "datagrams", true)                     \
	X(LOST, "lost", true)                               \
	X(DUPLICATED, "duplicated", true)                   \
	X(REORDERED, "reordered", true)                     \
	X(CUT, "cut by a partition", true)                  \
	X(DEAF, "lost on a deaf link", true)                \
	X(SKEWED, "lost on a bad link", true)               \
	X(HOLE, "too large for a link", true)               \
	X(OVERFLOWED, "over a link's capacity", true)       \
	X(CLOGGED, "held by a clogged link", true)          \
	X(HELD, "events held by a machine", true)           \
	X(SOCKET_FULL, "lost at a full socket", false)      \
	X(PARTITIONS, "partitions", true)                   \
	X(CUT_ISLANDS, "partitions into islands", true)     \
	X(CUT_ALONE, "partitions of one alone", true)       \
	X(CUT_ALL, "partitions of everybody", true)         \
	X(CUT_ONE_WAY, "partitions one way", true)          \
	X(CUT_RING, "partitions to a ring", true)           \
	X(CUT_BRIDGE, "partitions with a bridge", true)     \
	X(CUT_FLAPS, "partitions that flap", true)          \
	X(CLOGS, "clogs", true)                             \
	X(STOPPED, "machines stopped", true)                \
	X(SLOWED, "machines slowed", true)                  \
	X(REBOUND, "gateways rebound", true)                \
	X(SWAPPED, "machines that swapped addresses", true) \
	X(MOVED, "machines with new addresses", true)       \
	X(ADVERTISED, "addresses advertised", true)         \
	X(SEEDS_CHANGED, "changes of seeds", true)          \
	X(CLOCK_STEPS, "jumps of a wall clock", true)       \
	X(ATTACKS, "attacks", true)                         \
	X(ATTACK_AGAIN, "attacks: once more", true)         \
	X(ATTACK_OTHER, "attacks: to others", true)         \
	X(ATTACK_CUT, "attacks: cut off", true)             \
	X(ATTACK_FLIP, "attacks: bits flipped", true)       \
	X(ATTACK_REFLECT, "attacks: sent back", true)       \
	X(ATTACK_SPOOF, "attacks: from elsewhere", true)    \
	X(ATTACK_GARBAGE, "attacks: garbage", true)         \
	X(ATTACK_FLOOD, "attacks: flood", true)             \
	X(FLOODS, "floods", true)                           \
	X(KEPT_BACK, "datagrams kept back", true)

#define SIM_COUNTERS_DISK(X)                                \
	X(COMMITS, "commits", true)                         \
	X(COMMIT_FAILED, "failed commits", true)            \
	X(DISK_FULL, "disks full", true)                    \
	X(FULL_REFUSED, "commits on a full disk", true)     \
	X(DISK_STALLS, "disks stalled", true)               \
	X(PLUG_REFUSED, "plugs refused", true)              \
	X(APPLIED_LATE, "entries late in the kernel", true) \
	X(GONE, "namespaces gone", true)                    \
	X(MASS_RESTARTS, "mass restarts", true)             \
	X(BOOT_LOOPS, "boots in a loop", true)              \
	X(GHOSTS, "removed hosts started", false)           \
	X(DISKS_LOST, "disks lost", true)                   \
	X(BACKUPS, "disks saved", true)                     \
	X(DISKS_BACK, "disks that went back", true)         \
	X(FENCED, "fenced for it", true)                    \
	X(RECOVERED, "recovered", true)                     \
	X(COPIES, "disks copied", true)                     \
	X(COPIES_REFUSED, "copies refused", true)           \
	X(ANEW, "reset and joined anew", true)              \
	X(VOID, "reset since refused", false)

#define SIM_COUNTERS_WORKLOAD(X)                      \
	X(CRASHES, "crashes", true)                   \
	X(RESTARTS, "restarts", true)                 \
	X(REBOOTS, "restarts without a marker", true) \
	X(JOINS, "joins", true)                       \
	X(ATTACHED, "attached", true)                 \
	X(ATTACH_REFUSED, "attaches refused", true)   \
	X(DETACHED, "detached", true)                 \
	X(RESERVED, "reserved", true)                 \
	X(MADMEN, "members gone mad", false)          \
	X(MAD_FRAMES, "frames of madmen", false)      \
	X(MISUSES, "misuses", true)                   \
	X(NETWORKS_ENDED, "networks removed", true)   \
	X(ADDRESS_OPS, "address operations", true)    \
	X(RELEASED, "released", true)                 \
	X(LEAVES, "leaves", true)                     \
	X(REMOVALS, "removals", true)

#define SIM_COUNTERS_ALL(X)      \
	SIM_COUNTERS_NETWORK(X)  \
	SIM_COUNTERS_DISK(X)     \
	SIM_COUNTERS_WORKLOAD(X) \
	SIM_COUNTERS_WORLD(X)

#define COVER_SEEDS 200

#define SIM_COUNTER_ENUM(name, text, must) COUNT_##name,

enum sim_counter { SIM_COUNTERS_ALL(SIM_COUNTER_ENUM) COUNT_SIM_END };
