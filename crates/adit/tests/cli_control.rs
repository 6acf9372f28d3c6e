//! What asks a server, against a control socket.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use adit_server::control_socket::{
    ControlSocket, Losses, Reply, Request, SessionInfo, Target, Traffic,
};
use assert_cmd::Command;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn adit(words: &[&str], socket: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adit"))
        .args(words)
        .arg("--control-socket")
        .arg(socket)
        .output()
        .expect("the program runs")
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).expect("text")
}

fn session() -> SessionInfo {
    SessionInfo {
        id: 7,
        user: Some("alice".to_owned()),
        peer: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 7), 49152),
        address: Some(Ipv4Addr::new(10, 77, 0, 2)),
        ipv6_prefix: None,
        since: 1_700_000_000,
        authentication: Some("mschap-v2".to_owned()),
        encryption: Some("128-bit stateless".to_owned()),
        received: Traffic::default(),
        sent: Traffic::default(),
        losses: Losses::default(),
        call_id: 1,
        peer_call_id: 2,
        peer_host: "laptop".to_owned(),
        peer_vendor: "Microsoft".to_owned(),
        rate: None,
    }
}

/// A server with one session, number 7 of alice.
struct Server {
    path: PathBuf,
    wake: Sender<bool>,
    thread: Option<JoinHandle<()>>,
    directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("control.sock");
        let (wake, events) = channel();
        let waker = wake.clone();
        let socket = ControlSocket::bind(&path, move || {
            let _ = waker.send(true);
        })
        .expect("a control socket");
        let thread = std::thread::spawn(move || {
            while events.recv() == Ok(true) {
                let Some(query) = socket.next_query() else {
                    continue;
                };
                let reply = reply(&query.request);
                query.answer(reply);
            }
        });
        Self {
            path,
            wake,
            thread: Some(thread),
            directory,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.wake.send(false);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn reply(request: &Request) -> Reply {
    match request {
        Request::Sessions(_) => Reply::Sessions {
            sessions: vec![session()],
        },
        Request::Disconnect { target, .. } => {
            let meant = [Target::Session(7), Target::User("alice".to_owned())].contains(target);
            Reply::Disconnected {
                sessions: meant.into(),
            }
        }
        Request::Stats => Reply::Stats {
            stats: Box::default(),
        },
        _ => Reply::Error {
            message: "not asked for here".to_owned(),
        },
    }
}

#[test]
fn sessions_are_shown() {
    let server = Server::start();
    let output = adit(&["sessions"], &server.path);
    assert!(output.status.success());
    let table = text(output.stdout);
    let words: Vec<Vec<&str>> = table
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(words.len(), 2, "{table}");
    assert_eq!(words[0][..3], ["ID", "USER", "ADDRESS"]);
    assert_eq!(words[1][..4], ["7", "alice", "10.77.0.2", "192.0.2.7"]);

    let output = adit(&["sessions", "--json"], &server.path);
    let sessions: Vec<SessionInfo> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(sessions, [session()]);
}

#[test]
fn sessions_are_ended() {
    let server = Server::start();
    for words in [
        &["disconnect", "7"][..],
        &["disconnect", "alice"],
        &["disconnect", "--user", "alice"],
    ] {
        let output = adit(words, &server.path);
        assert!(output.status.success(), "{words:?}");
        assert_eq!(text(output.stdout), "disconnected 1 session\n");
    }
    for (words, expected) in [
        (&["disconnect", "8"][..], "there is no session 8"),
        (&["disconnect", "bob"], "user `bob` has no session"),
        (&["disconnect", "--user", "7"], "user `7` has no session"),
    ] {
        let output = adit(words, &server.path);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let message = text(output.stderr);
        assert!(message.contains(expected), "{message}");
    }
}

/// The socket's mode keeps others out; here it is opened to see that they are refused all the same.
#[test]
fn other_users_are_refused() {
    let server = Server::start();
    let program = server.directory.path().join("adit");
    std::fs::copy(env!("CARGO_BIN_EXE_adit"), &program).unwrap();
    for (path, mode) in [
        (server.directory.path(), 0o755),
        (&program, 0o755),
        (&server.path, 0o666),
    ] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let run = || {
        std::process::Command::new(&program)
            .args(["sessions", "--control-socket"])
            .arg(&server.path)
            .uid(65_534)
            .output()
    };
    // Another test that starts a program at this moment may hold the copy open for an instant.
    let output = loop {
        match run() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {}
            output => break output,
        }
    };
    let output = match output {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            println!("SKIPPED: only root can run a program as another user");
            return;
        }
        output => output.unwrap(),
    };
    assert_eq!(output.status.code(), Some(1));
    let message = text(output.stderr);
    assert!(
        message.contains("only root and the user that runs the server may ask it"),
        "{message}"
    );
}

