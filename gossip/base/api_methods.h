/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The rows of the API's table, see api.h. */
#pragma once

/* X(symbol, verb, path, command or NULL, list key or NULL, deadline in ms, flags, help) */
#define API_METHODS(X)                                                                             \
	X(STATUS, "GET", "/v1/status", "status", NULL, 5000, 0, "this node at a glance")           \
	X(INIT, "POST", "/v1/cluster/init", "init", NULL, 10000, API_CHANGES,                      \
	  "make a cluster here and print how others join it")                                      \
	X(JOIN, "POST", "/v1/cluster/join", "join", NULL, 30000, API_CHANGES,                      \
	  "join a cluster with a token")                                                           \
	X(LEAVE, "POST", "/v1/cluster/leave", "leave", NULL, 60000, API_CHANGES,                   \
	  "leave the cluster in order, handing address ranges over")                               \
	X(RESET, "POST", "/v1/cluster/reset", "reset", NULL, 60000, API_CHANGES,                   \
	  "wipe this node's state after it left, was removed, is refused or a copy")               \
	X(TOKEN_CREATE, "POST", "/v1/tokens", "token create", NULL, 10000, API_CHANGES,            \
	  "make a join token")                                                                     \
	X(TOKEN_LS, "GET", "/v1/tokens", "token ls", "tokens", 5000, API_LIST, "list join tokens") \
	X(TOKEN_RM, "DELETE", "/v1/tokens/{token}", "token rm", NULL, 10000, API_CHANGES,          \
	  "revoke a join token")                                                                   \
	X(ADMIN_LS, "GET", "/v1/admins", "admin ls", "admins", 5000, API_LIST,                     \
	  "list who may sign tokens and removals")                                                 \
	X(ADMIN_ADD, "POST", "/v1/admins", "admin add", NULL, 10000, API_CHANGES,                  \
	  "make a member an admin")                                                                \
	X(ADMIN_RM, "DELETE", "/v1/admins/{node}", "admin rm", NULL, 10000, API_CHANGES,           \
	  "take a member's admin rights away")                                                     \
	X(ADMIN_BACKUP, "POST", "/v1/cluster/key/backup", "admin backup", NULL, 20000,             \
	  API_CHANGES, "save the cluster key to a sealed file")                                    \
	X(ADMIN_RESTORE, "POST", "/v1/cluster/key/restore", "admin restore", NULL, 20000,          \
	  API_CHANGES, "bring the cluster key back from a sealed file")                            \
	X(MEMBERS, "GET", "/v1/members", "members", "members", 5000, API_LIST,                     \
	  "list all members as this node sees them")                                               \
	X(NODE_INSPECT, "GET", "/v1/members/{node}", "node inspect", NULL, 5000, 0,                \
	  "all about one member")                                                                  \
	X(NODE_RM, "DELETE", "/v1/members/{node}", "node rm", NULL, 10000, API_CHANGES,            \
	  "remove a member for good")                                                              \
	X(NODE_ADVERTISE, "POST", "/v1/node/advertise", "node advertise", NULL, 10000,             \
	  API_CHANGES, "change the address that this node tells others")                           \
	X(NODE_RECOVER, "POST", "/v1/node/recover", "node recover", NULL, 30000, API_CHANGES,      \
	  "take this node out of its fence, with the cluster's view of it")                        \
	X(BACKUP, "POST", "/v1/backup", "backup", NULL, 60000, API_CHANGES,                        \
	  "copy this node's state to a file while it works; root only")                            \
	X(RESTORE, "POST", "/v1/restore", "restore", NULL, 60000, API_CHANGES,                     \
	  "begin anew with the state in a backup, fenced until weft node recover; root only")      \
	X(NETWORK_CREATE, "POST", "/v1/networks", "network create", NULL, 10000, API_CHANGES,      \
	  "make a network for the whole cluster")                                                  \
	X(NETWORK_LS, "GET", "/v1/networks", "network ls", "networks", 5000, API_LIST,             \
	  "list networks")                                                                         \
	X(NETWORK_INSPECT, "GET", "/v1/networks/{network}", "network inspect", NULL, 5000, 0,      \
	  "all about one network")                                                                 \
	X(NETWORK_RM, "DELETE", "/v1/networks/{network}", "network rm", NULL, 10000, API_CHANGES,  \
	  "remove a network that has no endpoints")                                                \
	X(ATTACH, "POST", "/v1/networks/{network}/endpoints", "attach", NULL, 35000, API_CHANGES,  \
	  "give a network namespace an endpoint in a network")                                     \
	X(DETACH, "DELETE", "/v1/networks/{network}/endpoints", "detach", NULL, 10000,             \
	  API_CHANGES, "take an endpoint of this host away; done when there is none")              \
	X(ENDPOINT_LS, "GET", "/v1/endpoints", "endpoint ls", "endpoints", 5000, API_LIST,         \
	  "list who is where, cluster-wide")                                                       \
	X(ENDPOINT_INSPECT, "GET", "/v1/endpoints/{endpoint}", "endpoint inspect", NULL, 5000, 0,  \
	  "all about one endpoint")                                                                \
	X(IPAM_LS, "GET", "/v1/ipam/leases", "ipam ls", "leases", 5000, API_LIST,                  \
	  "list the addresses that this host leases")                                              \
	X(IPAM_RING, "GET", "/v1/networks/{network}/ring", "ipam ring", NULL, 5000, 0,             \
	  "who owns which range of a network, and who blocks a reclaim")                           \
	X(IPAM_RESERVE, "POST", "/v1/networks/{network}/leases", "ipam reserve", NULL, 10000,      \
	  API_CHANGES, "reserve an address without an endpoint")                                   \
	X(IPAM_RELEASE, "DELETE", "/v1/networks/{network}/leases/{address}", "ipam release", NULL, \
	  10000, API_CHANGES, "release an address of this host")                                   \
	X(IPAM_CHECK, "POST", "/v1/ipam/check", "ipam check", NULL, 30000, API_CHANGES,            \
	  "look for leaked, doubled and stray addresses")                                          \
	X(IPAM_CONFIRM, "POST", "/v1/ipam/confirm", "ipam confirm", NULL, 10000, API_CHANGES,      \
	  "lease again without waiting for a member after a reboot")                               \
	X(EVENTS, "GET", "/v1/events", "monitor", NULL, 0, API_STREAM,                             \
	  "print what is, then what changes")                                                      \
	X(PATH, "GET", "/v1/members/{node}/path", "path", NULL, 30000, 0,                          \
	  "how traffic reaches a member: address, time, MTU, directly or not")                     \
	X(DIAG, "GET", "/v1/diag", "diag", NULL, 30000, 0,                                         \
	  "check this host and its ways to all members, with a remedy for what is wrong")          \
	X(VERSION, "GET", "/v1/version", "version", NULL, 5000, 0, "versions of weft and weftd")   \
	X(METRICS, "GET", "/metrics", NULL, NULL, 5000, API_PLAIN, "metrics as Prometheus text")   \
	X(HEALTHZ, "GET", "/healthz", NULL, NULL, 5000, API_PLAIN, "the daemon's loop turns")      \
	X(READYZ, "GET", "/readyz", NULL, NULL, 5000, API_PLAIN, "the daemon serves its cluster")
