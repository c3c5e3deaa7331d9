#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# fresh.sh WEFT_SIM SEEDS JOBS [OPTION...]: seeds that no other content of this repository has run. The first
# one follows from the hash of the tree, so that every change tries new ones and a second run of
# the same content repeats them. WEFT_SIM_SEEDS in the environment says how many, before SEEDS.
set -euo pipefail

simulator=$1
seeds=${WEFT_SIM_SEEDS:-$2}
jobs=$3
shift 3
source=$(cd "$(dirname "$0")/../.." && pwd)

if tree=$(git -c safe.directory='*' -C "$source" rev-parse 'HEAD^{tree}' 2>/dev/null); then
	first=$((16#${tree:0:9} * 1000 + 1))
	echo "tree $tree: seeds from $first on"
	git -c safe.directory='*' -C "$source" diff --quiet HEAD ||
		echo "what is changed here and not committed runs the seeds of what it was before"
else
	first=20260001
	echo "no git here, so nothing says what is new: seeds from $first on, as always"
fi
echo "again: weft-sim --seeds $seeds --first $first --jobs $jobs $*"
exec "$simulator" --seeds "$seeds" --first "$first" --jobs "$jobs" "$@"
