//! MS-CHAP versions 1 and 2: the examples of RFC 2433 and RFC 2759, and vectors that other projects
//! publish with their code.

mod common;

use adit_crypto::mschap_v1;
use adit_crypto::mschap_v2::{AuthenticatorResponse, Exchange};
use adit_crypto::nt::{NtHash, strip_domain};
use common::hex;

/// A user and what MS-CHAPv2 makes of the password.
struct Vector {
    /// The Name field; a domain before it is not hashed.
    name: &'static str,
    password: &'static str,
    /// Authenticator challenge and peer challenge, where they are known.
    challenges: Option<(&'static str, &'static str)>,
    challenge_hash: &'static str,
    nt_response: &'static str,
    authenticator_response: Option<&'static str>,
}

fn check(vector: &Vector) {
    let hash = NtHash::of_password(vector.password);
    let challenge_hash: [u8; 8] = hex(vector.challenge_hash);
    let nt_response: [u8; 24] = hex(vector.nt_response);
    // The last step is that of MS-CHAPv1, with the challenge hash for the challenge.
    assert_eq!(
        mschap_v1::nt_response(&hash, &challenge_hash),
        nt_response,
        "{}",
        vector.name
    );
    let Some((authenticator_challenge, peer_challenge)) = vector.challenges else {
        return;
    };
    let exchange = Exchange {
        authenticator_challenge: &hex(authenticator_challenge),
        peer_challenge: &hex(peer_challenge),
        user_name: strip_domain(vector.name).as_bytes(),
    };
    assert_eq!(exchange.challenge_hash(), challenge_hash, "{}", vector.name);
    assert_eq!(exchange.nt_response(&hash), nt_response, "{}", vector.name);
    assert!(exchange.verify_nt_response(&hash, &nt_response));
    if let Some(expected) = vector.authenticator_response {
        let response = exchange.authenticator_response(&hash, &nt_response);
        assert_eq!(response.to_string(), expected, "{}", vector.name);
        let (received, _) =
            AuthenticatorResponse::parse(expected.as_bytes()).expect("a well-formed response");
        assert!(received == response);
    }
}

#[test]
fn rfc_2759_section_9_2() {
    let hash = NtHash::of_password("clientPass");
    assert_eq!(
        hash.octets(),
        &hex::<[u8; 16]>("44ebba8d5312b8d611474411f56989ae")
    );
    check(&Vector {
        name: "User",
        password: "clientPass",
        challenges: Some((
            "5b5d7c7d7b3f2f3e3c2c602132262628",
            "21402324255e262a28295f2b3a337c7e",
        )),
        challenge_hash: "d02e4386bce91226",
        nt_response: "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df",
        authenticator_response: Some("S=407A5589115FD0D6209F510FE9C04566932CDA56"),
    });
}

#[test]
fn published_self_tests() {
    for vector in PUBLIC.iter().chain(&MORE) {
        check(vector);
    }
}

/// The authenticator response covers whatever NT-Response it is given (test of a Go
/// implementation, github.com/layeh/radius).
#[test]
fn authenticator_response_to_another_nt_response() {
    let exchange = Exchange {
        authenticator_challenge: &hex("d5717d58e9fb9cf42dbb0c1a8adf9879"),
        peer_challenge: &hex("279cb411494d5a84cdf2d2ee36fb5cdd"),
        user_name: b"test",
    };
    let response = exchange.authenticator_response(
        &NtHash::of_password("superSecretPassword"),
        &hex("e6ad73b3738839cccfc0fbf3459a5b26ac4b159efab6b03f"),
    );
    assert_eq!(
        response.to_string(),
        "S=E776FC79AC79DED99AEFF66893C920EB34F63396"
    );
}

