/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "packaging/pages/answers.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct answer_key types[] = {
    {"text", "string", "a name, a word or a sentence"},
    {"id", "string", "32 hexadecimal digits"},
    {"address", "string", "an IP address"},
    {"address:port", "string", "an IP address and a UDP port"},
    {"subnet", "string", "an IP address and a prefix length, 10.64.1.0/24"},
    {"MAC", "string", "02:00:00:00:00:01"},
    {"instant", "string", "RFC 3339 in UTC, with milliseconds"},
    {"number", "number", "an integer; milliseconds where the name ends in _ms may have a fraction"},
    {"flag", "boolean", "true or false"},
    {"labels", "object", "texts by name"},
    {"object", "object", "its keys follow, behind a dot"},
};

static const struct answer_key member_keys[] = {
    {"name", "text", "its name; with a part of its id where several have one name"},
    {"id", "id", "its id, for good"},
    {"addr", "address:port", "where its gossip is reached"},
    {"state", "text", "alive, suspect, failed, left or removed"},
    {"incarnation", "number", "rises when it contradicts those who took it for failed"},
    {"tags", "labels", "what its token gave it"},
    {"version", "number", "the newest version of the wire that it speaks"},
    {"admin", "flag", "it may sign tokens and removals"},
    {"self", "flag", "it is this node"},
};

static const struct answer_key network_keys[] = {
    {"name", "text", "its name"},
    {"id", "id", "its id"},
    {"vni", "number", "the VXLAN id that it uses"},
    {"subnets", "list of subnet", "its pools"},
    {"encrypt", "text", "none"},
    {"mtu", "number or null", "what every host in it can carry; null where none is known"},
    {"internal", "flag", "there is no way out of it"},
    {"endpoints", "number", "boxes in it, on all hosts"},
    {"hosts", "number", "hosts that serve it"},
};

static const struct answer_key endpoint_keys[] = {
    {"id", "id", "its id"},
    {"name", "text", "its name; may be empty"},
    {"network", "text", "name of its network"},
    {"network_id", "id", "id of its network"},
    {"addresses", "list of subnet", "its addresses with their prefix lengths"},
    {"mac", "MAC", "its MAC"},
    {"host", "text", "name of the member where it is"},
    {"host_id", "id", "id of that member"},
    {"state", "text", "state of that member"},
    {"is_host", "flag", "it is the host's own address in the network, not a box"},
};

static const struct answer_key lease_keys[] = {
    {"network", "text", "name of the network"},
    {"network_id", "id", "id of the network"},
    {"address", "address", "what is leased"},
    {"mac", "MAC or null", "of its endpoint; null when it is reserved"},
    {"endpoint", "id or null", "who has it; null when it is reserved"},
    {"name", "text", "name of the endpoint or of the reservation; may be empty"},
    {"since", "instant", "when it was leased"},
    {"state", "text", "leased or reserved"},
};

static const struct answer_key check_keys[] = {
    {"check", "text", "what was looked at"},
    {"peer", "text or null", "the member on the other side; null: this host"},
    {"verdict", "text", "ok, warn or fail"},
    {"measured", "text", "what was seen"},
    {"remedy", "text or null", "what to do about it"},
};

enum object { MEMBER, NETWORK, ENDPOINT, LEASE, CHECK };

#define OBJECT(name, help, keys)              \
	{                                     \
		name, help, keys, COUNT(keys) \
	}

static const struct answer_object objects[] = {
    [MEMBER] = OBJECT("member", "A member as this node sees it", member_keys),
    [NETWORK] = OBJECT("network", "A network of the cluster", network_keys),
    [ENDPOINT] = OBJECT("endpoint", "What has addresses in a network", endpoint_keys),
    [LEASE] = OBJECT("lease", "An address that this host leases", lease_keys),
    [CHECK] = OBJECT("check", "A finding of weft diag", check_keys),
};

