use std::net::SocketAddr;
use std::time::{Duration, Instant};

use adit_crypto::mppe_keys::Side;
use adit_crypto::mschap_v2::Exchange;
use adit_crypto::nt::{LmHash, NtHash};
use adit_radius::SharedSecret;
use adit_radius::attribute::AttributeList;
use adit_radius::authenticator::{MessageAuthenticator, RequestAuthenticator};
use adit_radius::client::{Client, ClientConfig, Output, ServerConfig};
use adit_radius::hidden::{self, ChapKeys};
use adit_radius::packet::{Contents, Datagram, reply};
use adit_wire::mschap::{ResponseV1, ResponseV2};
use zeroize::Zeroizing;

use super::*;

const PASSWORD: &str = "clientPass";

fn secret() -> SharedSecret {
    SharedSecret::new("xyzzy5461").unwrap()
}

/// A verified reply with these attributes.
fn replied(code: Code, fill: impl FnOnce(&mut AttributeList, &RequestAuthenticator)) -> Reply {
    let address = SocketAddr::from(([192, 0, 2, 1], 1812));
    let config = ClientConfig {
        code: Code::AccessRequest,
        servers: vec![ServerConfig {
            address,
            secret: secret(),
        }],
        timeout: Duration::from_secs(1),
        tries: 1,
        dead_time: Duration::ZERO,
        message_authenticator: MessageAuthenticator::Required,
    };
    let mut client = Client::new(config, Box::new(|| [7; 16]));
    let now = Instant::now();
    client.submit(now, Contents::default(), ()).unwrap();
    let mut fill = Some(fill);
    loop {
        match client.poll_output().unwrap() {
            Output::Open(..) => {}
            Output::Send(socket, request) => {
                let request = Datagram::parse(&request).unwrap();
                let mut list = AttributeList::new();
                fill.take().unwrap()(&mut list, request.authenticator());
                let authenticator = request.authenticator();
                let octets = reply(code, request.identifier(), authenticator, &list, &secret());
                client.receive(now, socket, address, &octets);
            }
            Output::Done((), reply) => return reply.unwrap(),
        }
    }
}

fn accept(fill: impl FnOnce(&mut AttributeList, &RequestAuthenticator)) -> Reply {
    replied(Code::AccessAccept, fill)
}

fn credentials(proof: Proof) -> Credentials {
    Credentials {
        name: b"alice".to_vec(),
        proof,
    }
}

fn pap() -> Credentials {
    credentials(Proof::Pap {
        password: Zeroizing::new(PASSWORD.into()),
    })
}

fn mschap_v1() -> Credentials {
    credentials(Proof::MsChapV1 {
        challenge: [5; 8],
        response: ResponseV1 {
            lm_response: [0; 24],
            nt_response: [1; 24],
            flags: 1,
        },
    })
}

fn mschap_v2() -> Credentials {
    credentials(Proof::MsChapV2 {
        challenge: [5; 16],
        response: ResponseV2 {
            peer_challenge: [6; 16],
            reserved: [0; 8],
            nt_response: [9; 24],
            flags: 0,
        },
    })
}

fn accepted_of(finding: Finding) -> Accepted {
    match finding {
        Finding::Accepted(accepted) => *accepted,
        other => panic!("{other:?}"),
    }
}

fn refused_of(finding: Finding) -> Refused {
    match finding {
        Finding::Refused(refused) => refused,
        other => panic!("{other:?}"),
    }
}

/// What a server that knows the password answers to MS-CHAPv2.
fn success_text() -> [u8; 42] {
    let exchange = Exchange {
        authenticator_challenge: &[5; 16],
        peer_challenge: &[6; 16],
        user_name: b"alice",
    };
    let hash = NtHash::of_password(PASSWORD);
    exchange.authenticator_response(&hash, &[9; 24]).encode()
}

fn with_success(list: &mut AttributeList) {
    let text = success_text();
    list.parts(microsoft::CHAP2_SUCCESS, &[&[1], &text])
        .unwrap();
}

fn with_keys(list: &mut AttributeList, request: &RequestAuthenticator, keys: [&[u8]; 2]) {
    for (salt, (kind, key)) in [microsoft::MPPE_SEND_KEY, microsoft::MPPE_RECV_KEY]
        .into_iter()
        .zip(keys)
        .enumerate()
    {
        let hidden = hidden::hide_key(key, [0x80, salt as u8], request, &secret());
        list.octets(kind, &hidden.unwrap()).unwrap();
    }
}

#[test]
fn keys_of_version_2_go_the_way_that_the_server_says() {
    let hash = NtHash::of_password(PASSWORD);
    let server = SessionStartKeys::from_mschap_v2(Side::Server, &hash, &[9; 24]);
    let reply = accept(|list, request| {
        with_success(list);
        // Longer than needed: the rest is cut off.
        let receive = [&server.receive.octets()[..], &[0xee; 16]].concat();
        with_keys(list, request, [server.send.octets(), &receive]);
    });
    let accepted = accepted_of(finding(&mschap_v2(), &reply));
    assert_eq!(accepted.proven.keys, Some(server));
    let response = accepted.proven.authenticator_response.unwrap();
    assert_eq!(response.encode(), success_text());
    assert!(!accepted.proven.requires_encryption);
    assert_eq!(accepted.profile.user, "alice");
}

