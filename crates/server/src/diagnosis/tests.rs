use adit_engine::CallCounters;
use adit_ppp::auth::Refusal;
use adit_ppp::link::Summary;
use adit_pptp::session::Stats;
use adit_wire::control::{CauseCode, DisconnectResult, ErrorCode};

use super::*;

fn report(gre_packets: u64) -> CallReport {
    CallReport {
        link: Summary {
            peer_authentication: None,
            our_authentication: None,
            peer_name: Vec::new(),
            encryption: None,
            mtu: 1400,
            resets: adit_ppp::link::Resets::default(),
        },
        session: Stats {
            received_packets: gre_packets,
            ..Stats::default()
        },
        packets: CallCounters::default(),
    }
}

/// A session of which this is seen and no more.
struct Seen {
    why: CallEnd,
    gre_packets: u64,
    was_up: bool,
    logged_in: bool,
    trouble: Option<Trouble>,
}

impl Seen {
    fn link(reason: CloseReason) -> Self {
        Self {
            why: CallEnd::Link(reason),
            gre_packets: 9,
            was_up: false,
            logged_in: false,
            trouble: None,
        }
    }

    fn disconnected() -> Self {
        Self {
            why: CallEnd::Control(CallDownReason::PeerDisconnected {
                result: DisconnectResult::Request,
                error: ErrorCode::None,
                cause: CauseCode(0),
            }),
            ..Self::link(CloseReason::Requested)
        }
    }

