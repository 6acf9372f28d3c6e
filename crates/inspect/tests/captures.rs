//! Reads whole captures: every packet must decode and encode to the same octets, negotiations must
//! add up, and where the password is known the exchange must be right and the traffic decrypt.
//!
//! The captures in `tests/captures` are always read. Those of the directory in the environment
//! variable `ADIT_CAPTURES`, if it is set, are read too, with all its subdirectories; a relative path
//! starts at the workspace:
//!
//! ```sh
//! ADIT_CAPTURES=/path/to/captures cargo test -p adit-inspect --test captures -- --nocapture
//! ```
//!
//! Beside `X.pcap` there may be `X.pcap.expect.toml` or `X.expect.toml`. All of its fields are
//! optional: in `[handshake]` `user`, `password`, `authenticator_challenge`, `peer_challenge`,
//! `nt_response`, `success_message`, `authenticator_response_matches`; in `[mppe]` `bits`,
//! `stateless`, `frames_decrypted`, and for `W` = `client_to_server` and `server_to_client`
//! `W_frames` or `W_frames_decrypted`, `W_frames_not_decrypted`, `W_plaintext_sha256`; in `[capture]`
//! `undecodable`, the number of packets that are broken on purpose.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use adit_inspect::{
    AuthenticationSummary, CaptureEnd, CaptureError, Check, Credentials, Inspector, Line,
    SessionSummary, Summary, Verdict, read_capture,
};
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

/// What a capture showed.
struct Inspected {
    lines: Vec<Line>,
    summary: Summary,
    end: Result<CaptureEnd, CaptureError>,
}

fn inspect(octets: &[u8], credentials: Option<Credentials>) -> Inspected {
    let mut inspector = Inspector::new(credentials);
    let end = read_capture(octets, |frame| {
        inspector.handle(frame);
        ControlFlow::Continue(())
    });
    inspector.finish();
    let lines = std::iter::from_fn(|| inspector.poll_line()).collect();
    let summary = inspector.summary();
    Inspected {
        lines,
        summary,
        end,
    }
}

/// What is expected of a capture.
#[derive(Default)]
struct Expected(Table);

impl Expected {
    fn beside(capture: &Path) -> Self {
        let mut long = capture.as_os_str().to_owned();
        long.push(".expect.toml");
        let candidates = [PathBuf::from(long), capture.with_extension("expect.toml")];
        let text = candidates
            .iter()
            .find_map(|path| fs::read_to_string(path).ok());
        let table = text.map(|text| text.parse().expect("the expectations are TOML"));
        Self(table.unwrap_or_default())
    }

    fn field(&self, section: &str, name: &str) -> Option<&Value> {
        self.0.get(section)?.as_table()?.get(name)
    }

    fn text(&self, section: &str, name: &str) -> Option<&str> {
        self.field(section, name)?.as_str()
    }

    fn number(&self, section: &str, name: &str) -> Option<u64> {
        self.field(section, name)?.as_integer()?.try_into().ok()
    }

    fn credentials(&self) -> Option<Credentials> {
        let user = self.text("handshake", "user")?;
        let password = self.text("handshake", "password")?;
        Some(Credentials::new(user, password.to_owned().into()))
    }
}

