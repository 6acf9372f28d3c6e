use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::*;

pub(super) fn session(id: u64, user: &str) -> SessionInfo {
    SessionInfo {
        id,
        user: Some(user.to_owned()),
        peer: "192.0.2.7:49152".parse().unwrap(),
        address: Some("10.77.0.2".parse().unwrap()),
        ipv6_prefix: Some("2001:db8::/64".parse().unwrap()),
        since: 0,
        authentication: Some("mschap-v2".to_owned()),
        encryption: Some("128-bit stateless".to_owned()),
        received: Traffic {
            packets: 2,
            octets: 1536,
        },
        sent: Traffic::default(),
        losses: Losses {
            lost: 2,
            late: 1,
            duplicate: 9,
            ..Losses::default()
        },
        call_id: 1,
        peer_call_id: 0,
        peer_host: String::new(),
        peer_vendor: "Microsoft".to_owned(),
        rate: Some(Rate {
            received: 1_500_000,
            sent: 999,
        }),
    }
}

/// A server with an event loop that answers as a real one does.
struct Server {
    path: PathBuf,
    wake: Sender<Event>,
    thread: Option<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

enum Event {
    Query,
    Stop,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/adit/control.sock");
        let (wake, events) = channel();
        let waker = wake.clone();
        let socket = ControlSocket::bind(&path, move || {
            let _ = waker.send(Event::Query);
        })
        .unwrap();
        let thread = std::thread::spawn(move || answer(&socket, &events));
        Self {
            path,
            wake,
            thread: Some(thread),
            _directory: directory,
        }
    }

    fn raw(&self, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(&self.path).unwrap();
        // A server that has read enough may close before everything is written.
        let _ = stream.write_all(request);
        let mut line = String::new();
        let _ = BufReader::new(stream).read_line(&mut line);
        line
    }

    fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.wake.send(Event::Stop).unwrap();
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(socket: &ControlSocket, events: &Receiver<Event>) {
    let mut feeds = Vec::new();
    while let Ok(Event::Query) = events.recv() {
        // The end of a trace wakes as well.
        feeds.retain(|feed: &Arc<Feed>| !feed.is_closed());
        let Some(query) = socket.next_query() else {
            continue;
        };
        let reply = match &query.request {
            Request::Sessions(_) => Reply::Sessions {
                sessions: vec![session(1, "alice")],
            },
            Request::Disconnect { target, .. } => Reply::Disconnected {
                sessions: usize::from(*target == Target::Session(1)),
            },
            Request::Trace(_) => {
                let feed = query.feed.clone().expect("a feed");
                for number in 0..3 {
                    feed.give(traced(number));
                }
                feeds.push(feed);
                Reply::Tracing { sessions: 1 }
            }
            _ => Reply::Error {
                message: "not today".to_owned(),
            },
        };
        query.answer(reply);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn requests_are_answered() {
    let server = Server::start();
    let reply = ask(&server.path, &sessions()).unwrap();
    assert_eq!(
        reply,
        Reply::Sessions {
            sessions: vec![session(1, "alice")]
        }
    );
    for (target, sessions) in [(Target::Session(1), 1), (Target::User("bob".to_owned()), 0)] {
        let reply = ask(&server.path, &disconnect(target)).unwrap();
        assert_eq!(reply, Reply::Disconnected { sessions });
    }
    let refused = ask(&server.path, &Request::Status).unwrap_err();
    assert_eq!(refused.to_string(), "not today");
}

#[test]
fn the_socket_is_for_its_owner_and_goes_away() {
    let mut server = Server::start();
    let path = server.path.clone();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o755);
    server.stop();
    assert!(!path.exists());
    let error = ask(&path, &sessions()).unwrap_err().to_string();
    assert!(error.starts_with("no adit server is running at"), "{error}");
}

#[test]
fn bad_requests_are_answered_too() {
    let server = Server::start();
    let cases: [&[u8]; 4] = [
        b"\n",
        b"{\"request\":\"explode\"}\n",
        b"{\"request\":\"disconnect\",\"target\":{\"session\":-1}}\n",
        b"\xFF\xFE\n",
    ];
    for request in cases {
        let reply = server.raw(request);
        assert!(reply.contains("the request is not understood"), "{reply}");
    }
    assert!(server.raw(&[b'x'; LONGEST_REQUEST]).contains("too long"));
    // One that says nothing and goes is no harm.
    drop(UnixStream::connect(&server.path).unwrap());
    assert!(ask(&server.path, &sessions()).is_ok());
}

#[test]
fn a_server_that_stops_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let (wake, woken) = channel();
    let socket = ControlSocket::bind(&path, move || wake.send(()).unwrap()).unwrap();
    let asking = std::thread::spawn(move || ask(&path, &sessions()));
    woken.recv().unwrap();
    drop(socket);
    let error = asking.join().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the server is stopping");
}

#[test]
fn a_second_server_is_refused() {
    let server = Server::start();
    let error = ControlSocket::bind(&server.path, || {}).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }));
    assert!(error.to_string().contains("another adit server runs"));
    assert!(ask(&server.path, &sessions()).is_ok());
}

#[test]
fn a_stale_socket_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = ControlSocket::bind(&path, || {}).unwrap();
    assert!(UnixStream::connect(&path).is_ok());
    drop(socket);
    assert!(!path.exists());
}

