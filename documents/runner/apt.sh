#!/bin/sh
# Debian and Ubuntu: dpkg and apt.
# shellcheck disable=SC2034,SC2154,SC2317,SC2329  # The files of this folder are one script; `family` calls these by name.

# Nobody is asked, a changed configuration file stays, and services are restarted when Patchwave says so.
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 UCF_FORCE_CONFFOLD=1

# apt_get [bounded] ARGUMENTS …: what only reads and fetches is bounded in time; a transaction never is.
apt_get() {
  bound=''
  if [ "$1" = bounded ]; then
    bound="timeout -k 10 $FETCH_WAIT"
    shift
  fi
  # shellcheck disable=SC2086  # Nothing or four words, none from outside.
  outside $bound apt-get -y -q -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o DPkg::Lock::Timeout=60 -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
    -o APT::Install-Recommends=0 -o APT::Get::AutomaticRemove=0 -o APT::Get::Always-Include-Phased-Updates=1 "$@" </dev/null
}

# What dpkg holds for installed; a package whose triggers are still to run is.
apt_installed() {
  dpkg-query -W -f='${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status} ${Package} ${Architecture} ${Version}\n' >"$WORK/database" 2>"$WORK/audit" ||
    echo 'dpkg-query failed' >>"$WORK/audit"
  awk '$3 == "installed" || $3 ~ /^triggers-/ { print $4, $5, $6 }' "$WORK/database"
}

# dpkg's order, for awk: `order(a, b)` is -1, 0 or 1. Letters come before the other signs, and a tilde before the end.
ORDER_APT='
  function rank(c) { return c ~ /^[0-9]?$/ ? 0 : c == "~" ? -1 : index("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-.:^_", c) }
  function compared(a, b,  c, d) {
    while (a != "" || b != "") {
      while (a ~ /^[^0-9]/ || b ~ /^[^0-9]/) {
        c = rank(substr(a, 1, 1)); d = rank(substr(b, 1, 1))
        if (c != d) return c < d ? -1 : 1
        a = substr(a, 2); b = substr(b, 2)
      }
      sub(/^0+/, "", a); sub(/^0+/, "", b)
      match(a, /^[0-9]*/); c = substr(a, 1, RLENGTH); a = substr(a, RLENGTH + 1)
      match(b, /^[0-9]*/); d = substr(b, 1, RLENGTH); b = substr(b, RLENGTH + 1)
      if (length(c) != length(d)) return length(c) < length(d) ? -1 : 1
      if (c "" != d "") return c "" < d "" ? -1 : 1
    }
    return 0
  }
  function epoch(v) { return v ~ /^[0-9]+:/ ? substr(v, 1, index(v, ":") - 1) : "0" }
  function version(v) { sub(/^[0-9]+:/, "", v); sub(/-[^-]*$/, "", v); return v }
  function revision(v) { sub(/^[0-9]+:/, "", v); return match(v, /-[^-]*$/) ? substr(v, RSTART + 1) : "" }
  function order(a, b,  by) {
    by = compared(epoch(a), epoch(b)); if (by) return by
    by = compared(version(a), version(b)); if (by) return by
    return compared(revision(a), revision(b))
  }'

# Each line `a b rest` becomes `-1|0|1 a b rest`.
apt_order() { awk "$ORDER_APT"'{ print order($1, $2), $0 }'; }

apt_transaction() { find /var/log/apt -name history.log -exec grep -c '^Start-Date' {} + 2>/dev/null | head -n 1; }

apt_held() { awk '$1 == "hold" { print $4 ":" $5 }' "$WORK/database"; }

# dpkg's and apt's own locks, as the kernel shows them.
apt_busy() {
  locked /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock
}

# No package is half done and no journal of a cut transaction is left.
apt_sound() {
  [ -z "$(find /var/lib/dpkg/updates -type f ! -name 'tmp.i' 2>/dev/null)" ] || return 1
  [ ! -s "$WORK/audit" ] && dpkg --audit >"$WORK/audit" 2>&1 && [ ! -s "$WORK/audit" ] && return 0
  cat "$WORK/audit" >&2
  return 1
}

