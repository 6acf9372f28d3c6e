//! A sans-IO PPTP endpoint: control connections, calls, GRE sessions and PPP links composed.

#![forbid(unsafe_code)]
