use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::facts::tests::facts;
use super::*;

/// Hooks whose programs are these lines of shell, and a directory for what they write.
struct Bench {
    hooks: Hooks,
    directory: TempDir,
}

impl Bench {
    fn new(up: &str, down: &str, change: impl FnOnce(&mut config::Hooks)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| -> Option<PathBuf> {
            let path = directory.path().join(name);
            let text = format!("#!/bin/sh\nd={}\n{text}\n", directory.path().display());
            write_program(&path, &text);
            Some(path)
        };
        let mut config = config::Hooks {
            ip_up: script("up", up),
            ip_down: script("down", down),
            ..config::Hooks::default()
        };
        change(&mut config);
        Self {
            hooks: Hooks::new(config, "adit0"),
            directory,
        }
    }

    /// Waits until all is done.
    fn settle(&mut self) {
        while self.hooks.waiting() > 0 {
            std::thread::yield_now();
        }
    }

    fn reconfigure(&mut self, hooks: config::Hooks) {
        let config = Config {
            hooks,
            ..Config::default()
        };
        self.hooks.reconfigure(&config);
    }

    fn written(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }
}

/// Writes a program by another process: a file that this one has open for writing, or a thread's child that
/// is not its own program yet, cannot be run.
fn write_program(path: &Path, text: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(writer.wait().unwrap().success());
}

const TALLY: SessionTally = SessionTally {
    seconds: 9,
    sent: (1000, 10),
    received: (2000, 20),
};

#[test]
fn programs_are_told_about_the_session() {
    let mut bench = Bench::new(
        "echo \"$# $* $PEERNAME $LINKNAME ${CONNECT_TIME-none} ${HOME-none}\" > $d/up.txt; pwd >> $d/up.txt",
        "echo \"$* $CONNECT_TIME $BYTES_SENT $BYTES_RCVD\" > $d/down.txt",
        |_| {},
    );
    bench.hooks.up(1, facts(2));
    bench.hooks.down(1, Some(TALLY));
    bench.settle();
    assert_eq!(
        bench.written("up.txt"),
        "6 adit0 none 0 10.77.0.1 10.77.0.2 192.0.2.2 alice session-2 none none\n/\n"
    );
    assert_eq!(
        bench.written("down.txt"),
        "adit0 none 0 10.77.0.1 10.77.0.2 192.0.2.2 9 1000 2000\n"
    );
}

#[test]
fn a_session_s_end_waits_for_its_beginning_and_the_next_one_for_both() {
    // The first ip_up waits until another session's has run: what is of one address waits, not all.
    let mut bench = Bench::new(
        "if [ $LINKNAME = session-2 ]; then while ! [ -e $d/go ]; do sleep 0.01; done; fi\n\
         if [ $LINKNAME = session-3 ]; then touch $d/go; fi\n\
         echo up $LINKNAME $PEERNAME >> $d/log",
        "echo down $LINKNAME $PEERNAME >> $d/log",
        |config| config.parallel = 2,
    );
    let bob = SessionFacts {
        user: "bob".to_owned(),
        ..facts(2)
    };
    bench.hooks.up(1, facts(2));
    bench.hooks.down(1, None);
    bench.hooks.up(2, bob);
    bench.hooks.up(3, facts(3));
    bench.settle();
    let log = bench.written("log");
    let of_address: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("session-2"))
        .collect();
    assert_eq!(
        of_address,
        [
            "up session-2 alice",
            "down session-2 alice",
            "up session-2 bob"
        ]
    );
    assert!(log.contains("up session-3 alice"), "{log}");
}

#[test]
fn a_session_that_loses_its_address_ends_before_the_next_one_begins() {
    let mut bench = Bench::new(
        "echo up $PEERNAME >> $d/log",
        "echo down $PEERNAME >> $d/log",
        |_| {},
    );
    let bob = SessionFacts {
        user: "bob".to_owned(),
        ..facts(2)
    };
    bench.hooks.up(1, facts(2));
    bench.hooks.up(1, facts(2));
    bench.hooks.up(2, bob);
    bench.hooks.down(1, Some(TALLY));
    bench.hooks.finish(Instant::now() + Duration::from_secs(60));
    assert_eq!(
        bench.written("log"),
        "up alice\ndown alice\nup bob\ndown bob\n"
    );
}