#[test]
fn verification_fails_when_anything_differs() {
    let hash = NtHash::of_password("clientPass");
    let (ours, theirs) = (
        hex("5b5d7c7d7b3f2f3e3c2c602132262628"),
        hex("21402324255e262a28295f2b3a337c7e"),
    );
    let exchange = Exchange {
        authenticator_challenge: &ours,
        peer_challenge: &theirs,
        user_name: b"User",
    };
    let response = exchange.nt_response(&hash);
    let authenticator = exchange.authenticator_response(&hash, &response);
    assert!(!exchange.verify_nt_response(&NtHash::of_password("clientpass"), &response));
    let swapped = Exchange {
        authenticator_challenge: &theirs,
        peer_challenge: &ours,
        ..exchange
    };
    let other_user = Exchange {
        user_name: b"user",
        ..exchange
    };
    for other in [swapped, other_user] {
        assert!(!other.verify_nt_response(&hash, &response));
        assert!(other.authenticator_response(&hash, &response) != authenticator);
    }
    for octet in 0..24 {
        let mut wrong = response;
        wrong[octet] ^= 0x80;
        assert!(!exchange.verify_nt_response(&hash, &wrong));
    }
}

#[test]
fn rfc_2433_section_b_2() {
    let hash = NtHash::of_password("MyPw");
    let challenge = hex("102db5df085d3041");
    let response = hex("4e9d3c8f9cfd385d5bf4d3246791956ca4c351ab409a3d61");
    assert_eq!(
        hash.octets(),
        &hex::<[u8; 16]>("fc156af7edcd6c0edde3337d427f4eac")
    );
    assert_eq!(mschap_v1::nt_response(&hash, &challenge), response);
    assert!(mschap_v1::verify(&hash, &challenge, &response));
    assert!(!mschap_v1::verify(
        &NtHash::of_password("mypw"),
        &challenge,
        &response
    ));
}

/// NT-Response self-tests of John the Ripper and hashcat, and two exchanges from the tests of
/// FreeRADIUS.
#[test]
fn version_1_responses() {
    for (password, challenge, response) in VERSION_1 {
        let hash = NtHash::of_password(password);
        assert!(
            mschap_v1::verify(&hash, &hex(challenge), &hex(response)),
            "{password}"
        );
    }
}

/// Password, challenge, response.
const VERSION_1: [(&str, &str, &str); 10] = [
    (
        "g3rg3g3rg3g3rg3",
        "1122334455667788",
        "bfccaf26128ec95f9999c9792f49434267a1d9b0ef89bffb",
    ),
    (
        "M1xedC4se%^&*@)##(blahblah!@#",
        "1122334455667788",
        "e463faa5d868ece20cae622474a2f440a652d642156af863",
    ),
    (
        "password",
        "218a3fd596eb5825",
        "81f5ecd8a77fe819f7f6689a08a27ac705fc2e1bb00cecb2",
    ),
    (
        "FooBarGerg",
        "1122334455667788",
        "35b62750e1b9b3205c50d6ba351092c12a1b9b3cdc65d44a",
    ),
    (
        "visit www.foofus.net",
        "1122334455667788",
        "a4765ebfe83d345a7cb1660b8899251905164029f8086dde",
    ),
    (
        "longpassword",
        "07ec18d9e5393ba9",
        "abf7762caf2b1bbfc5cfc1f46665249f049e0af72ae5b5a9",
    ),
    (
        "cory21",
        "1122334455667788",
        "b2b2220790f40c88bcff347c652f67a7c4a70d3bebd70233",
    ),
    (
        "hashcat",
        "48c5e69d0ac812d8",
        "0556d5297b5daa70eaffde82ef99293a3f3bb59b7c9704ea",
    ),
    (
        "supersecret",
        "696bcaff8f8bef29",
        "16c32819add27b3d29f6866506e6cc6548f50b6429518579",
    ),
    (
        "bob",
        "b9634adc358b2ab3",
        "7a42408782f745ef90a86fd21b0d9294132750f4af66a419",
    ),
];

