/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The handlers of the API, a function a method; see api.h. */
#pragma once

struct daemon;
struct node_answer;
struct request;

/* One for each row of API_METHODS; each answers req, fails it, or leaves it pending. */
void api_status(struct daemon *d, struct request *req);
void api_init(struct daemon *d, struct request *req);
void api_join(struct daemon *d, struct request *req);
void api_leave(struct daemon *d, struct request *req);
void api_reset(struct daemon *d, struct request *req);
void api_token_create(struct daemon *d, struct request *req);
void api_token_ls(struct daemon *d, struct request *req);
void api_token_rm(struct daemon *d, struct request *req);
void api_admin_ls(struct daemon *d, struct request *req);
void api_admin_add(struct daemon *d, struct request *req);
void api_admin_rm(struct daemon *d, struct request *req);
void api_admin_backup(struct daemon *d, struct request *req);
void api_admin_restore(struct daemon *d, struct request *req);
void api_members(struct daemon *d, struct request *req);
void api_node_inspect(struct daemon *d, struct request *req);
void api_node_rm(struct daemon *d, struct request *req);
void api_node_advertise(struct daemon *d, struct request *req);
void api_backup(struct daemon *d, struct request *req);
void api_restore(struct daemon *d, struct request *req);
void api_node_recover(struct daemon *d, struct request *req);
void api_network_create(struct daemon *d, struct request *req);
void api_network_ls(struct daemon *d, struct request *req);
void api_network_inspect(struct daemon *d, struct request *req);
void api_network_rm(struct daemon *d, struct request *req);
void api_attach(struct daemon *d, struct request *req);
void api_detach(struct daemon *d, struct request *req);
void api_endpoint_ls(struct daemon *d, struct request *req);
void api_endpoint_inspect(struct daemon *d, struct request *req);
void api_ipam_ls(struct daemon *d, struct request *req);
void api_ipam_ring(struct daemon *d, struct request *req);
void api_ipam_reserve(struct daemon *d, struct request *req);
void api_ipam_release(struct daemon *d, struct request *req);
void api_ipam_check(struct daemon *d, struct request *req);
void api_ipam_confirm(struct daemon *d, struct request *req);
void api_events(struct daemon *d, struct request *req);
void api_path(struct daemon *d, struct request *req);
void api_diag(struct daemon *d, struct request *req);
void api_version(struct daemon *d, struct request *req);
void api_metrics(struct daemon *d, struct request *req);
void api_healthz(struct daemon *d, struct request *req);
void api_readyz(struct daemon *d, struct request *req);

/* What they answer with, of the node's answer: see api_done_of. */
void api_init_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_join_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_leave_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_token_create_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_revoke_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_network_create_done(struct daemon *d, struct request *req,
			     const struct node_answer *answer);
void api_attach_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_detach_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_ipam_reserve_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_ipam_check_done(struct daemon *d, struct request *req, const struct node_answer *answer);
void api_node_recover_done(struct daemon *d, struct request *req, const struct node_answer *answer);
