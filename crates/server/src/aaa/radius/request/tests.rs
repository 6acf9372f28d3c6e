use adit_radius::attribute::Type;

use super::*;

/// The attributes that prove a user, as type and value.
fn proven(proof: &Proof) -> Vec<(Type, Vec<u8>)> {
    let mut list = AttributeList::new();
    assert!(prove(&mut list, proof).unwrap().is_none());
    let attributes = list.attributes();
    attributes.map(|it| (it.kind, it.value.to_vec())).collect()
}

fn octets<const N: usize>(start: u8) -> [u8; N] {
    std::array::from_fn(|at| start.wrapping_add(at as u8))
}

#[test]
fn a_password_goes_its_own_way() {
    let mut list = AttributeList::new();
    let password = Zeroizing::new(b"secret".to_vec());
    let hidden = prove(&mut list, &Proof::Pap { password }).unwrap();
    assert_eq!(hidden.as_deref().map(Vec::as_slice), Some(&b"secret"[..]));
    assert!(list.as_octets().is_empty());
}

#[test]
fn chap_brings_its_challenge_and_identifier() {
    let proof = |length| Proof::ChapMd5 {
        identifier: 22,
        challenge: vec![7; 20],
        response: vec![9; length],
    };
    let mut password = vec![22];
    password.extend([9; 16]);
    let expected = [
        (attribute::CHAP_CHALLENGE, vec![7; 20]),
        (attribute::CHAP_PASSWORD, password),
    ];
    assert_eq!(proven(&proof(16)), expected);
    for length in [0, 15, 17, 255] {
        let error = prove(&mut AttributeList::new(), &proof(length)).unwrap_err();
        assert_eq!(error, Unsendable::ResponseLength(length));
    }
}

#[test]
fn responses_of_microsoft_are_laid_out_as_rfc_2548_says() {
    let v1 = proven(&Proof::MsChapV1 {
        challenge: octets(1),
        response: ResponseV1 {
            lm_response: octets(10),
            nt_response: octets(50),
            flags: 1,
        },
    });
    let mut response = vec![IDENT, 1];
    response.extend(octets::<24>(10));
    response.extend(octets::<24>(50));
    let expected = [
        (microsoft::CHAP_CHALLENGE, octets::<8>(1).to_vec()),
        (microsoft::CHAP_RESPONSE, response),
    ];
    assert_eq!(v1, expected);

    let v2 = proven(&Proof::MsChapV2 {
        challenge: octets(1),
        response: ResponseV2 {
            peer_challenge: octets(100),
            reserved: [0xee; 8],
            nt_response: octets(50),
            flags: 4,
        },
    });
    let mut response = vec![IDENT, 0];
    response.extend(octets::<16>(100));
    response.extend([0; 8]);
    response.extend(octets::<24>(50));
    let expected = [
        (microsoft::CHAP_CHALLENGE, octets::<16>(1).to_vec()),
        (microsoft::CHAP2_RESPONSE, response),
    ];
    assert_eq!(v2, expected);
}

fn change(flags: u16) -> Proof {
    Proof::ChangePasswordV1 {
        challenge: octets(1),
        change: Box::new(ChangePasswordV1 {
            encrypted_password: Box::new(octets(0)),
            encrypted_hash: octets(30),
            encrypted_password_lm: Box::new(octets(77)),
            encrypted_hash_lm: octets(60),
            lm_response: octets(90),
            nt_response: octets(120),
            flags,
        }),
    }
}

/// Puts the pieces of an encrypted password together.
fn joined(attributes: &[(Type, Vec<u8>)], kind: Type) -> Vec<u8> {
    let pieces = attributes.iter().filter(|(it, _)| *it == kind);
    let mut whole = Vec::new();
    for (number, (_, piece)) in (1u8..).zip(pieces) {
        assert_eq!(piece[..4], [6, IDENT, 0, number]);
        whole.extend(&piece[4..]);
    }
    whole
}

#[test]
fn a_new_password_comes_in_numbered_pieces() {
    let v2 = proven(&Proof::ChangePasswordV2 {
        challenge: octets(1),
        change: Box::new(ChangePasswordV2 {
            encrypted_password: Box::new(octets(0)),
            encrypted_hash: octets(30),
            peer_challenge: octets(60),
            reserved: [0xee; 8],
            nt_response: octets(90),
            flags: 0xeeee,
        }),
    });
    assert_eq!(v2.len(), 2 + 3);
    let mut expected = vec![7, IDENT];
    expected.extend(octets::<16>(30));
    expected.extend(octets::<16>(60));
    expected.extend([0; 8]);
    expected.extend(octets::<24>(90));
    expected.extend([0; 2]);
    assert_eq!(v2[1], (microsoft::CHAP2_CPW, expected));
    assert_eq!(joined(&v2, microsoft::CHAP_NT_ENC_PW), octets::<516>(0));
}

#[test]
fn the_lan_manager_form_is_sent_where_it_is_valid() {
    let v1 = proven(&change(1));
    let mut expected = vec![6, IDENT];
    expected.extend(octets::<16>(30));
    expected.extend(octets::<16>(60));
    expected.extend(octets::<24>(90));
    expected.extend(octets::<24>(120));
    expected.extend([0, 1]);
    assert_eq!(v1[1], (microsoft::CHAP_CPW_2, expected));
    assert_eq!(joined(&v1, microsoft::CHAP_NT_ENC_PW), octets::<516>(0));
    assert!(joined(&v1, microsoft::CHAP_LM_ENC_PW).is_empty());
    let both = proven(&change(3));
    assert_eq!(joined(&both, microsoft::CHAP_LM_ENC_PW), octets::<516>(77));
}
