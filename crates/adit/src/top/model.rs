//! What is shown, and what keys do to it. Nothing here knows a terminal.

use adit_server::control_socket::{Rate, SessionInfo, SessionOrder, SessionQuery, StatsInfo};

use super::feed::Snapshot;

/// Sessions that are looked at: more than anybody reads, and few enough to ask for every second.
const MOST: usize = 2000;

/// Rows that a page key goes.
const PAGE: usize = 10;

/// A key, as far as there are any here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
}

/// What a key asks to be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Quit,
    /// The sessions are to be asked for in another order.
    Ask,
    Disconnect(u64),
}

/// What the keys are for at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Choosing among the sessions.
    List,
    /// Typing a filter.
    Filter,
    /// Answering whether this session is to be ended.
    Confirm(u64),
    /// Reading the help.
    Help,
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct Model {
    seen: Option<Snapshot>,
    total: Option<Rate>,
    order: SessionOrder,
    reverse: bool,
    filter: String,
    mode: Mode,
    paused: bool,
    /// The session that is chosen, by its number: rows move.
    chosen: Option<u64>,
    said: Option<String>,
}

/// The orders with their keys.
pub(super) const ORDERS: [(char, SessionOrder, &str); 8] = [
    ('i', SessionOrder::Id, "number"),
    ('u', SessionOrder::User, "user"),
    ('a', SessionOrder::Address, "address in the tunnel"),
    ('p', SessionOrder::Peer, "address outside"),
    ('r', SessionOrder::Rate, "rate"),
    ('n', SessionOrder::Received, "octets from the client"),
    ('t', SessionOrder::Sent, "octets to the client"),
    ('l', SessionOrder::Lost, "losses"),
];

impl Model {
    pub(super) fn new(filter: String) -> Self {
        Self {
            seen: None,
            total: None,
            order: SessionOrder::Rate,
            reverse: false,
            filter,
            mode: Mode::List,
            paused: false,
            chosen: None,
            said: None,
        }
    }

    /// What the server is to be asked for.
    pub(super) fn query(&self) -> SessionQuery {
        SessionQuery {
            sort: self.order,
            reverse: self.reverse,
            limit: Some(MOST),
            ..SessionQuery::default()
        }
    }

    /// The server was looked at again.
    pub(super) fn take(&mut self, snapshot: Snapshot) {
        if self.paused {
            return;
        }
        let before = self.seen.as_ref();
        self.total = before.and_then(|before| total_rate(before, &snapshot));
        self.said = None;
        self.seen = Some(snapshot);
    }

    /// Something is to be told, until the server is looked at again.
    pub(super) fn say(&mut self, text: String) {
        self.said = Some(text);
    }

    pub(super) fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    pub(super) fn stats(&self) -> Option<&StatsInfo> {
        self.seen.as_ref().map(|seen| &seen.stats)
    }

    /// Seconds since 1970 at the last look.
    pub(super) fn now(&self) -> u64 {
        self.seen.as_ref().map_or(0, |seen| seen.now)
    }

    pub(super) const fn total(&self) -> Option<Rate> {
        self.total
    }

