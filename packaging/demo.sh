#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# Three hosts on one machine, made of network namespaces: daemons, a cluster joined by a token, a
# network, two boxes a host, a ping matrix, and a daemon killed while pings run. Everything that is
# made here carries the prefix of this run and is removed at the end, also after a failure.
#
# usage: demo.sh [BUILD_DIRECTORY]
set -Eeuo pipefail

[ "$(id -u)" -eq 0 ] || { echo "demo.sh makes network namespaces: run it as root" >&2; exit 1; }
for tool in ip nsenter ping; do
	command -v "$tool" >/dev/null || { echo "$tool is missing: run make deps" >&2; exit 1; }
done
build=$(realpath -m "${1:-$(dirname "$0")/../build}")
for file in bin/weft bin/weftd libexec/weft-netns; do
	[ -x "$build/$file" ] || { echo "$build/$file is missing: run make" >&2; exit 1; }
done
weft=$build/bin/weft
weftd=$build/bin/weftd
prefix=weftdemo$$
dir=$(mktemp -d "/tmp/$prefix.XXXXXX")
hosts=(berlin paris rome)
declare -A pids=()   # daemons by host
declare -A boxes=()  # addresses by box
pinger=
step=0
reason= # why the demo failed, once it did
bold= dim= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'
fi

# Opens a step; the daemons must have lived through the one before.
say() {
	local host
	for host in "${!pids[@]}"; do
		kill -0 "${pids[$host]}" 2>/dev/null || fail "weftd of $host ended"
	done
	step=$((step + 1))
	printf '\n%s%2d. %s%s\n' "$bold" "$step" "$*" "$plain"
}

show() {
	printf '    %s$ %s%s\n' "$dim" "$*" "$plain"
}

fail() {
	reason=$*
	exit 1
}

# Says on stderr what went wrong and what the daemons said last.
report() {
	printf '\nThe demo failed in step %d: %s\n' "$step" "$reason" >&2
	for host in "${hosts[@]}"; do
		[ -s "$dir/$host/log" ] || continue
		printf -- '--- last lines of the log of %s\n' "$host" >&2
		tail -n 5 "$dir/$host/log" >&2
	done
}

cleanup() {
	local status=$?
	trap - EXIT ERR
	# What cleans up is not interrupted by a second Ctrl-C.
	trap '' INT TERM HUP
	case $status in
	0) ;;
	130) printf '\nInterrupted; cleaning up\n' >&2 ;;
	*) report ;;
	esac
	[ -z "$pinger" ] || kill -9 "$pinger" 2>/dev/null || true
	for pid in "${pids[@]}"; do
		kill -9 "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	ip netns list 2>/dev/null | cut -d' ' -f1 | grep "^$prefix-" | while read -r name; do
		ip netns del "$name" 2>/dev/null || true
	done || true
	rm -rf "$dir"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
trap 'reason="exit code $? in line $LINENO of demo.sh"' ERR

# Tries a command until it succeeds, at most for so many seconds.
wait_for() {
	local what=$1 seconds=$2 end
	shift 2
	end=$((SECONDS + seconds))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "$what: not within $seconds s"
		read -r -t 0.02 <> <(:) || true
	done
}

# Runs something on a host or in a box.
on() {
	local name=$1
	shift
	nsenter --net="/run/netns/$prefix-$name" "$@"
}

# The same in the background, without a shell in between: $! is the process itself.
spawn_on() {
	local name=$1
	shift
	exec nsenter --net="/run/netns/$prefix-$name" "$@"
}

# Runs weft against the daemon of a host.
weft_on() {
	local host=$1
	shift
	"$weft" --socket "$dir/$host/weft.sock" "$@"
}

start_daemon() {
	local host=$1
	spawn_on "$host" "$weftd" --state-dir "$dir/$host/state" --socket "$dir/$host/weft.sock" \
		--name "$host" 2>>"$dir/$host/log" &
	pids[$host]=$!
	wait_for "weftd of $host answers" 10 weft_on "$host" status
}

sees() {
	local host=$1 count=$2
	[ "$(weft_on "$host" --json members | grep -c '"state": "alive"')" -eq "$count" ]
}

knows_endpoints() {
	local host=$1 count=$2
	[ "$(weft_on "$host" --json endpoint ls blue | grep -c '"is_host": false')" -eq "$count" ]
}

has_nothing_to_do() {
	weft_on "$1" --json status | grep -q '"pending": 0' &&
		weft_on "$1" --json status | grep -q '"in_sync": true'
}

value_of() {
	sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" | head -n 1
}

