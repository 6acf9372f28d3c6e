//! From the reply of a RADIUS server to what it means for a login.

use adit_crypto::mppe_keys::{SessionStartKeys, Strength};
use adit_crypto::mschap_v2::AuthenticatorResponse;
use adit_ppp::auth::{Credentials, Proof, Proven, Refusal};
use adit_radius::attribute::{self as standard, Attribute};
use adit_radius::client::Reply;
use adit_radius::hidden::HiddenError;
use adit_radius::microsoft;
use adit_radius::packet::Code;
use adit_wire::mschap::FailureMessage;

use super::attributes;
use crate::aaa::{Accepted, Finding, Profile, Refused};

/// Service-Type of PPP (RFC 2865 §5.6).
const FRAMED: u32 = 2;
/// Framed-Protocol of PPP (RFC 2865 §5.7).
const PPP: u32 = 1;
/// MS-MPPE-Encryption-Policy that makes a user encrypt (RFC 2548 §2.4.4).
const ENCRYPTION_REQUIRED: u32 = 2;

/// What a reply means.
pub(super) fn finding(credentials: &Credentials, reply: &Reply) -> Finding {
    match reply.code() {
        Code::AccessAccept => match accepted(credentials, reply) {
            Ok(accepted) => Finding::Accepted(Box::new(accepted)),
            Err(refused) => Finding::Refused(refused),
        },
        Code::AccessReject => Finding::Refused(refused(reply)),
        _ => Finding::Refused(unusable(
            "it asks the user something more (Access-Challenge), which the methods of this server \
             cannot pass on",
        )),
    }
}

/// A reply that lets nobody in, though it is no refusal.
fn unusable(why: impl std::fmt::Display) -> Refused {
    Refused::new(
        Refusal::Unavailable,
        format!("the reply of the RADIUS server cannot be used: {why}"),
    )
}

fn accepted(credentials: &Credentials, reply: &Reply) -> Result<Accepted, Refused> {
    // RFC 2865 §5.6: a service that is not ours is as good as a refusal.
    for (kind, ours, name) in [
        (standard::SERVICE_TYPE, FRAMED, "Service-Type"),
        (standard::FRAMED_PROTOCOL, PPP, "Framed-Protocol"),
    ] {
        let other = reply.attributes().find(kind).map(|it| it.u32());
        if other.is_some_and(|value| value != Some(ours)) {
            let why = format!("the RADIUS server grants another service: its {name} is not {ours}");
            return Err(Refused::new(Refusal::NoDialInPermission, why));
        }
    }
    let mut profile = Profile::of(String::from_utf8_lossy(&credentials.name));
    attributes::apply(&mut profile, reply.attributes()).map_err(unusable)?;
    let proven = proven(&credentials.proof, reply)?;
    Ok(Accepted { proven, profile })
}

/// The keys, and the server's own proof, which the peer of MS-CHAPv2 waits for.
fn proven(proof: &Proof, reply: &Reply) -> Result<Proven, Refused> {
    let attribute = |kind| reply.attributes().find(kind);
    let keys = match proof {
        Proof::Pap { .. } | Proof::ChapMd5 { .. } => None,
        Proof::MsChapV1 { challenge, .. } | Proof::ChangePasswordV1 { challenge, .. } => {
            keys_v1(reply, challenge).map_err(unusable)?
        }
        Proof::MsChapV2 { .. } | Proof::ChangePasswordV2 { .. } => {
            keys_v2(reply).map_err(unusable)?
        }
    };
    let types = attribute(microsoft::MPPE_ENCRYPTION_TYPES).and_then(|it| it.u32());
    let keys = match types {
        Some(types) => keys.map(|keys| keys.limited_to(&strengths(types))),
        None => keys,
    };
    let policy = attribute(microsoft::MPPE_ENCRYPTION_POLICY).and_then(|it| it.u32());
    let authenticator_response = match proof {
        Proof::MsChapV2 { .. } | Proof::ChangePasswordV2 { .. } => Some(success(reply)?),
        _ => None,
    };
    Ok(Proven {
        keys,
        authenticator_response,
        new_password: None,
        requires_encryption: policy == Some(ENCRYPTION_REQUIRED),
    })
}

