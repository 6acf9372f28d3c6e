//! What accounting records say (RFC 2866, 2869 §5.1–5.3, 3162).

use adit_radius::attribute::{
    ACCT_AUTHENTIC, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_INPUT_PACKETS,
    ACCT_OUTPUT_GIGAWORDS, ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_PACKETS, ACCT_SESSION_ID,
    ACCT_SESSION_TIME, ACCT_STATUS_TYPE, ACCT_TERMINATE_CAUSE, AttributeError, AttributeList,
    CALLED_STATION_ID, CALLING_STATION_ID, CLASS, EVENT_TIMESTAMP, FRAMED_INTERFACE_ID,
    FRAMED_IP_ADDRESS, FRAMED_IPV6_PREFIX, FRAMED_PROTOCOL, NAS_IDENTIFIER, NAS_IP_ADDRESS,
    NAS_PORT, NAS_PORT_TYPE, SERVICE_TYPE, TUNNEL_CLIENT_ENDPOINT, TUNNEL_MEDIUM_TYPE,
    TUNNEL_SERVER_ENDPOINT, TUNNEL_TYPE, Type, USER_NAME, ipv6_prefix_value,
};

use super::nas::Nas;
use crate::aaa::facts::{Cause, Facts};
use crate::control_socket::Traffic;

/// Service-Type Framed (RFC 2865 §5.6).
const FRAMED: u32 = 2;
/// Framed-Protocol PPP (RFC 2865 §5.7).
const PPP: u32 = 1;
/// NAS-Port-Type Virtual (RFC 2865 §5.41).
const VIRTUAL: u32 = 5;
/// Tunnel-Type PPTP (RFC 2868 §3.1).
const PPTP: u32 = 1;
/// Tunnel-Medium-Type IPv4 (RFC 2868 §3.2).
const IPV4: u32 = 1;

/// The name of the back end whose users Acct-Authentic calls authenticated by RADIUS.
const RADIUS: &str = "radius";

/// What a record tells (Acct-Status-Type, RFC 2866 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Start,
    Interim,
    Stop(Cause),
    On,
    Off,
}

impl Status {
    fn number(self) -> u32 {
        match self {
            Self::Start => 1,
            Self::Stop(_) => 2,
            Self::Interim => 3,
            Self::On => 7,
            Self::Off => 8,
        }
    }
}

/// Acct-Terminate-Cause (RFC 2866 §5.10).
pub(crate) fn terminate_cause(cause: Cause) -> u32 {
    match cause {
        Cause::UserRequest => 1,
        Cause::LostCarrier => 2,
        Cause::IdleTimeout => 4,
        Cause::SessionTimeout | Cause::Expired => 5,
        Cause::AdminReset => 6,
        // "Administrator is ending service on the NAS"; 11, NAS Reboot, stands for a crash.
        Cause::NasReboot => 7,
        Cause::NasError => 9,
        Cause::Volume => 10,
        Cause::Replaced => 13,
        Cause::ServiceUnavailable => 15,
        Cause::Refused => 17,
    }
}

/// The record of a session; `at` is when it happened, in seconds since 1970.
///
/// # Errors
/// The attributes have no room in a packet, however little is left out.
pub(crate) fn of_session(
    nas: &Nas,
    status: Status,
    facts: &Facts,
    at: u64,
) -> Result<AttributeList, AttributeError> {
    let mut list = begin(nas, status, facts.session.as_str(), at)?;
    put(&mut list, USER_NAME, facts.user.as_bytes())?;
    identify(&mut list, facts)?;
    list.u32(ACCT_AUTHENTIC, if facts.back_end == RADIUS { 1 } else { 2 })?;
    if status != Status::Start {
        list.u32(ACCT_SESSION_TIME, seconds(facts))?;
        let (input, output) = (&facts.received, &facts.sent);
        let octets = (ACCT_INPUT_OCTETS, ACCT_INPUT_GIGAWORDS);
        count(&mut list, octets, ACCT_INPUT_PACKETS, input)?;
        let octets = (ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_GIGAWORDS);
        count(&mut list, octets, ACCT_OUTPUT_PACKETS, output)?;
    }
    if let Status::Stop(cause) = status {
        list.u32(ACCT_TERMINATE_CAUSE, terminate_cause(cause))?;
    }
    // Last, because it is the server's and can be long: what has no room is left out.
    for class in &facts.class {
        if let Err(error) = list.octets(CLASS, class) {
            tracing::warn!(
                user = facts.user,
                "a Class is left out of a record: {error}"
            );
        }
    }
    Ok(list)
}

