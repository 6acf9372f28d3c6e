//! The sessions that ended a short while ago, for those who ask why.

use std::collections::VecDeque;

use adit_engine::{CallEnd, CallKey, CallReport};

use super::{Server, unix_time};
use crate::control_socket::{Diagnosis, EndedInfo, Traffic};
use crate::diagnosis::{Evidence, Trouble, diagnose};
use crate::sessions::Session;

/// Sessions that are remembered of those that had logged in, and as many of those that had not: strangers
/// do not make a server forget its users.
const REMEMBERED: usize = 256;

/// The last sessions that ended.
#[derive(Debug, Default)]
pub(super) struct EndedSessions {
    users: VecDeque<EndedInfo>,
    strangers: VecDeque<EndedInfo>,
}

impl EndedSessions {
    pub(super) fn add(&mut self, session: EndedInfo) {
        let list = match session.user {
            Some(_) => &mut self.users,
            None => &mut self.strangers,
        };
        if list.len() >= REMEMBERED {
            list.pop_front();
        }
        list.push_back(session);
    }

    /// Those that are wanted, the last one first.
    pub(super) fn find(&self, is_wanted: impl Fn(&EndedInfo) -> bool) -> Vec<EndedInfo> {
        let all = self.users.iter().chain(&self.strangers);
        let mut found: Vec<EndedInfo> = all.filter(|it| is_wanted(it)).cloned().collect();
        found.sort_by_key(|it| std::cmp::Reverse((it.ended, it.id)));
        found
    }
}

impl Server {
    /// The name that a session's client has sent.
    pub(super) fn sent_name(&mut self, call: CallKey, name: String) {
        if let Some(session) = self.sessions.get_mut(call) {
            session.story.sent_name = Some(name);
        }
    }

    /// A login has come to nothing.
    pub(super) fn login_failed(&mut self, call: CallKey, trouble: Trouble) {
        self.tally.login_refused(&trouble);
        if let Some(session) = self.sessions.get_mut(call) {
            session.story.trouble = Some(trouble);
        }
    }

    /// Remembers a session that is over, and tells why it is.
    pub(super) fn remember(
        &mut self,
        call: CallKey,
        session: &Session,
        why: &CallEnd,
        report: &CallReport,
    ) -> Diagnosis {
        self.inquiries.rates.forget(call);
        let story = &session.story;
        let path_error = self.connections.path_error(*session.peer.ip());
        let path_error = path_error.map(|error| error.to_string());
        let diagnosis = diagnose(&Evidence {
            why,
            report,
            was_up: session.is_up(),
            logged_in: session.user.is_some(),
            trouble: story.trouble.as_ref(),
            path_error: path_error.as_deref(),
            ordered: session.ending,
            reason: story.reason.as_deref(),
        });
        self.tally.session_ended(&diagnosis, report);
        let packets = &report.packets;
        self.ended.add(EndedInfo {
            id: u64::from(call.number()),
            user: session.user.clone(),
            sent_name: story.sent_name.clone(),
            peer: session.peer,
            address: session.address,
            since: session.since,
            ended: unix_time(),
            was_up: session.is_up(),
            received: Traffic {
                packets: packets.received_packets,
                octets: packets.received_octets,
            },
            sent: Traffic {
                packets: packets.sent_packets,
                octets: packets.sent_octets,
            },
            diagnosis: diagnosis.clone(),
        });
        diagnosis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: u64, user: Option<&str>) -> EndedInfo {
        EndedInfo {
            id,
            user: user.map(str::to_owned),
            sent_name: None,
            peer: "192.0.2.7:49152".parse().unwrap(),
            address: None,
            since: 0,
            ended: id,
            was_up: false,
            received: Traffic::default(),
            sent: Traffic::default(),
            diagnosis: Diagnosis {
                code: "client-hung-up".to_owned(),
                cause: "the client hung up".to_owned(),
                advice: None,
            },
        }
    }

    #[test]
    fn the_last_ones_are_remembered_and_strangers_push_no_users_out() {
        let mut sessions = EndedSessions::default();
        sessions.add(ended(1, Some("alice")));
        for id in 2..1002 {
            sessions.add(ended(id, None));
        }
        let found = sessions.find(|_| true);
        assert_eq!(found.len(), REMEMBERED + 1);
        assert_eq!(found[0].id, 1001);
        assert_eq!(found[REMEMBERED].id, 1);
        let users = sessions.find(|it| it.user.as_deref() == Some("alice"));
        assert_eq!(users.len(), 1);
    }
}
