/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The kinds of rows and facts and the caps on what they hold. Owned rows are written by one node;
 * facts belong to nobody and are only added. Numbers are part of the wire: never reused, unknown
 * ones are carried as they are.
 */
#pragma once

#define NAME_BYTES 64 /* a name or label with its NUL */
#define KEY_BYTES_MAX 48
#define VALUE_BYTES_MAX 1000
#define CHAIN_BYTES_MAX 640
#define POOLS_MAX 4
#define AUX_MAX 8
#define LABELS_MAX 8
#define TAGS_MAX 16
#define ENDPOINT_ADDRS_MAX 4
#define DIGEST_BYTES 32
#define PUBKEY_BYTES 32

enum row_kind {
	/* owned rows */
	ROW_MEMBER = 1,     /* topic 0, empty key: struct rec_member */
	ROW_TAGS = 2,       /* topic 0, empty key: struct rec_tags */
	ROW_ATTACHMENT = 3, /* topic 0, key network id: struct rec_attachment */
	ROW_ENDPOINT = 4,   /* topic network id, key endpoint id: struct rec_endpoint */
	ROW_RANGE = 5,      /* topic 0, key struct range_key: nil or, for its owner alone, struct
			       rec_range; held by the owner of the row */
	ROW_GRANT = 6,   /* topic 0, key struct range_key: struct rec_grant, written by the donor */
	ROW_FLOOR = 7,   /* topic 0, key topic id: tombstones below a sequence are gone */
	ROW_PARTING = 8, /* topic 0, key number of the part: ids whom its owner knew when it left */
	/* facts, all in topic 0 */
	FACT_NETWORK = 64,     /* id network: struct rec_network */
	FACT_NETWORK_END = 65, /* id network: nil; terminal */
	FACT_TOKEN = 66,       /* id token: struct rec_token */
	FACT_TOKEN_END = 67,   /* id token: nil; terminal */
	FACT_ADMIN = 68,       /* id node: admin certificate of that node */
	FACT_ADMIN_END = 69,   /* id node: nil; terminal */
	FACT_REMOVAL = 70,     /* id node: struct rec_removal; terminal */
	FACT_CLOSURE = 71,     /* id closer: struct rec_closure */
};

/* The first fact kind; smaller kinds are owned rows. */
#define ROW_KIND_FACTS 64
