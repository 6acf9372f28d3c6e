//! The PPTP client: connection, routes and DNS.

#![forbid(unsafe_code)]
