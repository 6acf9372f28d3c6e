# The PPTP programs that Debian ships: `pptpd` with `pppd` as a server, `pptp-linux` with `pppd` as
# a client. Each namespace has an /etc/ppp of its own, which `ip netns exec` puts in place.

stateful="mppe-stateful plugin $code/want_stateful.so"
user=alice
password='correct horse'

# give_ppp_directory NAMESPACE: an /etc/ppp with the secrets and nothing else.
give_ppp_directory() {
  local directory=/etc/netns/$1/ppp
  mkdir -p "$directory" /run/pptp
  printf '%s * "%s" *\n' "$user" "$password" |
    tee "$directory/chap-secrets" >"$directory/pap-secrets"
  : >"$directory/options"
  chmod 600 "$directory"/*-secrets
}

# start_system_log: pptpd and pptp report to syslog only.
start_system_log() {
  busybox syslogd -n -O "$work/syslog.log" &
  wait_until 10 test -S /dev/log
}

# start_pptpd OPTION...: a pptpd whose pppd has these options.
start_pptpd() {
  give_ppp_directory server
  start_system_log
  printf '%s\n' "name pptpd" "logfile $work/pppd-server.log" debug lock nobsdcomp nodeflate novj \
    "$@" >/etc/netns/server/ppp/pptpd-options
  printf '%s\n' "option /etc/ppp/pptpd-options" "localip $server_tunnel_address" \
    "remoteip 10.77.0.2-30" >pptpd.conf
  ip netns exec server pptpd -f -d -c pptpd.conf &
  pptpd_pid=$!
  wait_until 10 port_is_open server 1723
}

stop_pptpd() {
  kill "$pptpd_pid"
  wait_for_end "$pptpd_pid"
}

# start_pppd_client NAMESPACE OPTION...: its log is pppd-NAMESPACE.log, its process id in $pppd_pid.
# pptp shares the namespace's GRE socket through /run/pptp, so each client gets one of its own.
start_pppd_client() {
  local namespace=$1 log=$work/pppd-$1.log
  shift
  give_ppp_directory "$namespace"
  : >"$log"
  ip netns exec "$namespace" bash -c 'mount -t tmpfs tmpfs /run/pptp && exec pppd "$@"' pppd \
    pty "pptp $server_address --nolaunchpppd --nohostroute" name "$user" remotename PPTP \
    noauth nodetach debug lock nobsdcomp nodeflate novj noipdefault logfile "$log" "$@" \
    >/dev/null 2>&1 &
  pppd_pid=$!
}

# wait_for_pppd NAMESPACE: until it has addresses; the one of its end is left in $tunnel_address.
wait_for_pppd() {
  wait_for_line "pppd-$1.log" 'remote IP address'
  tunnel_address=$(sed -n 's/^local *IP address //p' "pppd-$1.log" | tail -n 1)
}

# hang_up_pppd: as its user does it.
hang_up_pppd() {
  kill -TERM "$pppd_pid"
  wait_for_end "$pppd_pid"
}
