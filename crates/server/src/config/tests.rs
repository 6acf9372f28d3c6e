use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> String {
    Config::parse(text, "adit.toml")
        .expect_err("the text is wrong")
        .to_string()
}

#[test]
fn default_text_is_the_default() {
    let config = Config::parse(DEFAULT_TEXT, "default").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(Config::parse("", "empty").unwrap(), Config::default());
}

#[test]
fn default_has_no_warnings() {
    assert_eq!(Config::default().warnings(), Vec::<String>::new());
}

/// The keys of a section, as serde lists them when it meets one that it does not know.
pub(super) fn known_keys(section: &str) -> Vec<String> {
    let text = format!("{section}\nzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz = 1");
    let message = refused(&text);
    let (_, list) = message.split_once("known here: ").expect("a list of keys");
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn default_text_documents_every_key() {
    let sections = known_keys("");
    assert!(sections.len() > 9, "{sections:?}");
    for section in &sections[2..] {
        let header = match DEFAULT_TEXT.contains(&format!("[[{section}]]")) {
            true => format!("[[{section}]]"),
            false => format!("[{section}]"),
        };
        let body = DEFAULT_TEXT.split_once(&header).expect("the section").1;
        let body = body.split("\n[").next().unwrap_or_default();
        let body = body.split("\n# [").next().unwrap_or_default();
        for key in known_keys(&header) {
            let documented = body.lines().any(|line| {
                line.trim_start_matches("# ")
                    .starts_with(&format!("{key} = "))
            });
            assert!(documented, "{section}.{key} is not in default.toml");
        }
    }
}

#[test]
fn commented_keys_of_the_default_text_parse() {
    let text = DEFAULT_TEXT
        .replace("# ipv6_prefix", "ipv6_prefix")
        .replace("# [[", "[[")
        .replace("# name =", "name =")
        .replace("# ranges =", "ranges =")
        .replace("# exclude =", "exclude =")
        .replace("# next =", "next =")
        .replace("# prefix =", "prefix =")
        .replace("# secrets =", "secrets =")
        .replace("# server_name", "server_name")
        .replace("database =", "# database =");
    let config = Config::parse(&text, "default").unwrap();
    assert!(config.network.ipv6_prefix.is_some());
    assert!(config.users.secrets.is_some() && config.users.database.is_none());
    assert_eq!((config.pools.len(), config.ipv6_pools.len()), (1, 1));
}

#[test]
fn unknown_keys_name_line_and_nearest() {
    assert_eq!(
        refused("[network]\npool = \"10.0.0.0/24\"\n  clamp_ms = true"),
        "adit.toml:3:3: unknown key `clamp_ms`; did you mean `clamp_mss`?"
    );
    assert!(
        refused("lisen = []")
            .contains("adit.toml:1:1: unknown key `lisen`; did you mean `listen`?")
    );
    assert!(
        refused("[authentication]\nmethods = [\"mschapv2\"]").contains("did you mean `mschap-v2`?")
    );
}

#[test]
fn rules_name_the_line_of_the_value() {
    let cases = [
        ("listen = []", "1:10: listen: no address"),
        ("\n[network]\npool = \"10.0.0.0/31\"", "3:8: network.pool"),
        (
            "[network]\npool = \"10.0.0.1/24\"",
            "did you mean 10.0.0.0/24?",
        ),
        ("[network]\npool = \"224.0.0.0/24\"", "not for hosts"),
        ("[network]\npool = \"2001:db8::/64\"", "2:8:"),
        (
            "listen = [\"10.77.0.9:1723\"]",
            "10.77.0.0/24 holds 10.77.0.9",
        ),
        ("[network]\nmtu = 1000", "2:7: network.mtu: IPv6 needs 1280"),
        ("[network]\nmtu = \"big\"", "2:7:"),
        ("[network]\nmtu = 70000", "2:7:"),
        (
            "[network]\nipv6 = false\nipv6_prefix = \"2001:db8::/56\"",
            "3:15:",
        ),
        ("[network]\nipv6_prefix = \"2001:db8::/80\"", "/32 to /64"),
        ("[network]\nipv6_dns = [\"2001:db8::1\"]", "ipv6_prefix"),
        (
            "[network]\ndns = [\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\"]",
            "at most two",
        ),
        (
            "[network]\ninterface = \"a%d%d\"",
            "2:13: network.interface",
        ),
        (
            "[authentication]\norder = [\"secrets\"]",
            "2:9: authentication.order",
        ),
        (
            "[authentication]\norder = [\"database\", \"database\"]",
            "2:9: authentication.order",
        ),
        ("[policy]\nburst_ms = 0", "2:12: policy.burst_ms"),
        (
            "[policy]\npool = \"office\"",
            "2:8: policy.pool: there is no pool \"office\"",
        ),
        (
            "[policy]\nipv6_pool = \"default\"",
            "2:13: policy.ipv6_pool",
        ),
        ("[policy]\nrate_up = \"10 Mbit\"", "2:11"),
        ("[policy]\nsimultaneous = \"never\"", "2:16"),
        (
            "[users]\nserver_name = \"pptpd\"",
            "2:15: users.server_name",
        ),
        (
            "[authentication]\nmethods = []",
            "2:11: authentication.methods",
        ),
        (
            "[authentication]\nmethods = [\"pap\"]",
            "encryption is required",
        ),
        (
            "[authentication]\nmethods = [\"mschap-v2\", \"chap-md5\"]",
            "clear passwords",
        ),
        (
            "[authentication]\nmethods = [\"mschap-v2\", \"mschap-v2\"]",
            "twice",
        ),
        (
            "[authentication]\nattempts = 0",
            "0 is out of range; use 1 to 100",
        ),
        ("[authentication]\nrechallenge_seconds = 3", "10 to 86400"),
        (
            "[encryption]\nstrengths = [64]",
            "2:13: 64 is no MPPE key length",
        ),
        ("[encryption]\nstrengths = []", "encryption.strengths"),
        ("[encryption]\nmodes = []", "encryption.modes"),
        (
            "[pptp]\nhost_name = \"0123456789012345678901234567890123456789012345678901234567890123456\"",
            "64 octets",
        ),
        (
            "[limits]\nconnections = 10",
            "limits.connections_per_address: 50 is more",
        ),
        ("[ppp]\nmru = 128", "576 to 1500"),
        (
            "[workers]\ncount = 0",
            "2:9: workers.count: 0 is out of range; use 1 to 16",
        ),
        ("[workers]\ncount = 17", "1 to 16"),
        ("[workers]\ncount = -1", "1 to 16"),
        (
            "[workers]\ncount = \"all\"",
            "unknown value `all`; known here: auto",
        ),
        (
            "[gre]\nreceive_buffer = 1",
            "2:18: gre.receive_buffer: 1 is out of range; use 65536 to 1073741824",
        ),
        ("[gre]\ntransmit = \"sockets\"", "did you mean `socket`?"),
        ("[network", "1:"),
    ];
    for (text, expected) in cases {
        let message = refused(text);
        assert!(message.contains(expected), "{text:?} gave {message:?}");
        assert!(message.starts_with("adit.toml:"), "{message:?}");
    }
}

#[test]
fn values_reach_their_fields() {
    let config = Config::parse(
        "listen = [\"127.0.0.1:1\"]\n[ppp]\nlcp_echo_interval_seconds = 0\nmru = 1400\n\
         [authentication]\nrechallenge_seconds = 600\n[gre]\nreorder_ms = 0\n\
         [encryption]\nstrengths = [128, 40]\nmodes = [\"stateful\", \"stateless\"]",
        "x",
    )
    .unwrap();
    assert_eq!(config.listen, ["127.0.0.1:1".parse().unwrap()]);
    assert_eq!(config.ppp.lcp_echo_interval, None);
    assert_eq!(config.ppp.mru, Mtu::Octets(1400));
    assert_eq!(
        config.authentication.rechallenge,
        Some(Duration::from_secs(600))
    );
    assert_eq!(config.gre.reorder, Duration::ZERO);
    assert_eq!(
        config.encryption.modes,
        [MppeMode::Stateful, MppeMode::Stateless]
    );
    assert_eq!(config.network.server_address().to_string(), "10.77.0.1");
}

#[test]
fn workers_are_a_power_of_two_of_at_most_sixteen() {
    let auto = |cores| WorkerCount::Auto.on(cores);
    let counts = [0, 1, 2, 3, 4, 12, 16, 64, 100_000].map(auto);
    assert_eq!(counts, [1, 1, 2, 2, 4, 8, 16, 16, 16]);
    let given = |number| WorkerCount::Number(number).on(2);
    assert_eq!([1, 2, 3, 7, 8, 15, 16].map(given), [1, 2, 2, 4, 8, 8, 16]);
}

#[test]
fn performance_settings_reach_their_fields() {
    let config = Config::parse(
        "[workers]\ncount = 4\npin = true\n[network]\noffload = false\n\
         [gre]\ntransmit = \"xdp\"\nreceive_buffer = 100000\nsend_buffer = 200000",
        "x",
    )
    .unwrap();
    let count = WorkerCount::Number(4);
    assert_eq!(config.workers, Workers { count, pin: true });
    assert!(!config.network.offload);
    assert_eq!(config.gre.transmit, Transmit::Xdp);
    assert_eq!(
        (config.gre.receive_buffer, config.gre.send_buffer),
        (100_000, 200_000)
    );
}

#[test]
fn weaker_choices_are_warned_of() {
    let cases = [
        (
            "[authentication]\nmethods = [\"mschap-v2\", \"pap\"]",
            "in the clear",
        ),
        (
            "[authentication]\nmethods = [\"mschap-v2\", \"mschap-v1\"]",
            "mschap-v1",
        ),
        (
            "[users]\nsecrets = \"s\"\n[authentication]\nmethods = [\"mschap-v2\", \"chap-md5\"]",
            "chap-md5",
        ),
        ("[encryption]\npolicy = \"optional\"", "optional"),
        ("[encryption]\npolicy = \"off\"", "off"),
        ("[encryption]\nstrengths = [128, 56]", "56"),
        ("[encryption]\nstrengths = [40]", "40"),
        ("[encryption]\nmodes = [\"stateful\"]", "stateful"),
        ("[gre]\nany_source = true", "any_source"),
        ("[network]\nmasquerade = true", "forward"),
        ("[gre]\ntransmit = \"packet\"", "firewall"),
    ];
    for (text, expected) in cases {
        let warnings = Config::parse(text, "x").unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{text:?} gave {warnings:?}");
        assert!(warnings[0].contains(expected), "{warnings:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/adit.toml")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/adit.toml"));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,200}") {
        let _ = Config::parse(&text, "x");
    }

    /// A line of the default text replaced by anything: what is refused is refused with a place in the text.
    #[test]
    fn a_spoilt_line_is_placed(line in 0usize..140, junk in "[a-z0-9ä\\[\\]\"=. ]{0,30}") {
        let mut lines: Vec<&str> = DEFAULT_TEXT.lines().collect();
        let index = line % lines.len();
        lines[index] = &junk;
        match Config::parse(&lines.join("\n"), "x") {
            Ok(config) => prop_assert_eq!(config.check(), Ok(())),
            Err(ConfigError::Invalid { line, column, .. }) => {
                prop_assert!((1..=lines.len()).contains(&line));
                prop_assert!((1..=lines[line - 1].chars().count() + 1).contains(&column));
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
