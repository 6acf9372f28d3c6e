# `adit serve` and Debian's client: pptp-linux with pppd, or pppd on the kernel's PPTP data path.

client=start_pppd_client

# start_service "CLIENT OPTIONS" [TOML]
start_service() {
  make_network
  remember_network server client
  start_capture
  start_adit_server "${@:2}"
  meet_client "$1"
}

meet_client() {
  # shellcheck disable=SC2086 # a list of words
  "$client" client $1
}

# expect_service "CLIENT OPTIONS" LINE encrypted|clear [TOML]: a session of which pppd logs LINE
# carries traffic and ends when the client hangs up; a second one ends when the server does.
expect_service() {
  start_service "$1" "${@:4}"
  wait_for_pppd_client client
  expect_line pppd-client.log "$2"
  expect_session_of "$user"
  expect_traffic client "$tunnel_address"
  "expect_$3"
  expect_client_hangs_up
  expect_server_hangs_up "$1"
  expect_service_gone
}

expect_client_hangs_up() {
  hang_up_pppd_client
  wait_for_line adit-serve.log 'Terminate-Request'
  wait_for_no_session_of "$user"
  stop_capture
}

# expect_server_hangs_up "CLIENT OPTIONS"
expect_server_hangs_up() {
  meet_client "$1"
  wait_for_pppd_client client
  ask_adit disconnect "$user"
  wait_for_end "$client_pid"
  expect_line pppd-client.log 'LCP terminated by peer'
  wait_for_no_session_of "$user"
}

expect_service_gone() {
  stop_adit_server
  expect_network_restored server client
}

# expect_refusal "CLIENT OPTIONS" CLIENT_LINE SERVER_LINE [TOML]: no session, and both ends say why.
expect_refusal() {
  start_service "$1" "${@:4}"
  wait_for_end "$client_pid" 60
  expect_line pppd-client.log "$2"
  expect_no_line pppd-client.log 'remote IP address'
  wait_for_line adit-serve.log "$3" 5
  wait_for_no_session_of "$user"
  expect_service_gone
}

#: adit serve and pptp-linux: MS-CHAPv2, 128-bit stateless, which is the default
serve-128-stateless() {
  expect_service "require-mppe-128" 'MPPE 128-bit stateless compression enabled' encrypted
}

#: adit serve and pptp-linux: MS-CHAPv2, 128-bit stateful in both directions
serve-128-stateful() {
  expect_service "require-mppe-128 $stateful" 'MPPE 128-bit stateful compression enabled' encrypted \
    'encryption.modes = ["stateful", "stateless"]'
}

#: adit serve and pptp-linux: 128-bit, stateful only in the direction that Adit asks for
serve-128-stateful-one-way() {
  expect_service "require-mppe-128 mppe-stateful" \
    'rcvd \[CCP ConfReq id=0x[0-9a-f]+ <mppe -H -M \+S -L -D -C>' encrypted \
    'encryption.modes = ["stateful", "stateless"]'
}

#: adit serve and pptp-linux: MS-CHAPv2, 40-bit stateless, which the policy allows
serve-40-stateless() {
  expect_service "require-mppe-40 nomppe-128" 'MPPE 40-bit stateless compression enabled' \
    encrypted \
    'encryption.strengths = [128, 40]'
}

#: adit serve and pptp-linux: MS-CHAPv2, 40-bit stateful, which the policy allows
serve-40-stateful() {
  expect_service "require-mppe-40 nomppe-128 $stateful" \
    'MPPE 40-bit stateful compression enabled' encrypted '
encryption.strengths = [128, 40]
encryption.modes = ["stateful", "stateless"]'
}

#: adit serve and pptp-linux: MS-CHAPv1 with 128-bit stateless, which the policy allows
serve-mschap-v1() {
  expect_service "refuse-mschap-v2 require-mppe-128" \
    'MPPE 128-bit stateless compression enabled' encrypted \
    'authentication.methods = ["mschap-v2", "mschap-v1"]'
}

#: adit serve and pptp-linux: CHAP-MD5 without encryption, which the policy allows
serve-chap-md5() {
  expect_service "refuse-mschap-v2 refuse-mschap nomppe" 'CHAP authentication succeeded' clear '
authentication.methods = ["mschap-v2", "chap-md5"]
encryption.policy = "optional"'
}

#: adit serve and pptp-linux: PAP without encryption, which the policy allows
serve-pap() {
  expect_service "refuse-mschap-v2 refuse-mschap refuse-chap nomppe" \
    'PAP authentication succeeded' clear '
authentication.methods = ["mschap-v2", "pap"]
encryption.policy = "optional"'
}

#: adit serve and the kernel's PPTP data path: MS-CHAPv2, 128-bit stateless
serve-kernel-128-stateless() {
  client=start_kernel_client
  expect_service "require-mppe-128" 'MPPE 128-bit stateless compression enabled' encrypted
}

