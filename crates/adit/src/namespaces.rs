//! Subcommands that work on hosts made of network namespaces.
//!
//! Root needs nothing else. For another user the program runs itself again as root of a user namespace, which
//! has no rights outside of it.

use std::process::Command;
use std::thread;

use adit_bench::stop::Stop;
use adit_net::capability::{Need, check};
use adit_net::namespace::{Lab, LabError, in_user_namespace};
use anyhow::Context;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{Code, Coded};

/// Marks the process that is root of a user namespace already.
const INSIDE: &str = "ADIT_INSIDE_NAMESPACE";

/// Does `body`, which makes hosts and works on them, with a [`Stop`] that a signal raises. Programs on the hosts
/// get the signals of a terminal too and end, which ends the waiting for them.
///
/// # Errors
/// As `body` does, or the machine allows no namespaces or TUN devices.
pub(crate) fn on_own_hosts(
    body: impl FnOnce(&Stop) -> anyhow::Result<Code>,
) -> anyhow::Result<Code> {
    match rights()? {
        Rights::Own => body(&stop_on_signals()?),
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
    let _stop = stop_on_signals()?;
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

/// A [`Stop`] that a signal raises.
pub(crate) fn stop_on_signals() -> anyhow::Result<Stop> {
    let stop = Stop::default();
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let raised = stop.clone();
    thread::spawn(move || signals.forever().for_each(|_| raised.raise()));
    Ok(stop)
}
