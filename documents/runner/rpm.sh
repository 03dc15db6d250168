#!/bin/sh
# Amazon Linux 2023 (dnf) and 2 (yum). Both name each step of a resolved transaction in one form: `---> Package NAME.ARCH EVR will be …`.
# shellcheck disable=SC2034,SC2154,SC2317,SC2329  # The files of this folder are one script; `family` calls these by name.

# manager [bounded] ARGUMENTS …: runs dnf or yum. What only reads and fetches is bounded in time; a transaction never is.
manager() {
  bound=''
  if [ "$1" = bounded ]; then
    bound="timeout -k 10 $FETCH_WAIT"
    shift
  fi
  # Its plugin for live patches (dnf goes by the name of its file) would add to a list what nobody tested.
  case $VERB in apply | rollback) set -- --disableplugin='*livepatch*' --disableplugin='*kpatch*' "$@" ;; esac
  if [ "$TOOL" = dnf ]; then set -- --setopt=install_weak_deps=False --setopt=best=True "$@"; fi
  # A node of Amazon Linux 2023 sees only the release of its image: what was tested may be of a later one.
  if [ "$PLATFORM" = amzn-2023 ]; then set -- --releasever=latest "$@"; fi
  set -- "$TOOL" --setopt=exit_on_lock=True --setopt=clean_requirements_on_remove=False --setopt=timeout=30 --setopt=retries=3 "$@"
  # shellcheck disable=SC2086  # Nothing or three words, none from outside.
  outside $bound "$@" </dev/null
}

rpm_installed() {
  rpm -qa --qf '%{NAME} %{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{INSTALLTIME} %{INSTALLTID}\n' >"$WORK/database" 2>"$WORK/audit" ||
    echo 'rpm -qa failed' >>"$WORK/audit"
  awk 'NF == 5 && $1 != "gpg-pubkey" { print $1, $2, $3 }' "$WORK/database"
}

# rpm's own order, for awk: `order(a, b)` is -1, 0 or 1.
ORDER_RPM='
  function segments(a, b,  x, y) {
    while (a != "" || b != "") {
      sub(/^[^A-Za-z0-9~^]+/, "", a); sub(/^[^A-Za-z0-9~^]+/, "", b)
      if (a ~ /^~/ || b ~ /^~/) {
        if (a !~ /^~/) return 1
        if (b !~ /^~/) return -1
        a = substr(a, 2); b = substr(b, 2); continue
      }
      if (a ~ /^\^/ || b ~ /^\^/) {
        if (a == "") return -1
        if (b == "") return 1
        if (a !~ /^\^/) return 1
        if (b !~ /^\^/) return -1
        a = substr(a, 2); b = substr(b, 2); continue
      }
      if (a == "" || b == "") break
      if (a ~ /^[0-9]/) {
        if (b !~ /^[0-9]/) return 1
        match(a, /^[0-9]+/); x = substr(a, 1, RLENGTH); a = substr(a, RLENGTH + 1)
        match(b, /^[0-9]+/); y = substr(b, 1, RLENGTH); b = substr(b, RLENGTH + 1)
        sub(/^0+/, "", x); sub(/^0+/, "", y)
        if (length(x) != length(y)) return length(x) < length(y) ? -1 : 1
      } else {
        if (b !~ /^[A-Za-z]/) return -1
        match(a, /^[A-Za-z]+/); x = substr(a, 1, RLENGTH); a = substr(a, RLENGTH + 1)
        match(b, /^[A-Za-z]+/); y = substr(b, 1, RLENGTH); b = substr(b, RLENGTH + 1)
      }
      if (x "" != y "") return x "" < y "" ? -1 : 1
    }
    return a == b ? 0 : a == "" ? -1 : 1
  }
  function epoch(v) { return v ~ /^[0-9]+:/ ? substr(v, 1, index(v, ":") - 1) : "0" }
  function version(v) { sub(/^[0-9]+:/, "", v); sub(/-[^-]*$/, "", v); return v }
  function release(v) { return match(v, /-[^-]*$/) ? substr(v, RSTART + 1) : "" }
  function order(a, b,  by) {
    by = segments(epoch(a), epoch(b)); if (by) return by
    by = segments(version(a), version(b)); if (by) return by
    return segments(release(a), release(b))
  }'

