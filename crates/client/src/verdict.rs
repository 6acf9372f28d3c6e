//! Why a connection ended, from all that was seen of it.

use std::time::{Duration, Instant};

use adit_engine::{CallEnd, CallReport};
use adit_net::gre::PathError;
use adit_ppp::link;
use adit_pptp::{CallDownReason, control_connection};
use adit_wire::control::{ErrorCode, StartResult};
use adit_wire::escaped;
use adit_wire::mschap::FailureMessage;

use crate::error::Kind;

/// Why a connection ended or did not come up; one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The server refused the control connection.
    #[error("the server refused the control connection: {}", with_error(.result, .error))]
    ControlRefused {
        /// Its Result Code.
        result: StartResult,
        /// Its Error Code.
        error: ErrorCode,
    },
    /// The server closed the TCP connection, or stopped the control connection, before a call.
    #[error("the server closed the connection before it accepted a call: {0}")]
    ClosedEarly(control_connection::CloseReason),
    /// What answers does not speak PPTP.
    #[error("what answers is no PPTP server: {0}")]
    NotPptp(control_connection::CloseReason),
    /// Nobody answers on the TCP connection.
    #[error("the server accepts TCP connections but does not answer as a PPTP server")]
    NoReply,
    /// The server did not answer the request for a call.
    #[error("the server did not answer the request for a call")]
    NoCallReply,
    /// The server refused the call.
    #[error("the server refused the call: {0}")]
    CallRefused(String),
    /// No GRE packet came.
    #[error(
        "the server accepted the call but no GRE packet (IP protocol 47) came back: a firewall or \
         NAT on the way drops it{0}"
    )]
    GreFiltered(String),
    /// The server left before any GRE packet came.
    #[error(
        "the server accepted the call and closed the connection before any GRE packet (IP protocol \
         47) came: a firewall forbids it to send them, or its PPP does not start"
    )]
    ClosedBeforeGre,
    /// GRE packets come, but ours get no answer.
    #[error(
        "the server does not answer our GRE packets, though its own arrive: a firewall or NAT on \
         the way drops them{0}"
    )]
    GreOneWay(String),
    /// The name or the password is wrong.
    #[error("the server refused the login: the user name or the password is wrong{0}")]
    WrongPassword(String),
    /// The password has expired.
    #[error("the password has expired{0}")]
    PasswordExpired(String),
    /// The new password was not taken.
    #[error("the password has expired, and the server did not take the new one{0}")]
    PasswordNotChanged(String),
    /// The account may not connect.
    #[error("the server refused the account: {0}")]
    AccountRefused(String),
    /// There is no authentication protocol that both sides allow.
    #[error(
        "the server asks for an authentication protocol that is not allowed here, or takes none that is"
    )]
    NoCommonMethod,
    /// The server is perhaps not the one it says.
    #[error(
        "the server could not prove that it knows the password: it may be an impostor, or know \
         another password"
    )]
    ServerNotProven,
    /// Encryption is required here.
    #[error("encryption is required but {0}")]
    NoEncryption(link::NoEncryption),
    /// The server wants encryption that is not allowed here.
    #[error("the server ended the connection since it requires other encryption{0}")]
    EncryptionRequired(link::Farewell),
    /// PPP came to no agreement.
    #[error("the tunnel could not be set up: {0}")]
    NoAgreement(link::CloseReason),
    /// The server ended the call while it was being set up.
    #[error("the server ended the call while it was being set up: {0}")]
    EndedInSetup(String),
    /// The server fell silent while the tunnel was being set up.
    #[error("the connection was lost while it was being set up: {0}")]
    LostInSetup(String),
    /// The server ended the connection in order.
    #[error("the server ended the connection: {0}")]
    ServerEnded(String),
    /// The connection broke.
    #[error("the connection to the server was lost: {0}")]
    Lost(String),
}

impl Cause {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::NoReply => Kind::Unreachable,
            Self::ControlRefused { .. }
            | Self::ClosedEarly(_)
            | Self::NotPptp(_)
            | Self::NoCallReply
            | Self::CallRefused(_)
            | Self::EndedInSetup(_) => Kind::Refused,
            Self::GreFiltered(_) | Self::ClosedBeforeGre | Self::GreOneWay(_) => Kind::GreFiltered,
            Self::WrongPassword(_) | Self::PasswordExpired(_) | Self::PasswordNotChanged(_) => {
                Kind::WrongPassword
            }
            Self::AccountRefused(_) | Self::NoCommonMethod | Self::ServerNotProven => {
                Kind::AccountRefused
            }
            Self::NoEncryption(_) | Self::EncryptionRequired(_) => Kind::NoEncryption,
            Self::NoAgreement(_) => Kind::Failed,
            Self::LostInSetup(_) | Self::ServerEnded(_) | Self::Lost(_) => Kind::Lost,
        }
    }
}

