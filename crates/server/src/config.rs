//! The server's configuration: a TOML file, read once into checked types.
//!
//! [`Config::default`] is what the server does with no file at all; a file only names what differs. Every
//! mistake is reported with its line: unknown keys (with the nearest known one), values out of range and
//! combinations that cannot work. Choices that work but weaken the server are listed by
//! [`Config::warnings`].

mod access;
mod changes;
mod check;
mod defaults;
mod error;
mod events;
mod firewall;
mod hooks;
mod log;
mod metrics;
mod policy;
mod pools;
mod postgresql;
mod radius;
mod raw;
mod suggest;
#[cfg(test)]
mod tests;
mod types;
mod warnings;

use std::path::Path;

pub use access::{Access, Listen, ListenError};
pub use changes::Changes;
pub use error::{ConfigError, Problem};
pub use events::Events;
pub use firewall::Firewall;
pub use hooks::Hooks;
pub use log::{Log, LogFormat, LogTarget};
pub use metrics::Metrics;
pub use policy::UserPolicy;
pub use pools::{AddressRange, DEFAULT_POOL, Ipv6Pool, NoSuchRange, Pool};
pub use postgresql::Postgresql;
pub use radius::{
    DynamicAuthorization, DynamicClient, Radius, RadiusAccounting, RadiusServer, SecretError,
    SecretSource,
};
pub use types::{
    AuthMethod, Authentication, BackEndName, Config, Encryption, EncryptionPolicy, Gre, Limits,
    MppeMode, MppeStrength, Mtu, Network, Ppp, Pptp, SecretsFile, Transmit, Users, WhenUnreachable,
    WorkerCount, Workers,
};

/// The commented default configuration, as `adit config default` prints it. It parses to
/// [`Config::default`].
pub const DEFAULT_TEXT: &str = include_str!("config/default.toml");

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or [`Config::parse`] refuses it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses and checks `text`; `origin` names it in errors.
    ///
    /// # Errors
    /// The text is not TOML, has an unknown key, or breaks a rule that [`Config::check`] knows.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let raw: raw::Raw =
            toml::from_str(text).map_err(|error| ConfigError::from_toml(&error, text, origin))?;
        let at = |problem: Problem| ConfigError::at_key(problem, text, origin);
        let config = raw.into_config().map_err(at)?;
        config.check().map_err(at)?;
        Ok(config)
    }
}
