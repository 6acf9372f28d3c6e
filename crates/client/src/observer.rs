use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use adit_engine::CallReport;
use adit_ppp::Cipher;
use adit_ppp::auth::Method;

use crate::stage::Stage;
use crate::warning::Warning;

/// Who is told what happens.
pub trait Observer {
    /// Something has happened. The event loop waits meanwhile.
    fn notice(&mut self, notice: Notice<'_>);
}

/// What has happened.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Something is weaker or less than it could be.
    Warning(Warning),
    /// Something takes longer than usual.
    Waiting(Stage),
    /// The tunnel is up and the host is set up for it.
    Connected(&'a Connected),
    /// What was done about DNS, a sentence.
    Dns(String),
    /// The connection is being ended because the user wants so.
    HangingUp,
    /// The user does not wait for an orderly end.
    Leaving,
}

/// A tunnel that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The server's address outside the tunnel.
    pub server: SocketAddrV4,
    /// The name of the interface.
    pub interface: String,
    /// Our address inside the tunnel.
    pub address: Option<Ipv4Addr>,
    /// The server's address inside the tunnel, where it told one.
    pub peer: Option<Ipv4Addr>,
    /// Our link-local IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// DNS servers that the server named.
    pub dns: Vec<Ipv4Addr>,
    /// How we authenticated; none where the server did not ask.
    pub authentication: Option<Method>,
    /// The ciphers in use, the one that we send with first; none if nothing is encrypted.
    pub encryption: Option<(Cipher, Cipher)>,
    /// The largest packet inside the tunnel, in octets.
    pub mtu: u16,
}

impl Connected {
    /// The encryption in words.
    pub fn encryption_words(&self) -> String {
        match self.encryption {
            None => "no encryption".to_owned(),
            Some((send, receive)) if send == receive => send.to_string(),
            Some((send, receive)) => format!("{send} sent, {receive} received"),
        }
    }

    /// The authentication in words.
    pub fn authentication_words(&self) -> String {
        match self.authentication {
            None => "no authentication".to_owned(),
            Some(method) => method.to_string(),
        }
    }
}

impl fmt::Display for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interface {}", self.interface)?;
        if let Some(address) = self.address {
            write!(f, ", address {address}")?;
        }
        if let Some(peer) = self.peer {
            write!(f, ", server {peer}")?;
        }
        if let Some(ipv6) = self.ipv6 {
            write!(f, ", IPv6 {ipv6}")?;
        }
        for (index, server) in self.dns.iter().enumerate() {
            let label = if index == 0 { ", DNS" } else { " and" };
            write!(f, "{label} {server}")?;
        }
        let (authentication, encryption) = (self.authentication_words(), self.encryption_words());
        write!(f, ", {authentication}, {encryption}, MTU {}", self.mtu)
    }
}

/// A connection that the user ended.
#[derive(Debug)]
pub struct End {
    /// What the call came to, where there was one.
    pub report: Option<Box<CallReport>>,
}

#[cfg(test)]
mod tests {
    use adit_crypto::mppe_keys::Strength;
    use adit_ppp::mppe::Mode;

    use super::*;

    #[test]
    fn a_line_tells_all_there_is_and_nothing_else() {
        let cipher = |mode| Cipher {
            strength: Strength::Bits128,
            mode,
        };
        let mut connected = Connected {
            server: "192.0.2.1:1723".parse().unwrap(),
            interface: "adit0".to_owned(),
            address: Some(Ipv4Addr::new(10, 77, 0, 2)),
            peer: Some(Ipv4Addr::new(10, 77, 0, 1)),
            ipv6: None,
            dns: vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)],
            authentication: Some(Method::MsChapV2),
            encryption: Some((cipher(Mode::Stateless), cipher(Mode::Stateless))),
            mtu: 1456,
        };
        assert_eq!(
            connected.to_string(),
            "interface adit0, address 10.77.0.2, server 10.77.0.1, DNS 10.0.0.1 and 10.0.0.2, \
             MS-CHAPv2, MPPE 128-bit stateless, MTU 1456"
        );
        connected.peer = None;
        connected.dns.clear();
        connected.authentication = None;
        connected.encryption = Some((cipher(Mode::Stateless), cipher(Mode::Stateful)));
        connected.ipv6 = Some("fe80::2".parse().unwrap());
        assert_eq!(
            connected.to_string(),
            "interface adit0, address 10.77.0.2, IPv6 fe80::2, no authentication, \
             MPPE 128-bit stateless sent, MPPE 128-bit stateful received, MTU 1456"
        );
        connected.encryption = None;
        assert_eq!(connected.encryption_words(), "no encryption");
    }
}
