#!/bin/sh
# The kernel: whether its packages are touched, its live patches, and what proves that they are on.
# shellcheck disable=SC2034,SC2154  # The files of this folder are one script; each is read by itself too.

# Seconds that a live patch may take until every process runs it. The kernel's own tool waits a minute too.
LIVE_WAIT=60
# Seconds that the package manager may take to say how long the running kernel is covered.
COVER_WAIT=120

# The packages of a kernel itself, by name, and live patches, whose name goes on with the kernel's version.
KERNELS_RPM='^kernel([0-9][0-9.]*)?(-(core|modules|devel|debug|uki).*)?$'
KERNELS_APT='^linux-((image|headers|modules|signed-image)-|(generic|virtual|lowlatency|aws|azure|gcp|kvm|oracle)(-|$))'
LIVES='^kernel-livepatch-[0-9]'

# $HOLD: names that stay as they are.
read_kernel() {
  KERNEL=${PATCHWAVE_KERNEL:-hold}
  if [ "$FAMILY" = apt ]; then kernels=$KERNELS_APT; else kernels=$KERNELS_RPM; fi
  case $KERNEL in
    hold) HOLD="$kernels|$LIVES" ;;
    live-patch) HOLD=$kernels WANTED_LIVES=$LIVES ;;
    install) HOLD='^$' ;;
    *) bad Kernel ;;
  esac
}

# for_here LIST: $HERE is the list without the live patches of other kernels than the running one.
for_here() {
  HERE=$1
  [ "$KERNEL" = live-patch ] || return 0
  HERE=$WORK/here
  awk -v running="$RUNNING." -v lives="$LIVES" '$1 !~ lives || index(running, substr($1, length("kernel-livepatch-") + 1) ".") == 1' "$1" >"$HERE"
  lines "$1"
  OTHERKERNEL=$LINES_OF
  lines "$HERE"
  OTHERKERNEL=$((OTHERKERNEL - LINES_OF))
}

# newer_kernel: the newest kernel of $SEEN in $NEWER, when it is newer than the running one.
newer_kernel() {
  NEWER=''
  [ "$FAMILY" != none ] || return 0
  family kernels >"$WORK/kernels"
  newest=$RUNNING
  while read -r version; do
    [ "$version" != "$newest" ] || continue
    case $(printf '%s %s\n' "$newest" "$version" | family order) in -1*) newest=$version ;; esac
  done <"$WORK/kernels"
  [ "$newest" = "$RUNNING" ] || NEWER=$newest
}

# A line `live NAME` for each live patch that the kernel itself holds for enabled: `uname -r` never shows them.
live_patches() {
  for place in /sys/kernel/livepatch/*/enabled; do
    first "$place"
    place=${place%/enabled}
    place=${place##*/}
    case $FIRST-$place in *[!A-Za-z0-9_.-]*) ;; 1-*) printf 'live %s\n' "$place" ;; esac
  done
}

# How many they are, and until when the running kernel gets more: asked for where live patches matter, else as it was last told.
count_live() {
  live_patches >"$WORK/live"
  lines "$WORK/live"
  LIVE=$LINES_OF
  case $KERNEL-$VERB in live-patch-* | *-live-patch) ask_cover ;; esac
  first "$STATE/covered"
  case $FIRST in "$RUNNING "*) COVERED=${FIRST##* } ;; esac
}

# The plugin's own words end with `… will no longer receive live patches after YYYY-MM-DD.`
ask_cover() {
  [ "$FAMILY" = rpm ] || return 0
  word=support
  [ "$TOOL" = dnf ] || word=supported
  day=$(outside timeout -k 10 "$COVER_WAIT" "$TOOL" kernel-livepatch "$word" </dev/null 2>/dev/null |
    sed -n 's/.* live patches after \([0-9]\{4\}-[0-9][0-9]-[0-9][0-9]\).*/\1/p' | head -n 1)
  until=0
  [ -z "$day" ] || until=$(date -u -d "$day" +%s) || until=0
  printf '%s %s\n' "$RUNNING" "$until" | put "$STATE/covered"
}

