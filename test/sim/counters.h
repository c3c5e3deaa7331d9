/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What happened in a run, counted. A run of many seeds fails when something that must happen never
 * did: a fault that is never injected proves nothing.
 */
#pragma once

/* Does it happen in any run of COVER_SEEDS seeds? MUST_BUT_TAME: unless they are tame;
 * MUST_IN_LONG: if they are COVER_SEEDS_LONG. */
enum must { MAY, MUST, MUST_BUT_TAME, MUST_IN_LONG };

/* X(NAME, text, enum must) */
#define SIM_COUNTERS_WORLD(X)                                          \
	X(STEPS, "steps", MUST)                                        \
	X(WORLDS_LARGER, "worlds of 1,000 hosts", MUST_IN_LONG)        \
	X(WORLDS_SETTLED, "worlds that stood for long", MUST)          \
	X(WORLDS_CRYPTO, "worlds with real keys", MUST)                \
	X(WORLDS_GUARD_ALL, "worlds that wait for all", MUST_BUT_TAME) \
	X(WORLDS_GUARD_OFF, "worlds that wait for nobody", MUST)       \
	X(CLOCKS_DRIFT, "clocks that drift", MUST)

#define SIM_COUNTERS_NETWORK(X)                               \
	X(DATAGRAMS, "datagrams", MUST)                       \
	X(LOST, "lost", MUST)                                 \
	X(DUPLICATED, "duplicated", MUST)                     \
	X(REORDERED, "reordered", MUST)                       \
	X(CUT, "cut by a partition", MUST)                    \
	X(DEAF, "lost on a deaf link", MUST)                  \
	X(SKEWED, "lost on a bad link", MUST)                 \
	X(HOLE, "too large for a link", MUST)                 \
	X(OVERFLOWED, "over a link's capacity", MUST)         \
	X(CLOGGED, "held by a clogged link", MUST)            \
	X(HELD, "events held by a machine", MUST)             \
	X(SOCKET_FULL, "lost at a full socket", MUST_IN_LONG) \
	X(PARTITIONS, "partitions", MUST)                     \
	X(CUT_ISLANDS, "partitions into islands", MUST)       \
	X(CUT_ALONE, "partitions of one alone", MUST)         \
	X(CUT_ALL, "partitions of everybody", MUST)           \
	X(CUT_ONE_WAY, "partitions one way", MUST)            \
	X(CUT_RING, "partitions to a ring", MUST)             \
	X(CUT_BRIDGE, "partitions with a bridge", MUST)       \
	X(CUT_FLAPS, "partitions that flap", MUST)            \
	X(CLOGS, "clogs", MUST)                               \
	X(STOPPED, "machines stopped", MUST)                  \
	X(SLOWED, "machines slowed", MUST)                    \
	X(REBOUND, "gateways rebound", MUST)                  \
	X(SWAPPED, "machines that swapped addresses", MUST)   \
	X(MOVED, "machines with new addresses", MUST)         \
	X(ADVERTISED, "addresses advertised", MUST)           \
	X(SEEDS_CHANGED, "changes of seeds", MUST)            \
	X(CLOCK_STEPS, "jumps of a wall clock", MUST)         \
	X(WEATHER_HELD, "changes held back for a copy", MAY)  \
	X(ATTACKS, "attacks", MUST)                           \
	X(ATTACK_AGAIN, "attacks: once more", MUST)           \
	X(ATTACK_OTHER, "attacks: to others", MUST)           \
	X(ATTACK_CUT, "attacks: cut off", MUST)               \
	X(ATTACK_FLIP, "attacks: bits flipped", MUST)         \
	X(ATTACK_REFLECT, "attacks: sent back", MUST)         \
	X(ATTACK_SPOOF, "attacks: from elsewhere", MUST)      \
	X(ATTACK_GARBAGE, "attacks: garbage", MUST)           \
	X(ATTACK_FLOOD, "attacks: flood", MUST)               \
	X(ATTACK_STALE, "attacks: at a later run", MUST)      \
	X(FLOODS, "floods", MUST)                             \
	X(KEPT_BACK, "datagrams kept back", MUST)

