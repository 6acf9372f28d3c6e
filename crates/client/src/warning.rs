use std::net::Ipv4Addr;

use adit_crypto::mppe_keys::Strength;
use adit_ppp::EncryptionPolicy;
use adit_ppp::auth::Method;
use ipnet::IpNet;

use crate::config::ClientConfig;

/// Something that is weaker or less than it could be; one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// PAP is allowed.
    #[error("PAP is allowed: whoever is on the way can read the password")]
    Pap,
    /// CHAP-MD5 is allowed.
    #[error(
        "CHAP-MD5 is allowed: it makes no keys for encryption, and a server proves nothing by it"
    )]
    ChapMd5,
    /// MS-CHAPv1 is allowed.
    #[error(
        "MS-CHAPv1 is allowed: a server proves nothing by it, and both directions share one key"
    )]
    MsChapV1,
    /// Short keys are allowed.
    #[error("keys of {0} bits are found by trying all of them")]
    ShortKeys(u16),
    /// Encryption is not required.
    #[error("encryption is optional: whoever is on the way can make the tunnel go without")]
    EncryptionOptional,
    /// Encryption is off.
    #[error(
        "encryption is off: whoever is on the way can read and change everything in the tunnel"
    )]
    EncryptionOff,
    /// The tunnel came up without encryption.
    #[error("nothing in the tunnel is encrypted: the server did not agree to it")]
    NotEncrypted,
    /// The server did not ask who we are.
    #[error("the server asked for no password and proved nothing")]
    NotAuthenticated,
    /// The server's address inside the tunnel is the one outside.
    #[error(
        "the server gives its outer address {0} for its end of the tunnel: it is left out, since \
         the tunnel's own packets would go into the tunnel"
    )]
    PeerIsServer(Ipv4Addr),
    /// Routes for IPv6, but no IPv6.
    #[error("the route to {0} is not set: the tunnel has no IPv6")]
    NoIpv6(IpNet),
    /// Everything is to go through the tunnel, but IPv6 does not.
    #[error("IPv6 traffic does not go through the tunnel: the server gives no IPv6")]
    Ipv6Outside,
    /// The link is too narrow for IPv6.
    #[error("the tunnel has no IPv6: its MTU is {0}, and IPv6 needs 1280")]
    TooNarrowForIpv6(u16),
    /// DNS was to be set, but the server names no servers.
    #[error("DNS is left as it is: the server names no DNS servers")]
    NoDnsServers,
    /// DNS could not be set or put back.
    #[error("{0}")]
    Dns(String),
    /// Something could not be undone.
    #[error("could not take back a change of this host: {0}")]
    NotUndone(String),
}

impl Warning {
    /// What is weaker than the defaults in a configuration.
    pub(crate) fn of(config: &ClientConfig) -> Vec<Self> {
        let mut warnings = Vec::new();
        for (method, warning) in [
            (Method::Pap, Self::Pap),
            (Method::ChapMd5, Self::ChapMd5),
            (Method::MsChapV1, Self::MsChapV1),
        ] {
            if config.methods.contains(&method) {
                warnings.push(warning);
            }
        }
        match config.mppe.policy {
            EncryptionPolicy::Required => {}
            EncryptionPolicy::Optional => warnings.push(Self::EncryptionOptional),
            EncryptionPolicy::Off => warnings.push(Self::EncryptionOff),
        }
        let shortest = config.mppe.strengths.iter().min().copied();
        if let Some(strength) = shortest.filter(|strength| *strength < Strength::Bits128)
            && config.mppe.policy != EncryptionPolicy::Off
        {
            warnings.push(Self::ShortKeys(strength.bits()));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    #[test]
    fn the_defaults_are_not_warned_of() {
        assert_eq!(Warning::of(&config()), []);
    }

    #[test]
    fn each_weaker_choice_has_its_sentence() {
        let mut config = config();
        config.methods = vec![Method::MsChapV2, Method::MsChapV1, Method::Pap];
        config.mppe.policy = EncryptionPolicy::Optional;
        config.mppe.strengths = vec![Strength::Bits128, Strength::Bits40];
        let expected = [
            Warning::Pap,
            Warning::MsChapV1,
            Warning::EncryptionOptional,
            Warning::ShortKeys(40),
        ];
        assert_eq!(Warning::of(&config), expected);
        config.mppe.policy = EncryptionPolicy::Off;
        config.methods = vec![Method::ChapMd5];
        let expected = [Warning::ChapMd5, Warning::EncryptionOff];
        assert_eq!(Warning::of(&config), expected);
    }
}