static const struct answer_key status_keys[] = {
    {"cluster", "object or null", "the cluster; null: this host is in none"},
    {"cluster.name", "text", "its name"},
    {"cluster.id", "id", "its id"},
    {"node", "object", "this node"},
    {"node.name", "text", "its name"},
    {"node.id", "id", "its id"},
    {"node.addr", "address:port", "where others reach it"},
    {"node.phase", "text", "no_cluster, joining, claiming, active, left, removed or copy"},
    {"node.fence", "text or null",
     "why nothing new is leased here: clone, set_back, void, leaving, left or removed; weft status "
     "says what ends it"},
    {"node.removed", "object or null", "who removed this node"},
    {"node.removed.by", "text", "name of the admin's node"},
    {"node.removed.at", "instant", "when, by that node's clock"},
    {"node.removed.reason", "text", "why; may be empty"},
    {"node.admin", "flag", "it may sign tokens and removals"},
    {"node.isolated", "flag", "no other member was heard lately"},
    {"node.started", "instant", "when weftd was started"},
    {"members", "object", "how many members are in each state"},
    {"members.alive", "number", "alive, with this node"},
    {"members.suspect", "number", "do not answer at the moment"},
    {"members.failed", "number", "do not answer"},
    {"members.left", "number", "left in order"},
    {"members.removed", "number", "removed by an admin"},
    {"members.failed_names", "list of text", "the first five that failed"},
    {"networks", "number", "networks of the cluster"},
    {"in_sync", "flag", "serves its cluster and is as current as it can know"},
    {"sync", "object or null", "the last comparison of tables; null: none since the start"},
    {"sync.with", "text", "name of the other member"},
    {"sync.age_ms", "number", "how long ago"},
    {"reconcile", "object", "what stands in the kernel, and what should"},
    {"reconcile.pending", "number", "networks that are not yet as they should be"},
    {"reconcile.failed", "number", "operations that the kernel refused and that are tried again"},
    {"reconcile.last_ms", "number", "how long the last look took"},
    {"loop_lag_ms", "number", "by how much the daemon's loop was late at worst, lately"},
    {"conflicts", "number", "addresses that two hosts claim; weft ipam ring shows where"},
    {"blockers", "list of text",
     "the first five members for whom addresses of removed ones wait; weft ipam ring says why"},
    {"warnings", "list of text", "what a person should know or do"},
    {"version", "text", "of weftd"},
};

static const struct answer_key init_keys[] = {
    {"cluster", "id", "id of the cluster"},
    {"name", "text", "its name"},
    {"id", "id", "the same as cluster"},
    {"node", "id", "this node's id"},
    {"token", "text", "admits others for 24 hours; a secret"},
    {"expires", "instant", "until when"},
};

static const struct answer_key join_keys[] = {
    {"cluster", "id", "id of the cluster"},
    {"name", "text", "its name"},
    {"node", "id", "this node's id"},
    {"members", "number", "members alive, with this one"},
};

static const struct answer_key leave_keys[] = {
    {"known", "flag",
     "a member has it on its disk that this node left; else weftd goes on telling them"},
};

static const struct answer_key token_create_keys[] = {
    {"token", "text", "the token; a secret"},
    {"id", "id", "its id, by which it is listed and revoked"},
    {"expires", "instant", "until when it admits"},
};

static const struct answer_key token_ls_keys[] = {
    {"tokens", "list of object", "join tokens"},
    {"tokens[].id", "id", "its id"},
    {"tokens[].state", "text", "valid or expired; of those revoked none is listed"},
    {"tokens[].expires", "instant", "until when it admits"},
    {"tokens[].name_pattern", "text", "names that it admits; empty: all"},
    {"tokens[].tags", "labels", "tags of those it admits"},
    {"tokens[].made_by", "text", "name of the admin's node"},
};

static const struct answer_key ended_keys[] = {
    {"id", "id", "id of the token or the admin's node"},
    {"admitted", "list of text", "names of the members that came in by it, at most 64"},
    {"admitted_count", "number", "how many did"},
};

static const struct answer_key admin_ls_keys[] = {
    {"admins", "list of object", "who may sign tokens and removals"},
    {"admins[].name", "text", "name of the node"},
    {"admins[].id", "id", "its id"},
    {"admins[].state", "text", "its state as a member"},
    {"admins[].self", "flag", "it is this node"},
};

