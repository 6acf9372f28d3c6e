# `adit connect` and Debian's server, pptpd with pppd.

# The server's options for a session with 128-bit stateless MPPE, which is what Adit asks for.
default_service="$only_mschap_v2 require-mppe-128"

# start_session "SERVER OPTIONS" CLIENT_OPTION...
start_session() {
  make_network
  remember_network server client
  start_capture
  start_pptpd "$1"
  meet_server "${@:2}"
}

meet_server() {
  start_adit_client client --route 10.77.0.0/24 "$@"
}

# expect_session "SERVER OPTIONS" LINE encrypted|clear CLIENT_OPTION...: a session of which the
# server's pppd logs LINE carries traffic and ends when Adit hangs up; a second one ends when the
# server does.
expect_session() {
  start_session "$1" "${@:4}"
  wait_for_adit_client client
  wait_for_line pppd-server.log 'remote IP address'
  expect_line pppd-server.log "$2"
  grep -q '10.77.0.0/24 dev adit0' <<<"$(ip -n client route show)" || fail "the route was not added"
  expect_traffic client "$tunnel_address"
  "expect_$3"
  expect_client_hangs_up
  expect_server_hangs_up "${@:4}"
  expect_session_gone
}

expect_client_hangs_up() {
  hang_up_adit_client
  wait_for_line pppd-server.log 'rcvd \[LCP TermReq'
  wait_for_line syslog.log 'control connection finished'
  expect_network_restored client
  stop_capture
}

# expect_server_hangs_up CLIENT_OPTION...
expect_server_hangs_up() {
  meet_server "$@"
  wait_for_adit_client client
  end_pppd_of_server
  wait_for_end "$client_pid"
  expect_exit 9 "adit connect"
  expect_line adit-client.log 'Terminate-Request'
}

expect_session_gone() {
  stop_pptpd
  expect_network_restored server client
}

# expect_refusal "SERVER OPTIONS" EXIT_CODE LINE CLIENT_OPTION...: no session; Adit ends with that
# code and says why.
expect_refusal() {
  start_session "$1" "${@:4}"
  wait_for_end "$client_pid" 60
  expect_exit "$2" "adit connect"
  expect_line adit-client.log "$3"
  expect_no_line adit-client.out '^connected:'
  expect_session_gone
}

#: adit connect and pptpd: MS-CHAPv2, 128-bit stateless, which is the default
connect-128-stateless() {
  expect_session "$default_service" 'MPPE 128-bit stateless compression enabled' encrypted
}

#: adit connect and pptpd: MS-CHAPv2, 128-bit stateful
connect-128-stateful() {
  expect_session "$default_service $stateful" 'MPPE 128-bit stateful compression enabled' \
    encrypted --mode stateful
}

#: adit connect and pptpd: MS-CHAPv2, 40-bit stateless
connect-40-stateless() {
  expect_session "$only_mschap_v2 require-mppe-40 nomppe-128" \
    'MPPE 40-bit stateless compression enabled' encrypted --strength 40
}

#: adit connect and pptpd: MS-CHAPv2, 40-bit stateful
connect-40-stateful() {
  expect_session "$only_mschap_v2 require-mppe-40 nomppe-128 $stateful" \
    'MPPE 40-bit stateful compression enabled' encrypted --strength 40 --mode stateful
}

#: adit connect and pptpd: MS-CHAPv1 with 128-bit stateless
connect-mschap-v1() {
  expect_session "$only_mschap_v1 require-mppe-128" \
    'MPPE 128-bit stateless compression enabled' encrypted --auth mschap-v1
}

#: adit connect and pptpd: CHAP-MD5 without encryption
connect-chap-md5() {
  expect_session "require-chap nomppe" 'sent \[CHAP Success' clear --auth chap-md5 --encryption off
}

#: adit connect and pptpd: PAP without encryption
connect-pap() {
  expect_session "require-pap nomppe" 'sent \[PAP AuthAck' clear --auth pap --encryption off
}

#: adit connect and pptpd: a stateful session recovers from lost packets, in each direction
connect-lost-packets() {
  start_session "$default_service $stateful" --mode stateful
  wait_for_adit_client client
  lose_what_it_sends client
  lose_what_it_sends server
  expect_line pppd-server.log 'rcvd \[CCP ResetReq'
  expect_line pppd-server.log 'sent \[CCP ResetReq'
  expect_traffic client "$tunnel_address"
  expect_client_hangs_up
  expect_session_gone
}

#: adit connect and pptpd: the server goes away without a word
connect-lost() {
  start_session "$default_service"
  wait_for_adit_client client
  for_each_process server pptpctrl kill -KILL
  wait_for_end "$client_pid" 60
  expect_exit 9 "adit connect"
  expect_network_restored client
}

#: adit connect and pptpd: a wrong password has the exit code 6
connect-wrong-password() {
  (umask 077 && echo "$wrong_password" >password)
  expect_refusal "$default_service" 6 'E=691'
}

#: adit connect and pptpd: a server with PAP only has the exit code 7
connect-server-with-pap-only() {
  expect_refusal "require-pap nomppe" 7 '(authenticat|PAP)'
}

#: adit connect and pptpd: a server with MS-CHAPv1 only has the exit code 7
connect-server-with-mschap-v1-only() {
  expect_refusal "$only_mschap_v1 require-mppe-128" 7 '(authenticat|MS-CHAP)'
}

#: adit connect and pptpd: a server without encryption has the exit code 8
connect-server-without-mppe() {
  expect_refusal "$only_mschap_v2 nomppe" 8 '(encryption|MPPE)'
}

#: adit connect and pptpd: a server with 40-bit encryption only has the exit code 8
connect-server-with-40-only() {
  expect_refusal "$only_mschap_v2 require-mppe-40 nomppe-128" 8 '(encryption|MPPE)'
}

#: adit connect: a host that nobody has at that address has the exit code 3
connect-unreachable() {
  make_network
  remember_network client
  server_address=10.99.0.77
  meet_server
  wait_for_end "$client_pid" 90
  expect_exit 3 "adit connect"
  expect_network_restored client
}

#: adit connect: a host without a server has the exit code 4
connect-refused() {
  make_network
  remember_network client
  meet_server
  wait_for_end "$client_pid"
  expect_exit 4 "adit connect"
  expect_network_restored client
}

#: adit connect and pptpd: a firewall that lets no GRE through has the exit code 5
connect-gre-filtered() {
  make_network
  remember_network client
  ip netns exec server iptables-legacy -A INPUT -p gre -j DROP
  ip netns exec client iptables-legacy -A INPUT -p gre -j DROP
  start_pptpd "$default_service"
  meet_server
  wait_for_end "$client_pid" 90
  expect_exit 5 "adit connect"
  expect_line adit-client.log 'GRE'
  expect_network_restored client
}