/// Collects what is wrong with a capture.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: Option<T>) {
        if let Some(expected) = expected {
            self.unless(found == expected, || {
                format!("{what} is {found:?} instead of {expected:?}")
            });
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Reads one capture and tells what is wrong with it.
fn faults_of(path: &Path) -> (Inspected, Vec<String>) {
    let expected = Expected::beside(path);
    let octets = fs::read(path).expect("the capture can be read");
    let inspected = inspect(&octets, expected.credentials());
    let mut faults = Faults::default();
    let Inspected { summary, end, .. } = &inspected;
    faults.unless(end.is_ok(), || format!("{end:?}"));
    let undecodable = expected.number("capture", "undecodable").unwrap_or(0);
    faults.unless(summary.undecodable == undecodable, || {
        format!(
            "{} undecodable packets: {:?}",
            summary.undecodable, summary.faults
        )
    });
    faults.unless(summary.negotiation_faults.is_empty(), || {
        format!("negotiation: {:?}", summary.negotiation_faults)
    });
    check_handshake(summary, &expected, &mut faults);
    check_decryption(&inspected, &expected, &mut faults);
    (inspected, faults.0)
}

fn check_handshake(summary: &Summary, expected: &Expected, faults: &mut Faults) {
    let Some(user) = expected.text("handshake", "user") else {
        return;
    };
    let bare = |name: &str| name.rsplit('\\').next().map(str::to_owned);
    let all = summary
        .sessions
        .iter()
        .flat_map(|session| &session.authentication);
    let of_user: Vec<&AuthenticationSummary> = all
        .filter(|exchange| bare(&exchange.user) == bare(user))
        .collect();
    // Some captures end before: then there is no packet of an exchange either.
    let has_any = ["PAP", "CHAP"]
        .iter()
        .any(|kind| summary.packets.contains_key(kind));
    faults.unless(!of_user.is_empty() || !has_any, || {
        format!("no exchange of {user}")
    });
    // Where the user logged in more than once, the fields are those of one of the exchanges.
    let each = of_user.into_iter().map(|exchange| {
        let mut faults = Faults::default();
        check_exchange(exchange, expected, &mut faults);
        faults.0
    });
    faults
        .0
        .extend(each.min_by_key(Vec::len).unwrap_or_default());
}

fn check_exchange(exchange: &AuthenticationSummary, expected: &Expected, faults: &mut Faults) {
    let is_wrong = exchange.password == Check::Wrong && exchange.verdict == Verdict::Accepted;
    faults.unless(!is_wrong, || {
        "accepted, but not with the password".to_owned()
    });
    let proof = exchange.authenticator_response;
    faults.unless(proof != Check::Wrong, || {
        "wrong authenticator response".to_owned()
    });
    check_fields(exchange, expected, faults);
}

fn check_fields(exchange: &AuthenticationSummary, expected: &Expected, faults: &mut Faults) {
    let field = |name| expected.text("handshake", name);
    let part =
        |range: std::ops::Range<usize>| hex(exchange.response.get(range).unwrap_or_default());
    let owned = |name| field(name).map(str::to_owned);
    faults.same(
        "challenge",
        hex(&exchange.challenge),
        owned("authenticator_challenge"),
    );
    faults.same("peer challenge", part(0..16), owned("peer_challenge"));
    if exchange.method.as_deref() == Some("MS-CHAPv2") {
        faults.same("NT-Response", part(24..48), owned("nt_response"));
        let is_known = field("nt_response").is_some() && field("password").is_some();
        let right = is_known.then_some(Check::Right);
        faults.same("password", exchange.password, right);
    }
    let message = String::from_utf8_lossy(&exchange.message).into_owned();
    faults.same("message", message, owned("success_message"));
    let matches = expected.field("handshake", "authenticator_response_matches");
    let matches = matches.and_then(Value::as_bool).map(Check::of_bool);
    faults.same(
        "authenticator response",
        exchange.authenticator_response,
        matches,
    );
}

trait OfBool {
    fn of_bool(right: bool) -> Self;
}

impl OfBool for Check {
    fn of_bool(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

fn check_decryption(inspected: &Inspected, expected: &Expected, faults: &mut Faults) {
    let sessions = &inspected.summary.sessions;
    for session in sessions {
        check_directions(session, faults);
    }
    let directions = || sessions.iter().flat_map(|session| &session.directions);
    if let Some(bits) = expected.number("mppe", "bits") {
        let found = directions().any(|one| one.mppe_bits.map(u64::from) == Some(bits));
        faults.unless(found, || format!("no direction with {bits} bits"));
    }
    if let Some(stateless) = expected.field("mppe", "stateless").and_then(Value::as_bool) {
        let found = directions().any(|one| one.mppe_stateless == Some(stateless));
        faults.unless(found, || format!("no direction with stateless {stateless}"));
    }
    let decrypted: u64 = directions().map(|direction| direction.decrypted).sum();
    let due = expected.number("mppe", "frames_decrypted").unwrap_or(0);
    faults.unless(decrypted >= due, || {
        format!("{decrypted} of {due} frames decrypted")
    });
    let mut exchanges = sessions.iter().flat_map(|session| &session.authentication);
    let server = expected.text("handshake", "server_ip");
    let server = server.or_else(|| Some(exchanges.next()?.authenticator.as_str()));
    for (way, is_server) in [("client_to_server", false), ("server_to_client", true)] {
        let sent = |line: &&Line| server.is_some_and(|server| (line.source == server) == is_server);
        let lines = inspected.lines.iter().filter(sent);
        let encrypted: Vec<&Line> = lines.filter(|line| line.kind.name() == "MPPE").collect();
        check_plaintext(&encrypted, expected, way, faults);
    }
}

/// Where the password was right, both directions decrypt to IP packets.
fn check_directions(session: &SessionSummary, faults: &mut Faults) {
    let is_proven = (session.authentication.iter()).any(|one| one.password == Check::Right);
    let mut agreed = session
        .ends
        .iter()
        .filter_map(|end| end.ccp.as_ref())
        .flatten();
    let is_compressed = agreed.any(|option| option.contains("MPPC"));
    if !is_proven || is_compressed {
        return;
    }
    for direction in &session.directions {
        let is_due = direction.encrypted > 0 && direction.mppe_bits.is_some();
        faults.unless(!is_due || direction.decrypted > 0, || {
            format!("nothing was decrypted: {direction:?}")
        });
        faults.unless(direction.invalid_ip_packets == 0, || {
            format!("invalid IP packets: {direction:?}")
        });
    }
}

/// Checks what one end encrypted.
fn check_plaintext(encrypted: &[&Line], expected: &Expected, way: &str, faults: &mut Faults) {
    let plaintexts = encrypted
        .iter()
        .filter_map(|line| line.decrypted.as_deref());
    let plaintexts: Vec<&[u8]> = plaintexts.collect();
    let number = |suffix: &str| {
        let expected = expected.number("mppe", &format!("{way}_frames{suffix}"))?;
        usize::try_from(expected).ok()
    };
    faults.same(
        &format!("decrypted {way}"),
        plaintexts.len(),
        number("").or(number("_decrypted")),
    );
    let others = encrypted.len() - plaintexts.len();
    faults.same(
        &format!("not decrypted {way}"),
        others,
        number("_not_decrypted"),
    );
    let digest = expected.text("mppe", &format!("{way}_plaintext_sha256"));
    let found = hex(&Sha256::digest(plaintexts.concat()));
    faults.same(&format!("plaintext {way}"), found.as_str(), digest);
}

/// All captures below a directory, in the order of their names.
fn captures_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory).expect("the directory can be read");
        for entry in entries {
            let path = entry.expect("the entry can be read").path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                open.push(path);
            } else if extension.is_some_and(is_capture) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_capture(extension: &str) -> bool {
    ["pcap", "pcapng", "cap"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// Reads all captures below a directory and fails with everything that is wrong with any of them.
fn check_directory(directory: &Path) -> Vec<(PathBuf, Inspected)> {
    let mut wrong = Vec::new();
    let mut read = Vec::new();
    for path in captures_below(directory) {
        let (inspected, faults) = faults_of(&path);
        println!("{}: {}", path.display(), inspected.summary);
        wrong.extend(
            faults
                .iter()
                .map(|fault| format!("{}: {fault}", path.display())),
        );
        read.push((path, inspected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    read
}

fn own_captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

#[test]
fn captures_of_the_environment_are_understood() {
    let Some(named) = std::env::var_os("ADIT_CAPTURES") else {
        println!("not run: ADIT_CAPTURES is not set");
        return;
    };
    // Cargo runs tests in the crate's directory, but a relative path is meant from the workspace.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let directory = workspace.join(named);
    let read = check_directory(&directory);
    assert!(!read.is_empty(), "no capture below {}", directory.display());
}

#[test]
fn own_captures_are_understood_and_decrypted() {
    let read = check_directory(&own_captures());
    assert!(!read.is_empty(), "there are captures in the repository");
    let mut decrypted = 0;
    let mut methods = BTreeSet::new();
    for (path, inspected) in read {
        for session in &inspected.summary.sessions {
            for exchange in &session.authentication {
                assert_eq!(exchange.password, Check::Right, "{}", path.display());
                methods.extend(exchange.method.clone());
            }
        }
        for session in &inspected.summary.sessions {
            let encrypted = session
                .directions
                .iter()
                .map(|direction| direction.encrypted);
            if encrypted.sum::<u64>() == 0 {
                continue;
            }
            for direction in &session.directions {
                assert!(direction.decrypted > 0, "{}: {direction:?}", path.display());
            }
            decrypted += 1;
        }
    }
    assert!(decrypted > 0, "there are captures with encrypted traffic");
    let all = ["CHAP-MD5", "MS-CHAPv1", "MS-CHAPv2", "PAP"].map(str::to_owned);
    assert!(methods.is_superset(&all.into()), "{methods:?}");
}

#[test]
fn another_password_is_told_and_decrypts_nothing() {
    let mut wrong = 0;
    for path in captures_below(&own_captures()) {
        let octets = fs::read(&path).unwrap();
        let expected = Expected::beside(&path);
        let Some(user) = expected.text("handshake", "user") else {
            continue;
        };
        let credentials = Credentials::new(user, "not the password".to_owned().into());
        let inspected = inspect(&octets, Some(credentials));
        for session in &inspected.summary.sessions {
            for exchange in &session.authentication {
                assert_eq!(exchange.password, Check::Wrong, "{}", path.display());
                assert_eq!(exchange.authenticator_response, Check::NotDone);
                wrong += 1;
            }
            for direction in &session.directions {
                assert_eq!(direction.decrypted, 0, "{}", path.display());
            }
        }
        assert!(inspected.lines.iter().all(|line| line.decrypted.is_none()));
    }
    assert!(wrong > 0);
}

#[test]
fn no_secret_is_in_any_line() {
    let mut checked = 0;
    for path in captures_below(&own_captures()) {
        let expected = Expected::beside(&path);
        // "wrong" is also a word of the refusal.
        let password = expected.text("handshake", "password");
        let Some(password) = password.filter(|password| *password != "wrong") else {
            continue;
        };
        checked += 1;
        let octets = fs::read(&path).unwrap();
        let inspected = inspect(&octets, expected.credentials());
        let text: Vec<String> = inspected.lines.iter().map(ToString::to_string).collect();
        let json = serde_json::to_string(&inspected.summary).unwrap();
        for shown in [text.join("\n"), inspected.summary.to_string(), json] {
            assert!(!shown.contains(password), "{}", path.display());
        }
    }
    assert!(checked > 0);
}