/// MS-CHAP2-Success: an identifier, then the text for the peer.
fn success(reply: &Reply) -> Result<AuthenticatorResponse, Refused> {
    let missing = || {
        unusable(
            "it accepts MS-CHAPv2 without MS-CHAP2-Success, so that the client would hang up; the server \
             has to check MS-CHAPv2 itself",
        )
    };
    let found = reply.attributes().find(microsoft::CHAP2_SUCCESS);
    let (_, text) = found
        .and_then(|it| it.value.split_first())
        .ok_or_else(missing)?;
    AuthenticatorResponse::parse(text)
        .map(|(response, _)| response)
        .map_err(unusable)
}

/// MS-MPPE-Send-Key and MS-MPPE-Recv-Key: the start keys of both ways, seen from this server.
fn keys_v2(reply: &Reply) -> Result<Option<SessionStartKeys>, HiddenError> {
    let send = reply.attributes().find(microsoft::MPPE_SEND_KEY);
    let receive = reply.attributes().find(microsoft::MPPE_RECV_KEY);
    match send.zip(receive) {
        None => Ok(None),
        Some((send, receive)) => Ok(Some(SessionStartKeys::from_octets(
            start_key(reply, send)?,
            start_key(reply, receive)?,
        ))),
    }
}

/// The first 16 octets: a longer key is cut (RFC 2548 §2.4.2), a shorter one is none of MPPE's.
fn start_key(reply: &Reply, attribute: Attribute<'_>) -> Result<[u8; 16], HiddenError> {
    let key = reply.reveal_key(attribute)?;
    key.first_chunk()
        .copied()
        .ok_or(HiddenError::Length(key.len()))
}

/// MS-CHAP-MPPE-Keys: hashes of the password, which the challenge turns into a key for both ways.
fn keys_v1(reply: &Reply, challenge: &[u8; 8]) -> Result<Option<SessionStartKeys>, HiddenError> {
    let Some(attribute) = reply.attributes().find(microsoft::CHAP_MPPE_KEYS) else {
        return Ok(None);
    };
    let keys = reply.reveal_chap_keys(attribute)?;
    // Zeros: the server has no LAN Manager hash.
    let lm_key = Some(*keys.lm_key).filter(|key| *key != [0; 8]);
    Ok(Some(SessionStartKeys::from_mschap_v1_hashes(
        lm_key,
        &keys.nt_key,
        challenge,
    )))
}

/// The strengths that MS-MPPE-Encryption-Types allows. RFC 2548 §2.4.5 knows two; servers of Windows use
/// the next bit for 56 bits.
fn strengths(types: u32) -> Vec<Strength> {
    let bits = [
        (2, Strength::Bits40),
        (4, Strength::Bits128),
        (8, Strength::Bits56),
    ];
    let allowed = bits.into_iter().filter(|(bit, _)| types & bit != 0);
    allowed.map(|(_, strength)| strength).collect()
}

/// What an Access-Reject says.
fn refused(reply: &Reply) -> Refused {
    let error = reply.attributes().find(microsoft::CHAP_ERROR);
    let failure = error.map(|error| failure(error.value));
    let refusal = failure.as_ref().map_or(Refusal::WrongPassword, refusal);
    let messages = reply.attributes();
    let messages = messages.filter(|it| it.kind == standard::REPLY_MESSAGE);
    let said: String = messages
        .map(|it| String::from_utf8_lossy(it.value).into_owned())
        .collect();
    let why = match said.trim() {
        "" => format!("the RADIUS server refuses the user: {refusal}"),
        said => format!("the RADIUS server refuses the user: {refusal} ({said})"),
    };
    Refused::new(refusal, why)
}

/// MS-CHAP-Error: an identifier, which some servers leave out, then the text of a Failure packet.
fn failure(value: &[u8]) -> FailureMessage {
    match value {
        [b'E', b'=', ..] | [] => FailureMessage::decode(value),
        [_, text @ ..] => FailureMessage::decode(text),
    }
}

fn refusal(failure: &FailureMessage) -> Refusal {
    match failure.error {
        FailureMessage::RESTRICTED_LOGON_HOURS => Refusal::RestrictedLogonHours,
        FailureMessage::ACCOUNT_DISABLED => Refusal::AccountDisabled,
        FailureMessage::PASSWORD_EXPIRED => Refusal::PasswordExpired,
        FailureMessage::NO_DIALIN_PERMISSION => Refusal::NoDialInPermission,
        FailureMessage::CHANGING_PASSWORD => Refusal::ChangingPassword,
        _ => Refusal::WrongPassword,
    }
}

#[cfg(test)]
mod tests;
