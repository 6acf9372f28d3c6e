//! Options of pppd and of plugins that PPTP servers use, as its manual pages and sources have them.

use super::{Fate, Known};

const fn carried(name: &'static str, arguments: u8, place: &'static str) -> Known {
    row(name, arguments, Fate::Carried(place))
}

const fn needless(name: &'static str, arguments: u8, why: &'static str) -> Known {
    row(name, arguments, Fate::NotNeeded(why))
}

const fn missing(name: &'static str, arguments: u8, why: &'static str) -> Known {
    row(name, arguments, Fate::Missing(why))
}

const fn row(name: &'static str, arguments: u8, fate: Fate) -> Known {
    Known {
        section: "",
        name,
        arguments,
        fate,
    }
}

const CLIENT: &str = "it is for the side that dials; `adit connect` has options of its own";
const LINE: &str = "there is no terminal line and no modem";
const REJECTED: &str = "no compression is negotiated but MPPE";
const NO_EAP: &str = "EAP is not spoken";
const ONE_TIMER: &str = "`[ppp]` has the timers and counters of all protocols";
const NO_MULTILINK: &str = "a session is one link";
const LOGGED: &str =
    "`adit trace USER`, `adit log-level` and `-v` show packets when they are wanted";
const PROCESS: &str = "there is one process for all sessions, which systemd keeps";
const METHODS: &str = "`[authentication] methods`";
const POLICY: &str = "`[encryption] policy` and `strengths`";
const NO_IPX: &str = "IPX is not carried";
const NO_DIAL: &str = "a server calls nobody";
const LINK_WIDE: &str = "a client may use it, Adit does not";

pub(super) const TABLES: &[&[Known]] = &[
    AUTHENTICATION,
    ENCRYPTION,
    LCP,
    NETWORK,
    LIFE,
    PLUGINS,
    LINES,
    MULTILINK,
    IPX,
];

const AUTHENTICATION: &[Known] = &[
    needless("auth", 0, "a client always has to log in"),
    missing("noauth", 0, "a client always has to log in"),
    carried("require-pap", 0, METHODS),
    carried("+pap", 0, METHODS),
    carried("require-chap", 0, METHODS),
    carried("+chap", 0, METHODS),
    carried("require-mschap", 0, METHODS),
    carried("+mschap", 0, METHODS),
    carried("require-mschap-v2", 0, METHODS),
    carried("+mschap-v2", 0, METHODS),
    missing("require-eap", 0, NO_EAP),
    missing("+eap", 0, NO_EAP),
    carried("refuse-pap", 0, METHODS),
    carried("-pap", 0, METHODS),
    carried("refuse-chap", 0, METHODS),
    carried("-chap", 0, METHODS),
    carried("refuse-mschap", 0, METHODS),
    carried("-mschap", 0, METHODS),
    carried("refuse-mschap-v2", 0, METHODS),
    carried("-mschap-v2", 0, METHODS),
    needless("refuse-eap", 0, NO_EAP),
    needless("-eap", 0, NO_EAP),
    carried("name", 1, "`[users] server_name`"),
    needless("user", 1, CLIENT),
    needless("password", 1, CLIENT),
    needless("remotename", 1, CLIENT),
    missing(
        "usehostname",
        0,
        "write the host's name as `[users] server_name`",
    ),
    missing("domain", 1, "write the whole name as `[users] server_name`"),
    needless(
        "chapms-strip-domain",
        0,
        "a name is looked up with its domain and then without it",
    ),
    missing("login", 0, "users of the system (PAM) are not looked up"),
    missing("enable-session", 0, "no PAM session is opened"),
    missing(
        "papcrypt",
        0,
        "pap-secrets is not read; `adit user add` keeps hashes",
    ),
    missing("allow-ip", 1, "a client always has to log in"),
    missing(
        "allow-number",
        1,
        "clients have no telephone numbers; `[limits] allow` has addresses",
    ),
    needless(
        "remotenumber",
        1,
        "the client's outer address is its number",
    ),
    missing("privgroup", 1, "users of the system are not looked up"),
    needless("hide-password", 0, "no log ever has a password"),
    missing("show-password", 0, "no log ever has a password"),
    carried("chap-interval", 1, "`[authentication] rechallenge_seconds`"),
    needless("chap-max-challenge", 1, ONE_TIMER),
    needless("chap-restart", 1, ONE_TIMER),
    carried("chap-timeout", 1, "`[authentication] timeout_seconds`"),
    needless("pap-max-authreq", 1, CLIENT),
    needless("pap-restart", 1, CLIENT),
    needless(
        "pap-timeout",
        1,
        "`[authentication] timeout_seconds` holds for all methods",
    ),
    missing("eap-interval", 1, NO_EAP),
    missing("eap-max-rreq", 1, NO_EAP),
    missing("eap-max-sreq", 1, NO_EAP),
    missing("eap-restart", 1, NO_EAP),
    missing("eap-timeout", 1, NO_EAP),
    missing("need-peer-eap", 0, NO_EAP),
    missing("srp-interval", 1, NO_EAP),
    missing("srp-pn-secret", 1, NO_EAP),
    missing("srp-use-pseudonym", 0, NO_EAP),
    missing("ca", 1, NO_EAP),
    missing("capath", 1, NO_EAP),
    missing("cert", 1, NO_EAP),
    missing("key", 1, NO_EAP),
    missing("crl", 1, NO_EAP),
    missing("crl-dir", 1, NO_EAP),
    missing("pkcs12", 1, NO_EAP),
    missing("max-tls-version", 1, NO_EAP),
    missing("tls-verify-method", 1, NO_EAP),
    missing("tls-verify-key-usage", 0, NO_EAP),
    missing("callback", 1, "nobody is called back"),
    missing("+callback", 0, "nobody is called back"),
];

