//! Authentication of PPP: PAP (RFC 1334), CHAP-MD5 (RFC 1994), MS-CHAPv1 (RFC 2433) and MS-CHAPv2
//! (RFC 2759), each as authenticator and as peer.
//!
//! The authenticator knows no secrets: it asks its owner about [`Credentials`] and gets a
//! [`Verdict`]. [`Credentials::verify`] is the check for owners who hold the secret themselves.

use adit_crypto::mppe_keys::SessionStartKeys;
use adit_wire::ipv6cp::InterfaceId;
use adit_wire::lcp::Authentication;

mod authenticator;
mod peer;
mod verify;

pub use authenticator::AuthenticatorConfig;
pub(crate) use authenticator::{Authenticator, AuthenticatorFailure, AuthenticatorSignal, History};
pub use peer::PeerConfig;
pub(crate) use peer::{Peer, PeerFailure, PeerSignal};
pub use verify::{ClearSecret, Proven, Secret};

use adit_wire::mschap::{ChangePasswordV1, ChangePasswordV2, ResponseV1, ResponseV2};
use zeroize::Zeroizing;

use crate::ipcp::Ipv4Config;

/// An authentication protocol that this crate speaks, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The password in clear text.
    Pap,
    /// A digest of challenge and password; makes no keys for encryption.
    ChapMd5,
    /// Microsoft's first: one direction only, the same key both ways.
    MsChapV1,
    /// Microsoft's second: both sides prove that they know the password.
    MsChapV2,
}

impl Method {
    /// The method that an LCP option names, where it is one of these.
    pub fn from_wire(option: &Authentication) -> Option<Self> {
        match option {
            Authentication::Pap => Some(Self::Pap),
            Authentication::ChapMd5 => Some(Self::ChapMd5),
            Authentication::MsChapV1 => Some(Self::MsChapV1),
            Authentication::MsChapV2 => Some(Self::MsChapV2),
            Authentication::Eap | Authentication::Other { .. } => None,
        }
    }

    /// The LCP option's value.
    pub fn to_wire(self) -> Authentication {
        match self {
            Self::Pap => Authentication::Pap,
            Self::ChapMd5 => Authentication::ChapMd5,
            Self::MsChapV1 => Authentication::MsChapV1,
            Self::MsChapV2 => Authentication::MsChapV2,
        }
    }

    /// Whether keys for MPPE come of it (RFC 3079).
    pub const fn makes_keys(self) -> bool {
        matches!(self, Self::MsChapV1 | Self::MsChapV2)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_wire().fmt(f)
    }
}

/// What a peer sent to show who it is.
pub struct Credentials {
    /// The name as sent, perhaps with a `DOMAIN\` prefix.
    pub name: Vec<u8>,
    /// What is to be checked against the secret.
    pub proof: Proof,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of \"{}\"",
            self.proof.method(),
            adit_wire::escaped(&self.name)
        )
    }
}

/// A password or a response to a challenge.
#[derive(Clone)]
pub enum Proof {
    /// The password itself.
    Pap {
        /// In clear text.
        password: Zeroizing<Vec<u8>>,
    },
    /// RFC 1994 §4.1.
    ChapMd5 {
        /// The challenge's identifier, part of the digest.
        identifier: u8,
        /// What was sent.
        challenge: Vec<u8>,
        /// What came back.
        response: Vec<u8>,
    },
    /// RFC 2433 §6.
    MsChapV1 {
        /// What was sent.
        challenge: [u8; 8],
        /// What came back.
        response: ResponseV1,
    },
    /// RFC 2759 §4.
    MsChapV2 {
        /// What was sent.
        challenge: [u8; 16],
        /// What came back.
        response: ResponseV2,
    },
    /// A new password under MS-CHAPv1 (RFC 2433 §10).
    ChangePasswordV1 {
        /// What the Failure message said.
        challenge: [u8; 8],
        /// What came back.
        change: Box<ChangePasswordV1>,
    },
    /// A new password under MS-CHAPv2 (RFC 2759 §7).
    ChangePasswordV2 {
        /// What the Failure message said.
        challenge: [u8; 16],
        /// What came back.
        change: Box<ChangePasswordV2>,
    },
}

impl Proof {
    /// The method that it belongs to.
    pub const fn method(&self) -> Method {
        match self {
            Self::Pap { .. } => Method::Pap,
            Self::ChapMd5 { .. } => Method::ChapMd5,
            Self::MsChapV1 { .. } | Self::ChangePasswordV1 { .. } => Method::MsChapV1,
            Self::MsChapV2 { .. } | Self::ChangePasswordV2 { .. } => Method::MsChapV2,
        }
    }

    /// Whether the peer wants a new password.
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::ChangePasswordV1 { .. } | Self::ChangePasswordV2 { .. }
        )
    }
}

/// Names one question so that a late answer to an older one is not taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// The answer to a question about credentials.
#[derive(Debug)]
pub enum Verdict {
    /// The peer is who it says.
    Accept(Box<Acceptance>),
    /// It is not, or may not connect.
    Refuse(Refusal),
}

/// What an accepted peer gets.
#[derive(Debug)]
pub struct Acceptance {
    /// What came of the check.
    pub proven: Proven,
    /// The addresses of the link; not looked at when a session is challenged again.
    pub ipv4: Option<Ipv4Config>,
    /// The interface identifier for the peer, which may insist on its own; likewise not looked at again.
    pub interface_id: Option<InterfaceId>,
    /// A text for people, sent with the Success.
    pub message: String,
}

/// Why a peer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name is unknown or the password is wrong; one and the same to the peer.
    #[error("the user name or the password is wrong")]
    WrongPassword,
    /// The password has expired; the peer may send a new one.
    #[error("the password has expired")]
    PasswordExpired,
    /// The account is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Not at this hour.
    #[error("the account may not log on at this time")]
    RestrictedLogonHours,
    /// The account may not use this service, or may not use it again at the same time.
    #[error("the account may not connect")]
    NoDialInPermission,
    /// The new password was not taken.
    #[error("the password could not be changed")]
    ChangingPassword,
    /// No address is free, or the user data could not be read.
    #[error("the server cannot take the session now")]
    Unavailable,
}

/// What a finished authentication gives to the link.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) keys: Option<SessionStartKeys>,
    pub(crate) requires_encryption: bool,
    pub(crate) ipv4: Option<Ipv4Config>,
    pub(crate) interface_id: Option<InterfaceId>,
}
