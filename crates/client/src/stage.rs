use std::fmt;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

/// How far a connection has come; what is waited for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// TCP.
    Connecting(SocketAddrV4),
    /// The answer to the Start-Control-Connection-Request.
    ControlConnection,
    /// The answer to the Outgoing-Call-Request.
    Call,
    /// The first GRE packet.
    FirstPacket,
    /// PPP: login, encryption and addresses.
    Ppp,
    /// Another password of the user.
    Password,
    /// Nothing: packets pass.
    Up,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(server) => write!(f, "waiting for {server} to take the connection"),
            Self::ControlConnection => {
                f.write_str("waiting for the server to answer on the control connection")
            }
            Self::Call => f.write_str("waiting for the server to accept the call"),
            Self::FirstPacket => {
                f.write_str("waiting for the server's first GRE packet (IP protocol 47)")
            }
            Self::Ppp => f.write_str("waiting for the login, encryption and addresses (PPP)"),
            Self::Password => f.write_str("waiting for the password"),
            Self::Up => f.write_str("connected"),
        }
    }
}

/// What a user does not wonder about yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells once of each stage that takes long.
#[derive(Debug)]
pub(crate) struct StageClock {
    stage: Stage,
    due: Option<Instant>,
}

impl StageClock {
    pub(crate) fn new(stage: Stage, now: Instant) -> Self {
        Self {
            stage,
            due: due(stage, now),
        }
    }

    pub(crate) fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage != stage {
            *self = Self::new(stage, now);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// The stage, if it has just become long.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Stage> {
        self.due.take_if(|due| now >= *due).map(|_| self.stage)
    }
}

fn due(stage: Stage, now: Instant) -> Option<Instant> {
    let silent = matches!(stage, Stage::Password | Stage::Up);
    (!silent).then(|| now + PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stage_is_told_of_once() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut clock = StageClock::new(Stage::ControlConnection, now);
        assert_eq!(clock.poll(at(2)), None);
        clock.enter(Stage::Call, at(2));
        assert_eq!(clock.deadline(), Some(at(5)));
        clock.enter(Stage::Call, at(4));
        assert_eq!(clock.poll(at(5)), Some(Stage::Call));
        assert_eq!(clock.poll(at(50)), None);
        clock.enter(Stage::Up, at(51));
        assert_eq!(clock.deadline(), None);
    }
}
