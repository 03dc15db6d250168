#!/bin/sh
# The way in: `runner VERB` is what a document starts, `runner worker VERB STAGE` what that starts in a session of its own.
# shellcheck disable=SC2034,SC2154  # The files of this folder are one script; each is read by itself too.

# main VERB [STAGE]: with a stage it is the worker.
main() {
  VERB=$1
  if ! mkdir -p "$STATE/markers" "$STATE/before" "$STATE/touched" "$STATE/lists" "$STATE/log" "$STATE/undo" "$STATE/runner"; then
    note "no room in $STATE"
    exit 70
  fi
  WORK=$(mktemp -d /run/patchwave.XXXXXXXX) || WORK=$(mktemp -d) || exit 70
  trap 'rm -rf "$WORK"' EXIT
  known=yes
  platform || known=no
  read_parameters
  [ "$known" = yes ] || answer failed no-runner
  if [ $# -eq 2 ]; then
    worker "$VERB" "$2"
    exit 1
  fi
  case $VERB in
    apply | rollback | restart) change ;;
    scan | verify | check | fetch) reading "$VERB" ;;
    live-patch) if [ "$MODE" = enable ]; then change; else reading live_patch; fi ;;
    *) bad verb ;;
  esac
}

SELF=$0
[ "${1-}" != worker ] || shift
main "$@"
