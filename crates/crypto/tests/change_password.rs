//! A password change of MS-CHAPv2 from the tests of FreeRADIUS: user `example\\john`, password changed
//! from "secret" to "SuperSecret" (RFC 2759 §7).

mod common;

use adit_crypto::change_password::{ChangePasswordError, NewPassword, SealedPassword};
use adit_crypto::mschap_v2::{AuthenticatorResponse, Exchange};
use adit_crypto::nt::{NtHash, strip_domain};
use adit_crypto::rc4::Rc4;
use common::hex;

fn packet() -> SealedPassword {
    SealedPassword {
        encrypted_password: hex(ENCRYPTED_PASSWORD),
        encrypted_hash: hex("82143fd0bc9564ad7be1c430d2f272cd"),
    }
}

#[test]
fn server_opens_the_packet() {
    let new = packet().open(&NtHash::of_password("secret")).unwrap();
    assert_eq!(new.password(), "SuperSecret");
    let exchange = Exchange {
        authenticator_challenge: &hex("65e2ea00a29bddd36cfbad2d76979ac9"),
        peer_challenge: &hex("c9cb418bc880211f2d4b0a07dc5424bc"),
        user_name: strip_domain("example\\john").as_bytes(),
    };
    let response = hex("a58ce3f219fa2436dab93bd4a3f1a2708cb0ec5cfd598dce");
    assert!(exchange.verify_nt_response(new.nt_hash(), &response));
    let success = b"S=6A29BADB69B5E7CAD0F5989E947BD4D28026E63C";
    let (expected, _) = AuthenticatorResponse::parse(success).unwrap();
    assert!(exchange.authenticator_response(new.nt_hash(), &response) == expected);
}

/// With the filler of the recorded packet, the client side gives its octets again.
#[test]
fn client_makes_the_packet() {
    let old = NtHash::of_password("secret");
    let mut filler = packet().encrypted_password;
    Rc4::new(old.octets()).apply(&mut filler);
    assert_eq!(
        NewPassword::new("SuperSecret").unwrap().seal(&old, filler),
        packet()
    );
}

#[test]
fn another_old_password_does_not_open_it() {
    assert_eq!(
        packet().open(&NtHash::of_password("Secret")).unwrap_err(),
        ChangePasswordError::BadLength
    );
}

const ENCRYPTED_PASSWORD: &str = "77cacaa2463c96a347788728c0bd61e79e7ebc0b7e78ea085dd118bab500581e155a28f881a475a8c6de9308\
     48190d9265b32609b4a4701cfa43e77019fc3e56dbcaf6fb7a2c3be95259721b5b676e4aa513942a23979610\
     410b8779e50ddba76c2e1f055e7f1bcbe18db94a00a8f1f97937bafef617f972ecc05db30d2511ddc4c48e9e\
     65f9dba637f39e7803679f83ecb0b7257638f34bc07749bea3a38f3f2effa995248a3cef624d76fd4a49f305\
     a9e3fce7e03754db034a557f0fbc14a0d8ce9fbb2abee8f87af34f5cd57691a3e0ca37c238fcaa17ccbae81c\
     39e327d2c983c2b54e5cac56f53d066474ba205a6ab46f853e0d446799ffba67750e8e990add89609f1a89e1\
     c406ff3a9ecc00e814d0f522db201bd996e8d954b30fb79f6bb14a58afa03b1cfb0b121d600769f9f2941b32\
     aa8e5bce0952524321f2be2f24a0c7d4c18b49ac754e831755a5ef2e09f5438e6a7657b898432fc2113cd8c6\
     4d6ec0c78b678b57458fa82adf52e50670f8ba02e2831349fb144de8805aad00d5c7137034bd29b1fbd0fb92\
     00190d6365c48d08230d03fb4109020eb9071cc5bc953427b1d6ced6609d5bea13386ee12b72306e5baed226\
     61fa46dc07a974aa5c0d98d0bd1b8a25edf7406643b5e46d9528cefd693c4918310c629b74b21fb54ef6c378\
     fc842d41106512a5e8f223c73408377504f8d1c3f69095dc3be834058d960740";
