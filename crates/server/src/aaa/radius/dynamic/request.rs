//! What a request asks for, and of which sessions (RFC 5176 §3).

use std::net::{Ipv4Addr, Ipv6Addr};

use adit_radius::attribute::{
    self as standard, ACCT_SESSION_ID, Attribute, AttributeList, CALLED_STATION_ID,
    CALLING_STATION_ID, ERROR_CAUSE, FRAMED_INTERFACE_ID, FRAMED_IP_ADDRESS, FRAMED_IPV6_PREFIX,
    NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_PORT, PROXY_STATE, SERVICE_TYPE, STATE,
    Type, USER_NAME, parse_ipv6_prefix,
};
use adit_radius::packet::{Code, Packet};
use adit_radius::{cisco, mikrotik, wispr};
use adit_wire::ipv6cp::InterfaceId;
use ipnet::Ipv6Net;

use super::super::attributes;
use super::super::nas::Nas;
use crate::aaa::Profile;
use crate::sessions::Session;

/// Service-Type Framed (RFC 2865 §5.6).
const FRAMED: u32 = 2;

/// Why a request is not carried out (Error-Cause, RFC 5176 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ErrorCause {
    #[error("it has an attribute that is not supported")]
    UnsupportedAttribute = 401,
    #[error("it names no session")]
    MissingAttribute = 402,
    #[error("it is for another server")]
    NasMismatch = 403,
    #[error("it asks for a service that is not supported")]
    UnsupportedService = 405,
    #[error("an attribute has a value that it cannot have")]
    InvalidValue = 407,
    #[error("there is no such session")]
    SessionNotFound = 503,
    #[error("too many requests wait already")]
    ResourcesUnavailable = 506,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) selector: Selector,
    pub(crate) action: Action,
}

/// What is to become of the sessions.
#[derive(Debug)]
pub(crate) enum Action {
    /// They end.
    Disconnect,
    /// What this profile has takes the place of what they have: rates, group, limits of time.
    Change {
        grants: Box<Profile>,
        /// Whether it says how often to tell of them; absent in the profile, never.
        has_interim: bool,
    },
}

/// Which sessions: those to which all that is given applies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selector {
    session: Option<String>,
    user: Option<String>,
    number: Option<u32>,
    address: Option<Ipv4Addr>,
    peer: Option<String>,
    local: Option<String>,
    prefix: Option<Ipv6Net>,
    interface_id: Option<InterfaceId>,
}

/// What this server is called, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) nas: Nas,
    /// Addresses that are the server's; none where they are not known, and then all pass.
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) addresses_v6: Vec<Ipv6Addr>,
}

impl Order {
    /// Reads a request.
    ///
    /// # Errors
    /// What the answer is to say is wrong with it.
    pub(crate) fn read(packet: &Packet<'_>, identity: &Identity) -> Result<Self, ErrorCause> {
        let is_change = packet.code() == Code::CoaRequest;
        let mut selector = Selector::default();
        for attribute in packet.attributes() {
            let is_known = identity.check(&attribute)?
                || selector.take(&attribute)?
                || is_for_any(attribute.kind)
                || match is_change {
                    true => is_change_of(&attribute)?,
                    false => is_for_disconnect(attribute.kind),
                };
            if !is_known {
                return Err(ErrorCause::UnsupportedAttribute);
            }
        }
        if selector == Selector::default() {
            return Err(ErrorCause::MissingAttribute);
        }
        let action = match is_change {
            true => change(packet)?,
            false => Action::Disconnect,
        };
        Ok(Self { selector, action })
    }
}

fn change(packet: &Packet<'_>) -> Result<Action, ErrorCause> {
    let mut grants = Box::new(Profile::of(""));
    attributes::apply(&mut grants, packet.attributes()).map_err(|_| ErrorCause::InvalidValue)?;
    let interval = packet.attributes().find(standard::ACCT_INTERIM_INTERVAL);
    let has_interim = interval.is_some();
    Ok(Action::Change {
        grants,
        has_interim,
    })
}

impl Identity {
    /// Whether it is an attribute that names the server.
    fn check(&self, attribute: &Attribute<'_>) -> Result<bool, ErrorCause> {
        let is_ours = match attribute.kind {
            NAS_IDENTIFIER => attribute.value == self.nas.identifier.as_bytes(),
            NAS_IP_ADDRESS => {
                let address = attribute.ipv4().ok_or(ErrorCause::InvalidValue)?;
                self.addresses.is_empty() || self.addresses.contains(&address)
            }
            NAS_IPV6_ADDRESS => {
                let address = attribute.ipv6().ok_or(ErrorCause::InvalidValue)?;
                self.addresses_v6.is_empty() || self.addresses_v6.contains(&address)
            }
            _ => return Ok(false),
        };
        match is_ours {
            true => Ok(true),
            false => Err(ErrorCause::NasMismatch),
        }
    }
}

