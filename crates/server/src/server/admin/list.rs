//! Sessions as those who ask at the control socket see them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use adit_engine::{CallKey, CallReport};
use adit_ppp::NameServers;
use adit_wire::escaped;

use crate::control_socket::{
    EndedInfo, Reply, SessionDetail, SessionInfo, SessionOrder, SessionQuery, Target, bits,
    duration, octets,
};
use crate::diagnosis;
use crate::server::{Server, unix_time};
use crate::sessions::Grant;

impl Server {
    pub(super) fn session_list(
        &mut self,
        now: Instant,
        wanted: &SessionQuery,
        calls: &[(CallKey, CallReport)],
    ) -> Reply {
        let mut sessions: Vec<SessionInfo> = calls
            .iter()
            .filter_map(|(call, report)| self.session_info(now, *call, report))
            .collect();
        sort(&mut sessions, wanted);
        sessions.truncate(wanted.limit.unwrap_or(usize::MAX));
        Reply::Sessions { sessions }
    }

    fn session_info(
        &mut self,
        now: Instant,
        call: CallKey,
        report: &CallReport,
    ) -> Option<SessionInfo> {
        let session = self.sessions.get(call)?;
        let packets = &report.packets;
        let (received, sent) = (packets.received_octets, packets.sent_octets);
        let rate = self.inquiries.rates.look(call, now, received, sent);
        Some(SessionInfo {
            rate,
            ..session.info(call, report)
        })
    }

    pub(super) fn session_details(
        &mut self,
        now: Instant,
        target: &Target,
        calls: &[(CallKey, CallReport)],
    ) -> Reply {
        let mut sessions: Vec<SessionDetail> = calls
            .iter()
            .filter_map(|(call, report)| self.session_detail(now, *call, report))
            .collect();
        sessions.sort_by_key(|session| session.info.id);
        let ended = self.ended.find(|session| is_meant(target, session));
        Reply::Session { sessions, ended }
    }

    fn session_detail(
        &mut self,
        now: Instant,
        call: CallKey,
        report: &CallReport,
    ) -> Option<SessionDetail> {
        let info = self.session_info(now, call, report)?;
        let session = self.sessions.get(call)?;
        let seconds = unix_time().saturating_sub(session.since);
        let counters = |counters: &mut dyn Iterator<Item = (&'static str, u64)>| {
            let named = counters.map(|(name, count)| (name.to_owned(), count));
            named.collect::<BTreeMap<String, u64>>()
        };
        Some(SessionDetail {
            info,
            up: session.is_up(),
            sent_name: session.story.sent_name.clone(),
            mtu: report.link.mtu,
            encryption_received: report
                .link
                .encryption
                .map(|(_, received)| received.to_string()),
            terms: self.terms(now, call),
            gre: counters(&mut report.session.counters()),
            packets: counters(&mut report.packets.counters()),
            diagnosis: diagnosis::examine(report, session.is_up(), seconds),
        })
    }

    /// What the user of a session may have, in words.
    fn terms(&self, now: Instant, call: CallKey) -> BTreeMap<String, String> {
        let Some(session) = self.sessions.get(call) else {
            return BTreeMap::new();
        };
        let left = session.terms.as_ref().and_then(|it| it.time_left(now));
        let grant = session.grant.as_deref();
        let mut terms = grant.map(in_words).unwrap_or_default();
        if let Some(left) = left {
            terms.insert("time left".to_owned(), duration(left.as_secs()));
        }
        terms.insert("accounting name".to_owned(), session.id.to_string());
        terms
    }
}

