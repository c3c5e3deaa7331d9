#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# usage: deb.sh BUILD [VERSION]
# Packs what was built in BUILD as BUILD/deb/weft_VERSION_ARCH.deb, without a network. The version is
# that of packaging/debian/changelog unless another is given.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:?usage: deb.sh BUILD [VERSION]}" && pwd)
version=${2:-$(sed -n '1s/.*(\(.*\)).*/\1/p' "$root/packaging/debian/changelog")}
stage=$build/deb/weft-$version

rm -rf "$stage"
mkdir -p "$stage"
cp -r "$root/packaging/debian" "$root/CHANGELOG.md" "$stage"
sed -i "1s/(.*)/($version)/" "$stage/debian/changelog"
cd "$stage"
DEB_BUILD_OPTIONS=noautodbgsym WEFT_BUILD=$build dpkg-buildpackage -b -d -us -uc >"$stage.log" 2>&1 || {
	cat "$stage.log" >&2
	exit 1
}
ls "$build/deb/weft_$version"_*.deb