#[test]
fn without_a_server_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.sock");
    for words in [
        &["sessions"][..],
        &["sessions", "--json"],
        &["disconnect", "7"],
    ] {
        let output = adit(words, &path);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(output.stdout), "");
        let message = text(output.stderr);
        let expected = format!("adit: no adit server is running at {}", path.display());
        assert!(message.starts_with(&expected), "{message}");
    }
}

/// A terminal with a program on it.
struct OnTerminal {
    child: std::process::Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl OnTerminal {
    fn start(words: &[&str], socket: &Path) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).expect("a terminal");
        let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_adit"))
            .args(words)
            .arg("--control-socket")
            .arg(socket)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the program runs");
        drop(pty.slave);
        let keys = File::from(pty.master);
        let mut output = keys.try_clone().expect("a descriptor");
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The last one who had the terminal open closes it, which is an error here.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                let _ = sender.send(chunk[..count].to_vec());
            }
        });
        Self {
            child,
            keys,
            screen,
            seen: String::new(),
        }
    }

    /// Waits until this is on the screen, or was sent as it is.
    fn shows(&mut self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.seen.contains(part) && !picture(&self.seen).contains(part) {
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = self.screen.recv_timeout(left);
            let chunk = chunk.unwrap_or_else(|_| panic!("no {part} in {}", picture(&self.seen)));
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("keys are taken");
    }
}

/// What a terminal of 24 lines shows that was sent this: only what has changed is drawn each time.
fn picture(sent: &str) -> String {
    let mut cells = vec![vec![' '; 120]; 24];
    let (mut row, mut column) = (0, 0);
    let mut rest = sent.chars();
    while let Some(character) = rest.next() {
        if character != '\x1b' {
            if let Some(cell) = cells.get_mut(row).and_then(|line| line.get_mut(column)) {
                *cell = character;
            }
            column += 1;
            continue;
        }
        // A sequence ends with its first letter.
        let sequence: String = rest
            .by_ref()
            .take_while(|it| !it.is_ascii_alphabetic())
            .collect();
        if let Some((line, place)) = sequence.trim_start_matches('[').split_once(';')
            && let (Ok(line), Ok(place)) = (line.parse::<usize>(), place.parse::<usize>())
        {
            (row, column) = (line - 1, place - 1);
        }
    }
    let lines = cells
        .into_iter()
        .map(|line| line.into_iter().collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

/// What a terminal is told to show what was there before a program.
const LEAVE: &str = "\x1b[?1049l";
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn top_ends_a_session_after_a_question_and_puts_the_terminal_back() {
    let server = Server::start();
    let mut top = OnTerminal::start(&["top", "--interval", "1"], &server.path);
    top.shows("alice");
    top.press("\x1b[B");
    top.press("d");
    top.shows("End session 7 of alice? y/n");
    top.press("y");
    top.shows("is being ended");
    top.press("?");
    top.shows("hold the picture");
    top.press(" q");
    top.shows(LEAVE);
    assert_eq!(top.child.wait().unwrap().code(), Some(0));
}

#[test]
fn top_puts_the_terminal_back_when_it_is_told_to_end() {
    let server = Server::start();
    let mut top = OnTerminal::start(&["top"], &server.path);
    top.shows("alice");
    let pid = Pid::from_raw(top.child.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    top.shows(LEAVE);
    assert_eq!(top.child.wait().unwrap().code(), Some(0));
}
