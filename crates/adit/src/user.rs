//! `adit user`: manages the users of a server's database.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use adit_crypto::nt::NtHash;
use adit_server::config::{Config, Postgresql};
use adit_server::users::{
    Account, Changes, Database, Field, GeneratedPassword, NewUser, Policy, StoreError, UserStore,
};
use anyhow::bail;
use clap::{Args, Subcommand};

use crate::exit::{Code, Coded};
use crate::output::print;
use crate::password;
use crate::policy_args::{PolicyArgs, field_of_user, is_expired, line, lines};

const EXAMPLES: &str = "\
Examples:
  adit user add alice                          ask for a password
  adit user add bob --generate                 print a random password, once
  adit user add carol --password-stdin --address 10.77.0.9 < password
  adit user passwd alice
  adit user set alice --group staff --expires 2027-01-31 --rate-down 10M
  adit user set alice --unset address,rate-down
  adit user show alice
  adit user list --json
  adit user --config /etc/adit/adit.toml add dave   in the database that a server's configuration names

A running server sees changes at the next login.";

/// Arguments of `adit user`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,

    /// Where the users are.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// Where users and groups are kept.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// The database of a server on this host.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/var/lib/adit/users.db",
        conflicts_with = "config"
    )]
    pub database: PathBuf,

    /// The server's configuration: take the database that it names, PostgreSQL before a file.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Opens the database.
    pub(crate) fn open(&self) -> anyhow::Result<Database> {
        Ok(match self.place()? {
            Place::Shared(settings) => Database::shared(settings),
            Place::File(path) => Database::open(&path)?,
        })
    }

    /// Opens the database; a missing file is made.
    pub(crate) fn open_or_create(&self) -> anyhow::Result<Database> {
        Ok(match self.place()? {
            Place::Shared(settings) => Database::shared(settings),
            Place::File(path) => Database::open_or_create(&path)?,
        })
    }

    fn place(&self) -> anyhow::Result<Place> {
        let Some(path) = &self.config else {
            return Ok(Place::File(self.database.clone()));
        };
        let config = Config::load(path)?;
        match (config.postgresql, config.users.database) {
            (Some(settings), _) => Ok(Place::Shared(Arc::new(settings))),
            (None, Some(path)) => Ok(Place::File(path)),
            (None, None) => bail!("{} names no database of users", path.display()),
        }
    }
}

enum Place {
    Shared(Arc<Postgresql>),
    File(PathBuf),
}

/// What a user has beside a password.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Always give the user this address inside the tunnel.
    #[arg(long, value_name = "IP")]
    pub address: Option<Ipv4Addr>,

    /// Group whose values count where the user has none.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,

    /// Values of the policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

