//! Whole configurations as they are found in the field.

mod common;

use std::path::Path;

use adit_import::{Files, Import, Outcome};
use common::{Memory, checked, has, keys, lost, needless, outcome, remarks, value};

fn accel_ppp() -> Import {
    let files = Memory::default()
        .with(
            "/etc/accel-ppp.conf",
            include_str!("samples/accel-ppp.conf"),
        )
        .with(
            "/etc/accel-ppp/chap-secrets",
            include_str!("samples/accel-ppp.secrets"),
        );
    adit_import::accel_ppp(
        &files,
        Path::new("/etc/accel-ppp.conf"),
        Path::new("/etc/adit"),
    )
    .expect("it can be read")
}

fn office() -> Memory {
    Memory::default()
        .with("/etc/pptpd.conf", include_str!("samples/pptpd.conf"))
        .with(
            "/etc/ppp/options.pptpd",
            include_str!("samples/options.pptpd"),
        )
        .with("/etc/ppp/more-options", "debug\nlcp-max-configure 7\n")
        .with("/etc/ppp/options", "asyncmap 0\nauth\nlcp-echo-failure 4\n")
        .with("/etc/ppp/ip-up", "#!/bin/sh\n")
        .with(
            "/etc/ppp/chap-secrets",
            "alice pptpd secret-of-alice *\ncarol * secret-of-carol host.example\n",
        )
}

fn pptpd(files: &dyn Files, path: &str) -> Import {
    adit_import::pptpd(files, Path::new(path), Path::new("/etc/adit")).expect("it can be read")
}

/// No secret may be anywhere but in files of their own.
fn assert_no_secret(import: &Import, secrets: &[&str]) {
    let everything = format!(
        "{}{:?}{:?}{:?}",
        import.configuration, import.lines, import.remarks, import.secrets
    );
    for secret in secrets {
        assert!(
            !everything.contains(secret),
            "`{secret}` is in\n{everything}"
        );
    }
}

#[test]
fn accel_ppp_s_sample_is_understood_by_adit() {
    let config = checked(&accel_ppp());
    assert_eq!(config.limits.sessions, 3000);
    assert_eq!(config.pools.len(), 2);
    assert_eq!(config.radius.map(|radius| radius.servers.len()), Some(2));
}

#[test]
fn accel_ppp_s_settings_reach_their_keys() {
    let import = accel_ppp();
    for (key, expected) in [
        ("listen", "[\"192.0.2.1:1723\"]"),
        ("network.mtu", "1400"),
        ("network.ipv6", "true"),
        ("network.pool", "\"10.20.0.0/24\""),
        ("network.dns", "[\"192.0.2.53\", \"192.0.2.54\"]"),
        ("network.wins", "[\"192.0.2.60\"]"),
        ("network.ipv6_prefix", "\"2001:db8:1::/48\""),
        ("network.ipv6_dns", "[\"2001:db8::53\"]"),
        ("pools.0.name", "\"subscribers\""),
        ("pools.0.ranges", "[\"10.21.0.0/16\"]"),
        (
            "pools.1.ranges",
            "[\"10.22.0.1-10.22.0.200\", \"10.23.0.0/24\"]",
        ),
        ("pools.1.next", "\"subscribers\""),
        ("ipv6_pools.0.prefix", "\"2001:db8:2::/48\""),
        ("users.secrets", "\"/etc/accel-ppp/chap-secrets\""),
        ("authentication.methods", "[\"mschap-v2\", \"pap\"]"),
        ("authentication.order", "[\"radius\", \"secrets\"]"),
        ("authentication.attempts", "2"),
        ("authentication.timeout_seconds", "20"),
        ("encryption.policy", "\"required\""),
        ("encryption.strengths", "[128]"),
        ("radius.nas_identifier", "\"edge1\""),
        ("radius.source_address", "\"192.0.2.1\""),
        ("radius.timeout_ms", "2000"),
        ("radius.tries", "4"),
        ("radius.dead_seconds", "30"),
        ("radius.require_message_authenticator", "true"),
        ("radius.servers.0.address", "\"192.0.2.11\""),
        ("radius.servers.1.address", "\"192.0.2.10\""),
        (
            "radius.servers.1.secret_file",
            "\"/etc/adit/radius-192.0.2.10.secret\"",
        ),
        ("policy.simultaneous", "\"replace\""),
        ("policy.pool", "\"subscribers\""),
        ("policy.ipv6_pool", "\"guests\""),
        ("policy.rate_down", "\"2048k\""),
        ("policy.rate_up", "\"1024k\""),
        ("policy.burst_ms", "100"),
        ("ppp.mru", "1400"),
        ("ppp.restart_timer_ms", "5000"),
        ("ppp.max_configure", "12"),
        ("ppp.lcp_echo_failures", "6"),
        ("pptp.echo_interval_seconds", "30"),
        ("pptp.echo_timeout_seconds", "90"),
        ("pptp.half_open_seconds", "8"),
        ("limits.sessions", "3000"),
        ("limits.half_open", "200"),
        (
            "limits.allow",
            "[\"10.0.0.0/8\", \"192.0.2.7/32\", \"192.0.2.8/29\", \"192.0.2.16/30\", \"192.0.2.20/32\"]",
        ),
        ("hooks.ip_up", "\"/etc/ppp/ip-up\""),
        ("hooks.parallel", "16"),
    ] {
        assert_eq!(value(&import, key), expected, "{key}");
    }
}

