#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# check.sh holds|fails|RULE -D...: walks through all runs of the model of addresses with these
# options, and demands that none breaks what ipam.pml asserts (holds), or that the first that does
# breaks the assertion that is marked so there (RULE; fails: any that is marked). What fails is shown
# step by step. Works in a folder of its own and leaves nothing.
set -euo pipefail

model=$(dirname "$(realpath "$0")")/ipam.pml
want=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$model" ipam.pml
spin "$@" -a ipam.pml >spin.out || { cat spin.out; exit 1; }
# Not optimized: that takes longer than most searches.
gcc -O0 -DSAFETY -DHC4 -DNOREDUCE -DMEMLIM=4000 -o pan pan.c
./pan -E -m100000 -w24 >pan.out </dev/null
grep -E 'errors:|states, stored' pan.out
if grep -q 'Search not completed' pan.out && [ ! -e ipam.pml.trail ]; then
	echo "the search was not completed:"
	cat pan.out
	exit 1
fi
if grep -q 'errors: 0$' pan.out; then
	found=holds
else
	spin "$@" -t ipam.pml >trail.out || true
	grep -E '^ *[0-9] [a-z]|assert' trail.out | cut -c 1-120 || true
	# An error of another kind, such as an index out of bounds, is at no line that is marked.
	# Spin shows the steps to the end, and so all that breaks after the first.
	line=$(sed -n 's/^spin: ipam.pml:\([0-9]*\), Error: assertion violated$/\1/p' trail.out | head -n 1)
	found=$(sed -n "${line:-$}s,.*/[*] rule: \([a-z_]*\) [*]/.*,\1,p" ipam.pml 2>/dev/null || true)
	found=${found:-something else}
fi
echo "$* : $found"
case $want in
fails) [ "$found" != holds ] && [ "$found" != "something else" ] ;;
*) [ "$found" = "$want" ] ;;
esac
