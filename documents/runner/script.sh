#!/bin/sh
# Scripts that stand on the node: a health check, which reads, and a hook, which changes.
# shellcheck disable=SC2034,SC2154,SC2317,SC2329  # The files of this folder are one script; `reading` calls some by name.

# A script that others than root can write would make Patchwave their way to root.
safe_script() {
  if [ -f "$SCRIPT" ] && [ -x "$SCRIPT" ] && [ -z "$(find -L "$SCRIPT" -maxdepth 0 \( ! -user root -o -perm /022 \))" ]; then return 0; fi
  note "$SCRIPT is not a program that only root can write"
  return 1
}

# run_script COMMAND …: the script within its time, what it says in $WORK/said; its exit code, or 124 when its time was up.
run_script() {
  timeout -k 5 "$TIMEOUT" "$@" </dev/null >"$WORK/said" 2>&1 9>&-
  code=$?
  # Killed, for it did not heed the first call.
  [ "$code" -ne 137 ] || code=124
}

check_read() {
  if ! safe_script; then
    found failed check-failed
    return
  fi
  run_script "$SCRIPT"
  tail -c 6000 "$WORK/said" >&2
  case $code in
    0) found passed passed ;;
    124) found failed timeout ;;
    *) found failed check-failed ;;
  esac
}

# A hook gets an environment of its own, with nothing of ours but the run and the moment, and makes files as anybody does.
hook_work() {
  safe_script || finish failed hook-failed
  umask 022
  cd /
  run_script env -i PATH="$PATH" HOME=/root PATCHWAVE_RUN="$RUN" PATCHWAVE_MOMENT="$MOMENT" "$SCRIPT"
  umask 077
  tail -c 65536 "$WORK/said"
  case $code in
    0) finish passed passed ;;
    124) finish failed timeout ;;
    *) finish failed hook-failed ;;
  esac
}

# One that was cut off may have done anything. What only puts back is run again.
hook_again() {
  [ "$MOMENT" = exit ] || finish failed interrupted
  hook_work
}