say "Three hosts (network namespaces) on one underlay, 192.0.2.0/24"
ip netns add "$prefix-wire"
ip -n "$prefix-wire" link add br0 type bridge mcast_snooping 0
ip -n "$prefix-wire" link set br0 up
n=0
for host in "${hosts[@]}"; do
	n=$((n + 1))
	mkdir -p "$dir/$host"
	ip netns add "$prefix-$host"
	ip -n "$prefix-$host" link set lo up
	ip -n "$prefix-wire" link add "port$n" type veth peer name eth0 netns "$prefix-$host"
	ip -n "$prefix-wire" link set "port$n" master br0 up
	ip -n "$prefix-$host" addr add "192.0.2.$n/24" dev eth0
	ip -n "$prefix-$host" link set eth0 up
	echo "    $host is 192.0.2.$n"
done

say "A weftd on each"
for host in "${hosts[@]}"; do
	start_daemon "$host"
done
echo "    they run and belong to no cluster yet"

say "berlin makes a cluster; paris and rome join it by a token"
show "weft init --name demo"
token=$(weft_on berlin --json init --name demo | value_of token)
[ -n "$token" ] || fail "init gave no token"
for host in paris rome; do
	show "weft join ${token:0:24}..."
	weft_on "$host" join - <<<"$token" | sed 's/^/    /'
done
for host in "${hosts[@]}"; do
	wait_for "$host sees three members" 5 sees "$host" 3
done
show "weft members    (on rome)"
weft_on rome members | sed 's/^/    /'

say "rome makes a network; all have it"
show "weft network create blue --subnet 10.77.0.0/24"
weft_on rome network create blue --subnet 10.77.0.0/24 | sed 's/^/    /'
for host in "${hosts[@]}"; do
	wait_for "$host knows the network" 2 weft_on "$host" network inspect blue
done

say "Two boxes a host (further namespaces) are attached"
for host in "${hosts[@]}"; do
	for number in 1 2; do
		box=$host$number
		ip netns add "$prefix-$box"
		ip -n "$prefix-$box" link set lo up
		boxes[$box]=$(weft_on "$host" --json attach blue --netns "$prefix-$box" --name "$box" |
			sed -n 's/^ *"\(10\.77\.0\.[0-9]*\)\/24".*/\1/p')
		[ -n "${boxes[$box]}" ] || fail "attach of $box gave no address"
	done
done
for host in "${hosts[@]}"; do
	wait_for "$host knows all endpoints" 5 knows_endpoints "$host" 6
	wait_for "$host has programmed them" 5 has_nothing_to_do "$host"
done
show "weft endpoint ls blue    (on paris)"
weft_on paris endpoint ls blue | sed 's/^/    /'

say "Every box pings every box: one ping each, answered within a second"
names=$(printf '%s\n' "${!boxes[@]}" | sort)
printf '    %-9s' ''
for to in $names; do printf '%9s' "$to"; done
printf '\n'
for from in $names; do
	printf '    %-9s' "$from"
	for to in $names; do
		ms=$(on "$from" ping -n -c1 -W1 "${boxes[$to]}" |
			sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p') || true
		[ -n "$ms" ] || { printf '\n'; fail "$from does not reach $to at ${boxes[$to]}"; }
		printf '%6s ms' "$ms"
	done
	printf '\n'
done

say "The daemon of paris is killed with -9 while berlin1 pings paris1"
spawn_on berlin1 ping -n -i 0.05 "${boxes[paris1]}" >"$dir/pings" 2>&1 &
pinger=$!
wait_for "pings run" 5 grep -q 'icmp_seq=5 ' "$dir/pings"
{
	kill -9 "${pids[paris]}"
	wait "${pids[paris]}" || true
} 2>/dev/null
unset "pids[paris]"
next=$(($(grep -c 'time=' "$dir/pings") + 20))
wait_for "pings go on" 10 grep -q "icmp_seq=$next " "$dir/pings"
echo "    the data plane goes on without it"
show "weftd    (paris again)"
start_daemon paris
wait_for "paris is back with its identity" 10 sees paris 3
wait_for "paris is in sync" 10 has_nothing_to_do paris
next=$(($(grep -c 'time=' "$dir/pings") + 20))
wait_for "pings go on" 10 grep -q "icmp_seq=$next " "$dir/pings"
kill -INT "$pinger"
wait "$pinger" 2>/dev/null || true
pinger=
sent=$(sed -n 's/^.*icmp_seq=\([0-9]*\) .*/\1/p' "$dir/pings" | tail -n 1)
answered=$(grep -c 'time=' "$dir/pings")
echo "    $sent pings sent, $answered answered"
[ "$sent" -eq "$answered" ] || fail "pings were lost"
wait_for "paris has its endpoints" 5 knows_endpoints paris 6

say "Boxes are detached; the addresses are checked"
for host in "${hosts[@]}"; do
	for number in 1 2; do
		weft_on "$host" detach blue --name "$host$number" >/dev/null
	done
	weft_on "$host" ipam check | sed "s/^/    $host: /"
done
for host in "${hosts[@]}"; do
	wait_for "$host sees no endpoint" 5 knows_endpoints "$host" 0
done
show "weft network rm blue"
weft_on berlin network rm blue

say "Done in $SECONDS s; namespaces, daemons and files of this demo go now"