/// What a user may have; what is not limited is left out.
fn in_words(grant: &Grant) -> BTreeMap<String, String> {
    let (profile, policy) = (&grant.profile, &grant.profile.policy);
    let time = |limit: Option<Duration>| {
        let seconds = limit.map(|limit| limit.as_secs());
        seconds.filter(|it| *it > 0).map(duration)
    };
    let number = |number: Option<u64>| number.filter(|it| *it > 0);
    let list = |words: Vec<String>| Some(words.join(", ")).filter(|words| !words.is_empty());
    let networks = policy.sources.iter().flatten();
    let routes = policy.routes.iter().flatten();
    let classes = profile.class.iter();
    let servers = |servers: Option<NameServers>| {
        let servers = servers.map(|it| [it.primary, it.secondary]);
        list(
            servers
                .iter()
                .flatten()
                .flatten()
                .map(ToString::to_string)
                .collect(),
        )
    };
    let terms = [
        ("back end", Some(grant.back_end.to_owned())),
        ("group", profile.group.clone()),
        ("pool", policy.pool.clone()),
        ("IPv6 pool", policy.ipv6_pool.clone()),
        ("session limit", time(policy.session_limit)),
        ("idle limit", time(policy.idle_limit)),
        (
            "expires",
            number(policy.expires).map(|it| format!("{it} (seconds since 1970)")),
        ),
        ("volume", number(policy.volume).map(octets)),
        ("rate to the client", number(policy.rate_down).map(bits)),
        ("rate from the client", number(policy.rate_up).map(bits)),
        (
            "sessions at once",
            policy.simultaneous.map(|it| it.to_string()),
        ),
        (
            "may come from",
            list(networks.map(ToString::to_string).collect()),
        ),
        ("routes", list(routes.map(ToString::to_string).collect())),
        ("interim records", time(profile.interim)),
        ("name servers", servers(profile.dns)),
        ("WINS servers", servers(profile.wins)),
        (
            "class",
            list(classes.map(|it| escaped(it).to_string()).collect()),
        ),
    ];
    let known = terms
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.collect()
}

/// Whether a session that has ended is meant. All of them are many, so nobody means them by that.
fn is_meant(target: &Target, session: &EndedInfo) -> bool {
    match target {
        Target::Session(id) => session.id == *id,
        Target::User(user) => {
            session.user.as_ref() == Some(user) || session.sent_name.as_ref() == Some(user)
        }
        Target::Address(address) => session.address.is_some_and(|it| *address == it),
        Target::Peer(peer) => session.peer.ip() == peer,
        Target::All => true,
    }
}

fn sort(sessions: &mut [SessionInfo], wanted: &SessionQuery) {
    // The numbers decide where nothing else does.
    sessions.sort_by_key(|session| session.id);
    match wanted.sort {
        SessionOrder::Id => {}
        SessionOrder::User => {
            sessions.sort_by(|a, b| (a.user.is_none(), &a.user).cmp(&(b.user.is_none(), &b.user)));
        }
        SessionOrder::Address => sessions.sort_by_key(|it| (it.address.is_none(), it.address)),
        SessionOrder::Peer => sessions.sort_by_key(|it| it.peer),
        SessionOrder::Received => sessions.sort_by_key(|it| Reverse(it.received.octets)),
        SessionOrder::Sent => sessions.sort_by_key(|it| Reverse(it.sent.octets)),
        SessionOrder::Rate => sessions.sort_by_key(|it| {
            let rate = it.rate.unwrap_or_default();
            Reverse(rate.received.saturating_add(rate.sent))
        }),
        SessionOrder::Lost => sessions.sort_by_key(|it| Reverse(it.losses.undelivered())),
    }
    if wanted.reverse {
        sessions.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_socket::{Losses, Rate, Traffic};

    fn session(id: u64, user: Option<&str>, sent: u64) -> SessionInfo {
        SessionInfo {
            id,
            user: user.map(str::to_owned),
            peer: "192.0.2.7:49152".parse().unwrap(),
            address: None,
            ipv6_prefix: None,
            since: 0,
            authentication: None,
            encryption: None,
            received: Traffic::default(),
            sent: Traffic {
                packets: 1,
                octets: sent,
            },
            losses: Losses::default(),
            call_id: 1,
            peer_call_id: 1,
            peer_host: String::new(),
            peer_vendor: String::new(),
            rate: Some(Rate {
                received: sent,
                sent: 0,
            }),
        }
    }

    fn sorted(sort_by: SessionOrder, reverse: bool) -> Vec<u64> {
        let mut sessions = [
            session(3, Some("alice"), 9),
            session(2, None, 20),
            session(1, Some("carol"), 9),
        ];
        let wanted = SessionQuery {
            sort: sort_by,
            reverse,
            ..SessionQuery::default()
        };
        sort(&mut sessions, &wanted);
        sessions.iter().map(|session| session.id).collect()
    }

    #[test]
    fn each_order_is_kept_and_numbers_decide_the_rest() {
        assert_eq!(sorted(SessionOrder::Id, false), [1, 2, 3]);
        assert_eq!(sorted(SessionOrder::Id, true), [3, 2, 1]);
        assert_eq!(sorted(SessionOrder::User, false), [3, 1, 2]);
        assert_eq!(sorted(SessionOrder::Sent, false), [2, 1, 3]);
        assert_eq!(sorted(SessionOrder::Rate, true), [3, 1, 2]);
        assert_eq!(sorted(SessionOrder::Received, false), [1, 2, 3]);
    }
}
