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
  if [ "$TOOL" = dnf ]; then set -- --setopt=install_weak_deps=False --setopt=best=True "$@"; fi
  # A node of Amazon Linux 2023 sees only the release of its image: what was tested may be of a later one.
  if [ "$PLATFORM" = amzn-2023 ]; then set -- --releasever=latest "$@"; fi
  set -- "$TOOL" --setopt=exit_on_lock=True --setopt=clean_requirements_on_remove=False --setopt=timeout=30 --setopt=retries=3 "$@"
  # shellcheck disable=SC2086  # Nothing or three words, none from outside.
  outside $bound "$@" </dev/null
}

rpm_installed() {
  rpm -qa --qf '%{NAME} %{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\n' 2>/dev/null | awk 'NF == 3 && $1 != "gpg-pubkey"'
}

# rpm's own order. Each line `a b rest` becomes `-1|0|1 a b rest`.
rpm_order() {
  awk '
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
    }
    { print order($1, $2), $0 }'
}

rpm_transaction() { "$TOOL" history list 2>/dev/null </dev/null | awk '$1 ~ /^[0-9]+$/ { print $1; exit }'; }

# Names on the list of the versionlock plugin: `name-epoch:version-release.arch`, or with the epoch before the name.
rpm_held() {
  cat /etc/dnf/plugins/versionlock.list /etc/yum/pluginconf.d/versionlock.list 2>/dev/null |
    sed -n -e '/^[#!]/d' -e 's/^[0-9]*://' -e 's/-[^-]*-[^-]*$//p'
}

# The record lock of the database itself, or a manager that lives and says so.
rpm_busy() {
  if locked "$(rpm --eval '%{_dbpath}')/.rpm.lock"; then return 0; fi
  for file in /run/yum.pid /var/lib/dnf/rpmdb_lock.pid /var/cache/dnf/download_lock.pid /var/cache/dnf/metadata_lock.pid; do
    id=$(cat "$file" 2>/dev/null) || continue
    fits "$id" '[0-9]+' || continue
    if tr '\000' ' ' 2>/dev/null <"/proc/$id/cmdline" | grep -Eqi 'dnf|yum|packagekit'; then return 0; fi
    # Its manager died, and the number may be another's by now: dnf would wait for that one.
    rm -f "$file"
  done
  return 1
}

rpm_sound() {
  if rpm -qa >/dev/null 2>"$WORK/audit" && [ ! -s "$WORK/audit" ] && rpm --verifydb >"$WORK/audit" 2>&1; then return 0; fi
  cat "$WORK/audit" >&2
  return 1
}

# A cut transaction leaves the old version registered beside the new one, whose files stand: the old one goes. Nothing is installed.
rpm_repair() {
  rpm_sound || outside rpm --rebuilddb
  [ "$VERB" != rollback ] || return 0
  of_run "$RUN"
  awk '{ n[$1 " " $2]++ } END { for (k in n) if (n[k] > 1) print k }' "$WORK/before.of" >"$WORK/manifold"
  awk 'FILENAME == ARGV[1] { skip[$1 " " $2]; next } !(($1 " " $2) in skip)' "$WORK/manifold" "$WORK/now.of" | grep -v '^kernel' >"$WORK/single"
  awk '{ k = $1 " " $2; if (k in seen) print seen[k], $3, $1, $2; else seen[k] = $3 }' "$WORK/single" | rpm_order |
    while read -r op a b name arch; do
      older=$a
      [ "$op" = -1 ] || older=$b
      outside rpm -e --nodeps --noscripts --notriggers "$name-${older#*:}.$arch" </dev/null
    done
}

# A repository that is skipped in silence would look as if it had nothing.
rpm_refresh() { manager bounded -q --setopt='*.skip_if_unavailable=False' --setopt=skip_if_unavailable=False makecache; }

rpm_spec() { printf '%s-%s.%s' "$1" "$3" "$2"; }

# rpm_over LIST COMMAND …: runs the command with the list's packages as its last arguments.
rpm_over() {
  over=$1
  shift
  while read -r name arch version; do set -- "$@" "$(rpm_spec "$name" "$arch" "$version")"; done <"$over"
  "$@"
}

