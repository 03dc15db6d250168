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
# Bytes of a text that one fetch prints: 22,000 characters in base64, which with the result line stay under the 24,000 that SSM shows.
FETCH_BYTES=16500
# Days that markers, lists and before-records are kept: SSM re-runs for 2, an intent is looked up for 25, a run is undone within 90.
KEEP_DAYS=90
# Workers that may die over one token before the script answers for them.
REPAIRS_MAX=3

UUID7='[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
PACKAGE_LINE='[A-Za-z0-9][A-Za-z0-9+._-]* [a-z0-9_]+ [0-9A-Za-z.+~^:_-]+'
NEWLINE='
'

TOKEN='' RUN='' VERB='' FAMILY=none TOOL='' PLATFORM=''
# What the result line says beside its verdict.
CHANGED=0 MISSING=0 HELD=0 BEFORE='' AFTER='' LIST='' LOG='' STALE='' LIVE=''

# fits VALUE EXPRESSION: whether the whole value, which must be one line, matches.
fits() {
  case $1 in *"$NEWLINE"*) return 1 ;; esac
  printf '%s\n' "$1" | grep -Eq "^($2)\$"
}

now() { date +%s; }

note() { printf 'patchwave: %s\n' "$*" >&2; }

boot_id() { tr -cd 'A-Za-z0-9-' </proc/sys/kernel/random/boot_id 2>/dev/null; }

kernel() { uname -r | tr -cd 'A-Za-z0-9_.+~-' | cut -c1-128; }

digest_of() { sha256sum <"$1" | cut -d' ' -f1; }

# put FILE: stdin becomes the file in one step that outlives a loss of power.
put() {
  if cat >"$1.new.$$" && sync "$1.new.$$" && mv -f "$1.new.$$" "$1" && sync "${1%/*}"; then return 0; fi
  rm -f "$1.new.$$"
  return 1
}

# keep FILE: the text stays on the node under its digest, which is printed also when there is no room to keep it.
keep() {
  kept=$(digest_of "$1")
  [ -e "$STATE/lists/$kept" ] || put "$STATE/lists/$kept" <"$1" || note "no room to keep $kept"
  printf '%s\n' "$kept"
}

# Which package manager is asked, by what the platform says of itself: a tool that happens to be there proves nothing.
platform() {
  [ -r /etc/os-release ] || return 1
  PLATFORM=$(os_release ID)-$(os_release VERSION_ID)
  case " $(os_release ID) $(os_release ID_LIKE) " in
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

os_release() { sed -n "s/^$1=//p" /etc/os-release | head -n 1 | tr -d "\"'" | tr -cd 'A-Za-z0-9 ._-'; }

# family QUESTION …: what the node's package family answers. Each is a function `apt_…` and `rpm_…`.
family() {
  question=$1
  shift
  "${FAMILY}_$question" "$@"
}

# The installed packages as list text.
snapshot() {
  if [ "$FAMILY" = none ]; then : >"$1"; else family installed | sort -u >"$1"; fi
}

# result VERDICT REASON: the result line.
result() {
  [ -n "$AFTER" ] || {
    snapshot "$WORK/after"
    AFTER=$(keep "$WORK/after")
  }
  if [ -z "$BEFORE" ]; then BEFORE=$(record_key "$RUN" all); fi
  printf '{"pw":1,"token":"%s","verdict":"%s","reason":"%s","changed":%d,"missing":%d,"before":"%s","after":"%s","kernel":"%s","boot":"%s","reboot":"%s","endedAt":%d' \
    "$TOKEN" "$1" "$2" "$CHANGED" "$MISSING" "${BEFORE:-$AFTER}" "$AFTER" "$(kernel)" "$(boot_id)" "$(reboot_word)" "$(now)"
  [ -z "$LIST" ] || printf ',"list":"%s"' "$LIST"
  [ "$HELD" = 0 ] || printf ',"held":%d' "$HELD"
  [ -z "$STALE" ] || printf ',"stale":%d' "$STALE"
  [ -z "$LIVE" ] || printf ',"live":%d' "$LIVE"
  [ -z "$LOG" ] || printf ',"log":"%s"' "$LOG"
  printf '}\n'
}

reboot_word() {
  if [ "$FAMILY" != none ] && family reboot_wanted; then echo wanted; else echo no; fi
}

exit_of() {
  case $1-$2 in
    failed-bad-parameter | failed-list-digest) echo 64 ;;
    failed-no-runner) echo 69 ;;
    failed-interrupted) echo 74 ;;
    failed-lock-held) echo 75 ;;
    failed-* | rollback-failed-*) echo 70 ;;
    *) echo 0 ;;
  esac
}

# answer VERDICT REASON: speaks without a marker and ends. Nothing was done.
answer() {
  result "$1" "$2"
  exit "$(exit_of "$1" "$2")"
}

# The marker's first line: nothing, `started`, `rebooting BOOT CHANGED` or `done EXIT`; what stood on stdout follows.
marker() { head -n 1 "$STATE/markers/$TOKEN" 2>/dev/null; }

# Repeats a result word for word and ends as it ended.
repeat() {
  tail -n +2 "$STATE/markers/$TOKEN"
  if [ -s "$STATE/log/$TOKEN" ]; then tail -c 6000 "$STATE/log/$TOKEN" >&2; fi
  code=$(marker)
  exit "${code#done }"
}

# --- parameters -------------------------------------------------------------------------------------------------------------------------

bad() {
  note "$1 does not fit its grammar"
  answer failed "${2:-bad-parameter}"
}

