//! The option negotiation automaton of RFC 1661 §4.1: the table and nothing else. No time, no
//! octets, no options.

/// A state of the automaton (RFC 1661 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The lower layer is down and no Open has happened.
    Initial,
    /// The lower layer is down; an Open has happened.
    Starting,
    /// The lower layer is up and no Open has happened.
    Closed,
    /// Open, but negotiation ended; waits for the peer.
    Stopped,
    /// A Terminate-Request was sent on a Close.
    Closing,
    /// A Terminate-Request was sent or acknowledged without a Close.
    Stopping,
    /// A Configure-Request was sent, no Ack in either direction.
    ReqSent,
    /// Our Configure-Request was acknowledged.
    AckRcvd,
    /// The peer's Configure-Request was acknowledged.
    AckSent,
    /// Both were acknowledged.
    Opened,
}

/// What may happen to the automaton (RFC 1661 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The lower layer is ready.
    Up,
    /// The lower layer is no longer ready.
    Down,
    /// The layer may be opened.
    Open,
    /// The layer is to be closed.
    Close,
    /// TO+: the Restart timer expired and requests are left.
    TimeoutRetry,
    /// TO-: the Restart timer expired and none is left.
    TimeoutGiveUp,
    /// RCR+: an acceptable Configure-Request.
    RequestAcceptable,
    /// RCR-: an unacceptable Configure-Request.
    RequestUnacceptable,
    /// RCA: a valid Configure-Ack.
    ConfigureAck,
    /// RCN: a valid Configure-Nak or Configure-Reject.
    ConfigureNakOrReject,
    /// RTR: a Terminate-Request.
    TerminateRequest,
    /// RTA: a Terminate-Ack.
    TerminateAck,
    /// RUC: a packet with an unknown code.
    UnknownCode,
    /// RXJ+: a Code-Reject or Protocol-Reject that can be lived with.
    RejectPermitted,
    /// RXJ-: a Code-Reject or Protocol-Reject of something essential.
    RejectCatastrophic,
    /// RXR: an Echo-Request, Echo-Reply or Discard-Request.
    EchoOrDiscard,
}

/// What the automaton has done (RFC 1661 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// tlu.
    ThisLayerUp,
    /// tld.
    ThisLayerDown,
    /// tls.
    ThisLayerStarted,
    /// tlf.
    ThisLayerFinished,
    /// irc.
    InitializeRestartCount,
    /// zrc.
    ZeroRestartCount,
    /// scr.
    SendConfigureRequest,
    /// sca.
    SendConfigureAck,
    /// scn.
    SendConfigureNakOrReject,
    /// str.
    SendTerminateRequest,
    /// sta.
    SendTerminateAck,
    /// scj.
    SendCodeReject,
    /// ser.
    SendEchoReply,
}

impl State {
    /// All states, in the RFC's order.
    pub const ALL: [Self; 10] = [
        Self::Initial,
        Self::Starting,
        Self::Closed,
        Self::Stopped,
        Self::Closing,
        Self::Stopping,
        Self::ReqSent,
        Self::AckRcvd,
        Self::AckSent,
        Self::Opened,
    ];

    /// Whether the Restart timer runs in this state: those with a TO event.
    pub const fn runs_restart_timer(self) -> bool {
        matches!(
            self,
            Self::Closing | Self::Stopping | Self::ReqSent | Self::AckRcvd | Self::AckSent
        )
    }
}

impl Event {
    /// All events, in the RFC's order.
    pub const ALL: [Self; 16] = [
        Self::Up,
        Self::Down,
        Self::Open,
        Self::Close,
        Self::TimeoutRetry,
        Self::TimeoutGiveUp,
        Self::RequestAcceptable,
        Self::RequestUnacceptable,
        Self::ConfigureAck,
        Self::ConfigureNakOrReject,
        Self::TerminateRequest,
        Self::TerminateAck,
        Self::UnknownCode,
        Self::RejectPermitted,
        Self::RejectCatastrophic,
        Self::EchoOrDiscard,
    ];
}

