/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The rows of the table of metrics, see metrics.h. */
#pragma once

/* X(name, GAUGE or COUNTER, its label or labels or NULL, help) */
/* clang-format off: a row is a line */
#define METRICS(X)                                                                              \
	X(info, GAUGE, "version", "version of this daemon")                                     \
	X(start_time_seconds, GAUGE, NULL, "when this daemon started")                          \
	X(loop_lag_seconds, GAUGE, NULL, "longest turn of the loop in the last minute")         \
	X(loop_own_seconds, GAUGE, NULL, "the same without what weftd waited for a processor")  \
	X(fenced, GAUGE, NULL, "1 while this node is fenced: weft status says why")             \
	X(isolated, GAUGE, NULL, "1 while no other member is heard")                            \
	X(guarded, GAUGE, NULL, "1 while new leases wait for a member after a reboot")          \
	X(sync_age_seconds, GAUGE, NULL,                                                        \
	  "since the last comparison with a member that ended in sync")                         \
	X(members, GAUGE, "state", "members by state")                                          \
	X(member_rtt_seconds, GAUGE, "quantile",                                                \
	  "round trips to members as they are known now: median, 0.9 and the longest")          \
	X(steps, COUNTER, NULL, "steps of the node")                                            \
	X(gossip_dropped, COUNTER, "reason", "datagrams and frames not used, by reason")        \
	X(gossip_datagrams_received, COUNTER, NULL, "datagrams that came in")                   \
	X(gossip_datagram_bytes_received, COUNTER, NULL, "their bytes above UDP")               \
	X(gossip_datagrams_sent, COUNTER, NULL, "datagrams handed out")                         \
	X(gossip_datagram_bytes_sent, COUNTER, NULL, "their bytes above UDP")                   \
	X(gossip_outbox_frames, GAUGE, NULL, "frames that wait for room")                       \
	X(gossip_heap_held_bytes, GAUGE, NULL, "memory taken from the host")                    \
	X(gossip_heap_used_bytes, GAUGE, NULL, "memory in use")                                 \
	X(gossip_members_alive, GAUGE, NULL, "members that are alive")                          \
	X(gossip_members_suspect, GAUGE, NULL, "members that are suspected")                    \
	X(gossip_members_failed, GAUGE, NULL, "members that failed")                            \
	X(gossip_members_left, GAUGE, NULL, "members that left")                                \
	X(gossip_members_removed, GAUGE, NULL, "members that were removed")                     \
	X(gossip_probes, COUNTER, NULL, "probes of members begun")                              \
	X(gossip_probes_failed, COUNTER, NULL, "probes that nobody answered")                   \
	X(gossip_probe_retry_rounds, COUNTER, NULL, "rounds of a probe with witnesses")         \
	X(gossip_probes_relayed, COUNTER, NULL, "pings made for other members")                 \
	X(gossip_suspicions, COUNTER, NULL, "suspicions begun here")                            \
	X(gossip_failures, COUNTER, NULL, "members that failed in the eyes of this node")       \
	X(gossip_refutations, COUNTER, NULL, "suspicions of this node that it refuted")         \
	X(gossip_stalls, COUNTER, NULL, "times that this process was held up")                  \
	X(gossip_member_news_sent, COUNTER, NULL, "states of members told to others")           \
	X(gossip_local_health, GAUGE, NULL,                                                     \
	  "how much slower this node judges others: 0 good, 7 worst")                           \
	X(gossip_rows, GAUGE, NULL, "owned rows held, tombstones included")                     \
	X(gossip_facts, GAUGE, NULL, "facts held")                                              \
	X(gossip_tombstones, GAUGE, NULL, "deleted rows that are still remembered")             \
	X(gossip_rows_queued, GAUGE, NULL, "rows that the fast path still tells")               \
	X(gossip_repair_sessions, GAUGE, NULL, "peers with whom tables are compared now")       \
	X(gossip_origins_incomplete, GAUGE, NULL,                                               \
	  "owners and topics below their floor, not served")                                    \
	X(gossip_rows_applied, COUNTER, NULL, "rows and facts that became visible")             \
	X(gossip_rows_repeated, COUNTER, NULL, "rows that were here already")                   \
	X(gossip_rows_outdated, COUNTER, NULL, "rows older than the one held")                  \
	X(gossip_rows_foreign_topic, COUNTER, NULL,                                             \
	  "rows of topics that this node takes no part in")                                     \
	X(gossip_row_conflicts, COUNTER, NULL,                                                  \
	  "different rows of one version: a clone or a restored disk")                          \
	X(gossip_rows_own_unknown, COUNTER, NULL, "rows of this node that it never wrote")      \
	X(gossip_rows_capped, COUNTER, NULL, "rows refused because their owner was over a cap") \
	X(gossip_rows_crowded, COUNTER, NULL, "rows put off because a step had no room")        \
	X(gossip_rows_parked, COUNTER, NULL, "rows that waited for their owner's member row")   \
	X(gossip_rows_told, COUNTER, NULL, "rows sent by the fast path")                        \
	X(gossip_rows_filled, COUNTER, NULL, "rows sent in what was left of other datagrams")   \
	X(gossip_repair_pulls, COUNTER, NULL, "requests for rows")                              \
	X(gossip_rows_pulled, COUNTER, NULL, "rows that such a request brought")                \
	X(gossip_rows_served, COUNTER, NULL, "rows sent because a peer asked for them")         \
	X(gossip_repair_digests, COUNTER, NULL, "comparisons begun")                            \
	X(gossip_repair_synced, COUNTER, NULL, "comparisons that ended with equal tables")      \
	X(gossip_repair_unsynced, COUNTER, NULL, "comparisons given up")                        \
	X(gossip_rows_collected, COUNTER, NULL, "tombstones removed below a floor")             \
	X(udp_received, COUNTER, NULL, "datagrams read from the socket")                        \
	X(udp_received_bytes, COUNTER, NULL, "their bytes")                                     \
	X(udp_sent, COUNTER, NULL, "datagrams sent")                                            \
	X(udp_sent_bytes, COUNTER, NULL, "their bytes")                                         \
	X(udp_send_failed, COUNTER, NULL, "datagrams that the kernel refused")                  \
	X(udp_oversized, COUNTER, NULL, "datagrams larger than any may be")                     \
	X(udp_kernel_dropped, COUNTER, NULL, "datagrams that found the socket's buffer full")   \
	X(store_commits, COUNTER, NULL, "transactions made durable")                            \
	X(store_batches, COUNTER, NULL, "batches made durable")                                 \
	X(store_writes, COUNTER, NULL, "writes made durable")                                   \
	X(store_failures, COUNTER, NULL, "batches refused or failed")                           \
	X(store_bytes, GAUGE, NULL, "size of the database on disk")                             \
	X(store_commit_max_seconds, GAUGE, NULL, "longest commit")                              \
	X(store_commit_last_seconds, GAUGE, NULL, "latest commit")                              \
	X(store_waiting, GAUGE, NULL, "batches that wait to be committed")                      \
	X(store_failing, GAUGE, NULL, "1 while the disk refuses commits")                       \
	X(overlay_networks, GAUGE, NULL, "networks with devices here")                          \
	X(overlay_remotes, GAUGE, NULL, "remote endpoints that are programmed")                 \
	X(overlay_pending, GAUGE, NULL, "networks whose reconcile is due")                      \
	X(overlay_failed, GAUGE, NULL, "operations that fail and are retried")                  \
	X(overlay_held_bytes, GAUGE, NULL, "memory held for rows")                              \
	X(overlay_waiting, GAUGE, NULL, "questions that wait for the kernel thread")            \
	X(overlay_reconcile_seconds, GAUGE, NULL, "how long the last reconcile took")           \
	X(overlay_reconciles, COUNTER, NULL, "reconciles")                                      \
	X(overlay_operations, COUNTER, NULL, "kernel operations")                               \
	X(overlay_failures, COUNTER, NULL, "kernel operations refused")                         \
	X(overlay_repairs, COUNTER, NULL, "times that somebody's change was undone")            \
	X(overlay_dumps, COUNTER, NULL, "dumps of kernel state")                                \
	X(overlay_overruns, COUNTER, NULL, "notifications lost")                                \
	X(overlay_lost_endpoints, COUNTER, NULL, "endpoints whose namespace went away")         \
	X(api_requests, COUNTER, NULL, "requests of the API")                                   \
	X(api_errors, COUNTER, NULL, "answers with a status from 400 up")                       \
	X(api_expired, COUNTER, NULL, "requests that ended at their deadline")                  \
	X(api_pending, GAUGE, NULL, "requests under way")                                       \
	X(ipam_addresses, GAUGE, "network, id, state",                                          \
	  "addresses of a network as this host sees them")
/* clang-format on */
