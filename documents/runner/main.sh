#!/bin/sh
# The way in: `runner VERB` is what a document starts, `runner worker VERB STAGE` what that starts in a session of its own.
# shellcheck disable=SC2034,SC2154  # The files of this folder are one script; each is read by itself too.

# main VERB [STAGE]: with a stage it is the worker.
main() {
  VERB=$1 STEP=${2-}
  set --
  for folder in markers before touched lists log undo runner; do
    [ -d "$STATE/$folder" ] || set -- "$@" "$STATE/$folder"
  done
  if [ $# -gt 0 ] && ! mkdir -p "$@"; then
    note "no room in $STATE"
    exit 70
  fi
  trap 'rm -rf "$WORK"' EXIT
  # A text that breaks off for lack of room would tell of the node what is not so.
  for place in /run /tmp ''; do
    if [ "$place" = '' ]; then
      note 'no room to work'
      exit 70
    fi
    WORK=$(mktemp -d "$place/patchwave.XXXXXXXX") && head -c "$ROOM_WORK" /dev/zero >"$WORK/room" && break
    rm -rf "$WORK"
  done
  rm "$WORK/room"
  this_boot
  known=yes
  platform || known=no
  read_parameters
  [ "$known" = yes ] || answer failed no-runner
  # What has been read is nobody's business further on: not of package scripts, not of services that they start.
  if [ "$STEP" != '' ]; then
    unset PATCHWAVE_TOKEN PATCHWAVE_STARTBEFORE PATCHWAVE_LIST PATCHWAVE_LISTDIGEST PATCHWAVE_REBOOT PATCHWAVE_KERNEL PATCHWAVE_RECORD \
      PATCHWAVE_UNDO PATCHWAVE_SCRIPT PATCHWAVE_TIMEOUT PATCHWAVE_MOMENT PATCHWAVE_MODE
    worker "$VERB" "$STEP"
    exit 1
  fi
  # Who uses this runner keeps it.
  touch "$SELF"
  case $VERB in
    apply | rollback | restart | hook | verify) change ;;
    scan | check | fetch) reading "$VERB" ;;
    live-patch) if [ "$MODE" = enable ]; then change; else reading live_patch; fi ;;
    *) bad verb ;;
  esac
}

SELF=$0
[ "${1-}" != worker ] || shift
main "$@"