const ENCRYPTION: &[Known] = &[
    carried("require-mppe", 0, POLICY),
    carried("+mppe", 0, POLICY),
    carried("require-mppe-40", 0, POLICY),
    carried("+mppe-40", 0, POLICY),
    carried("require-mppe-128", 0, POLICY),
    carried("+mppe-128", 0, POLICY),
    carried("nomppe", 0, POLICY),
    carried("-mppe", 0, POLICY),
    carried("nomppe-40", 0, POLICY),
    carried("-mppe-40", 0, POLICY),
    carried("nomppe-128", 0, POLICY),
    carried("-mppe-128", 0, POLICY),
    carried("mppe-stateful", 0, "`[encryption] modes`"),
    carried("nomppe-stateful", 0, "`[encryption] modes`"),
    carried("noccp", 0, "`[encryption] policy = \"off\"`"),
    carried("-ccp", 0, "`[encryption] policy = \"off\"`"),
    missing("bsdcomp", 1, REJECTED),
    needless("nobsdcomp", 0, REJECTED),
    needless("-bsdcomp", 0, REJECTED),
    missing("deflate", 1, REJECTED),
    needless("nodeflate", 0, REJECTED),
    needless("-deflate", 0, REJECTED),
    needless("nodeflatedraft", 0, REJECTED),
    missing("predictor1", 0, REJECTED),
    needless("nopredictor1", 0, REJECTED),
    needless("-predictor1", 0, REJECTED),
    needless("noecp", 0, REJECTED),
    needless("-ecp", 0, REJECTED),
];

