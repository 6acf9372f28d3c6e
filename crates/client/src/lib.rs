//! The PPTP client: connects to a server, sets up the tunnel's interface, routes and DNS, and takes
//! all of it back in the end.
//!
//! [`run`] does the whole of it in the calling thread until the user, the server or an error ends
//! the connection. What it has to tell meanwhile goes to an [`Observer`].
//!
//! | module | what |
//! |---|---|
//! | `config` | what the user wants, as an endpoint's configuration |
//! | `server_name` | from a name to IPv4 addresses |
//! | `dial` | the TCP connection, one address after the other |
//! | `client` | the event loop |
//! | `password` | asking for another password without stopping the loop |
//! | `tunnel` | the interface with its addresses and routes |
//! | `dns` | the host's DNS servers |
//! | `stage` | how far the connection has come |
//! | `verdict` | why it ended |
//!
//! The client plays the PNS of RFC 2637: it asks the server for an outgoing call.

#![forbid(unsafe_code)]

mod client;
mod config;
mod dial;
mod dns;
mod error;
mod observer;
mod password;
mod server_name;
mod signals;
mod stage;
mod tunnel;
mod verdict;
mod warning;

pub use client::run;
pub use config::{ClientConfig, Credentials, DnsPolicy, NetworkConfig, PasswordPrompt, Routing};
pub use dial::ConnectFailure;
pub use error::{ClientError, Kind};
pub use observer::{Connected, End, Notice, Observer};
pub use server_name::{NameError, ServerName};
pub use stage::Stage;
pub use verdict::Cause;
pub use warning::Warning;
