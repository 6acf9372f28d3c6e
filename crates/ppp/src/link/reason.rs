use adit_wire::cp::RasError;
use adit_wire::escaped;
use adit_wire::mschap::FailureMessage;

use crate::auth::Refusal;

/// Why a link was closed, each variant one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// Our own side asked for it.
    #[error("closed on request")]
    Requested,
    /// The peer ended it.
    #[error("the peer ended the link{0}")]
    PeerTerminated(Farewell),
    /// The peer went silent while the link was up.
    #[error("the peer no longer answers")]
    PeerSilent,
    /// The peer never answered LCP.
    #[error("the peer does not answer PPP packets")]
    NoAnswer,
    /// LCP's options could not be agreed on.
    #[error("the options of the link could not be agreed on")]
    NoAgreement,
    /// Our own packets come back.
    #[error("the link is looped back: our own packets return")]
    Loop,
    /// The peer takes none of the authentication protocols that we allow, or we none of its.
    #[error("no authentication protocol that both sides allow")]
    AuthenticationProtocol,
    /// The peer refused us.
    #[error("authentication refused: {}", .0.meaning())]
    AuthenticationRefused(FailureMessage),
    /// The server's answer does not prove that it knows the password.
    #[error("the server could not prove that it knows the password")]
    ServerNotProven,
    /// We refused the peer.
    #[error("the peer was refused: {0}")]
    PeerRefused(Refusal),
    /// Authentication got no answer.
    #[error("the peer did not answer in the authentication")]
    AuthenticationTimeout,
    /// Encryption is required and cannot be had.
    #[error("encryption is required but {0}")]
    NoEncryption(NoEncryption),
    /// No network-layer protocol could be agreed on.
    #[error("no address could be agreed on")]
    NoNetwork,
    /// Set-up took too long.
    #[error("the link was not set up in time")]
    SetupTimeout,
}

/// Why packets cannot be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoEncryption {
    /// The authentication made no keys, or none of an allowed length.
    #[error("the authentication gives no keys for it")]
    NoKeys,
    /// It is turned off in the link's configuration.
    #[error("it is turned off in the configuration")]
    TurnedOff,
    /// The peer will not.
    #[error("the peer does not offer what is allowed")]
    PeerRefuses,
}

/// What the peer gave as its reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Farewell {
    /// The data of its Terminate-Request.
    pub data: Vec<u8>,
}

impl Farewell {
    /// The error that Windows names.
    pub fn ras_error(&self) -> Option<RasError> {
        RasError::decode(&self.data)
    }
}

impl std::fmt::Display for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ras_error() {
            Some(error) => write!(f, ": {error}"),
            None if self.data.is_empty() => Ok(()),
            None => write!(f, ": \"{}\"", escaped(&self.data)),
        }
    }
}