const LCP: &[Known] = &[
    carried("mtu", 1, "`[network] mtu`"),
    carried("mru", 1, "`[ppp] mru`"),
    needless("default-mru", 0, "`[ppp] mru` is what fits by itself"),
    needless("-mru", 0, "`[ppp] mru` is what fits by itself"),
    carried("lcp-echo-interval", 1, "`[ppp] lcp_echo_interval_seconds`"),
    carried("lcp-echo-failure", 1, "`[ppp] lcp_echo_failures`"),
    missing(
        "lcp-echo-adaptive",
        0,
        "requests are sent at every interval",
    ),
    missing("lcp-rtt-file", 1, "round-trip times are not kept"),
    carried("lcp-restart", 1, "`[ppp] restart_timer_ms`"),
    carried("lcp-max-configure", 1, "`[ppp] max_configure`"),
    carried("lcp-max-failure", 1, "`[ppp] max_failure`"),
    carried("lcp-max-terminate", 1, "`[ppp] max_terminate`"),
    needless("asyncmap", 1, LINE),
    needless("-am", 0, LINE),
    needless("default-asyncmap", 0, LINE),
    needless("escape", 1, LINE),
    needless("receive-all", 0, LINE),
    needless("noaccomp", 0, LINK_WIDE),
    needless("-ac", 0, LINK_WIDE),
    needless("nopcomp", 0, LINK_WIDE),
    needless("-pc", 0, LINK_WIDE),
    missing(
        "nomagic",
        0,
        "magic numbers find loops and are always there",
    ),
    missing("passive", 0, "the server speaks first, again and again"),
    missing("-p", 0, "the server speaks first, again and again"),
    missing("silent", 0, "the server speaks first, again and again"),
];

const NETWORK: &[Known] = &[
    carried(
        "<local>:<remote>",
        0,
        "`[network] pool`, if pptpd has `delegate`; else pptpd's addresses go before it",
    ),
    carried("ms-dns", 1, "`[network] dns`"),
    carried("ms-wins", 1, "`[network] wins`"),
    carried("proxyarp", 0, "`[network] proxy_arp`"),
    carried("noproxyarp", 0, "`[network] proxy_arp`"),
    carried("-proxyarp", 0, "`[network] proxy_arp`"),
    carried("+ipv6", 0, "`[network] ipv6`"),
    carried(
        "ipv6",
        1,
        "`[network] ipv6`; interface identifiers are the client's and Adit's own",
    ),
    carried("noipv6", 0, "`[network] ipv6`"),
    carried("-ipv6", 0, "`[network] ipv6`"),
    missing("noip", 0, "IPv4 is what every session has"),
    missing("-ip", 0, "IPv4 is what every session has"),
    needless("netmask", 1, "sessions have no interfaces of their own"),
    needless("noipdefault", 0, CLIENT),
    needless("noremoteip", 0, CLIENT),
    needless("nosendip", 0, CLIENT),
    needless("usepeerdns", 0, CLIENT),
    needless("usepeerwins", 0, CLIENT),
    needless("noresolvconf", 0, CLIENT),
    missing(
        "defaultroute",
        0,
        "a server's default route is not a client's",
    ),
    missing(
        "replacedefaultroute",
        0,
        "a server's default route is not a client's",
    ),
    needless("nodefaultroute", 0, "no default route is set"),
    needless("-defaultroute", 0, "no default route is set"),
    needless("noreplacedefaultroute", 0, "no default route is set"),
    missing(
        "defaultroute6",
        0,
        "a server's default route is not a client's",
    ),
    needless("nodefaultroute6", 0, "no default route is set"),
    needless("-defaultroute6", 0, "no default route is set"),
    needless("defaultroute-metric", 1, "no default route is set"),
    needless("defaultroute6-metric", 1, "no default route is set"),
    missing(
        "ipcp-accept-local",
        0,
        "the server's address is the server's",
    ),
    missing(
        "ipcp-accept-remote",
        0,
        "a client gets what its user may have, not what it asks for",
    ),
    needless("ipcp-no-address", 0, CLIENT),
    needless(
        "ipcp-no-addresses",
        0,
        "the old form of the option is not sent",
    ),
    needless("ipcp-max-configure", 1, ONE_TIMER),
    needless("ipcp-max-failure", 1, ONE_TIMER),
    needless("ipcp-max-terminate", 1, ONE_TIMER),
    needless("ipcp-restart", 1, ONE_TIMER),
    missing(
        "ipv6cp-accept-local",
        0,
        "the server's identifier is the server's",
    ),
    needless(
        "ipv6cp-accept-remote",
        0,
        "a client chooses its own identifier",
    ),
    needless("ipv6cp-max-configure", 1, ONE_TIMER),
    needless("ipv6cp-max-failure", 1, ONE_TIMER),
    needless("ipv6cp-max-terminate", 1, ONE_TIMER),
    needless("ipv6cp-restart", 1, ONE_TIMER),
    needless(
        "ipv6cp-use-ipaddr",
        0,
        "a client chooses its own identifier",
    ),
    needless(
        "ipv6cp-use-persistent",
        0,
        "the server's identifier is Adit's own",
    ),
    needless("ipv6cp-noremote", 0, CLIENT),
    needless("ipv6cp-nosend", 0, CLIENT),
    needless("novj", 0, REJECTED),
    needless("-vj", 0, REJECTED),
    needless("novjccomp", 0, REJECTED),
    needless("-vjccomp", 0, REJECTED),
    missing("vj-max-slots", 1, REJECTED),
    missing(
        "ipparam",
        1,
        "programs get the client's outer address there, as from pptpd",
    ),
    carried("ip-up-script", 1, "`[hooks] ip_up`"),
    carried("ip-down-script", 1, "`[hooks] ip_down`"),
    missing(
        "ip-pre-up-script",
        1,
        "`ip_up` runs when the session has its addresses; nothing runs before",
    ),
    missing("ipv6-up-script", 1, "`ip_up` runs for both"),
    missing("ipv6-down-script", 1, "`ip_down` runs for both"),
    missing(
        "active-filter",
        1,
        "every packet counts for `[policy] idle_seconds`",
    ),
    missing(
        "pass-filter",
        1,
        "nftables filters; `[firewall]` makes sets with clients' addresses",
    ),
];