    pub(super) const fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) const fn order(&self) -> (SessionOrder, bool) {
        (self.order, self.reverse)
    }

    /// The sessions that pass the filter, in their order.
    pub(super) fn rows(&self) -> Vec<&SessionInfo> {
        let sessions = self.seen.iter().flat_map(|seen| &seen.sessions);
        sessions.filter(|it| self.passes(it)).collect()
    }

    fn passes(&self, session: &SessionInfo) -> bool {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty()
            || session.user.as_deref().is_some_and(has)
            || session.address.is_some_and(|it| has(&it.to_string()))
            || has(&session.peer.ip().to_string())
            || session.encryption.as_deref().is_some_and(has)
            || session.authentication.as_deref().is_some_and(has)
    }

    /// Which row is chosen, if any.
    pub(super) fn chosen_row(&self) -> Option<usize> {
        let chosen = self.chosen?;
        self.rows().iter().position(|session| session.id == chosen)
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key) -> Action {
        match self.mode {
            Mode::List => self.press_in_list(key),
            Mode::Filter => self.press_in_filter(key),
            Mode::Confirm(id) => {
                self.mode = Mode::List;
                match key {
                    Key::Letter('y' | 'Y') => Action::Disconnect(id),
                    _ => Action::Nothing,
                }
            }
            Mode::Help => {
                self.mode = Mode::List;
                Action::Nothing
            }
        }
    }

    fn press_in_list(&mut self, key: Key) -> Action {
        match key {
            Key::Letter('q') => return Action::Quit,
            Key::Letter('?' | 'h') => self.mode = Mode::Help,
            Key::Letter('/') => self.mode = Mode::Filter,
            Key::Letter(' ') => self.paused = !self.paused,
            Key::Letter('d') => {
                let chosen = self.chosen.filter(|_| self.chosen_row().is_some());
                if let Some(id) = chosen {
                    self.mode = Mode::Confirm(id);
                } else {
                    self.say("choose a session with the arrows first".to_owned());
                }
            }
            Key::Letter('v') => {
                self.reverse = !self.reverse;
                return Action::Ask;
            }
            Key::Letter(letter) => return self.sort_by(letter),
            Key::Escape => self.filter.clear(),
            Key::Up => self.move_to(|row, _| row.saturating_sub(1)),
            Key::Down => self.move_to(|row, _| row + 1),
            Key::PageUp => self.move_to(|row, _| row.saturating_sub(PAGE)),
            Key::PageDown => self.move_to(|row, _| row + PAGE),
            Key::Home => self.move_to(|_, _| 0),
            Key::End => self.move_to(|_, last| last),
            Key::Enter | Key::Backspace => {}
        }
        Action::Nothing
    }

    fn sort_by(&mut self, letter: char) -> Action {
        match ORDERS.iter().find(|(key, _, _)| *key == letter) {
            Some((_, order, _)) => {
                self.order = *order;
                self.reverse = false;
                Action::Ask
            }
            None => Action::Nothing,
        }
    }

    fn press_in_filter(&mut self, key: Key) -> Action {
        match key {
            Key::Enter => self.mode = Mode::List,
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::List;
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Letter(letter) => self.filter.push(letter),
            _ => {}
        }
        Action::Nothing
    }

    /// Chooses another row, from the present one and the last one; the first one where none is chosen.
    fn move_to(&mut self, target: impl Fn(usize, usize) -> usize) {
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else {
            return;
        };
        let row = match self.chosen_row() {
            Some(row) => target(row, last),
            None => 0,
        };
        self.chosen = rows.get(row.min(last)).map(|session| session.id);
    }
}

