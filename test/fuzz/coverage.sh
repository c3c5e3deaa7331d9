#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# Which lines of the parsers of foreign bytes the corpus reaches: coverage.sh [build directory
# [more inputs: a directory with one folder a fuzzer]]. Builds the fuzzers with clang's counters,
# runs each once over its corpus and prints a table. Needs llvm-cov (Debian's llvm package).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build-fuzz-coverage}
more=${2:-}
cov=$(command -v llvm-cov || echo /usr/lib/llvm-14/bin/llvm-cov)
profdata=$(command -v llvm-profdata || echo /usr/lib/llvm-14/bin/llvm-profdata)
parsers=(
	gossip/gossip.c gossip/base/{cursor,row,record,record_read,addr}.c gossip/core/{wire,member}.c
	gossip/trust/{cert,token,chain,chain_path,keyfile,pattern}.c gossip/{seal,admission,message}/*.c
	gossip/swim/{swim_compare,swim_frame}.c
	gossip/tables/{adopt,compare,farewell,floor,marks,pull,receive,serve,versions,want}.c
	ipamdb/message.c daemon/node/{ack,answer,request}.c
	daemon/api/*.c daemon/diag/diag_wire.c daemon/{options,options_judge,options_yaml}.c
)

[ -x "$cov" ] && [ -x "$profdata" ] || {
	echo "coverage.sh: llvm-cov and llvm-profdata are missing: install Debian's llvm" >&2
	exit 1
}
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
	-DCMAKE_C_FLAGS="-fprofile-instr-generate -fcoverage-mapping" -DWEFT_FUZZ=ON >/dev/null
cmake --build "$build" --target fuzz --parallel "${JOBS:-2}" >/dev/null
rm -f "$build"/*.profraw
objects=()
for program in "$build"/test/fuzz/fuzz_*; do
	[ -x "$program" ] && [ -f "$program" ] || continue
	name=${program##*/fuzz_}
	folders=("$root/test/fuzz/corpus/$name")
	[ -n "$more" ] && [ -d "$more/$name" ] && folders+=("$more/$name")
	LLVM_PROFILE_FILE="$build/$name.profraw" "$program" -runs=0 "${folders[@]}" >/dev/null 2>&1
	objects+=(-object "$program")
done
"$profdata" merge -sparse "$build"/*.profraw -o "$build/all.profdata"
cd "$root"
for file in "${parsers[@]}"; do
	[ -f "$file" ] || {
		echo "coverage.sh: $file is not there: bring the list of parsers up to date" >&2
		exit 1
	}
done
# Names are without the directory of the sources: the build keeps it out of the programs. Mismatched
# are functions of the fuzzers themselves, which have one name in each.
"$cov" export -summary-only -instr-profile "$build/all.profdata" "${objects[@]:1}" |
	python3 -c '
import json, sys
wanted = sys.argv[1:]
files = {f["filename"].lstrip("/"): f["summary"]["lines"]
         for f in json.load(sys.stdin)["data"][0]["files"]}
lines = covered = 0
for path in wanted:
    found = [s for name, s in files.items() if name.endswith(path)]
    if not found:
        print(f"{path:32} in no fuzzer")
        continue
    lines += found[0]["count"]
    covered += found[0]["covered"]
    print(f"{path:32} {found[0]['"'"'covered'"'"']:5} of {found[0]['"'"'count'"'"']:5} lines, {found[0]['"'"'percent'"'"']:5.1f} %")
print(f"{'"'"'all'"'"':32} {covered:5} of {lines:5} lines, {100 * covered / lines:5.1f} %")
' "${parsers[@]}"
