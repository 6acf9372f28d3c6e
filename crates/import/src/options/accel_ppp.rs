//! Options of accel-ppp, as its manual page and sources have them.

use super::{Known, carried, missing, needless};

const LOGGED: &str =
    "`adit trace USER`, `adit log-level` and `-v` show packets when they are wanted";
const TUNING: &str = "there is one interface for all sessions, and no kernel PPP";
const BUFFERS: &str = "the amounts of netlink messages are small";
const KERNEL_SHAPER: &str = "Adit shapes by itself, with a token bucket for each direction";
const ADVERTISED: &str = "router advertisements have fixed times and flags";
const NO_DHCPV6: &str = "there is no DHCPv6; a client gets a /64 by router advertisement";
const POOL_ATTRIBUTE: &str = "a pool is named by Framed-Pool only";
const ATTEMPTS: &str = "new connections are limited by number (`[limits]`), not by their rate";
const OWN_TOOLS: &str = "`adit sessions` and the other commands ask the control socket";

pub(super) const TABLES: &[&[Known]] = &[
    MODULES, CORE, COMMON, PPP, AUTH, PPTP, NAMES, RADIUS, ADDRESSES, IPV6, LOG, PROGRAMS, SECRETS,
    SHAPER, OPERATION,
];

const MODULES: &[Known] = &[
    needless("modules", "pptp", "PPTP is what Adit serves"),
    carried("modules", "auth_mschap_v2", "`[authentication] methods`"),
    carried("modules", "auth_mschap_v1", "`[authentication] methods`"),
    carried("modules", "auth_chap_md5", "`[authentication] methods`"),
    carried("modules", "auth_pap", "`[authentication] methods`"),
    carried("modules", "radius", "`[authentication] order`"),
    carried("modules", "chap-secrets", "`[authentication] order`"),
    needless(
        "modules",
        "ippool",
        "pools are there where they are configured",
    ),
    needless(
        "modules",
        "ipv6pool",
        "pools are there where they are configured",
    ),
    needless(
        "modules",
        "ipv6_nd",
        "a client with a prefix gets router advertisements",
    ),
    missing("modules", "ipv6_dhcp", NO_DHCPV6),
    needless(
        "modules",
        "pppd_compat",
        "`[hooks]` is there where it is configured",
    ),
    needless("modules", "sigchld", "Adit waits for its programs itself"),
    needless("modules", "shaper", "rates hold where they are given"),
    missing("modules", "connlimit", ATTEMPTS),
    needless(
        "modules",
        "log_file",
        "`[log]` is there where it is configured",
    ),
    carried("modules", "log_syslog", "`[log] target = \"journald\"`"),
    missing(
        "modules",
        "log_tcp",
        "the journal or a log shipper sends lines elsewhere",
    ),
    missing(
        "modules",
        "log_pgsql",
        "the log goes to standard error, journald or a file",
    ),
    missing(
        "modules",
        "net-snmp",
        "figures are at `[metrics] listen`, for Prometheus",
    ),
    needless(
        "modules",
        "metrics",
        "`[metrics]` is there where it is configured",
    ),
    missing(
        "modules",
        "logwtmp",
        "no session is written to wtmp; `[events]` has a line for each",
    ),
    missing("modules", "l2tp", "Adit speaks PPTP only"),
    missing("modules", "pppoe", "Adit speaks PPTP only"),
    missing("modules", "ipoe", "Adit speaks PPTP only"),
    missing("modules", "sstp", "Adit speaks PPTP only"),
    missing("modules", "vlan-mon", "Adit speaks PPTP only"),
];

const CORE: &[Known] = &[
    needless("core", "log-error", "there is one log"),
    needless("core", "log-debug", "there is one log"),
    needless(
        "core",
        "thread-count",
        "`[workers] count` is the number of cores by itself",
    ),
];

const COMMON: &[Known] = &[
    carried("common", "single-session", "`[policy] simultaneous`"),
    missing(
        "common",
        "single-session-ignore-case",
        "user names are told apart by case",
    ),
    needless("common", "sid-case", "session identifiers are Adit's own"),
    needless(
        "common",
        "sid-source",
        "session identifiers are Adit's own, unique over restarts",
    ),
    needless(
        "common",
        "seq-file",
        "session identifiers are Adit's own, unique over restarts",
    ),
    carried("common", "max-sessions", "`[limits] sessions`"),
    carried("common", "max-starting", "`[limits] half_open`"),
    needless("common", "check-ip", "no address is given out twice"),
    carried("common", "session-timeout", "`[policy] session_seconds`"),
    needless("common", "nl-snd-buffer", BUFFERS),
    needless("common", "nl-rcv-buffer", BUFFERS),
    missing(
        "common",
        "netns-run-dir",
        "sessions are not moved between network namespaces",
    ),
];

