use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use adit_engine::{CallLimit, EndpointConfig, Shard, SourceCheck};
use adit_net::direct::Transmit;
use adit_ppp::auth::{Method, PeerConfig};
use adit_ppp::link::Role;
use adit_ppp::{EncryptionPolicy, Ipv4Config, LinkConfig, MppeConfig, NegotiationTimers};
use adit_pptp::control_connection;
use adit_pptp::session::SessionConfig;
use adit_wire::text::Text;
use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::server_name::ServerName;

/// What the user wants.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where to connect to.
    pub server: ServerName,
    /// Who the user is.
    pub credentials: Credentials,
    /// Authentication protocols to agree to, in any order.
    pub methods: Vec<Method>,
    /// The encryption to agree to.
    pub mppe: MppeConfig,
    /// What to change on this host.
    pub network: NetworkConfig,
}

/// Who the user is.
#[derive(Clone)]
pub struct Credentials {
    /// The name, perhaps with a `DOMAIN\` prefix.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// What to change the password to where the server says that it has expired.
    pub new_password: Option<Zeroizing<String>>,
    /// How to ask for another password where the server allows a further try.
    pub prompt: Option<PasswordPrompt>,
}

/// Asks the user for another password, in a thread of its own; `None` gives up.
pub type PasswordPrompt = Arc<dyn Fn() -> Option<Zeroizing<String>> + Send + Sync>;

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials {{ user: {:?}, password: *** }}", self.user)
    }
}

/// What to change on this host.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// Name of the TUN interface; `%d` becomes the first free number.
    pub interface: String,
    /// Networks to reach through the tunnel.
    pub routes: Vec<IpNet>,
    /// Whether everything else goes through it too.
    pub routing: Routing,
    /// What becomes of the DNS servers that the server names.
    pub dns: DnsPolicy,
    /// Greatest packet inside the tunnel in octets; without it, what the path allows.
    pub mtu: Option<u16>,
    /// How GRE packets are given to a network device past this host's firewall, if they are to be.
    pub direct: Option<Transmit>,
}

/// Which traffic goes through the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// What is for the configured routes.
    Routes,
    /// Everything but the connection to the server.
    Everything,
}

/// What becomes of the DNS servers that the server names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsPolicy {
    /// They are told.
    Show,
    /// The host uses them as long as the tunnel is up.
    Use,
}

/// How long the server may take to answer a control message. RFC 2637 §3 allows a minute, for modems that dial;
/// a user waits here for a program.
const REPLY_TIME: Duration = Duration::from_secs(20);

/// How long the end of the connection waits for the server's goodbye.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Some servers close a control connection that is silent for 30 s.
const ECHO_INTERVAL: Duration = Duration::from_secs(20);

/// LCP Configure-Requests without an answer: some 15 s, after which GRE is taken for filtered.
const MAX_CONFIGURE: u32 = 6;

/// Octets that MPPE puts before a packet (RFC 3078 §3.1), which are part of the MRU.
const MPPE_OVERHEAD: u16 = 4;

impl ClientConfig {
    /// Refuses wishes that contradict each other.
    ///
    /// # Errors
    /// [`ClientError::Contradiction`].
    pub fn check(&self) -> Result<(), ClientError> {
        let contradiction = |sentence| Err(ClientError::Contradiction(sentence));
        if self.methods.is_empty() {
            return contradiction("at least one authentication protocol has to be allowed");
        }
        let keys = self.methods.iter().any(|method| method.makes_keys());
        if self.mppe.policy == EncryptionPolicy::Required && !keys {
            return contradiction(
                "PAP and CHAP-MD5 make no keys: encryption cannot be required with them alone",
            );
        }
        Ok(())
    }

    /// How the endpoint is to behave.
    pub(crate) fn endpoint(&self) -> EndpointConfig {
        EndpointConfig {
            control: control_connection::Config {
                host_name: Text::new("adit"),
                vendor: Text::new("Adit"),
                maximum_channels: 0,
                maximum_calls: 1,
                reply_timeout: REPLY_TIME,
                stop_timeout: STOP_TIME,
                echo_interval: ECHO_INTERVAL,
                ..control_connection::Config::default()
            },
            session: SessionConfig {
                // Linux' kernel drops a first packet with the number 0.
                first_sequence: 1,
                ..SessionConfig::default()
            },
            link: self.link(),
            clamp_mss: true,
            source_check: SourceCheck::None,
            maximum_calls: CallLimit::new(1),
            shard: Shard::default(),
        }
    }

    fn link(&self) -> LinkConfig {
        let mut methods = self.methods.clone();
        methods.sort_unstable_by(|one, other| other.cmp(one));
        methods.dedup();
        let mut link = LinkConfig::new(Role::Client {
            credentials: PeerConfig {
                methods,
                name: self.credentials.user.clone(),
                password: self.credentials.password.clone(),
                new_password: self.credentials.new_password.clone(),
                can_ask_again: self.credentials.prompt.is_some(),
            },
            ipv4: Ipv4Config::Ask {
                local: std::net::Ipv4Addr::UNSPECIFIED,
            },
        });
        link.timers = NegotiationTimers {
            max_configure: MAX_CONFIGURE,
            ..link.timers
        };
        link.mppe = self.mppe.clone();
        if let Some(mtu) = self.network.mtu {
            let overhead = match self.mppe.policy {
                EncryptionPolicy::Off => 0,
                EncryptionPolicy::Required | EncryptionPolicy::Optional => MPPE_OVERHEAD,
            };
            link.lcp.mru = link.lcp.mru.min(mtu.saturating_add(overhead));
        }
        link
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn config() -> ClientConfig {
        ClientConfig {
            server: "192.0.2.1".parse().unwrap(),
            credentials: Credentials {
                user: "alice".to_owned(),
                password: "secret".to_owned().into(),
                new_password: None,
                prompt: None,
            },
            methods: vec![Method::MsChapV2],
            mppe: MppeConfig::default(),
            network: NetworkConfig {
                interface: "adit%d".to_owned(),
                routes: Vec::new(),
                routing: Routing::Routes,
                dns: DnsPolicy::Show,
                mtu: None,
                direct: None,
            },
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        assert!(!format!("{:?}", config()).contains("secret"));
    }

    #[test]
    fn required_encryption_needs_a_method_that_makes_keys() {
        let mut config = config();
        assert!(config.check().is_ok());
        config.methods = vec![Method::Pap, Method::ChapMd5];
        assert!(config.check().is_err());
        config.mppe.policy = EncryptionPolicy::Optional;
        assert!(config.check().is_ok());
        config.methods.clear();
        assert!(config.check().is_err());
    }

    #[test]
    fn the_strongest_method_is_preferred_however_they_are_listed() {
        let mut config = config();
        config.methods = vec![Method::Pap, Method::MsChapV2, Method::Pap, Method::MsChapV1];
        let Role::Client { credentials, .. } = config.link().role else {
            panic!("not a client");
        };
        let expected = [Method::MsChapV2, Method::MsChapV1, Method::Pap];
        assert_eq!(credentials.methods, expected);
    }

    #[test]
    fn a_lower_mtu_lowers_the_mru_by_what_encryption_takes() {
        let mut config = config();
        config.network.mtu = Some(1300);
        assert_eq!(config.link().lcp.mru, 1304);
        config.mppe.policy = EncryptionPolicy::Off;
        assert_eq!(config.link().lcp.mru, 1300);
        config.network.mtu = Some(1500);
        config.mppe.policy = EncryptionPolicy::Required;
        assert_eq!(config.link().lcp.mru, 1500);
    }
}
