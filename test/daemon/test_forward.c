/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Firewalls as they are met, made for real in a namespace of the test's own. */
#include <linux/netfilter_ipv4/ip_tables.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/hostcheck/hostcheck.h"
#include "daemon/hostcheck/legacy.h"
#include "test/base/cmocka_all.h"

#define TEXT_BYTES 4096

static struct prefix subnets[1];
static const struct host_facts facts = {.networks = 1, .subnets = subnets, .subnet_count = 1};

static void sh(const char *commands)
{
	if (system(commands) != 0)
		fail_msg("this failed: %s", commands);
}

#define BRIDGED "/proc/sys/net/bridge/bridge-nf-call-iptables"

/* Whether iptables is shown the frames of bridges; false where the kernel cannot. */
static bool bridged_frames_pass(bool pass)
{
	if (access(BRIDGED, F_OK) != 0)
		return false;
	sh(pass ? "echo 1 >" BRIDGED : "echo 0 >" BRIDGED);
	return true;
}

/* A host with a way out by eth0 and a network of weft's. */
static int set_up(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(prefix_parse("10.64.0.0/24", &subnets[0]), 0);
	sh("ip link add eth0 type bridge && ip addr add 192.0.2.1/24 dev eth0 && "
	   "ip link set eth0 up && ip route add default via 192.0.2.254 && "
	   "ip link add wfbr001000 type bridge && ip addr add 10.64.0.1/24 dev wfbr001000 && "
	   "ip link set wfbr001000 up");
	bridged_frames_pass(false);
	return 0;
}

static json_t *judged(void)
{
	json_t *checks = json_array();

	check_forward(checks, &facts);
	return checks;
}

static const char *said(const json_t *check, const char *key)
{
	const char *text = json_string_value(json_object_get(check, key));

	return text ? text : "";
}

static void expect_silence(const char *name)
{
	json_t *checks = judged();

	if (json_array_size(checks) != 1 ||
	    strcmp(said(json_array_get(checks, 0), "verdict"), "ok") != 0)
		fail_msg("%s: %s", name, said(json_array_get(checks, 0), "measured"));
	json_decref(checks);
}

/* One finding with these words; what it advises is typed, and then nothing is found. */
static void expect_found(const char *name, const char *verdict, const char *words, bool mends)
{
	json_t *checks = judged();
	const json_t *check = json_array_get(checks, 0);

	if (json_array_size(checks) != 1 || strcmp(said(check, "verdict"), verdict) != 0 ||
	    !strstr(said(check, "measured"), words))
		fail_msg("%s: %zu, %s: %s", name, json_array_size(checks), said(check, "verdict"),
			 said(check, "measured"));
	if (mends) {
		sh(said(check, "remedy"));
		expect_silence(name);
	}
	json_decref(checks);
}

static void rules(const char *ruleset)
{
	FILE *nft = popen("nft -f -", "we");

	assert_non_null(nft);
	fprintf(nft, "flush ruleset\n%s\n", ruleset);
	if (pclose(nft) != 0)
		fail_msg("nft takes this not: %s", ruleset);
}

/* A chain of an inet table with this policy and these rules. */
static void inet_rules(const char *policy, const char *lines)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text),
		 "table inet fw {\nset lan { type ipv4_addr; flags interval; elements = { "
		 "10.64.0.0/16, 192.168.0.0/16 } }\nset many { type ifname; flags interval; "
		 "elements = { \"docker0\", \"wfbr*\" } }\n"
		 "set odd { type ifname; elements = { \"@odd\" } }\n"
		 "map gates { type ifname : verdict; elements = { \"wfbr001000\" : goto gate } }\n"
		 "chain gate { jump last\n }\n"
		 "chain other { accept\n }\nchain last { drop\n }\n"
		 "chain never { iifname \"wfbr*\" accept\noifname \"wfbr*\" accept\n }\n"
		 "chain f {\ntype filter hook forward priority 0; policy %s;\n%s\n}\n}",
		 policy, lines);
	rules(text);
}