static const struct answer_key sealed_keys[] = {
    {"sealed", "text", "the cluster key, sealed by the passphrase, in hexadecimal digits"},
};

static const struct answer_key members_keys[] = {
    {"members", "list of member", "all members, gone ones too"},
};

static const struct answer_key node_inspect_keys[] = {
    {"vtep", "address", "end of its VXLAN tunnels"},
    {"epoch", "number", "how often its state began anew"},
    {"wire_min", "number", "the oldest version of the wire that it speaks"},
    {"wire_max", "number", "the newest"},
    {"heard_ms", "number or null", "how long ago it was heard; null: never, or this node"},
    {"rtt_ms", "number or null", "round trip; null: not measured"},
};

static const struct answer_key recover_keys[] = {
    {"recovered", "flag", "a fence was lifted; false: there was none"},
    {"fence", "text or null", "which: clone or set_back"},
    {"dropped", "list of object", "addresses and endpoints that this host gave up"},
    {"dropped[].why", "text",
     "not_ours: another owns it now; unknown_here: it was not in this state"},
    {"dropped[].network", "text", "name of the network"},
    {"dropped[].address", "address", "the address"},
    {"dropped[].endpoint", "id", "the endpoint"},
    {"dropped[].other", "text or null", "name of the member that owns it now"},
    {"kept", "number", "leases that stay"},
};

static const struct answer_key file_keys[] = {
    {"file", "text", "path of the file"},
};

static const struct answer_key networks_keys[] = {
    {"networks", "list of network", "all networks"},
};

static const struct answer_key network_inspect_keys[] = {
    {"pools", "list of object", "its pools in detail"},
    {"pools[].subnet", "subnet", "the pool"},
    {"pools[].gateway", "address", "its gateway, which is never leased"},
    {"pools[].ip_range", "subnet", "the part that is leased from"},
    {"pools[].aux", "list of address", "addresses that are never leased"},
    {"port", "number", "UDP port of its VXLAN"},
    {"multicast", "flag", "broadcast and multicast are flooded"},
    {"labels", "labels", "its labels"},
    {"created", "instant", "when it was made"},
    {"here", "object or null", "its devices on this host; null: not served here"},
    {"here.pending", "flag", "the kernel is not yet as it should be"},
    {"here.failed", "number", "operations that the kernel refused"},
    {"here.local_endpoints", "number", "endpoints of this host"},
    {"here.remote_endpoints", "number", "endpoints of others that the kernel knows"},
    {"here.conflicts", "number", "addresses that two endpoints claim"},
    {"here.mtu_bytes", "number", "MTU of its devices"},
    {"here.last_ms", "number", "how long the last look took"},
    {"here.error", "text", "what the kernel said last when it refused; empty: nothing"},
};

static const struct answer_key attach_keys[] = {
    {"endpoint", "id", "id of the endpoint"},
    {"ifname", "text", "name of the interface in the namespace"},
    {"addresses", "list of subnet", "its addresses with their prefix lengths"},
    {"mac", "MAC", "its MAC"},
    {"gateway", "address or null", "where its default route goes; null: it has none"},
    {"mtu", "number", "of the interface, in bytes"},
    {"name", "text", "its name; may be empty"},
    {"peers_pending", "list of text", "hosts that may not reach it yet, after 50 ms; at most 8"},
};

static const struct answer_key detach_keys[] = {
    {"detached", "flag", "false: there was none"},
    {"endpoint", "id or null", "which"},
};

static const struct answer_key endpoint_ls_keys[] = {
    {"endpoints", "list of endpoint", "endpoints of the networks that this host serves"},
    {"elsewhere", "list of object", "networks whose endpoints only other hosts know"},
    {"elsewhere[].network", "text", "name of the network"},
    {"elsewhere[].endpoints", "number", "how many there are"},
    {"elsewhere[].hosts", "number", "on how many hosts"},
    {"elsewhere[].host", "text", "one of them, that is alive if any is"},
};

