//! What is wrong with a session that goes on.

use adit_engine::CallReport;

use super::{gre_filtered, told};
use crate::control_socket::Diagnosis;

/// Seconds after which a client's first GRE packet is overdue.
const OVERDUE: u64 = 3;

/// Of how many packets one may be lost before that is worth a sentence.
const ONE_IN: u64 = 20;

/// Packets below which proportions say nothing.
const ENOUGH: u64 = 200;

/// What seems to be wrong with a session that began so many seconds ago, if anything.
pub(crate) fn examine(report: &CallReport, is_up: bool, seconds: u64) -> Option<Diagnosis> {
    let (gre, packets) = (&report.session, &report.packets);
    if !is_up {
        let silent = gre.received_packets == 0 && seconds >= OVERDUE;
        return silent.then(|| gre_filtered(None));
    }
    let is_much = |count: u64, of: u64| of >= ENOUGH && count >= of / ONE_IN;
    if is_much(packets.undecryptable, packets.received_packets) {
        return Some(told(
            "out-of-step",
            "many packets of the client cannot be decrypted: packets are lost, or the client's encryption \
             is at fault",
            Some("try `modes = [\"stateless\"]` in the section [encryption]"),
        ));
    }
    if is_much(gre.lost, gre.received_packets) {
        return Some(told(
            "lossy-path",
            format!("{} of the client's packets were lost on the way", gre.lost),
            Some("look for an overloaded line or a wrong MTU between here and the client"),
        ));
    }
    if is_much(
        packets.rate_limited,
        packets.received_packets + packets.sent_packets,
    ) {
        return Some(told(
            "rate-limited",
            format!(
                "{} packets were dropped because of the user's rate limit",
                packets.rate_limited
            ),
            None,
        ));
    }
    if is_much(packets.too_big, packets.sent_packets) {
        return Some(told(
            "mtu",
            format!(
                "{} packets to the client were too big for the tunnel's MTU of {} octets",
                packets.too_big, report.link.mtu
            ),
            Some(
                "set `clamp_mss = true` in the section [network], and let ICMP \"fragmentation needed\" \
                 through to the hosts that send to the client",
            ),
        ));
    }
    None
}
