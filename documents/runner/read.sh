#!/bin/sh
# The verbs that change nothing: scan, verify, check, fetch, live-patch status.
# shellcheck disable=SC2034,SC2153,SC2154,SC2317,SC2329  # The files of this folder are one script; `reading` calls these by name.

scan_read() {
  wait_for_reading || {
    found failed lock-held
    return
  }
  family refresh >"$WORK/refresh" 2>&1 || {
    cat "$WORK/refresh" >&2
    found failed "$(family reason "$WORK/refresh")"
    return
  }
  family missing >"$WORK/missing" || {
    cat "$WORK/said" >&2
    found failed "$(family reason "$WORK/said")"
    return
  }
  sort -u "$WORK/missing" | scan_rows >"$WORK/rows"
  LIST=$(keep "$WORK/rows") MISSING=$(wc -l <"$WORK/rows")
  found scanned scanned
  cat "$WORK/rows"
  printf '{"end":true,"count":%d,"digest":"%s"}\n' "$MISSING" "$LIST"
}

# Rows `name arch version installed classification severity released advisories cves`, `-` for nothing, become JSON. What does not fit its
# grammar, and so would need escaping, is left out and told.
scan_rows() {
  awk '
    function none(word) { return word == "-" ? "" : word }
    function words(list,  of, n, i, text) {
      n = split(none(list), of, ","); text = ""
      for (i = 1; i <= n; i++) if (of[i] ~ /^[A-Za-z0-9][A-Za-z0-9:._\/-]*$/) text = text (text == "" ? "" : ",") "\"" of[i] "\""
      return "[" text "]"
    }
    NF == 9 && $1 ~ /^[A-Za-z0-9][A-Za-z0-9+._-]*$/ && $2 ~ /^[a-z0-9_]+$/ && $3 ~ /^[0-9A-Za-z.+~^:_-]+$/ && $4 ~ /^[0-9A-Za-z.+~^:_-]+$/ &&
      $5 ~ /^[A-Za-z-]+$/ && $6 ~ /^[A-Za-z-]+$/ && $7 ~ /^([0-9]+|null)$/ {
      printf "{\"name\":\"%s\",\"arch\":\"%s\",\"version\":\"%s\",\"installed\":\"%s\",\"classification\":\"%s\",\"severity\":\"%s\",", $1, $2, $3, none($4), none($5), none($6)
      printf "\"advisories\":%s,\"cves\":%s,\"releasedAt\":%s}\n", words($8), words($9), $7; next }
    { print "patchwave: left out: " $0 | "cat >&2" }'
}

# A reading waits for the package manager's lock too, but holds nothing.
wait_for_reading() {
  until=$(($(now) + LOCK_WAIT))
  while family busy; do
    [ "$(now)" -lt "$until" ] || return 1
    sleep 1
  done
}

# The read-back of an apply, by itself.
verify_read() {
  snapshot "$WORK/after"
  pending "$WORK/list" "$WORK/after" >"$WORK/pending"
  MISSING=$(wc -l <"$WORK/pending")
  STALE=$(stale_processes | wc -l | tr -d ' ')
  LIVE=$(live_patches | wc -l | tr -d ' ')
  if ! family sound; then
    found failed package-database
  elif [ "$MISSING" -gt 0 ]; then
    found failed check-failed
  else
    found passed passed
  fi
}

# A script that others than root can write would make Patchwave their way to root.
check_read() {
  if [ ! -f "$SCRIPT" ] || [ ! -x "$SCRIPT" ] || [ -n "$(find -L "$SCRIPT" -maxdepth 0 \( ! -user root -o -perm /022 \))" ]; then
    note "$SCRIPT is not a program that only root can write"
    found failed check-failed
    return
  fi
  timeout -k 5 "$TIMEOUT" "$SCRIPT" </dev/null >"$WORK/said" 2>&1
  code=$?
  tail -c 6000 "$WORK/said" >&2
  case $code in
    0) found passed passed ;;
    124 | 137) found failed timeout ;;
    *) found failed check-failed ;;
  esac
}

fetch_read() {
  text=$STATE/lists/$DIGEST
  if [ ! -e "$text" ] || [ "$(digest_of "$text")" != "$DIGEST" ]; then
    note "no text has that digest"
    found failed bad-parameter
    return
  fi
  tail -c "+$((OFFSET + 1))" "$text" | head -c "$FETCH_BYTES" >"$WORK/part"
  MISSING=$(($(wc -c <"$text") - OFFSET - $(wc -c <"$WORK/part")))
  [ "$MISSING" -ge 0 ] || MISSING=0
  found scanned scanned
  base64 -w 0 "$WORK/part"
  echo
}

live_patch_read() {
  LIVE=$(live_patches | wc -l | tr -d ' ')
  live_patches >&2
  found passed passed
}
