# Adit as a server in the namespace `server` and as a client in any other. Its log is what it writes
# on stderr with -v, which has a line for each packet of a negotiation.

adit=$code/adit
control_socket=$work/control.sock

# start_adit_server [TOML]: with the lines that a case adds to the configuration. Without any, the
# server has its defaults, and gets what else it needs on the command line.
start_adit_server() {
  local arguments=(--listen 0.0.0.0:1723 --pool 10.77.0.0/24 --secrets secrets)
  write_secrets >secrets
  chmod 600 secrets
  if [ $# -gt 0 ]; then
    write_configuration "$1" >adit.toml
    arguments=(--config adit.toml)
  fi
  ip netns exec server "$adit" -v serve --control-socket "$control_socket" "${arguments[@]}" \
    >adit-serve.out 2>adit-serve.log &
  adit_server_pid=$!
  wait_until 10 port_is_open server 1723
}

write_configuration() {
  cat <<TOML
listen = ["$server_address:1723"]
network.pool = "10.77.0.0/24"
users.secrets = "$work/secrets"
$1
TOML
}

# stop_adit_server: as a service manager does it.
stop_adit_server() {
  kill -TERM "$adit_server_pid"
  wait_for_end "$adit_server_pid"
  expect_exit 0 "adit serve"
}

ask_adit() {
  ip netns exec server "$adit" "$1" --control-socket "$control_socket" "${@:2}"
}

# expect_session_of USER, wait_for_no_session_of USER: by what the server itself says.
expect_session_of() {
  ask_adit sessions --json >sessions.json
  grep -q "\"$1\"" sessions.json || fail "no session of $1 in $(cat sessions.json)"
}

wait_for_no_session_of() {
  wait_until 10 session_of_is_gone "$1"
}

session_of_is_gone() {
  ask_adit sessions --json >sessions.json && ! grep -q "\"$1\"" sessions.json
}

# start_adit_client NAMESPACE OPTION...: its output is adit-NAMESPACE.out and adit-NAMESPACE.log, its
# process id is left in $client_pid.
start_adit_client() {
  local namespace=$1
  shift
  [ -e password ] || (umask 077 && printf '%s\n' "$password" >password)
  : >"adit-$namespace.out"
  ip netns exec "$namespace" "$adit" -v connect "$server_address" --user "$user" \
    --password-file password --interface adit0 "$@" \
    >"adit-$namespace.out" 2>"adit-$namespace.log" &
  client_pid=$!
}

# wait_for_adit_client NAMESPACE: until it is connected; $tunnel_address is the one of its end.
wait_for_adit_client() {
  wait_for_line "adit-$1.out" '^connected:'
  tunnel_address=$(ip -n "$1" -4 -br address show dev adit0 | awk '{ sub(/\/.*/, "", $3); print $3 }')
}

# hang_up_adit_client: as its user does it.
hang_up_adit_client() {
  kill -INT "$client_pid"
  wait_for_end "$client_pid"
  expect_exit 0 "adit connect"
}