#[test]
fn accel_ppp_s_lines_all_have_an_account() {
    let import = accel_ppp();
    let unknown: Vec<_> = import
        .lines
        .iter()
        .filter(|line| line.outcome == Outcome::Unknown)
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(unknown, ["[pptp] colour"]);
    assert_eq!(lost(&import, "[l2tp] secret"), "Adit speaks PPTP only");
    assert!(lost(&import, "[ip-pool] 10.21.0.0/24,name=late").contains("in other pools"));
    assert!(lost(&import, "[radius] default-realm=example.net").contains("realm"));
    assert!(lost(&import, "[ipv6-pool] delegate=2001:db8:4::/36,48").contains("DHCPv6"));
    assert!(needless(&import, "[ppp] lcp-echo-failure=3").contains("lcp-echo-timeout"));
    assert!(needless(&import, "[auth] noauth=0").contains("log in"));
    match outcome(&import, "[ppp] lcp-echo-timeout=120") {
        Outcome::Carried { keys, notes } => {
            assert_eq!(keys, &["ppp.lcp_echo_failures"]);
            assert!(notes[0].contains("6 requests, one every 20 s"), "{notes:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn accel_ppp_s_secrets_go_to_files_of_their_own() {
    let import = accel_ppp();
    let secrets: Vec<_> = import
        .secrets
        .iter()
        .map(|file| (file.path.display().to_string(), file.content.as_str()))
        .collect();
    assert!(secrets.contains(&(
        "/etc/adit/radius-192.0.2.10.secret".to_owned(),
        "testing123\n"
    )));
    assert_no_secret(
        &import,
        &[
            "testing123",
            "testing456",
            "testing789",
            "l2tp-secret",
            "cli-secret",
            "alice-secret",
            "bob secret",
            "other-secret",
            "any-secret",
            "dave#secret",
        ],
    );
}

#[test]
fn what_a_secrets_file_means_otherwise_is_told() {
    let import = accel_ppp();
    for difference in [
        "a pool in the fourth column is not taken",
        "a rate in the fifth column is not taken",
        "accel-ppp looks at the first line of a user only; Adit prefers one that names a server: line 4 (`alice`)",
        "`*` lets every user in with this password",
        "a `#` begins a comment, also at the end of a word",
    ] {
        assert!(
            remarks(&import, difference),
            "{difference}: {:#?}",
            import.remarks
        );
    }
}

#[test]
fn addresses_of_a_lan_become_a_pool_of_their_own() {
    let files = office();
    let import = pptpd(&files, "/etc/pptpd.conf");
    let config = checked(&import);
    assert_eq!(config.network.pool.to_string(), "10.77.0.0/30");
    for (key, expected) in [
        ("listen", "[\"203.0.113.5:1723\"]"),
        ("network.proxy_arp", "true"),
        ("network.mtu", "1400"),
        ("network.dns", "[\"192.168.0.53\", \"192.168.0.54\"]"),
        ("network.wins", "[\"192.168.0.60\"]"),
        (
            "pools.0.ranges",
            "[\"192.168.0.234-192.168.0.238\", \"192.168.0.245\"]",
        ),
        ("policy.pool", "\"main\""),
        ("policy.idle_seconds", "1800"),
        ("policy.session_seconds", "86400"),
        ("users.secrets", "\"/etc/ppp/chap-secrets\""),
        ("users.server_name", "\"pptpd\""),
        ("authentication.methods", "[\"mschap-v2\"]"),
        ("encryption.policy", "\"required\""),
        ("encryption.strengths", "[128]"),
        ("ppp.lcp_echo_interval_seconds", "20"),
        ("ppp.lcp_echo_failures", "6"),
        ("ppp.max_configure", "7"),
        ("pptp.half_open_seconds", "20"),
        ("limits.sessions", "50"),
        ("hooks.ip_up", "\"/etc/ppp/ip-up\""),
    ] {
        assert_eq!(value(&import, key), expected, "{key}");
    }
    assert!(!has(&import, "hooks.ip_down"));
}

#[test]
fn pptpd_s_lines_all_have_an_account() {
    let files = office();
    let import = pptpd(&files, "/etc/pptpd.conf");
    let unknown: Vec<_> = import
        .lines
        .iter()
        .filter(|line| line.outcome == Outcome::Unknown)
        .map(|line| line.text.as_str())
        .collect();
    // Of an option that nobody knows, only the name is shown.
    assert_eq!(unknown, ["speedy", "frobnicate"]);
    assert!(lost(&import, "bcrelay eth1").contains("broadcasts"));
    assert!(
        needless(&import, "remoteip 192.168.9.1-100").contains("the first `remoteip`, in line 7")
    );
    assert!(needless(&import, "mtu 1420").contains("a later `mtu` counts"));
    assert!(needless(&import, "lcp-echo-failure 4").contains("/etc/ppp/options.pptpd"));
    assert!(needless(&import, "password ***").contains("dials"));
    assert!(needless(&import, "plugin /usr/lib/pppd/2.4.9/pptpd-logwtmp.so").contains("wtmp"));
    assert!(remarks(
        &import,
        "the name of a host or a network is not taken for an address: line 2 (`carol`)"
    ));
    assert_no_secret(
        &import,
        &["not-a-secret-of-ours", "secret-of", "harder than before"],
    );
}

#[test]
fn pppd_s_radius_plugin_is_followed() {
    let files = Memory::default()
        .with("/etc/pptpd.conf", include_str!("samples/pptpd-radius.conf"))
        .with(
            "/etc/ppp/options.radius",
            include_str!("samples/options.radius"),
        )
        .with(
            "/etc/radiusclient/office.conf",
            include_str!("samples/radiusclient.conf"),
        )
        .with("/etc/radiusclient/servers", include_str!("samples/servers"));
    let import = pptpd(&files, "/etc/pptpd.conf");
    checked(&import);
    for (key, expected) in [
        ("network.pool", "\"10.77.4.0/24\""),
        ("network.ipv6", "true"),
        ("authentication.order", "[\"radius\"]"),
        ("authentication.rechallenge_seconds", "3600"),
        ("encryption.strengths", "[128]"),
        ("encryption.modes", "[\"stateless\", \"stateful\"]"),
        ("policy.volume", "\"1073741824\""),
        ("radius.nas_identifier", "\"office\""),
        ("radius.timeout_ms", "10000"),
        ("radius.tries", "3"),
        ("radius.servers.0.address", "\"192.0.2.30\""),
        ("radius.servers.0.authentication_port", "1645"),
        ("radius.servers.0.accounting_port", "1646"),
        ("radius.servers.1.address", "\"192.0.2.31\""),
        ("radius.servers.1.accounting_port", "0"),
        ("limits.sessions", "100"),
    ] {
        assert_eq!(value(&import, key), expected, "{key}");
    }
    assert!(!has(&import, "users.secrets"));
    assert_eq!(
        keys(&import, "192.0.2.30 ***"),
        ["radius.servers.secret_file"]
    );
    assert!(needless(&import, "192.0.2.99 ***").contains("not asked"));
    assert_no_secret(&import, &["radius-secret"]);
    match outcome(&import, "remoteip 10.77.4.2-254") {
        Outcome::Carried { keys, notes } => {
            assert_eq!(keys, &["network.pool"]);
            assert!(
                notes[0].contains("the first 100 addresses only"),
                "{notes:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}