const PPP: &[Known] = &[
    needless("ppp", "verbose", LOGGED),
    missing(
        "ppp",
        "min-mtu",
        "a smaller MRU of a client is taken, and packets are fragmented for it",
    ),
    carried("ppp", "mtu", "`[network] mtu`"),
    carried("ppp", "mru", "`[ppp] mru`"),
    carried(
        "ppp",
        "max-mtu",
        "`[network] mtu`, if it is less than `mtu`",
    ),
    needless("ppp", "accomp", "a client may use it, Adit does not"),
    needless("ppp", "pcomp", "a client may use it, Adit does not"),
    carried("ppp", "ccp", "`[encryption] policy = \"off\"`, if it is 0"),
    needless(
        "ppp",
        "ccp-max-configure",
        "`[ppp] max_configure` holds for all protocols",
    ),
    carried("ppp", "mppe", "`[encryption] policy`"),
    carried("ppp", "timeout", "`[ppp] restart_timer_ms`"),
    carried("ppp", "max-configure", "`[ppp] max_configure`"),
    carried("ppp", "max-failure", "`[ppp] max_failure`"),
    carried("ppp", "max-terminate", "`[ppp] max_terminate`"),
    needless("ppp", "check-ip", "no address is given out twice"),
    missing("ppp", "ipv4", "IPv4 is what every session has"),
    carried("ppp", "ipv6", "`[network] ipv6`"),
    missing(
        "ppp",
        "ipv6-intf-id",
        "the server's identifier is Adit's own",
    ),
    missing(
        "ppp",
        "ipv6-peer-intf-id",
        "a client chooses its own, or has it from Framed-Interface-Id",
    ),
    needless(
        "ppp",
        "ipv6-accept-peer-intf-id",
        "a client chooses its own",
    ),
    carried(
        "ppp",
        "lcp-echo-interval",
        "`[ppp] lcp_echo_interval_seconds`",
    ),
    carried("ppp", "lcp-echo-failure", "`[ppp] lcp_echo_failures`"),
    carried(
        "ppp",
        "lcp-echo-timeout",
        "`[ppp] lcp_echo_failures`, as a multiple of the interval",
    ),
    needless("ppp", "unit-cache", TUNING),
    needless("ppp", "unit-preallocate", TUNING),
];

const AUTH: &[Known] = &[
    carried(
        "auth",
        "timeout",
        "`[authentication] timeout_seconds`, for all attempts together",
    ),
    carried("auth", "interval", "`[authentication] rechallenge_seconds`"),
    carried("auth", "max-failure", "`[authentication] attempts`"),
    missing("auth", "any-login", "a password is always checked"),
    missing("auth", "noauth", "a client always has to log in"),
    missing(
        "auth",
        "challenge-name",
        "challenges have a name of Adit's own; no client looks at it",
    ),
];

const PPTP: &[Known] = &[
    needless("pptp", "verbose", LOGGED),
    carried("pptp", "bind", "`listen`"),
    carried("pptp", "port", "`listen`"),
    carried("pptp", "echo-interval", "`[pptp] echo_interval_seconds`"),
    carried(
        "pptp",
        "echo-failure",
        "`[pptp] echo_timeout_seconds`, as a multiple of the interval",
    ),
    carried("pptp", "timeout", "`[pptp] half_open_seconds`"),
    carried("pptp", "mppe", "`[encryption] policy`"),
    carried("pptp", "ppp-max-mtu", "`[network] mtu`"),
    carried("pptp", "session-timeout", "`[policy] session_seconds`"),
    carried("pptp", "ip-pool", "`[policy] pool`"),
    carried("pptp", "ipv6-pool", "`[policy] ipv6_pool`"),
    missing("pptp", "ipv6-pool-delegate", NO_DHCPV6),
    missing(
        "pptp",
        "ifname",
        "sessions have no interfaces of their own; `[network] interface` names the one of all",
    ),
];

const NAMES: &[Known] = &[
    carried("dns", "dns1", "`[network] dns`"),
    carried("dns", "dns2", "`[network] dns`"),
    carried("wins", "wins1", "`[network] wins`"),
    carried("wins", "wins2", "`[network] wins`"),
    carried("ipv6-dns", "dns", "`[network] ipv6_dns`"),
    carried("ipv6-dns", "<address>", "`[network] ipv6_dns`"),
    missing("ipv6-dns", "dnssl", "no search list is advertised"),
    missing(
        "ipv6-dns",
        "lifetime",
        "it is a multiple of the time between advertisements",
    ),
];

