#!/bin/sh
# What still runs old code: processes that map files which are no longer there, and their services.
# shellcheck disable=SC2034,SC2154  # The files of this folder are one script; each is read by itself too.

# Services that are not restarted from here: the node would lose its manager, its users or the agent that brought us.
KEPT='^(dbus|dbus-broker|systemd-.*|getty@.*|serial-getty@.*|user@.*|amazon-ssm-agent|snap\.amazon-ssm-agent\..*|auditd|qemu-guest-agent)\.service$'

# Ids of processes that map a program or library which was replaced.
stale_processes() {
  grep -Els '^[^ ]+ [r-][w-]x[ps] .* /(usr|lib|lib64|bin|sbin|opt)(/| ).*\(deleted\)$' /proc/[0-9]*/maps | cut -d/ -f3
}

count_stale() {
  STALE=0
  for _ in $(stale_processes); do STALE=$((STALE + 1)); done
}

# The service of each of those processes, once. What a service of a user or of a container is called says nothing about the node's.
stale_services() {
  stale_processes | while read -r id; do
    sed -n 's|^[^/]*\(/[^/]*\.slice\)*/\([A-Za-z0-9@:._\\-]*\.service\)$|\2|p' "/proc/$id/cgroup" 2>/dev/null | head -n 1
  done | sort -u
}

restart_work() {
  stale_services >"$WORK/stale"
  grep -Ev "$KEPT" "$WORK/stale" >"$WORK/restart"
  grep -E "$KEPT" "$WORK/stale" | sed 's/^/patchwave: is left alone: /'
  [ -s "$WORK/restart" ] || finish restarted nothing-stale
  while read -r unit; do
    printf 'patchwave: restarts %s\n' "$unit"
    outside systemctl try-restart -- "$unit" </dev/null || printf '%s\n' "$unit" >>"$WORK/unwell"
    CHANGED=$((CHANGED + 1))
  done <"$WORK/restart"
  while read -r unit; do
    outside systemctl is-active --quiet -- "$unit" </dev/null || printf '%s\n' "$unit" >>"$WORK/unwell"
  done <"$WORK/restart"
  stale_services | grep -Ev "$KEPT" >"$WORK/still"
  MISSING=$(wc -l <"$WORK/still")
  if [ -s "$WORK/unwell" ]; then
    sort -u "$WORK/unwell" | sed 's/^/patchwave: does not run: /'
    finish failed service-failed
  fi
  finish restarted restarted
}
