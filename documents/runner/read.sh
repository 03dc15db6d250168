#!/bin/sh
# The verbs that only look: scan and fetch.
# shellcheck disable=SC2034,SC2153,SC2154,SC2317,SC2329  # The files of this folder are one script; `reading` calls these by name.

scan_read() {
  wait_for_reading || {
    found failed lock-held
    return
  }
  family refresh /dev/null >"$WORK/refresh" 2>&1 || {
    cat "$WORK/refresh" >&2
    found failed "$(family reason "$WORK/refresh")"
    return
  }
  : >"$WORK/unsolved"
  family missing >"$WORK/missing" || {
    cat "$WORK/said" >&2
    found failed "$(family reason "$WORK/said")"
    return
  }
  sort -u "$WORK/missing" >"$WORK/all"
  for_here "$WORK/all"
  scan_rows >"$WORK/rows"
  lines "$WORK/held"
  HELD=$LINES_OF
  lines "$WORK/rows"
  rows=$LINES_OF
  lines "$WORK/unsolved"
  MISSING=$((rows + HELD + LINES_OF))
  sed 's/^/patchwave: nothing newer can be installed: /' "$WORK/unsolved" >&2
  keep "$WORK/rows"
  LIST=$KEPT
  count_live
  found scanned scanned
  cat "$WORK/rows"
  printf '{"end":true,"count":%d,"digest":"%s"}\n' "$rows" "$LIST"
}

# Rows `name arch version installed classification severity released advisories cves` of $HERE, `-` for nothing, become JSON, but for what is
# held as the kernel's. What does not fit its grammar, and so would need escaping, is left out and told.
scan_rows() {
  : >"$WORK/held"
  awk -v hold="$HOLD" -v held="$WORK/held" '
    function none(word) { return word == "-" ? "" : word }
    function words(list,  of, n, i, text) {
      n = split(none(list), of, ","); text = ""
      for (i = 1; i <= n; i++) if (of[i] ~ /^[A-Za-z0-9][A-Za-z0-9:._\/-]*$/) text = text (text == "" ? "" : ",") "\"" of[i] "\""
      return "[" text "]"
    }
    $1 ~ hold { print >held; next }
    NF == 9 && $1 ~ /^[A-Za-z0-9][A-Za-z0-9+._-]*$/ && $2 ~ /^[a-z0-9_]+$/ && $3 ~ /^[0-9A-Za-z.+~^:_-]+$/ && $4 ~ /^[0-9A-Za-z.+~^:_-]+$/ &&
      $5 ~ /^[A-Za-z-]+$/ && $6 ~ /^[A-Za-z-]+$/ && $7 ~ /^([0-9]+|null)$/ {
      printf "{\"name\":\"%s\",\"arch\":\"%s\",\"version\":\"%s\",\"installed\":\"%s\",\"classification\":\"%s\",\"severity\":\"%s\",", $1, $2, $3, none($4), none($5), none($6)
      printf "\"advisories\":%s,\"cves\":%s,\"releasedAt\":%s}\n", words($8), words($9), $7; next }
    { print "patchwave: left out: " $0 | "cat >&2" }' "$HERE"
}

# A reading waits for the package manager's lock too, but holds nothing.
wait_for_reading() {
  family busy || return 0
  until=$(($(now) + LOCK_WAIT))
  while family busy; do
    [ "$(now)" -lt "$until" ] || return 1
    sleep 1
  done
}

fetch_read() {
  text=$STATE/lists/$DIGEST
  [ ! -e "$text" ] || digest_of "$text"
  if [ ! -e "$text" ] || [ "$DIGEST_OF" != "$DIGEST" ]; then
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