# live_proved: whether each module that the list's live patches of the running kernel bring is in the kernel, enabled and wholly so.
live_proved() {
  if [ "$KERNEL" != live-patch ] || [ "$FAMILY" != rpm ]; then return 0; fi
  awk -v lives="$LIVES" '$1 ~ lives { print $1 "." $2 }' "$HERE" >"$WORK/lives"
  while read -r package; do rpm -ql "$package" 2>/dev/null; done <"$WORK/lives" |
    sed -n 's|.*/\([^/]*\)\.ko\(\.[a-z0-9]*\)\{0,1\}$|\1|p' | tr -- - _ | tr -cd 'A-Za-z0-9_\n' | sort -u >"$WORK/modules"
  waited=0
  while ! all_loaded; do
    if [ "$moving" = no ] || [ "$waited" -ge "$LIVE_WAIT" ]; then return 1; fi
    sleep 1
    waited=$((waited + 1))
  done
}

# all_loaded: also sets $moving, whether all that lacks is processes that do not run it yet.
all_loaded() {
  moving=yes loaded=yes
  while read -r module; do
    first "/sys/kernel/livepatch/$module/enabled"
    if [ "$FIRST" != 1 ]; then
      note "the live patch $module is not loaded"
      moving=no loaded=no
      continue
    fi
    first "/sys/kernel/livepatch/$module/transition"
    [ "$FIRST" != 1 ] || loaded=no
  done <"$WORK/modules"
  [ "$loaded" = yes ]
}

live_patch_work() {
  live_supported || finish skipped livepatch-unsupported
  wait_for_manager || finish failed lock-held
  sound || finish failed package-database
  : >"$WORK/none"
  record "$WORK/none" || finish failed disk-full
  see
  INSTALLED=$SEEN
  was_on=yes
  live_enable >"$WORK/said" 2>&1 || give_up failed
  cat "$WORK/said"
  forget
  see
  CHANGED=$(changed_keys "$INSTALLED" "$SEEN")
  live_service || finish failed service-failed
  if [ "$CHANGED" -gt 0 ] || [ "$was_on" = no ]; then finish patched installed; fi
  finish not-needed nothing-missing
}

# For which kernels AWS makes live patches, by its guides; of Amazon Linux 2023 all.
live_supported() {
  case $PLATFORM-$RUNNING in
    amzn-2023-*) return 0 ;;
    amzn-2-5.10.*) return 0 ;;
    amzn-2-4.14.*.x86_64) case $(printf '%s 4.14.165-131.185\n' "${RUNNING%.amzn2.*}" | family order) in -1*) return 1 ;; *) return 0 ;; esac ;;
  esac
  return 1
}

# live_enable: the steps of AWS's guides that are not done yet; $was_on is `no` when there was one.
live_enable() {
  if [ "$TOOL" = dnf ]; then
    live_package kpatch-dnf || return 1
    if ! grep -Eiqs '^ *autoupdate *[=:] *(1|true|yes|on) *$' /etc/dnf/plugins/*patch*.conf; then was_on=no; fi
    # The plugin gives a kernel its first live patch only here: one that runs since the last time has none, and dnf tells no advisories of it.
    if [ "$was_on" = no ] || ! rpm -q "kernel-livepatch-${RUNNING%.amzn*}" >/dev/null 2>&1; then
      manager -y kernel-livepatch auto || return 1
    fi
    live_package kpatch-runtime
  else
    live_package binutils && live_package yum-plugin-kernel-livepatch || return 1
    if ! grep -Eiqs '^ *enabled *[=:] *1 *$' /etc/yum/pluginconf.d/kernel-livepatch.conf; then
      was_on=no
      manager -y kernel-livepatch enable || return 1
    fi
    live_package kpatch-runtime && outside amazon-linux-extras enable livepatch </dev/null
  fi
}

live_package() {
  if rpm -q "$1" >/dev/null 2>&1; then return 0; fi
  was_on=no
  manager -y install "$1"
}

# The service that loads the modules again after a boot.
live_service() {
  if outside systemctl is-enabled --quiet kpatch.service </dev/null && outside systemctl is-active --quiet kpatch.service </dev/null; then return 0; fi
  was_on=no
  outside systemctl enable --now kpatch.service </dev/null
}

live_patch_read() {
  count_live
  cat "$WORK/live" >&2
  found passed passed
}
