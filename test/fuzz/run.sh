#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# Runs every fuzzer for some seconds from its corpus, two at once: run.sh <directory of the
# programs> <seconds>. Each content of this repository begins elsewhere; SEED=n says where. What it
# finds beyond the corpus stays in <directory>/found, also for the next run; a crash, a leak or a
# slow input fails and is kept there, with the line that shows it again.
set -euo pipefail

programs=$1
seconds=$2
corpus=$(dirname "$0")/corpus
found=$programs/found
targets=()
for program in "$programs"/fuzz_*; do
	[ -f "$program" ] && [ -x "$program" ] && targets+=("${program##*/fuzz_}")
done
tree=$(git -c safe.directory='*' -C "$(dirname "$0")" rev-parse 'HEAD^{tree}' 2>/dev/null) ||
	tree=1
seed=${SEED:-$((16#${tree:0:7}))}
echo "fuzz: SEED=$seed"
if ((${#targets[@]} == 0)); then
	echo "fuzz: no programs in $programs" >&2
	exit 1
fi

fuzz() {
	local target=$1 log=$found/$1.log
	mkdir -p "$found/$target"
	if "$programs/fuzz_$target" -max_total_time="$seconds" -seed="$seed" -timeout=10 -rss_limit_mb=2048 \
		-max_len=4096 -print_final_stats=1 -verbosity=1 \
		-artifact_prefix="$found/$target-" "$found/$target" "$corpus/$target" \
		>"$log" 2>&1; then
		awk -v target="$target" '
			/stat::number_of_executed_units:/ { runs = $2 }
			/ cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
			END { printf "fuzz %-12s %9d inputs, %5d edges\n", target, runs, edges }
		' "$log"
		return 0
	fi
	tail -n 60 "$log" >&2
	echo "fuzz $target: FAILED; again with: $programs/fuzz_$target <the file named above>" >&2
	return 1
}

failed=0
for ((i = 0; i < ${#targets[@]}; i += 2)); do
	jobs=()
	for target in "${targets[@]:i:2}"; do
		fuzz "$target" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job" || failed=$((failed + 1))
	done
done
if ((failed > 0)); then
	echo "fuzz: $failed of ${#targets[@]} targets FAILED" >&2
	exit 1
fi
echo "fuzz: ${#targets[@]} targets, ${seconds} s each: no crash, no leak, nothing slow"