const RADIUS: &[Known] = &[
    needless("radius", "dictionary", "attributes are built in"),
    carried("radius", "nas-identifier", "`[radius] nas_identifier`"),
    carried(
        "radius",
        "nas-ip-address",
        "`[radius] nas_ip_address`, and `source_address` without `bind`",
    ),
    carried("radius", "bind", "`[radius] source_address`"),
    carried(
        "radius",
        "gw-ip-address",
        "`[network] pool`: the server's end of the tunnels",
    ),
    carried(
        "radius",
        "server",
        "`[[radius.servers]]`, in their order, those marked `backup` last",
    ),
    carried("radius", "auth-server", "`[[radius.servers]]`"),
    carried("radius", "acct-server", "`[[radius.servers]]`"),
    carried("radius", "dae-server", "`[radius.dynamic_authorization]`"),
    carried(
        "radius",
        "dae-allowed",
        "`[[radius.dynamic_authorization.clients]]`",
    ),
    missing(
        "radius",
        "dm_coa_secret",
        "accel-ppp has `dae-server` instead",
    ),
    needless("radius", "verbose", LOGGED),
    needless("radius", "interim-verbose", LOGGED),
    carried("radius", "timeout", "`[radius] timeout_ms`"),
    carried("radius", "max-try", "`[radius] tries`"),
    needless(
        "radius",
        "req-limit",
        "there are as many requests in flight as sessions need",
    ),
    carried("radius", "fail-timeout", "`[radius] dead_seconds`"),
    carried("radius", "fail-time", "`[radius] dead_seconds`"),
    needless(
        "radius",
        "max-fail",
        "a server that leaves all tries of a request unanswered is dead for a while",
    ),
    needless(
        "radius",
        "acct-timeout",
        "records wait on disk until a server acknowledges them",
    ),
    needless(
        "radius",
        "acct-delay-time",
        "Acct-Delay-Time is always sent",
    ),
    missing(
        "radius",
        "acct-delay-start",
        "Start is sent when the session has its addresses",
    ),
    needless(
        "radius",
        "acct-on",
        "Accounting-On and -Off are always sent",
    ),
    carried(
        "radius",
        "acct-interim-interval",
        "`[radius] interim_seconds`",
    ),
    needless(
        "radius",
        "acct-interim-jitter",
        "records of a session are counted from its own start",
    ),
    missing(
        "radius",
        "default-realm",
        "names go to the server as clients send them; its own rules can add a realm",
    ),
    missing(
        "radius",
        "strip-realm",
        "names go to the server as clients send them; its own rules can strip a realm",
    ),
    missing(
        "radius",
        "attr-tunnel-type",
        "the tunnel type is not sent as a text",
    ),
    needless(
        "radius",
        "sid-in-auth",
        "Acct-Session-Id is always in Access-Request",
    ),
    missing(
        "radius",
        "nas-port-id-in-req",
        "sessions have no interface names; NAS-Port is sent",
    ),
    needless(
        "radius",
        "require-nas-identification",
        "a NAS attribute of a CoA request has to be the server's own",
    ),
    carried(
        "radius",
        "blast-protection",
        "`[radius] require_message_authenticator`, if it is 1; by itself so in Adit",
    ),
    needless(
        "radius",
        "framed-route-strict",
        "host bits of a Framed-Route are cut off",
    ),
];

const ADDRESSES: &[Known] = &[
    carried("client-ip-range", "<range>", "`[limits] allow`"),
    carried(
        "client-ip-range",
        "disable",
        "`[limits] allow`: every address, as by itself",
    ),
    carried(
        "ip-pool",
        "gw-ip-address",
        "`[network] pool`: the server's end of the tunnels",
    ),
    carried("ip-pool", "<range>", "`[network] pool` or `[[pools]]`"),
    carried("ip-pool", "tunnel", "`[network] pool` or `[[pools]]`"),
    missing(
        "ip-pool",
        "gw",
        "the server's end of all tunnels is one address",
    ),
    missing("ip-pool", "vendor", POOL_ATTRIBUTE),
    carried(
        "ip-pool",
        "attr",
        "RADIUS' Framed-Pool, by itself so in Adit; other attributes are not looked at",
    ),
    needless(
        "ip-pool",
        "shuffle",
        "an address that came free rests as long as possible",
    ),
    needless(
        "ip-pool",
        "reload-orphan",
        "sessions keep addresses that a reload took out of a pool",
    ),
];