/// From the self-tests of John the Ripper.
const PUBLIC: [Vector; 14] = [
    Vector {
        name: "1111",
        password: "2222",
        challenges: Some((
            "4c092fd3fd98236502e8591100046326",
            "6a4915d0ce61d42be533640a75391925",
        )),
        challenge_hash: "5bda55a7cafcf3bd",
        nt_response: "b912ce522524d33123a982cf330a57f8e953fa7974042b5d",
        authenticator_response: Some("S=1E6CB23B0B95CF54D5327EFB0B8C2DA460E961C6"),
    },
    Vector {
        name: "User",
        password: "clientPass",
        challenges: Some((
            "5b5d7c7d7b3f2f3e3c2c602132262628",
            "21402324255e262a28295f2b3a337c7e",
        )),
        challenge_hash: "d02e4386bce91226",
        nt_response: "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df",
        authenticator_response: Some("S=407A5589115FD0D6209F510FE9C04566932CDA56"),
    },
    Vector {
        name: "testuser1",
        password: "Cricket8",
        challenges: Some((
            "d07054459a1fdbc266a006f0220e6fac",
            "3545cb1d89b507a5de104435e81b14a4",
        )),
        challenge_hash: "2ec42a7f7c28ba43",
        nt_response: "33c8331a9b03b7e003f09dd253d740a2bead544143cc8bde",
        authenticator_response: Some("S=61472AC1BCB5B2FC56BD8EBBB12DC90772FCEDCD"),
    },
    Vector {
        name: "fred",
        password: "OMG!BBQ!11!one",
        challenges: Some((
            "56d64cbe7bad61349a0b752335100eaf",
            "7f8a466cff2a6bf0c80218bbf56d76bc",
        )),
        challenge_hash: "8f790cb471c07c31",
        nt_response: "d7d829d9545cef1d631b4e568ffb7586050fa3a4d02dbc0b",
        authenticator_response: Some("S=507C6D19066564CE92B7FFD1CA3F1F2C03961484"),
    },
    Vector {
        name: "bOb",
        password: "asdblahblahblahblahblahblahblahblah",
        challenges: Some((
            "b3c42db475b881d3c52ff3923d7b3bf8",
            "6321f8649b971bd11ce8d5cb22a4a738",
        )),
        challenge_hash: "0116acf94a7bd460",
        nt_response: "f07c7a4eb391f5debe32d814679a5a69661b86b33227c4f8",
        authenticator_response: Some("S=E3F55830AD104ADBF1290460D1A6A33553AEB3CF"),
    },
    Vector {
        name: "lameuser",
        password: "",
        challenges: Some((
            "d94e7c7972b2376b28c268583e162de7",
            "0677ca7318fd7f65ae1b4f58c9f4f400",
        )),
        challenge_hash: "058bf95a9a3b7f7f",
        nt_response: "eba25a3b04d2c7085d01f842e2befc91745c40db0f792356",
        authenticator_response: Some("S=C541C753FB9DB7EF15EF605FCFA49DE4592FE1F0"),
    },
    Vector {
        name: "foo4",
        password: "bar4",
        challenges: None,
        challenge_hash: "8710da60ebfc4cab",
        nt_response: "c4e3bb55904c966927ee68e5f1472e1f5d8ec165713b5360",
        authenticator_response: None,
    },
    Vector {
        name: "",
        password: "bar4",
        challenges: None,
        challenge_hash: "8710da60ebfc4cab",
        nt_response: "c4e3bb55904c966927ee68e5f1472e1f5d8ec165713b5360",
        authenticator_response: None,
    },
    Vector {
        name: "solar",
        password: "solarisalwaysbusy",
        challenges: None,
        challenge_hash: "3d79cc8cdc0261d4",
        nt_response: "b700770725f87739adb110b310d9a289cdbb550adca6cb86",
        authenticator_response: None,
    },
    Vector {
        name: "lulu",
        password: "password",
        challenges: None,
        challenge_hash: "ba75eb14efbfbf25",
        nt_response: "ed8cc90fd40faa2d6bcd0abd0b1f562fd777df6c5609c98b",
        authenticator_response: None,
    },
    Vector {
        name: "lulu",
        password: "password",
        challenges: Some((
            "95a87fa62ebcd2e3c8b09e1b448a6c72",
            "e2ae0995eaac6ceff0d9757428b51509",
        )),
        challenge_hash: "ba75eb14efbfbf25",
        nt_response: "ed8cc90fd40faa2d6bcd0abd0b1f562fd777df6c5609c98b",
        authenticator_response: Some("S=460874E1CADF35FBD9F6E80C01A1ADC5746F0B6A"),
    },
    Vector {
        name: "moxie",
        password: "bPCFyF2uL1p5Lg5yrKmqmY",
        challenges: None,
        challenge_hash: "6d0e1c056cd94d5f",
        nt_response: "1c93abce815400686baeca315f348469256420598a73ad49",
        authenticator_response: None,
    },
    Vector {
        name: "domain\\fred",
        password: "OMG!BBQ!11!one",
        challenges: Some((
            "56d64cbe7bad61349a0b752335100eaf",
            "7f8a466cff2a6bf0c80218bbf56d76bc",
        )),
        challenge_hash: "8f790cb471c07c31",
        nt_response: "d7d829d9545cef1d631b4e568ffb7586050fa3a4d02dbc0b",
        authenticator_response: Some("S=507C6D19066564CE92B7FFD1CA3F1F2C03961484"),
    },
    Vector {
        name: "WorkGroup\\bOb",
        password: "asdblahblahblahblahblahblahblahblah",
        challenges: Some((
            "b3c42db475b881d3c52ff3923d7b3bf8",
            "6321f8649b971bd11ce8d5cb22a4a738",
        )),
        challenge_hash: "0116acf94a7bd460",
        nt_response: "f07c7a4eb391f5debe32d814679a5a69661b86b33227c4f8",
        authenticator_response: Some("S=E3F55830AD104ADBF1290460D1A6A33553AEB3CF"),
    },
];

