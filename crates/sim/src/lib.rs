//! A simulated network with virtual time, for testing endpoints against each other.
//!
//! A [`World`] holds a server and its clients, each an [`Endpoint`](adit_engine::Endpoint), and all
//! that is between them. Time jumps from one deadline to the next, so that minutes of it pass in
//! milliseconds, and a run is a pure function of its [`WorldConfig`], the seed in it included. What
//! the endpoints say and do is checked against the laws of [`Ledger`] and [`Traffic`] at every step;
//! a breach panics, and the seed is printed.
//!
//! | module | what |
//! |---|---|
//! | [`netem`] | one direction of a path that carries datagrams badly |
//! | [`stream`] | one direction of a TCP connection, cut into pieces |
//! | `nat` | an address that several clients share |
//! | [`probe`] | inner packets that can be told from all others |
//! | `ledger` `traffic` | what was done, and the laws of it |
//! | `directory` | users, passwords and addresses |
//! | `config` `world` | the whole |
//! | [`carriers`] | the data path of the program between memory instead of devices |
//! | [`pns`] | a PNS led by hand, with several calls on one control connection |
//!
//! ```
//! use std::time::Duration;
//!
//! use adit_sim::{World, WorldConfig};
//!
//! let mut world = World::new(WorldConfig::new(1, 1));
//! world.connect(0);
//! assert!(world.run_until(Duration::from_secs(30), |world| world.is_up(0)));
//! ```

#![forbid(unsafe_code)]

mod agenda;
pub mod carriers;
mod config;
mod directory;
mod ledger;
mod nat;
pub mod netem;
pub mod pns;
pub mod probe;
mod rng;
pub mod stream;
mod traffic;
mod world;

pub use config::{
    ClientConfig, Site, WorldConfig, client_link, password, required, unencrypted, user_name,
};
pub use directory::{Directory, Routing, SERVER_INNER};
pub use ledger::{CallRecord, FinishedCall, Ledger};
pub use rng::{Chance, Rng, SeededEntropy};
pub use traffic::{Flow, Traffic};
pub use world::{Death, Party, SERVER, World};
