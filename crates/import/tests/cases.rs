//! Single rules of the other programs' grammars, and what Adit is told where they differ.

mod common;

use adit_import::Outcome;
use common::{accel_ppp, checked, has, keys, lost, needless, outcome, pptpd, remarks, value};

const MODULES: &str =
    "[modules]\npptp\nauth_mschap_v2\nchap-secrets\nippool\nipv6pool\nshaper\nlog_file\nradius\n";

fn with_modules(text: &str) -> adit_import::Import {
    accel_ppp(&format!("{MODULES}[radius]\nserver=192.0.2.1,s\n{text}"))
}

#[test]
fn only_modules_that_are_loaded_count() {
    let import = accel_ppp(
        "[modules]\npptp\n[radius]\nserver=192.0.2.1,s\n[ip-pool]\n10.0.0.0/24\n[chap-secrets]\n",
    );
    assert_eq!(
        needless(&import, "[ip-pool] 10.0.0.0/24"),
        "the module `ippool` is not loaded"
    );
    assert!(!import.configuration.contains("[[radius"));
    assert!(remarks(&import, "no users come from anywhere"));
    checked(&import);
}

#[test]
fn accel_ppp_takes_the_first_of_two() {
    let import = with_modules("[ppp]\nmru=1400\nmru=1300\n");
    assert_eq!(value(&import, "ppp.mru"), "1400");
    assert!(needless(&import, "[ppp] mru=1300").contains("takes the first"));
}

#[test]
fn a_second_section_of_a_name_does_not_count() {
    let import = with_modules("[ppp]\nmru=1400\n[pptp]\n[ppp]\nmtu=1300\n");
    assert!(!has(&import, "network.mtu"));
    assert!(lost(&import, "[ppp] mtu=1300").contains("the first one only"));
}

#[test]
fn numbers_may_be_followed_by_anything() {
    let import = with_modules("[ppp]\nmru = 1400 # as ever\n\tmax-configure=12\n");
    assert_eq!(value(&import, "ppp.mru"), "1400");
    assert_eq!(value(&import, "ppp.max_configure"), "12");
}

#[test]
fn values_out_of_range_are_told_and_left_out() {
    let import = with_modules(
        "[ppp]\nmru=9000\nmtu=x\nmax-failure=0\n[pptp]\nport=99999\nbind=vpn.example.com\n",
    );
    assert_eq!(
        lost(&import, "[ppp] mru=9000"),
        "`ppp.mru` would be 9000; Adit takes 576 to 1500"
    );
    assert!(lost(&import, "[ppp] mtu=x").contains("no packet size"));
    assert!(lost(&import, "[ppp] max-failure=0").contains("1 to 255"));
    assert!(lost(&import, "[pptp] bind=vpn.example.com").contains("no such IPv4 address and port"));
    checked(&import);
}

#[test]
fn included_files_are_followed_and_circles_end() {
    use std::path::Path;
    let files = common::Memory::default()
        .with(
            "/a",
            format!("{MODULES}[ppp]\n$include /b\nmru=1400\n$include /gone\n"),
        )
        .with("/b", "max-configure=12\n$include /a\n");
    let import = adit_import::accel_ppp(&files, Path::new("/a"), Path::new("/x")).unwrap();
    assert_eq!(value(&import, "ppp.max_configure"), "12");
    assert_eq!(value(&import, "ppp.mru"), "1400");
    let gone = import.lines.iter().filter(|line| {
        matches!(&line.outcome, Outcome::NotCarried { reason } if reason.contains("there is no such file"))
    });
    assert!(gone.count() > 0);
    let circles = import.lines.iter().filter(|line| {
        matches!(&line.outcome, Outcome::NotCarried { reason } if reason.contains("in a circle"))
    });
    assert_eq!(circles.count(), 1);
}

#[test]
fn a_pool_that_is_one_prefix_stays_one() {
    for (gateway, ranges, expected) in [
        ("10.9.0.1", "10.9.0.2-255", "10.9.0.0/24"),
        ("10.9.0.1", "10.9.0.0/24", "10.9.0.0/24"),
        ("10.9.0.1", "10.9.0.0/23", "10.9.0.0/23"),
        ("10.9.0.1", "10.9.0.2-254", "10.9.0.0/24"),
        ("10.9.0.129", "10.9.0.128/25", "10.9.0.128/25"),
    ] {
        let import = with_modules(&format!("[ip-pool]\ngw-ip-address={gateway}\n{ranges}\n"));
        assert_eq!(value(&import, "network.pool"), format!("\"{expected}\""));
        assert!(!has(&import, "policy.pool"));
        checked(&import);
    }
}

