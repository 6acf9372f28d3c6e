# What a case uses to say what it does, to wait, and to fail.

say() {
  echo "-- $*"
}

fail() {
  echo "failed: $*" >&2
  exit 1
}

# wait_for_line FILE PATTERN [SECONDS]: until FILE, which need not exist yet, has such a line.
wait_for_line() {
  local file=$1 pattern=$2 seconds=${3:-30}
  grep -qE -m1 -- "$pattern" < <(exec timeout "$seconds" tail -n +1 -F "$file" 2>/dev/null) ||
    fail "no line /$pattern/ in $file within $seconds s"
}

# wait_until SECONDS COMMAND...: until COMMAND succeeds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "still not so: $*"
    sleep 0.1
  done
}

# wait_for_end PID [SECONDS]: until that child has ended; its exit code is left in $ended_with.
wait_for_end() {
  local seconds=${2:-30}
  timeout "$seconds" tail -s 0.1 -f --pid="$1" /dev/null ||
    fail "process $1 did not end within $seconds s"
  ended_with=0
  wait "$1" || ended_with=$?
}

expect_exit() {
  [ "$ended_with" -eq "$1" ] || fail "$2 ended with exit code $ended_with, not $1"
}

expect_line() {
  grep -qE -- "$2" "$1" || fail "no line /$2/ in $1"
}

expect_no_line() {
  if grep -E -- "$2" "$1"; then
    fail "$1 has a line /$2/"
  fi
}
