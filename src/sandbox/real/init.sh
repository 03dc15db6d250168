#!/bin/sh
# The first process of a node that is up: mounts what a boot mounts, answers for its keeper, then reaps what the node's processes leave.
# usage: sh init.sh FOLDER NAME NUMBER, the last of the request that it answers, in a process and a host name namespace of its own
set -fu
folder=$1 name=$2 number=$3
root=$folder/r

say() { printf '%s\n' "$*"; }

# /proc is still the machine's: its view of this process is what the outside has to name.
read -r pid _ </proc/self/stat

# One call each: `mount --all` would read all mounts of all nodes before each of them.
boot() {
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc" &&
    # The kernel's settings are the machine's: nodes may read them. The boot id is the node's own.
    mount -o bind,ro "$root/proc/sys" "$root/proc/sys" &&
    mount -o bind,ro "$folder/boot_id" "$root/proc/sys/kernel/random/boot_id" &&
    { [ ! -e "$root/proc/sysrq-trigger" ] || mount -o bind "$root/dev/null" "$root/proc/sysrq-trigger"; } &&
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts" &&
    hostname "$name"
}
told=$(boot 2>&1) || {
  say "$number" no "$(printf '%s' "$told" | tr '\n\t' '  ' | cut -c1-400)"
  exit 70
}
say "$pid" >"$folder/init"
say "$number" ok "$pid"
# An orphan that nobody reaps looks alive to whoever asks for its id.
exec chroot "$root" /bin/sh -c 'while :; do sleep 86400 & wait; done' </dev/null >/dev/null 2>&1
