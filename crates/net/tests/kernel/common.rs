//! What the tests in network namespaces share.

use std::any::type_name;
use std::fmt::Display;
use std::io::{Write, stderr};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use adit_net::namespace::{Lab, LabError, in_user_namespace};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Marks a test process that is root of a user namespace already.
const INSIDE: &str = "ADIT_TEST_INSIDE";

/// The path of the test whose closure `F` is, as the test harness writes it.
pub(crate) fn test_of<F>() -> &'static str {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_, path)| path)
}

/// Says in a line of its own, past the capture of test output, that a test could not run.
pub(crate) fn skipped(test: &str, reason: &dyn Display) {
    let line = format!("\nSKIPPED: {test}: {reason}\n");
    stderr().write_all(line.as_bytes()).unwrap();
}

/// Runs a test, which is the closure `body`, on the hosts of a lab. A process that may not enter them
/// in its threads runs itself again, with this test alone, as root of a user namespace.
pub(crate) fn in_lab<F: FnOnce(&mut Lab)>(body: F) {
    match rights() {
        Ok(Rights::Own) => body(&mut Lab::new()),
        Ok(Rights::UserNamespace) => run_again(test_of::<F>(), Rights::UserNamespace),
        Err(reason) => skipped(test_of::<F>(), &reason),
    }
}

/// Runs a test on the hosts of a lab in a process of its own: the children that other tests fork hold
/// for a moment what this one has open.
pub(crate) fn alone_in_lab(test: &str, body: impl FnOnce(&mut Lab)) {
    match rights() {
        Ok(Rights::Own) if std::env::var_os(INSIDE).is_some() => body(&mut Lab::new()),
        Ok(rights) => run_again(test, rights),
        Err(reason) => skipped(test, &reason),
    }
}

/// How this process can work on the hosts of a lab.
enum Rights {
    Own,
    UserNamespace,
}

fn rights() -> Result<Rights, LabError> {
    Lab::available()?;
    match Lab::new().host("probe")?.run(|| ()) {
        Ok(()) => Ok(Rights::Own),
        Err(LabError::Enter { .. }) if std::env::var_os(INSIDE).is_none() => {
            Ok(Rights::UserNamespace)
        }
        Err(error) => panic!("{error}"),
    }
}

fn run_again(test: &str, rights: Rights) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .stderr(Stdio::inherit());
    if let Rights::UserNamespace = rights {
        in_user_namespace(&mut again);
    }
    let output = again.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && report.contains("1 passed"),
        "{report}"
    );
}

/// Waits until there is something to read, or an error; gives up after a time in which a machine
/// under any load would have delivered a packet.
pub(crate) fn wait(descriptor: &impl AsFd) {
    let mut polled = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::from(20_000u16);
    assert_eq!(poll(&mut polled, timeout), Ok(1), "nothing came");
}