static void what_lets_the_boxes_through_is_not_reported(void **state)
{
	static const struct {
		const char *policy, *lines;
	} cases[] = {
	    {"accept", ""},
	    {"drop", "iifname \"wfbr*\" accept\noifname \"wfbr*\" ct state "
		     "established,related accept"},
	    {"drop", "ct state vmap { established : accept, related : accept, invalid : drop }\n"
		     "iifname { \"docker0\", \"wfbr*\" } accept"},
	    {"drop", "ct state established,related accept\niifname @many accept"},
	    {"drop", "ct state { established, related } counter accept\nip saddr @lan accept"},
	    {"drop", "ct state established accept\nip saddr 10.0.0.0/8 oifname \"eth0\" accept"},
	    {"drop", "ct state established accept\nip saddr 10.64.0.0-10.64.0.255 accept"},
	    {"drop", "ct state established accept\niifname != \"eth0\" accept"},
	    {"drop",
	     "ct state established accept\niifname . oifname { \"wfbr*\" . \"eth0\" } accept"},
	    {"drop", "ct state established accept\niifname vmap { \"docker0\" : drop, \"wfbr*\" : "
		     "accept }"},
	    {"drop",
	     "ct state established accept\niifname \"wfbr*\" limit rate 9000/second accept"},
	    {"drop", "jump never"},
	    {"accept", "iifname @odd drop"},
	    {"accept", "iifname \"wfbr*\" goto never\noifname \"wfbr*\" goto never\ndrop"},
	    {"accept",
	     "ct state invalid drop\nip saddr 192.168.0.0/16 drop\ntcp dport 25 reject\n"
	     "ip daddr 172.16.0.0/12 drop\niifname \"docker0\" drop\noifname \"wlan0\" drop\n"
	     "meta nfproto ipv6 drop\nlimit rate over 9000/second drop\nct status dnat drop"},
	    {"accept", "iifname \"wfbr*\" return\noifname \"wfbr*\" return\n"
		       "reject with icmpx admin-prohibited"},
	};

	(void)state;
	expect_silence("no rules");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		inet_rules(cases[i].policy, cases[i].lines);
		expect_silence(cases[i].lines);
	}
	rules(
	    "table ip6 filter { chain FORWARD { type filter hook forward priority 0; policy "
	    "drop\n }\n }\ntable bridge b { chain f { type filter hook forward priority 0; policy "
	    "accept\n }\n }\ntable inet i { chain i { type filter hook input priority 0; policy "
	    "drop\n }\n }");
	expect_silence("IPv6, bridges and the host itself");
}

