#!/bin/sh
# The two changes: an exact list is installed, or what a run changed is put back. Success is what the node shows afterwards.
# shellcheck disable=SC2034,SC2154  # The files of this folder are one script; each is read by itself too.

# --- apply ------------------------------------------------------------------------------------------------------------------------------

apply_work() {
  keys "$WORK/list" >"$WORK/keys"
  record "$WORK/keys" || finish failed disk-full
  prepare failed
  snapshot "$WORK/installed"
  pending "$WORK/list" "$WORK/installed" >"$WORK/pending"
  plan
  if [ -s "$WORK/plan" ]; then
    refresh
    resolve_apply
    room "$WORK/plan" || finish failed disk-full
    family fetch "$WORK/plan" >"$WORK/said" 2>&1 || give_up failed
    cat "$WORK/said"
    family save "$WORK/plan"
    transact
  fi
  if wants_boot; then leave_for_boot "$CHANGED"; fi
  apply_verdict
}

# plan: what is pending and not held back by the node's own administrator. That is left, counted and told.
plan() {
  family held | sort -u >"$WORK/held"
  awk 'FILENAME == ARGV[1] { held[$0]; next } !($1 in held) && !(($1 ":" $2) in held)' "$WORK/held" "$WORK/pending" >"$WORK/plan"
  HELD=$(($(wc -l <"$WORK/pending") - $(wc -l <"$WORK/plan")))
}

# prepare VERDICT: what must hold before anything is asked of a package manager.
prepare() {
  wait_for_manager || finish "$1" lock-held
  family sound || finish "$1" package-database
}

# refresh: reads the repositories. One that does not answer only matters when something is missing from the rest.
refresh() {
  REFRESHED=yes
  family refresh >"$WORK/said" 2>&1 || REFRESHED=no
  cat "$WORK/said"
}

# resolve_apply: $WORK/touched is what the package manager would do; it must stand in the list, line by line.
resolve_apply() {
  MISSING=$(wc -l <"$WORK/pending")
  family unavailable "$WORK/plan" >"$WORK/unavailable"
  if [ -s "$WORK/unavailable" ]; then
    sed 's/^/patchwave: no repository has /' "$WORK/unavailable"
    [ "$REFRESHED" = yes ] || finish failed repository-unreachable
    finish failed unknown-version
  fi
  family resolve "$WORK/plan" >"$WORK/resolved" 2>"$WORK/said" || give_up failed
  sort -u "$WORK/resolved" >"$WORK/would"
  if comm -23 "$WORK/would" "$WORK/list" | grep . >"$WORK/strange"; then
    sed 's/^/patchwave: would be touched and is not in the list: /' "$WORK/strange"
    finish skipped untested-dependency
  fi
  # A package that the resolver leaves as it is would be reported missing for no reason.
  if comm -13 "$WORK/would" "$WORK/plan" | grep . >"$WORK/strange"; then
    sed 's/^/patchwave: would not be installed: /' "$WORK/strange"
    finish failed dependency
  fi
}

# give_up VERDICT: the reason is in what the package manager said.
give_up() {
  cat "$WORK/said"
  finish "$1" "$(family reason "$WORK/said")"
}

# transact: the agent's own package goes last, in a command of its own. The exit codes are noted and not believed.
transact() {
  sign failed
  grep -E '^amazon-ssm-agent ' "$WORK/plan" >"$WORK/plan.agent"
  grep -vE '^amazon-ssm-agent ' "$WORK/plan" >"$WORK/plan.rest"
  : >"$WORK/transaction"
  for part in "$WORK/plan.rest" "$WORK/plan.agent"; do
    [ -s "$part" ] || continue
    family install "$part" >>"$WORK/transaction" 2>&1 || note "the package manager ended with $?"
  done
  cat "$WORK/transaction"
  signed
}

# sign VERDICT: the node is this run's from before its transaction on, so that a loss of power cannot hide it.
sign() {
  last=$(cat "$STATE/changed-by" 2>/dev/null)
  printf '%s\n' "$RUN" | put "$STATE/changed-by" || finish "$1" disk-full
}

# What was changed; a transaction that changed nothing takes its name back.
signed() {
  snapshot "$WORK/after"
  CHANGED=$(changed_keys "$WORK/installed" "$WORK/after")
  if [ "$CHANGED" -gt 0 ] || ! family sound; then return 0; fi
  if [ -n "$last" ]; then printf '%s\n' "$last" | put "$STATE/changed-by"; else rm -f "$STATE/changed-by"; fi
}

apply_readback() {
  CHANGED=$(marker_changed)
  apply_verdict
}

# What the marker `rebooting` says was changed before the boot.
marker_changed() { marker | sed -n 's/^rebooting [^ ]* \([0-9]*\)$/\1/p'; }

apply_verdict() {
  snapshot "$WORK/after"
  lacking "$WORK/list" "$STATE/lists/$(record_key "$RUN" all)" "$WORK/after" >"$WORK/pending"
  MISSING=$(wc -l <"$WORK/pending")
  plan
  reason='package-database'
  [ ! -e "$WORK/transaction" ] || reason=$(family reason "$WORK/transaction")
  # These promise that nothing was changed.
  case $reason in lock-held | repository-unreachable) [ "$CHANGED" -eq 0 ] || reason='package-database' ;; esac
  # rpm takes a package whose script failed for installed.
  if [ -s "$WORK/plan" ] || [ "$reason" = scriptlet-failed ]; then finish failed "$reason"; fi
  family sound || finish failed package-database
  [ "$CHANGED" -eq 0 ] || finish patched installed
  [ "$MISSING" -eq 0 ] || finish skipped held
  finish not-needed nothing-missing
}