# What a resolved transaction would do, as list text; a removal has the version `-`. The version that another one replaces says nothing, nor
# does an old kernel that makes room for a new one.
rpm_would() {
  awk '$1 == "--->" && $2 == "Package" {
      n = split($3, part, "."); arch = part[n]; name = substr($3, 1, length($3) - length(arch) - 1)
      what = $0; sub(/.* will be (an? )?/, "", what); evr = $4 ~ /^[0-9]+:/ ? $4 : "0:" $4
      if (what ~ /^(upgrade|update|downgrade|installed|obsoleting|reinstalled)$/) { print name, arch, evr; comes[name " " arch] }
      else if (what ~ /^(erased|removed|obsoleted)$/) goes[name " " arch] = name
    }
    END { for (key in goes) if (!(key in comes && goes[key] ~ /^kernel/)) print key, "-" }'
}

# Asks for the whole transaction, and leaves what was said in $WORK/asked. An answer of "no" ends with 1, so the messages decide.
rpm_unavailable() {
  [ -s "$1" ] || return 0
  rpm_over "$1" manager bounded -d 9 --assumeno install >"$WORK/asked" 2>&1
  sed -n -e 's/^No match for argument: *//p' -e 's/^No package \(.*\) available\.*$/\1/p' -e 's/.*Unable to find a match: *//p' "$WORK/asked" |
    tr ' ' '\n' | sed 's/\x1b\[[0-9;]*m//g' | sort -u >"$WORK/unmatched"
  while read -r name arch version; do
    if grep -Fqx -e "$(rpm_spec "$name" "$arch" "$version")" "$WORK/unmatched"; then printf '%s %s %s\n' "$name" "$arch" "$version"; fi
  done <"$1"
}

rpm_resolve() {
  if grep -E '^(Error| ?Problem)' "$WORK/asked" | grep -Evq 'Operation aborted'; then
    cat "$WORK/asked" >&2
    return 1
  fi
  rpm_would <"$WORK/asked"
}

# The repositories of Amazon Linux keep what they had: nothing is put aside.
rpm_save() { :; }

rpm_cached() { :; }

# rpm measures the room itself, before it changes anything.
rpm_kilobytes() { echo 0; }

rpm_fetch() { rpm_over "$1" manager bounded -y --downloadonly install; }

rpm_install() { rpm_over "$1" manager -y -C install; }

# A kernel stands beside the old one: each that came goes. Of the rest, what another version replaces does not.
rpm_surplus() {
  awk 'FILENAME == ARGV[1] { replaced[$1 " " $2]; next } $1 ~ /^kernel/ || !(($1 " " $2) in replaced)' "$2" "$1"
}

# What is put back is one transaction: the manager's own little language takes it, each word of it checked.
rpm_orders() {
  keys "$WORK/now" >"$WORK/there"
  while read -r name arch version; do
    order=install
    case $name in kernel*) ;; *) if grep -Fqx "$name $arch" "$WORK/there"; then order=downgrade; fi ;; esac
    printf '%s %s\n' "$order" "$(rpm_spec "$name" "$arch" "$version")"
  done <"$1"
  while read -r name arch version; do printf 'remove %s\n' "$(rpm_spec "$name" "$arch" "$version")"; done <"$2"
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