# Every value from outside is checked here, before anything else reads it.
read_parameters() {
  given=${PATCHWAVE_TOKEN-}
  fits "$given" "$UUID7\\.[0-9]{1,9}" || bad Token
  TOKEN=$given RUN=${given%.*}
  START_BEFORE=${PATCHWAVE_STARTBEFORE-}
  fits "$START_BEFORE" '[0-9]{1,11}' || bad StartBefore
  case $VERB in
    apply | verify)
      read_list
      [ "$VERB" = verify ] || read_reboot
      ;;
    rollback)
      UNDO=${PATCHWAVE_UNDO:-$RUN}
      fits "$UNDO" "$UUID7" || bad Undo
      read_reboot
      ;;
    check)
      SCRIPT=${PATCHWAVE_SCRIPT-} TIMEOUT=${PATCHWAVE_TIMEOUT-}
      fits "$SCRIPT" '/[A-Za-z0-9._/-]{1,255}' || bad Script
      case $SCRIPT in *..*) bad Script ;; esac
      fits "$TIMEOUT" '[0-9]{1,4}' || bad Timeout
      if [ "$TIMEOUT" -lt 1 ] || [ "$TIMEOUT" -gt 3600 ]; then bad Timeout; fi
      ;;
    fetch)
      DIGEST=${PATCHWAVE_DIGEST-} OFFSET=${PATCHWAVE_OFFSET:-0}
      fits "$DIGEST" '[0-9a-f]{64}' || bad Digest
      fits "$OFFSET" '[0-9]{1,9}' || bad Offset
      ;;
    live-patch)
      MODE=${PATCHWAVE_MODE-}
      fits "$MODE" 'status|enable' || bad Mode
      ;;
  esac
}

read_reboot() {
  REBOOT=${PATCHWAVE_REBOOT:-never}
  fits "$REBOOT" 'never|if-needed|always' || bad Reboot
}

# The list text, in $WORK/list: its digest first, then its grammar and order.
read_list() {
  list=${PATCHWAVE_LIST-} list_digest=${PATCHWAVE_LISTDIGEST-}
  if [ "${#list}" -gt 60000 ] || ! fits "$list" '[A-Za-z0-9+/]*={0,2}'; then bad List; fi
  fits "$list_digest" '[0-9a-f]{64}' || bad ListDigest
  printf '%s' "$list" | base64 -d >"$WORK/list" 2>/dev/null || bad List
  [ "$(digest_of "$WORK/list")" = "$list_digest" ] || bad ListDigest list-digest
  [ -s "$WORK/list" ] || return 0
  [ "$(tail -c 1 "$WORK/list" | wc -l)" -eq 1 ] || bad List
  ! grep -aEqvx "$PACKAGE_LINE" "$WORK/list" || bad List
  sort -cu "$WORK/list" 2>/dev/null || bad List
}

# --- the before-record ------------------------------------------------------------------------------------------------------------------

# record_key RUN KEY: one value of a before-record, or nothing.
record_key() {
  [ -e "$STATE/before/$1" ] || return 0
  sed -n "s/^$2 //p" "$STATE/before/$1" | head -n 1
}

# record KEYS: what was there before the run's first change, once; and, growing, the packages that it may touch.
record() {
  if [ ! -e "$STATE/before/$RUN" ]; then
    snapshot "$WORK/before"
    all=$(keep "$WORK/before")
    [ -e "$STATE/lists/$all" ] || return 1
    {
      printf 'all %s\nkernel %s\nboot %s\ntransaction %s\nat %s\n' "$all" "$(kernel)" "$(boot_id)" "$(family transaction)" "$(now)"
      live_patches | sed 's/^/live /'
    } | put "$STATE/before/$RUN" || return 1
  fi
  { cat "$STATE/touched/$RUN" 2>/dev/null; cat "$1"; } | sort -u >"$WORK/touched"
  if ! cmp -s "$WORK/touched" "$STATE/touched/$RUN"; then put "$STATE/touched/$RUN" <"$WORK/touched" || return 1; fi
}

# keys FILE: name and architecture of each line of list text.
keys() { cut -d' ' -f1,2 "$1" | sort -u; }

# of_keys KEYS LIST: the lines of the list whose package is among the keys.
of_keys() { awk 'FILENAME == ARGV[1] { wanted[$1 " " $2]; next } ($1 " " $2) in wanted' "$1" "$2"; }

# changed_keys BEFORE AFTER: how many packages differ.
changed_keys() { comm -3 "$1" "$2" | awk '{ print $1, $2 }' | sort -u | wc -l | tr -d ' '; }

# pending LIST INSTALLED: the lines of the list whose package is installed, but nowhere at that version or a newer one.
pending() {
  awk 'FILENAME == ARGV[1] { n[$1 " " $2] = n[$1 " " $2] " " $3; next }
    ($1 " " $2) in n { count = split(n[$1 " " $2], have, " "); for (i = 1; i <= count; i++) print have[i], $3, $1, $2 }' "$2" "$1" |
    family order |
    awk '{ key = $4 " " $5 " " $3; if (!(key in met)) { order[++rows] = key; met[key] = 0 } if ($1 >= 0) met[key] = 1 }
      END { for (i = 1; i <= rows; i++) if (!met[order[i]]) print order[i] }'
}

# lacking LIST BEFORE NOW: what is pending, and what was installed and is not, or only half.
lacking() {
  {
    pending "$1" "$3"
    awk 'FILENAME == ARGV[1] { was[$1 " " $2]; next } FILENAME == ARGV[2] { there[$1 " " $2]; next }
      ($1 " " $2) in was && !(($1 " " $2) in there)' "$2" "$3" "$1"
  } | sort -u
}