static const struct answer_key endpoint_inspect_keys[] = {
    {"here", "object or null", "where it is plugged in; null: on another host"},
    {"here.ifname", "text", "name of its interface in the namespace"},
    {"here.host_ifname", "text",
     "name of the other end, on the host; empty for the host's own endpoint"},
    {"here.netns", "text", "the namespace as it was named"},
    {"here.netns_inode", "number", "inode of the namespace"},
    {"here.since", "instant", "when it was attached"},
};

static const struct answer_key leases_keys[] = {
    {"leases", "list of lease", "what this host leases"},
};

static const struct answer_key ring_keys[] = {
    {"network", "text", "name of the network"},
    {"network_id", "id", "its id"},
    {"total", "number", "addresses of its pools"},
    {"ranges", "list of object", "all of its addresses, in order"},
    {"ranges[].first", "address", "first of the range"},
    {"ranges[].last", "address", "last of the range"},
    {"ranges[].addresses", "number", "how many"},
    {"ranges[].holder", "text", "name of the member that may lease them"},
    {"ranges[].holder_id", "id", "its id"},
    {"ranges[].generation", "number", "rises whenever the range changes hands"},
    {"ranges[].state", "text", "held, granted (not taken up yet), frozen or conflict"},
    {"ranges[].free", "number or null", "free ones; null: only the holder knows"},
    {"ranges[].leased", "number or null", "leased ones; null: only the holder knows"},
    {"ranges[].cooling", "number or null", "resting ones; null: only the holder knows"},
    {"here", "object", "sums over the ranges of this host"},
    {"here.held", "number", "addresses that it holds"},
    {"here.leased", "number", "leased, with reserved ones"},
    {"here.reserved", "number", "reserved without an endpoint"},
    {"here.cooling", "number", "rest after their release"},
    {"here.special", "number", "never leased: network, broadcast, gateway, aux, outside ip_range"},
    {"here.free", "number", "free"},
    {"here.promised", "number", "granted to others and not taken up yet"},
    {"here.rows", "number", "rows that this host tells others about its ranges"},
    {"holders", "number", "members that hold any"},
    {"conflicts", "number", "addresses that two members claim"},
    {"frozen", "number", "addresses of members that are gone, not taken back yet"},
    {"blockers", "list of object", "what the reclaim from each member that is gone waits for"},
    {"blockers[].removed", "text", "the member that is gone"},
    {"blockers[].waits_for", "list of text", "members that have to close on it; at most 16"},
    {"blockers[].count", "number", "how many there are"},
    {"blocks", "list of object", "why each of those blocks, and what to do"},
    {"blocks[].member", "text", "name of the member"},
    {"blocks[].member_id", "id", "its id"},
    {"blocks[].state", "text", "its state"},
    {"blocks[].why", "text", "why it blocks"},
    {"blocks[].todo", "text", "what to do"},
};

static const struct answer_key ipam_check_keys[] = {
    {"findings", "list of object", "what is wrong"},
    {"findings[].kind", "text", "leak, double, stray or conflict"},
    {"findings[].network", "text", "name of the network"},
    {"findings[].address", "address", "the address"},
    {"findings[].endpoint", "id or null", "the endpoint that has it"},
    {"findings[].other", "text or null", "the other member, where there is one"},
    {"findings[].fixed", "flag", "it was repaired"},
    {"findings[].remedy", "text or null", "what to do; null: it was repaired"},
    {"leases", "number", "leases that were looked at"},
};

static const struct answer_key path_keys[] = {
    {"vtep", "address", "end of its VXLAN tunnels"},
    {"source", "address or null", "the address of this host that the tunnel uses; null: no route"},
    {"direct", "flag", "it answered over the direct way"},
    {"answer_ms", "number or null", "how long that took"},
    {"blocked", "list of text or null", "ports and directions in which VXLAN does not pass"},
    {"mtu_bytes", "number or null",
     "the largest packet that passed; the smaller of both directions where both are known"},
    {"inner_mtu_bytes", "number or null", "the same for the boxes, without VXLAN's headers"},
    {"interface_mtu_bytes", "number", "MTU of this host's interface towards it"},
    {"encryption", "text", "none"},
    {"clock_ms", "number or null", "by how much its clock is ahead"},
    {"version", "text or null", "of its weftd, in place of the wire's"},
    {"rtt_ms", "number or null", "round trip of gossip; null: not measured"},
    {"heard_ms", "number or null", "how long ago it was heard; null: never"},
    {"helper", "text or null", "the member over which it was heard when not directly"},
};

