//! Sans-IO helpers for the IP packets inside a tunnel: MSS clamping, fragmentation, ICMP errors, router advertisements.

#![forbid(unsafe_code)]