# Each line `a b rest` becomes `-1|0|1 a b rest`.
rpm_order() { awk "$ORDER_RPM"'{ print order($1, $2), $0 }'; }

# rpm's own number of it: the manager's history takes a second to ask.
rpm_transaction() { awk '$5 > last { last = $5 } END { print last }' "$WORK/database"; }

# Names on the list of the versionlock plugin: `name-epoch:version-release.arch`, or with the epoch before the name.
rpm_held() {
  cat /etc/dnf/plugins/versionlock.list /etc/yum/pluginconf.d/versionlock.list 2>/dev/null |
    sed -n -e '/^[#!]/d' -e 's/^[0-9]*://' -e 's/-[^-]*-[^-]*$//p'
}

# The record lock of the database itself, or a manager that lives and says so.
rpm_busy() {
  if grep -q POSIX /proc/locks && locked "$(rpm --eval '%{_dbpath}')/.rpm.lock"; then return 0; fi
  for file in /run/yum.pid /var/lib/dnf/rpmdb_lock.pid /var/cache/dnf/download_lock.pid /var/cache/dnf/metadata_lock.pid; do
    first "$file"
    id=$FIRST
    digits "$id" 10 || continue
    if tr '\000' ' ' 2>/dev/null <"/proc/$id/cmdline" | grep -Eqi 'dnf|yum|packagekit|python'; then return 0; fi
    # Other tools use the managers' own libraries, in Python. Its manager died, and the number may be another's by now: dnf would wait for that one.
    rm -f "$file"
  done
  return 1
}

# Listing it reads every package; looking through it reads the indexes too.
rpm_sound() {
  rpm_whole || return 1
  if rpm --verifydb >"$WORK/verified" 2>&1; then return 0; fi
  cat "$WORK/verified" >&2
  return 1
}

rpm_whole() {
  [ -s "$WORK/audit" ] || return 0
  cat "$WORK/audit" >&2
  return 1
}

# A cut transaction leaves the old version registered beside the new one, whose files stand: the old one goes. Nothing is installed.
rpm_repair() {
  sound || { outside rpm --rebuilddb; forget; }
  [ "$VERB" != rollback ] || return 0
  of_run "$RUN"
  awk '{ n[$1 " " $2]++ } END { for (k in n) if (n[k] > 1) print k }' "$WORK/before.of" >"$WORK/manifold"
  awk -v kernels="$KERNELS_RPM" 'FILENAME == ARGV[1] { skip[$1 " " $2]; next } !(($1 " " $2) in skip) && $1 !~ kernels' "$WORK/manifold" "$WORK/now.of" >"$WORK/single"
  awk '{ k = $1 " " $2; if (k in seen) print seen[k], $3, $1, $2; else seen[k] = $3 }' "$WORK/single" | rpm_order |
    while read -r op a b name arch; do
      older=$a
      [ "$op" = -1 ] || older=$b
      outside rpm -e --nodeps --noscripts --notriggers "$name-${older#*:}.$arch" </dev/null
    done
}

# strictly ARGUMENTS …: a repository that is skipped in silence would look as if it had nothing.
strictly() { manager bounded --setopt='*.skip_if_unavailable=False' --setopt=skip_if_unavailable=False "$@"; }

# refresh LIST: reads the repositories and asks for the whole list, which leaves in $WORK/asked what would be done; an apply fetches it in the same
# start, for each costs a second. Fails when a repository did not answer. A scan asks by itself.
rpm_refresh() {
  [ -s "$1" ] || return 0
  silent='Ignoring repositories:|Failed to (download|synchronize)|Cannot (download|retrieve) (repo|metalink)|Cannot find a valid baseurl'
  if [ "$TOOL" = yum ]; then strictly -q makecache || silent=.; fi
  rpm_ask "$1" --refresh
  grep -Eq "$silent" "$WORK/asked" || return 0
  # What lies there of it from before may be enough.
  resolved || rpm_ask "$1"
  return 1
}