#[test]
fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
    let mut bench = Bench::new(
        "sleep 1000 &\necho $! > $d/child\necho $$ > $d/own\nwait",
        "touch $d/down",
        |config| config.timeout = Duration::from_secs(1),
    );
    bench.hooks.up(1, facts(2));
    bench.hooks.down(1, None);
    bench.settle();
    assert!(bench.directory.path().join("down").exists());
    for name in ["child", "own"] {
        let process = bench.written(name);
        let state = fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        // Its parent may still have to wait for it.
        assert!(state.is_err() || state.unwrap().contains(") Z "), "{name}");
    }
}

#[test]
fn no_more_than_so_many_run_at_once() {
    let mut bench = Bench::new(
        "touch $d/run.$$; ls $d | grep -c run >> $d/counts; sleep 0.05; rm $d/run.$$",
        "",
        |config| config.parallel = 3,
    );
    for last in 2..22 {
        bench.hooks.up(u32::from(last), facts(last));
    }
    bench.settle();
    let counts = bench.written("counts");
    assert_eq!(counts.lines().count(), 20);
    assert!(
        counts
            .lines()
            .all(|count| count.parse::<u32>().unwrap() <= 3),
        "{counts}"
    );
}

#[test]
fn what_a_program_leaves_running_can_still_write() {
    // A daemon that a script starts must not die of a closed pipe.
    let mut bench = Bench::new(
        "(while ! [ -e $d/go ]; do sleep 0.01; done; echo later >&2; echo alive > $d/later) &",
        "touch $d/go; while ! [ -e $d/later ]; do sleep 0.01; done",
        |_| {},
    );
    bench.hooks.up(1, facts(2));
    bench.settle();
    bench.hooks.down(1, None);
    bench.settle();
    assert_eq!(bench.written("later"), "alive\n");
}

#[test]
fn a_program_that_cannot_be_run_holds_nothing_up() {
    let mut bench = Bench::new("", "echo down >> $d/log", |config| {
        config.ip_up = Some(Path::new("/nonexistent/ip-up").to_owned());
    });
    bench.hooks.up(1, facts(2));
    bench.hooks.down(1, None);
    bench.settle();
    assert_eq!(bench.written("log"), "down\n");
}

#[test]
fn without_programs_nothing_is_started_and_they_can_come_later() {
    let mut bench = Bench::new(
        "echo up $LINKNAME >> $d/log",
        "echo down $LINKNAME >> $d/log",
        |_| {},
    );
    let programs = bench.hooks.config.clone();
    bench.reconfigure(config::Hooks::default());
    bench.hooks.up(1, facts(2));
    assert!(bench.hooks.runner.is_none());
    bench.reconfigure(programs.clone());
    // It had no ip_up.
    bench.hooks.down(1, None);
    bench.hooks.up(2, facts(3));
    bench.settle();
    let only_down = config::Hooks {
        ip_up: None,
        ..programs
    };
    bench.reconfigure(only_down);
    bench.hooks.up(3, facts(4));
    bench.hooks.finish(Instant::now() + Duration::from_secs(60));
    let mut log: Vec<String> = bench.written("log").lines().map(str::to_owned).collect();
    log.sort();
    assert_eq!(log, ["down session-3", "down session-4", "up session-3"]);
}

#[test]
fn the_end_of_the_server_kills_what_still_runs() {
    let mut bench = Bench::new(
        "echo $$ > $d/own.new; mv $d/own.new $d/own; exec sleep 1000",
        "",
        |_| {},
    );
    bench.hooks.up(1, facts(2));
    bench.hooks.up(2, facts(3));
    let own = bench.directory.path().join("own");
    while !own.exists() {
        std::thread::yield_now();
    }
    drop(bench.hooks);
    let process = fs::read_to_string(own).unwrap();
    assert!(!Path::new("/proc").join(process.trim()).exists());
}
