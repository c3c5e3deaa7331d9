/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/diag/diag.h"
#include "gossip/base/check.h"

static const api_handler handlers[API_METHOD_COUNT] = {
    [API_STATUS] = api_status,
    [API_INIT] = api_init,
    [API_JOIN] = api_join,
    [API_LEAVE] = api_leave,
    [API_RESET] = api_reset,
    [API_TOKEN_CREATE] = api_token_create,
    [API_TOKEN_LS] = api_token_ls,
    [API_TOKEN_RM] = api_token_rm,
    [API_ADMIN_LS] = api_admin_ls,
    [API_ADMIN_ADD] = api_admin_add,
    [API_ADMIN_RM] = api_admin_rm,
    [API_ADMIN_BACKUP] = api_admin_backup,
    [API_ADMIN_RESTORE] = api_admin_restore,
    [API_MEMBERS] = api_members,
    [API_NODE_INSPECT] = api_node_inspect,
    [API_NODE_RM] = api_node_rm,
    [API_NODE_ADVERTISE] = api_node_advertise,
    [API_NODE_RECOVER] = api_node_recover,
    [API_BACKUP] = api_backup,
    [API_RESTORE] = api_restore,
    [API_NETWORK_CREATE] = api_network_create,
    [API_NETWORK_LS] = api_network_ls,
    [API_NETWORK_INSPECT] = api_network_inspect,
    [API_NETWORK_RM] = api_network_rm,
    [API_ATTACH] = api_attach,
    [API_DETACH] = api_detach,
    [API_ENDPOINT_LS] = api_endpoint_ls,
    [API_ENDPOINT_INSPECT] = api_endpoint_inspect,
    [API_IPAM_LS] = api_ipam_ls,
    [API_IPAM_RING] = api_ipam_ring,
    [API_IPAM_RESERVE] = api_ipam_reserve,
    [API_IPAM_RELEASE] = api_ipam_release,
    [API_IPAM_CHECK] = api_ipam_check,
    [API_IPAM_CONFIRM] = api_ipam_confirm,
    [API_EVENTS] = api_events,
    [API_PATH] = api_path,
    [API_DIAG] = api_diag,
    [API_VERSION] = api_version,
    [API_METRICS] = api_metrics,
    [API_HEALTHZ] = api_healthz,
    [API_READYZ] = api_readyz,
};

api_handler api_handler_of(enum api_id id)
{
	WEFT_ASSERT(handlers[id] != NULL);
	return handlers[id];
}

static const api_done dones[API_METHOD_COUNT] = {
    [API_INIT] = api_init_done,
    [API_JOIN] = api_join_done,
    [API_LEAVE] = api_leave_done,
    [API_TOKEN_CREATE] = api_token_create_done,
    [API_TOKEN_RM] = api_revoke_done,
    [API_ADMIN_RM] = api_revoke_done,
    [API_NODE_RECOVER] = api_node_recover_done,
    [API_NETWORK_CREATE] = api_network_create_done,
    [API_ATTACH] = api_attach_done,
    [API_DETACH] = api_detach_done,
    [API_IPAM_RESERVE] = api_ipam_reserve_done,
    [API_IPAM_CHECK] = api_ipam_check_done,
};

api_done api_done_of(enum api_id id)
{
	return dones[id];
}

void api_handle(void *ctx, struct request *req)
{
	if (!repeat_is_known(ctx, req))
		api_handler_of(request_method(req)->id)(ctx, req);
}

void api_fail(struct request *req, int code, const char *fmt, ...)
{
	struct weft_err err = {.code = code};
	va_list args;

	va_start(args, fmt);
	vsnprintf(err.message, sizeof(err.message), fmt, args);
	va_end(args);
	request_fail(req, &err);
}

static void call_close(void *state)
{
	struct call *call = state;

	box_close(&call->box);
	free(call);
}

struct call *call_of(struct daemon *d, struct request *req)
{
	struct call *call = request_state(req);

	if (call)
		return call;
	call = calloc(1, sizeof(*call));
	WEFT_ASSERT(call != NULL);
	call->d = d;
	call->box = OVERLAY_BOX_NONE;
	request_state_set(req, call, call_close);
	return call;
}

/* Whoever is refused for a fence hears which one, and the command that ends it, as in status. */
static void fail_answered(struct daemon *d, struct request *req, const struct weft_err *why)
{
	struct weft_err fence = {0};

	if (why->code == WEFT_E_FENCED && api_fence(d, &fence) == WEFT_E_FENCED)
		request_fail(req, &fence);
	else
		request_fail(req, why);
}

void api_answered(struct daemon *d, const struct node_answer *answer)
{
	struct request *req;
	struct call *call;
	api_done done;

	if ((answer->tag & DIAG_TAG) == DIAG_TAG) {
		diag_answered(d->diag, answer);
		return;
	}
	if (answer->tag & DAEMON_TAG) {
		if (answer->err.code != 0)
			log_line(d->log, LOG_LEVEL_WARNING, "%s", answer->err.message);
		return;
	}
	req = http_request(d->http, answer->tag);
	if (!req)
		return;
	call = request_state(req);
	/* Who hears of a refusal finds nothing of it in the box. */
	if (answer->err.code != 0 && call && call->unmaking) {
		call->why = answer->err;
		request_late_set(req, &answer->err);
		return;
	}
	if (answer->err.code != 0) {
		fail_answered(d, req, &answer->err);
		return;
	}
	done = call && call->done ? call->done : api_done_of(request_method(req)->id);
	if (done)
		done(d, req, answer);
	else
		request_answer(req, json_object());
}

void api_told(struct daemon *d, const struct kernel_tell *tell)
{
	struct request *req = http_request(d->http, tell->tag);
	struct call *call = req ? request_state(req) : NULL;

	if (call && tell->kind == TELL_UNMADE) {
		call->unmaking = false;
		if (call->why.code != 0)
			fail_answered(d, req, &call->why);
		return;
	}
	if (call && call->told) {
		call->told(d, req, tell);
		return;
	}
	/* Its request ended meanwhile. */
	if (tell->kind == TELL_BOX) {
		struct overlay_box box = tell->box.fds;

		box_close(&box);
	}
}

struct retry {
	struct daemon *d;
	bool networks;
};

static void retry_one(void *ctx, struct request *req)
{
	struct retry *retry = ctx;
	struct call *call = request_state(req);

	if (!call || !call->retry || !(call->again || retry->networks))
		return;
	call->again = false;
	call->retry(retry->d, req);
}

void api_retry(struct daemon *d, bool networks)
{
	struct retry retry = {d, networks};

	http_each_pending(d->http, &retry, retry_one);
}

int api_is_active(struct daemon *d, struct weft_err *err)
{
	enum node_phase phase = gossip_phase(node_gossip(d->node));

	if (phase == NODE_REMOVED || phase == NODE_COPY)
		return api_fence(d, err); /* says by whom, or of what */
	return node_may_serve(d->node, err);
}

size_t api_page(const struct request *req, const char **after)
{
	uint64_t limit = API_PAGE_DEFAULT;

	*after = request_text(req, "after");
	if (!request_uint(req, "limit", &limit) || limit == 0)
		return API_PAGE_DEFAULT;
	return limit > API_PAGE_MAX ? API_PAGE_MAX : (size_t)limit;
}

void api_answer_list(struct request *req, json_t *items, const char *next, json_t *more)
{
	json_t *json = more ? more : json_object();

	json_object_set_new(json, request_method(req)->list_key, items);
	json_object_set_new(json, "next", next ? json_string(next) : json_null());
	request_answer(req, json);
}