const LIFE: &[Known] = &[
    carried("idle", 1, "`[policy] idle_seconds`"),
    carried("maxconnect", 1, "`[policy] session_seconds`"),
    carried("maxoctets", 1, "`[policy] volume`"),
    carried("mo", 1, "`[policy] volume`"),
    missing(
        "mo-direction",
        1,
        "`[policy] volume` counts both directions together",
    ),
    needless("mo-timeout", 1, "counters are looked at every few seconds"),
    needless("persist", 0, NO_DIAL),
    needless("nopersist", 0, NO_DIAL),
    needless("holdoff", 1, NO_DIAL),
    needless("maxfail", 1, NO_DIAL),
    needless("demand", 0, NO_DIAL),
    needless("connect-delay", 1, NO_DIAL),
    needless(
        "child-timeout",
        1,
        "`[hooks] timeout_seconds` bounds programs",
    ),
    needless("updetach", 0, PROCESS),
    needless("nodetach", 0, PROCESS),
    needless("-detach", 0, PROCESS),
    needless("up_sdnotify", 0, PROCESS),
    needless("linkname", 1, PROCESS),
    needless("unit", 1, "sessions have no interfaces of their own"),
    missing(
        "ifname",
        1,
        "sessions have no interfaces of their own; `[network] interface` names the one of all",
    ),
    missing("vrf", 1, "start the server in the VRF, as by `ip vrf exec`"),
    needless("set", 1, "`[hooks]` programs have Adit's environment"),
    needless("unset", 1, "`[hooks]` programs have Adit's environment"),
    carried("file", 1, "the file is imported too"),
    carried("call", 1, "the file is imported too"),
    carried("logfile", 1, "`[log] target`"),
    needless("logfd", 1, PROCESS),
    needless("nolog", 0, PROCESS),
    needless("nologfd", 0, PROCESS),
    needless("debug", 0, LOGGED),
    needless("-d", 0, LOGGED),
    needless("kdebug", 1, LOGGED),
    needless("dump", 0, "`adit config check` shows what is wrong"),
    needless("dryrun", 0, "`adit config check` shows what is wrong"),
    missing("record", 1, "`adit trace USER --pcapng FILE` records"),
];

