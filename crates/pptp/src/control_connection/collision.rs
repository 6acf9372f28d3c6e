//! Both peers opening a control connection to each other at once (RFC 2637 §3.1.3).

use std::net::IpAddr;

/// Whose connection is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The one that this side has opened.
    Local,
    /// The one that the peer has opened.
    Peer,
}

impl Winner {
    /// The peer with the higher address wins; addresses are compared as unsigned numbers. With equal
    /// addresses, where a peer talks to itself, the connection that came in is kept.
    pub fn of(local: IpAddr, peer: IpAddr) -> Self {
        if local > peer {
            Self::Local
        } else {
            Self::Peer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_address_wins() {
        let winner =
            |local: &str, peer: &str| Winner::of(local.parse().unwrap(), peer.parse().unwrap());
        assert_eq!(winner("192.33.45.17", "192.33.45.89"), Winner::Peer);
        assert_eq!(winner("192.33.45.89", "192.33.45.17"), Winner::Local);
        assert_eq!(winner("200.0.0.1", "10.255.255.255"), Winner::Local);
        assert_eq!(winner("2001:db8::2", "2001:db8::10"), Winner::Peer);
        assert_eq!(winner("10.0.0.1", "10.0.0.1"), Winner::Peer);
    }
}
