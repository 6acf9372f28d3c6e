use std::net::Ipv4Addr;

use adit_crypto::mppe_keys::Strength;
use adit_ppp::auth::{AuthenticatorConfig, Method, PeerConfig};
use adit_ppp::link::Role;
use adit_ppp::mppe::Mode;
use adit_ppp::{EncryptionPolicy, Ipv4Config, LinkConfig, MppeConfig, NameServers};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub(crate) const NAME: &str = "PLANT\\alice";
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn server(methods: &[Method], mppe: MppeConfig) -> LinkConfig {
    server_with(mppe, |authenticator| {
        authenticator.methods = methods.to_vec();
    })
}

pub(crate) fn server_with(
    mppe: MppeConfig,
    change: impl FnOnce(&mut AuthenticatorConfig),
) -> LinkConfig {
    let mut authenticator = AuthenticatorConfig::default();
    change(&mut authenticator);
    LinkConfig {
        mppe,
        ..LinkConfig::new(Role::Server(authenticator))
    }
}

pub(crate) fn client(methods: &[Method], mppe: MppeConfig) -> LinkConfig {
    let credentials = PeerConfig {
        methods: methods.to_vec(),
        name: NAME.into(),
        password: String::from(PASSWORD).into(),
        new_password: None,
        can_ask_again: true,
    };
    let ipv4 = Ipv4Config::Ask {
        local: Ipv4Addr::UNSPECIFIED,
    };
    LinkConfig {
        mppe,
        ..LinkConfig::new(Role::Client { credentials, ipv4 })
    }
}

pub(crate) fn mppe(strength: Strength, mode: Mode) -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Required,
        strengths: vec![strength],
        modes: vec![mode],
    }
}

pub(crate) fn off() -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Off,
        ..MppeConfig::default()
    }
}

pub(crate) fn optional() -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Optional,
        ..MppeConfig::default()
    }
}

/// What the server hands out: one DNS server, no WINS.
pub(crate) fn assignment() -> Ipv4Config {
    Ipv4Config::Assign {
        local: SERVER,
        peer: CLIENT,
        dns: NameServers {
            primary: Some(SERVER),
            secondary: None,
        },
        wins: NameServers::default(),
    }
}