static void what_drops_is_reported_and_the_remedy_helps(void **state)
{
	static const struct {
		const char *policy, *lines, *words;
	} cases[] = {
	    {"drop", "", "what boxes send out by its policy"},
	    {"drop", "ct state established,related accept", "what boxes send out by its policy"},
	    {"drop", "iifname \"wfbr*\" accept", "the answers to boxes by its policy"},
	    {"drop", "oifname \"wfbr*\" accept", "what boxes send out"},
	    {"drop", "iifname \"wfbr*\" drop\noifname \"wfbr*\" drop", "send out by a rule:"},
	    {"drop", "iifname \"wfbr*\" tcp dport 443 accept\noifname \"wfbr*\" accept",
	     "what boxes send out"},
	    {"drop", "ct state established accept\nip saddr 10.65.0.0/16 accept", "boxes send out"},
	    {"drop",
	     "ct state established accept\nicmp type echo-request accept\nip protocol icmp "
	     "accept\nct status dnat accept\nip6 saddr fd00::/8 accept",
	     "boxes send out"},
	    {"accept", "ct state established,related accept\nreject with icmpx admin-prohibited",
	     "send out by a rule:"},
	    {"accept", "drop\niifname \"wfbr*\" accept\noifname \"wfbr*\" accept", "by a rule:"},
	    {"accept", "ct state new drop", "what boxes send out by a rule"},
	    {"accept", "iifname vmap { \"wfbr*\" : drop }", "send out by a rule"},
	    {"accept", "ct state vmap { established : drop }", "answers to boxes by a rule"},
	    {"accept", "ct state vmap { established : accept, * : drop }", "send out by a rule:"},
	    {"accept", "iifname vmap @gates", "send out by a rule of chain last"},
	    {"accept", "iifname != \"docker0\" oifname != \"docker0\" drop", "by a rule:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		inet_rules(cases[i].policy, cases[i].lines);
		expect_found(cases[i].lines, "fail", cases[i].words, true);
	}
	rules("table ip mine { chain last { log\nreject\n }\nchain f { type filter hook forward "
	      "priority 7; ct state established accept\njump last\n }\n }");
	expect_found("a chain that is jumped to", "fail",
		     "chain f of table ip mine drops what boxes send out by a rule of chain last",
		     true);
}

/* A rule that cannot be judged may take it: then it is only said that it may be so. */
static void what_may_drop_is_a_warning(void **state)
{
	(void)state;
	inet_rules("drop", "ct state established accept\nmeta mark 7 accept");
	expect_found("a mark", "warn", "unless a rule before it that cannot be judged", true);
	inet_rules("drop", "ct state established accept\nmeta mark 7 goto other");
	expect_found("a goto", "warn", "unless a rule before it that cannot be judged", true);
	inet_rules("drop", "ct state established accept\nmeta mark 7 jump last\niifname "
			   "\"wfbr*\" accept");
	expect_silence("a jump");
}

/* Eight ways from each chain to the next are more than there is time for. */
static void chains_that_jump_by_chains_come_to_an_end(void **state)
{
	char text[TEXT_BYTES];
	int len = snprintf(text, sizeof(text), "table ip many {\nchain c13 { }\n");

	(void)state;
	for (int i = 12; i >= 0; i--) {
		len += snprintf(text + len, sizeof(text) - (size_t)len, "chain c%d {\n", i);
		for (int j = 0; j < 8; j++)
			len +=
			    snprintf(text + len, sizeof(text) - (size_t)len, "jump c%d\n", i + 1);
		len += snprintf(text + len, sizeof(text) - (size_t)len, "}\n");
	}
	snprintf(text + len, sizeof(text) - (size_t)len,
		 "chain f { type filter hook forward priority 0; policy drop; meta mark 7 jump "
		 "c0\n }\n}");
	rules(text);
	expect_found("many ways", "warn", "by its policy, unless", true);
}

static const char firewalld[] =
    "table inet firewalld {\n"
    "chain filter_FORWARD { type filter hook forward priority 10; policy accept;\n"
    "ct state { established, related } accept\nct status dnat accept\niifname \"lo\" accept\n"
    "ct state invalid drop\nip6 daddr { ::/96, fe80::/64 } reject with icmpv6 type "
    "addr-unreachable\n"
    "jump filter_FORWARD_POLICIES_pre\njump filter_FORWARD_ZONES\n"
    "jump filter_FORWARD_POLICIES_post\nreject with icmpx admin-prohibited\n }\n"
    "chain filter_FORWARD_POLICIES_pre { }\nchain filter_FORWARD_POLICIES_post { }\n"
    "chain filter_FORWARD_ZONES { %s\niifname \"eth0\" goto filter_FWD_public\n"
    "goto filter_FWD_public\n }\n"
    "chain filter_FWD_public { jump filter_FWD_public_allow\nreject with icmpx admin-prohibited\n "
    "}\n"
    "chain filter_FWD_public_allow { }\n"
    "chain filter_FWD_trusted { accept\n }\n}";

static void firewalld_is_judged_by_its_zones(void **state)
{
	char text[TEXT_BYTES];

	(void)state;
	snprintf(text, sizeof(text), firewalld, "");
	rules(text);
	expect_found("firewalld", "fail", "by a rule of chain filter_FWD_public", false);
	/* What the remedy makes of it. */
	snprintf(text, sizeof(text), firewalld, "iifname \"wfbr*\" goto filter_FWD_trusted");
	rules(text);
	expect_silence("firewalld with a zone for weft");
}

static void frames_between_ports_have_a_remedy_of_their_own(void **state)
{
	(void)state;
	rules(
	    "table bridge b { chain f { type filter hook forward priority 0; policy drop\n }\n }");
	expect_found("bridge", "fail", "drops what boxes send each other by its policy", true);
	if (!bridged_frames_pass(true))
		return;
	inet_rules("drop",
		   "ct state established accept\niifname \"wfbr*\" oifname \"eth0\" accept");
	expect_found("frames in iptables", "fail", "drops what boxes send each other", true);
}

/* Of a table that has an owner the library lists no more than its chains in whole texts. */
static void tables_that_have_an_owner_are_judged(void **state)
{
	FILE *owner;

	(void)state;
	inet_rules("accept", "jump last");
	owner = popen("nft -i >/dev/null", "we");
	assert_non_null(owner);
	fputs("add table inet owned { flags owner; }\nadd chain inet owned c\n"
	      "add rule inet owned c iifname \"wfbr*\" drop\nadd chain inet owned f { type filter "
	      "hook forward priority 1; }\nadd rule inet owned f jump c\nflush chain inet fw f\n",
	      owner);
	fflush(owner);
	while (system("nft list chain inet fw f | grep -q last") == 0)
		;
	expect_found("owner", "fail", "table inet owned drops what boxes send out by a rule of",
		     false);
	assert_int_equal(pclose(owner), 0);
	expect_silence("the owner has gone");
}

static void judge_iptables(const char *program)
{
	char text[TEXT_BYTES];

#define RUN(...) (snprintf(text, sizeof(text), __VA_ARGS__), sh(text))
	expect_silence(program);
	RUN("%s -P FORWARD DROP", program);
	expect_found(program, "fail", "by its policy: boxes reach nothing outside", true);
	RUN("%s -F FORWARD; %s -P FORWARD ACCEPT", program, program);
	expect_silence(program);
	/* As Docker leaves it. */
	RUN("%s -P FORWARD DROP; %s -N DOCKER-USER; %s -N DOCKER; %s -A DOCKER-USER -j RETURN; "
	    "%s -A FORWARD -j DOCKER-USER; %s -A FORWARD -o docker0 -m conntrack --ctstate "
	    "RELATED,ESTABLISHED -j ACCEPT; %s -A FORWARD -o docker0 -j DOCKER; "
	    "%s -A FORWARD -i docker0 ! -o docker0 -j ACCEPT; "
	    "%s -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT",
	    program, program, program, program, program, program, program, program, program);
	expect_found(program, "fail", "; Docker set it", true);
	RUN("%s -S DOCKER-USER | grep -q wfbr", program);
	/* As ufw and old guides leave it. */
	RUN("%s -F; %s -X; %s -P FORWARD ACCEPT; %s -A FORWARD -m conntrack --ctstate "
	    "RELATED,ESTABLISHED -j ACCEPT; %s -A FORWARD -p icmp -j ACCEPT; %s -A FORWARD -m "
	    "comment --comment last -j REJECT",
	    program, program, program, program, program, program);
	expect_found(program, "fail", "what boxes send out by a rule", true);
	/* A word of nft's. */
	RUN("%s -F; %s -N log; %s -A log -j DROP; %s -A FORWARD -j log", program, program, program,
	    program);
	expect_found(program, "fail", "what boxes send out by a rule of chain log", true);
	RUN("%s -F; %s -A FORWARD -f -j DROP", program, program);
	expect_silence(program);
	RUN("%s -F; %s -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; "
	    "%s -A FORWARD -s 10.64.0.0/16 ! -d 10.0.0.0/8 -o eth+ -j ACCEPT; %s -A FORWARD "
	    "-i wfbr001000 -j LOG; %s -A FORWARD -j DROP",
	    program, program, program, program, program);
	expect_silence(program);
	RUN("%s -F; %s -A FORWARD -m mark --mark 7 -j ACCEPT; %s -A FORWARD -j DROP", program,
	    program, program);
	expect_found(program, "warn", "cannot be judged", true);
#undef RUN
}

/* What a rule of iptables asks for of connections is read, not guessed. */
static void judge_states(const char *program)
{
	static const struct {
		const char *policy, *rule, *words, *verdict; /* no words: silence */
	} cases[] = {
	    {"DROP", "-m conntrack --ctstate NEW,ESTABLISHED,RELATED -j ACCEPT", NULL, NULL},
	    {"DROP", "-m state --state NEW,ESTABLISHED -j ACCEPT", NULL, NULL},
	    {"DROP", "-m conntrack ! --ctstate INVALID -j ACCEPT", NULL, NULL},
	    {"DROP", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
	     "boxes send out by its", "fail"},
	    {"DROP", "-m conntrack --ctstate NEW -j ACCEPT", "answers to boxes by its", "fail"},
	    {"DROP", "-m conntrack --ctstate DNAT,UNTRACKED -j ACCEPT", "boxes send out by its",
	     "fail"},
	    {"DROP", "-m conntrack --ctstate NEW,ESTABLISHED --ctorigsrc 10.0.0.0/8 -j ACCEPT",
	     "send out by its policy, unless", "warn"},
	    {"ACCEPT", "-m conntrack --ctstate NEW -j DROP", "boxes send out by a rule", "fail"},
	    {"ACCEPT", "-m state --state NEW -j REJECT", "boxes send out by a rule", "fail"},
	    {"ACCEPT", "-m conntrack --ctstate ESTABLISHED -j DROP", "answers to boxes by a rule",
	     "fail"},
	    {"ACCEPT", "-m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP",
	     "boxes send out by a rule", "fail"},
	    {"ACCEPT",
	     "-m state --state NEW,ESTABLISHED -m comment --comment c -m conntrack ! --ctstate NEW "
	     "-j DROP",
	     "answers to boxes by a rule", "fail"},
	    {"ACCEPT", "-m conntrack --ctstate INVALID,UNTRACKED,DNAT,RELATED -j DROP", NULL, NULL},
	    {"ACCEPT", "-m conntrack --ctstate SNAT -j DROP", NULL, NULL},
	    {"ACCEPT", "-m conntrack --ctstate NEW --ctproto tcp -j DROP", NULL, NULL},
	    {"ACCEPT", "-i docker0 -m conntrack --ctstate NEW -j DROP", NULL, NULL},
	};
	char text[TEXT_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "%s -F FORWARD; %s -P FORWARD %s; %s -A FORWARD -p icmp -j ACCEPT; "
			 "%s -A FORWARD %s",
			 program, program, cases[i].policy, program, program, cases[i].rule);
		sh(text);
		if (cases[i].words)
			expect_found(text, cases[i].verdict, cases[i].words, true);
		else
			expect_silence(text);
	}
}

