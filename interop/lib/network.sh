# The namespaces a case runs in. The plain network is one veth cable between `server` (10.99.0.1)
# and `client` (10.99.0.2). The other one has a `router` at 10.99.0.2 that hides `client`
# (192.168.77.2) and `client2` (192.168.78.2) behind that address, and a `client3` (10.98.0.2) to
# which the server's nearest address is another one, 10.98.0.1.

server_address=10.99.0.1
server_tunnel_address=10.77.0.1

make_namespace() {
  ip netns add "$1"
  ip netns exec "$1" busybox sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  ip -n "$1" link set lo up
}

# cable NAMESPACE INTERFACE ADDRESS NAMESPACE INTERFACE ADDRESS
cable() {
  ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
  ip -n "$1" address add "$3/24" dev "$2"
  ip -n "$4" address add "$6/24" dev "$5"
  ip -n "$1" link set "$2" up
  ip -n "$4" link set "$5" up
  wait_until 10 cable_end_is_ready "$1" "$2"
  wait_until 10 cable_end_is_ready "$4" "$5"
}

# The kernel gives an interface its link-local address once the cable has a carrier.
cable_end_is_ready() {
  grep -q ' UP .*fe80::' <<<"$(ip -n "$1" -br address show dev "$2")"
}

make_network() {
  make_namespace server
  make_namespace client
  cable server outer0 "$server_address" client outer0 10.99.0.2
}

make_network_with_nat() {
  local name
  for name in server router client client2 client3; do
    make_namespace "$name"
  done
  cable server outer0 "$server_address" router outer0 10.99.0.2
  cable server outer1 10.98.0.1 client3 outer0 10.98.0.2
  cable router inner0 192.168.77.1 client outer0 192.168.77.2
  cable router inner1 192.168.78.1 client2 outer0 192.168.78.2
  ip -n client route add default via 192.168.77.1
  ip -n client2 route add default via 192.168.78.1
  ip -n client3 route add "$server_address" via 10.98.0.1
  hide_clients_behind_router
}

# The helper reads the control connections, and so tells the calls of one client from another's.
hide_clients_behind_router() {
  ip netns exec router busybox sysctl -qw net.ipv4.ip_forward=1
  ip netns exec router iptables-legacy -t raw -A PREROUTING -p tcp --dport 1723 -j CT --helper pptp
  ip netns exec router iptables-legacy -t nat -A POSTROUTING -o outer0 -j MASQUERADE
}

# network_state NAMESPACE: interfaces, addresses, routes and rules, to compare before and after.
network_state() {
  ip -n "$1" -br link
  ip -n "$1" -br address
  ip -n "$1" route show table all
  ip -n "$1" -6 route show table all
  ip -n "$1" rule
}

remember_network() {
  local name
  for name in "$@"; do
    network_state "$name" >"$name.before"
  done
}

network_is_as_before() {
  network_state "$1" | cmp -s - "$1.before"
}

# expect_network_restored NAMESPACE...: nothing that a tunnel brought is left.
expect_network_restored() {
  local name deadline=$((SECONDS + 10))
  for name in "$@"; do
    until network_is_as_before "$name"; do
      if [ "$SECONDS" -ge "$deadline" ]; then
        network_state "$name" | diff "$name.before" - || fail "the network of $name is not as before"
      fi
      sleep 0.1
    done
  done
}

# start_capture: everything between the two outer addresses, seen at the server.
start_capture() {
  ip netns exec server tcpdump -Z root -n -U --immediate-mode -i outer0 -w outer.pcap "ip and host $server_address" \
    2>tcpdump.log &
  capture_pid=$!
  wait_for_line tcpdump.log 'listening on'
}

stop_capture() {
  [ -n "${capture_pid:-}" ] || return 0
  kill -INT "$capture_pid"
  wait_for_end "$capture_pid"
  capture_pid=
}

# stop_everything: ends what still runs in the namespaces, and removes them.
stop_everything() {
  local name
  stop_capture
  for name in $(ip netns list | cut -d' ' -f1); do
    ip netns pids "$name" | xargs -r kill -KILL
    ip netns delete "$name"
  done
}