# ask LIST [--refresh]: its exit code goes to $ASKED.
rpm_ask() {
  asked_of=$1
  shift
  [ "$TOOL" = dnf ] || set --
  if [ "$VERB" = apply ]; then set -- -y --downloadonly "$@"; else set -- --assumeno "$@"; fi
  rpm_over "$asked_of" manager bounded -d 9 "$@" install >"$WORK/asked" 2>&1
  ASKED=$?
}

# Whether what was asked for can be done as a whole.
resolved() { grep -Eqi '^(Dependencies resolved|Nothing to do)' "$WORK/asked" && ! grep -Eq '^ ?Problem' "$WORK/asked"; }

# rpm_over LIST COMMAND …: runs the command with the list's packages as its last arguments.
rpm_over() {
  over=$1
  shift
  while read -r name arch version; do set -- "$@" "$name-$version.$arch"; done <"$over"
  "$@"
}

# What a resolved transaction would do, as list text; a removal has the version `-`. The version that another one replaces says nothing, nor
# does an old kernel that makes room for a new one.
rpm_would() {
  awk -v kernels="$KERNELS_RPM" '$1 == "--->" && $2 == "Package" {
      n = split($3, part, "."); arch = part[n]; name = substr($3, 1, length($3) - length(arch) - 1)
      what = $0; sub(/.* will be (an? )?/, "", what); evr = $4 ~ /^[0-9]+:/ ? $4 : "0:" $4
      if (what ~ /^(upgrade|update|downgrade|installed|obsoleting|reinstalled)$/) { print name, arch, evr; comes[name " " arch] }
      else if (what ~ /^(erased|removed|obsoleted)$/) goes[name " " arch] = name
    }
    END { for (key in goes) if (!(key in comes && goes[key] ~ kernels)) print key, "-" }'
}

rpm_unavailable() {
  [ -s "$1" ] || return 0
  sed -n -e 's/^No match for argument: *//p' -e 's/^No package \(.*\) available\.*$/\1/p' -e 's/.*Unable to find a match: *//p' "$WORK/asked" |
    tr ' ' '\n' | sed 's/\x1b\[[0-9;]*m//g' | sort -u >"$WORK/unmatched"
  awk 'FILENAME == ARGV[1] { unmatched[$0]; next } ($1 "-" $3 "." $2) in unmatched' "$WORK/unmatched" "$1"
}

# An answer of "no" ends with 1, so the messages decide.
rpm_resolve() {
  if resolved; then
    rpm_would <"$WORK/asked"
    return 0
  fi
  cat "$WORK/asked" >&2
  return 1
}

# The repositories of Amazon Linux keep what they had: nothing is put aside.
rpm_save() { :; }

rpm_cached() { :; }

# rpm measures the room itself, before it changes anything.
rpm_kilobytes() { echo 0; }

# It was fetched when it was asked for.
rpm_fetch() {
  cat "$WORK/asked"
  return "$ASKED"
}

rpm_install() { rpm_over "$1" manager -y -C install; }

# A kernel stands beside the old one: each that came goes. Of the rest, what another version replaces does not.
rpm_surplus() {
  awk -v kernels="$KERNELS_RPM" 'FILENAME == ARGV[1] { replaced[$1 " " $2]; next } $1 ~ kernels || !(($1 " " $2) in replaced)' "$2" "$1"
}

# What is put back is one transaction: the manager's own little language takes it, each word of it checked.
rpm_orders() {
  awk -v kernels="$KERNELS_RPM" 'FILENAME == ARGV[1] { there[$1 " " $2]; next }
    { print (($1 " " $2) in there && $1 !~ kernels ? "downgrade " : "install ") $1 "-" $3 "." $2 }' "$INSTALLED" "$1"
  awk '{ print "remove " $1 "-" $3 "." $2 }' "$2"
  echo run
}

rpm_resolve_back() {
  rpm_orders "$1" "$2" >"$WORK/orders"
  manager bounded -d 9 --assumeno shell "$WORK/orders" >"$WORK/asked" 2>&1
  rpm_resolve
}