# The same, of what dpkg's own listing shows.
apt_whole() {
  [ ! -s "$WORK/audit" ] && awk '$2 != "ok" || $3 !~ /^(installed|config-files|not-installed)$/ { print; broken = 1 } END { exit broken }' "$WORK/database" >&2
}

apt_repair() { outside dpkg --force-confdef --force-confold --configure -a 2>&1; }

# refresh LIST: reads the indexes.
apt_refresh() {
  apt_get bounded update >"$WORK/update" 2>&1
  code=$?
  cat "$WORK/update"
  # Old indexes that are used instead end with 0.
  [ "$code" -eq 0 ] && ! grep -Eq '^(Err:|E: |W: (Failed to fetch|Some index files failed))' "$WORK/update"
}


# apt_over LIST COMMAND …: runs the command with the list's packages as its last arguments, each with its architecture where that can be wrong.
apt_over() {
  over=$1
  shift
  while read -r name arch version; do
    if [ "$arch" = all ]; then set -- "$@" "$name=$version"; else set -- "$@" "$name:$arch=$version"; fi
  done <"$over"
  "$@"
}

# What the indexes say of the list's packages, in $WORK/known: `name arch version size installed-size`. What only dpkg knows has no file to fetch.
apt_known() {
  apt_over "$1" apt-cache -q show 2>/dev/null | awk '
    function row() { if (name != "" && fetched) print name, arch, version, size + 0, room + 0; name = "" }
    /^Package: / { row(); name = $2; size = room = fetched = 0 }
    /^Filename: / { fetched = 1 }
    /^Architecture: / { arch = $2 } /^Version: / { version = $2 } /^Size: / { size = $2 } /^Installed-Size: / { room = $2 }
    END { row() }' >"$WORK/known"
}

# Asks for what the list would replace, too: apt_save wants to know it.
apt_unavailable() {
  [ -s "$1" ] || return 0
  of_keys "$1" "$INSTALLED" >"$WORK/replaced"
  cat "$1" "$WORK/replaced" >"$WORK/asked"
  apt_known "$WORK/asked"
  apt_unknown "$1"
}

# The lines of the list that $WORK/known has not.
apt_unknown() { awk 'FILENAME == ARGV[1] { known[$1 " " $2 " " $3]; next } !($0 in known)' "$WORK/known" "$1"; }

# The archives beside the new files, which stand beside the old ones while they are unpacked.
apt_kilobytes() {
  [ -s "$1" ] || { echo 0; return; }
  awk 'FILENAME == ARGV[1] { size[$1 " " $2 " " $3] = $4 / 1024 + $5; next } { sum += size[$0] } END { printf "%d\n", sum + 1 }' "$WORK/known" "$1"
}

