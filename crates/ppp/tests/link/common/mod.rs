//! What the tests share: configurations, a pair of links, a link with a scripted peer.

mod config;
mod entropy;
mod pair;
mod peer;
mod script;

pub(crate) use config::{
    CLIENT, NAME, PASSWORD, SERVER, client, mppe, off, optional, server, server_with,
};
pub(crate) use entropy::splitmix;
pub(crate) use pair::{Impairment, Pair};
pub(crate) use peer::{
    CIPHER, Challenged, MAGIC, STATELESS_128, Stage, encrypt, response_v2, success_message,
    windows_ends,
};
pub(crate) use script::Script;
