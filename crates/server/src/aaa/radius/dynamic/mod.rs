//! Requests of a RADIUS server that end or change sessions (RFC 5176).
//!
//! The [`listener`] takes datagrams on a thread of its own; the [`gate`] lets in requests of known clients,
//! each once; a [`request`] says what is to be done to which sessions. That is the front's to do: an
//! [`Inquiry`](listener::Inquiry) goes there and comes back with what came of it.

mod gate;
mod listener;
mod request;

pub(crate) use listener::DynamicAuthorization;
pub(crate) use request::{Action, ErrorCause, Order};
