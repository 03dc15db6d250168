#!/bin/sh
# Patchwave on a node. What it promises: documents/PROTOCOL.md. Shared by all package families: parameters, markers, lists, the result line.
# shellcheck disable=SC2034  # The files of this folder are one script; each is read by itself too.

set -u
umask 077
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

STATE=/var/lib/patchwave
# Seconds that a change waits for the lock of another token, and for another hand on the package database.
LOCK_WAIT=600
# Seconds of one look at the lock: how late a death of the worker is seen.
LOCK_STEP=5
# Seconds that reading or fetching from a repository may take: a mirror that dribbles must not hold the node for ever.
FETCH_WAIT=1800
# Kilobytes that stay free beyond what a change needs, and those that a new kernel needs in /boot.
ROOM_SPARE=102400
ROOM_BOOT=102400
# Bytes that the work's own texts may need.
ROOM_WORK=4194304
# Bytes of a text that one fetch prints: 22,000 characters in base64, which with the result line stay under the 24,000 that SSM shows.
FETCH_BYTES=16500
# Days that markers, lists and before-records are kept: SSM re-runs for 2, an intent is looked up for 25, a run is undone within 90.
KEEP_DAYS=90
# Workers that may die over one token before the script answers for them.
REPAIRS_MAX=3
# Characters of the list in base64.
LIST_MAX=32000

PACKAGE_LINE='[A-Za-z0-9][A-Za-z0-9+._-]* [a-z0-9_]+ [0-9A-Za-z.+~^:_-]+'
# An architecture that is none: its packages follow one with an architecture, and the other way round.
BARE='^(all|noarch)$'
NEWLINE='
'

TOKEN='' WORK='' RUN='' VERB='' STEP='' FAMILY=none TOOL='' PLATFORM='' KERNEL='' MOMENT=''
# This boot: its id, the running kernel, the second of its begin.
BOOT='' RUNNING='' BOOTED=0
# What the result line says beside its verdict.
CHANGED=0 MISSING=0 HELD=0 OTHERKERNEL=0 BEFORE='' LIST='' LOG='' STALE='' LIVE='' COVERED=0
# A file with the installed packages as they are now, once they have been asked for; whether the database was found sound since.
SEEN='' SIGHTS=0 SOUND=no
# Names of live patches that are wanted also where none was.
WANTED_LIVES='^$'
# The installed packages before the change; whether the database was once found sound as a whole, and no transaction has gone wrong since.
INSTALLED='' PROVED=no

# The grammars of single values. A line end fits none of them. They start no process, for each script asks many.
uuid7() {
  case $1 in *[!0-9a-f-]* | *-*-*-*-*-*) return 1 ;; ????????-????-7???-[89ab]???-????????????) return 0 ;; esac
  return 1
}

# digits VALUE MOST: one to so many digits.
digits() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  [ "${#1}" -le "$2" ]
}

sha256() {
  case $1 in *[!0-9a-f]*) return 1 ;; esac
  [ "${#1}" -eq 64 ]
}

now() { date +%s; }

note() { printf 'patchwave: %s\n' "$*" >&2; }

# first FILE: its first line, in $FIRST; nothing when there is none.
first() {
  FIRST=''
  if [ -r "$1" ]; then read -r FIRST <"$1"; fi
}

# lines FILE: how many it has, in $LINES_OF.
lines() {
  LINES_OF=0
  [ ! -s "$1" ] || LINES_OF=$(wc -l <"$1")
}

this_boot() {
  first /proc/sys/kernel/random/boot_id
  case $FIRST in *[!A-Za-z0-9-]*) ;; *) BOOT=$FIRST ;; esac
  first /proc/sys/kernel/osrelease
  case $FIRST in *[!A-Za-z0-9_.+~-]*) ;; *) RUNNING=$FIRST ;; esac
  BOOTED=$(sed -n 's/^btime //p' /proc/stat)
  digits "$BOOTED" 11 || BOOTED=0
}

# digest_of FILE: its SHA-256, in $DIGEST_OF.
digest_of() {
  DIGEST_OF=$(sha256sum <"$1")
  DIGEST_OF=${DIGEST_OF%% *}
}

# put FILE: stdin becomes the file in one step that outlives a loss of power.
put() {
  cat >"$1.new.$$"
  settle "$1" $?
}

