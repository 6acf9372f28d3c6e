//! A sans-IO PPP link: LCP, authentication, CCP with MPPE, IPCP and IPV6CP.
//!
//! [`Link`] is the whole of it for one link. Frames and the time go in; frames, questions and the
//! next deadline come out. It knows no socket, no clock and no random source of its own, and
//! nothing of what carries its frames.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`automaton`] | the option negotiation automaton's table | RFC 1661 §4.1 |
//! | `negotiator` | the automaton with its timer, counters and identifiers | RFC 1661 §4.3 to §4.6 |
//! | `lcp` `ccp` `ipcp` `ipv6cp` | what is asked for and accepted in each protocol | RFC 1661 §6, RFC 1962, RFC 1332, RFC 5072 |
//! | [`auth`] | PAP, CHAP-MD5, MS-CHAPv1 and v2, both sides | RFC 1334, 1994, 2433, 2759 |
//! | [`mppe`] | encryption of packets | RFC 3078 |
//! | [`link`] | the phases of a link | RFC 1661 §3 |

#![forbid(unsafe_code)]

pub mod auth;
pub mod automaton;
mod ccp;
mod entropy;
mod ipcp;
mod ipv6cp;
mod lcp;
pub mod link;
pub mod mppe;
mod negotiator;
mod queue;

pub use ccp::{Cipher, EncryptionPolicy, MppeConfig};
pub use entropy::Entropy;
pub use ipcp::{Ipv4Config, Ipv4Network, NameServers};
pub use ipv6cp::Ipv6Network;
pub use lcp::{DEFAULT_MRU, LcpConfig, MINIMUM_MRU};
pub use link::{Link, LinkConfig};
pub use negotiator::NegotiationTimers;
