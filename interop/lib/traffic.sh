# Traffic through a tunnel. `$interop_short` leaves out the transfers, to keep captures small.

transfer_bytes=$((10 * 1024 * 1024))
ping_pattern=6164697470696e67 # "aditping"

# expect_ping FROM TO_ADDRESS
expect_ping() {
  say "ping from $1 to $2"
  ip netns exec "$1" ping -n -c 3 -i 0.2 -W 5 -p "$ping_pattern" "$2"
}

port_is_open() {
  [ -n "$(ip netns exec "$1" ss -Hltn "sport = :$2")" ]
}

# expect_transfer FROM TO TO_ADDRESS: sends a file by TCP and compares what arrives.
expect_transfer() {
  local from=$1 to=$2 address=$3 listener started=$SECONDS
  say "$transfer_bytes bytes from $from to $to ($address)"
  [ -s payload ] || head -c "$transfer_bytes" /dev/urandom >payload
  ip netns exec "$to" busybox nc -l -p 5001 >arrived &
  listener=$!
  wait_until 10 port_is_open "$to" 5001
  ip netns exec "$from" timeout 60 bash -c 'exec cat >"/dev/tcp/$0/5001"' "$address" <payload
  wait_for_end "$listener" 60
  [ "$(sha256sum <arrived)" = "$(sha256sum <payload)" ] ||
    fail "$(stat -c %s arrived) bytes arrived, or not the ones sent"
  say "arrived whole in $((SECONDS - started)) s"
}

# expect_traffic CLIENT_NAMESPACE CLIENT_TUNNEL_ADDRESS
expect_traffic() {
  expect_ping "$1" "$server_tunnel_address"
  expect_ping server "$2"
  [ -z "${interop_short:-}" ] || return 0
  stop_capture
  expect_transfer "$1" server "$server_tunnel_address"
  expect_transfer server "$1" "$2"
}

# expect_encrypted: no ping crossed the outer cable in clear. expect_clear: they all did, which
# also shows that the search finds what it looks for.
expect_encrypted() {
  ! grep -qa aditpingaditping outer.pcap || fail "a ping crossed the outer network in clear"
}

expect_clear() {
  grep -qa aditpingaditping outer.pcap || fail "no ping crossed the outer network in clear"
}

# lose_what_it_sends NAMESPACE: two pings without an answer, then one that makes the receiver ask
# for a reset. pppd does not recover when a packet that follows a reset is lost too, so the loss
# is not a random one.
lose_what_it_sends() {
  ip netns exec client ping -n -c 2 -i 0.2 "$server_tunnel_address"
  tc -n "$1" qdisc add dev outer0 root netem loss 100%
  ! ip netns exec client ping -n -c 2 -i 0.2 -W 1 "$server_tunnel_address" ||
    fail "a ping was answered although all that $1 sends is lost"
  tc -n "$1" qdisc delete dev outer0 root
  ip netns exec client ping -n -c 3 -i 0.5 -W 1 "$server_tunnel_address"
}