const IPV6: &[Known] = &[
    carried(
        "ipv6-pool",
        "<prefix>",
        "`[network] ipv6_prefix` or `[[ipv6_pools]]`",
    ),
    missing("ipv6-pool", "delegate", NO_DHCPV6),
    missing(
        "ipv6-pool",
        "gw-ip6-address",
        "it is for single addresses; clients have a /64",
    ),
    missing(
        "ipv6-pool",
        "attr-prefix",
        "a pool is named by Framed-IPv6-Pool only",
    ),
    missing(
        "ipv6-pool",
        "attr-address",
        "a pool is named by Framed-IPv6-Pool only",
    ),
    missing(
        "ipv6-pool",
        "vendor",
        "a pool is named by Framed-IPv6-Pool only",
    ),
    needless(
        "ipv6-pool",
        "reload-orphan",
        "sessions keep prefixes that a reload took out of a pool",
    ),
    missing("ipv6-dhcp", "verbose", NO_DHCPV6),
    missing("ipv6-dhcp", "pref-lifetime", NO_DHCPV6),
    missing("ipv6-dhcp", "valid-lifetime", NO_DHCPV6),
    missing("ipv6-dhcp", "route-via-gw", NO_DHCPV6),
    missing("ipv6-dhcp", "server-id", NO_DHCPV6),
    missing("ipv6-dhcp", "aftr-gw", NO_DHCPV6),
    needless("ipv6-nd", "verbose", LOGGED),
    missing("ipv6-nd", "MaxRtrAdvInterval", ADVERTISED),
    missing("ipv6-nd", "MinRtrAdvInterval", ADVERTISED),
    missing("ipv6-nd", "MaxInitialRtrAdvCount", ADVERTISED),
    missing("ipv6-nd", "MaxInitialRtrAdvInterval", ADVERTISED),
    missing("ipv6-nd", "AdvManagedFlag", NO_DHCPV6),
    missing("ipv6-nd", "AdvOtherConfigFlag", NO_DHCPV6),
    needless("ipv6-nd", "AdvLinkMTU", "the tunnel's MTU is advertised"),
    missing("ipv6-nd", "AdvReachableTime", ADVERTISED),
    missing("ipv6-nd", "AdvRetransTimer", ADVERTISED),
    missing("ipv6-nd", "AdvCurHopLimit", ADVERTISED),
    missing("ipv6-nd", "AdvDefaultLifetime", ADVERTISED),
    missing("ipv6-nd", "AdvValidLifetime", ADVERTISED),
    missing("ipv6-nd", "AdvPreferredLifetime", ADVERTISED),
    missing("ipv6-nd", "AdvOnLinkFlag", ADVERTISED),
    missing("ipv6-nd", "AdvAutonomousFlag", ADVERTISED),
];

const LOG: &[Known] = &[
    carried("log", "log-file", "`[log] target`"),
    needless("log", "log-emerg", "there is one log"),
    missing(
        "log",
        "log-fail-file",
        "`[events] file` has a line for each refused login, and so has the log",
    ),
    needless("log", "log-debug", "there is one log"),
    carried("log", "syslog", "`[log] target = \"journald\"`"),
    missing(
        "log",
        "log-tcp",
        "the journal or a log shipper sends lines elsewhere",
    ),
    needless("log", "copy", "there is one log"),
    needless(
        "log",
        "color",
        "colours are used on a terminal, unless NO_COLOR is set",
    ),
    missing("log", "per-user-dir", "`adit trace USER` follows one user"),
    missing(
        "log",
        "per-session-dir",
        "`adit trace USER` follows one user",
    ),
    missing("log", "per-session", "`adit trace USER` follows one user"),
    carried("log", "level", "`[log] level`"),
    missing(
        "log-pgsql",
        "conninfo",
        "the log goes to standard error, journald or a file",
    ),
    missing(
        "log-pgsql",
        "log-table",
        "the log goes to standard error, journald or a file",
    ),
];

const PROGRAMS: &[Known] = &[
    needless("pppd-compat", "verbose", LOGGED),
    missing(
        "pppd-compat",
        "ip-pre-up",
        "`ip_up` runs when the session has its addresses; nothing runs before",
    ),
    carried("pppd-compat", "ip-up", "`[hooks] ip_up`"),
    carried("pppd-compat", "ip-down", "`[hooks] ip_down`"),
    missing(
        "pppd-compat",
        "ip-change",
        "no program runs for a change by RADIUS CoA",
    ),
    missing(
        "pppd-compat",
        "radattr-prefix",
        "attributes of a reply are not written to files",
    ),
    carried("pppd-compat", "fork-limit", "`[hooks] parallel`"),
];

