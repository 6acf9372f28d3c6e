//! Microsoft Point-to-Point Encryption (RFC 3078): one direction of packets, in place.
//!
//! A [`Sender`] encrypts protocol field and information and gives the two octets that go before them;
//! a [`Receiver`] takes those two octets and what follows. Both work on 40, 56 and 128-bit session
//! keys (RFC 3079) in either [`Mode`].
//!
//! MPPE has no integrity check, so a receiver trusts a packet only as far as its plaintext looks right
//! (see `plaintext.rs`): keys move on after that, never before. A forged packet costs little and
//! cannot make the two ends lose each other.
//!
//! CCP, its Reset-Request and the rate at which it may be sent are left to the caller.

mod catch_up;
mod plaintext;
mod receiver;
mod sender;
mod stateful;
mod stateless;

#[cfg(test)]
mod tests;

pub use plaintext::is_mppe_payload_protocol;
pub use receiver::{Opening, Receiver, ReceiverConfig, Reject};
pub use sender::{Begun, Sender};

/// How often the session key changes (RFC 3078 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Before every packet: each can be decrypted without the ones before it.
    Stateless,
    /// Before each "flag" packet; in between the key stream goes on from packet to packet, and a lost
    /// packet needs a CCP Reset-Request.
    Stateful,
}

/// Tells a "flag" packet of stateful mode by its coherency count (RFC 3078 §7.2).
const fn is_flag(coherency_count: u16) -> bool {
    coherency_count & 0xff == 0xff
}

/// How many packets `to` is ahead of `from`, 0 to 4095: coherency counts have 12 bits.
const fn distance(from: u16, to: u16) -> u16 {
    to.wrapping_sub(from) & adit_wire::mppe::Header::COUNT
}