# What a simulation would do, as list text; a removal has the version `-`.
apt_would() {
  awk -v installed="$INSTALLED" '
    BEGIN { while ((getline line < installed) > 0) { split(line, of, " "); arch[of[1]] = of[2] } }
    /^Inst / { rest = $0; sub(/^[^(]*\(/, "", rest); version = rest; sub(/ .*/, "", version)
      match(rest, /\[[a-z0-9-]+\]\)/); a = substr(rest, RSTART + 1, RLENGTH - 3); name = $2; sub(/:.*/, "", name); print name, a, version }
    /^(Remv|Purg) / { name = $2; a = arch[name]; if (split(name, of, ":") == 2) { name = of[1]; a = of[2] }; print name, a, "-" }'
}

apt_resolve() {
  apt_over "$1" apt_get -s --no-remove install >"$WORK/simulated" 2>"$WORK/complaint" && {
    apt_would <"$WORK/simulated"
    return 0
  }
  cat "$WORK/simulated" "$WORK/complaint" >&2
  # Where it could go on by removing, it would touch more than the list says: that is told by the same way as any other stranger.
  grep -q 'remove is disabled' "$WORK/complaint" || return 1
  apt_over "$1" apt_get -s install 2>/dev/null | apt_would
}

apt_fetch() { apt_over "$1" apt_get bounded --no-remove --download-only install; }

apt_install() { apt_over "$1" apt_get --no-remove install; }

# back LIST REMOVE COMMAND …: versions to install, archives to install, packages to remove: one transaction.
apt_back() {
  specs=$1 remove=$2
  shift 2
  while read -r file; do set -- "$@" "$file"; done <"$WORK/files"
  while read -r name arch version; do
    if [ "$arch" = all ]; then set -- "$@" "$name-"; else set -- "$@" "$name:$arch-"; fi
  done <"$remove"
  apt_over "$specs" "$@"
}

apt_resolve_back() {
  if apt_back "$1" "$2" apt_get -s --allow-downgrades install >"$WORK/simulated"; then
    apt_would <"$WORK/simulated"
  else
    cat "$WORK/simulated" >&2
    return 1
  fi
}

apt_restore() { apt_back "$1" "$2" apt_get --allow-downgrades install; }

apt_surplus() { awk 'FILENAME == ARGV[1] { replaced[$1 " " $2]; next } !(($1 " " $2) in replaced)' "$2" "$1"; }

# save: archives keep only the newest version, so an installed one that no index has any more is put together again from its files, while
# they still stand. Best effort: without room, or with diversions, the rollback will say that the version is gone.
apt_save() {
  apt_unknown "$WORK/replaced" >"$WORK/orphans"
  [ -s "$WORK/orphans" ] || return 0
  while read -r name arch version; do
    file=$STATE/undo/$(apt_file "$name" "$arch" "$version")
    if [ -e "$file" ] && touch "$file"; then continue; fi
    rm -rf "$STATE/undo/new"
    if apt_repack "$name" "$arch" "$STATE/undo/new" >"$WORK/said" 2>&1 && sync "$STATE/undo/new.deb" && mv -f "$STATE/undo/new.deb" "$file"; then
      note "kept $name $version: no repository has it any more"
    else
      cat "$WORK/said" >&2
      note "cannot keep $name $version, which no repository has any more"
    fi
  done <"$WORK/orphans"
  rm -rf "$STATE/undo/new" "$STATE/undo/new.deb" "$STATE/undo/new.tar"
}

# repack NAME ARCH FOLDER: FOLDER.deb from what is installed.
apt_repack() {
  package=$1
  [ "$2" = all ] || package=$1:$2
  size=$(dpkg-query -W -f='${Installed-Size}' "$package")
  digits "$size" 12 || size=0
  free_for $((size * 2 + ROOM_SPARE)) "$STATE" || return 1
  mkdir -p "$3/DEBIAN" && chmod 755 "$3" "$3/DEBIAN" || return 1
  for part in $(dpkg-query --control-list "$package"); do
    case $part in *[!a-z0-9]*) continue ;; esac
    dpkg-query --control-show "$package" "$part" >"$3/DEBIAN/$part" || return 1
    case $part in preinst | postinst | prerm | postrm | config) chmod 755 "$3/DEBIAN/$part" ;; *) chmod 644 "$3/DEBIAN/$part" ;; esac
  done
  dpkg-query -s "$package" | awk '/^(Status|Config-Version):/ { next } /^Conffiles:/ { skip = 1; next } skip && /^ / { next } { skip = 0; print }' >"$3/DEBIAN/control"
  dpkg-query -L "$package" >"$WORK/listed" || return 1
  # Its own diversions are made by its scripts; a file of its that another package moved away is not where it says.
  ! grep -Ev '^(/|package diverts others to: )' "$WORK/listed" || return 1
  grep '^/' "$WORK/listed" >"$WORK/paths"
  # A path with others below it is a folder, also where the node has a link in its place.
  sed -n 's|^/\.$||; s|/[^/]*$||p' "$WORK/paths" | sort -u >"$WORK/parents"
  : >"$WORK/leaves"
  while read -r path; do
    [ "$path" != /. ] || continue
    if grep -Fqx -e "$path" "$WORK/parents" || { [ -d "$path" ] && [ ! -L "$path" ]; }; then
      mkdir -p "$3$path" && chown --reference="$path" "$3$path" && chmod --reference="$path" "$3$path" || return 1
    elif [ -e "$path" ] || [ -L "$path" ]; then
      printf '%s\n' ".$path" >>"$WORK/leaves"
    fi
  done <"$WORK/paths"
  tar -C / --no-recursion -cf "$3.tar" -T "$WORK/leaves" && tar -C "$3" -xpf "$3.tar" && rm -f "$3.tar" &&
    dpkg-deb -Zgzip -z1 -b "$3" "$3.deb"
}

