/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Hosts and boxes as network namespaces of one test process. Namespaces have no names: they are
 * held by descriptors and vanish with the process, whatever happens to it.
 */
#pragma once

#include "overlay/linux/linux.h"
#include "overlay/overlay.h"

#define WORLD_HOSTS 3

struct host {
	int ns;
	struct id node;
	struct inet vtep;
	struct linux_kernel *kernel;
	struct overlay *ov;
	uint32_t told_applied, told_failed, told_lost, told_done;
	char done[4096]; /* lines, newest last, cut when full */
	char failed[1024];
	uint16_t told_mtu;
};

struct box {
	int ns;
	struct local_endpoint endpoint;
	struct host *host;
};

struct world {
	int home;
	int switch_ns; /* the underlay */
	enum overlay_layout layout;
	enum overlay_fdb_form form;
	struct host hosts[WORLD_HOSTS];
};

/* True as root; otherwise says on stderr why the test is skipped. */
bool world_is_possible(void);

/* Hosts 192.168.77.1 and so on, on one switch. */
void world_open(struct world *world, enum overlay_layout layout, enum overlay_fdb_form form);
void world_close(struct world *world);

/* Opens or closes the overlay of a host, as a daemon that starts or dies. */
void host_start(struct world *world, struct host *host);
void host_stop(struct world *world, struct host *host);

/* Moves this process into a namespace. */
void world_go(int ns);
int world_new_ns(struct world *world);

/* Runs a shell command in a namespace; its exit code. */
int ns_run(int ns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The output of a command, cut at cap - 1. */
void ns_read(int ns, char *out, size_t cap, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* True when an address answers one echo request within 50 ms; what ping and the kernel's packet
 * threads waited for a processor meanwhile is not counted. */
bool ns_pings(int ns, const char *to);

/* True when one echo request stays without an answer for a second. */
bool ns_pings_in_vain(int ns, const char *to);

/* Reconciles a host until it is at rest or ms have passed; true when it came to rest. Not counted
 * is the time in which this thread was ready and others had the processors. */
bool host_settle(struct world *world, struct host *host, int ms);
bool world_settle(struct world *world, int ms);

/* Reconciles a host until something has become true; false after a minute. */
bool host_until(struct world *world, struct host *host, bool (*is_so)(const struct host *host));

struct id world_id(uint8_t kind, uint8_t number);
void world_network(struct rec_network *rec, const char *subnet, const char *gateway, uint32_t vni);

/* Tells all hosts of a network and of each other's attachments and own leases (.251, .252, ...). */
void world_share(struct world *world, const struct id *network, const struct rec_network *rec);

/* Attaches a box at a host and tells the others; 0 or a code. */
int box_attach(struct world *world, struct host *host, struct box *box, const struct id *network,
	       uint8_t number, const char *addr, struct weft_err *err);

/* Tells every other host of a box's row. */
void box_publish(struct world *world, const struct box *box, uint64_t sequence);
