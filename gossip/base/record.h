/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the rows say: the typed values behind each kind of row and fact, and their MessagePack form.
 * Rows are the common language of ipamdb, store, overlay and daemon, which never include each
 * other. The gossip core carries the values of most kinds without looking inside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "instant.h"
#include "kinds.h"
#include "record_range.h"

struct rec_label {
	char key[NAME_BYTES];
	char value[NAME_BYTES];
};

struct rec_member {
	char name[NAME_BYTES];
	uint8_t pubkey[PUBKEY_BYTES]; /* Ed25519 identity */
	struct hostport gossip;       /* advertised UDP address */
	struct inet vtep;             /* outer address of its VXLAN traffic */
	uint8_t wire_min, wire_max;   /* versions of the wire that it speaks */
	bool left;                    /* it left in order */
	size_t chain_len;             /* admission chain, see gossip/trust/chain.h */
	uint8_t chain[CHAIN_BYTES_MAX];
};

struct rec_tags {
	size_t count;
	struct rec_label tags[TAGS_MAX];
};

struct rec_attachment {
	uint16_t mtu_bytes; /* what the owner's underlay leaves for inner packets */
	uint8_t free_log2;  /* free addresses: 0 none, n for 2^(n-1) and more */
	uint32_t endpoints; /* how many the owner has here */
};

struct rec_endpoint {
	char name[NAME_BYTES]; /* empty when it has none */
	struct mac mac;
	bool is_host; /* the host's own address in the network */
	size_t addr_count;
	struct prefix addrs[ENDPOINT_ADDRS_MAX]; /* address with the pool's length */
};

struct rec_pool {
	struct prefix subnet;
	struct inet gateway;    /* zero when there is none */
	struct prefix ip_range; /* leases come from here; equal to subnet when not given */
	size_t aux_count;
	struct inet aux[AUX_MAX]; /* never leased */
};

enum encrypt_mode { ENCRYPT_NONE = 0, ENCRYPT_WIREGUARD = 1, ENCRYPT_IPSEC = 2, ENCRYPT_AUTO = 3 };

struct rec_network {
	char name[NAME_BYTES];
	uint32_t vni;       /* 24 bits, from 4096 */
	uint16_t port;      /* UDP port of its VXLAN, 4789 by default */
	uint16_t mtu_bytes; /* 0: the smallest of the attached hosts */
	bool internal;      /* no way out of the overlay */
	bool multicast;     /* broadcast and multicast are flooded to attached hosts */
	bool forced;        /* overlap checks were overridden */
	uint8_t encrypt;    /* enum encrypt_mode */
	struct wall created;
	size_t pool_count;
	struct rec_pool pools[POOLS_MAX];
	size_t label_count;
	struct rec_label labels[LABELS_MAX];
};

struct rec_token {
	struct wall expires;
	char name_pattern[NAME_BYTES]; /* empty: any name */
	size_t tag_count;
	struct rec_label tags[4];
};

struct rec_removal {
	char reason[NAME_BYTES];
	struct wall at;
};

/* Encoders write into out[0..cap) and return the length, WEFT_E_LIMIT when it does not fit, or
 * WEFT_E_INVALID when the decoder would refuse it.
 * Decoders take foreign bytes: 0, or WEFT_E_INVALID with *rec undefined; unknown trailing fields
 * of a newer version are passed over. */
int rec_member_encode(const struct rec_member *rec, uint8_t *out, size_t cap);
int rec_member_decode(const uint8_t *bytes, size_t len, struct rec_member *rec);
int rec_tags_encode(const struct rec_tags *rec, uint8_t *out, size_t cap);
int rec_tags_decode(const uint8_t *bytes, size_t len, struct rec_tags *rec);
int rec_attachment_encode(const struct rec_attachment *rec, uint8_t *out, size_t cap);
int rec_attachment_decode(const uint8_t *bytes, size_t len, struct rec_attachment *rec);
int rec_endpoint_encode(const struct rec_endpoint *rec, uint8_t *out, size_t cap);
int rec_endpoint_decode(const uint8_t *bytes, size_t len, struct rec_endpoint *rec);
int rec_network_encode(const struct rec_network *rec, uint8_t *out, size_t cap);
int rec_network_decode(const uint8_t *bytes, size_t len, struct rec_network *rec);
int rec_token_encode(const struct rec_token *rec, uint8_t *out, size_t cap);
int rec_token_decode(const uint8_t *bytes, size_t len, struct rec_token *rec);
int rec_removal_encode(const struct rec_removal *rec, uint8_t *out, size_t cap);
int rec_removal_decode(const uint8_t *bytes, size_t len, struct rec_removal *rec);

/* A name that people type: 1 to 63 of [A-Za-z0-9._-], beginning with a letter or digit. */
bool name_is_valid(const char *name);
