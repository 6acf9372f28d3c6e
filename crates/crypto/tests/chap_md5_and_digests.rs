//! Digests through the functions that use them: MD5 in CHAP (RFC 1994), MD4 in the NT hash.

mod common;

use adit_crypto::chap_md5;
use adit_crypto::nt::NtHash;
use common::hex;

/// RFC 1321 §A.5. CHAP hashes Identifier, secret and challenge as one message, so any split of the
/// message into the three must give its digest.
#[test]
fn rfc_1321_test_suite() {
    for (message, digest) in MD5 {
        let message = message.as_bytes();
        let Some((identifier, rest)) = message.split_first() else {
            continue;
        };
        for split in 0..=rest.len() {
            let (secret, challenge) = rest.split_at(split);
            assert_eq!(
                chap_md5::response(*identifier, secret, challenge),
                hex::<[u8; 16]>(digest)
            );
        }
    }
}

/// RFC 1320 §A.5, the messages of even length: read as UTF-16LE, each is a password.
#[test]
fn rfc_1320_test_suite() {
    for (message, digest) in MD4 {
        let units: Vec<u16> = message
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let password = String::from_utf16(&units).unwrap();
        assert_eq!(
            NtHash::of_password(&password).octets(),
            &hex::<[u8; 16]>(digest)
        );
    }
}

/// CHAP exchanges that John the Ripper and hashcat publish as self-tests.
#[test]
fn chap_responses() {
    for (identifier, secret, challenge, response) in CHAP {
        let (challenge, response) = (hex::<Vec<u8>>(challenge), hex::<[u8; 16]>(response));
        assert_eq!(
            chap_md5::response(identifier, secret.as_bytes(), &challenge),
            response
        );
        assert!(chap_md5::verify(
            identifier,
            secret.as_bytes(),
            &challenge,
            &response
        ));
    }
}

#[test]
fn chap_verification_fails_when_anything_differs() {
    let (identifier, secret, challenge, response) = CHAP[8];
    let (challenge, response) = (hex::<Vec<u8>>(challenge), hex::<Vec<u8>>(response));
    let verify = chap_md5::verify;
    assert!(!verify(
        identifier ^ 1,
        secret.as_bytes(),
        &challenge,
        &response
    ));
    assert!(!verify(identifier, b"Hashcat", &challenge, &response));
    assert!(!verify(
        identifier,
        secret.as_bytes(),
        &challenge[1..],
        &response
    ));
    assert!(!verify(
        identifier,
        secret.as_bytes(),
        &challenge,
        &response[..15]
    ));
    assert!(!verify(identifier, secret.as_bytes(), &challenge, &[]));
}

const MD5: [(&str, &str); 7] = [
    ("", "d41d8cd98f00b204e9800998ecf8427e"),
    ("a", "0cc175b9c0f1b6a831c399e269772661"),
    ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    (
        "abcdefghijklmnopqrstuvwxyz",
        "c3fcd3d76192e4007dfb496cca67e13b",
    ),
    (
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "d174ab98d277d9f5a5611c2c9f419d9f",
    ),
    (
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "57edf4a22be3c955ac49da2e2107b67a",
    ),
];

const MD4: [(&str, &str); 5] = [
    ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
    ("message digest", "d9130a8164549fe818874806e1c7014b"),
    (
        "abcdefghijklmnopqrstuvwxyz",
        "d79e1c308aa5bbcdeea8ed63df412da9",
    ),
    (
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "043f8582f241db351ce627e153e7f0e4",
    ),
    (
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "e33b4ddc9c38f2199c3e7b164fcc0536",
    ),
];

/// Identifier, secret, challenge, response.
const CHAP: [(u8, &str, &str, &str); 9] = [
    (
        0,
        "password",
        "cc7e5247514551acdcbf782c4027bfb1",
        "fdfdad5277812ae40956a66f3db23308",
    ),
    (
        0,
        "password",
        "81a49cb700e8c2ee9bc3852a506406c3",
        "8876e228962a999637eecc2423f55f07",
    ),
    (
        0,
        "bar",
        "e270954e7d84f99535dce2e5d7340a7d",
        "4d64f587c7b5248406b939e1e9abeb74",
    ),
    (
        2,
        "beaVIs",
        "d7ec2fff2ada437f9dcd4e3b0df44d50",
        "1ffc6c2659bc5bb94144fd01eb756e37",
    ),
    (
        2,
        "bradtest",
        "00000000000000000000000000000000",
        "9920418b3103652d3b80ffff04da5863",
    ),
    (
        1,
        "S0cc3r",
        "266b0e9a58322f4d01ab25b35f879464",
        "c9f9769597e320843f5f2af7b8f1c9bd",
    ),
    (
        238,
        "hello",
        "98437c9fd4cb5f446202c0b1ffab2592",
        "050d578a292a4bfd9f030d2797919687",
    ),
    (
        2,
        "U$er1",
        "b73158a35a255d051758e95ed4abb2cdc69bb454110e827441213ddc8770e93ea141e1fc673e017e97eadc6b",
        "7f3d71b4c0c6569d2fa26f4c14ac3cf0",
    ),
    (
        220,
        "hashcat",
        "35343534373533343633383832343736",
        "aa4aaa1d52319525023c06a4873f4c51",
    ),
];
