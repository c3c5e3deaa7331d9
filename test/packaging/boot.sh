#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
#
# usage: boot.sh ROOT
# Becomes the init of a machine whose root file system is ROOT: a real systemd in namespaces that the
# caller made (mount, pid, uts, ipc, cgroup, net). It sees no device of this machine and runs none of
# the units that would change what namespaces do not separate.
set -euo pipefail
root=$1

mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
	touch "$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
for unit in systemd-sysctl.service systemd-modules-load.service systemd-remount-fs.service \
	dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
	sys-kernel-config.mount sys-fs-fuse-connections.mount; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
hostname clean
mkdir "$root/run/outside"
cd "$root"
pivot_root . run/outside
exec env -i container=weft-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/bin/sh -c 'umount -l /run/outside; rmdir /run/outside; mount --make-rshared /
		exec /lib/systemd/systemd --system --show-status=no --unit=basic.target' </dev/null