static void rules_of_iptables_are_judged(void **state)
{
	(void)state;
	judge_iptables("iptables-nft");
}

static void states_of_iptables_are_judged(void **state)
{
	(void)state;
	judge_states("iptables-nft");
}

static void rules_of_the_old_iptables_are_judged_too(void **state)
{
	(void)state;
	/* A look does not make the tables that it looks for. */
	expect_silence("no tables");
	if (system("grep -q filter /proc/self/net/ip_tables_names") == 0)
		fail_msg("weft diag has made a table");
	if (system("iptables-legacy -S >/dev/null 2>&1") != 0)
		skip();
	judge_iptables("iptables-legacy");
	sh("iptables-legacy -F; iptables-legacy -X");
	judge_states("iptables-legacy");
}

/* An entry whose target ends with the table, as its name has more behind it. */
static void entries_that_are_cut_are_none(void **state)
{
	static const char *const names[] = {"", XT_ERROR_TARGET};
	const size_t bytes = sizeof(struct ipt_entry) + sizeof(struct xt_entry_target);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ipt_entry *entry = calloc(1, bytes);
		struct xt_entry_target *target = (void *)(entry + 1);

		assert_non_null(entry);
		entry->target_offset = sizeof(*entry);
		entry->next_offset = (uint16_t)bytes;
		snprintf(target->u.user.name, sizeof(target->u.user.name), "%s", names[i]);
		assert_null(legacy_listing(entry, bytes, 0, 0));
		free(entry);
	}
}

