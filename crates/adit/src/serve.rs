//! `adit serve`: runs a server.

use std::path::PathBuf;

use adit_net::direct::DirectError;
use adit_net::gre::RawGreError;
use adit_server::config::{Config, Listen, SecretsFile, Users};
use adit_server::users::{Database, create_first_user, login_instructions};
use adit_server::{ServeError, Server, SetupError};
use anyhow::{Context, bail};
use clap::Args;
use ipnet::Ipv4Net;

use crate::cli::LogArgs;
use crate::exit::{Code, Coded};
use crate::logging;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit serve --first-user alice           serve with one user and a password that is printed once
  adit serve --secrets /etc/ppp/chap-secrets --pool 10.9.0.0/24
  adit serve --config /etc/adit/adit.toml

`adit config default` prints all settings. Needs root, or CAP_NET_ADMIN and CAP_NET_RAW.";

/// Arguments of `adit serve`; those given go before what the file says.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Configuration file; without it everything has its default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address, or interface, and port to listen on; may be given several times.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Vec<Listen>,

    /// Addresses inside the tunnel; the first one is the server's end.
    #[arg(long, value_name = "CIDR")]
    pub pool: Option<Ipv4Net>,

    /// Users from a file in the syntax of pppd's chap-secrets.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database", "first_user"])]
    pub secrets: Option<PathBuf>,

    /// Users from a database made by `adit user`.
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,

    /// If the database has no user yet, add this one with a random password.
    #[arg(long, value_name = "NAME")]
    pub first_user: Option<String>,

    /// Name of the TUN interface; %d becomes the first free number.
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,

    /// Control socket for `adit sessions` and `adit disconnect`.
    #[arg(long, value_name = "PATH")]
    pub control_socket: Option<PathBuf>,
}

impl ServeArgs {
    /// The configuration: the file's, changed by the other arguments and those about the log.
    ///
    /// # Errors
    /// The file or what the arguments make of it is refused.
    pub fn configuration(&self, log: &LogArgs) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        if let Some(pool) = self.pool {
            config.network.pool = pool;
        }
        if let Some(path) = &self.secrets {
            config.users = Users {
                database: None,
                secrets: Some(SecretsFile {
                    path: path.clone(),
                    server_name: None,
                }),
            };
        }
        if let Some(path) = &self.database {
            config.users = Users {
                database: Some(path.clone()),
                secrets: None,
            };
        }
        if let Some(interface) = &self.interface {
            config.network.interface.clone_from(interface);
        }
        if let Some(path) = &self.control_socket {
            config.control_socket.clone_from(path);
        }
        config.log = logging::overruled(config.log, log)?;
        config
            .check()
            .context("the command line gives a wrong setting")?;
        Ok(config)
    }

    /// Adds the first user if the arguments ask for one and there is none yet.
    ///
    /// # Errors
    /// There is no database to add it to, or the database failed.
    pub fn add_first_user(&self, config: &Config) -> anyhow::Result<()> {
        let Some(name) = &self.first_user else {
            return Ok(());
        };
        let Some(path) = &config.users.database else {
            bail!("--first-user needs a user database, but the configuration names none");
        };
        let mut database = Database::open_or_create(path)?;
        match create_first_user(&mut database, name)? {
            Some(password) => print(&login_instructions(
                &Self::address_for_clients(config),
                name,
                &password,
            )),
            None => Ok(()),
        }
    }

    /// What clients are to type for the server, as far as the configuration tells.
    fn address_for_clients(config: &Config) -> String {
        let mut addresses = config.listen.iter().map(|place| *place.address.ip());
        let known = addresses.find(|address| !address.is_unspecified());
        known.map_or_else(|| "SERVER".to_owned(), |address| address.to_string())
    }
}

/// Runs the server until a signal ends it.
///
/// # Errors
/// The server cannot start, or failed.
pub fn run(args: ServeArgs, log: &LogArgs) -> anyhow::Result<Code> {
    let config = args.configuration(log)?;
    let logging = logging::start(&config.log)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    args.add_first_user(&config)?;
    let server = Server::start(config, logging.control()).map_err(coded)?;
    let log = log.clone();
    let server = match args.config {
        // Whatever the command line says goes before the file again.
        Some(_) => server.reload_with(move || {
            let config = args.configuration(&log);
            config.map_err(|error| format!("{error:#}"))
        })?,
        None => server,
    };
    print(&format!("{}\n", server.summary()))?;
    server.run()?;
    Ok(Code::Done)
}

/// Gives the error its exit code.
fn coded(error: ServeError) -> anyhow::Error {
    let code = match &error {
        ServeError::Gre(RawGreError::Permission)
        | ServeError::Direct(DirectError::Permission)
        | ServeError::Setup(SetupError::Tun(_)) => Code::MissingPrivilege,
        _ => Code::Failed,
    };
    let message = error.to_string();
    anyhow::Error::new(Coded { code, message })
}