const PLUGINS: &[Known] = &[
    carried(
        "plugin",
        1,
        "`radius.so`: `[radius]`; others have their lines below",
    ),
    needless(
        "plugin pptpd-logwtmp.so",
        0,
        "no session is written to wtmp; `[events]` has a line for each",
    ),
    missing(
        "plugin radattr.so",
        0,
        "attributes of a reply are not written to files",
    ),
    missing(
        "plugin radrealms.so",
        0,
        "the server's own rules can choose by realm",
    ),
    missing(
        "plugin winbind.so",
        0,
        "a domain's users are reached by RADIUS, as of Windows' NPS or FreeRADIUS with ntlm_auth",
    ),
    missing(
        "plugin dhcpv6relay.so",
        0,
        "there is no DHCPv6; a client gets a /64 by router advertisement",
    ),
    missing(
        "plugin minconn.so",
        0,
        "every packet counts for `[policy] idle_seconds`",
    ),
    needless("plugin passprompt.so", 0, CLIENT),
    needless("plugin passwordfd.so", 0, CLIENT),
    needless("plugin pptp.so", 0, CLIENT),
    carried("radius-config-file", 1, "the file is imported too"),
    missing("avpair", 1, "attributes of requests are Adit's own"),
    needless("map-to-ifname", 0, "NAS-Port is a number of Adit's own"),
    needless("map-to-ttyname", 0, "NAS-Port is a number of Adit's own"),
    needless(
        "pptpd-original-ip",
        1,
        "the client's outer address is known",
    ),
    missing(
        "ntlm_auth-helper",
        1,
        "a domain's users are reached by RADIUS",
    ),
];

const LINES: &[Known] = &[
    needless("lock", 0, LINE),
    needless("nolock", 0, LINE),
    needless("local", 0, LINE),
    needless("modem", 0, LINE),
    needless("crtscts", 0, LINE),
    needless("nocrtscts", 0, LINE),
    needless("-crtscts", 0, LINE),
    needless("cdtrcts", 0, LINE),
    needless("nocdtrcts", 0, LINE),
    needless("xonxoff", 0, LINE),
    needless("stop-bits", 1, LINE),
    needless("sync", 0, LINE),
    needless("datarate", 1, LINE),
    needless("<device>", 0, LINE),
    needless("<speed>", 0, LINE),
    needless("connect", 1, LINE),
    needless("disconnect", 1, LINE),
    needless("init", 1, LINE),
    needless("welcome", 1, LINE),
    needless("pty", 1, LINE),
    needless("socket", 1, LINE),
    needless("notty", 0, LINE),
    needless(
        "ktune",
        0,
        "`[network] forward` sets what the kernel has to know",
    ),
    needless(
        "noktune",
        0,
        "`[network] forward` sets what the kernel has to know",
    ),
];

const MULTILINK: &[Known] = &[
    missing("multilink", 0, NO_MULTILINK),
    missing("mp", 0, NO_MULTILINK),
    needless("nomultilink", 0, NO_MULTILINK),
    needless("nomp", 0, NO_MULTILINK),
    missing("mrru", 1, NO_MULTILINK),
    missing("mpshortseq", 0, NO_MULTILINK),
    needless("nompshortseq", 0, NO_MULTILINK),
    missing("endpoint", 1, NO_MULTILINK),
    needless("noendpoint", 0, NO_MULTILINK),
    missing("bundle", 1, NO_MULTILINK),
    needless("master_detach", 0, NO_MULTILINK),
];

const IPX: &[Known] = &[
    missing("ipx", 0, NO_IPX),
    missing("+ipx", 0, NO_IPX),
    needless("noipx", 0, NO_IPX),
    needless("-ipx", 0, NO_IPX),
    missing("ipx-network", 1, NO_IPX),
    missing("ipx-node", 1, NO_IPX),
    missing("ipx-router-name", 1, NO_IPX),
    missing("ipx-routing", 1, NO_IPX),
    missing("ipxcp-accept-local", 0, NO_IPX),
    missing("ipxcp-accept-network", 0, NO_IPX),
    missing("ipxcp-accept-remote", 0, NO_IPX),
    missing("ipxcp-max-configure", 1, NO_IPX),
    missing("ipxcp-max-failure", 1, NO_IPX),
    missing("ipxcp-max-terminate", 1, NO_IPX),
    missing("ipxcp-restart", 1, NO_IPX),
];