/// From the tests of layeh/radius and FreeRADIUS, a RADIUS exchange recorded by the jradius project,
/// and a capture-the-flag task.
const MORE: [Vector; 5] = [
    Vector {
        name: "test",
        password: "superSecretPassword",
        challenges: Some((
            "77ac2d4c312a6afeb9d176b4dd1d1a1d",
            "3413168381f74b7b28e6088bd7a50de9",
        )),
        challenge_hash: "4b36cba91a9ba868",
        nt_response: "6295b2143995f9f658691977ef12798910ff2973b5b513ba",
        authenticator_response: None,
    },
    Vector {
        name: "test",
        password: "superSecretPassword",
        challenges: Some((
            "d5717d58e9fb9cf42dbb0c1a8adf9879",
            "279cb411494d5a84cdf2d2ee36fb5cdd",
        )),
        challenge_hash: "074b2c6787f8d380",
        nt_response: "f5e471ecb559a9f7c69a708b12e7a86dd2fef9ab3f2aed0a",
        authenticator_response: None,
    },
    Vector {
        name: "example\\john",
        password: "secret",
        challenges: Some((
            "16d2833f4239256dd2b2bb26f2ecb2a3",
            "502feeee9495a353cddbd1efc4007282",
        )),
        challenge_hash: "e19f1e55a5ad6dd9",
        nt_response: "e866286bb30d0215ed16cf425b6a29d206667a9853e23ca4",
        authenticator_response: Some("S=68649B6763301DD65FC2559F2D172943196EA88A"),
    },
    Vector {
        name: "omnine",
        password: "Change+1t",
        challenges: Some((
            "1cba92b89997479a5b49d2a02b26fc8f",
            "bc99f338305a71c6e0df1c565c1130cc",
        )),
        challenge_hash: "99c3c20506dba74f",
        nt_response: "cae7f8ed88ad9e1c0b1078a3fdc5a5792a0bb24470ee813b",
        authenticator_response: Some("S=BF25994079DCE8301B8BBDA4AA643C706CE1B19A"),
    },
    Vector {
        name: "PrinceAli",
        password: "rainbow6",
        challenges: None,
        challenge_hash: "c3ae5ef9dc0e22fb",
        nt_response: "6c521e5272cc7acb0e995e4e1c3fabd0bc39548eb021e4d0",
        authenticator_response: None,
    },
];
