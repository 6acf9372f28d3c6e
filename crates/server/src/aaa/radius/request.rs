//! From a login to the attributes of an Access-Request (RFC 2865 §5, RFC 2548 §2).

use adit_ppp::auth::Proof;
use adit_radius::attribute::{self, AttributeError, AttributeList};
use adit_radius::microsoft;
use adit_radius::packet::Contents;
use adit_wire::mschap::{ChangePasswordV1, ChangePasswordV2, ResponseV1, ResponseV2};
use zeroize::Zeroizing;

use super::nas::Nas;
use crate::aaa::Login;

/// The Ident of Microsoft's attributes. It only ties those of one request together: the reply's is not
/// needed, because a request has one exchange.
const IDENT: u8 = 1;
/// Flag of a Change-Password packet: the LAN Manager fields are valid (RFC 2433 §10).
const LM_FIELDS_VALID: u16 = 2;

/// Why a login cannot be put to a RADIUS server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    /// RFC 2865 §5 has no empty values.
    #[error("the user name is empty")]
    NoName,
    /// RFC 1994 §4.1: MD5 has 16 octets.
    #[error("a CHAP response of {0} octets is none of MD5's")]
    ResponseLength(usize),
    /// A name or a challenge is longer than an attribute.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
}

/// What is asked about a login.
pub(super) fn contents(nas: &Nas, login: &Login) -> Result<Contents, Unsendable> {
    let credentials = &login.credentials;
    if credentials.name.is_empty() {
        return Err(Unsendable::NoName);
    }
    let mut contents = Contents::default();
    let list = &mut contents.attributes;
    list.octets(attribute::USER_NAME, &credentials.name)?;
    contents.password = prove(list, &credentials.proof)?;
    nas.identify(list)?;
    describe(list, login)?;
    Ok(contents)
}

/// Says what session it would be.
fn describe(list: &mut AttributeList, login: &Login) -> Result<(), AttributeError> {
    const FRAMED: u32 = 2;
    const PPP: u32 = 1;
    const VIRTUAL: u32 = 5;
    const PPTP: u32 = 1;
    const IPV4: u32 = 1;
    let (peer, local) = (login.peer.ip().to_string(), login.local.ip().to_string());
    list.u32(attribute::SERVICE_TYPE, FRAMED)?
        .u32(attribute::FRAMED_PROTOCOL, PPP)?
        .u32(attribute::NAS_PORT, login.call.number())?
        .u32(attribute::NAS_PORT_TYPE, VIRTUAL)?
        .text(attribute::CALLED_STATION_ID, &local)?
        .text(attribute::CALLING_STATION_ID, &peer)?
        .tagged_u24(attribute::TUNNEL_TYPE, 0, PPTP)?
        .tagged_u24(attribute::TUNNEL_MEDIUM_TYPE, 0, IPV4)?
        .text(attribute::TUNNEL_CLIENT_ENDPOINT, &peer)?
        .text(attribute::TUNNEL_SERVER_ENDPOINT, &local)?
        .text(attribute::ACCT_SESSION_ID, login.session.as_str())?;
    Ok(())
}

/// Adds what the user proves itself with; a password goes another way, because it is hidden.
fn prove(
    list: &mut AttributeList,
    proof: &Proof,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unsendable> {
    match proof {
        Proof::Pap { password } => return Ok(Some(password.clone())),
        Proof::ChapMd5 {
            identifier,
            challenge,
            response,
        } => {
            if response.len() != 16 {
                return Err(Unsendable::ResponseLength(response.len()));
            }
            // Always beside the response: the Request Authenticator changes with the server.
            list.octets(attribute::CHAP_CHALLENGE, challenge)?
                .parts(attribute::CHAP_PASSWORD, &[&[*identifier], response])?;
        }
        Proof::MsChapV1 {
            challenge,
            response,
        } => response_v1(list, challenge, response)?,
        Proof::MsChapV2 {
            challenge,
            response,
        } => response_v2(list, challenge, response)?,
        Proof::ChangePasswordV1 { challenge, change } => change_v1(list, challenge, change)?,
        Proof::ChangePasswordV2 { challenge, change } => change_v2(list, challenge, change)?,
    }
    Ok(None)
}

fn response_v1(
    list: &mut AttributeList,
    challenge: &[u8; 8],
    response: &ResponseV1,
) -> Result<(), AttributeError> {
    let head = [IDENT, response.flags];
    list.octets(microsoft::CHAP_CHALLENGE, challenge)?.parts(
        microsoft::CHAP_RESPONSE,
        &[&head, &response.lm_response, &response.nt_response],
    )?;
    Ok(())
}

fn response_v2(
    list: &mut AttributeList,
    challenge: &[u8; 16],
    response: &ResponseV2,
) -> Result<(), AttributeError> {
    // RFC 2548 §2.3.2: Flags and Reserved are zero, whatever the peer has put there.
    list.octets(microsoft::CHAP_CHALLENGE, challenge)?.parts(
        microsoft::CHAP2_RESPONSE,
        &[
            &[IDENT, 0],
            &response.peer_challenge,
            &[0; 8],
            &response.nt_response,
        ],
    )?;
    Ok(())
}

fn change_v1(
    list: &mut AttributeList,
    challenge: &[u8; 8],
    change: &ChangePasswordV1,
) -> Result<(), AttributeError> {
    list.octets(microsoft::CHAP_CHALLENGE, challenge)?.parts(
        microsoft::CHAP_CPW_2,
        &[
            &[ChangePasswordV1::CODE, IDENT],
            &change.encrypted_hash,
            &change.encrypted_hash_lm,
            &change.lm_response,
            &change.nt_response,
            &change.flags.to_be_bytes(),
        ],
    )?;
    let kind = microsoft::CHAP_NT_ENC_PW;
    encrypted_password(list, kind, change.encrypted_password.as_slice())?;
    if change.flags & LM_FIELDS_VALID != 0 {
        let kind = microsoft::CHAP_LM_ENC_PW;
        encrypted_password(list, kind, change.encrypted_password_lm.as_slice())?;
    }
    Ok(())
}

fn change_v2(
    list: &mut AttributeList,
    challenge: &[u8; 16],
    change: &ChangePasswordV2,
) -> Result<(), AttributeError> {
    list.octets(microsoft::CHAP_CHALLENGE, challenge)?.parts(
        microsoft::CHAP2_CPW,
        &[
            &[ChangePasswordV2::CODE, IDENT],
            &change.encrypted_hash,
            &change.peer_challenge,
            &[0; 8],
            &change.nt_response,
            &[0; 2],
        ],
    )?;
    let kind = microsoft::CHAP_NT_ENC_PW;
    encrypted_password(list, kind, change.encrypted_password.as_slice())
}

/// Adds a password that does not fit into one attribute, in pieces that are numbered from 1. Their code is
/// 6 in both versions (RFC 2548 §2.1.8, §2.2).
fn encrypted_password(
    list: &mut AttributeList,
    kind: attribute::Type,
    password: &[u8],
) -> Result<(), AttributeError> {
    const HEAD: usize = 4;
    for (number, piece) in (1u8..).zip(password.chunks(attribute::MAX_VENDOR_VALUE - HEAD)) {
        let head = [ChangePasswordV1::CODE, IDENT, 0, number];
        list.parts(kind, &[&head, piece])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