const SECRETS: &[Known] = &[
    carried(
        "chap-secrets",
        "gw-ip-address",
        "`[network] pool`: the server's end of the tunnels",
    ),
    carried("chap-secrets", "chap-secrets", "`[users] secrets`"),
    missing(
        "chap-secrets",
        "encrypted",
        "a secrets file has clear passwords; `adit user add` keeps hashes",
    ),
    missing(
        "chap-secrets",
        "username-hash",
        "names in a secrets file are written as they are",
    ),
];

const SHAPER: &[Known] = &[
    needless("shaper", "verbose", LOGGED),
    carried(
        "shaper",
        "attr",
        "Filter-Id and Mikrotik-Rate-Limit, by themselves so in Adit",
    ),
    missing(
        "shaper",
        "attr-up",
        "rates are in Filter-Id or Mikrotik-Rate-Limit, both directions in one",
    ),
    missing(
        "shaper",
        "attr-down",
        "rates are in Filter-Id or Mikrotik-Rate-Limit, both directions in one",
    ),
    carried(
        "shaper",
        "vendor",
        "Mikrotik, by itself so in Adit; others are not looked at",
    ),
    carried("shaper", "rate-limit", "`[policy] rate_down` and `rate_up`"),
    carried("shaper", "burst-factor", "`[policy] burst_ms`"),
    carried("shaper", "down-burst-factor", "`[policy] burst_ms`"),
    missing(
        "shaper",
        "up-burst-factor",
        "`[policy] burst_ms` holds for both directions",
    ),
    carried(
        "shaper",
        "rate-multiplier",
        "multiplied into `[policy] rate_down` and `rate_up`; rates in replies are in kbit/s",
    ),
    missing(
        "shaper",
        "time-range",
        "a user's rates are the same at all times; RADIUS CoA can change them",
    ),
    missing(
        "shaper",
        "fwmark",
        "all packets of a session share its rates",
    ),
    needless("shaper", "latency", KERNEL_SHAPER),
    needless("shaper", "mpu", KERNEL_SHAPER),
    needless("shaper", "mtu", KERNEL_SHAPER),
    needless("shaper", "r2q", KERNEL_SHAPER),
    needless("shaper", "quantum", KERNEL_SHAPER),
    needless("shaper", "moderate-quantum", KERNEL_SHAPER),
    needless("shaper", "cburst", KERNEL_SHAPER),
    needless("shaper", "ifb", KERNEL_SHAPER),
    needless("shaper", "up-limiter", KERNEL_SHAPER),
    needless("shaper", "down-limiter", KERNEL_SHAPER),
    needless("shaper", "leaf-qdisc", KERNEL_SHAPER),
];

const OPERATION: &[Known] = &[
    needless("cli", "verbose", OWN_TOOLS),
    missing(
        "cli",
        "telnet",
        "the control socket is for this host, guarded by file permissions",
    ),
    missing(
        "cli",
        "tcp",
        "the control socket is for this host, guarded by file permissions",
    ),
    missing(
        "cli",
        "password",
        "the control socket is guarded by file permissions",
    ),
    needless("cli", "prompt", OWN_TOOLS),
    needless("cli", "history-file", OWN_TOOLS),
    needless("cli", "sessions-columns", OWN_TOOLS),
    missing(
        "snmp",
        "master",
        "figures are at `[metrics] listen`, for Prometheus",
    ),
    missing(
        "snmp",
        "agent-name",
        "figures are at `[metrics] listen`, for Prometheus",
    ),
    missing("connlimit", "limit", ATTEMPTS),
    missing("connlimit", "burst", ATTEMPTS),
    missing("connlimit", "timeout", ATTEMPTS),
    carried("metrics", "address", "`[metrics] listen`"),
    missing(
        "metrics",
        "format",
        "metrics are in Prometheus' form; `adit stats --json` has the figures as JSON",
    ),
    missing(
        "metrics",
        "allowed_ips",
        "let it listen on an address that only the collector reaches",
    ),
    needless(
        "metrics",
        "read_timeout",
        "requests have a time of their own",
    ),
    needless(
        "metrics",
        "max_clients",
        "requests have a bound of their own",
    ),
    missing(
        "metrics",
        "sessions",
        "sessions are no time series; `adit sessions --json` lists them",
    ),
];
