//! Finds the session that a packet belongs to.

use std::collections::BTreeMap;

use super::{End, Session};
use crate::endpoint::Endpoint;
use crate::summary::SessionSummary;

/// Sessions that are followed in one capture.
const MOST_SESSIONS: usize = 4096;

/// Who sends to whom, with the receiver's Call ID.
type Key = (Endpoint, Endpoint, u16);

/// All sessions of a capture.
#[derive(Debug, Default)]
pub(crate) struct SessionTable {
    sessions: Vec<Session>,
    by_key: BTreeMap<Key, (usize, End)>,
}

/// A session that a packet belongs to, and which end sent it.
pub(crate) type Found<'a> = (&'a mut Session, End);

impl SessionTable {
    /// Notes that a call was answered: `callee` sent its Call ID and repeated that of `caller`.
    pub(crate) fn answered(
        &mut self,
        frame: u64,
        (callee, callee_call_id): (Endpoint, u16),
        (caller, caller_call_id): (Endpoint, u16),
    ) {
        let keys = [
            (callee, caller, caller_call_id),
            (caller, callee, callee_call_id),
        ];
        // Data may come before the answer that it follows, where packets were captured out of order.
        let early = keys.iter().find_map(|key| self.by_key.get(key)).copied();
        let early = early.filter(|(index, _)| {
            let session = self.sessions.get(*index);
            session.is_some_and(|session| session.call_ids.0.contains(&None))
        });
        let place = early.or_else(|| self.add(callee, caller, frame));
        let Some((index, sender)) = place else { return };
        // `sender` is the end that sends with the key that was found.
        let callee_end = match self.sessions.get(index) {
            Some(session) if session.endpoints[sender] == callee => sender,
            _ => sender.other(),
        };
        self.assign(index, callee_end.other(), caller_call_id);
        self.assign(index, callee_end, callee_call_id);
    }

    /// The session of a packet with this Call ID, which the receiver has chosen.
    pub(crate) fn find(
        &mut self,
        frame: u64,
        source: Endpoint,
        destination: Endpoint,
        call_id: u16,
    ) -> Option<Found<'_>> {
        let key = (source, destination, call_id);
        let known = self.by_key.get(&key).copied();
        let (index, sender) = match known.or_else(|| self.unassigned(source, destination)) {
            Some(found) => found,
            None => self.add(source, destination, frame)?,
        };
        if known.is_none() {
            self.assign(index, sender.other(), call_id);
        }
        let session = self.sessions.get_mut(index)?;
        session.frames.1 = frame;
        Some((session, sender))
    }

    /// The session in which `source` has given itself this Call ID.
    pub(crate) fn find_own(
        &mut self,
        source: Endpoint,
        destination: Endpoint,
        call_id: u16,
    ) -> Option<&mut Session> {
        let (index, _) = self.by_key.get(&(destination, source, call_id))?;
        self.sessions.get_mut(*index)
    }

    /// All sessions between two endpoints.
    pub(crate) fn between(
        &mut self,
        one: Endpoint,
        other: Endpoint,
    ) -> impl Iterator<Item = &mut Session> {
        let pairs = [[one, other], [other, one]];
        (self.sessions.iter_mut()).filter(move |session| pairs.contains(&session.endpoints.0))
    }

    pub(crate) fn summaries(&self) -> Vec<SessionSummary> {
        self.sessions.iter().map(Session::summary).collect()
    }

    fn add(&mut self, source: Endpoint, destination: Endpoint, frame: u64) -> Option<(usize, End)> {
        let index = self.sessions.len();
        if index >= MOST_SESSIONS {
            return None;
        }
        self.sessions
            .push(Session::new([source, destination], frame));
        Some((index, End::First))
    }

    /// The newest session between the two in which the receiver's Call ID is not known yet.
    fn unassigned(&self, source: Endpoint, destination: Endpoint) -> Option<(usize, End)> {
        let candidates = self.sessions.iter().enumerate().rev();
        candidates
            .filter_map(|(index, session)| {
                let sender = End::BOTH.into_iter().find(|&end| {
                    session.endpoints[end] == source
                        && session.endpoints[end.other()] == destination
                })?;
                let free = session.call_ids[sender.other()].is_none();
                free.then_some((index, sender))
            })
            .next()
    }

    /// Notes the Call ID that `end` has chosen; a later call may use it again.
    fn assign(&mut self, index: usize, end: End, call_id: u16) {
        if let Some(session) = self.sessions.get_mut(index) {
            session.call_ids[end] = Some(call_id);
            let key = (
                session.endpoints[end.other()],
                session.endpoints[end],
                call_id,
            );
            self.by_key.insert(key, (index, end.other()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Endpoint = Endpoint::Mac([0xa; 6]);
    const B: Endpoint = Endpoint::Mac([0xb; 6]);

    fn ends(table: &SessionTable) -> Vec<[Option<u16>; 2]> {
        let sessions = table.sessions.iter();
        sessions.map(|session| session.call_ids.0).collect()
    }

    #[test]
    fn both_directions_of_a_call_are_one_session() {
        let mut table = SessionTable::default();
        table.answered(1, (B, 7), (A, 5));
        let (_, sender) = table.find(2, A, B, 7).unwrap();
        assert_eq!(sender, End::Second);
        let (_, sender) = table.find(3, B, A, 5).unwrap();
        assert_eq!(sender, End::First);
        assert_eq!(ends(&table), [[Some(7), Some(5)]]);
    }

    #[test]
    fn without_an_answer_the_directions_are_paired() {
        let mut table = SessionTable::default();
        table.find(1, A, B, 7).unwrap();
        let (_, sender) = table.find(2, B, A, 5).unwrap();
        assert_eq!(sender, End::Second);
        table.find(3, A, B, 7).unwrap();
        assert_eq!(ends(&table), [[Some(5), Some(7)]]);
    }

    #[test]
    fn data_before_the_answer_belongs_to_the_call() {
        let mut table = SessionTable::default();
        table.find(1, A, B, 7).unwrap();
        table.answered(2, (B, 7), (A, 5));
        table.find(3, B, A, 5).unwrap();
        assert_eq!(ends(&table), [[Some(5), Some(7)]]);
    }

    #[test]
    fn call_ids_that_are_used_again_make_a_new_session() {
        let mut table = SessionTable::default();
        table.answered(1, (B, 7), (A, 5));
        table.answered(9, (B, 7), (A, 5));
        let (session, _) = table.find(10, A, B, 7).unwrap();
        assert_eq!(session.frames, (9, 10));
        assert_eq!(ends(&table).len(), 2);
        assert!(table.find_own(A, B, 5).is_some());
        assert!(table.find_own(A, B, 7).is_none());
        assert_eq!(table.between(B, A).count(), 2);
    }
}