# settle FILE EXIT: what this process has written as FILE.new becomes the file, if the writing ended well.
settle() {
  if [ "$2" -eq 0 ] && sync "$1.new.$$" && mv -f "$1.new.$$" "$1" && sync "${1%/*}"; then return 0; fi
  rm -f "$1.new.$$"
  return 1
}

# keep FILE: the text stays on the node under its digest, which stands in $KEPT also when there is no room to keep it. Its age counts anew.
keep() {
  digest_of "$1"
  KEPT=$DIGEST_OF
  { [ -e "$STATE/lists/$KEPT" ] && touch "$STATE/lists/$KEPT"; } || put "$STATE/lists/$KEPT" <"$1" || note "no room to keep $KEPT"
}

# Which package manager is asked, by what the platform says of itself: a tool that happens to be there proves nothing.
platform() {
  [ -r /etc/os-release ] || return 1
  id='' id_like='' version_id=''
  while IFS='=' read -r key value; do
    value=${value#[\"\']}
    value=${value%[\"\']}
    case $key in ID) id=$value ;; ID_LIKE) id_like=$value ;; VERSION_ID) version_id=$value ;; esac
  done </etc/os-release
  PLATFORM=$id-$version_id
  case " $id $id_like " in
    *' debian '* | *' ubuntu '*) FAMILY=apt TOOL=apt-get ;;
    *' amzn '* | *' fedora '* | *' rhel '* | *' centos '*)
      FAMILY=rpm TOOL=yum
      # Amazon Linux 2 has no dnf; elsewhere yum is another name of it.
      if command -v dnf >/dev/null && [ "$PLATFORM" != amzn-2 ]; then TOOL=dnf; fi
      ;;
    *) return 1 ;;
  esac
  command -v "$TOOL" >/dev/null
}

# family QUESTION …: what the node's package family answers. Each is a function `apt_…` and `rpm_…`.
family() {
  question=$1
  shift
  "${FAMILY}_$question" "$@"
}

# The installed packages as list text. What else the family then knows of them lies in $WORK/database.
snapshot() {
  if [ "$FAMILY" = none ]; then : >"$1"; else family installed | sort -u >"$1"; fi
}

# see: $SEEN is there.
see() {
  [ -z "$SEEN" ] || return 0
  SIGHTS=$((SIGHTS + 1))
  snapshot "$WORK/seen.$SIGHTS"
  SEEN=$WORK/seen.$SIGHTS
}

# sound: whether the package database can be worked with. After a transaction that ended well its packages tell; else all of it is looked through.
sound() {
  [ "$SOUND" = no ] || return 0
  see
  if [ "$PROVED" = yes ]; then family whole; else family sound; fi || return 1
  SOUND=yes PROVED=yes
}

# forget: packages are about to change.
forget() { SEEN='' SOUND=no; }

# result VERDICT REASON: the result line.
result() {
  see
  keep "$SEEN"
  recorded "$RUN" all
  BEFORE=${RECORDED:-$KEPT}
  wanted=no
  if [ "$FAMILY" != none ] && family reboot_wanted; then wanted=wanted; fi
  newer_kernel
  NOW=$(now)
  printf '{"pw":1,"token":"%s","verdict":"%s","reason":"%s","changed":%d,"missing":%d,"before":"%s","after":"%s","kernel":"%s","boot":"%s","reboot":"%s","endedAt":%d,"since":%d' \
    "$TOKEN" "$1" "$2" "$CHANGED" "$MISSING" "$BEFORE" "$KEPT" "$RUNNING" "$BOOT" "$wanted" "$NOW" "$BOOTED"
  [ -z "$LIST" ] || printf ',"list":"%s"' "$LIST"
  [ "$HELD" = 0 ] || printf ',"held":%d' "$HELD"
  [ "$OTHERKERNEL" = 0 ] || printf ',"otherkernel":%d' "$OTHERKERNEL"
  [ -z "$STALE" ] || printf ',"stale":%d' "$STALE"
  [ -z "$LIVE" ] || printf ',"live":%d,"covered":%d' "$LIVE" "$COVERED"
  [ -z "$NEWER" ] || printf ',"kernelnew":"%s"' "$NEWER"
  [ -z "$LOG" ] || printf ',"log":"%s"' "$LOG"
  printf '}\n'
}