#define SIM_COUNTERS_DISK(X)                                 \
	X(COMMITS, "commits", MUST)                          \
	X(COMMIT_FAILED, "failed commits", MUST)             \
	X(DISK_FULL, "disks full", MUST)                     \
	X(FULL_REFUSED, "commits on a full disk", MUST)      \
	X(DISK_STALLS, "disks stalled", MUST)                \
	X(MADE_AHEAD, "veths made ahead", MUST)              \
	X(UNMADE, "veths taken back", MUST)                  \
	X(PLUG_REFUSED, "plugs refused", MUST)               \
	X(PLUG_HUNG, "plugs that hung", MUST)                \
	X(PLUGGED_LATE, "plugs done after all", MUST)        \
	X(UNPLUGGED_FOUND, "never plugged", MUST_IN_LONG)    \
	X(APPLIED_LATE, "entries late in the kernel", MUST)  \
	X(GONE, "namespaces gone", MUST)                     \
	X(MASS_RESTARTS, "mass restarts", MUST)              \
	X(STOP_BEFORE_COMMIT, "stops before a commit", MUST) \
	X(STOP_AFTER_COMMIT, "stops after a commit", MUST)   \
	X(STOP_BEFORE_SEND, "stops before a send", MUST)     \
	X(STOP_AFTER_SEND, "stops after a send", MUST)       \
	X(STOP_LEAVING, "crashes amid a leave", MUST)        \
	X(BOOT_LOOPS, "boots in a loop", MUST)               \
	X(GHOSTS, "removed hosts started", MUST_IN_LONG)     \
	X(DISKS_LOST, "disks lost", MUST)                    \
	X(BACKUPS, "disks saved", MUST_BUT_TAME)             \
	X(DISKS_BACK, "disks that went back", MUST_BUT_TAME) \
	X(FENCED, "fenced for it", MUST_BUT_TAME)            \
	X(RECOVERED, "recovered", MUST_BUT_TAME)             \
	X(COPIES, "disks copied", MUST_BUT_TAME)             \
	X(COPIES_REFUSED, "copies refused", MUST_BUT_TAME)   \
	X(COPIES_ALONE, "copies alone for long", MAY)        \
	X(ANEW, "reset and joined anew", MUST)               \
	X(VOID, "reset since refused", MAY)

#define SIM_COUNTERS_WORKLOAD(X)                                          \
	X(CRASHES, "crashes", MUST)                                       \
	X(RESTARTS, "restarts", MUST)                                     \
	X(REBOOTS, "restarts without a marker", MUST)                     \
	X(JOINS, "joins", MUST)                                           \
	X(ATTACHED, "attached", MUST)                                     \
	X(ATTACH_REFUSED, "attaches refused", MUST)                       \
	X(DETACHED, "detached", MUST)                                     \
	X(RESERVED, "reserved", MUST)                                     \
	X(MADMEN, "members gone mad", MUST_BUT_TAME)                      \
	X(MAD_FRAMES, "frames of madmen", MUST_BUT_TAME)                  \
	X(MAD_LIES, "lies of madmen that could be true", MUST_BUT_TAME)   \
	X(MAD_CLAIMS, "claims of madmen to space", MAY)                   \
	X(MISUSES, "misuses", MUST)                                       \
	X(MISUSE_DETACH_FOREIGN, "misuses: others' boxes detached", MUST) \
	X(MISUSE_DETACH_TWICE, "misuses: detached twice", MUST)           \
	X(MISUSE_ATTACH, "misuses: addresses named", MUST)                \
	X(MISUSE_RESERVE, "misuses: addresses reserved", MUST)            \
	X(MISUSE_RELEASE, "misuses: late releases", MUST)                 \
	X(MISUSE_RELEASE_LIVE, "misuses: releases of what is up", MUST)   \
	X(MISUSE_NETWORK_RM, "misuses: networks removed", MUST)           \
	X(MISUSE_NETWORK_TWICE, "misuses: twin networks", MUST)           \
	X(NETWORKS_ENDED, "networks removed", MUST)                       \
	X(ADDRESS_OPS, "address operations", MUST)                        \
	X(RELEASED, "released", MUST)                                     \
	X(CONFIRMED, "guards overridden", MUST)                           \
	X(CONFIRMED_LEASED, "leases before a sync, then", MUST)           \
	X(CONFIRMED_FENCED, "overridden, but fenced", MUST_BUT_TAME)      \
	X(ADMINS, "admins made", MUST)                                    \
	X(ADMINS_ENDED, "admins ended", MUST_IN_LONG)                     \
	X(SECOND_REMOVALS, "removals by second admins", MUST)             \
	X(SECOND_ENDED, "removals of second admins", MUST_IN_LONG)        \
	X(SECOND_REFUSED, "asked of who is no admin", MUST_IN_LONG)       \
	X(LEAVES, "leaves", MUST)                                         \
	X(REMOVALS, "removals", MUST)

#define SIM_COUNTERS_ALL(X)      \
	SIM_COUNTERS_NETWORK(X)  \
	SIM_COUNTERS_DISK(X)     \
	SIM_COUNTERS_WORKLOAD(X) \
	SIM_COUNTERS_WORLD(X)

#define COVER_SEEDS 200
#define COVER_SEEDS_LONG 1000

#define SIM_COUNTER_ENUM(name, text, must) COUNT_##name,

enum sim_counter { SIM_COUNTERS_ALL(SIM_COUNTER_ENUM) COUNT_SIM_END };