/// Bits in each second of all sessions between two looks.
fn total_rate(before: &Snapshot, after: &Snapshot) -> Option<Rate> {
    let elapsed = after.at.checked_duration_since(before.at)?.as_millis();
    let rate = |now: u64, then: u64| {
        let bits = u128::from(now.saturating_sub(then)) * 8 * 1000 / elapsed.max(1);
        u64::try_from(bits).unwrap_or(u64::MAX)
    };
    let (now, then) = (&after.stats, &before.stats);
    (elapsed > 0).then(|| Rate {
        received: rate(now.received.octets, then.received.octets),
        sent: rate(now.sent.octets, then.sent.octets),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use adit_server::control_socket::{Losses, Traffic};

    use super::*;

    pub(in super::super) fn session(id: u64, user: &str) -> SessionInfo {
        SessionInfo {
            id,
            user: Some(user.to_owned()),
            peer: format!("192.0.2.{id}:49152").parse().unwrap(),
            address: Some(format!("10.77.0.{id}").parse().unwrap()),
            ipv6_prefix: None,
            since: 1000,
            authentication: Some("mschap-v2".to_owned()),
            encryption: Some("MPPE 128-bit stateless".to_owned()),
            received: Traffic {
                packets: 9,
                octets: 2048,
            },
            sent: Traffic::default(),
            losses: Losses::default(),
            call_id: 1,
            peer_call_id: 2,
            peer_host: String::new(),
            peer_vendor: String::new(),
            rate: Some(Rate {
                received: 1_500_000,
                sent: 0,
            }),
        }
    }

    pub(in super::super) fn snapshot(seconds: u64, octets: u64) -> Snapshot {
        static START: OnceLock<Instant> = OnceLock::new();
        let mut stats = StatsInfo {
            since: 1000,
            ..StatsInfo::default()
        };
        stats.received.octets = octets;
        stats.sessions.open = 3;
        stats.sessions.logged_in = 3;
        stats.connections.open = 3;
        stats.logins.insert("wrong-password".to_owned(), 4);
        stats.drops.insert("late".to_owned(), 5);
        Snapshot {
            now: 1000 + seconds,
            at: *START.get_or_init(Instant::now) + Duration::from_secs(seconds),
            sessions: vec![session(1, "alice"), session(2, "bob"), session(3, "carol")],
            stats,
        }
    }

    fn model() -> Model {
        let mut model = Model::new(String::new());
        model.take(snapshot(60, 1000));
        model
    }

    fn ids(model: &Model) -> Vec<u64> {
        model.rows().iter().map(|session| session.id).collect()
    }

    #[test]
    fn totals_come_from_two_looks() {
        let mut model = model();
        assert_eq!(model.total(), None);
        model.take(snapshot(62, 3000));
        let rate = model.total().unwrap();
        assert_eq!((rate.received, rate.sent), (8000, 0));
    }

    #[test]
    fn the_filter_takes_users_and_addresses() {
        let mut model = model();
        model.press(Key::Letter('/'));
        for letter in "BO".chars() {
            model.press(Key::Letter(letter));
        }
        assert_eq!(ids(&model), [2]);
        model.press(Key::Backspace);
        model.press(Key::Backspace);
        for letter in "10.77.0.3".chars() {
            model.press(Key::Letter(letter));
        }
        model.press(Key::Enter);
        assert_eq!(ids(&model), [3]);
        assert_eq!(model.press(Key::Letter('q')), Action::Quit);
        model.press(Key::Escape);
        assert_eq!(ids(&model), [1, 2, 3]);
    }

    #[test]
    fn the_choice_stays_with_its_session() {
        let mut model = model();
        model.press(Key::Down);
        model.press(Key::Down);
        assert_eq!(model.chosen_row(), Some(1));
        let mut moved = snapshot(61, 1000);
        moved.sessions.reverse();
        moved.sessions.push(session(4, "dave"));
        model.take(moved);
        assert_eq!(model.rows()[model.chosen_row().unwrap()].id, 2);
        model.press(Key::End);
        assert_eq!(model.chosen_row(), Some(3));
        model.press(Key::PageDown);
        assert_eq!(model.chosen_row(), Some(3));
        model.press(Key::Home);
        assert_eq!(model.chosen_row(), Some(0));
    }

    #[test]
    fn nothing_is_ended_without_a_choice_and_an_answer() {
        let mut model = model();
        assert_eq!(model.press(Key::Letter('d')), Action::Nothing);
        assert_eq!(model.mode(), &Mode::List);
        assert!(model.said().unwrap().contains("choose"));
        model.press(Key::Down);
        assert_eq!(model.press(Key::Letter('d')), Action::Nothing);
        assert_eq!(model.mode(), &Mode::Confirm(1));
        assert_eq!(model.press(Key::Letter('n')), Action::Nothing);
        model.press(Key::Letter('d'));
        assert_eq!(model.press(Key::Letter('y')), Action::Disconnect(1));
    }

    #[test]
    fn a_session_that_is_gone_is_not_ended() {
        let mut model = model();
        model.press(Key::Down);
        let mut without = snapshot(61, 1000);
        without.sessions.remove(0);
        model.take(without);
        model.press(Key::Letter('d'));
        assert_eq!(model.mode(), &Mode::List);
    }

    #[test]
    fn orders_have_keys_and_are_asked_of_the_server() {
        let mut model = model();
        for (key, order, _) in ORDERS {
            assert_eq!(model.press(Key::Letter(key)), Action::Ask);
            assert_eq!(model.query().sort, order);
        }
        assert_eq!(model.press(Key::Letter('v')), Action::Ask);
        assert!(model.query().reverse);
        assert_eq!(model.press(Key::Letter('x')), Action::Nothing);
    }

    #[test]
    fn a_pause_holds_the_picture() {
        let mut model = model();
        model.press(Key::Letter(' '));
        let mut later = snapshot(70, 9000);
        later.sessions.clear();
        model.take(later);
        assert_eq!(ids(&model), [1, 2, 3]);
        model.press(Key::Letter(' '));
        assert!(!model.is_paused());
    }
}
