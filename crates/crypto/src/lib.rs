//! Cryptography of CHAP, MS-CHAP and MPPE.
//!
//! Pure functions of their arguments: no clock, no random source, no I/O. Where the protocols ask
//! for random octets, the caller brings them.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`chap_md5`] | CHAP with MD5 | RFC 1994 §4 |
//! | [`nt`] | hashes of a password, user names without their domain | RFC 2433 §A, RFC 2759 §8 |
//! | [`mschap_v1`] | MS-CHAP version 1 response | RFC 2433 §A.5 |
//! | [`mschap_v2`] | MS-CHAP version 2 response and authenticator response | RFC 2759 §8 |
//! | [`change_password`] | fields of the Change-Password packets | RFC 2433 §9, §10, RFC 2759 §7 |
//! | [`mppe_keys`] | start keys and session keys of MPPE | RFC 3079, RFC 3078 §7.3 |
//! | [`rc4`] | the RC4 stream cipher | RFC 6229 (test vectors) |
//!
//! None of these algorithms is strong: MD4, single DES and RC4 are broken, and MPPE does not protect
//! integrity. They are here because the protocols are made of them.
//!
//! Secrets are wiped from memory when dropped, never printed, and compared in constant time.

#![forbid(unsafe_code)]

pub mod change_password;
pub mod chap_md5;
pub mod mppe_keys;
pub mod mschap_v1;
pub mod mschap_v2;
pub mod nt;
pub mod rc4;

mod des_block;
mod secret;
