#!/bin/bash
# A machine of its own for a test: systemd as the first process in namespaces of its own, on a layer above this machine's
# files that is gone with it.   unshare -m -p -u -i -n -C --fork --kill-child boot.sh FOLDER
set -eu
cd "$1"
mount --make-rprivate /
mount -t tmpfs tmpfs .
cd "$1"
mkdir -p upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
if mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup && mkdir sys/fs/cgroup/systemd &&
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd 2>/dev/null; then
  for controller in pids memory; do
    mkdir sys/fs/cgroup/$controller
    mount -t cgroup -o $controller cgroup sys/fs/cgroup/$controller
  done
else
  umount sys/fs/cgroup
  mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
ip link set lo up
mkdir before
# Not chroot: who is in one gets no user namespace, and the unit and the workers of sealed modules each need one.
pivot_root . before
exec env -i container=holdfast-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/bash -c \
  'umount -l /before; exec /lib/systemd/systemd --system --unit=basic.target'