static const struct answer_key diag_keys[] = {
    {"checks", "list of check", "what was found"},
    {"host", "object", "what weft-hostcheck is told; its keys may change"},
};

static const struct answer_key version_keys[] = {
    {"version", "text", "of weftd"},
    {"wire", "number", "version of the wire"},
    {"api", "text", "version of this API"},
    {"state_dir", "text", "where this node's state is"},
};

#define IS(object)                              \
	{                                       \
		&objects[object], NULL, 0, NULL \
	}
#define IS_WITH(object, keys)                             \
	{                                                 \
		&objects[object], keys, COUNT(keys), NULL \
	}
#define HAS(keys)                             \
	{                                     \
		NULL, keys, COUNT(keys), NULL \
	}
#define SAYS(text)                  \
	{                           \
		NULL, NULL, 0, text \
	}
#define EMPTY SAYS("an empty object")

static const struct answer answers[API_METHOD_COUNT] = {
    [API_STATUS] = HAS(status_keys),
    [API_INIT] = HAS(init_keys),
    [API_JOIN] = HAS(join_keys),
    [API_LEAVE] = HAS(leave_keys),
    [API_RESET] = SAYS("an empty object: it begins; weftd ends for it and answers anew behind it"),
    [API_TOKEN_CREATE] = HAS(token_create_keys),
    [API_TOKEN_LS] = HAS(token_ls_keys),
    [API_TOKEN_RM] = HAS(ended_keys),
    [API_ADMIN_LS] = HAS(admin_ls_keys),
    [API_ADMIN_ADD] = EMPTY,
    [API_ADMIN_RM] = HAS(ended_keys),
    [API_ADMIN_BACKUP] = HAS(sealed_keys),
    [API_ADMIN_RESTORE] = EMPTY,
    [API_MEMBERS] = HAS(members_keys),
    [API_NODE_INSPECT] = IS_WITH(MEMBER, node_inspect_keys),
    [API_NODE_RM] = EMPTY,
    [API_NODE_ADVERTISE] = EMPTY,
    [API_NODE_RECOVER] = HAS(recover_keys),
    [API_BACKUP] = HAS(file_keys),
    [API_RESTORE] = HAS(file_keys),
    [API_NETWORK_CREATE] = IS(NETWORK),
    [API_NETWORK_LS] = HAS(networks_keys),
    [API_NETWORK_INSPECT] = IS_WITH(NETWORK, network_inspect_keys),
    [API_NETWORK_RM] = EMPTY,
    [API_ATTACH] = HAS(attach_keys),
    [API_DETACH] = HAS(detach_keys),
    [API_ENDPOINT_LS] = HAS(endpoint_ls_keys),
    [API_ENDPOINT_INSPECT] = IS_WITH(ENDPOINT, endpoint_inspect_keys),
    [API_IPAM_LS] = HAS(leases_keys),
    [API_IPAM_RING] = HAS(ring_keys),
    [API_IPAM_RESERVE] = IS(LEASE),
    [API_IPAM_RELEASE] = EMPTY,
    [API_IPAM_CHECK] = HAS(ipam_check_keys),
    [API_IPAM_CONFIRM] = EMPTY,
    [API_EVENTS] = SAYS("a line each event, see EVENTS"),
    [API_PATH] = IS_WITH(MEMBER, path_keys),
    [API_DIAG] = HAS(diag_keys),
    [API_VERSION] = HAS(version_keys),
    [API_METRICS] = SAYS("text for Prometheus; weft help metrics lists them"),
    [API_HEALTHZ] = SAYS("ok, or with status 503 what is wrong"),
    [API_READYZ] = SAYS("ready, or with status 503 not ready"),
};

const struct answer_key *answer_types(size_t *count)
{
	*count = COUNT(types);
	return types;
}

const struct answer_object *answer_objects(size_t *count)
{
	*count = COUNT(objects);
	return objects;
}

const struct answer *answer_of(enum api_id id)
{
	return &answers[id];
}
