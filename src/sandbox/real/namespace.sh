#!/bin/sh
# Holds the private mount namespace of the real nodes: one request a line on stdin, `NUMBER VERB WORDS`, one
# answer a line on stdout, `NUMBER ok …` or `NUMBER no …`: in any order, since nodes boot side by side. Request 0 is the beginning itself.
# Everything lies on one tmpfs over /mnt, which nobody outside sees; it is gone with the last process of the namespace. At the end of stdin
# this process ends, and every node with it, because each node's first process dies with its parent.
#
# usage: unshare --mount --ipc --net --propagation private sh namespace.sh KIBIBYTES BASE
#
#   n/NAME/{u,w,r}  upper, work and mounted root of a node; n/NAME is a tmpfs of its own where the node has a disk size
#   i/IMAGE/{u,w}   the layer that a sealed node became; i/plain has none
#   mask, fresh     layers that hide what is the machine's own business, and put empty folders and a few devices in its place
set -fu
umask 022
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

here=$(cd "$(dirname "$0")" && pwd) || exit 70
home=/mnt
base=$2

say() { printf '%s\n' "$*"; }
# A refusal in one line.
refuse() { say "$number" no "$(printf '%s' "$*" | tr '\n\t' '  ' | cut -c1-400)"; }

prepare() {
  mount -t tmpfs -o "mode=755,size=$1k,nr_inodes=0" patchwave "$home" &&
    cd "$home" && mkdir n i i/plain mask fresh out &&
    mount -t tmpfs -o "mode=700,size=262144k" patchwave out || return 1
  # What makes a distribution stays; the rest of the machine is not there.
  set +f
  for entry in "$base"/* "$base"/.[!.]*; do
    name=${entry##*/}
    case $name in
    '*' | '.[!.]*' | bin | sbin | lib | lib32 | lib64 | libx32 | usr | etc | var) ;;
    *) mknod "mask/$name" c 0 0 || return 1 ;;
    esac
  done
  set -f
  mkdir mask/var && mknod mask/var/tmp c 0 0 && mknod mask/var/crash c 0 0 || return 1
  mkdir -m 755 fresh/dev fresh/dev/pts fresh/dev/shm fresh/proc fresh/run fresh/sys fresh/home fresh/mnt fresh/srv fresh/opt fresh/var &&
    mkdir -m 700 fresh/root && mkdir -m 1777 fresh/tmp fresh/var/tmp &&
    mknod -m 666 fresh/dev/null c 1 3 && mknod -m 666 fresh/dev/zero c 1 5 && mknod -m 666 fresh/dev/full c 1 7 &&
    mknod -m 666 fresh/dev/random c 1 8 && mknod -m 666 fresh/dev/urandom c 1 9 && mknod -m 666 fresh/dev/tty c 5 0 &&
    ln -s pts/ptmx fresh/dev/ptmx && ln -s /proc/self/fd fresh/dev/fd && ln -s fd/0 fresh/dev/stdin &&
    ln -s fd/1 fresh/dev/stdout && ln -s fd/2 fresh/dev/stderr
}

# The lower layers of an image, top first.
lowers() {
  if [ "$1" = plain ]; then say "$home/fresh:$home/mask:$base"; else say "$home/i/$1/u:$(cat "i/$1/lower")"; fi
}

line() { say "overlay $home/n/$2/r overlay lowerdir=$1,upperdir=$home/n/$2/u,workdir=$home/n/$2/w 0 0"; }

# add IMAGE KIBIBYTES NAME…: one mkdir and one mount for all of them; KIBIBYTES 0: no disk of their own.
add() {
  if [ ! -e "i/$1" ]; then
    refuse "there is no image $1"
    return
  fi
  lower=$(lowers "$1") size=$2
  shift 2
  for name; do
    if [ -e "n/$name" ]; then
      refuse "$name is there already"
      return
    fi
  done
  folders=$(for name; do say "n/$name"; done)
  # shellcheck disable=SC2086 # names hold no blanks, and globbing is off
  mkdir $folders || return 1
  if [ "$size" -gt 0 ]; then
    for name; do mount -t tmpfs -o "mode=755,size=${size}k" patchwave "n/$name" || return 1; done
  fi
  folders=$(for name; do say "n/$name/u" "n/$name/w" "n/$name/r"; done)
  # shellcheck disable=SC2086
  mkdir $folders || return 1
  for name; do line "$lower" "$name"; done >table
  for name; do say "$lower" >"n/$name/lower" && say 0 >"n/$name/holder"; done
  mounted=$(mount --all --fstab table 2>&1) || {
    refuse "$mounted"
    return
  }
  say "$number" ok
}

# up NAME BOOT: the node's first process, in process and host name spaces of its own, answers with its id.
up() {
  rm -f "n/$1/init" && say "$2" >"n/$1/boot_id" || return 1
  setpriv --pdeathsig KILL unshare --pid --uts --fork --kill-child sh "$here/init.sh" "$home/n/$1" "$1" "$number" 2>/dev/null &
  say $! >"n/$1/holder"
}

# down NAME: ends all that runs on it (a boot has been answered before); the disk stays, but for what a boot clears.
down() {
  holder=$(cat "n/$1/holder")
  if [ "$holder" != 0 ]; then
    # The process namespace ends with its first process, and that one only after all others.
    kill -9 "$(cat "n/$1/init")" 2>/dev/null
    wait "$holder"
    say 0 >"n/$1/holder"
    umount -l "n/$1/r/proc" "n/$1/r/dev/pts" 2>/dev/null
  fi
  find "n/$1/r/run" "n/$1/r/tmp" -xdev -mindepth 1 -delete
}

# fresh NAME: a new disk from the same image.
fresh() {
  down "$1" && umount -l "n/$1/r" && rm -rf "n/$1/u" "n/$1/w" && mkdir "n/$1/u" "n/$1/w" &&
    line "$(cat "n/$1/lower")" "$1" >table && mount --all --fstab table
}

# drop NAME: the node and its disk are gone.
drop() {
  down "$1" && umount -l "n/$1/r" && clear "$1"
}

clear() {
  umount -l "n/$1" 2>/dev/null # Where it has a disk of its own.
  rm -rf "n/$1"
}

# seal NAME IMAGE: what stands on the node's disk is an image from now on; the node is gone.
seal() {
  [ ! -e "i/$2" ] || return 1
  down "$1" && umount -l "n/$1/r" && mkdir "i/$2" && mv "n/$1/u" "i/$2/u" && mv "n/$1/lower" "i/$2/lower" && clear "$1"
}

number=0
told=$(prepare "$1" 2>&1) || {
  refuse "$told"
  exit 70
}
cd "$home" || exit 70
ip link set lo up 2>/dev/null # The nodes have a network without a way out.
say 0 ok

while read -r number verb rest; do
  # shellcheck disable=SC2086 # the words of a request hold no blanks, and globbing is off
  set -- $rest
  case $verb in
  add) add "$@" || refuse "cannot add" ;;
  up) up "$@" || refuse "cannot start $1" ;;
  down | fresh | drop | seal)
    # Not in a subshell: only this shell may wait for the nodes' first processes.
    if "$verb" "$@" >told 2>&1; then say "$number" ok; else refuse "$verb $1: $(cat told)"; fi
    ;;
  *) refuse "no such request" ;;
  esac
done
