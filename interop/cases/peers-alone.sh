# Debian's server and client against each other: shows that the machine, the namespaces and the
# checks work, and gives captures of sessions in which Adit has no part.

client=start_pppd_client

# start_peers "SERVER OPTIONS" "CLIENT OPTIONS"
start_peers() {
  make_network
  remember_network server client
  start_capture
  start_pptpd "$1"
  # shellcheck disable=SC2086 # a list of words
  $client client $2
}

# expect_session "SERVER OPTIONS" "CLIENT OPTIONS" encrypted|clear LINE: a session of which pppd
# logs LINE, carries traffic, and ends when the client hangs up.
expect_session() {
  start_peers "$1" "$2"
  wait_for_pppd_client client
  expect_line pppd-client.log "$4"
  expect_traffic client "$tunnel_address"
  "expect_$3"
  hang_up_pppd_client
  wait_for_line pppd-server.log 'rcvd \[LCP TermReq'
  expect_peers_gone
}

# expect_refusal "SERVER OPTIONS" "CLIENT OPTIONS" EXIT_CODE LINE: no session; the client's pppd
# ends with that code, and with that line in its log.
expect_refusal() {
  start_peers "$1" "$2"
  wait_for_end "$client_pid"
  expect_exit "$3" pppd
  expect_line pppd-client.log "$4"
  expect_no_line pppd-client.log 'remote IP address'
  expect_peers_gone
}

expect_peers_gone() {
  stop_pptpd
  expect_network_restored server client
}

#: pptpd and pptp-linux: MS-CHAPv2, 128-bit stateless
peers-alone-128-stateless() {
  expect_session "$only_mschap_v2 require-mppe-128" "require-mppe-128" \
    encrypted 'MPPE 128-bit stateless compression enabled'
}

#: pptpd and pptp-linux: MS-CHAPv2, 128-bit stateful
peers-alone-128-stateful() {
  expect_session "$only_mschap_v2 require-mppe-128 $stateful" "require-mppe-128 $stateful" \
    encrypted 'MPPE 128-bit stateful compression enabled'
}

#: pptpd and pptp-linux: MS-CHAPv2, 40-bit stateless
peers-alone-40-stateless() {
  expect_session "$only_mschap_v2 require-mppe-40 nomppe-128" "require-mppe-40 nomppe-128" \
    encrypted 'MPPE 40-bit stateless compression enabled'
}

#: pptpd and pptp-linux: MS-CHAPv2, 40-bit stateful
peers-alone-40-stateful() {
  expect_session "$only_mschap_v2 require-mppe-40 nomppe-128 $stateful" \
    "require-mppe-40 nomppe-128 $stateful" \
    encrypted 'MPPE 40-bit stateful compression enabled'
}

#: pptpd and the kernel's PPTP data path: MS-CHAPv2, 128-bit stateless
peers-alone-kernel() {
  client=start_kernel_client
  expect_session "$only_mschap_v2 require-mppe-128" "require-mppe-128" \
    encrypted 'MPPE 128-bit stateless compression enabled'
}

#: pptpd and pptp-linux: MS-CHAPv1, 128-bit stateless
peers-alone-mschap-v1() {
  expect_session "$only_mschap_v1 require-mppe-128" "require-mppe-128" \
    encrypted 'MPPE 128-bit stateless compression enabled'
}

#: pptpd and pptp-linux: MS-CHAPv2 without encryption
peers-alone-mschap-v2-clear() {
  expect_session "$only_mschap_v2 nomppe" "nomppe" clear 'CHAP authentication succeeded'
}

#: pptpd and pptp-linux: CHAP-MD5, which has no keys for encryption
peers-alone-chap-md5() {
  expect_session "require-chap nomppe" "nomppe" clear 'CHAP authentication succeeded'
}

#: pptpd and pptp-linux: PAP, which has no keys for encryption
peers-alone-pap() {
  expect_session "require-pap nomppe" "nomppe" clear 'PAP authentication succeeded'
}

#: pptpd and pptp-linux: the key changes after 256 packets of a stateful session
peers-alone-key-change() {
  start_peers "$only_mschap_v2 require-mppe-128 $stateful" "require-mppe-128 $stateful"
  wait_for_pppd_client client
  ip netns exec client ping -n -q -s 0 -c 262 -i 0.005 "$server_tunnel_address"
  hang_up_pppd_client
  expect_peers_gone
}

#: pptpd and pptp-linux: a stateful session asks for a reset after lost packets, in each direction
peers-alone-lost-packets() {
  start_peers "$only_mschap_v2 require-mppe-128 $stateful" "require-mppe-128 $stateful"
  wait_for_pppd_client client
  lose_what_it_sends client
  lose_what_it_sends server
  expect_line pppd-server.log 'sent \[CCP ResetReq'
  expect_line pppd-client.log 'sent \[CCP ResetReq'
  expect_ping client "$server_tunnel_address"
  hang_up_pppd_client
  expect_peers_gone
}

#: pptpd and pptp-linux: the server hangs up
peers-alone-server-hangs-up() {
  start_peers "$only_mschap_v2 require-mppe-128" "require-mppe-128"
  wait_for_pppd_client client
  end_pppd_of_server
  wait_for_end "$client_pid"
  expect_line pppd-client.log 'LCP terminated by peer'
  expect_peers_gone
}

#: pptpd and pptp-linux: a wrong password
peers-alone-wrong-password() {
  expect_refusal "$only_mschap_v2 require-mppe-128" "require-mppe-128 password $wrong_password" \
    19 'rcvd \[CHAP Failure .*E=691'
}

#: pptpd and pptp-linux: a server that requires encryption and a client that refuses it
peers-alone-client-without-mppe() {
  expect_refusal "$only_mschap_v2 require-mppe-128" "nomppe" 16 'LCP terminated by peer'
}

#: pptpd and pptp-linux: a client that requires encryption and a server that refuses it
peers-alone-server-without-mppe() {
  expect_refusal "$only_mschap_v2 nomppe" "require-mppe-128" 10 'MPPE required but peer'
}

#: pptpd and pptp-linux: a client that speaks none of the server's authentication protocols
peers-alone-no-common-method() {
  expect_refusal "$only_mschap_v2 require-mppe-128" "refuse-mschap-v2 refuse-mschap" \
    16 'LCP terminated by peer'
}
