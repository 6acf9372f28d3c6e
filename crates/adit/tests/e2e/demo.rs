//! `adit demo`.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::lab::in_lab;
use crate::program::Program;

/// Starts the demonstration, whose files are made in a directory of the test.
fn start(directory: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command
        .arg("demo")
        .env("TMPDIR", directory)
        .env_remove("LC_ALL")
        .env("LANG", "C");
    Program::start(&mut command)
}

#[test]
fn it_goes_through_to_its_summary() {
    in_lab(|_| {
        let directory = tempfile::tempdir().unwrap();
        let ended = start(directory.path()).ended();
        assert_eq!(ended.code, Some(0), "{}{}", ended.output, ended.log);
        for part in [
            "ok pings through the tunnel",
            "ok TCP from the server to the client",
            "ok both hosts have the links, addresses and routes that they had before",
            "Authentication  mschap-v2",
            "MPPE 128-bit stateless",
            "2001:db8:77:",
        ] {
            assert!(ended.output.contains(part), "no {part}: {}", ended.output);
        }
        assert!(ended.output.is_ascii(), "{}", ended.output);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    });
}

#[test]
fn a_signal_ends_it_and_leaves_nothing_behind() {
    in_lab(|_| {
        let directory = tempfile::tempdir().unwrap();
        let demo = start(directory.path());
        demo.said("is connected");
        demo.signal(Signal::SIGINT);
        let ended = demo.ended();
        assert_eq!(ended.code, Some(1), "{}{}", ended.output, ended.log);
        assert!(ended.log.contains("stopped by a signal"), "{}", ended.log);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    });
}
