#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# Installs those of the named Debian packages that are missing, without a question: deps.sh PACKAGE...
# Says nothing and needs no root when all are there.
set -euo pipefail

missing=()
for package; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: not installed: ${missing[*]}" >&2
	echo "deps.sh: installing them needs root: run the same command with sudo" >&2
	exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -q -y update </dev/null
apt-get -q -y --no-install-recommends install "${missing[@]}" </dev/null
