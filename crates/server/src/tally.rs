//! What came and went since the server started.

use std::collections::BTreeMap;

use adit_engine::CallReport;

use crate::control_socket::{Diagnosis, Traffic};
use crate::diagnosis::{Obstacle, Trouble};
use adit_ppp::auth::Refusal;

/// Counts of what happened. Names are of fixed sets, so that none of them grows with what peers send.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connections taken.
    pub(crate) accepted: u64,
    /// Calls that came up.
    pub(crate) begun: u64,
    /// Sessions in which packets passed.
    pub(crate) came_up: u64,
    /// Sessions that ended, by the code of their diagnosis.
    pub(crate) ended: BTreeMap<String, u64>,
    /// Answers to logins.
    pub(crate) logins: BTreeMap<String, u64>,
    /// Packets of sessions that have ended.
    pub(crate) gone: Totals,
}

impl Tally {
    /// A login was accepted; one that was challenged again counts again.
    pub(crate) fn login_accepted(&mut self) {
        count(&mut self.logins, "accepted", 1);
    }

    pub(crate) fn login_refused(&mut self, trouble: &Trouble) {
        count(&mut self.logins, reason_of(trouble.obstacle), 1);
    }

    pub(crate) fn session_ended(&mut self, diagnosis: &Diagnosis, report: &CallReport) {
        count(&mut self.ended, &diagnosis.code, 1);
        self.gone.add(report);
    }
}

/// Inner packets of several sessions, and those dropped of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) received: Traffic,
    pub(crate) sent: Traffic,
    pub(crate) drops: BTreeMap<String, u64>,
}

impl Totals {
    /// Adds a session's.
    pub(crate) fn add(&mut self, report: &CallReport) {
        let packets = &report.packets;
        self.received = self.received.plus(Traffic {
            packets: packets.received_packets,
            octets: packets.received_octets,
        });
        self.sent = self.sent.plus(Traffic {
            packets: packets.sent_packets,
            octets: packets.sent_octets,
        });
        let gre = &report.session;
        for (reason, number) in [
            ("late", gre.late),
            ("duplicate", gre.duplicate),
            ("far", gre.far),
            ("malformed", packets.malformed),
            ("unexpected", packets.unexpected),
            ("clear-text", packets.clear_text),
            ("undecryptable", packets.undecryptable),
            ("foreign-source", packets.foreign_source),
            ("too-big", packets.too_big),
            ("not-up", packets.not_up),
            ("rate-limited", packets.rate_limited),
        ] {
            self.drop(reason, number);
        }
    }

    /// So many packets were dropped for this reason.
    pub(crate) fn drop(&mut self, reason: &str, number: u64) {
        count(&mut self.drops, reason, number);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, number: u64) {
    match counts.get_mut(name) {
        Some(count) => *count = count.saturating_add(number),
        None => {
            counts.insert(name.to_owned(), number);
        }
    }
}

fn reason_of(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::UnknownUser => "unknown-user",
        Obstacle::Refused(Refusal::WrongPassword) => "wrong-password",
        Obstacle::Refused(Refusal::PasswordExpired) => "password-expired",
        Obstacle::Refused(Refusal::AccountDisabled) => "account-disabled",
        Obstacle::Refused(_) => "refused",
        Obstacle::Unreachable => "users-unreachable",
        Obstacle::NoAddress => "no-address",
        Obstacle::Policy => "not-allowed",
    }
}