#[test]
fn keys_of_version_1_are_made_of_hashes() {
    let hash = NtHash::of_password(PASSWORD);
    let lm_hash = LmHash::of_password(PASSWORD).unwrap();
    // MD4 of the NT hash of `clientPass`: RFC 2759 §9.2, PasswordHashHash.
    let nt_hash_hash = [
        0x41, 0xc0, 0x0c, 0x58, 0x4b, 0xd2, 0xd9, 0x1c, 0x40, 0x17, 0xa2, 0xa1, 0x2f, 0xa5, 0x9f,
        0x3f,
    ];
    for lm_hash in [Some(&lm_hash), None] {
        let lm_key = lm_hash.map_or([0; 8], |hash| *hash.octets().first_chunk().unwrap());
        let reply = accept(|list, request| {
            let keys = ChapKeys {
                lm_key: Zeroizing::new(lm_key),
                nt_key: Zeroizing::new(nt_hash_hash),
            };
            let hidden = hidden::hide_chap_keys(&keys, request, &secret());
            list.octets(microsoft::CHAP_MPPE_KEYS, &hidden).unwrap();
        });
        let accepted = accepted_of(finding(&mschap_v1(), &reply));
        let expected = SessionStartKeys::from_mschap_v1(&hash, lm_hash, &[5; 8]);
        assert_eq!(accepted.proven.keys, Some(expected));
    }
}

#[test]
fn encryption_is_as_the_server_allows_and_wants() {
    for (types, allowed) in [
        (2, &[Strength::Bits40][..]),
        (4, &[Strength::Bits128]),
        (6, &[Strength::Bits40, Strength::Bits128]),
        (8, &[Strength::Bits56]),
        (0, &[]),
    ] {
        let reply = accept(|list, request| {
            with_success(list);
            with_keys(list, request, [&[1; 16], &[2; 16]]);
            list.u32(microsoft::MPPE_ENCRYPTION_TYPES, types)
                .and_then(|list| list.u32(microsoft::MPPE_ENCRYPTION_POLICY, 2))
                .unwrap();
        });
        let accepted = accepted_of(finding(&mschap_v2(), &reply));
        assert!(accepted.proven.requires_encryption);
        let keys = accepted.proven.keys.unwrap();
        for strength in [Strength::Bits40, Strength::Bits56, Strength::Bits128] {
            assert_eq!(keys.supports(strength), allowed.contains(&strength));
        }
    }
}

#[test]
fn an_acceptance_that_cannot_be_used_lets_nobody_in() {
    let without_success = accept(|_, _| {});
    let refused = refused_of(finding(&mschap_v2(), &without_success));
    assert_eq!(refused.refusal, Refusal::Unavailable);
    assert!(refused.why.contains("MS-CHAP2-Success"), "{refused}");

    let short_key = accept(|list, request| {
        with_success(list);
        with_keys(list, request, [&[1; 15], &[2; 16]]);
    });
    let refused = refused_of(finding(&mschap_v2(), &short_key));
    assert_eq!(refused.refusal, Refusal::Unavailable);

    let bad_value = accept(|list, _| {
        list.octets(standard::SESSION_TIMEOUT, &[1]).unwrap();
    });
    let refused = refused_of(finding(&pap(), &bad_value));
    assert!(refused.why.contains("attribute 27"), "{refused}");

    for kind in [standard::SERVICE_TYPE, standard::FRAMED_PROTOCOL] {
        let other_service = accept(|list, _| {
            list.u32(kind, 9).unwrap();
        });
        let refused = refused_of(finding(&pap(), &other_service));
        assert_eq!(refused.refusal, Refusal::NoDialInPermission);
    }
    let challenge = replied(Code::AccessChallenge, |_, _| {});
    let refused = refused_of(finding(&pap(), &challenge));
    assert!(refused.why.contains("Access-Challenge"), "{refused}");
}

#[test]
fn a_refusal_says_why() {
    for (error, expected) in [
        (&b"\x01E=691 R=1 C=00 V=3 M=no"[..], Refusal::WrongPassword),
        (b"\x01E=648 R=0 V=3", Refusal::PasswordExpired),
        (b"E=647 R=0 V=3", Refusal::AccountDisabled),
        (b"\x01E=646 R=0", Refusal::RestrictedLogonHours),
        (b"\x01E=649 R=0", Refusal::NoDialInPermission),
        (b"\x01E=709 R=0", Refusal::ChangingPassword),
        (b"\x01", Refusal::WrongPassword),
        (b"", Refusal::WrongPassword),
    ] {
        let reply = replied(Code::AccessReject, |list, _| {
            list.octets(microsoft::CHAP_ERROR, error)
                .and_then(|list| list.text(standard::REPLY_MESSAGE, "call us"))
                .unwrap();
        });
        let refused = refused_of(finding(&mschap_v2(), &reply));
        assert_eq!(refused.refusal, expected, "{error:?}");
        assert!(refused.why.ends_with("(call us)"), "{refused}");
    }
    let plain = replied(Code::AccessReject, |_, _| {});
    let refused = refused_of(finding(&pap(), &plain));
    assert_eq!(refused.refusal, Refusal::WrongPassword);
}
