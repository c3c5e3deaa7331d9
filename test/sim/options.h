/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What one seed chose. Each group is drawn from a stream of its own, so that a new option in one
 * does not change what a seed means in the others; --set name=value pins any of them.
 *
 * To add an option: a line in its group here, its draw in the group's function in options.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(type, name, what it means) */
#define SIM_OPTIONS_WORLD(X)                                                             \
	X(uint64_t, hosts, "number of hosts")                                            \
	X(int64_t, chaos_ms, "how long faults and operations go on")                     \
	X(int64_t, calm_ms, "bound for convergence afterwards; 0: what calm.c says")     \
	X(int64_t, join_gap_us,                                                          \
	  "mean time between joins at the beginning; 0: joins are operations")           \
	X(int64_t, cooldown_ms, "how long a released address rests")                     \
	X(bool, settled, "the cluster has stood for long, and all are started at once")  \
	X(bool, busy,                                                                    \
	  "little befalls a few hosts, which take and give back addresses all the time") \
	X(bool, wild, "no limit of who goes mad, and now and then a rush of operations") \
	X(bool, tame, "no disks that go back or are copied, and no member goes mad")     \
	X(bool, plain, "of faults of hosts only crashes, and commits that fail")         \
	X(bool, real_crypto, "libsodium instead of stand-ins")

#define SIM_OPTIONS_NETWORK(X)                                                   \
	X(int64_t, latency_us_min, "fastest delivery")                           \
	X(int64_t, latency_us_max, "slowest delivery")                           \
	X(uint32_t, loss_ppm, "of datagrams, while there is chaos")              \
	X(uint32_t, duplicate_ppm, "of datagrams come twice")                    \
	X(uint32_t, reorder_ppm, "delayed by up to ten latencies more")          \
	X(uint32_t, deaf_ppm, "of links that carry nothing, in one direction")   \
	X(uint32_t, skew_ppm, "of links that are worse than others")             \
	X(uint32_t, skew_loss_ppm, "of datagrams on these are lost")             \
	X(int64_t, skew_delay_us, "at most that much later on these")            \
	X(uint32_t, hole_ppm, "of links that lose large datagrams")              \
	X(uint32_t, hole_bytes, "large there: more than this")                   \
	X(uint32_t, capacity, "datagrams under way to one address; 0: no limit") \
	X(int64_t, weather_gap_ms, "mean time between changes; 0: none")         \
	X(uint32_t, weather_cut, "of changes: a partition")                      \
	X(uint32_t, weather_links, "other links are bad")                        \
	X(uint32_t, weather_clog, "a link holds everything for a while")         \
	X(uint32_t, weather_stop, "a machine stands still for a while")          \
	X(uint32_t, weather_slow, "a machine gets slow, or fast again")          \
	X(uint32_t, weather_nat, "a machine sends from another address")         \
	X(uint32_t, weather_place, "machines change addresses")                  \
	X(uint32_t, weather_clock, "a wall clock jumps")                         \
	X(uint32_t, weather_seeds, "tokens name other seeds")                    \
	X(uint64_t, drift_ppm, "monotonic clocks are wrong by at most this")     \
	X(int64_t, attack_gap_ms, "mean time between attacks; 0: none")          \
	X(uint32_t, attack_record_ppm, "of datagrams are recorded")              \
	X(uint32_t, attack_kinds, "bits of what the attacker does")              \
	X(bool, attack_in_calm, "he goes on when all else is calm")

#define SIM_OPTIONS_DISK(X)                                                  \
	X(uint64_t, spares, "identities that may come after the first ones") \
	X(int64_t, commit_us_max, "slowest commit")                          \
	X(uint32_t, commit_fail_ppm, "of commits fail")                      \
	X(uint32_t, weight_stop, "stops at a chosen commit or send")         \
	X(uint32_t, weight_mass, "restarts of many hosts")                   \
	X(uint32_t, weight_full, "disks that are full for a while")          \
	X(uint32_t, weight_stall, "disks that stall for two seconds")        \
	X(uint32_t, weight_gone, "namespaces deleted under their boxes")     \
	X(uint32_t, weight_lost, "disks lost")                               \
	X(uint32_t, weight_back, "disks that go back in time")               \
	X(uint32_t, weight_copied, "disks copied")                           \
	X(uint32_t, weight_anew, "members reset that left or were removed")  \
	X(bool, guard_all, "after a reboot hosts wait for all, not for one") \
	X(bool, guard_off, "after a reboot hosts wait for nobody")           \
	X(uint32_t, plug_fail_ppm, "of plugs are refused")                   \
	X(uint32_t, plug_hang_ppm, "of plugs hang for long")                 \
	X(uint32_t, apply_late_ppm, "of kernel entries are late or never told")

#define SIM_OPTIONS_WORKLOAD(X)                                                  \
	X(int64_t, op_gap_ms, "mean time between operations of the whole world") \
	X(uint32_t, weight_attach, "of operations")                              \
	X(uint32_t, weight_detach, "of operations")                              \
	X(uint32_t, weight_reserve, "of operations")                             \
	X(uint32_t, weight_crash, "of operations")                               \
	X(uint32_t, weight_restart, "of operations")                             \
	X(uint32_t, weight_partition, "of operations")                           \
	X(uint32_t, weight_heal, "of operations")                                \
	X(uint32_t, weight_leave, "of operations")                               \
	X(uint32_t, weight_remove, "of operations")                              \
	X(uint32_t, weight_mad, "members that go mad")                           \
	X(uint32_t, mad_most, "so many of them go mad at most; 0: no limit")     \
	X(bool, mad_claims, "they lie about who owns which address")             \
	X(uint32_t, weight_confirm, "restart guards that are overridden")        \
	X(uint32_t, weight_admin, "admins made, ended, and that remove others")  \
	X(uint32_t, weight_misuse, "of what should not be done, or not twice")   \
	X(uint32_t, weight_network, "of operations")                             \
	X(uint8_t, pool_bits, "host bits of the pools: small pools run full")

#define SIM_OPTIONS_ALL(X)     \
	SIM_OPTIONS_WORLD(X)   \
	SIM_OPTIONS_NETWORK(X) \
	SIM_OPTIONS_DISK(X)    \
	SIM_OPTIONS_WORKLOAD(X)

#define SIM_HOSTS_LARGE 500
#define SIM_LARGE_EVERY 25 /* one seed in so many has a large world */
#define SIM_HOSTS_LARGER 1000
#define SIM_LARGER_EVERY 1000 /* and of these one in so many seeds one of so many hosts */

#define SIM_OPTION_FIELD(type, name, help) type name;

struct sim_options {
	uint64_t seed;
	SIM_OPTIONS_ALL(SIM_OPTION_FIELD)
};

#define SIM_PINS_MAX 128

/* Values that the command line holds against the draw, in the order given. */
struct sim_pins {
	size_t count;
	struct {
		size_t option;
		int64_t value;
	} pins[SIM_PINS_MAX];
};

/* Reads "name=value"; false for an unknown name or what is not a number. */
bool sim_pins_add(struct sim_pins *pins, const char *text);

/* All choices of a seed; pinned ones (may be NULL) as they were pinned. */
void sim_options_draw(struct sim_options *opt, uint64_t seed, const struct sim_pins *pins);

/* The seed with every option pinned, as a line of a file of seeds. */
void sim_options_line(const struct sim_options *opt);

/* Every option with its value and meaning, one a line. */
void sim_options_print(const struct sim_options *opt);