# --- the one that was cut off -----------------------------------------------------------------------------------------------------------

# Installs nothing; what is half-configured is configured, so that the node can be worked on.
repair_work() {
  wait_for_manager
  family repair
  of_run "$RUN"
  CHANGED=$(comm -3 "$WORK/before.of" "$WORK/now.of" | awk '{ print $1, $2 }' | sort -u | wc -l)
  finish failed interrupted
}

# of_run RUN: the packages that the run may have touched, as they were ($WORK/before.of) and as they are ($WORK/now.of).
of_run() {
  : >"$WORK/before.of"
  snapshot "$WORK/now"
  all=$(record_key "$1" all)
  touched=$STATE/touched/$1
  [ -e "$touched" ] || touched=/dev/null
  [ ! -e "$STATE/lists/${all:-none}" ] || of_keys "$touched" "$STATE/lists/$all" >"$WORK/before.of"
  of_keys "$touched" "$WORK/now" >"$WORK/now.of"
}

# --- rollback ---------------------------------------------------------------------------------------------------------------------------

rollback_work() {
  all=$(record_key "$UNDO" all)
  if [ -z "$all" ] || [ ! -e "$STATE/lists/$all" ] || [ "$(digest_of "$STATE/lists/$all")" != "$all" ]; then
    finish rollback-failed no-before-record
  fi
  last=$(cat "$STATE/changed-by" 2>/dev/null)
  case $last in '' | "$UNDO" | "$RUN") ;; *) finish rollback-failed changed-since ;; esac
  wait_for_manager || finish rollback-failed lock-held
  touch "$STATE/touched/$UNDO"
  record "$STATE/touched/$UNDO" || finish rollback-failed disk-full
  family repair
  of_run "$UNDO"
  comm -23 "$WORK/before.of" "$WORK/now.of" >"$WORK/plan"
  keys "$WORK/before.of" >"$WORK/before.keys"
  comm -13 "$WORK/before.of" "$WORK/now.of" >"$WORK/surplus"
  # A version that is not replaced by another of its package was added, and goes.
  family surplus "$WORK/surplus" "$WORK/plan" >"$WORK/remove"
  if [ -s "$WORK/plan" ] || [ -s "$WORK/remove" ]; then put_back; fi
  if wants_boot; then leave_for_boot "$CHANGED"; fi
  rollback_verdict
}

put_back() {
  cp "$WORK/now" "$WORK/installed"
  MISSING=$(cat "$WORK/plan" "$WORK/remove" | wc -l)
  refresh
  family unavailable "$WORK/plan" >"$WORK/unavailable"
  comm -23 "$WORK/plan" "$WORK/unavailable" >"$WORK/specs"
  family cached "$WORK/unavailable" >"$WORK/files"
  if [ -s "$WORK/unavailable" ]; then
    sed 's/^/patchwave: no repository has any more /' "$WORK/unavailable"
    [ "$REFRESHED" = yes ] || finish rollback-failed repository-unreachable
    finish rollback-failed version-unavailable
  fi
  room "$WORK/specs" || finish rollback-failed disk-full
  family resolve_back "$WORK/specs" "$WORK/remove" >"$WORK/resolved" 2>"$WORK/said" || give_up rollback-failed
  sort -u "$WORK/resolved" >"$WORK/would"
  { cat "$WORK/plan"; sed 's/ [^ ]*$/ -/' "$WORK/remove"; } | sort -u >"$WORK/may"
  if comm -23 "$WORK/would" "$WORK/may" | grep . >"$WORK/strange"; then
    sed 's/^/patchwave: would be touched and was not changed by the run: /' "$WORK/strange"
    finish rollback-failed dependency
  fi
  sign rollback-failed
  family restore "$WORK/specs" "$WORK/remove" >"$WORK/transaction" 2>&1 || note "the package manager ended with $?"
  cat "$WORK/transaction"
  signed
}

rollback_readback() {
  CHANGED=$(marker_changed)
  rollback_verdict
}

rollback_verdict() {
  of_run "$UNDO"
  MISSING=$(comm -3 "$WORK/before.of" "$WORK/now.of" | awk '{ print $1, $2 }' | sort -u | wc -l)
  if [ "$MISSING" -gt 0 ]; then
    reason='package-database'
    [ ! -e "$WORK/transaction" ] || reason=$(family reason "$WORK/transaction")
    finish rollback-failed "$reason"
  fi
  family sound || finish rollback-failed package-database
  [ "$CHANGED" -gt 0 ] || finish rolled-back nothing-changed
  finish rolled-back restored
}

# --- room -------------------------------------------------------------------------------------------------------------------------------

# room LIST: whether there is space for what the list brings, and some to spare, where packages are kept and where they go.
room() {
  needed=$(family kilobytes "$1")
  for place in / /usr /var /var/cache; do
    free_for "$place" $((needed + ROOM_SPARE)) || return 1
  done
  if [ -d /boot ] && grep -Eq '^(kernel|linux-image)' "$1"; then free_for /boot "$ROOM_BOOT"; fi
}

free_for() {
  free=$(df -Pk "$1" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$2" ] || {
    note "$1 has $free kB, wanted are $2 kB"
    return 1
  }
}
