use proptest::prelude::*;

use super::*;

/// The octets 0x10 to 0x1f.
fn request() -> RequestAuthenticator {
    std::array::from_fn(|i| 0x10 + i as u8)
}

fn secret() -> SharedSecret {
    SharedSecret::new("testing123").unwrap()
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// Made with Python's hashlib, from the formulas of the RFC.
const KEY: &str = "81027f8c75a71da7b62dbb88de284ac2a0dcb0501ee3287e3fca828c7c77ae21e29e";
const CHAP_KEYS: &str = "ba8fde440ae162fc729e50b1b5c4abb98653ebb56bf218e31b6bdf2aeacc20e6";

#[test]
fn keys_are_hidden_as_rfc_2548_says() {
    let key: Vec<u8> = (0..16).collect();
    let hidden = hide_key(&key, [0x01, 0x02], &request(), &secret()).unwrap();
    assert_eq!(hidden, octets(KEY));
    let revealed = reveal_key(&hidden, &request(), &secret()).unwrap();
    assert_eq!(*revealed, key);
}

#[test]
fn chap_keys_are_hidden_as_a_password_is() {
    let keys = reveal_chap_keys(&octets(CHAP_KEYS), &request(), &secret()).unwrap();
    assert_eq!(*keys.lm_key, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(*keys.nt_key, std::array::from_fn(|i| 8 + i as u8));
    assert_eq!(
        hide_chap_keys(&keys, &request(), &secret()),
        octets(CHAP_KEYS)
    );
}

#[test]
fn impossible_lengths_are_refused() {
    let reveal = |value: &[u8]| reveal_key(value, &request(), &secret()).unwrap_err();
    for length in [0, 1, 2, 17, 19, 33] {
        assert!(matches!(
            reveal(&vec![0x80; length]),
            HiddenError::Length(_)
        ));
    }
    for length in [0, 16, 24, 31, 33, 48] {
        let error = reveal_chap_keys(&vec![0; length], &request(), &secret()).err();
        assert_eq!(error, Some(HiddenError::Length(length)));
    }
    let error = reveal_password(&[0; 144], &request(), &secret()).unwrap_err();
    assert_eq!(error, HiddenError::TooLong(144));
    let error = reveal_password(&[], &request(), &secret()).unwrap_err();
    assert_eq!(error, HiddenError::Length(0));
    let error = hide_password(&[1; 129], &request(), &secret()).unwrap_err();
    assert_eq!(error, HiddenError::TooLong(129));
    let error = hide_key(&[1; 240], [0, 0], &request(), &secret()).unwrap_err();
    assert_eq!(error, HiddenError::TooLong(240));
}

#[test]
fn a_key_longer_than_what_came_is_refused() {
    let start: [&[u8]; 2] = [&request(), &[0x80, 0]];
    let mut octets = [0; 16];
    octets[0] = 16;
    encrypt(&mut octets, &start, &secret());
    let mut value = vec![0x80, 0];
    value.extend(octets);
    let error = reveal_key(&value, &request(), &secret()).unwrap_err();
    assert_eq!(error, HiddenError::KeyLength);
}

#[test]
fn an_empty_password_takes_a_block() {
    let hidden = hide_password(b"", &request(), &secret()).unwrap();
    assert_eq!(hidden.len(), 16);
    assert!(
        reveal_password(&hidden, &request(), &secret())
            .unwrap()
            .is_empty()
    );
}

proptest! {
    #[test]
    fn passwords_come_back(
        password in proptest::collection::vec(1..=255u8, 0..=MAX_PASSWORD),
        request: [u8; 16],
        secret in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let secret = SharedSecret::new(secret).unwrap();
        let hidden = hide_password(&password, &request, &secret).unwrap();
        prop_assert_eq!(&*reveal_password(&hidden, &request, &secret).unwrap(), &password);
    }

    #[test]
    fn keys_come_back(
        key in proptest::collection::vec(any::<u8>(), 0..=MAX_KEY),
        salt: [u8; 2],
        request: [u8; 16],
    ) {
        let hidden = hide_key(&key, salt, &request, &secret()).unwrap();
        prop_assert!(hidden[0] & 0x80 != 0);
        prop_assert_eq!(&*reveal_key(&hidden, &request, &secret()).unwrap(), &key);
    }

    #[test]
    fn no_value_panics(value in proptest::collection::vec(any::<u8>(), 0..300), request: [u8; 16]) {
        let _ = reveal_key(&value, &request, &secret());
        let _ = reveal_password(&value, &request, &secret());
        let _ = reveal_chap_keys(&value, &request, &secret());
    }
}