# The name of an archive in apt's own cache.
apt_file() { printf '%s_%s_%s.deb' "$1" "$(printf '%s' "$3" | sed 's/:/%3a/g')" "$2"; }

# cached MISSING: takes out of it what lies in apt's own cache or was kept before the run, and prints those files.
apt_cached() {
  : >"$WORK/gone"
  while read -r name arch version; do
    file=$(apt_file "$name" "$arch" "$version")
    for folder in "$STATE/undo" /var/cache/apt/archives; do
      # shellcheck disable=SC2016  # dpkg-deb's own form.
      if [ "$(dpkg-deb -W --showformat='${Package} ${Architecture} ${Version}' "$folder/$file" 2>/dev/null)" = "$name $arch $version" ]; then
        printf '%s\n' "$folder/$file"
        continue 2
      fi
    done
    printf '%s %s %s\n' "$name" "$arch" "$version" >>"$WORK/gone"
  done <"$1"
  cp "$WORK/gone" "$1"
}

# reason SAID: what the messages mean. Where several fit, the cause comes before what followed from it.
apt_reason() {
  reason_in "$1" <<'END'
lock-held Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock
disk-full No space left on device|enough free space|not enough free disk space
checksum Hash Sum mismatch|File has unexpected size|Hashes? of (expected|received) file|is not signed|cannot be authenticated|NO_PUBKEY|BADSIG
scriptlet-failed (installation|removal) script (subprocess )?returned error
unknown-version Version .* for .* was not found|Unable to locate package|no installation candidate
repository-unreachable Failed to fetch|Could not (resolve|connect)|Connection (failed|timed out|refused)|Unable to fetch some archives|404  Not Found
package-database dpkg was interrupted|/var/lib/dpkg/(status|available|updates|info)|dpkg.*unrecoverable fatal error
dependency unmet dependencies|Unable to correct problems|held broken packages|trying to overwrite|conflict|dependency problems|Depends:
package-database .
END
}

# Ubuntu and Debian say so themselves; else a newer kernel than the running one stands in /boot.
apt_reboot_wanted() {
  [ ! -e /run/reboot-required ] || return 0
  [ -e "/boot/vmlinuz-$RUNNING" ] || return 1
  set -- /boot/vmlinuz-*
  [ $# -gt 1 ] || return 1
  [ "$(printf '%s\n' "$@" | sort -V | tail -n 1)" != "/boot/vmlinuz-$RUNNING" ]
}

# The kernels of $SEEN, as `uname -r` says them. Packages that only name one have no version in their name.
apt_kernels() { sed -n 's/^linux-image-\(unsigned-\)\{0,1\}\([0-9][^ ]*\) .*/\2/p' "$SEEN"; }

# What a full upgrade would bring. The indexes know no advisories and no date; what comes from a security archive is Security.
apt_missing() {
  see
  apt_get -s --ignore-hold --with-new-pkgs upgrade >"$WORK/simulated" 2>"$WORK/said" || return 1
  # What it keeps back is missing too, but not to be had.
  awk '/^[^ ]/ { kept = /^The following packages have been kept back:/ } kept && /^ / { for (i = 1; i <= NF; i++) print $i }' "$WORK/simulated" >"$WORK/unsolved"
  awk -v installed="$SEEN" '
    BEGIN { while ((getline line < installed) > 0) { split(line, of, " "); have[of[1] " " of[2]] = of[3] } }
    /^Inst / { rest = $0; sub(/^[^(]*\(/, "", rest); version = rest; sub(/ .*/, "", version)
      match(rest, /\[[a-z0-9-]+\]\)/); arch = substr(rest, RSTART + 1, RLENGTH - 3); name = $2; sub(/:.*/, "", name)
      print name, arch, version, (((name " " arch) in have) ? have[name " " arch] : "-"), (tolower(rest) ~ /-security/ ? "Security" : "Bugfix"), "-", "null", "-", "-" }' \
    "$WORK/simulated"
}
