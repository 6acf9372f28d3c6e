//! Cryptography of CHAP, MS-CHAP and MPPE (RFC 1994, 2433, 2759, 3078, 3079).

#![forbid(unsafe_code)]
