# The PPTP programs that Debian ships: `pptpd` with `pppd` as a server, `pptp-linux` with `pppd` as
# a client. Each namespace has an /etc/ppp of its own, which `ip netns exec` puts in place.

stateful="mppe-stateful plugin $code/want_stateful.so"
only_mschap_v2="refuse-pap refuse-chap refuse-mschap require-mschap-v2"
only_mschap_v1="refuse-pap refuse-chap refuse-mschap-v2 require-mschap"
user=alice
password='correct horse'
wrong_password=hunter2

# write_secrets: the users of all cases, as pppd and Adit read them.
write_secrets() {
  local name
  for name in alice bob carol; do
    printf '%s * "%s" *\n' "$name" "$password"
  done
}

# give_ppp_directory NAMESPACE: an /etc/ppp with the users' secrets and nothing else.
give_ppp_directory() {
  local directory=/etc/netns/$1/ppp
  mkdir -p "$directory" /run/pptp
  write_secrets | tee "$directory/chap-secrets" >"$directory/pap-secrets"
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

# end_pppd_of_server: the server hangs up in order.
end_pppd_of_server() {
  for_each_process server pppd kill -TERM
}

# for_each_process NAMESPACE NAME COMMAND...: COMMAND with the id of each such process.
for_each_process() {
  local process found=
  for process in $(ip netns pids "$1"); do
    if [ "$(cat "/proc/$process/comm")" = "$2" ]; then
      found=yes
      "${@:3}" "$process"
    fi
  done
  [ -n "$found" ] || fail "no process $2 in $1"
}

# start_pppd_client NAMESPACE OPTION...: a client on a pty with pptp-linux. Its log is
# pppd-NAMESPACE.log, its process id is left in $client_pid.
start_pppd_client() {
  start_pppd "$@" pty "pptp $server_address --nolaunchpppd --nohostroute"
}

# start_kernel_client NAMESPACE OPTION...: likewise, on the kernel's own data path.
start_kernel_client() {
  start_pppd "$@" plugin "$code/kernel_pptp.so" pptp-server "$server_address"
}

# pptp finds the GRE socket of another pptp through /run/pptp, so each client has one of its own.
start_pppd() {
  local namespace=$1 log=$work/pppd-$1.log
  shift
  give_ppp_directory "$namespace"
  : >"$log"
  ip netns exec "$namespace" bash -c 'mount -t tmpfs tmpfs /run/pptp && exec pppd "$@"' pppd \
    name "$user" remotename PPTP noauth nodetach debug lock nobsdcomp nodeflate novj noipdefault \
    logfile "$log" "$@" >/dev/null 2>&1 &
  client_pid=$!
}

# wait_for_pppd_client NAMESPACE: until it has addresses; the one of its end is left in $tunnel_address.
wait_for_pppd_client() {
  wait_for_line "pppd-$1.log" 'remote IP address'
  tunnel_address=$(sed -n 's/^local *IP address //p' "pppd-$1.log" | tail -n 1)
}

# hang_up_pppd_client: as its user does it.
hang_up_pppd_client() {
  kill -TERM "$client_pid"
  wait_for_end "$client_pid"
}