/// What was seen of a connection.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) control_up: bool,
    pub(crate) call_up: Option<Instant>,
    pub(crate) network_up: bool,
    pub(crate) call_refused: Option<CallDownReason>,
    pub(crate) call_end: Option<CallStory>,
    pub(crate) connection_end: Option<control_connection::CloseReason>,
    /// What the network said of GRE packets that did not arrive.
    pub(crate) path_error: Option<PathError>,
    /// GRE packets for us that came from another address than the server's.
    pub(crate) foreign_packets: u64,
}

/// The end of a call that was up.
#[derive(Debug)]
pub(crate) struct CallStory {
    pub(crate) why: CallEnd,
    pub(crate) report: Box<CallReport>,
    pub(crate) at: Instant,
}

/// A server that ends a call sooner has not waited for our GRE packets.
const PATIENCE_OF_SERVERS: Duration = Duration::from_secs(5);

impl Story {
    /// The cause of the end, once the connection is over.
    pub(crate) fn cause(&self) -> Cause {
        match (&self.call_end, &self.call_refused) {
            (Some(end), _) => self.cause_of_call(end),
            (None, Some(why)) => self.cause_of_refusal(why),
            (None, None) => self.cause_before_call(),
        }
    }

    fn cause_before_call(&self) -> Cause {
        use control_connection::CloseReason as Close;
        match self.connection_end {
            Some(Close::Refused { result, error }) => Cause::ControlRefused { result, error },
            Some(Close::NoReply) => Cause::NoReply,
            Some(Close::NoCallReply) => Cause::NoCallReply,
            Some(why @ (Close::Framing(_) | Close::Version(_))) => Cause::NotPptp(why),
            Some(why) => Cause::ClosedEarly(why),
            None => Cause::ClosedEarly(Close::StreamClosed),
        }
    }

    fn cause_of_refusal(&self, why: &CallDownReason) -> Cause {
        match why {
            CallDownReason::OutgoingRefused {
                result,
                error,
                cause,
            } => {
                let mut sentence = with_error(result, error);
                if cause.0 != 0 {
                    sentence.push_str(&format!("; {cause}"));
                }
                Cause::CallRefused(sentence)
            }
            CallDownReason::ConnectionClosed(_) => self.cause_before_call(),
            other => Cause::CallRefused(other.to_string()),
        }
    }

    fn cause_of_call(&self, end: &CallStory) -> Cause {
        if !self.network_up && end.report.session.received_packets == 0 {
            if self.was_silent(end) {
                return Cause::GreFiltered(self.hint());
            }
            // An orderly end has other reasons; some servers fail without a word.
            if self.connection_end == Some(control_connection::CloseReason::StreamClosed) {
                return Cause::ClosedBeforeGre;
            }
        }
        match &end.why {
            CallEnd::Link(reason) => self.cause_of_link(reason),
            CallEnd::Control(reason) => self.cause_of_disconnect(reason),
        }
    }

    /// Whether a call without any packet ended because of that.
    fn was_silent(&self, end: &CallStory) -> bool {
        match &end.why {
            CallEnd::Link(reason) => matches!(
                reason,
                link::CloseReason::NoAnswer | link::CloseReason::SetupTimeout
            ),
            CallEnd::Control(_) => self
                .call_up
                .is_some_and(|up| end.at.saturating_duration_since(up) >= PATIENCE_OF_SERVERS),
        }
    }

    fn hint(&self) -> String {
        match (&self.path_error, self.foreign_packets) {
            (Some(error), _) => format!(" ({error})"),
            (None, 0) => String::new(),
            (None, _) => " (GRE packets came from another address than the server's)".to_owned(),
        }
    }

