//! Input that nobody would write on purpose.

mod common;

use std::path::Path;

use adit_import::files::{LARGEST_FILE, MOST_LINES};
use adit_import::options::{Fate, Program};
use adit_import::{Outcome, ReadError};
use common::{Memory, accel_ppp, checked, pptpd};
use proptest::prelude::*;

/// Words that mean something to one of the grammars.
const PIECES: &[&str] = &[
    "\n",
    "\n",
    "\n",
    "=",
    ",",
    " ",
    "\t",
    "#",
    "{",
    "}",
    "[",
    "]",
    "/",
    "-",
    ":",
    ".",
    "\"",
    "'",
    "\\",
    "0",
    "1",
    "10",
    "255",
    "99999999999999999999",
    "10.0.0.1",
    "10.0.0.0/24",
    "10.0.0.1-9",
    "192.168.0-3.2",
    "0.0.0.0/0",
    "2001:db8::/48,64",
    "[modules]\n",
    "[ppp]\n",
    "[pptp]\n",
    "[radius]\n",
    "[ip-pool]\n",
    "[ipv6-pool]\n",
    "[shaper]\n",
    "[auth]\n",
    "[common]\n",
    "[client-ip-range]\n",
    "[dns]\n",
    "[chap-secrets]\n",
    "$include /a.conf",
    "radius",
    "pptp",
    "ippool",
    "chap-secrets",
    "auth_mschap_v2",
    "auth_pap",
    "auth_chap_md5",
    "name=",
    "next=",
    "default",
    "main",
    "mtu=",
    "mru=",
    "mppe=",
    "require",
    "deny",
    "ipv6=",
    "allow",
    "gw-ip-address=",
    "server=",
    "dae-server=",
    "rate-limit=",
    "bind=",
    "port=",
    "localip ",
    "remoteip ",
    "connections ",
    "delegate",
    "listen ",
    "option /o",
    "file /o",
    "mtu ",
    "require-pap",
    "require-mppe",
    "nomppe",
    "plugin radius.so",
    "proxyarp",
    "lcp-echo-interval ",
    "maxoctets ",
    "é",
    "\u{7f}",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_filter("no text", |c| *c != '\0').prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

/// Lines of settings that are known, with values that may or may not be any.
fn settings() -> impl Strategy<Value = String> {
    let known: Vec<(&str, &str)> = Program::AccelPpp
        .options()
        .into_iter()
        .filter(|known| !known.name.starts_with('<'))
        .map(|known| (known.section, known.name))
        .collect();
    let value = prop_oneof![
        Just(String::new()),
        any::<i64>().prop_map(|number| number.to_string()),
        (0_i64..2000).prop_map(|number| number.to_string()),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")),
        any::<([u8; 4], u8)>().prop_map(|([a, b, c, d], e)| format!("{a}.{b}.{c}.{d}-{e}")),
        (any::<[u8; 4]>(), 0_u8..33).prop_map(|([a, b, c, d], e)| format!("{a}.{b}.{c}.{d}/{e}")),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}:{d},secret")),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d},secret,backup")),
        proptest::sample::select(
            &[
                "require",
                "deny",
                "allow",
                "prefer",
                "replace",
                "/x",
                "x",
                "prometheus",
                "1/2"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let line = (proptest::sample::select(known), value);
    let pool = (
        any::<[u8; 4]>(),
        8_u8..33,
        proptest::sample::select(&["", ",a", ",name=b,next=a", ",a,next=b"][..]),
    )
        .prop_map(|([a, b, c, d], length, name)| format!("{a}.{b}.{c}.{d}/{length}{name}"));
    let lines = proptest::collection::vec(line, 0..60);
    let pools = proptest::collection::vec(pool, 0..6);
    (lines, pools).prop_map(|(mut lines, pools)| {
        lines.sort_by_key(|((section, _), _)| *section);
        let mut text = String::from("[modules]\npptp\nippool\n");
        let mut at = "modules";
        for ((section, name), value) in lines {
            if section != at {
                text.push_str(&format!("[{section}]\n"));
                at = section;
            }
            match section {
                "modules" => text.push_str(&format!("{name}\n")),
                _ => text.push_str(&format!("{name}={value}\n")),
            }
        }
        if at != "ip-pool" && !text.contains("[ip-pool]") {
            text.push_str("[ip-pool]\n");
            text.push_str(&pools.join("\n"));
        }
        text
    })
}

/// Options of pppd that are known, with arguments that may or may not be any.
fn options() -> impl Strategy<Value = String> {
    let known: Vec<(&str, u8)> = Program::Pppd
        .options()
        .into_iter()
        .filter(|known| !known.name.starts_with('<') && !known.name.contains(' '))
        .map(|known| (known.name, known.arguments))
        .collect();
    let argument = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        (0_i64..2000).prop_map(|number| number.to_string()),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")),
        Just("/o".to_owned()),
    ];
    let option = (proptest::sample::select(known), argument);
    proptest::collection::vec(option, 0..60).prop_map(|options| {
        let line = |((name, arguments), argument): &((&str, u8), String)| match arguments {
            0 => format!("{name}\n"),
            _ => format!("{name} {argument}\n"),
        };
        options.iter().map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever stands in the file: no panic, and what comes of it is TOML without a foreign line in it.
    #[test]
    fn no_text_panics(text in text(), other in text()) {
        let files = Memory::default()
            .with("/a.conf", text.clone())
            .with("/o", other.clone())
            .with("/etc/ppp/chap-secrets", other.clone())
            .with("/etc/radiusclient/radiusclient.conf", other);
        let directory = Path::new("/etc/adit");
        let accel = adit_import::accel_ppp(&files, Path::new("/a.conf"), directory).unwrap();
        let pptpd = adit_import::pptpd(&files, Path::new("/a.conf"), directory).unwrap();
        for import in [accel, pptpd] {
            prop_assert!(import.configuration.parse::<toml::Table>().is_ok(), "{}", import.configuration);
        }
    }

    #[test]
    fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let files = Memory::default().with("/a.conf", octets.clone());
        let result = adit_import::accel_ppp(&files, Path::new("/a.conf"), Path::new("/etc/adit"));
        prop_assert_eq!(result.is_err(), octets.contains(&0));
        let result = adit_import::pptpd(&files, Path::new("/a.conf"), Path::new("/etc/adit"));
        prop_assert_eq!(result.is_err(), octets.contains(&0));
    }

    /// Whatever settings there are: Adit takes what comes of them, and each line that the table knows has an
    /// account.
    #[test]
    fn adit_takes_what_comes_of_any_settings(text in settings()) {
        let import = accel_ppp(&text);
        checked(&import);
        for line in &import.lines {
            prop_assert_ne!(&line.outcome, &Outcome::Unknown, "{} of\n{}", &line.text, &text);
        }
    }

    #[test]
    fn adit_takes_what_comes_of_any_options(text in options(), connections in 0_i64..70_000, delegate in any::<bool>()) {
        let delegate = if delegate { "delegate\n" } else { "" };
        let import = pptpd(&format!("connections {connections}\n{delegate}"), &text);
        checked(&import);
        for line in &import.lines {
            prop_assert_ne!(&line.outcome, &Outcome::Unknown, "{} of\n{}", &line.text, &text);
        }
    }
}

/// What the table says to be carried over is carried over, and nothing else is.
#[test]
fn the_table_and_the_import_agree() {
    let values = [
        "1",
        "1000",
        "30",
        "require",
        "deny",
        "replace",
        "10.0.0.1",
        "10.0.0.1,secret",
        "10.0.0.1:1000,secret",
        "/x",
        "10.0.0.0/24",
        "2001:db8::1",
        "10.0.0.1:80",
        "a",
        "Framed-Pool",
        "Mikrotik",
        "1/2",
        "0",
        "Filter-Id",
    ];
    for known in Program::AccelPpp.options() {
        if known.name.starts_with('<') || known.section == "modules" {
            continue;
        }
        let mut carried = false;
        for value in values {
            let name = known.name;
            let before = match (known.section, name) {
                ("radius", "server" | "auth-server" | "acct-server") => "",
                ("radius", _) => "server=192.0.2.9,s\n",
                _ => "",
            };
            let import = accel_ppp(&format!(
                "[modules]\npptp\nradius\nchap-secrets\nippool\nipv6pool\nipv6_nd\nipv6_dhcp\npppd_compat\nshaper\n\
                 metrics\nconnlimit\nlog_file\nlog_pgsql\nnet-snmp\n[{}]\n{before}{name}={value}\n",
                known.section
            ));
            let line = import.lines.last().unwrap();
            carried |= match &line.outcome {
                Outcome::Carried { .. } => true,
                Outcome::Unknown => panic!("[{}] {name}={value} is unknown", known.section),
                // `by itself so in Adit`, or `the file is imported too`
                Outcome::NotNeeded { .. } => known_without_a_key(known.fate),
                Outcome::NotCarried { .. } => false,
            };
        }
        // These need a line beside them.
        let paired = matches!(
            (known.section, known.name),
            ("pptp", "echo-failure" | "ip-pool" | "ipv6-pool")
                | ("radius", "dae-allowed")
                | ("ipv6-dns", "dns")
                | ("pppd-compat", "fork-limit")
                | ("log", "syslog")
                | ("shaper", "rate-multiplier")
                | ("ppp", "ccp")
        );
        match known.fate {
            Fate::Carried(_) => assert!(carried || paired, "[{}] {}", known.section, known.name),
            _ => assert!(!carried, "[{}] {}", known.section, known.name),
        }
    }
}

fn known_without_a_key(fate: Fate) -> bool {
    matches!(fate, Fate::Carried(place) if place.contains("by itself") || place.contains("by themselves"))
}

#[test]
fn much_is_too_much() {
    let files = Memory::default()
        .with("/large", vec![b'#'; LARGEST_FILE + 1])
        .with("/binary", b"\x7fELF\0\0".to_vec())
        .with(
            "/many",
            "[ppp]\n".to_owned() + &"mtu=1400\n".repeat(MOST_LINES + 10),
        );
    let read = |path: &str| adit_import::accel_ppp(&files, Path::new(path), Path::new("/x"));
    assert_eq!(read("/large").unwrap_err().error, ReadError::TooLarge);
    assert_eq!(read("/binary").unwrap_err().error, ReadError::NotText);
    let import = read("/many").unwrap();
    assert_eq!(import.lines.len(), MOST_LINES);
    assert!(
        import
            .remarks
            .iter()
            .any(|remark| remark.contains("only the first"))
    );
}

#[test]
fn files_that_name_each_other_end() {
    let files = Memory::default()
        .with("/etc/pptpd.conf", "option /a\n")
        .with("/a", "file /b\nfile /b\n")
        .with("/b", "file /a\nfile /a\n");
    let import = adit_import::pptpd(&files, Path::new("/etc/pptpd.conf"), Path::new("/x")).unwrap();
    assert!(import.lines.len() < 200, "{}", import.lines.len());
}