static void a_host_without_networks_is_warned(void **state)
{
	const struct host_facts none = {.networks = 0};
	json_t *checks = json_array();

	(void)state;
	sh("ip link del wfbr001000");
	inet_rules("drop", "");
	check_forward(checks, &none);
	assert_string_equal(said(json_array_get(checks, 0), "verdict"), "warn");
	sh(said(json_array_get(checks, 0), "remedy"));
	json_decref(checks);
	expect_silence("a network elsewhere");
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup(test, set_up)
	const struct CMUnitTest tests[] = {
	    ALONE(what_lets_the_boxes_through_is_not_reported),
	    ALONE(what_drops_is_reported_and_the_remedy_helps),
	    ALONE(what_may_drop_is_a_warning),
	    ALONE(chains_that_jump_by_chains_come_to_an_end),
	    ALONE(firewalld_is_judged_by_its_zones),
	    ALONE(frames_between_ports_have_a_remedy_of_their_own),
	    ALONE(tables_that_have_an_owner_are_judged),
	    ALONE(rules_of_iptables_are_judged),
	    ALONE(states_of_iptables_are_judged),
	    ALONE(rules_of_the_old_iptables_are_judged_too),
	    cmocka_unit_test(entries_that_are_cut_are_none),
	    ALONE(a_host_without_networks_is_warned),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
