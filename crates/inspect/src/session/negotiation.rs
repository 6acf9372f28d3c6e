//! What a control protocol agreed: the options of each end's last acknowledged Configure-Request
//! (RFC 1661 §5.2).

use std::collections::VecDeque;

use adit_wire::cp::{Body, ConfigOption, Packet};

use super::ends::{End, Pair};

/// Requests that are remembered: an acknowledgement may be on its way while a new request is sent.
const REMEMBERED: usize = 8;

/// What came of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing that decides anything.
    Nothing,
    /// The request of this end was acknowledged.
    Agreed(End),
    /// An acknowledgement names other options than the request that it answers.
    Differs,
}

/// One control protocol of a session.
#[derive(Debug)]
pub(crate) struct Negotiation<O> {
    /// The newest in front.
    requested: Pair<VecDeque<(u8, Vec<O>)>>,
    agreed: Pair<Option<Vec<O>>>,
}

impl<O> Default for Negotiation<O> {
    fn default() -> Self {
        Self {
            requested: Pair([VecDeque::new(), VecDeque::new()]),
            agreed: Pair([None, None]),
        }
    }
}

impl<O: ConfigOption> Negotiation<O> {
    /// Takes a packet that `sender` sent.
    pub(crate) fn observe(&mut self, sender: End, packet: &Packet<O>) -> Outcome {
        match &packet.body {
            Body::ConfigureRequest(options) => {
                let requested = &mut self.requested[sender];
                requested.truncate(REMEMBERED - 1);
                requested.push_front((packet.identifier, options.clone()));
                Outcome::Nothing
            }
            Body::ConfigureAck(options) => {
                let outcome = self.acknowledged(sender.other(), packet.identifier, options);
                if let Outcome::Agreed(requester) = outcome {
                    self.agreed[requester] = Some(options.clone());
                }
                outcome
            }
            _ => Outcome::Nothing,
        }
    }

    fn acknowledged(&self, requester: End, identifier: u8, options: &[O]) -> Outcome {
        let requested = &self.requested[requester];
        let is_of = |(id, _): &&(u8, Vec<O>)| *id == identifier;
        match requested.front() {
            // Without the request: an acknowledgement repeats its options.
            None => Outcome::Agreed(requester),
            Some((id, newest)) if *id == identifier && newest == options => {
                Outcome::Agreed(requester)
            }
            // An acknowledgement of an earlier request decides nothing (RFC 1661 §5.2).
            Some(_)
                if requested
                    .iter()
                    .filter(is_of)
                    .any(|(_, earlier)| earlier == options) =>
            {
                Outcome::Nothing
            }
            Some((id, _)) if *id == identifier => Outcome::Differs,
            Some(_) => Outcome::Nothing,
        }
    }

    /// The options of `end` that the other end acknowledged last.
    pub(crate) fn agreed(&self, end: End) -> Option<&[O]> {
        self.agreed[end].as_deref()
    }

    /// The same, each as text; `None` where nothing was agreed.
    pub(crate) fn agreed_lines(&self, end: End) -> Option<Vec<String>> {
        let options = self.agreed(end)?;
        Some(options.iter().map(ToString::to_string).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_wire::lcp::LcpOption;

    fn packet(identifier: u8, body: Body<LcpOption>) -> Packet<LcpOption> {
        Packet { identifier, body }
    }

    #[test]
    fn the_last_acknowledged_request_counts() {
        let mut lcp = Negotiation::default();
        let request = |id, mru| packet(id, Body::ConfigureRequest(vec![LcpOption::Mru(mru)]));
        let ack = |id, mru| packet(id, Body::ConfigureAck(vec![LcpOption::Mru(mru)]));
        assert_eq!(lcp.observe(End::First, &request(1, 1500)), Outcome::Nothing);
        assert_eq!(lcp.observe(End::First, &request(2, 1400)), Outcome::Nothing);
        assert_eq!(lcp.observe(End::Second, &ack(1, 1500)), Outcome::Nothing);
        assert_eq!(lcp.agreed(End::First), None);
        assert_eq!(lcp.observe(End::Second, &ack(2, 1401)), Outcome::Differs);
        assert_eq!(
            lcp.observe(End::Second, &ack(2, 1400)),
            Outcome::Agreed(End::First)
        );
        assert_eq!(lcp.agreed_lines(End::First).unwrap(), ["mru 1400"]);
        assert_eq!(lcp.agreed(End::Second), None);
    }

    #[test]
    fn an_acknowledgement_alone_tells_the_request() {
        let mut lcp = Negotiation::default();
        let ack = packet(9, Body::ConfigureAck(vec![LcpOption::Pfc]));
        assert_eq!(lcp.observe(End::First, &ack), Outcome::Agreed(End::Second));
        assert_eq!(lcp.agreed(End::Second).unwrap(), [LcpOption::Pfc]);
    }
}
