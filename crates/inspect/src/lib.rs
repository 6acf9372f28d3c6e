//! Decodes captured PPTP traffic into readable lines, checks it and decrypts it.

#![forbid(unsafe_code)]
