#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# usage: uninstall.sh BUILD PREFIX
# Takes away what an installation of BUILD into PREFIX, below DESTDIR if that is set, puts there: the
# rules of installation say what that is, by installing into a folder that nobody sees. A
# configuration that somebody changed stays, as do state, kernel objects and the user weft. Runs again
# without harm.
set -euo pipefail
build=$(cd "${1:?usage: uninstall.sh BUILD PREFIX}" && pwd)
prefix=$(realpath --canonicalize-missing --no-symlinks "${2:?usage: uninstall.sh BUILD PREFIX}")
dest=${DESTDIR:-}

runs() {
	[ -e "$prefix/lib/systemd/system/weftd.service" ] && command -v systemctl >/dev/null &&
		{ systemctl is-enabled --quiet weftd.service || systemctl is-active --quiet weftd.service; }
}

# Packages know a file by one name, whatever links lead to it.
is_packaged() {
	dpkg-query --search "$prefix/bin/weft" ||
		dpkg-query --search "$(realpath --canonicalize-missing "$prefix/bin")/weft"
}

if [ -z "$dest" ] && is_packaged >/dev/null 2>&1; then
	echo "uninstall.sh: $prefix/bin/weft is of a Debian package: use apt remove weft" >&2
	exit 1
fi
if [ -z "$dest" ] && runs 2>/dev/null; then
	echo "uninstall.sh: weftd runs or is enabled:" \
		"systemctl disable --now weftd.service weft-netns.socket, then again" >&2
	exit 1
fi

stage=$(mktemp --directory)
trap 'rm -rf "$stage"' EXIT
DESTDIR=$stage cmake --install "$build" --prefix "$prefix" >/dev/null

removed=0
while IFS= read -r -d '' path; do
	there=$dest/$path
	[ -e "$there" ] || [ -L "$there" ] || continue
	if [[ $path == etc/weft/* ]] && ! cmp --quiet "$stage/$path" "$there"; then
		echo "$there stays: it was changed"
		continue
	fi
	rm "$there"
	removed=$((removed + 1))
done < <(cd "$stage" && find . -type f -printf '%P\0' | sort --zero-terminated)

# Only folders of weft's own: the others are everybody's, empty or not.
while IFS= read -r -d '' path; do
	[ ! -d "$dest/$path" ] || rmdir --ignore-fail-on-non-empty "$dest/$path"
done < <(cd "$stage" && find . -depth -type d -path '*/weft*' -printf '%P\0')

echo "files of weft removed: $removed"
if [ -z "$dest" ] && [ -d /var/lib/weft ]; then
	echo "/var/lib/weft stays, and what stands in the kernel"
fi
