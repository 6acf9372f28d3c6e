//! One connection, made anew when it is lost.

use std::error::Error as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres::config::Host;
use postgres::error::SqlState;
use postgres::{Client, NoTls};
use zeroize::Zeroizing;

use super::schema;
use crate::config::Postgresql;
use crate::users::StoreError;

/// How long the database may take to answer, for a connection and for each statement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The first wait after a failed attempt to connect; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Longest password that is read.
const PASSWORD_OCTETS: usize = 1024;
/// Settings of each session at the database: it gives up before this end does, and notices a dead one.
const SETTINGS: &str = "-c statement_timeout=5000 -c lock_timeout=3000 \
    -c idle_in_transaction_session_timeout=10000 \
    -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";

/// A connection to the database. While it cannot be had, attempts wait longer and longer, and whoever asks in
/// between is told at once what was wrong at the last one.
pub(crate) struct Link {
    settings: Arc<Postgresql>,
    greeting: Greeting,
    client: Option<Client>,
    trouble: Option<Trouble>,
}

/// What is done first on each new connection.
pub(crate) type Greeting = fn(&mut Client, &Postgresql) -> Result<(), GreetingError>;

/// Why a new connection is of no use.
pub(crate) enum GreetingError {
    Database(postgres::Error),
    Store(StoreError),
}

impl From<postgres::Error> for GreetingError {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

struct Trouble {
    until: Instant,
    wait: Duration,
    reason: String,
}

impl Link {
    /// A link that connects when it is used.
    pub(crate) fn new(settings: Arc<Postgresql>) -> Self {
        Self::with_greeting(settings, |_, _| Ok(()))
    }

    pub(crate) fn with_greeting(settings: Arc<Postgresql>, greeting: Greeting) -> Self {
        Self {
            settings,
            greeting,
            client: None,
            trouble: None,
        }
    }

    /// The database for people, as "the database adit at /run/postgresql".
    pub(crate) fn place(&self) -> String {
        place(&self.settings)
    }

    /// Does `work` on the connection; once more on a new one where the old one turns out to be lost.
    pub(crate) fn with<T>(
        &mut self,
        mut work: impl FnMut(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<T, StoreError> {
        let is_old = self.client.is_some();
        match self.attempt(&mut work)? {
            Ok(done) => Ok(done),
            Err(error) if is_old && self.client.is_none() && !is_timeout(&error) => {
                match self.attempt(&mut work)? {
                    Ok(done) => Ok(done),
                    Err(error) => Err(self.failed(&error)),
                }
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The outer result is about the connection, the inner one about the work.
    fn attempt<T>(
        &mut self,
        work: &mut impl FnMut(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<Result<T, postgres::Error>, StoreError> {
        let mut client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.connect()?,
        };
        let done = work(&mut client);
        let is_lost = done.as_ref().is_err_and(is_lost) || client.is_closed();
        if !is_lost {
            self.client = Some(client);
        }
        Ok(done)
    }

    fn connect(&mut self) -> Result<Client, StoreError> {
        if let Some(trouble) = &self.trouble
            && Instant::now() < trouble.until
        {
            return Err(self.unreachable(trouble.reason.clone()));
        }
        match self.try_connect() {
            Ok(client) => {
                if self.trouble.take().is_some() {
                    tracing::info!("connected to {} again", self.place());
                }
                Ok(client)
            }
            Err(error) => {
                let reason = match error {
                    GreetingError::Database(error) => reason(&error),
                    GreetingError::Store(StoreError::Unreachable { reason, .. }) => reason,
                    GreetingError::Store(error) => return Err(error),
                };
                let wait = match &self.trouble {
                    Some(trouble) => (trouble.wait * 2).min(LONGEST_WAIT),
                    None => FIRST_WAIT,
                };
                self.trouble = Some(Trouble {
                    until: Instant::now() + wait,
                    wait,
                    reason: reason.clone(),
                });
                Err(self.unreachable(reason))
            }
        }
    }

    fn try_connect(&self) -> Result<Client, GreetingError> {
        let mut config: postgres::Config = self.settings.connection.parse()?;
        if let Some(path) = &self.settings.password_file {
            let password = read_password(path).map_err(GreetingError::Store)?;
            config.password(password.as_bytes());
        }
        let options = match config.get_options() {
            Some(options) => format!("{options} {SETTINGS}"),
            None => SETTINGS.to_owned(),
        };
        config
            .options(&options)
            .application_name("adit")
            .connect_timeout(PATIENCE)
            .tcp_user_timeout(PATIENCE * 2)
            .keepalives_idle(PATIENCE * 2)
            .keepalives_interval(PATIENCE)
            .keepalives_retries(3);
        let mut client = config.connect(NoTls)?;
        schema::migrate(&mut client, &self.place()).map_err(|error| match error {
            schema::Error::Database(error) => GreetingError::Database(error),
            schema::Error::Store(error) => GreetingError::Store(error),
        })?;
        (self.greeting)(&mut client, &self.settings)?;
        Ok(client)
    }

    fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable {
            place: self.place(),
            reason,
        }
    }

    fn failed(&self, error: &postgres::Error) -> StoreError {
        let (place, reason) = (self.place(), reason(error));
        match is_lost(error) || is_timeout(error) {
            true => StoreError::Unreachable { place, reason },
            false => StoreError::Postgresql { place, reason },
        }
    }
}

/// The database for people.
fn place(settings: &Postgresql) -> String {
    let Ok(config) = settings.connection.parse::<postgres::Config>() else {
        return "the database".to_owned();
    };
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => match config.get_hostaddrs().first() {
            Some(address) => address.to_string(),
            None => String::new(),
        },
    };
    let name = config.get_dbname().or(config.get_user());
    format!("the database {} at {host}", name.unwrap_or_default())
}

/// Whether the connection is of no use any more.
fn is_lost(error: &postgres::Error) -> bool {
    let is_io = |error: &postgres::Error| {
        let source = error.source();
        source.is_some_and(|source| source.is::<std::io::Error>())
    };
    let gone = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    match error.code() {
        Some(code) => gone.contains(code),
        None => error.is_closed() || is_io(error),
    }
}

fn is_timeout(error: &postgres::Error) -> bool {
    let late = [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE];
    error.code().is_some_and(|code| late.contains(code))
}

/// What was wrong, in the words of the database where it has any.
fn reason(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, StoreError> {
    let failed = |source| StoreError::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    // Room for the longest, so that no copy stays behind when it grows.
    let mut line = Zeroizing::new(String::with_capacity(PASSWORD_OCTETS));
    let mut reader = BufReader::new(file.take(PASSWORD_OCTETS as u64));
    reader.read_line(&mut line).map_err(failed)?;
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(line)
}
