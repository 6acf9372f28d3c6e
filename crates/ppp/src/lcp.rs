//! What we ask for and accept in LCP: RFC 1661 §6, with the wishes of real peers that go beyond it.

use std::sync::Arc;

use adit_wire::lcp::{Authentication, Lcp, LcpOption};
use adit_wire::ppp::Encapsulation;

use crate::auth::Method;
use crate::entropy::Entropy;
use crate::negotiator::{NoAgreement, OptionPolicy, Review};

/// The MRU that a peer has where it names none (RFC 1661 §6.1), in octets.
pub const DEFAULT_MRU: u16 = 1500;

/// The smallest MRU that is accepted from a peer: below it not even a minimal IPv4 packet and its
/// encryption would pass whole.
pub const MINIMUM_MRU: u16 = 128;

/// Our wishes for LCP.
#[derive(Debug, Clone)]
pub struct LcpConfig {
    /// The largest information field that we receive, in octets.
    pub mru: u16,
    /// Whether to ask for protocol field compression.
    pub pfc: bool,
    /// Whether to ask for address and control field compression.
    pub acfc: bool,
}

impl Default for LcpConfig {
    fn default() -> Self {
        Self {
            mru: DEFAULT_MRU,
            pfc: true,
            acfc: true,
        }
    }
}

/// What both sides agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Our magic number, 0 where the peer rejected the option.
    pub(crate) our_magic: u32,
    /// The peer's MRU.
    pub(crate) peer_mru: u16,
    /// How we may write our frames.
    pub(crate) send: Encapsulation,
    /// How the peer is to authenticate.
    pub(crate) authenticate_peer: Option<Method>,
    /// How the peer wants us to authenticate.
    pub(crate) authenticate_us: Option<Method>,
}

/// Why LCP cannot succeed, beyond a peer that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Our own packets come back.
    Loop,
    /// The peer takes none of the authentication protocols that we allow.
    Authentication,
}

/// The policy of one link.
#[derive(Debug)]
pub(crate) struct LcpPolicy {
    config: LcpConfig,
    entropy: Seed,
    mru: Option<u16>,
    magic: Option<u32>,
    pfc: bool,
    acfc: bool,
    /// Methods that we may ask of the peer, those that it refused taken out; empty: no demand.
    demand: Vec<Method>,
    demands: bool,
    /// Methods that we are willing to use ourselves.
    willing: Vec<Method>,
    peer: Agreed,
    /// A method that the peer wanted was not one of ours.
    declined: bool,
    same_magic: u32,
    /// Set where negotiation failed for a reason worth telling.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Random octets with a `Debug` that shows nothing.
#[derive(Clone)]
pub(crate) struct Seed(pub(crate) Arc<dyn Entropy>);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

/// Configure-Requests with our own magic number before the link counts as looped.
const LOOPED_AFTER: u32 = 5;

impl LcpPolicy {
    pub(crate) fn new(
        config: LcpConfig,
        demand: Vec<Method>,
        willing: Vec<Method>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            mru: Some(config.mru),
            magic: Some(entropy.nonzero_u32()),
            pfc: config.pfc,
            acfc: config.acfc,
            demands: !demand.is_empty(),
            demand,
            willing,
            peer: Agreed {
                peer_mru: DEFAULT_MRU,
                ..Agreed::default()
            },
            declined: false,
            same_magic: 0,
            obstacle: None,
            entropy: Seed(entropy),
            config,
        }
    }

    /// What the acknowledged requests of both sides come to.
    pub(crate) fn agreed(&self) -> Agreed {
        Agreed {
            our_magic: self.magic.unwrap_or(0),
            authenticate_peer: self.demand.first().copied(),
            ..self.peer.clone()
        }
    }

    /// Whether a magic number in a packet shows that it is our own.
    pub(crate) fn is_ours(&self, magic: u32) -> bool {
        magic != 0 && self.magic == Some(magic)
    }

    /// One option: whether it is taken, or what would do instead.
    fn judge(&mut self, option: &LcpOption) -> Judgement {
        match option {
            LcpOption::Mru(mru) if *mru < MINIMUM_MRU => {
                Judgement::Nak(LcpOption::Mru(self.config.mru))
            }
            LcpOption::MagicNumber(magic) => self.judge_magic(*magic),
            LcpOption::Authentication(wanted) => self.judge_authentication(wanted),
            // The character map has no meaning without asynchronous framing; every map will do.
            LcpOption::Mru(_) | LcpOption::Accm(_) | LcpOption::Pfc | LcpOption::Acfc => {
                Judgement::Take
            }
            LcpOption::Quality(_)
            | LcpOption::Callback(_)
            | LcpOption::Mrru(_)
            | LcpOption::ShortSequence
            | LcpOption::EndpointDiscriminator(_)
            | LcpOption::LinkDiscriminator(_)
            | LcpOption::Other { .. } => Judgement::Refuse,
        }
    }

