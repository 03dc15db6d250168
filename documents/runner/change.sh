#!/bin/sh
# The two changes: an exact list is installed, or what a run changed is put back. Success is what the node shows afterwards.
# shellcheck disable=SC2034,SC2153,SC2154  # The files of this folder are one script; each is read by itself too.

# --- apply ------------------------------------------------------------------------------------------------------------------------------

apply_work() {
  for_here "$WORK/list"
  wait_for_manager || finish failed lock-held
  # What it leaves alone is not its to undo.
  see
  awk -v hold="$HOLD" -v bare="$BARE" '$1 ~ hold { next }
    FILENAME == ARGV[1] { print $1, $2; named[$1, $2 ~ bare]; next }
    ($1, $2 !~ bare) in named { print $1, $2 }' "$HERE" "$SEEN" | sort -u >"$WORK/keys"
  record "$WORK/keys" || finish failed disk-full
  sound || finish failed package-database
  see
  INSTALLED=$SEEN
  lacking "$HERE" "$INSTALLED" /dev/null >"$WORK/pending"
  plan
  if [ -s "$WORK/plan" ]; then
    room 0 "$WORK/plan" || finish failed disk-full
    refresh "$WORK/plan"
    resolve_apply
    needed=$(family kilobytes "$WORK/plan")
    [ "$needed" -eq 0 ] || room "$needed" "$WORK/plan" || finish failed disk-full
    family fetch "$WORK/plan" >"$WORK/said" 2>&1 || give_up failed
    cat "$WORK/said"
    family save "$WORK/plan"
    transact
    # After a boot nobody would know that a script has failed.
    all_there "$(apply_reason)"
  fi
  if wants_boot; then leave_for_boot "$CHANGED"; fi
  apply_verdict
}

# plan: what is pending and not held back, by the node's own administrator or as the kernel's. That is left, counted and told.
plan() {
  : >"$WORK/plan"
  MISSING=0 HELD=0
  [ -s "$WORK/pending" ] || return 0
  family held >"$WORK/held"
  awk -v hold="$HOLD" 'FILENAME == ARGV[1] { held[$0]; next } $1 !~ hold && !($1 in held) && !(($1 ":" $2) in held)' "$WORK/held" "$WORK/pending" >"$WORK/plan"
  lines "$WORK/pending"
  MISSING=$LINES_OF
  lines "$WORK/plan"
  HELD=$((MISSING - LINES_OF))
}

# refresh LIST: reads the repositories. One that does not answer only matters when something of the list is missing from the rest.
refresh() {
  REFRESHED=yes
  family refresh "$1" >"$WORK/said" 2>&1 || REFRESHED=no
  cat "$WORK/said"
}

# resolve_apply: $WORK/touched is what the package manager would do; it must stand in the list, line by line.
resolve_apply() {
  family unavailable "$WORK/plan" >"$WORK/unavailable"
  if [ -s "$WORK/unavailable" ]; then
    sed 's/^/patchwave: no repository has /' "$WORK/unavailable"
    [ "$REFRESHED" = yes ] || finish failed repository-unreachable
    finish failed unknown-version
  fi
  family resolve "$WORK/plan" >"$WORK/resolved" 2>"$WORK/said" || give_up failed
  sort -u "$WORK/resolved" >"$WORK/would"
  cmp -s "$WORK/would" "$WORK/plan" || strangers
}

# strangers: how what would be done differs from the plan. What of it is in the list is no stranger.
strangers() {
  if awk -v hold="$HOLD" '$1 ~ hold { print "patchwave: cannot do without what is held: " $0; n++ } END { exit !n }' "$WORK/would"; then
    finish failed dependency
  fi
  comm -23 "$WORK/would" "$HERE" >"$WORK/strange"
  if [ -s "$WORK/strange" ]; then
    sed 's/^/patchwave: would be touched and is not in the list: /' "$WORK/strange"
    finish skipped untested-dependency
  fi
  # A package that the resolver leaves as it is would be reported missing for no reason.
  comm -13 "$WORK/would" "$WORK/plan" >"$WORK/strange"
  if [ -s "$WORK/strange" ]; then
    sed 's/^/patchwave: would not be installed: /' "$WORK/strange"
    finish failed dependency
  fi
}

# reason_in SAID: the word of the first row of stdin, `word expression`, whose expression fits a line of what was said.
reason_in() {
  awk 'NR == FNR { word[++rows] = $1; sub(/^[^ ]+ /, ""); fits[rows] = $0; next }
    FNR == 1 { best = rows }
    { for (i = 1; i < best; i++) if ($0 ~ fits[i]) { best = i; break } }
    END { print word[best ? best : rows] }' - "$1"
}

# give_up VERDICT: the reason is in what the package manager said.
give_up() {
  cat "$WORK/said"
  finish "$1" "$(family reason "$WORK/said")"
}

