//! Decodes captured PPTP traffic into readable lines, checks it and decrypts it.
//!
//! [`read_capture`] gives the frames of a pcap or pcapng file to an [`Inspector`], which knows no
//! files and keeps no clock. It opens link layers, IP (also one in the other) and TCP port 1723 or
//! enhanced GRE, and makes a [`Line`] of each control message and each PPP frame. Every packet is
//! encoded again, and counts as undecodable where that does not give the same octets.
//!
//! With [`Credentials`] it checks PAP, CHAP and MS-CHAP exchanges of that user, derives the keys of
//! MPPE (RFC 3079) and decrypts what both ends sent. No password, hash or key is ever shown.
//!
//! Not done: IP fragments are told but not put together, and MPPC, VJ and multilink are not undone.

#![forbid(unsafe_code)]

mod control_stream;
mod credentials;
mod endpoint;
mod inspector;
mod ip;
mod line;
mod link;
mod pcap;
mod session;
mod stream;
mod summary;
mod tcp;

pub use credentials::Credentials;
pub use inspector::Inspector;
pub use line::{Kind, Line};
pub use pcap::{CaptureEnd, CaptureError, Captured, LinkType, read_capture};
pub use summary::{
    AuthenticationSummary, Check, DirectionSummary, EndSummary, Fault, SessionSummary, Summary,
    Verdict,
};
