//! Key derivation of MPPE: the samples of RFC 3079 §2.5 and §3.5, and keys that other programs
//! derived.
//!
//! Two misprints of the RFC are put right: octet 8 of the initial session key in §2.5.3 step 3 (step 4
//! prints it as here), and the last octet of the encrypted message in §3.5.2.

mod common;

use adit_crypto::mppe_keys::{Direction, MasterKey, SessionStartKeys, Side, StartKey, Strength};
use adit_crypto::nt::{LmHash, NtHash};
use adit_crypto::rc4::Rc4;
use common::hex;

fn session_key(start: &StartKey, strength: Strength) -> Vec<u8> {
    start
        .for_strength(strength)
        .expect("a supported strength")
        .current()
        .octets()
        .to_vec()
}

fn section_3_5() -> SessionStartKeys {
    let response = hex("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df");
    SessionStartKeys::from_mschap_v2(Side::Server, &NtHash::of_password("clientPass"), &response)
}

#[test]
fn rfc_3079_section_3_5_master_key() {
    let response = hex("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df");
    let master = MasterKey::from_mschap_v2(&NtHash::of_password("clientPass"), &response);
    assert_eq!(
        master.octets(),
        &hex::<[u8; 16]>("fdece3717a8c838cb388e527ae3cdd31")
    );
    let start = master.start_key(Side::Server, Direction::Send);
    assert_eq!(
        start.octets(),
        &hex::<[u8; 16]>("8b7cdc149b993a1ba118cb153f56dccb")
    );
    assert_eq!(start, section_3_5().send);
}

#[test]
fn rfc_3079_section_3_5_session_keys() {
    let samples = [
        (
            Strength::Bits40,
            "d1269ec49fa62e3e",
            "929137917e5803d668d75898",
        ),
        (
            Strength::Bits56,
            "d15c00c49fa62e3e",
            "3f106833fa448da842bc57b8",
        ),
        (
            Strength::Bits128,
            "405cb2247a7956e6e211007ae27b22d4",
            "81848317df68846272fb5abe",
        ),
    ];
    for (strength, key, encrypted) in samples {
        let octets = session_key(&section_3_5().send, strength);
        assert_eq!(octets, hex::<Vec<u8>>(key), "{strength}");
        let mut message = *b"test message";
        Rc4::new(&octets).apply(&mut message);
        assert_eq!(message, hex::<[u8; 12]>(encrypted), "{strength}");
    }
}

#[test]
fn rfc_3079_section_2_5() {
    let lm_hash = LmHash::of_password("clientPass").unwrap();
    assert_eq!(
        lm_hash.octets(),
        &hex::<[u8; 16]>("76a152936096d7830e2390227404afd2")
    );
    let keys = SessionStartKeys::from_mschap_v1(
        &NtHash::of_password("clientPass"),
        Some(&lm_hash),
        &hex("102db5df085d3041"),
    );
    assert_eq!(keys.send, keys.receive);
    assert_eq!(
        keys.send.octets(),
        &hex::<[u8; 16]>("a8947850cfc0acc1d1789fb62ddcddb0")
    );
    let samples = [
        (Strength::Bits40, "d1269e538cec4a08"),
        (Strength::Bits56, "d10801538cec4a08"),
        (Strength::Bits128, "59d159bc09f76f1da2a86a28ffec0b1e"),
    ];
    for (strength, key) in samples {
        assert_eq!(
            session_key(&keys.send, strength),
            hex::<Vec<u8>>(key),
            "{strength}"
        );
    }
}

/// A Windows 7 client of a pptpd server: the keys in use after authentication, and those after the
/// first change.
#[test]
fn keys_of_a_recorded_session() {
    let keys = SessionStartKeys::from_mschap_v2(
        Side::Client,
        &NtHash::of_password("password"),
        &hex("ed8cc90fd40faa2d6bcd0abd0b1f562fd777df6c5609c98b"),
    );
    let directions = [
        (
            &keys.send,
            "f47f7460117d0275ea0af343fcd3092f",
            "2351dc20b825403bdad41193b5b64650",
            "1a0320b4a2f9183502d82ddb4991f214",
        ),
        (
            &keys.receive,
            "f8976abc688240fb20b9ea35db70affb",
            "9b5d6b3341d34d3b3acef0ffb0c8a97f",
            "433a2a46755e5b49c2a914594c1d2acb",
        ),
    ];
    for (start, octets, initial, changed) in directions {
        assert_eq!(start.octets(), &hex::<[u8; 16]>(octets));
        let mut session = start.for_strength(Strength::Bits128).unwrap();
        assert_eq!(session.current().octets(), hex::<Vec<u8>>(initial));
        assert_eq!(session.change().octets(), hex::<Vec<u8>>(changed));
    }
}

/// Keys that RADIUS servers sent (a recording of the jradius project, a test of FreeRADIUS).
#[test]
fn keys_of_radius_servers() {
    let cases = [
        (
            "Change+1t",
            "cae7f8ed88ad9e1c0b1078a3fdc5a5792a0bb24470ee813b",
            "6274365a0a06309404a6d5a97d63c027",
            "7e6d7d94e7f1d95409d1d77b0c01fa5f",
        ),
        (
            "secret",
            "e866286bb30d0215ed16cf425b6a29d206667a9853e23ca4",
            "1c035ba5e2a757861e61410bcc959558",
            "6aa3f914713040464ed30ea69c6e9d74",
        ),
    ];
    for (password, response, send, receive) in cases {
        let hash = NtHash::of_password(password);
        let keys = SessionStartKeys::from_mschap_v2(Side::Server, &hash, &hex(response));
        assert_eq!(keys, SessionStartKeys::from_octets(hex(send), hex(receive)));
    }
}