    fn judge_magic(&mut self, magic: u32) -> Judgement {
        if magic != 0 && !self.is_ours(magic) {
            self.same_magic = 0;
            return Judgement::Take;
        }
        if magic != 0 {
            self.same_magic += 1;
            if self.same_magic >= LOOPED_AFTER {
                self.obstacle = Some(Obstacle::Loop);
            }
        }
        Judgement::Nak(LcpOption::MagicNumber(self.entropy.0.nonzero_u32()))
    }

    fn judge_authentication(&mut self, wanted: &Authentication) -> Judgement {
        match (Method::from_wire(wanted), self.willing.first()) {
            (_, None) => Judgement::Refuse,
            (Some(method), _) if self.willing.contains(&method) => Judgement::Take,
            (_, Some(best)) => {
                self.declined = true;
                Judgement::Nak(LcpOption::Authentication(best.to_wire()))
            }
        }
    }

    /// Whether the peer wanted a method that we do not use, and then none instead of ours.
    pub(crate) fn is_left_without_authentication(&self) -> bool {
        self.declined && self.peer.authenticate_us.is_none()
    }

    fn accept(&mut self, options: &[LcpOption]) {
        let mut peer = Agreed {
            peer_mru: DEFAULT_MRU,
            ..Agreed::default()
        };
        for option in options {
            match option {
                LcpOption::Mru(mru) => peer.peer_mru = *mru,
                LcpOption::Pfc => peer.send.pfc = true,
                LcpOption::Acfc => peer.send.acfc = true,
                LcpOption::Authentication(wanted) => {
                    peer.authenticate_us = Method::from_wire(wanted);
                }
                _ => {}
            }
        }
        self.peer = peer;
    }

    /// The peer will not use the method that we ask for; `instead` is what it named.
    fn refused(&mut self, instead: Option<Method>) -> Result<(), NoAgreement> {
        let refused = self.demand.first().copied();
        self.demand.retain(|method| Some(*method) != refused);
        if let Some(position) =
            instead.and_then(|method| self.demand.iter().position(|other| *other == method))
        {
            self.demand[..=position].rotate_right(1);
        }
        if self.demand.is_empty() {
            self.obstacle = Some(self.why_not_authentication());
            return Err(NoAgreement);
        }
        Ok(())
    }

    /// Neither end of a loop would authenticate to itself; that is not the peer's doing.
    fn why_not_authentication(&self) -> Obstacle {
        if self.same_magic > 0 {
            Obstacle::Loop
        } else {
            Obstacle::Authentication
        }
    }
}

enum Judgement {
    Take,
    Nak(LcpOption),
    Refuse,
}

impl OptionPolicy for LcpPolicy {
    type Protocol = Lcp;

    fn request(&mut self) -> Vec<LcpOption> {
        let mut options = Vec::new();
        options.extend(self.mru.map(LcpOption::Mru));
        options.extend(
            self.demand
                .first()
                .map(|method| LcpOption::Authentication(method.to_wire())),
        );
        options.extend(self.magic.map(LcpOption::MagicNumber));
        options.extend(self.pfc.then_some(LcpOption::Pfc));
        options.extend(self.acfc.then_some(LcpOption::Acfc));
        options
    }

    fn review(&mut self, peer: &[LcpOption]) -> Review<LcpOption> {
        let (mut refused, mut better) = (Vec::new(), Vec::new());
        for option in peer {
            match self.judge(option) {
                Judgement::Take => {}
                Judgement::Nak(instead) => better.push(instead),
                Judgement::Refuse => refused.push(option.clone()),
            }
        }
        if self.obstacle.is_some() {
            return Review::Impossible;
        }
        if !refused.is_empty() {
            return Review::Reject(refused);
        }
        if !better.is_empty() {
            return Review::Nak(better);
        }
        self.accept(peer);
        Review::Ack
    }

    fn on_nak(&mut self, wanted: &[LcpOption]) -> Result<(), NoAgreement> {
        for option in wanted {
            match option {
                LcpOption::Mru(mru) if self.mru == Some(*mru) => self.mru = None,
                LcpOption::Mru(mru) if (MINIMUM_MRU..=self.config.mru).contains(mru) => {
                    self.mru = Some(*mru);
                }
                LcpOption::Mru(_) => self.mru = None,
                LcpOption::MagicNumber(_) => self.magic = Some(self.entropy.0.nonzero_u32()),
                // A Nak of an option without a value can only mean that it is not wanted.
                LcpOption::Pfc => self.pfc = false,
                LcpOption::Acfc => self.acfc = false,
                LcpOption::Authentication(instead) if self.demands => {
                    self.refused(Method::from_wire(instead))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn on_reject(&mut self, rejected: &[LcpOption]) -> Result<(), NoAgreement> {
        for option in rejected {
            match option {
                LcpOption::Mru(_) => self.mru = None,
                LcpOption::MagicNumber(_) => self.magic = None,
                LcpOption::Pfc => self.pfc = false,
                LcpOption::Acfc => self.acfc = false,
                LcpOption::Authentication(_) => {
                    self.obstacle = Some(self.why_not_authentication());
                    return Err(NoAgreement);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