impl Selector {
    /// Whether it is an attribute that names sessions.
    fn take(&mut self, attribute: &Attribute<'_>) -> Result<bool, ErrorCause> {
        let text = || attribute.text().map(str::to_owned);
        let taken = match attribute.kind {
            ACCT_SESSION_ID => set(&mut self.session, text()),
            USER_NAME => set(&mut self.user, text()),
            NAS_PORT => set(&mut self.number, attribute.u32()),
            FRAMED_IP_ADDRESS => set(&mut self.address, attribute.ipv4()),
            CALLING_STATION_ID => set(&mut self.peer, text()),
            CALLED_STATION_ID => set(&mut self.local, text()),
            FRAMED_IPV6_PREFIX => {
                let prefix = parse_ipv6_prefix(attribute.value);
                let prefix = prefix.and_then(|(it, bits)| Ipv6Net::new(it, bits).ok());
                set(&mut self.prefix, prefix)
            }
            FRAMED_INTERFACE_ID => {
                let id = attribute.value.try_into().ok().map(InterfaceId);
                set(&mut self.interface_id, id)
            }
            _ => return Ok(false),
        };
        match taken {
            true => Ok(true),
            false => Err(ErrorCause::InvalidValue),
        }
    }

    /// Whether all that is given applies to a session.
    pub(crate) fn matches(&self, number: u32, session: &Session) -> bool {
        let peer = session.peer.ip().to_string();
        let local = session.local.ip().to_string();
        agrees(self.session.as_deref(), Some(session.id.as_str()))
            && agrees(self.user.as_deref(), session.user.as_deref())
            && agrees(self.number, Some(number))
            && agrees(self.address, session.address)
            && agrees(self.peer.as_deref(), Some(&*peer))
            && agrees(self.local.as_deref(), Some(&*local))
            && agrees(self.prefix, session.prefix)
            && agrees(self.interface_id, session.interface_id)
    }
}

/// Sets what was not set yet. The same attribute twice is none that can be obeyed.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let is_first = place.is_none();
    *place = value;
    is_first && place.is_some()
}

fn agrees<T: PartialEq>(asked: Option<T>, is: Option<T>) -> bool {
    asked.is_none() || asked == is
}

/// Whether an attribute says nothing that is to be done, in any request.
fn is_for_any(kind: Type) -> bool {
    matches!(
        kind,
        standard::EVENT_TIMESTAMP | standard::MESSAGE_AUTHENTICATOR | PROXY_STATE
    )
}

/// The same in a Disconnect-Request (RFC 5176 §3.6).
fn is_for_disconnect(kind: Type) -> bool {
    matches!(
        kind,
        standard::REPLY_MESSAGE | standard::CLASS | standard::ACCT_TERMINATE_CAUSE
    )
}

/// Whether an attribute says how a session is to be changed, or nothing.
fn is_change_of(attribute: &Attribute<'_>) -> Result<bool, ErrorCause> {
    Ok(match attribute.kind {
        STATE => true,
        // What every session here is; Authorize Only is not supported (RFC 5176 §3.2).
        SERVICE_TYPE if attribute.u32() == Some(FRAMED) => true,
        SERVICE_TYPE => return Err(ErrorCause::UnsupportedService),
        standard::SESSION_TIMEOUT
        | standard::IDLE_TIMEOUT
        | standard::ACCT_INTERIM_INTERVAL
        | standard::FILTER_ID
        | mikrotik::RATE_LIMIT
        | wispr::BANDWIDTH_MAX_DOWN
        | wispr::BANDWIDTH_MAX_UP
        | cisco::AV_PAIR => true,
        _ => false,
    })
}

/// What an answer is made of, whatever it will be.
#[derive(Debug)]
pub(crate) struct Answering {
    is_change: bool,
    /// What comes back unread and in its order (RFC 5176 §3.1 and §3.3).
    echoed: AttributeList,
}

impl Answering {
    /// The answer to a request.
    pub(crate) fn to(request: &Packet<'_>) -> Self {
        let mut echoed = AttributeList::new();
        let comes_back = |it: &Attribute<'_>| matches!(it.kind, PROXY_STATE | STATE);
        for attribute in request.attributes().filter(comes_back) {
            // A request that has no room for them in its answer is one of nothing but these.
            if echoed.octets(attribute.kind, attribute.value).is_err() {
                break;
            }
        }
        Self {
            is_change: request.code() == Code::CoaRequest,
            echoed,
        }
    }

    /// Code and attributes.
    pub(crate) fn with(self, result: Result<(), ErrorCause>) -> (Code, AttributeList) {
        let code = match (self.is_change, result) {
            (true, Ok(())) => Code::CoaAck,
            (true, Err(_)) => Code::CoaNak,
            (false, Ok(())) => Code::DisconnectAck,
            (false, Err(_)) => Code::DisconnectNak,
        };
        let mut list = self.echoed;
        if let Err(cause) = result {
            // Where there is no room, the code says it.
            let _ = list.u32(ERROR_CAUSE, cause as u32);
        }
        (code, list)
    }
}

#[cfg(test)]
mod tests;
