//! `adit user`: manages the users of a server's database.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use adit_crypto::nt::NtHash;
use adit_server::users::{
    Database, GeneratedPassword, NewUser, StoreError, UserStore, UserSummary,
};
use clap::{Args, Subcommand};

use crate::exit::Code;
use crate::output::print;
use crate::password;

const EXAMPLES: &str = "\
Examples:
  adit user add alice                          ask for a password
  adit user add bob --generate                 print a random password, once
  adit user add carol --password-stdin --address 10.77.0.9 < password
  adit user passwd alice
  adit user list --json

A running server sees changes at the next login.";

/// Arguments of `adit user`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,

    /// The database.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/var/lib/adit/users.db"
    )]
    pub database: PathBuf,
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
        /// Always give the user this address inside the tunnel.
        #[arg(long, value_name = "IP")]
        address: Option<Ipv4Addr>,
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
    let path = &args.database;
    let told = match args.command {
        UserCommand::Add {
            name,
            password,
            address,
        } => {
            let mut database = Database::open_or_create(path)?;
            // Before anybody types a password for nothing.
            if database.find_exact(&name)?.is_some() {
                return Err(StoreError::UserExists(name).into());
            }
            let (hash, told) = password.hash(&name)?;
            database.add(&NewUser {
                name: &name,
                hash: &hash,
                address,
                must_change_password: password.must_change,
            })?;
            format!("added {name}\n{told}")
        }
        UserCommand::Passwd { name, password } => change_password(path, &name, &password)?,
        UserCommand::Remove { name } => {
            Database::open(path)?.remove(&name)?;
            format!("removed {name}\n")
        }
        UserCommand::Disable { name } => {
            Database::open(path)?.disable(&name)?;
            format!("disabled {name}\n")
        }
        UserCommand::Enable { name } => {
            Database::open(path)?.enable(&name)?;
            format!("enabled {name}\n")
        }
        UserCommand::List { json: true } => {
            format!(
                "{}\n",
                serde_json::to_string_pretty(&Database::open(path)?.list()?)?
            )
        }
        UserCommand::List { json: false } => table(&Database::open(path)?.list()?),
    };
    print(&told)?;
    Ok(Code::Done)
}

fn change_password(path: &Path, name: &str, password: &NewPasswordArgs) -> anyhow::Result<String> {
    let mut database = Database::open(path)?;
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

fn table(users: &[UserSummary]) -> String {
    if users.is_empty() {
        return "no users\n".to_owned();
    }
    let width = users.iter().map(|user| user.name.chars().count()).max();
    let width = width.unwrap_or_default().max("NAME".len());
    let mut table = format!("{:width$}  {:15}  STATE\n", "NAME", "ADDRESS");
    for user in users {
        let address = user
            .address
            .map_or_else(|| "any".to_owned(), |address| address.to_string());
        let state = match (user.disabled, user.must_change_password) {
            (true, _) => "disabled",
            (false, true) => "must change password",
            (false, false) => "active",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{:width$}  {address:15}  {state}", user.name);
    }
    table
}