    fn cause_of_link(&self, reason: &link::CloseReason) -> Cause {
        use link::CloseReason as Link;
        match reason {
            Link::NoAnswer => Cause::GreOneWay(self.hint()),
            Link::PeerTerminated(farewell) => self.cause_of_farewell(farewell),
            Link::AuthenticationProtocol => Cause::NoCommonMethod,
            Link::AuthenticationRefused(failure) => refused(failure),
            Link::ServerNotProven => Cause::ServerNotProven,
            Link::NoEncryption(why) => Cause::NoEncryption(*why),
            Link::PeerSilent if self.network_up => Cause::Lost(reason.to_string()),
            Link::PeerSilent | Link::AuthenticationTimeout | Link::SetupTimeout => {
                Cause::LostInSetup(reason.to_string())
            }
            Link::Requested
            | Link::NoAgreement
            | Link::Loop
            | Link::PeerRefused(_)
            | Link::NoNetwork => Cause::NoAgreement(reason.clone()),
        }
    }

    /// The peer's Terminate-Request: Windows says its reason as a number, others in words.
    fn cause_of_farewell(&self, farewell: &link::Farewell) -> Cause {
        let number = farewell.ras_error().map(|error| error.code);
        let words = String::from_utf8_lossy(&farewell.data).to_ascii_lowercase();
        let names = |word: &str| number.is_none() && words.contains(word);
        let own_words = || {
            let sentence = farewell.to_string();
            sentence.trim_start_matches(": ").to_owned()
        };
        match number {
            Some(
                code @ (FailureMessage::AUTHENTICATION_FAILURE
                | FailureMessage::PASSWORD_EXPIRED
                | FailureMessage::ACCOUNT_DISABLED
                | FailureMessage::RESTRICTED_LOGON_HOURS
                | FailureMessage::NO_DIALIN_PERMISSION),
            ) => refused(&FailureMessage {
                error: code,
                ..FailureMessage::default()
            }),
            Some(741 | 742) => Cause::EncryptionRequired(farewell.clone()),
            _ if self.network_up && own_words().is_empty() => {
                Cause::ServerEnded("no reason given".to_owned())
            }
            _ if self.network_up => Cause::ServerEnded(own_words()),
            _ if names("mppe") || names("encrypt") => Cause::EncryptionRequired(farewell.clone()),
            _ if names("authentication protocol") => Cause::NoCommonMethod,
            _ if names("authenticat") => Cause::AccountRefused(own_words()),
            _ if own_words().is_empty() => Cause::EndedInSetup("no reason given".to_owned()),
            _ => Cause::EndedInSetup(own_words()),
        }
    }

    fn cause_of_disconnect(&self, reason: &CallDownReason) -> Cause {
        use control_connection::CloseReason as Close;
        let orderly = match (reason, &self.connection_end) {
            (CallDownReason::PeerDisconnected { result, error, .. }, _) => {
                Some(with_error(result, error))
            }
            (CallDownReason::PeerCleared, _) => Some(reason.to_string()),
            (_, Some(Close::Peer(why))) => Some(why.to_string()),
            _ => None,
        };
        match (orderly, self.network_up) {
            (Some(words), true) => Cause::ServerEnded(words),
            (Some(words), false) => Cause::EndedInSetup(words),
            (None, up) => {
                let words = self
                    .connection_end
                    .map_or_else(|| reason.to_string(), |why| why.to_string());
                if up {
                    Cause::Lost(words)
                } else {
                    Cause::LostInSetup(words)
                }
            }
        }
    }
}

fn refused(failure: &FailureMessage) -> Cause {
    let said = match failure.text.as_str() {
        "" => String::new(),
        text => format!(" (the server says \"{}\")", escaped(text.as_bytes())),
    };
    match failure.error {
        FailureMessage::PASSWORD_EXPIRED => Cause::PasswordExpired(said),
        FailureMessage::CHANGING_PASSWORD => Cause::PasswordNotChanged(said),
        FailureMessage::RESTRICTED_LOGON_HOURS
        | FailureMessage::ACCOUNT_DISABLED
        | FailureMessage::NO_DIALIN_PERMISSION => {
            Cause::AccountRefused(format!("{}{said}", failure.meaning()))
        }
        _ => Cause::WrongPassword(said),
    }
}

/// A result, with the general error where there is one (RFC 2637 §2.16).
fn with_error(result: &impl std::fmt::Display, error: &ErrorCode) -> String {
    match error {
        ErrorCode::None => result.to_string(),
        error => format!("{result}; {error}"),
    }
}

#[cfg(test)]
mod tests;
