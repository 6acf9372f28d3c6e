//! Checking credentials against a secret.

use adit_crypto::change_password::{NewPassword, SealedPassword};
use adit_crypto::mppe_keys::{SessionStartKeys, Side};
use adit_crypto::mschap_v2::{AuthenticatorResponse, Exchange};
use adit_crypto::nt::{LmHash, NtHash, strip_domain_octets};
use adit_crypto::{chap_md5, mschap_v1};
use adit_wire::mschap::{ChangePasswordV1, ChangePasswordV2, ResponseV1, ResponseV2};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Credentials, Proof, Refusal};

/// What a server knows of a user's password.
#[derive(Debug)]
pub enum Secret {
    /// Its NT hash: enough for MS-CHAP and PAP, not for CHAP-MD5.
    NtHash(NtHash),
    /// The password itself.
    Clear(ClearSecret),
}

/// A password in memory; zeroed when dropped, never shown.
pub struct ClearSecret(Zeroizing<String>);

impl ClearSecret {
    /// The password.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ClearSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    /// Takes a password.
    pub fn clear(password: impl Into<String>) -> Self {
        Self::Clear(ClearSecret(Zeroizing::new(password.into())))
    }

    /// The NT hash, which is as good as the password for MS-CHAP.
    pub fn nt_hash(&self) -> NtHash {
        match self {
            Self::NtHash(hash) => NtHash::from_octets(*hash.octets()),
            Self::Clear(password) => NtHash::of_password(password.reveal()),
        }
    }

    fn lm_hash(&self) -> Option<LmHash> {
        match self {
            Self::NtHash(_) => None,
            Self::Clear(password) => LmHash::of_password(password.reveal()),
        }
    }
}

/// What came of a successful check.
#[derive(Debug, Default)]
pub struct Proven {
    /// Keys for MPPE, from the server's side.
    pub keys: Option<SessionStartKeys>,
    /// The authenticator response that MS-CHAPv2 sends back.
    pub authenticator_response: Option<AuthenticatorResponse>,
    /// The new password, where one was sent.
    pub new_password: Option<NewPassword>,
    /// Whether this peer must encrypt, whatever the link's configuration asks of others.
    pub requires_encryption: bool,
}

impl Credentials {
    /// Checks what the peer sent against the user's secret.
    ///
    /// # Errors
    /// [`Refusal::WrongPassword`] where it does not fit, [`Refusal::ChangingPassword`] where a new
    /// password cannot be read.
    pub fn verify(&self, secret: &Secret) -> Result<Proven, Refusal> {
        match &self.proof {
            Proof::Pap { password } => verify_pap(password, secret),
            Proof::ChapMd5 {
                identifier,
                challenge,
                response,
            } => match secret {
                Secret::Clear(clear)
                    if chap_md5::verify(
                        *identifier,
                        clear.reveal().as_bytes(),
                        challenge,
                        response,
                    ) =>
                {
                    Ok(Proven::default())
                }
                _ => Err(Refusal::WrongPassword),
            },
            Proof::MsChapV1 {
                challenge,
                response,
            } => verify_v1(challenge, response, secret),
            Proof::MsChapV2 {
                challenge,
                response,
            } => verify_v2(&self.name, challenge, response, &secret.nt_hash()),
            Proof::ChangePasswordV1 { challenge, change } => change_v1(challenge, change, secret),
            Proof::ChangePasswordV2 { challenge, change } => {
                change_v2(&self.name, challenge, change, &secret.nt_hash())
            }
        }
    }
}

fn verify_pap(password: &[u8], secret: &Secret) -> Result<Proven, Refusal> {
    let matches = match secret {
        Secret::Clear(clear) => bool::from(clear.reveal().as_bytes().ct_eq(password)),
        Secret::NtHash(hash) => std::str::from_utf8(password)
            .is_ok_and(|text| bool::from(NtHash::of_password(text).octets().ct_eq(hash.octets()))),
    };
    if matches {
        Ok(Proven::default())
    } else {
        Err(Refusal::WrongPassword)
    }
}

fn verify_v1(
    challenge: &[u8; 8],
    response: &ResponseV1,
    secret: &Secret,
) -> Result<Proven, Refusal> {
    let nt_hash = secret.nt_hash();
    // The LAN Manager response alone (flag 0) is never enough: its hash falls in seconds.
    let uses_nt = response.flags & 1 == 1;
    if !uses_nt || !mschap_v1::verify(&nt_hash, challenge, &response.nt_response) {
        return Err(Refusal::WrongPassword);
    }
    let keys = SessionStartKeys::from_mschap_v1(&nt_hash, secret.lm_hash().as_ref(), challenge);
    Ok(Proven {
        keys: Some(keys),
        ..Proven::default()
    })
}

fn verify_v2(
    name: &[u8],
    challenge: &[u8; 16],
    response: &ResponseV2,
    nt_hash: &NtHash,
) -> Result<Proven, Refusal> {
    let exchange = Exchange {
        authenticator_challenge: challenge,
        peer_challenge: &response.peer_challenge,
        user_name: strip_domain_octets(name),
    };
    if !exchange.verify_nt_response(nt_hash, &response.nt_response) {
        return Err(Refusal::WrongPassword);
    }
    Ok(Proven {
        keys: Some(SessionStartKeys::from_mschap_v2(
            Side::Server,
            nt_hash,
            &response.nt_response,
        )),
        authenticator_response: Some(
            exchange.authenticator_response(nt_hash, &response.nt_response),
        ),
        ..Proven::default()
    })
}

fn change_v1(
    challenge: &[u8; 8],
    change: &ChangePasswordV1,
    secret: &Secret,
) -> Result<Proven, Refusal> {
    let sealed = SealedPassword {
        encrypted_password: *change.encrypted_password,
        encrypted_hash: change.encrypted_hash,
    };
    let new = sealed
        .open(&secret.nt_hash())
        .map_err(|_| Refusal::ChangingPassword)?;
    let response = ResponseV1 {
        lm_response: change.lm_response,
        nt_response: change.nt_response,
        flags: 1,
    };
    let proven = verify_v1(challenge, &response, &Secret::clear(new.password()))?;
    Ok(Proven {
        new_password: Some(new),
        ..proven
    })
}

fn change_v2(
    name: &[u8],
    challenge: &[u8; 16],
    change: &ChangePasswordV2,
    old: &NtHash,
) -> Result<Proven, Refusal> {
    let sealed = SealedPassword {
        encrypted_password: *change.encrypted_password,
        encrypted_hash: change.encrypted_hash,
    };
    let new = sealed.open(old).map_err(|_| Refusal::ChangingPassword)?;
    let response = ResponseV2 {
        peer_challenge: change.peer_challenge,
        reserved: change.reserved,
        nt_response: change.nt_response,
        flags: 0,
    };
    let proven = verify_v2(name, challenge, &response, new.nt_hash())?;
    Ok(Proven {
        new_password: Some(new),
        ..proven
    })
}