#: adit serve and the kernel's PPTP data path: MS-CHAPv2, 128-bit stateful
serve-kernel-128-stateful() {
  client=start_kernel_client
  expect_service "require-mppe-128 $stateful" 'MPPE 128-bit stateful compression enabled' \
    encrypted \
    'encryption.modes = ["stateful", "stateless"]'
}

#: adit serve and the kernel's PPTP data path: packets overtake each other
serve-kernel-reordered() {
  client=start_kernel_client
  expect_service_on_bad_network "delay 4ms reorder 20% 50%"
}

#: adit serve and pptp-linux: packets overtake each other
serve-reordered() {
  expect_service_on_bad_network "delay 4ms reorder 20% 50%"
}

#: adit serve and pptp-linux: packets are lost
serve-lossy() {
  expect_service_on_bad_network "loss 1%"
}

# expect_service_on_bad_network "NETEM OPTIONS": TCP gets through all the same.
expect_service_on_bad_network() {
  transfer_bytes=$((1024 * 1024))
  start_service "require-mppe-128"
  wait_for_pppd_client client
  stop_capture
  # shellcheck disable=SC2086 # a list of words
  tc -n server qdisc add dev outer0 root netem $1
  # shellcheck disable=SC2086 # a list of words
  tc -n client qdisc add dev outer0 root netem $1
  expect_transfer client server "$server_tunnel_address"
  expect_transfer server client "$tunnel_address"
  tc -n server qdisc delete dev outer0 root
  tc -n client qdisc delete dev outer0 root
  expect_client_hangs_up
  expect_service_gone
}

#: adit serve and pptp-linux: a stateful session recovers from lost packets, in each direction
serve-lost-packets() {
  start_service "require-mppe-128 $stateful" \
    'encryption.modes = ["stateful", "stateless"]'
  wait_for_pppd_client client
  lose_what_it_sends client
  lose_what_it_sends server
  expect_line pppd-client.log 'rcvd \[CCP ResetReq'
  expect_line pppd-client.log 'sent \[CCP ResetReq'
  expect_traffic client "$tunnel_address"
  expect_client_hangs_up
  expect_service_gone
}

#: adit serve and pptp-linux: IPv6, with a prefix that the server advertises
serve-ipv6() {
  start_service "require-mppe-128 +ipv6" 'network.ipv6_prefix = "2001:db8:1::/56"'
  wait_for_pppd_client client
  wait_for_line pppd-client.log 'remote LL address'
  wait_until 20 has_advertised_address client
  expect_ping client "$(sed -n 's/^remote LL address //p' pppd-client.log)%ppp0"
  expect_encrypted
  expect_client_hangs_up
  expect_service_gone
}

has_advertised_address() {
  grep -q '2001:db8:1:' <<<"$(ip -n "$1" -6 -br address show dev ppp0 scope global)"
}

#: adit serve and pptp-linux: the server is stopped during a session
serve-stopped() {
  start_service "require-mppe-128"
  wait_for_pppd_client client
  stop_adit_server
  wait_for_end "$client_pid"
  expect_line pppd-client.log 'LCP terminated by peer'
  expect_network_restored server client
}

#: adit serve and pptp-linux: a wrong password is refused
serve-wrong-password() {
  expect_refusal "require-mppe-128 password $wrong_password" 'rcvd \[CHAP Failure .*E=691' \
    '(E=691|wrong password|authentication failed)'
}

#: adit serve and pptp-linux: an unknown user is refused just like a wrong password
serve-unknown-user() {
  user=mallory
  expect_refusal "require-mppe-128 password $wrong_password" 'rcvd \[CHAP Failure .*E=691' \
    '(E=691|unknown user|authentication failed)'
}

#: adit serve and pptp-linux: a client without encryption is refused by default
serve-client-without-mppe() {
  expect_refusal "nomppe" 'LCP terminated by peer' '(encryption|MPPE)'
}

#: adit serve and pptp-linux: a client with 40-bit encryption only is refused by default
serve-client-with-40-only() {
  expect_refusal "require-mppe-40 nomppe-128" \
    '(MPPE required but peer|LCP terminated by peer)' '(encryption|MPPE)'
}

#: adit serve and pptp-linux: a client with MS-CHAPv1 only is refused by default
serve-client-with-mschap-v1-only() {
  expect_refusal "refuse-mschap-v2 refuse-chap refuse-pap refuse-eap require-mppe-128" \
    'rcvd \[LCP TermReq .*no authentication protocol' 'no authentication protocol'
}

#: adit serve and pptp-linux: a client with PAP and CHAP-MD5 only is refused by default
serve-client-with-pap-and-chap-md5-only() {
  expect_refusal "refuse-mschap-v2 refuse-mschap refuse-eap nomppe" \
    'rcvd \[LCP TermReq .*no authentication protocol' 'no authentication protocol'
}