#[test]
fn what_answers_or_is_no_socket_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let foreign = UnixListener::bind(&path).unwrap();
    let error = ControlSocket::bind(&path, || {}).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }));
    drop(foreign);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = ControlSocket::bind(&path, || {}).unwrap_err();
    assert!(matches!(error, BindError::NotASocket { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_socket_of_another_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let socket = ControlSocket::bind(&path, || {}).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    drop(socket);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn an_answer_that_makes_no_sense_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        for reply in ["what?\n", ""] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    let error = ask(&path, &sessions()).unwrap_err();
    assert!(matches!(error, AskError::NotUnderstood { .. }));
    let error = ask(&path, &sessions()).unwrap_err();
    assert!(matches!(error, AskError::Failed { .. }));
    thread.join().unwrap();
}

#[test]
fn messages_look_as_documented() {
    let json = |request: &Request| {
        let text = serde_json::to_string(request).unwrap();
        let back: Request = serde_json::from_str(&text).unwrap();
        assert_eq!(back, *request);
        text
    };
    assert_eq!(json(&sessions()), r#"{"request":"sessions"}"#);
    let query = SessionQuery {
        user: Some("alice".to_owned()),
        sort: SessionOrder::Rate,
        limit: Some(5),
        ..SessionQuery::default()
    };
    assert_eq!(
        json(&Request::Sessions(query)),
        r#"{"request":"sessions","user":"alice","sort":"rate","limit":5}"#
    );
    let target = Target::User("alice".to_owned());
    assert_eq!(
        json(&disconnect(target)),
        r#"{"request":"disconnect","target":{"user":"alice"}}"#
    );
    assert_eq!(
        json(&disconnect(Target::All)),
        r#"{"request":"disconnect","target":"all"}"#
    );
    let trace = TraceQuery {
        of: TraceTarget::Peer("192.0.2.7".parse().unwrap()),
        octets: 96,
    };
    assert_eq!(
        json(&Request::Trace(trace)),
        r#"{"request":"trace","of":{"peer":"192.0.2.7"},"octets":96}"#
    );
}

#[test]
fn a_request_that_says_more_than_is_known_is_refused_and_a_reply_is_not() {
    for request in [
        r#"{"request":"sessions","usr":"alice"}"#,
        r#"{"request":"disconnect","target":"all","only":"idle"}"#,
        r#"{"request":"trace","of":{"user":"alice"},"packets":false}"#,
    ] {
        assert!(
            serde_json::from_str::<Request>(request).is_err(),
            "{request}"
        );
    }
    let reply = r#"{"reply":"disconnected","sessions":2,"later":true}"#;
    let reply: Reply = serde_json::from_str(reply).unwrap();
    assert_eq!(reply, Reply::Disconnected { sessions: 2 });
}

fn sessions() -> Request {
    Request::Sessions(SessionQuery::default())
}

const fn disconnect(target: Target) -> Request {
    Request::Disconnect {
        target,
        reason: None,
    }
}

fn traced(connection: u64) -> Traced {
    Traced {
        time: 1.5,
        connection,
        session: Some(7),
        direction: Direction::Sent,
        what: What::Message("Echo-Request".to_owned()),
        left_out: 0,
    }
}

#[test]
fn one_client_asks_again_and_again() {
    let server = Server::start();
    let mut conversation = Conversation::open(&server.path).unwrap();
    for _ in 0..3 {
        assert!(conversation.ask(&sessions()).is_ok());
        // What is refused does not end it.
        assert!(conversation.ask(&Request::Status).is_err());
    }
}

#[test]
fn clients_that_say_nothing_hold_up_no_other() {
    let server = Server::start();
    let silent: Vec<_> = (0..MOST_CLIENTS - 1)
        .map(|_| {
            let mut conversation = Conversation::open(&server.path).unwrap();
            conversation.ask(&sessions()).unwrap();
            conversation
        })
        .collect();
    assert!(ask(&server.path, &sessions()).is_ok());
    let mut last = loop {
        // The thread of the one before may not be over yet.
        let mut conversation = Conversation::open(&server.path).unwrap();
        if conversation.ask(&sessions()).is_ok() {
            break conversation;
        }
    };
    let one_too_many = ask(&server.path, &sessions()).unwrap_err().to_string();
    assert!(
        one_too_many.contains("clients ask the server already"),
        "{one_too_many}"
    );
    assert!(last.ask(&sessions()).is_ok());
    drop(silent);
}

#[test]
fn a_trace_comes_piece_by_piece_and_others_are_answered_meanwhile() {
    let mut server = Server::start();
    let mut trace = Conversation::open(&server.path).unwrap();
    let query = TraceQuery {
        of: TraceTarget::Session(7),
        octets: 96,
    };
    let begun = trace.ask(&Request::Trace(query)).unwrap();
    assert_eq!(begun, Reply::Tracing { sessions: 1 });
    for number in 0..3 {
        assert_eq!(trace.next_reply().unwrap(), Reply::Traced(traced(number)));
    }
    assert!(ask(&server.path, &sessions()).is_ok());
    // The end of the server is the end of the trace.
    server.stop();
    assert!(trace.next_reply().is_err());
}

#[test]
fn a_trace_without_a_reader_counts_what_it_leaves_out() {
    let (feed, pieces) = Feed::new();
    let mut given = 0u64;
    for number in 0..10_000 {
        feed.give(traced(number));
        given += 1;
    }
    let mut seen = 0u64;
    let mut left_out = 0u64;
    while let Ok(piece) = pieces.try_recv() {
        if let feed::Piece::Traced(traced) = piece {
            seen += 1;
            left_out += traced.left_out;
        }
    }
    feed.give(traced(0));
    let Ok(feed::Piece::Traced(last)) = pieces.try_recv() else {
        panic!("nothing came");
    };
    assert!(last.left_out > 0);
    assert_eq!(seen + left_out + last.left_out, given);
}