#[test]
fn other_pools_leave_the_server_s_end_where_it_was() {
    let import = with_modules("[ip-pool]\ngw-ip-address=192.0.2.1\n10.9.0.0/24\n10.10.0.5-90\n");
    assert_eq!(value(&import, "network.pool"), "\"192.0.2.0/30\"");
    assert_eq!(
        value(&import, "pools.0.ranges"),
        "[\"10.9.0.0/24\", \"10.10.0.5-10.10.0.90\"]"
    );
    assert_eq!(value(&import, "policy.pool"), "\"main\"");
    checked(&import);
}

#[test]
fn a_server_s_end_that_cannot_stay_is_told() {
    let import =
        with_modules("[ip-pool]\ngw-ip-address=192.0.2.7\n10.9.0.0/24,main\n10.8.0.0/24\n");
    assert_eq!(value(&import, "network.pool"), "\"10.77.0.0/30\"");
    assert_eq!(value(&import, "policy.pool"), "\"main_\"");
    match outcome(&import, "[ip-pool] gw-ip-address=192.0.2.7") {
        Outcome::Carried { notes, .. } => {
            assert!(notes[0].contains("10.77.0.1 instead of 192.0.2.7"))
        }
        other => panic!("{other:?}"),
    }
    checked(&import);
}

#[test]
fn pools_that_adit_refuses_are_changed() {
    let import = with_modules(
        "[pptp]\nip-pool=default\n[ip-pool]\n10.1.0.0/24,name=default,next=b c\n10.2.0.0/24,name=b c,next=default\n\
         127.0.0.0/8,name=loop\n10.3.0.0/24,name=d,next=nowhere\n",
    );
    assert_eq!(value(&import, "pools.0.name"), "\"pool-default\"");
    assert_eq!(value(&import, "pools.1.name"), "\"b_c\"");
    assert_eq!(value(&import, "policy.pool"), "\"pool-default\"");
    assert!(remarks(&import, "in a circle"));
    assert!(remarks(
        &import,
        "the pool `d` is not followed by `nowhere`"
    ));
    assert!(lost(&import, "[ip-pool] 127.0.0.0/8,name=loop").contains("no addresses for clients"));
    checked(&import);
}

#[test]
fn where_the_server_listens_is_no_client_s_address() {
    let import =
        with_modules("[pptp]\nbind=10.9.0.7\n[ip-pool]\ngw-ip-address=10.9.0.1\n10.9.0.0/24\n");
    checked(&import);
    assert!(value(&import, "pools.0.ranges").contains("10.9.0.8-"));
}

#[test]
fn encryption_is_what_it_was() {
    for (text, policy) in [
        ("[ppp]\nmppe=require\n", "required"),
        ("[ppp]\nmppe=prefer\n", "optional"),
        ("[ppp]\nmppe=deny\n", "off"),
        ("[ppp]\nmppe=require\n[pptp]\nmppe=deny\n", "off"),
        ("[ppp]\nmppe=require\nccp=0\n", "off"),
        ("", "optional"),
    ] {
        let import = with_modules(text);
        assert_eq!(
            value(&import, "encryption.policy"),
            format!("\"{policy}\""),
            "{text}"
        );
        checked(&import);
    }
    assert!(remarks(
        &with_modules(""),
        "nothing says whether clients encrypt"
    ));
}

#[test]
fn required_encryption_gets_a_method_with_keys() {
    let import = accel_ppp("[modules]\npptp\nauth_pap\nchap-secrets\n[ppp]\nmppe=require\n");
    assert_eq!(
        value(&import, "authentication.methods"),
        "[\"mschap-v2\", \"pap\"]"
    );
    checked(&import);
}

#[test]
fn hashed_secrets_files_are_not_used() {
    let import = with_modules("[chap-secrets]\nchap-secrets=/x\nencrypted=1\nusername-hash=md5\n");
    assert!(lost(&import, "[chap-secrets] encrypted=1").contains("clear passwords"));
    assert!(!has(&import, "users.secrets"));
    assert_eq!(value(&import, "authentication.order"), "[\"radius\"]");
    checked(&import);
}

#[test]
fn clients_from_everywhere_need_no_list() {
    let import = with_modules("[client-ip-range]\n10.0.0.0/8\ndisable\n");
    assert!(!has(&import, "limits.allow"));
    assert!(needless(&import, "[client-ip-range] 10.0.0.0/8").contains("everywhere"));
    assert!(remarks(&with_modules(""), "no section [client-ip-range]"));
    let import = with_modules("[client-ip-range]\n10.0.0.300/8\n10.0.0.9-5\n");
    assert!(lost(&import, "[client-ip-range] 10.0.0.9-5").contains("neither"));
}

