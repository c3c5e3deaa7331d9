#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# Runs the benchmarks, prints one table and writes bench.json into the build directory: the machine,
# versions, every figure and its ratio to a peer measured in the same run. Never fails by a figure.
#
# usage: run.sh [BUILD_DIRECTORY [ENDPOINTS]]
set -euo pipefail

here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../build}")
endpoints=${2:-100000}
[ "$(id -u)" -eq 0 ] || { echo "bench: makes network namespaces: run it as root" >&2; exit 1; }
for tool in ip bridge python3; do
	command -v "$tool" >/dev/null || { echo "bench: $tool is missing: run make deps" >&2; exit 1; }
done

dir=$(mktemp -d /tmp/weft-bench.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

cmake --build "$build" --target bench_store bench_overlay >"$dir/make" || {
	cat "$dir/make" >&2
	exit 1
}
echo "bench: leases made durable, against bare SQLite" >&2
"$build/test/bench/bench_store" | tail -n 1 >"$dir/store.json"
echo "bench: $endpoints endpoints programmed, against bridge -batch and ip -batch" >&2
"$build/test/bench/bench_overlay" --json "$endpoints" >"$dir/overlay.json"
/usr/bin/python3 "$here/report.py" "$build" "$dir/store.json" "$dir/overlay.json"