# reason SAID: what the messages mean. Where several fit, the cause comes before what followed from it.
rpm_reason() {
  while read -r word expression; do
    if grep -Eq "$expression" "$1"; then
      printf '%s\n' "$word"
      return
    fi
  done <<'END'
lock-held locked by another process|another copy is running|can't create transaction lock|Failed to obtain the transaction lock|Existing lock
disk-full No space left on device|Disk Requirements|more space needed|needs [0-9]+[KMG]?B? (more space )?on the
repository-unreachable Error opening .*No such file
checksum incorrect checksum|[Cc]hecksum doesn't match|does not match intended download|GPG check FAILED|digest.* BAD|is not signed|not correct for this package|checksum error
scriptlet-failed scriptlet failed|Error in <?(PRE|POST)(IN|UN|TRANS)?>? scriptlet|Error in (PRE|POST)(IN|UN|TRANS) scriptlet
kernel-running running kernel
unknown-version No match for argument|No package .* available|Unable to find a match
repository-unreachable Cannot download|Failed to download|Cannot retrieve|No more mirrors|Could(n't| not) resolve|Curl error|valid baseurl|Errors during downloading
dependency nothing provides|conflicting requests|Problem|Requires:|conflicts|Transaction (check|test) error|file .* from install of|obsoletes|Protected
package-database rpmdb|Rpmdb|database disk image|Berkeley DB
END
  echo package-database
}

# As the distribution's own hint has it: the core was replaced after the boot, or a newer kernel waits.
rpm_reboot_wanted() {
  booted=$(awk '$1 == "btime" { print $2 }' /proc/stat)
  rpm -q --qf '%{NAME} %{INSTALLTIME}\n' kernel kernel6.12 glibc linux-firmware systemd udev openssl-libs gnutls dbus 2>/dev/null |
    awk -v booted="$booted" 'NF == 2 && $2 ~ /^[0-9]+$/ && $2 > booted { late = 1 } END { exit !late }'
}

# What a full upgrade would bring, with what the repositories' advisories say of it.
rpm_missing() {
  snapshot "$WORK/installed"
  manager bounded -d 9 --assumeno upgrade >"$WORK/said" 2>&1
  if grep '^Error' "$WORK/said" | grep -Evq 'Operation aborted'; then return 1; fi
  rpm_would <"$WORK/said" | awk '$3 != "-"' >"$WORK/new"
  if [ "$TOOL" = dnf ]; then
    manager bounded -q updateinfo list --updates >"$WORK/advisories" 2>/dev/null
    manager bounded -q updateinfo list --updates --with-cve >"$WORK/cves" 2>/dev/null
    manager bounded -q updateinfo info --updates >"$WORK/info" 2>/dev/null
  else
    manager bounded -q updateinfo list updates >"$WORK/advisories" 2>/dev/null
    manager bounded -q updateinfo list cves >"$WORK/cves" 2>/dev/null
    manager bounded -q updateinfo info updates >"$WORK/info" 2>/dev/null
  fi
  # `ADVISORY SECONDS`: the day of its last change, from which a time of grace counts.
  awk '$1 == "Update" && $2 ~ /^ID:?$/ { sub(/.*: */, ""); id = $1 } $1 == "Updated" && $2 == ":" || $1 == "Updated:" { sub(/[^:]*: */, ""); print id, $1 }
    $1 == "Issued" && $2 == ":" || $1 == "Issued:" { sub(/[^:]*: */, ""); print id, $1 }' "$WORK/info" |
    while read -r id day; do
      if fits "$day" '[0-9]{4}-[0-9]{2}-[0-9]{2}'; then printf '%s %s\n' "$id" "$(date -u -d "$day" +%s)"; fi
    done >"$WORK/days"
  rpm_rows
}

rpm_rows() {
  awk -v installed="$WORK/installed" -v advisories="$WORK/advisories" -v cves="$WORK/cves" -v days="$WORK/days" '
    function bare(nevra) { sub(/-[0-9]+:/, "-", nevra); sub(/^[0-9]+:/, "", nevra); return nevra }
    function rank(s) { return s == "Critical" ? 4 : s == "Important" ? 3 : (s == "Medium" || s == "Moderate") ? 2 : s == "Low" ? 1 : 0 }
    BEGIN {
      while ((getline < installed) > 0) have[$1 " " $2] = $3
      while ((getline < days) > 0) if (!($1 in day) || $2 > day[$1]) day[$1] = $2
      while ((getline < advisories) > 0) if (NF == 3) {
        p = bare($3); list[p] = list[p] (list[p] == "" ? "" : ",") $1
        s = ""; c = $2 ~ /Sec\.$/ ? "Security" : $2 ~ /^bugfix/ ? "Bugfix" : $2 ~ /^enhancement/ ? "Enhancement" : "Newpackage"
        if (c == "Security") { s = $2; sub(/\/.*/, "", s); if (s == "Unknown") s = "" }
        if (class[p] == "" || c == "Security") class[p] = c
        if (rank(s) > rank(grade[p])) grade[p] = s
        if ($1 in day && (!(p in when) || day[$1] < when[p])) when[p] = day[$1]
      }
      while ((getline < cves) > 0) if (NF == 3 && $1 ~ /^CVE-/) { p = bare($3); flaw[p] = flaw[p] (flaw[p] == "" ? "" : ",") $1 }
    }
    function or_none(s) { return s == "" ? "-" : s }
    { evr = $3; sub(/^[0-9]+:/, "", evr); p = $1 "-" evr "." $2
      print $1, $2, $3, (($1 " " $2) in have ? have[$1 " " $2] : "-"), or_none(class[p]), or_none(grade[p]), (p in when ? when[p] : "null"), or_none(list[p]), or_none(flaw[p]) }' \
    "$WORK/new"
}

rpm_live_enable() {
  if [ "$TOOL" = dnf ]; then
    manager -y install kpatch-dnf && manager -y kernel-livepatch auto && manager -y install kpatch-runtime
  else
    manager -y install binutils yum-plugin-kernel-livepatch && manager -y kernel-livepatch enable && manager -y install kpatch-runtime &&
      amazon-linux-extras enable livepatch
  fi || return 1
  systemctl enable --now kpatch.service
}
