# Several clients of one server at once, two of them behind one NAT address and one that reaches the
# server through another interface.

transfer_bytes=$((1024 * 1024))
clients=(client client2 client3)
declare -A user_of=([client]=alice [client2]=bob [client3]=carol) process_of address_of

prepare() {
  make_network_with_nat
  remember_network server "${clients[@]}"
  start_capture
}

# meet_all KIND OPTION...: each client in its namespace, KIND being pppd_client or adit_client.
meet_all() {
  local namespace
  for namespace in "${clients[@]}"; do
    user=${user_of[$namespace]} "start_$1" "$namespace" "${@:2}"
    process_of[$namespace]=$client_pid
  done
  for namespace in "${clients[@]}"; do
    "wait_for_$1" "$namespace"
    address_of[$namespace]=$tunnel_address
  done
}

expect_traffic_of_all() {
  local namespace
  for namespace in "${clients[@]}"; do
    expect_traffic "$namespace" "${address_of[$namespace]}"
  done
  expect_encrypted
}

# hang_up_all KIND: one after the other; the last one can still be reached when the others are gone.
hang_up_all() {
  local namespace
  for namespace in "${clients[@]}"; do
    expect_ping server "${address_of[$namespace]}"
    client_pid=${process_of[$namespace]}
    "hang_up_$1"
  done
}

# expect_many KIND OPTION...: with `adit serve`.
expect_many() {
  local name
  prepare
  start_adit_server
  meet_all "$@"
  expect_traffic_of_all
  hang_up_all "$1"
  for name in "${user_of[@]}"; do
    wait_for_no_session_of "$name"
  done
  stop_adit_server
  expect_network_restored server "${clients[@]}"
}

#: pptpd and two pptp-linux behind one NAT address
many-peers-alone() {
  clients=(client client2)
  prepare
  start_pptpd "$only_mschap_v2 require-mppe-128"
  meet_all pppd_client require-mppe-128
  expect_traffic_of_all
  hang_up_all pppd_client
  stop_pptpd
}

#: adit serve and three pptp-linux, two of them behind one NAT address
many-pptp-linux() {
  expect_many pppd_client require-mppe-128
}

#: adit serve and three adit connect, two of them behind one NAT address
many-adit() {
  expect_many adit_client --route 10.77.0.0/24
}