/// A cell of the table: the actions in the RFC's order and the next state; `None` for an event
/// that cannot happen in that state.
pub type Cell = Option<(&'static [Action], State)>;

/// Looks up what `event` does in `state`.
pub const fn step(state: State, event: Event) -> Cell {
    TABLE[event as usize][state as usize]
}

mod shorthand {
    use super::{Action, Cell, State};
    pub(super) use Action::{
        InitializeRestartCount as IRC, SendCodeReject as SCJ, SendConfigureAck as SCA,
        SendConfigureNakOrReject as SCN, SendConfigureRequest as SCR, SendEchoReply as SER,
        SendTerminateAck as STA, SendTerminateRequest as STR, ThisLayerDown as TLD,
        ThisLayerFinished as TLF, ThisLayerStarted as TLS, ThisLayerUp as TLU,
        ZeroRestartCount as ZRC,
    };

    /// `actions/state`.
    pub(super) const fn to(actions: &'static [Action], state: usize) -> Cell {
        Some((actions, State::ALL[state]))
    }
    /// `-`.
    pub(super) const NO: Cell = None;
}

use shorthand::{IRC, NO, SCA, SCJ, SCN, SCR, SER, STA, STR, TLD, TLF, TLS, TLU, ZRC, to};

/// One row an event, one column a state, as the RFC prints it.
#[rustfmt::skip]
const TABLE: [[Cell; 10]; 16] = [
    // Initial, Starting, Closed, Stopped, Closing, Stopping, Req-Sent, Ack-Rcvd, Ack-Sent, Opened
    /* Up   */ [to(&[], 2), to(&[IRC, SCR], 6), NO, NO, NO, NO, NO, NO, NO, NO],
    /* Down */ [NO, NO, to(&[], 0), to(&[TLS], 1), to(&[], 0), to(&[], 1), to(&[], 1), to(&[], 1), to(&[], 1), to(&[TLD], 1)],
    /* Open */ [to(&[TLS], 1), to(&[], 1), to(&[IRC, SCR], 6), to(&[], 3), to(&[], 5), to(&[], 5), to(&[], 6), to(&[], 7), to(&[], 8), to(&[], 9)],
    /* Close*/ [to(&[], 0), to(&[TLF], 0), to(&[], 2), to(&[], 2), to(&[], 4), to(&[], 4), to(&[IRC, STR], 4), to(&[IRC, STR], 4), to(&[IRC, STR], 4), to(&[TLD, IRC, STR], 4)],
    /* TO+  */ [NO, NO, NO, NO, to(&[STR], 4), to(&[STR], 5), to(&[SCR], 6), to(&[SCR], 6), to(&[SCR], 8), NO],
    /* TO-  */ [NO, NO, NO, NO, to(&[TLF], 2), to(&[TLF], 3), to(&[TLF], 3), to(&[TLF], 3), to(&[TLF], 3), NO],
    /* RCR+ */ [NO, NO, to(&[STA], 2), to(&[IRC, SCR, SCA], 8), to(&[], 4), to(&[], 5), to(&[SCA], 8), to(&[SCA, TLU], 9), to(&[SCA], 8), to(&[TLD, SCR, SCA], 8)],
    /* RCR- */ [NO, NO, to(&[STA], 2), to(&[IRC, SCR, SCN], 6), to(&[], 4), to(&[], 5), to(&[SCN], 6), to(&[SCN], 7), to(&[SCN], 6), to(&[TLD, SCR, SCN], 6)],
    /* RCA  */ [NO, NO, to(&[STA], 2), to(&[STA], 3), to(&[], 4), to(&[], 5), to(&[IRC], 7), to(&[SCR], 6), to(&[IRC, TLU], 9), to(&[TLD, SCR], 6)],
    /* RCN  */ [NO, NO, to(&[STA], 2), to(&[STA], 3), to(&[], 4), to(&[], 5), to(&[IRC, SCR], 6), to(&[SCR], 6), to(&[IRC, SCR], 8), to(&[TLD, SCR], 6)],
    /* RTR  */ [NO, NO, to(&[STA], 2), to(&[STA], 3), to(&[STA], 4), to(&[STA], 5), to(&[STA], 6), to(&[STA], 6), to(&[STA], 6), to(&[TLD, ZRC, STA], 5)],
    /* RTA  */ [NO, NO, to(&[], 2), to(&[], 3), to(&[TLF], 2), to(&[TLF], 3), to(&[], 6), to(&[], 6), to(&[], 8), to(&[TLD, SCR], 6)],
    /* RUC  */ [NO, NO, to(&[SCJ], 2), to(&[SCJ], 3), to(&[SCJ], 4), to(&[SCJ], 5), to(&[SCJ], 6), to(&[SCJ], 7), to(&[SCJ], 8), to(&[SCJ], 9)],
    /* RXJ+ */ [NO, NO, to(&[], 2), to(&[], 3), to(&[], 4), to(&[], 5), to(&[], 6), to(&[], 6), to(&[], 8), to(&[], 9)],
    /* RXJ- */ [NO, NO, to(&[TLF], 2), to(&[TLF], 3), to(&[TLF], 2), to(&[TLF], 3), to(&[TLF], 3), to(&[TLF], 3), to(&[TLF], 3), to(&[TLD, IRC, STR], 5)],
    /* RXR  */ [NO, NO, to(&[], 2), to(&[], 3), to(&[], 4), to(&[], 5), to(&[], 6), to(&[], 7), to(&[], 8), to(&[SER], 9)],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as RFC 1661 §4.1 prints it, footnote letters left out; `.` is the dash.
    const RFC_1661_4_1: &str = "
        Up    2     irc,scr/6 .     .               .     .     .         .         .         .
        Down  .     .         0     tls/1           0     1     1         1         1         tld/1
        Open  tls/1 1         irc,scr/6 3           5     5     6         7         8         9
        Close 0     tlf/0     2     2               4     4     irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
        TO+   .     .         .     .               str/4 str/5 scr/6     scr/6     scr/8     .
        TO-   .     .         .     .               tlf/2 tlf/3 tlf/3     tlf/3     tlf/3     .
        RCR+  .     .         sta/2 irc,scr,sca/8   4     5     sca/8     sca,tlu/9 sca/8     tld,scr,sca/8
        RCR-  .     .         sta/2 irc,scr,scn/6   4     5     scn/6     scn/7     scn/6     tld,scr,scn/6
        RCA   .     .         sta/2 sta/3           4     5     irc/7     scr/6     irc,tlu/9 tld,scr/6
        RCN   .     .         sta/2 sta/3           4     5     irc,scr/6 scr/6     irc,scr/8 tld,scr/6
        RTR   .     .         sta/2 sta/3           sta/4 sta/5 sta/6     sta/6     sta/6     tld,zrc,sta/5
        RTA   .     .         2     3               tlf/2 tlf/3 6         6         8         tld,scr/6
        RUC   .     .         scj/2 scj/3           scj/4 scj/5 scj/6     scj/7     scj/8     scj/9
        RXJ+  .     .         2     3               4     5     6         6         8         9
        RXJ-  .     .         tlf/2 tlf/3           tlf/2 tlf/3 tlf/3     tlf/3     tlf/3     tld,irc,str/5
        RXR   .     .         2     3               4     5     6         7         8         ser/9
    ";

    fn action(name: &str) -> Action {
        match name {
            "tlu" => Action::ThisLayerUp,
            "tld" => Action::ThisLayerDown,
            "tls" => Action::ThisLayerStarted,
            "tlf" => Action::ThisLayerFinished,
            "irc" => Action::InitializeRestartCount,
            "zrc" => Action::ZeroRestartCount,
            "scr" => Action::SendConfigureRequest,
            "sca" => Action::SendConfigureAck,
            "scn" => Action::SendConfigureNakOrReject,
            "str" => Action::SendTerminateRequest,
            "sta" => Action::SendTerminateAck,
            "scj" => Action::SendCodeReject,
            "ser" => Action::SendEchoReply,
            other => panic!("no such action: {other}"),
        }
    }

    fn cell(text: &str) -> Option<(Vec<Action>, State)> {
        if text == "." {
            return None;
        }
        let (actions, state) = text.rsplit_once('/').unwrap_or(("", text));
        let actions = actions
            .split(',')
            .filter(|name| !name.is_empty())
            .map(action)
            .collect();
        Some((actions, State::ALL[state.parse::<usize>().unwrap()]))
    }

    #[test]
    fn every_cell_is_the_rfcs() {
        let rows: Vec<_> = RFC_1661_4_1
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        assert_eq!(rows.len(), Event::ALL.len());
        let mut cells = 0;
        for (event, row) in Event::ALL.into_iter().zip(rows) {
            let columns: Vec<_> = row.split_whitespace().skip(1).collect();
            assert_eq!(columns.len(), State::ALL.len(), "{row}");
            for (state, text) in State::ALL.into_iter().zip(columns) {
                let ours = step(state, event).map(|(actions, next)| (actions.to_vec(), next));
                assert_eq!(ours, cell(text), "{event:?} in {state:?}");
                cells += 1;
            }
        }
        assert_eq!(cells, 160);
    }

    #[test]
    fn the_restart_timer_runs_where_it_can_expire() {
        for state in State::ALL {
            assert_eq!(
                state.runs_restart_timer(),
                step(state, Event::TimeoutRetry).is_some(),
                "{state:?}"
            );
        }
    }
}
