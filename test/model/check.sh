#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# check.sh holds|fails -D...: walks through all runs of the model of addresses with these options,
# and demands that none (holds) or one (fails) breaks what ipam.pml asserts. What fails is shown
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
# A search that is short is not worth an optimized build.
if [ "$want" = holds ]; then optimize=-O2; else optimize=-O1; fi
gcc $optimize -DSAFETY -DHC4 -DNOREDUCE -DMEMLIM=4000 -o pan pan.c
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
	found=fails
	spin "$@" -t ipam.pml | grep -E '^ *[0-9] [a-z]|assert' | cut -c 1-120 || true
fi
echo "$* : $found"
[ "$found" = "$want" ]