# transact: the agent's own package goes last, in a command of its own. The exit codes are noted and not believed.
transact() {
  sign failed
  forget
  : >"$WORK/transaction"
  for part in rest agent; do
    awk -v part="$part" '($1 == "amazon-ssm-agent") == (part == "agent")' "$WORK/plan" >"$WORK/plan.$part"
    [ -s "$WORK/plan.$part" ] || continue
    family install "$WORK/plan.$part" >>"$WORK/transaction" 2>&1 || ended_with $?
  done
  cat "$WORK/transaction"
  signed
}

# ended_with EXIT: what a transaction that went wrong left behind is looked through as a whole.
ended_with() {
  note "the package manager ended with $1"
  PROVED=no
}

# sign VERDICT: the node is this run's from before its transaction on, so that a loss of power cannot hide it.
sign() {
  first "$STATE/changed-by"
  last=$FIRST
  printf '%s\n' "$RUN" | put "$STATE/changed-by" || finish "$1" disk-full
}

# What was changed; a transaction that changed nothing takes its name back.
signed() {
  # rpm leaves it to the kernel when its files reach the disk. What is told must outlive a loss of power.
  sync -f / /usr /var /boot 2>/dev/null
  see
  CHANGED=$(changed_keys "$INSTALLED" "$SEEN")
  if [ "$CHANGED" -gt 0 ] || ! sound; then return 0; fi
  if [ -n "$last" ]; then printf '%s\n' "$last" | put "$STATE/changed-by"; else rm -f "$STATE/changed-by"; fi
}

apply_readback() {
  changed_before
  wait_for_manager anyway
  for_here "$WORK/list"
  apply_verdict
}

# What the marker `rebooting` says was changed before the boot.
changed_before() {
  marker
  CHANGED=${MARKER##* }
}

apply_verdict() { list_verdict "$(apply_reason)"; }

# Why something is missing, if it is.
apply_reason() {
  reason='package-database'
  [ ! -e "$WORK/transaction" ] || reason=$(family reason "$WORK/transaction")
  # These promise that nothing was changed.
  case $reason in lock-held | repository-unreachable) [ "$CHANGED" -eq 0 ] || reason='package-database' ;; esac
  echo "$reason"
}

# all_there REASON: ends here when something of the list is missing.
all_there() {
  see
  was "$RUN"
  lacking "$HERE" "$SEEN" "$WAS" >"$WORK/pending"
  plan
  # rpm takes a package whose script failed for installed.
  if [ -s "$WORK/plan" ] || [ "$1" = scriptlet-failed ]; then
    sed 's/^/patchwave: is missing: /' "$WORK/plan"
    finish failed "$1"
  fi
}

# list_verdict REASON: what the node shows of the list.
list_verdict() {
  all_there "$1"
  sound || finish failed package-database
  live_proved || finish failed livepatch-not-loaded
  [ "$CHANGED" -eq 0 ] || finish patched installed
  [ "$MISSING" -eq 0 ] || finish skipped held
  finish not-needed nothing-missing
}

# --- verify -----------------------------------------------------------------------------------------------------------------------------

# The read-back of an apply by itself, or its before-record by itself: another tool does what lies between.
verify_work() {
  wait_for_manager || finish failed lock-held
  if [ "$RECORD" != no ]; then
    # What was not listed would be taken for what the tool added.
    sound || finish failed package-database
    keys "$WORK/list" >"$WORK/keys"
    { record "$WORK/keys" && : >"$STATE/touched/$RUN.tool"; } || finish failed disk-full
    finish scanned recorded
  fi
  claim "$RUN" || finish failed disk-full
  of_run "$RUN"
  CHANGED=$(changed_keys "$WORK/before.of" "$WORK/now.of")
  for_here "$WORK/list"
  list_verdict not-installed
}

# claim RUN: where another tool worked for the run and nobody else has changed the node since the run's record, all that differs is the run's.
claim() {
  [ -e "$STATE/touched/$1.tool" ] || return 0
  first "$STATE/changed-by"
  recorded "$1" last
  case ${FIRST:-none} in "$1" | "$RECORDED") ;; *) return 0 ;; esac
  was "$1"
  see
  comm -3 "$WAS" "$SEEN" | awk '{ print $1, $2 }' | sort -u >"$WORK/differ"
  [ -s "$WORK/differ" ] || return 0
  may_touch "$1" "$WORK/differ" || return 1
  [ "$FIRST" = "$1" ] || printf '%s\n' "$1" | put "$STATE/changed-by"
}

# --- the one that was cut off -----------------------------------------------------------------------------------------------------------

# Installs nothing; what is half-configured is configured, so that the node can be worked on.
repair_work() {
  wait_for_manager anyway || exit 1
  family repair
  forget
  of_run "$RUN"
  CHANGED=$(changed_keys "$WORK/before.of" "$WORK/now.of")
  finish failed interrupted
}

# of_run RUN: the packages that the run may have touched, as they were ($WORK/before.of) and as they are ($WORK/now.of).
of_run() {
  see
  was "$1"
  touched=$STATE/touched/$1
  [ -e "$touched" ] || touched=/dev/null
  of_keys "$touched" "$WAS" >"$WORK/before.of"
  of_keys "$touched" "$SEEN" >"$WORK/now.of"
}

# --- rollback ---------------------------------------------------------------------------------------------------------------------------