impl ChangeArgs {
    fn changes(self, unset: Vec<Field>) -> Changes {
        Changes {
            address: self.address,
            group: self.group,
            policy: self.policy.into(),
            unset,
        }
    }
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user; a missing database is made.
    Add {
        /// Name of the user.
        name: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: NewPasswordArgs,
        /// What the user may have.
        #[command(flatten)]
        values: Box<ChangeArgs>,
    },
    /// Change what a user may have.
    Set {
        /// Name of the user.
        name: String,
        /// The new values.
        #[command(flatten)]
        values: Box<ChangeArgs>,
        /// Leave these to the group or the server's configuration again, as "address,volume".
        #[arg(long, value_name = "FIELD,...", value_delimiter = ',', value_parser = field_of_user)]
        unset: Vec<Field>,
    },
    /// Show a user, with what comes from the group.
    Show {
        /// Name of the user.
        name: String,
        /// Print a JSON object with the user's own values.
        #[arg(long)]
        json: bool,
    },
    /// Change a user's password.
    Passwd {
        /// Name of the user.
        name: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: NewPasswordArgs,
    },
    /// Remove a user; a running session goes on.
    Remove {
        /// Name of the user.
        name: String,
    },
    /// Refuse a user's logins until `adit user enable`; a running session goes on.
    Disable {
        /// Name of the user.
        name: String,
    },
    /// Accept a user's logins again.
    Enable {
        /// Name of the user.
        name: String,
    },
    /// List all users.
    List {
        /// Print an array of JSON objects instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// Where a new password comes from; without any of these, from a prompt.
#[derive(Debug, Args)]
pub struct NewPasswordArgs {
    /// Take the first line of standard input.
    #[arg(long, conflicts_with = "generate")]
    pub password_stdin: bool,

    /// Make a random one and print it, once.
    #[arg(long)]
    pub generate: bool,

    /// Make the user change it at the next login, as Windows can.
    #[arg(long)]
    pub must_change: bool,
}

impl NewPasswordArgs {
    /// The password's hash, and what is to be printed about it.
    fn hash(&self, user: &str) -> anyhow::Result<(NtHash, String)> {
        if self.generate {
            let generated = GeneratedPassword::new()?;
            let text = format!("password: {}\n", generated.as_str());
            return Ok((NtHash::of_password(generated.as_str()), text));
        }
        let password = match self.password_stdin {
            true => password::from_stdin()?,
            false => password::new_from_prompt(user)?,
        };
        Ok((NtHash::of_password(&password), String::new()))
    }
}

/// Does what the arguments say.
///
/// # Errors
/// The database cannot be used, or has no such user, or has it already.
pub fn run(args: UserArgs) -> anyhow::Result<Code> {
    let database = args.database;
    let told = match args.command {
        UserCommand::Add {
            name,
            password,
            values,
        } => add(
            &mut database.open_or_create()?,
            &name,
            &password,
            &values.changes(Vec::new()),
        )?,
        UserCommand::Set {
            name,
            values,
            unset,
        } => {
            let changes = values.changes(unset);
            if changes.is_empty() {
                return Err(Coded::usage(
                    "nothing to change; see `adit user set --help`",
                ));
            }
            database.open()?.change(&name, &changes)?;
            format!("changed {name}\n")
        }
        UserCommand::Show { name, json } => show(&mut database.open()?, &name, json)?,
        UserCommand::Passwd { name, password } => {
            change_password(&mut database.open()?, &name, &password)?
        }
        UserCommand::Remove { name } => {
            database.open()?.remove(&name)?;
            format!("removed {name}\n")
        }
        UserCommand::Disable { name } => {
            database.open()?.disable(&name)?;
            format!("disabled {name}\n")
        }
        UserCommand::Enable { name } => {
            database.open()?.enable(&name)?;
            format!("enabled {name}\n")
        }
        UserCommand::List { json: true } => {
            let accounts = database.open()?.list()?;
            format!("{}\n", serde_json::to_string_pretty(&accounts)?)
        }
        UserCommand::List { json: false } => table(&mut database.open()?)?,
    };
    print(&told)?;
    Ok(Code::Done)
}

fn add(
    database: &mut Database,
    name: &str,
    password: &NewPasswordArgs,
    changes: &Changes,
) -> anyhow::Result<String> {
    // Before anybody types a password for nothing.
    if database.find_exact(name)?.is_some() {
        return Err(StoreError::UserExists(name.to_owned()).into());
    }
    let (hash, told) = password.hash(name)?;
    database.add(&NewUser {
        name,
        hash: &hash,
        must_change_password: password.must_change,
        changes,
    })?;
    Ok(format!("added {name}\n{told}"))
}

fn change_password(
    database: &mut Database,
    name: &str,
    password: &NewPasswordArgs,
) -> anyhow::Result<String> {
    if database.find_exact(name)?.is_none() {
        return Err(StoreError::NoSuchUser(name.to_owned()).into());
    }
    let (hash, told) = password.hash(name)?;
    database.set_password(name, &hash)?;
    if password.must_change {
        database.expire_password(name)?;
    }
    Ok(format!("changed the password of {name}\n{told}"))
}

fn show(database: &mut Database, name: &str, json: bool) -> anyhow::Result<String> {
    let account = database.account(name)?;
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&account)?));
    }
    let of_group = match &account.group {
        Some(group) => database.group(group)?.policy,
        None => Policy::default(),
    };
    let policy = account.policy.clone().or(of_group);
    let mut told = String::new();
    line(&mut told, "user", Some(account.name.clone()));
    line(
        &mut told,
        "state",
        Some(state(&account, &policy).to_owned()),
    );
    line(
        &mut told,
        "address",
        account.address.map(|it| it.to_string()),
    );
    line(&mut told, "group", account.group);
    lines(&policy, &mut told);
    Ok(told)
}

fn table(database: &mut Database) -> anyhow::Result<String> {
    let accounts = database.list()?;
    if accounts.is_empty() {
        return Ok("no users\n".to_owned());
    }
    let groups = database.groups()?.into_iter();
    let policies: HashMap<String, Policy> = groups.map(|it| (it.name, it.policy)).collect();
    let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let width = longest(&mut accounts.iter().map(|it| it.name.chars().count())).max(4);
    let group_of = |it: &Account| it.group.clone().unwrap_or_else(|| "-".to_owned());
    let group_width = longest(&mut accounts.iter().map(|it| group_of(it).len())).max(5);
    let mut table = format!(
        "{:width$}  {:15}  {:group_width$}  STATE\n",
        "NAME", "ADDRESS", "GROUP"
    );
    for account in &accounts {
        let address = account
            .address
            .map_or_else(|| "any".to_owned(), |address| address.to_string());
        let group = group_of(account);
        let of_group = policies.get(&group).cloned().unwrap_or_default();
        let state = state(account, &account.policy.clone().or(of_group));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{:width$}  {address:15}  {group:group_width$}  {state}",
            account.name
        );
    }
    Ok(table)
}

fn state(account: &Account, policy: &Policy) -> &'static str {
    if account.disabled {
        "disabled"
    } else if is_expired(policy) {
        "expired"
    } else if account.must_change_password {
        "must change password"
    } else {
        "active"
    }
}