# code_of VERDICT REASON: the exit code, in $CODE.
code_of() {
  case $1-$2 in
    failed-bad-parameter | failed-list-digest) CODE=64 ;;
    failed-no-runner) CODE=69 ;;
    failed-interrupted) CODE=74 ;;
    failed-lock-held) CODE=75 ;;
    failed-* | rollback-failed-*) CODE=70 ;;
    *) CODE=0 ;;
  esac
}

# answer VERDICT REASON: speaks without a marker and ends. Nothing was done, or nobody knows. Of a token that has begun no second copy says the first.
answer() {
  if [ -n "$TOKEN" ] && [ "$2" != interrupted ]; then
    marker
    case $MARKER in
      done*) repeat ;;
      ?*) exit 70 ;;
    esac
  fi
  result "$1" "$2"
  code_of "$1" "$2"
  exit "$CODE"
}

# The marker's first line, in $MARKER: nothing, `started`, `rebooting BOOT CHANGED` or `done EXIT`; what stood on stdout follows. One that cannot be
# read is there.
marker() {
  first "$STATE/markers/$TOKEN"
  MARKER=$FIRST
  [ -n "$MARKER" ] || [ ! -e "$STATE/markers/$TOKEN" ] || MARKER=unread
}

# Repeats a result word for word and ends as it ended.
repeat() {
  tail -n +2 "$STATE/markers/$TOKEN"
  if [ -s "$STATE/log/$TOKEN" ]; then tail -c 6000 "$STATE/log/$TOKEN" >&2; fi
  exit "${MARKER#done }"
}

# --- parameters -------------------------------------------------------------------------------------------------------------------------

bad() {
  note "$1 does not fit its grammar"
  answer failed "${2:-bad-parameter}"
}

# Every value from outside is checked here, before anything else reads it.
read_parameters() {
  given=${PATCHWAVE_TOKEN-}
  case $given in *.*.*) bad Token ;; *.*) ;; *) bad Token ;; esac
  { uuid7 "${given%.*}" && digits "${given#*.}" 9; } || bad Token
  TOKEN=$given RUN=${given%.*}
  START_BEFORE=${PATCHWAVE_STARTBEFORE-}
  digits "$START_BEFORE" 11 || bad StartBefore
  case $VERB in
    apply)
      read_list
      read_reboot
      read_kernel
      ;;
    verify)
      read_list
      read_kernel
      RECORD=${PATCHWAVE_RECORD:-no}
      case $RECORD in no | yes | anew) ;; *) bad Record ;; esac
      ;;
    rollback)
      UNDO=${PATCHWAVE_UNDO:-$RUN}
      uuid7 "$UNDO" || bad Undo
      read_reboot
      ;;
    scan) read_kernel ;;
    check) read_script ;;
    hook)
      read_script
      MOMENT=${PATCHWAVE_MOMENT-}
      case $MOMENT in before | after | exit) ;; *) bad Moment ;; esac
      ;;
    fetch)
      DIGEST=${PATCHWAVE_DIGEST-} OFFSET=${PATCHWAVE_OFFSET:-0}
      sha256 "$DIGEST" || bad Digest
      digits "$OFFSET" 9 || bad Offset
      # The shell would take it for octal.
      case $OFFSET in 0?*) bad Offset ;; esac
      ;;
    live-patch)
      MODE=${PATCHWAVE_MODE-}
      case $MODE in status | enable) ;; *) bad Mode ;; esac
      ;;
  esac
}

read_reboot() {
  REBOOT=${PATCHWAVE_REBOOT:-never}
  case $REBOOT in never | if-needed | always) ;; *) bad Reboot ;; esac
}

read_script() {
  SCRIPT=${PATCHWAVE_SCRIPT-} TIMEOUT=${PATCHWAVE_TIMEOUT-}
  case $SCRIPT in *[!A-Za-z0-9._/-]* | *..*) bad Script ;; /?*) ;; *) bad Script ;; esac
  [ "${#SCRIPT}" -le 256 ] || bad Script
  digits "$TIMEOUT" 4 || bad Timeout
  if [ "$TIMEOUT" -lt 1 ] || [ "$TIMEOUT" -gt 3600 ]; then bad Timeout; fi
}