rollback_work() {
  was "$UNDO"
  [ "$WAS" != /dev/null ] || finish rollback-failed no-before-record
  digest_of "$WAS"
  [ "$DIGEST_OF" = "$RECORDED" ] || finish rollback-failed no-before-record
  wait_for_manager || finish rollback-failed lock-held
  # The tool's work may never have been read back.
  claim "$UNDO" || finish rollback-failed disk-full
  first "$STATE/changed-by"
  recorded "$UNDO" last
  # With the name of before the run has changed nothing.
  case ${FIRST:-none} in "$UNDO" | "$RUN") signs=yes ;; "$RECORDED") signs=no ;; *) finish rollback-failed changed-since ;; esac
  touch "$STATE/touched/$UNDO"
  record "$STATE/touched/$UNDO" || finish rollback-failed disk-full
  family repair
  forget
  of_run "$UNDO"
  comm -23 "$WORK/before.of" "$WORK/now.of" >"$WORK/plan"
  keys "$WORK/before.of" >"$WORK/before.keys"
  comm -13 "$WORK/before.of" "$WORK/now.of" >"$WORK/surplus"
  # A version that is not replaced by another of its package was added, and goes.
  family surplus "$WORK/surplus" "$WORK/plan" >"$WORK/remove"
  if [ -s "$WORK/plan" ] || [ -s "$WORK/remove" ]; then
    [ "$signs" = yes ] || finish rollback-failed changed-since
    put_back
  fi
  if ! script_failed && wants_boot; then leave_for_boot "$CHANGED"; fi
  rollback_verdict
}

put_back() {
  INSTALLED=$SEEN
  MISSING=$(cat "$WORK/plan" "$WORK/remove" | wc -l)
  refresh "$WORK/plan"
  family unavailable "$WORK/plan" >"$WORK/unavailable"
  comm -23 "$WORK/plan" "$WORK/unavailable" >"$WORK/specs"
  family cached "$WORK/unavailable" >"$WORK/files"
  if [ -s "$WORK/unavailable" ]; then
    sed 's/^/patchwave: no repository has any more /' "$WORK/unavailable"
    [ "$REFRESHED" = yes ] || finish rollback-failed repository-unreachable
    finish rollback-failed version-unavailable
  fi
  room "$(family kilobytes "$WORK/specs")" "$WORK/specs" || finish rollback-failed disk-full
  family resolve_back "$WORK/specs" "$WORK/remove" >"$WORK/resolved" 2>"$WORK/said" || give_up rollback-failed
  sort -u "$WORK/resolved" >"$WORK/would"
  { cat "$WORK/plan"; sed 's/ [^ ]*$/ -/' "$WORK/remove"; } | sort -u >"$WORK/may"
  if comm -23 "$WORK/would" "$WORK/may" | grep . >"$WORK/strange"; then
    sed 's/^/patchwave: would be touched and was not changed by the run: /' "$WORK/strange"
    finish rollback-failed dependency
  fi
  sign rollback-failed
  forget
  family restore "$WORK/specs" "$WORK/remove" >"$WORK/transaction" 2>&1 || ended_with $?
  cat "$WORK/transaction"
  signed
}

rollback_readback() {
  changed_before
  wait_for_manager anyway
  rollback_verdict
}

rollback_verdict() {
  of_run "$UNDO"
  MISSING=$(changed_keys "$WORK/before.of" "$WORK/now.of")
  if [ "$MISSING" -gt 0 ] || script_failed; then
    reason='package-database'
    [ ! -e "$WORK/transaction" ] || reason=$(family reason "$WORK/transaction")
    finish rollback-failed "$reason"
  fi
  sound || finish rollback-failed package-database
  [ "$CHANGED" -gt 0 ] || finish rolled-back nothing-changed
  finish rolled-back restored
}

# rpm takes what it has put back for installed though its script failed. What a script of the version that goes says is no matter.
script_failed() { [ -e "$WORK/transaction" ] && grep -Eq '%post(trans)?\(.* scriptlet failed' "$WORK/transaction"; }

# --- room -------------------------------------------------------------------------------------------------------------------------------

# room KILOBYTES LIST: whether there is space for so much, and some to spare, where packages are kept and where they go.
room() {
  kilobytes=$(($1 + ROOM_SPARE)) list=$2
  set -- / /usr /var /var/cache
  if [ -d /boot ] && grep -Eq '^(kernel|linux-image)' "$list"; then set -- "$@" /boot; fi
  free_for "$kilobytes" "$@"
}

# free_for KILOBYTES FOLDER …: a kernel's folder needs room for a kernel.
free_for() {
  wanted=$1
  shift
  df -Pk "$@" | awk -v wanted="$wanted" -v boot="$ROOM_BOOT" -v names="$*" 'BEGIN { split(names, name, " ") }
    NR > 1 { needs = name[NR - 1] == "/boot" ? boot : wanted
      if ($4 < needs + 0) { print "patchwave: " name[NR - 1] " has " $4 " kB, wanted are " needs " kB"; n++ } }
    END { exit n > 0 || NR < 2 }' >&2
}