/// The record that the server begins or ends. The name is one of no session.
///
/// # Errors
/// As [`of_session`].
pub(crate) fn of_server(
    nas: &Nas,
    status: Status,
    name: &str,
    at: u64,
) -> Result<AttributeList, AttributeError> {
    begin(nas, status, name, at)
}

fn begin(nas: &Nas, status: Status, name: &str, at: u64) -> Result<AttributeList, AttributeError> {
    let mut list = AttributeList::new();
    list.u32(ACCT_STATUS_TYPE, status.number())?;
    put(&mut list, ACCT_SESSION_ID, name.as_bytes())?;
    put(&mut list, NAS_IDENTIFIER, nas.identifier.as_bytes())?;
    if let Some(address) = nas.address {
        list.ipv4(NAS_IP_ADDRESS, address)?;
    }
    list.u32(EVENT_TIMESTAMP, u32::try_from(at).unwrap_or(u32::MAX))?;
    Ok(list)
}

fn identify(list: &mut AttributeList, facts: &Facts) -> Result<(), AttributeError> {
    let (peer, local) = (facts.peer.ip().to_string(), facts.local.ip().to_string());
    list.u32(NAS_PORT, facts.number)?
        .u32(NAS_PORT_TYPE, VIRTUAL)?
        .u32(SERVICE_TYPE, FRAMED)?
        .u32(FRAMED_PROTOCOL, PPP)?
        .text(CALLING_STATION_ID, &peer)?
        .text(CALLED_STATION_ID, &local)?
        .tagged_u24(TUNNEL_TYPE, 0, PPTP)?
        .tagged_u24(TUNNEL_MEDIUM_TYPE, 0, IPV4)?
        .text(TUNNEL_CLIENT_ENDPOINT, &peer)?
        .text(TUNNEL_SERVER_ENDPOINT, &local)?;
    if let Some(address) = facts.address {
        list.ipv4(FRAMED_IP_ADDRESS, address)?;
    }
    if let Some(prefix) = facts.prefix {
        let value = ipv6_prefix_value(prefix.network(), prefix.prefix_len());
        list.octets(FRAMED_IPV6_PREFIX, &value)?;
    }
    if let Some(id) = facts.interface_id {
        list.octets(FRAMED_INTERFACE_ID, &id.0)?;
    }
    Ok(())
}

/// Appends what may be longer than an attribute can hold, cut to that.
fn put(list: &mut AttributeList, kind: Type, value: &[u8]) -> Result<(), AttributeError> {
    let length = value.len().min(adit_radius::attribute::MAX_VALUE);
    list.octets(kind, &value[..length])?;
    Ok(())
}

fn count(
    list: &mut AttributeList,
    (octets, gigawords): (Type, Type),
    packets: Type,
    traffic: &Traffic,
) -> Result<(), AttributeError> {
    // The halves of a number of 64 bits; packets have no upper half.
    list.u32(octets, traffic.octets as u32)?
        .u32(gigawords, (traffic.octets >> 32) as u32)?
        .u32(packets, traffic.packets as u32)?;
    Ok(())
}

fn seconds(facts: &Facts) -> u32 {
    u32::try_from(facts.lasted.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
