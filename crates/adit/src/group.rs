//! `adit group`: manages groups of users.

use std::fmt::Write;

use adit_server::users::{Database, Field, Group, Policy};
use clap::{Args, Subcommand};

use crate::exit::{Code, Coded};
use crate::output::print;
use crate::policy_args::{PolicyArgs, field_of_group, line, lines};
use crate::user::DatabaseArgs;

const EXAMPLES: &str = "\
Examples:
  adit group add staff --pool office --idle-limit 30m --simultaneous 2
  adit user set alice --group staff
  adit group set staff --rate-down 20M --rate-up 5M --unset idle-limit
  adit group list

What a user has itself goes before what the group has. A running server sees changes at the next login.";

/// Arguments of `adit group`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GroupArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GroupCommand,

    /// Where the groups are.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// What to do with groups.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Add a group.
    Add {
        /// Name of the group.
        name: String,
        /// What its users may have.
        #[command(flatten)]
        policy: PolicyArgs,
    },
    /// Change what the users of a group may have.
    Set {
        /// Name of the group.
        name: String,
        /// The new values.
        #[command(flatten)]
        policy: PolicyArgs,
        /// Leave these to the server's configuration again, as "pool,volume".
        #[arg(long, value_name = "FIELD,...", value_delimiter = ',', value_parser = field_of_group)]
        unset: Vec<Field>,
    },
    /// Show a group.
    Show {
        /// Name of the group.
        name: String,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Remove a group that no user is in.
    Remove {
        /// Name of the group.
        name: String,
    },
    /// List all groups.
    List {
        /// Print an array of JSON objects instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// Does what the arguments say.
///
/// # Errors
/// The database cannot be used, or has no such group, or has it already.
pub fn run(args: GroupArgs) -> anyhow::Result<Code> {
    let told = match args.command {
        GroupCommand::Add { name, policy } => {
            args.database
                .open_or_create()?
                .add_group(&name, &policy.into())?;
            format!("added the group {name}\n")
        }
        GroupCommand::Set {
            name,
            policy,
            unset,
        } => {
            let policy = Policy::from(policy);
            if policy == Policy::default() && unset.is_empty() {
                return Err(Coded::usage(
                    "nothing to change; see `adit group set --help`",
                ));
            }
            let mut database = args.database.open()?;
            database.change_group(&name, &policy, &unset)?;
            format!("changed the group {name}\n")
        }
        GroupCommand::Show { name, json } => show(&mut args.database.open()?, &name, json)?,
        GroupCommand::Remove { name } => {
            args.database.open()?.remove_group(&name)?;
            format!("removed the group {name}\n")
        }
        GroupCommand::List { json: true } => {
            let groups = args.database.open()?.groups()?;
            format!("{}\n", serde_json::to_string_pretty(&groups)?)
        }
        GroupCommand::List { json: false } => table(&args.database.open()?.groups()?),
    };
    print(&told)?;
    Ok(Code::Done)
}

fn show(database: &mut Database, name: &str, json: bool) -> anyhow::Result<String> {
    let group = database.group(name)?;
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&group)?));
    }
    let mut told = String::new();
    line(&mut told, "group", Some(group.name));
    line(&mut told, "users", Some(group.members.to_string()));
    lines(&group.policy, &mut told);
    Ok(told)
}

fn table(groups: &[Group]) -> String {
    if groups.is_empty() {
        return "no groups\n".to_owned();
    }
    let width = groups.iter().map(|group| group.name.len()).max();
    let width = width.unwrap_or_default().max("NAME".len());
    let mut table = format!("{:width$}  USERS\n", "NAME");
    for group in groups {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{:width$}  {}", group.name, group.members);
    }
    table
}
