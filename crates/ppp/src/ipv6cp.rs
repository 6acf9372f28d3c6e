//! What we ask for and accept in IPV6CP: RFC 5072 §4.1.

use std::sync::Arc;

use adit_wire::ipv6cp::{InterfaceId, Ipv6cp, Ipv6cpOption};

use crate::entropy::Entropy;
use crate::lcp::Seed;
use crate::negotiator::{NoAgreement, OptionPolicy, Review};

/// The identifiers of both ends; their link-local addresses are made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Network {
    /// Ours.
    pub local: InterfaceId,
    /// The peer's.
    pub peer: InterfaceId,
}

/// The policy of one link.
#[derive(Debug)]
pub(crate) struct Ipv6cpPolicy {
    entropy: Seed,
    local: InterfaceId,
    /// The identifier to suggest to a peer that has none.
    suggestion: InterfaceId,
    /// Whether it is also to be suggested, once, to a peer that has another one.
    is_meant: bool,
    peer: InterfaceId,
    rejected: bool,
}

impl Ipv6cpPolicy {
    /// `local` is our identifier, a random one where it is zero.
    pub(crate) fn new(local: InterfaceId, entropy: Arc<dyn Entropy>) -> Self {
        let local = if local == InterfaceId::ZERO {
            random(&*entropy)
        } else {
            local
        };
        let suggestion = random(&*entropy);
        Self {
            entropy: Seed(entropy),
            local,
            suggestion,
            is_meant: false,
            peer: InterfaceId::ZERO,
            rejected: false,
        }
    }

    /// Has the peer told which identifier it is meant to have. It may insist on its own.
    pub(crate) fn suggest(&mut self, peer: InterfaceId) {
        if peer != InterfaceId::ZERO && peer != self.local {
            self.suggestion = peer;
            self.is_meant = true;
        }
    }

    /// What the acknowledged requests of both sides come to.
    pub(crate) fn agreed(&self) -> Ipv6Network {
        Ipv6Network {
            local: self.local,
            peer: self.peer,
        }
    }
}

/// A random identifier: not zero, and with the universal bit clear, since it is not made of a
/// globally unique address (RFC 5072 §4.1).
fn random(entropy: &dyn Entropy) -> InterfaceId {
    let mut octets: [u8; 8] = entropy.array();
    octets[0] &= !0x02;
    octets[7] |= 0x01;
    InterfaceId(octets)
}

impl OptionPolicy for Ipv6cpPolicy {
    type Protocol = Ipv6cp;

    fn request(&mut self) -> Vec<Ipv6cpOption> {
        if self.rejected {
            Vec::new()
        } else {
            vec![Ipv6cpOption::InterfaceId(self.local)]
        }
    }

    fn review(&mut self, peer: &[Ipv6cpOption]) -> Review<Ipv6cpOption> {
        let foreign: Vec<_> = peer
            .iter()
            .filter(|option| !matches!(option, Ipv6cpOption::InterfaceId(_)))
            .cloned()
            .collect();
        if !foreign.is_empty() {
            return Review::Reject(foreign);
        }
        let suggested = [Ipv6cpOption::InterfaceId(self.suggestion)];
        if std::mem::take(&mut self.is_meant) && peer != suggested {
            return Review::Nak(suggested.to_vec());
        }
        match peer.first() {
            Some(Ipv6cpOption::InterfaceId(id))
                if *id != InterfaceId::ZERO && *id != self.local =>
            {
                self.peer = *id;
                Review::Ack
            }
            _ => Review::Nak(vec![Ipv6cpOption::InterfaceId(self.suggestion)]),
        }
    }

    fn on_nak(&mut self, wanted: &[Ipv6cpOption]) -> Result<(), NoAgreement> {
        for option in wanted {
            match option {
                Ipv6cpOption::InterfaceId(id)
                    if [self.local, self.peer, InterfaceId::ZERO].contains(id) =>
                {
                    self.local = random(&*self.entropy.0);
                }
                Ipv6cpOption::InterfaceId(id) => self.local = *id,
                _ => {}
            }
        }
        Ok(())
    }

    fn on_reject(&mut self, rejected: &[Ipv6cpOption]) -> Result<(), NoAgreement> {
        self.rejected |= rejected
            .iter()
            .any(|option| matches!(option, Ipv6cpOption::InterfaceId(_)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not random at all.
    struct Constant;

    impl Entropy for Constant {
        fn fill(&self, octets: &mut [u8]) {
            octets.fill(0x55);
        }
    }

    fn meant_for(peer: InterfaceId) -> Ipv6cpPolicy {
        let mut policy = Ipv6cpPolicy::new(InterfaceId([1; 8]), Arc::new(Constant));
        policy.suggest(peer);
        policy
    }

    fn option(octet: u8) -> [Ipv6cpOption; 1] {
        [Ipv6cpOption::InterfaceId(InterfaceId([octet; 8]))]
    }

    #[test]
    fn a_peer_is_told_once_which_identifier_it_is_meant_to_have() {
        let mut policy = meant_for(InterfaceId([9; 8]));
        assert_eq!(policy.review(&option(7)), Review::Nak(option(9).to_vec()));
        assert_eq!(policy.review(&option(7)), Review::Ack);
        assert_eq!(policy.agreed().peer, InterfaceId([7; 8]));

        let mut policy = meant_for(InterfaceId([9; 8]));
        assert_eq!(policy.review(&option(9)), Review::Ack);
        assert_eq!(policy.agreed().peer, InterfaceId([9; 8]));
    }

    #[test]
    fn nobody_is_meant_to_have_ours_or_none() {
        for id in [InterfaceId([1; 8]), InterfaceId::ZERO] {
            assert_eq!(meant_for(id).review(&option(7)), Review::Ack);
        }
    }
}