    fn refused(name: &str, obstacle: Obstacle) -> Self {
        let refusal = match obstacle {
            Obstacle::Refused(refusal) => refusal,
            Obstacle::UnknownUser => Refusal::WrongPassword,
            _ => Refusal::Unavailable,
        };
        Self {
            trouble: Some(Trouble {
                name: name.to_owned(),
                obstacle,
                why: "pool \"default\" is exhausted".to_owned(),
            }),
            ..Self::link(CloseReason::PeerRefused(refusal))
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(&Evidence {
            why: &self.why,
            report: &report(self.gre_packets),
            was_up: self.was_up,
            logged_in: self.logged_in,
            trouble: self.trouble.as_ref(),
            path_error: None,
            ordered: None,
            reason: None,
        })
    }

    fn code(&self) -> String {
        self.diagnosis().code
    }
}

fn farewell(words: &[u8]) -> CloseReason {
    CloseReason::PeerTerminated(Farewell {
        data: words.to_vec(),
    })
}

#[test]
fn silence_is_a_firewall_whoever_gives_up_first() {
    for mut seen in [
        Seen::link(CloseReason::NoAnswer),
        Seen::link(CloseReason::SetupTimeout),
        Seen::disconnected(),
    ] {
        seen.gre_packets = 0;
        let diagnosis = seen.diagnosis();
        assert_eq!(diagnosis.code, "gre-filtered");
        assert!(diagnosis.cause.contains("IP protocol 47"));
        seen.was_up = true;
        assert_ne!(seen.code(), "gre-filtered");
    }
    // What we end ourselves says nothing about the way.
    let mut ours = Seen::link(CloseReason::Requested);
    ours.gre_packets = 0;
    assert_eq!(ours.code(), "ended-by-server");
}

#[test]
fn what_the_network_said_is_told_with_it() {
    let seen = Seen::link(CloseReason::NoAnswer);
    let diagnosis = diagnose(&Evidence {
        why: &seen.why,
        report: &report(0),
        was_up: false,
        logged_in: false,
        trouble: None,
        path_error: Some("a firewall forbids it"),
        ordered: None,
        reason: None,
    });
    assert!(diagnosis.cause.ends_with("(a firewall forbids it)"));
}

#[test]
fn packets_one_way_only_are_told_apart_from_none() {
    assert_eq!(Seen::link(CloseReason::NoAnswer).code(), "gre-one-way");
}

#[test]
fn each_end_of_a_link_has_its_cause() {
    for (reason, code) in [
        (CloseReason::NoAgreement, "no-agreement"),
        (CloseReason::Loop, "looped-back"),
        (
            CloseReason::AuthenticationProtocol,
            "no-common-authentication",
        ),
        (CloseReason::AuthenticationTimeout, "authentication-timeout"),
        (
            CloseReason::NoEncryption(NoEncryption::NoKeys),
            "encryption-no-keys",
        ),
        (
            CloseReason::NoEncryption(NoEncryption::PeerRefuses),
            "encryption-refused",
        ),
        (CloseReason::NoNetwork, "no-address-agreed"),
        (CloseReason::SetupTimeout, "setup-timeout"),
        (CloseReason::PeerSilent, "client-lost"),
    ] {
        let diagnosis = Seen::link(reason).diagnosis();
        assert_eq!(diagnosis.code, code);
        assert!(diagnosis.advice.is_some(), "{code}");
    }
}

#[test]
fn logins_fail_for_a_reason() {
    for (name, obstacle, code, word) in [
        (
            "carol",
            Obstacle::UnknownUser,
            "unknown-user",
            "no user `carol`",
        ),
        (
            "OFFICE\\carol",
            Obstacle::UnknownUser,
            "domain-in-name",
            "sends a domain",
        ),
        (
            "carol@example.org",
            Obstacle::UnknownUser,
            "domain-in-name",
            "sends a realm",
        ),
        (
            "carol",
            Obstacle::Refused(Refusal::WrongPassword),
            "wrong-password",
            "password of `carol` is wrong",
        ),
        (
            "carol",
            Obstacle::Refused(Refusal::PasswordExpired),
            "password-expired",
            "has expired",
        ),
        (
            "carol",
            Obstacle::Refused(Refusal::AccountDisabled),
            "account-disabled",
            "is disabled",
        ),
        (
            "carol",
            Obstacle::NoAddress,
            "no-address",
            "pool \"default\" is exhausted",
        ),
        (
            "carol",
            Obstacle::Unreachable,
            "users-unreachable",
            "could not be looked up",
        ),
        ("carol", Obstacle::Policy, "not-allowed", "may not connect"),
    ] {
        let diagnosis = Seen::refused(name, obstacle).diagnosis();
        assert_eq!(diagnosis.code, code);
        assert!(diagnosis.cause.contains(word), "{}", diagnosis.cause);
        // A client that leaves after the refusal leaves because of it.
        let mut left = Seen::refused(name, obstacle);
        for why in [Seen::disconnected(), Seen::link(farewell(b"refused"))] {
            left.why = why.why;
            assert_eq!(left.diagnosis(), diagnosis);
        }
    }
}

#[test]
fn a_domain_in_the_name_is_taken_out_in_the_advice() {
    let diagnosis = Seen::refused("OFFICE\\carol", Obstacle::UnknownUser).diagnosis();
    assert!(diagnosis.advice.unwrap().contains("add the user `carol`"));
}

#[test]
fn names_cannot_steer_a_terminal() {
    let diagnosis = Seen::refused("a\x1b[2J", Obstacle::UnknownUser).diagnosis();
    assert!(!diagnosis.line().contains('\x1b'));
}

#[test]
fn a_client_that_goes_is_judged_by_how_far_it_came() {
    let mut seen = Seen::disconnected();
    assert_eq!(seen.code(), "client-gave-up");
    seen.logged_in = true;
    assert!(seen.diagnosis().cause.contains("after its login"));
    seen.was_up = true;
    let diagnosis = seen.diagnosis();
    assert_eq!(diagnosis.code, "client-hung-up");
    assert_eq!(diagnosis.line(), "the client hung up");
    for seen in [
        Seen::link(farewell(b"MPPE required")),
        Seen::link(farewell(b"")),
    ] {
        assert_eq!(seen.code(), "client-gave-up");
    }
    // Windows names its error behind the magic number of MS-CHAP's LCP Terminate-Request.
    let windows = [0, 0, 0, 0, 0x00, 0x3c, 0xcd, 0x74, 0, 0, 2, 0xe6];
    let seen = Seen::link(farewell(&windows));
    assert_eq!(seen.code(), "encryption-refused", "{:?}", seen.diagnosis());
}

#[test]
fn what_the_server_wants_is_told_as_it_says() {
    let seen = Seen::disconnected();
    let diagnosis = diagnose(&Evidence {
        why: &seen.why,
        report: &report(9),
        was_up: true,
        logged_in: true,
        trouble: None,
        path_error: None,
        ordered: Some(Cause::AdminReset),
        reason: Some("maintenance\n"),
    });
    assert_eq!(diagnosis.code, "ended-by-operator");
    assert_eq!(diagnosis.cause, "an operator ended it: maintenance\\n");
}

#[test]
fn a_session_that_goes_on_is_examined_too() {
    assert_eq!(examine(&report(0), false, 1), None);
    let silent = examine(&report(0), false, 10).unwrap();
    assert_eq!(silent.code, "gre-filtered");
    assert_eq!(examine(&report(1000), true, 10), None);
    let mut lossy = report(1000);
    lossy.session.lost = 100;
    assert_eq!(examine(&lossy, true, 10).unwrap().code, "lossy-path");
    let mut garbled = report(1000);
    garbled.packets.received_packets = 1000;
    garbled.packets.undecryptable = 50;
    assert_eq!(examine(&garbled, true, 10).unwrap().code, "out-of-step");
    let mut big = report(1000);
    big.packets.sent_packets = 1000;
    big.packets.too_big = 50;
    assert_eq!(examine(&big, true, 10).unwrap().code, "mtu");
}
