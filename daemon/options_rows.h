/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The rows of the table of weftd's options, see options.h. */
#pragma once

#define OPTIONS_HELPER_SOCKET "/run/weft-netns.sock"

/* X(symbol, name, argument, default or NULL, help) */
#define OPTIONS(X)                                                                         \
	X(STATE_DIR, "state-dir", "DIR", "/var/lib/weft", "where this node's state lives") \
	X(SOCKET, "socket", "PATH", "/run/weft/weft.sock", "unix socket of the API")       \
	X(GROUP, "group", "GROUP", "weft", "group that may change things over the socket") \
	X(READERS, "readers", "group|all", "group",                                        \
	  "who may read over the socket; only root and the group may change things")       \
	X(METRICS_LISTEN, "metrics-listen", "ADDR:PORT", NULL,                             \
	  "TCP address where everybody may read /metrics, /healthz and /readyz; default: " \
	  "none")                                                                          \
	X(BIND, "bind", "ADDR[:PORT]", "0.0.0.0:7947", "UDP address for gossip")           \
	X(ADVERTISE, "advertise", "ADDR[:PORT]", NULL,                                     \
	  "address told to others; default: the one that reaches them")                    \
	X(NAME, "name", "NAME", NULL, "name of this node; default: the host name")         \
	X(PROFILE, "profile", "lan|wan|local", "lan", "timing of failure detection")       \
	X(SYNC_WAIT, "sync-wait", "TIME", "5s",                                            \
	  "how long a fresh start waits for a member before it touches the kernel")        \
	X(RESTART_GUARD, "restart-guard", "one|all|off", "one",                            \
	  "with how many members to sync after a reboot before leasing again")             \
	X(COOLDOWN, "cooldown", "TIME", "60s", "how long a released address rests")        \
	X(VXLAN_PORT, "vxlan-port", "PORT", "4789", "UDP port of new networks' VXLAN")     \
	X(HELPER, "helper", "PATH", NULL,                                                  \
	  "the weft-netns program, or a socket where it serves; default: beside weftd, "   \
	  "for a weftd without root's rights " OPTIONS_HELPER_SOCKET)                      \
	X(LOG_LEVEL, "log-level", "error|warning|info|debug", "info", "what is logged")    \
	X(LOG_FORMAT, "log-format", "text|json|journal", "text",                           \
	  "how it is logged; as a service of systemd journal is the default")
