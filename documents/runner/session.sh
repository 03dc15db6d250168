#!/bin/sh
# Who works when: the marker of each token under the node's one lock, and the worker in a session of its own.
# shellcheck disable=SC2034,SC2153,SC2154  # The files of this folder are one script; each is read by itself too.

# change: the marker table of documents/PROTOCOL.md. Each turn looks at the lock and the marker anew: either may have changed meanwhile.
change() {
  waited=0 repairs=0
  while :; do
    marker
    case $MARKER in done*) repeat ;; esac
    exec 9>>"$STATE/lock"
    if flock -w "$LOCK_STEP" 9; then
      turn
      exec 9>&-
    else
      exec 9>&-
      first "$STATE/lock"
      # Only what has not begun may say that nothing was changed.
      case $MARKER/$FIRST in
        "rebooting $BOOT "*"/$TOKEN") exit 194 ;;
        /"$TOKEN" | ?*/*) ;;
        *) waited=$((waited + LOCK_STEP)) ;;
      esac
      [ "$waited" -lt "$LOCK_WAIT" ] || { marker; [ -n "$MARKER" ] || answer failed lock-held; }
    fi
  done
}

# One turn with the lock in hand.
turn() {
  marker
  case $MARKER in
    done*) return ;;
    '')
      [ "$(now)" -lt "$START_BEFORE" ] || answer skipped too-late
      if ! { own && mark started; }; then answer failed disk-full; fi
      launch work
      ;;
    rebooting*)
      left=${MARKER#rebooting }
      [ "${left%% *}" != "$BOOT" ] || until_boot
      again readback
      ;;
    *) again repair ;;
  esac
}

# until_boot: the agent boots a while after it is asked to. Nobody begins what that would cut.
until_boot() {
  own
  setsid sleep "$LOCK_WAIT" </dev/null >/dev/null 2>&1 &
  exit 194
}

# again STAGE: what a worker left that died.
again() {
  repairs=$((repairs + 1))
  [ "$repairs" -le "$REPAIRS_MAX" ] || answer failed interrupted
  own
  launch "$1"
}

own() { printf '%s\n' "$TOKEN" >"$STATE/lock"; }

# mark STATE [FILE]: the marker with what stands in the file below it.
mark() {
  { printf '%s\n' "$1" && { [ $# -lt 2 ] || cat "$2"; }; } >"$STATE/markers/$TOKEN.new.$$"
  settle "$STATE/markers/$TOKEN" $?
}

# launch STAGE: the worker, out of reach of whoever ends this script. The lock goes with it, as descriptor 9, and is free when it ends.
launch() {
  set -- sh "$SELF" worker "$VERB" "$1"
  if scopes; then set -- systemd-run --scope --quiet --description="Patchwave $VERB $TOKEN" "$@"; fi
  setsid "$@" </dev/null >>"$STATE/log/$TOKEN" 2>&1 &
}

# Where systemd runs, a scope keeps the worker when the agent's unit is stopped.
scopes() {
  [ -d /run/systemd/system ] && command -v systemd-run >/dev/null && systemd-run --scope --quiet true >/dev/null 2>&1 9>&-
}

# worker VERB STAGE: works under the lock and leaves the marker `done` or `rebooting`. Dies it, the marker stays and the next one repairs.
worker() {
  trap '' HUP
  # What is written at the end must find room, also on a disk that the transaction filled.
  head -c 131072 /dev/zero >"$STATE/reserve" || [ "$2" != work ] || finish failed disk-full
  case $1-$2 in
    hook-repair) hook_again ;;
    verify-work | verify-repair) verify_work ;;
    *-repair) repair_work ;;
    apply-work) apply_work ;;
    apply-readback) apply_readback ;;
    rollback-work) rollback_work ;;
    rollback-readback) rollback_readback ;;
    restart-work) restart_work ;;
    hook-work) hook_work ;;
    live-patch-work) live_patch_work ;;
  esac
}

# finish VERDICT REASON: the result goes into the marker, and the worker ends.
finish() {
  rm -f "$STATE/reserve"
  keep "$STATE/log/$TOKEN"
  LOG=$KEPT
  count_live
  count_stale
  result "$1" "$2" >"$WORK/result"
  code_of "$1" "$2"
  mark "done $CODE" "$WORK/result" || exit 1
  prune
  exit 0
}

# leave_for_boot CHANGED: the script exits 194, SSM boots the node and runs it again.
leave_for_boot() {
  rm -f "$STATE/reserve"
  mark "rebooting $BOOT $1" || exit 1
  exit 0
}

# wants_boot: whether the parameter allows what the node wants.
wants_boot() {
  case $REBOOT in
    always) return 0 ;;
    if-needed) family reboot_wanted ;;
    *) return 1 ;;
  esac
}

# outside COMMAND …: runs without the lock, so that a service which the package manager starts cannot hold it.
outside() { "$@" 9>&-; }

# wait_for_manager [anyway]: until no other hand is on the package database. Fails when patience ends.
wait_for_manager() {
  family busy || return 0
  until=$(($(now) + LOCK_WAIT))
  while family busy; do
    [ "$(now)" -lt "$until" ] || return 1
    sleep 1
  done
  # What waited may have missed its time.
  [ $# -gt 0 ] || [ "$(now)" -lt "$START_BEFORE" ] || finish skipped too-late
}

# locked FILE …: whether a process has a record lock on one of them.
locked() {
  held=''
  while read -r _ kind _ _ _ place _; do
    [ "$kind" != POSIX ] || held="$held ${place##*:}"
  done </proc/locks
  [ -n "$held" ] || return 1
  for inode in $(stat -c '%i' "$@" 2>/dev/null); do
    case "$held " in *" $inode "*) return 0 ;; esac
  done
  return 1
}

# reading: a verb that changes nothing takes no lock; the first answer of a token is its answer.
reading() {
  marker
  case $MARKER in done*) repeat ;; esac
  [ "$(now)" -lt "$START_BEFORE" ] || answer skipped too-late
  CODE=70
  "${1}_read" >"$WORK/out"
  mine=$STATE/markers/$TOKEN.read.$$
  if { printf 'done %s\n' "$CODE" && cat "$WORK/out"; } >"$mine" && sync "$mine"; then
    # Of several copies the first one's answer stands.
    ln "$mine" "$STATE/markers/$TOKEN" 2>/dev/null && sync "$STATE/markers"
    rm -f "$mine"
    marker
    case $MARKER in done*) repeat ;; esac
  fi
  rm -f "$mine"
  cat "$WORK/out"
  exit "$CODE"
}

# found VERDICT REASON: the result line of a reading verb.
found() {
  code_of "$1" "$2"
  result "$1" "$2"
}

# What is too old to be asked for goes, once a day. Runners of other versions go when nobody can still be using them.
prune() {
  today=$((NOW / 86400))
  first "$STATE/pruned"
  [ "$FIRST" != "$today" ] || return 0
  find "$STATE/markers" "$STATE/lists" "$STATE/before" "$STATE/touched" "$STATE/log" "$STATE/undo" -type f -mtime +"$KEEP_DAYS" -exec rm -f {} +
  find "$STATE/runner" -type f ! -path "$SELF" -mtime +3 -exec rm -f {} +
  find /run -maxdepth 1 -name 'patchwave.*' -mtime +3 -exec rm -rf {} +
  printf '%s\n' "$today" >"$STATE/pruned"
}
