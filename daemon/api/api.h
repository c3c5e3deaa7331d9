/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The handlers of the API: one function a method, found by the table of gossip/base/api.h. A
 * handler reads fields, asks the tables, or submits a request to the node and answers when that is
 * done. Names given by people become ids here (names.c), values become JSON (json.c).
 */
#pragma once

#include "daemon/api/handlers.h"
#include "daemon/daemon.h"

#define TOKEN_TTL_MS INT64_C(86400000) /* of a token for which none is asked */

typedef void (*api_handler)(struct daemon *d, struct request *req);
typedef void (*api_done)(struct daemon *d, struct request *req, const struct node_answer *answer);

/* The handler of a method; never NULL. */
api_handler api_handler_of(enum api_id id);

/* What makes its answer of the node's good one; NULL: {} is answered. A call that is repeated gets
 * by it what the first one got, without the handler: it goes by the answer and the tables. */
api_done api_done_of(enum api_id id);

/* What a handler keeps while its request is pending. */
struct call {
	struct daemon *d;
	/* Called with the node's good answer in place of the method's api_done. */
	api_done done;
	/* Called with what the kernel thread tells for this request's tag. */
	void (*told)(struct daemon *d, struct request *req, const struct kernel_tell *tell);
	/* Called after a step: when a network appeared (for a request that waits for one), or
	 * because again is set: an update cannot be stepped out of while it is read. */
	void (*retry)(struct daemon *d, struct request *req);
	bool again;
	bool unmaking; /* what was made for it is being taken back, for this reason if known yet */
	struct weft_err why;
	bool followed; /* a second request to the node on behalf of one call: by an id of its own */
	struct overlay_box box; /* of an attach, until the kernel thread takes it */
	struct local_endpoint endpoint;
	struct rec_network network;
	struct id id;
	bool force;
	unsigned attempts;
};

/* The call of a request, made when it has none yet. */
struct call *call_of(struct daemon *d, struct request *req);

/* What the node needs to know a call again: the request id, if it gives one, and what is asked. 0
 * or WEFT_E_INVALID. */
int repeat_note(struct daemon *d, struct request *req, struct node_request *request,
		struct weft_err *err);

/* Asks the node for the answer to a call whose request id it remembers; false when it does not. */
bool repeat_is_known(struct daemon *d, struct request *req);

/* Hands a request to the handler of its method, unless it is a repeat; ctx is the daemon. */
void api_handle(void *ctx, struct request *req);

/* The node answered the request with this tag. */
void api_answered(struct daemon *d, const struct node_answer *answer);

/* The kernel thread told something for the request with this tag. */
void api_told(struct daemon *d, const struct kernel_tell *tell);

/* After a step: requests that wait for a network look again when networks is true, and those that
 * asked for it go on. */
void api_retry(struct daemon *d, bool networks);

/* After a step: resets that wait for boxes to be detached go on, once these are or cannot be. */
void api_resets_follow(struct daemon *d);

/* A backup was made, or one was checked, for the request with this tag. */
void api_filed(struct daemon *d, const struct store_done *done);

/* Removes backups from the state directory that were on their way to root and never arrived. */
void backup_tidy(const char *state_dir);

/* A change for those who listen to events. */
void api_event(struct daemon *d, const struct gossip_change *change);

/* WEFT_E_NO_CLUSTER, _REMOVED, _IS_COPY ... while this node cannot serve, or 0. */
int api_is_active(struct daemon *d, struct weft_err *err);

/* An error built in place. */
void api_fail(struct request *req, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* limit and after of a list method: how many to give at most. */
size_t api_page(const struct request *req, const char **after);

/* Answers a list: items (taken over) under the method's key, with the cursor of the next page when
 * next is not NULL, and the keys of more (taken over; may be NULL) beside them. */
void api_answer_list(struct request *req, json_t *items, const char *next, json_t *more);

/* What keeps this node from leasing, in a sentence: WEFT_E_REMOVED, _IS_COPY or _FENCED; 0. */
int api_fence(struct daemon *d, struct weft_err *err);

/* "set_back" and the like; NULL for none. */
const char *node_fence_name(enum node_fence fence);

/* Who removed this node, when and why; null when nobody did. */
json_t *json_removal(struct daemon *d);
