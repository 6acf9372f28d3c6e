//! Simulated networks with virtual time for testing endpoints against each other.

#![forbid(unsafe_code)]
