/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of admission: its state and the entry points of its files, which nobody else includes.
 */
#pragma once

#include "admission.h"
#include "claiming.h"
#include "leaving.h"
#include "refusing.h"
#include "seeds.h"

#define SYNC_WAIT_MS 5000
#define RENEW_MS (INT64_C(24) * 3600 * 1000)
#define PENDING_MAX 64
#define VOID_INTERVAL_NS (10 * NS_PER_S)
#define VOIDED_MAX 8
#define RETRY_MS 500 /* after a store that failed or found no room */

/* What waits for the store. */
enum pending_kind {
	PENDING_INIT = 1,
	PENDING_JOIN,
	PENDING_EPOCH, /* of a start */
	PENDING_RENEW, /* of a day */
	PENDING_ANSWER,
	PENDING_LEAVE,
	PENDING_FENCE,
	PENDING_ADVERTISE,
	PENDING_RESTORE,
	PENDING_RECOVER,
	PENDING_REPLACE, /* the removal of whom a newcomer replaces */
	PENDING_REFUSED,
};

struct pending {
	enum pending_kind kind;
	uint64_t token; /* of the persist group */
	uint64_t tag;   /* of the command */
	struct id id;
	char *text; /* TOKEN_TEXT_MAX bytes from the heap, or NULL */
};

struct admission {
	struct core *core;
	struct member_table *members;
	struct seal *seal;
	struct tables *tables;
	struct chain_cache cache;
	bool started, tables_started;
	bool has_identity;
	uint8_t identity[SEED_BYTES];
	uint64_t stored_epoch;
	struct admin_path path; /* own, len 0 while no admin */
	size_t chain_len;       /* own */
	uint8_t chain[CHAIN_BYTES_MAX];
	struct seeds seeds;
	bool self_removed;
	bool synced;                  /* the tables equalled those of a member, in this run */
	bool introduced;              /* those of whoever admitted it, or META_INTRODUCED */
	enum node_fence fence;        /* in force */
	enum node_fence fence_wanted; /* to be stored */
	bool publish_wanted;          /* own record differs from the published one */
	bool publishing;
	struct mono renew_due;
	struct mono retry_due; /* of stores that failed or found no room */
	struct vec pending;    /* struct pending */
	struct vec book;       /* struct id: members whose records are to be stored */
	struct mono book_due;
	struct gate gate;
	struct join *join; /* NULL: none */
	struct claiming claiming;
	struct limit voids; /* words on newcomers whose admission is void */
	struct refusing refusing;
	struct id voided[VOIDED_MAX][2]; /* whose row is refused here, for whose removal */
	size_t voided_next;
	struct hostport original; /* NODE_COPY: where the other process lives */
	uint64_t shown;           /* how often something own but unknown was shown */
	struct recovering recovering;
	struct leaving leaving;
};

struct chain_ctx admission_ctx(struct admission *adm);

void pending_close(struct admission *adm);
bool pending_has(const struct admission *adm, enum pending_kind kind);

/* May one more thing wait for the store? Asked before a persist group is opened for it. */
bool admission_may_wait(const struct admission *adm);

/* Remembers what waits for a persist token; text, TOKEN_TEXT_MAX bytes at most or NULL, is copied.
 */
void admission_wait(struct admission *adm, enum pending_kind kind, uint64_t token, uint64_t tag,
		    const struct id *id, const char *text);

/* Answers a command with an error. */
void admission_answer_err(struct admission *adm, uint64_t tag, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void admission_phase(struct admission *adm, enum node_phase phase);

/* Adds one META write to the persist group opened last; the bytes are copied. None: deletes it. */
void admission_meta(struct admission *adm, enum meta_key key, const void *bytes, size_t len);
void admission_meta_uint(struct admission *adm, enum meta_key key, uint64_t value);
void admission_tables_start(struct admission *adm);

/* founding.c: identity, cluster, their stored form, CMD_INIT */
void founding_identity(struct admission *adm);
void founding_use_identity(struct admission *adm);
void founding_write(struct admission *adm); /* identity, cluster, name, epoch */
int founding_load_cluster(struct admission *adm, const uint8_t *bytes, size_t len);
void founding_init(struct admission *adm, const struct gossip_command *command);
void founding_restore(struct admission *adm, const struct gossip_command *command);
void founding_durable(struct admission *adm, const struct pending *pending, bool ok);

/* own_record.c */
int own_record_put(struct admission *adm, uint64_t tag, bool left, const struct row_view *more,
		   size_t more_count, uint64_t *token, struct weft_err *err);
void own_record_tick(struct admission *adm);
void own_record_advertise(struct admission *adm, const struct gossip_command *command);

/* admin.c */
void admin_token_create(struct admission *adm, const struct gossip_command *command);
void admin_token_rm(struct admission *adm, const struct gossip_command *command);
void admin_add(struct admission *adm, const struct gossip_command *command);
void admin_rm(struct admission *adm, const struct gossip_command *command);
void admin_remove(struct admission *adm, const struct gossip_command *command);
int admin_put_removal(struct admission *adm, uint64_t tag, const struct id *id, const char *reason,
		      uint64_t *token, struct weft_err *err);

/* effect.c: what rows do once visible */
void effect_row(struct admission *adm, const struct row_view *row);
void effect_self(struct admission *adm); /* at start, when own id and rows are known */
void effect_fence(struct admission *adm, enum node_fence fence);

/* introduction.c: a row that an unknown node showed, see struct seal_hooks; whether this node knows
 * enough of the others to let somebody in. */
bool introduction_take(void *ctx, const struct id *node, const uint8_t *bytes, size_t len,
		       struct rejection *why);
bool introduction_may_admit(const struct admission *adm);
