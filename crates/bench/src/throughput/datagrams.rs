//! Whether anything is lost or put out of order below the highest rate.

use std::time::Duration;

use super::case::Case;
use super::report::UdpResult;
use crate::stage::{IpVersion, Stage};
use crate::stop::Stop;
use crate::subject::Subject;
use crate::traffic::{Arrivals, Offer, send_datagrams};

/// The part of the highest rate at which nothing may be lost.
const SHARE: f64 = 0.8;
/// The part of datagrams that a path at its highest rate may lose.
const TOLERANCE: f64 = 0.001;
/// The part of an offer that the sender must manage, or it is the sender that is at its limit.
const MANAGED: f64 = 0.95;
/// The first offer in datagrams per second, and the last one, which no path reaches.
const FIRST: f64 = 10_000.0;
const LAST: f64 = 10_000_000.0;
/// How offers grow until one is too high, and how often the interval is halved then.
const GROWTH: f64 = 1.5;
const HALVINGS: u32 = 3;
/// Longest and shortest time for one offer.
const LONGEST: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(50);

/// Finds the highest rate and sends at a part of it for `time`.
pub(super) fn measure(
    subject: Subject,
    stage: &Stage,
    case: Case,
    time: Duration,
    stop: &Stop,
) -> anyhow::Result<UdpResult> {
    let (from, to) = case.ends(stage);
    let length = payload(stage.mtu()?, case.ip);
    let send = |rate, time| {
        let offer = Offer {
            version: case.ip,
            streams: case.streams,
            length,
            rate,
            time,
        };
        send_datagrams(from, to, offer, stop)
    };
    let attempt = (time / 4).clamp(SHORTEST, LONGEST);
    let highest = highest_rate(|rate| send(rate, attempt))?;
    let arrivals = send(highest * SHARE, time)?;
    let rate = arrivals.sent as f64 / arrivals.seconds;
    Ok(UdpResult {
        subject,
        case,
        payload: length,
        highest_rate: highest,
        rate,
        mbit_per_second: rate * length as f64 * 8.0 / 1e6,
        sent: arrivals.sent,
        lost: arrivals.lost(),
        reordered: arrivals.reordered,
        duplicate: arrivals.duplicate,
        unread: arrivals.unread,
        counters: None,
    })
}

/// The longest UDP payload that passes without fragments, of 1400 octets at most.
fn payload(mtu: u32, version: IpVersion) -> usize {
    let headers = match version {
        IpVersion::V4 => 20 + 8,
        IpVersion::V6 => 40 + 8,
    };
    (mtu.saturating_sub(headers) as usize).min(1400)
}

/// The highest rate, in datagrams per second, at which nearly nothing is lost.
fn highest_rate(mut send: impl FnMut(f64) -> anyhow::Result<Arrivals>) -> anyhow::Result<f64> {
    let (mut passed, mut failed) = (FIRST / GROWTH, LAST);
    let mut offer = FIRST;
    let mut halvings = 0;
    let too_many = |arrivals: &Arrivals| arrivals.lost() as f64 > arrivals.sent as f64 * TOLERANCE;
    while offer < LAST && halvings < HALVINGS {
        let mut arrivals = send(offer)?;
        // What else the machine does may have taken the processors away for a moment.
        if too_many(&arrivals) {
            arrivals = send(offer)?;
        }
        let managed = arrivals.sent as f64 / arrivals.seconds.max(f64::MIN_POSITIVE);
        if too_many(&arrivals) {
            failed = offer;
        } else if managed < offer * MANAGED {
            return Ok(managed.max(passed));
        } else {
            passed = offer;
        }
        if failed < LAST {
            halvings += 1;
            offer = f64::midpoint(passed, failed);
        } else {
            offer *= GROWTH;
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that takes so many datagrams per second, and a sender that manages so many.
    fn search(path: f64, sender: f64) -> f64 {
        highest_rate(|offer| {
            let sent = offer.min(sender);
            Ok(Arrivals {
                sent: sent as u64,
                received: sent.min(path) as u64,
                seconds: 1.0,
                ..Arrivals::default()
            })
        })
        .unwrap()
    }

    #[test]
    fn the_highest_rate_is_found_from_below() {
        for path in [12_000.0, 33_000.0, 250_000.0, 1_700_000.0] {
            let found = search(path, f64::INFINITY);
            assert!(found <= path && found > path * 0.9, "{found} of {path}");
        }
    }

    #[test]
    fn a_moment_of_losses_is_not_the_limit() {
        let mut offers = 0;
        let found = highest_rate(|offer| {
            offers += 1;
            let lost = if offers % 2 == 1 { 500.0 } else { 0.0 };
            Ok(Arrivals {
                sent: offer as u64,
                received: (offer.min(100_000.0) - lost) as u64,
                seconds: 1.0,
                ..Arrivals::default()
            })
        });
        assert!(found.unwrap() > 90_000.0);
    }

    #[test]
    fn a_path_below_the_first_offer_gives_a_rate_too() {
        let found = search(100.0, f64::INFINITY);
        assert!(found > 0.0 && found <= FIRST);
    }

    #[test]
    fn the_sender_may_be_the_limit() {
        let found = search(f64::INFINITY, 150_000.0);
        assert!((140_000.0..=150_000.0).contains(&found), "{found}");
    }

    #[test]
    fn datagrams_fit_the_path() {
        assert_eq!(payload(1456, IpVersion::V4), 1400);
        assert_eq!(payload(1420, IpVersion::V6), 1372);
        assert_eq!(payload(9000, IpVersion::V6), 1400);
    }
}
