//! Requests of a RADIUS server that end or change sessions (RFC 5176).

mod gate;
