//! The command line of the `adit` program: a PPTP server and client in user space.
//!
//! Each subcommand is one module with its arguments and its `run` function. What they do is in the libraries
//! `adit-server`, `adit-client`, `adit-inspect` and `adit-bench`.

#![forbid(unsafe_code)]

pub mod bench;
pub mod cli;
pub mod completions;
pub mod config;
pub mod connect;
mod control;
pub mod demo;
pub mod disconnect;
pub mod exit;
pub mod group;
pub mod import;
pub mod inspect;
pub mod log_level;
mod logging;
pub mod manual;
mod namespaces;
mod output;
pub mod password;
pub mod policy_args;
pub mod pool;
pub mod reload;
pub mod serve;
pub mod session;
pub mod sessions;
pub mod stats;
pub mod top;
pub mod trace;
pub mod user;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, does what it says and tells what went wrong.
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(code) => code.into(),
        Err(error) if output::is_broken_pipe(&error) => exit::Code::Done.into(),
        Err(error) => {
            eprintln!("adit: {error:#}");
            exit::Code::of(&error).into()
        }
    }
}
