//! Sans-IO PPTP (RFC 2637): control connections, calls and enhanced GRE sessions.

#![forbid(unsafe_code)]

pub mod session;
