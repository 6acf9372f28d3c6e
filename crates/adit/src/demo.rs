//! `adit demo`: a server and a client at work.
//!
//! Both are this very program, as it is at any other time, on two hosts made of network namespaces. Root
//! needs nothing else. For another user the program runs itself again as root of a user namespace, which has no
//! rights outside of it.

mod hosts;
mod narrator;
mod ping;
mod play;
mod program;
mod transfer;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adit_net::capability::{Need, check};
use adit_net::namespace::{Lab, LabError, in_user_namespace};
use anyhow::Context;
use clap::Args;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};

use crate::exit::{Code, Coded};

const EXAMPLES: &str = "\
Examples:
  adit demo        connect a client to a server in network namespaces of their own

Needs root, or unprivileged user namespaces and an accessible /dev/net/tun; the machine's own network is not
touched. Exit codes: 0 all went well, 1 something did not, 10 a privilege or device is missing.";

/// Marks the process that is root of a user namespace already.
const INSIDE: &str = "ADIT_DEMO_INSIDE";

/// Arguments of `adit demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {}

/// Runs the demonstration.
///
/// # Errors
/// The machine allows no namespaces or TUN devices, or something does not work.
pub fn run(_args: DemoArgs) -> anyhow::Result<Code> {
    match rights()? {
        Rights::Own => {
            let stop = Stop::on_signals()?;
            play::play(&stop)?;
            Ok(Code::Done)
        }
        Rights::UserNamespace => run_in_user_namespace(),
    }
}

/// How this process can work on hosts of its own.
enum Rights {
    Own,
    UserNamespace,
}

fn rights() -> anyhow::Result<Rights> {
    let inside = std::env::var_os(INSIDE).is_some();
    let host = Lab::new().host("probe").map_err(|error| missing(&error))?;
    match host.run(|| check(Need::Tun)) {
        Ok(Ok(())) => Ok(Rights::Own),
        Ok(Err(error)) => Err(missing(&error)),
        Err(LabError::Enter { .. }) if !inside => Ok(Rights::UserNamespace),
        Err(error) => Err(error.into()),
    }
}

fn missing(what: &impl std::fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Coded {
        code: Code::MissingPrivilege,
        message: what.to_string(),
    })
}

/// Runs this program again, as root of a user namespace, and ends as it does.
fn run_in_user_namespace() -> anyhow::Result<Code> {
    // A terminal sends its signals to both processes; the inner one tidies up, this one waits for it.
    let _stop = Stop::on_signals()?;
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(INSIDE, "1");
    let status = in_user_namespace(&mut again)
        .status()
        .context("cannot run this program in a user namespace")?;
    // The inner process has told what went wrong.
    let codes = [Code::Done, Code::MissingPrivilege];
    let code = codes
        .into_iter()
        .find(|code| status.code() == Some(*code as i32));
    Ok(code.unwrap_or(Code::Failed))
}

/// Whether a signal has asked to stop. The programs on the hosts get the signals of a terminal too and end,
/// which ends the waiting for them.
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn on_signals() -> anyhow::Result<Self> {
        let wanted = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&wanted))?;
        }
        Ok(Self(wanted))
    }

    /// # Errors
    /// A signal has come.
    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.0.load(Ordering::Relaxed), "stopped by a signal");
        Ok(())
    }
}