#[test]
fn old_forms_of_radius_servers_are_read() {
    let text = format!(
        "{MODULES}[radius]\nauth-server=192.0.2.1:1645,old,secret\nacct-server=192.0.2.1:1646,old,secret\n\
         server=192.0.2.2,other,1812,0\n"
    );
    let import = accel_ppp(&text);
    assert_eq!(value(&import, "radius.servers.0.accounting_port"), "0");
    assert_eq!(
        value(&import, "radius.servers.1.authentication_port"),
        "1645"
    );
    assert_eq!(value(&import, "radius.servers.1.accounting_port"), "1646");
    assert_eq!(import.secrets[1].content.as_str(), "old,secret\n");
    checked(&import);
}

#[test]
fn the_same_server_twice_is_one() {
    let import = accel_ppp(&format!(
        "{MODULES}[radius]\nserver=192.0.2.1,a\nserver=192.0.2.1,b\n"
    ));
    assert!(matches!(checked(&import).radius, Some(radius) if radius.servers.len() == 1));
}

#[test]
fn pppd_demands_what_is_required() {
    let import = pptpd(
        "",
        "require-mschap-v2\nrequire-pap\nrefuse-chap\nrequire-mppe-40 require-mppe-128\n",
    );
    assert_eq!(
        value(&import, "authentication.methods"),
        "[\"mschap-v2\", \"pap\"]"
    );
    assert_eq!(value(&import, "encryption.strengths"), "[128, 40]");
    assert!(needless(&import, "refuse-chap").contains("required"));
    checked(&import);
}

#[test]
fn pppd_offers_all_where_nothing_is_required() {
    let import = pptpd("", "refuse-pap\n");
    assert_eq!(
        value(&import, "authentication.methods"),
        "[\"mschap-v2\", \"mschap-v1\", \"chap-md5\"]"
    );
    assert_eq!(value(&import, "encryption.policy"), "\"off\"");
    assert!(remarks(
        &import,
        "pppd encrypts nothing without `require-mppe`"
    ));
    checked(&import);
}

#[test]
fn pptpd_s_connections_bound_sessions() {
    let import = pptpd(
        "localip 10.8.0.1\nremoteip 10.8.0.2-254\nconnections 20\n",
        "require-mschap-v2",
    );
    assert_eq!(value(&import, "network.pool"), "\"10.8.0.0/24\"");
    assert_eq!(value(&import, "limits.sessions"), "20");
    checked(&import);
}

#[test]
fn pptpd_s_ranges_of_any_number_are_read() {
    let import = pptpd(
        "localip 10.7.0.1\nremoteip 192.168.0-3.2,192.168.9.9\n",
        "require-mschap-v2",
    );
    assert_eq!(
        value(&import, "pools.0.ranges"),
        "[\"192.168.0.2\", \"192.168.1.2\", \"192.168.2.2\", \"192.168.3.2\", \"192.168.9.9\"]"
    );
    let import = pptpd("remoteip 192.168.0.2, 192.168.0.3\n", "");
    assert!(lost(&import, "remoteip 192.168.0.2, 192.168.0.3").contains("neither"));
    checked(&import);
}

#[test]
fn with_delegate_pppd_s_own_addresses_count() {
    let import = pptpd(
        "delegate\nremoteip 10.0.0.2-9\n",
        "10.6.0.1:\nrequire-mschap-v2\nrequire-mppe\n",
    );
    assert!(needless(&import, "remoteip 10.0.0.2-9").contains("delegate"));
    assert_eq!(value(&import, "network.pool"), "\"10.6.0.0/30\"");
    assert_eq!(keys(&import, "10.6.0.1:"), ["network.pool"]);
    checked(&import);
    let import = pptpd("", "10.6.0.1:10.6.0.2\n");
    assert!(needless(&import, "10.6.0.1:10.6.0.2").contains("pptpd gives pppd other addresses"));
}

#[test]
fn plugins_are_named() {
    let import = pptpd(
        "",
        "plugin winbind.so\nntlm_auth-helper \"/usr/bin/ntlm_auth --x\"\nplugin mine.so\nrequire-mppe\n",
    );
    assert!(lost(&import, "plugin winbind.so").contains("RADIUS"));
    assert!(lost(&import, "plugin mine.so").contains("not known"));
    let import = pptpd("", "plugin radius.so\nrequire-mppe\n");
    assert!(
        lost(&import, "plugin radius.so")
            .contains("/etc/radiusclient/radiusclient.conf is not read")
    );
    checked(&import);
}

#[test]
fn a_missing_file_of_options_is_told() {
    use std::path::Path;
    let files = common::Memory::default().with("/p", "option /gone\n localip 10.0.0.1\n");
    let import = adit_import::pptpd(&files, Path::new("/p"), Path::new("/x")).unwrap();
    assert!(lost(&import, "option /gone").contains("no such file"));
    assert!(lost(&import, "localip 10.0.0.1").contains("begin with a blank"));
    let error = adit_import::pptpd(&files, Path::new("/gone"), Path::new("/x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read /gone: there is no such file"
    );
}