# The list text, in $WORK/list: its digest first, then its grammar and order.
read_list() {
  list=${PATCHWAVE_LIST-} list_digest=${PATCHWAVE_LISTDIGEST-}
  [ "${#list}" -le "$LIST_MAX" ] || bad List
  bare=${list%=}
  case ${bare%=} in *[!A-Za-z0-9+/]*) bad List ;; esac
  sha256 "$list_digest" || bad ListDigest
  printf '%s' "$list" | base64 -d >"$WORK/list" 2>/dev/null || bad List
  digest_of "$WORK/list"
  [ "$DIGEST_OF" = "$list_digest" ] || bad ListDigest list-digest
  # The worker has its list from who has just read it.
  if [ ! -s "$WORK/list" ] || [ "$STEP" != '' ]; then return 0; fi
  # Of a line end nothing is left.
  [ -z "$(tail -c 1 "$WORK/list")" ] || bad List
  ! grep -aEqvx "$PACKAGE_LINE" "$WORK/list" || bad List
  sort -cu "$WORK/list" 2>/dev/null || bad List
}

# --- the before-record ------------------------------------------------------------------------------------------------------------------

# recorded RUN KEY: one value of a before-record, in $RECORDED, or nothing.
recorded() {
  RECORDED=''
  [ -e "$STATE/before/$1" ] || return 0
  while read -r key value; do
    if [ "$key" = "$2" ]; then
      RECORDED=$value
      return 0
    fi
  done <"$STATE/before/$1"
}

# record KEYS: what was there before the run's first change, once, or anew; and, growing, the packages that it may touch.
record() {
  if [ ! -e "$STATE/before/$RUN" ] || [ "${RECORD-}" = anew ]; then
    see
    keep "$SEEN"
    [ -e "$STATE/lists/$KEPT" ] || return 1
    first "$STATE/changed-by"
    {
      printf 'all %s\nkernel %s\nboot %s\ntransaction %s\nat %s\nlast %s\n' "$KEPT" "$RUNNING" "$BOOT" "$(family transaction)" "$(now)" "${FIRST:-none}" &&
        live_patches
    } >"$STATE/before/$RUN.new.$$"
    settle "$STATE/before/$RUN" $? || return 1
  fi
  may_touch "$RUN" "$1"
}

# may_touch RUN KEYS: these packages, too, are the run's to undo.
may_touch() {
  { cat "$STATE/touched/$1" 2>/dev/null; cat "$2"; } | sort -u >"$WORK/touched"
  cmp -s "$WORK/touched" "$STATE/touched/$1" || put "$STATE/touched/$1" <"$WORK/touched"
}

# was RUN: the file of the run's before-record, in $WAS; an empty one when there is none.
was() {
  recorded "$1" all
  WAS=$STATE/lists/${RECORDED:-none}
  [ -e "$WAS" ] || WAS=/dev/null
}

# keys FILE: name and architecture of each line of list text.
keys() { cut -d' ' -f1,2 "$1" | sort -u; }

# of_keys KEYS LIST: the lines of the list whose package is among the keys.
of_keys() { awk 'FILENAME == ARGV[1] { wanted[$1 " " $2]; next } ($1 " " $2) in wanted' "$1" "$2"; }

# changed_keys BEFORE AFTER: how many packages differ.
changed_keys() { comm -3 "$1" "$2" | awk '!(($1 " " $2) in seen) { seen[$1 " " $2]; n++ } END { print n + 0 }'; }

# lacking LIST NOW BEFORE: the lines of the list whose package is installed, but nowhere at that version or a newer one; those that were installed
# and are not, or only half; and, where live patches are wanted, one that is not there.
lacking() {
  if [ "$FAMILY" = apt ]; then order=$ORDER_APT; else order=$ORDER_RPM; fi
  awk -v patches="$WANTED_LIVES" -v bare="$BARE" "$order"'
    FILENAME == ARGV[1] { have[$1 " " $2] = have[$1 " " $2] " " $3; other[$1, $2 !~ bare] = other[$1, $2 !~ bare] " " $3; next }
    FILENAME == ARGV[2] { was[$1 " " $2]; next }
    { key = $1 " " $2; met = 0
      there = key in have ? have[key] : other[$1, $2 ~ bare]
      if (there) { n = split(there, of, " "); for (i = 1; i <= n && !met; i++) met = order(of[i], $3) >= 0 }
      else met = !(key in was) && $1 !~ patches
      if (!met) print }' "$2" "$3" "$1"
}