rpm_restore() {
  rpm_orders "$1" "$2" >"$WORK/orders"
  manager -y shell "$WORK/orders"
}

# reason SAID: what the messages mean. Where several fit, the cause comes before what followed from it; but for a failed script, which nothing else shows.
rpm_reason() {
  reason_in "$1" <<'END'
scriptlet-failed scriptlet failed|Error in <?(PRE|POST)(IN|UN|TRANS)?>? scriptlet
lock-held locked by another process|another copy is running|can't create transaction lock|Failed to obtain the transaction lock|Existing lock
disk-full No space left on device|Disk Requirements|more space needed|needs [0-9]+[KMG]?B? (more space )?on the
repository-unreachable Error opening .*No such file
checksum incorrect checksum|[Cc]hecksum doesn't match|does not match intended download|GPG check FAILED|digest.* BAD|is not signed|not correct for this package|checksum error
kernel-running running kernel
unknown-version No match for argument|No package .* available|Unable to find a match
repository-unreachable Cannot download|Failed to download|Cannot retrieve|No more mirrors|Could(n't| not) resolve|Curl error|valid baseurl|Errors during downloading
dependency nothing provides|conflicting requests|Problem|Requires:|conflicts|Transaction (check|test) error|file .* from install of|obsoletes|Protected
package-database rpmdb|Rpmdb|database disk image|Berkeley DB
package-database .
END
}

# As the distribution's own hint has it: the core was replaced after the boot, or a newer kernel waits.
rpm_reboot_wanted() {
  see
  awk -v booted="$BOOTED" '$1 ~ /^(kernel|kernel-core|kernel6\.12|kernel6\.18|glibc|linux-firmware|systemd|udev|openssl-libs|gnutls|dbus)$/ &&
    NF == 5 && $4 ~ /^[0-9]+$/ && $4 > booted + 0 { late = 1 } END { exit !late }' "$WORK/database"
}

# The kernels of $SEEN, as `uname -r` says them.
rpm_kernels() {
  awk '$1 ~ /^kernel([0-9][0-9.]*)?(-core)?$/ { sub(/^[0-9]+:/, "", $3); if (!($3 in seen)) print $3 "." $2; seen[$3] }' "$SEEN"
}

# What a full upgrade would bring, with what the repositories' advisories say of it. With live patches: the running kernel's newest, too.
rpm_missing() {
  see
  if [ "$TOOL" = dnf ]; then rpm_upgrade_dnf; else rpm_upgrade_yum; fi || return 1
  if [ "$KERNEL" = live-patch ]; then
    manager bounded -C -d 9 --assumeno install "kernel-livepatch-${RUNNING%.amzn*}" 2>&1 | rpm_would >>"$WORK/would"
  fi
  awk '$3 != "-"' "$WORK/would" | sort -u >"$WORK/new"
  rpm_rows
}

# One start for all questions: each costs a second.
rpm_upgrade_dnf() {
  printf '%s\n' 'updateinfo list --updates' 'updateinfo list --updates --with-cve' upgrade run >"$WORK/orders"
  strictly --refresh -d 9 --assumeno shell "$WORK/orders" >"$WORK/asked" 2>&1
  TOLD=$WORK/asked
  resolved || rpm_upgrade_some || return 1
  rpm_would <"$WORK/asked" >"$WORK/would"
  [ ! -s "$WORK/newest" ] || awk 'FILENAME == ARGV[1] { there[$1 " " $2]; next } !(($1 " " $2) in there) { print $1 " " $2; there[$1 " " $2] }' \
    "$WORK/would" "$WORK/newest" >"$WORK/unsolved"
}

# Where not all of it can be had together: what can be had, and, in $WORK/newest, all that is newer.
rpm_upgrade_some() {
  mv "$WORK/asked" "$WORK/said"
  TOLD=$WORK/said
  grep -Eq '^ ?Problem' "$WORK/said" || return 1
  printf '%s\n' 'repoquery --upgrades --latest-limit 1 --qf "newest %{name} %{arch} %{epoch}:%{version}-%{release}"' upgrade run >"$WORK/orders"
  manager bounded -C -d 9 --assumeno --setopt=best=False shell "$WORK/orders" >"$WORK/asked" 2>&1
  sed -n 's/^newest //p' "$WORK/asked" >"$WORK/newest"
  grep -qi '^Dependencies resolved' "$WORK/asked" && [ -s "$WORK/newest" ]
}

rpm_upgrade_yum() {
  strictly -q makecache >"$WORK/said" 2>&1 || return 1
  manager bounded -d 9 --assumeno upgrade --skip-broken >"$WORK/said" 2>&1
  if grep '^Error' "$WORK/said" | grep -Evq 'Operation aborted'; then return 1; fi
  rpm_would <"$WORK/said" >"$WORK/would"
  awk '/^Packages skipped because of dependency problems/ { skipped = 1; next } skipped && /^ / { print $1; next } { skipped = 0 }' "$WORK/said" >"$WORK/unsolved"
  for question in 'list updates' 'list cves' 'info updates'; do
    # shellcheck disable=SC2086  # Two words.
    manager bounded -q updateinfo $question 2>/dev/null
  done >"$WORK/told"
  TOLD=$WORK/told
}

# $TOLD has lines `ADVISORY KIND PACKAGE [DAY TIME]`, the same with a CVE in place of the advisory, and from yum texts with the day instead.
# The day of an advisory's last change is the one from which a time of grace counts.
rpm_rows() {
  awk -v installed="$SEEN" -v told="$TOLD" '
    function bare(nevra) { sub(/-[0-9]+:/, "-", nevra); sub(/^[0-9]+:/, "", nevra); return nevra }
    function rank(s) { return s == "Critical" ? 4 : s == "Important" ? 3 : (s == "Medium" || s == "Moderate") ? 2 : s == "Low" ? 1 : 0 }
    function or_none(s) { return s == "" ? "-" : s }
    function more(list, word) { return list == "" ? word : list "," word }
    # Seconds since 1970, by the days of years that begin in March.
    function dated(id, day,  y, m, s) {
      if (day !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]$/) return
      y = substr(day, 1, 4) + 0; m = substr(day, 6, 2) + 0
      if (m < 3) { y--; m += 12 }
      s = (365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + substr(day, 9, 2) - 719469) * 86400
      if (!(id in at) || s > at[id]) at[id] = s
    }
    function graded(p, kind,  s, c) {
      s = ""; c = kind ~ /Sec\.$/ ? "Security" : kind ~ /^bugfix/ ? "Bugfix" : kind ~ /^enhancement/ ? "Enhancement" : "Newpackage"
      if (c == "Security") { s = kind; sub(/\/.*/, "", s); if (s == "Unknown") s = "" }
      if (class[p] == "" || c == "Security") class[p] = c
      if (rank(s) > rank(grade[p])) grade[p] = s
    }
    function first_day(p,  n, i, id, s) {
      n = split(list[p], id, ","); s = "null"
      for (i = 1; i <= n; i++) if (id[i] in at && (s == "null" || at[id[i]] < s)) s = at[id[i]]
      return s
    }
    BEGIN {
      while ((getline < installed) > 0) have[$1 " " $2] = $3
      while ((getline < told) > 0) {
        if ((NF == 3 || NF == 5) && $2 ~ /Sec\.$|^(bugfix|enhancement|newpackage|unknown)/) {
          p = bare($3)
          if ($1 ~ /^CVE-/) { flaw[p] = more(flaw[p], $1); continue }
          list[p] = more(list[p], $1); graded(p, $2)
          if (NF == 5) dated($1, $4)
        } else if ($1 == "Update" && $2 ~ /^ID:?$/) { sub(/.*: */, ""); id = $1 }
        else if ($1 ~ /^(Updated|Issued):?$/) { sub(/[^:]*: */, ""); dated(id, $1) }
      }
    }
    { evr = $3; sub(/^[0-9]+:/, "", evr); p = $1 "-" evr "." $2
      print $1, $2, $3, (($1 " " $2) in have ? have[$1 " " $2] : "-"), or_none(class[p]), or_none(grade[p]), first_day(p), or_none(list[p]), or_none(flaw[p]) }' \
    "$WORK/new"
}
