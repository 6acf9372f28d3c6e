//! What a program is told about a session: the arguments and the environment that pppd gives its scripts.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv6Net;

use crate::aaa::facts::Facts;

/// What is known of a session when it carries packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionFacts {
    /// Names the session, and no other one.
    pub(super) id: String,
    /// The user, as the session has logged in.
    pub(super) user: String,
    /// The outer address of the client.
    pub(super) peer: SocketAddrV4,
    /// The address that the client connected to.
    pub(super) called: Ipv4Addr,
    /// The TUN interface, which all sessions share.
    pub(super) interface: String,
    /// The server's address inside the tunnel.
    pub(super) local: Ipv4Addr,
    /// The client's address inside the tunnel.
    pub(super) address: Ipv4Addr,
    /// The client's IPv6 prefix.
    pub(super) prefix: Option<Ipv6Net>,
}

/// What a session came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionTally {
    /// How long it lasted.
    pub(super) seconds: u64,
    /// Octets and packets to the client.
    pub(super) sent: (u64, u64),
    /// Octets and packets from the client.
    pub(super) received: (u64, u64),
}

impl SessionTally {
    pub(super) fn of(facts: &Facts) -> Self {
        let (sent, received) = (&facts.sent, &facts.received);
        Self {
            seconds: facts.lasted.as_secs(),
            sent: (sent.octets, sent.packets),
            received: (received.octets, received.packets),
        }
    }
}

/// A tunnel has no tty and no speed; these are what accel-ppp gives in their place.
const NO_TTY: &str = "none";
const NO_SPEED: &str = "0";

/// Debian's default for root; pppd's scripts begin without one.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl SessionFacts {
    /// Of a session that has an IPv4 address.
    pub(super) fn of(facts: &Facts, interface: &str) -> Option<Self> {
        Some(Self {
            id: facts.session.to_string(),
            user: facts.user.clone(),
            peer: facts.peer,
            called: *facts.local.ip(),
            interface: interface.to_owned(),
            local: facts.server_address,
            address: facts.address?,
            prefix: facts.prefix,
        })
    }

    /// pppd's arguments: interface-name tty-device speed local-IP-address remote-IP-address ipparam. The last one
    /// is the client's outer address, as pptpd and accel-ppp give it.
    pub(super) fn arguments(&self) -> [String; 6] {
        [
            self.interface.clone(),
            NO_TTY.to_owned(),
            NO_SPEED.to_owned(),
            self.local.to_string(),
            self.address.to_string(),
            self.peer.ip().to_string(),
        ]
    }

    /// The whole environment. pppd's PPPD_PID is left out: scripts kill that process to end one session, but this
    /// one has all of them.
    pub(super) fn environment(
        &self,
        tally: Option<&SessionTally>,
        login: &Login,
    ) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("PATH", PATH.to_owned()),
            ("DEVICE", NO_TTY.to_owned()),
            ("SPEED", NO_SPEED.to_owned()),
            ("IFNAME", self.interface.clone()),
            ("IPLOCAL", self.local.to_string()),
            ("IPREMOTE", self.address.to_string()),
            // The environment cannot hold a zero octet.
            ("PEERNAME", self.user.replace('\0', "")),
            ("ORIG_UID", login.id.to_string()),
            ("PPPLOGNAME", login.name.clone()),
            ("LINKNAME", self.id.clone()),
            ("CALLING_SID", self.peer.ip().to_string()),
            ("CALLED_SID", self.called.to_string()),
        ];
        if let Some(prefix) = self.prefix {
            variables.push(("IPV6_PREFIX", prefix.to_string()));
        }
        if let Some(tally) = tally {
            variables.extend([
                ("CONNECT_TIME", tally.seconds.to_string()),
                ("BYTES_SENT", tally.sent.0.to_string()),
                ("BYTES_RCVD", tally.received.0.to_string()),
                ("PACKETS_SENT", tally.sent.1.to_string()),
                ("PACKETS_RCVD", tally.received.1.to_string()),
            ]);
        }
        variables
    }
}

/// As whom the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) id: u32,
    pub(super) name: String,
}

impl Login {
    /// Asks the system, which may read files for that.
    pub(super) fn own() -> Self {
        let id = nix::unistd::getuid();
        let found = nix::unistd::User::from_uid(id).ok().flatten();
        Self {
            id: id.as_raw(),
            name: found.map_or_else(|| id.to_string(), |user| user.name),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(in crate::hooks) fn facts(last: u8) -> SessionFacts {
        SessionFacts {
            id: format!("session-{last}"),
            user: "alice".to_owned(),
            peer: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 40_000),
            called: Ipv4Addr::new(192, 0, 2, 1),
            interface: "adit0".to_owned(),
            local: Ipv4Addr::new(10, 77, 0, 1),
            address: Ipv4Addr::new(10, 77, 0, last),
            prefix: None,
        }
    }

    #[test]
    fn arguments_and_environment_are_those_of_pppd() {
        let facts = SessionFacts {
            user: "al\0ice".to_owned(),
            prefix: Some("2001:db8:1::/64".parse().unwrap()),
            ..facts(2)
        };
        assert_eq!(
            facts.arguments().join(" "),
            "adit0 none 0 10.77.0.1 10.77.0.2 192.0.2.2"
        );
        let login = Login {
            id: 0,
            name: "root".to_owned(),
        };
        let up: BTreeMap<_, _> = facts.environment(None, &login).into_iter().collect();
        let of = |name| up.get(name).map(String::as_str);
        for (name, value) in [
            ("IFNAME", "adit0"),
            ("DEVICE", "none"),
            ("SPEED", "0"),
            ("IPLOCAL", "10.77.0.1"),
            ("IPREMOTE", "10.77.0.2"),
            ("PEERNAME", "alice"),
            ("ORIG_UID", "0"),
            ("PPPLOGNAME", "root"),
            ("LINKNAME", "session-2"),
            ("CALLING_SID", "192.0.2.2"),
            ("CALLED_SID", "192.0.2.1"),
            ("IPV6_PREFIX", "2001:db8:1::/64"),
        ] {
            assert_eq!(of(name), Some(value), "{name}");
        }
        assert_eq!(of("CONNECT_TIME"), None);
        let tally = SessionTally {
            seconds: 61,
            sent: (5_000_000_000, 7),
            received: (12, 1),
        };
        let down: BTreeMap<_, _> = facts
            .environment(Some(&tally), &login)
            .into_iter()
            .collect();
        assert_eq!(down.len(), up.len() + 5);
        assert_eq!(down["CONNECT_TIME"], "61");
        assert_eq!(down["BYTES_SENT"], "5000000000");
        assert_eq!(down["BYTES_RCVD"], "12");
        assert_eq!(down["PACKETS_SENT"], "7");
        assert_eq!(down["PACKETS_RCVD"], "1");
    }
}
