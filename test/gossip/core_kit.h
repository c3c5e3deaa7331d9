/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A core with members but without cryptography and network, for tests of single modules. */
#pragma once

#include "gossip/core/member.h"

struct core_kit {
	struct page_source pages;
	struct gossip_crypto crypto;
	struct rng rng; /* behind crypto.random */
	struct blob_store blobs;
	struct heap blob_heap;
	struct gossip_update update;
	struct core core;
	struct member_table members;
	struct trace_record last_trace;
	size_t traces;
};

/* This node gets id_numbered(self), is active and alive, and time is one second. */
void core_kit_open(struct core_kit *kit, uint8_t self);
void core_kit_close(struct core_kit *kit);

/* The next step, ms later. */
void core_kit_step(struct core_kit *kit, int64_t ms);

struct id id_numbered(uint8_t number);

/* An alive member with this number, at 10.0.0.number. */
struct member *core_kit_member(struct core_kit *kit, uint8_t number, const char *name);

/* Takes all frames out of a box: nobody hears of them. */
void core_kit_unsend(struct outbox *box);

/* Pages from the C library, which the sanitizers watch. */
struct page_source core_kit_pages(void);
