//! `adit trace`: what passes through the sessions of one user or address, live.

mod lines;
mod pcapng;

use std::fs::File;
use std::io::BufWriter;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adit_server::control_socket::{
    AskError, Conversation, Reply, Request, TraceQuery, TraceTarget, Traced, What,
};
use anyhow::Context;
use clap::{ArgGroup, Args};
use signal_hook::consts::signal::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::ControlSocketArgs;
use crate::control::unexpected;
use crate::exit::Code;
use crate::output::print;
use lines::Lines;
use pcapng::Capture;

const EXAMPLES: &str = "\
Examples:
  adit trace alice                        what passes in alice's sessions, and in her next ones from the login on
  adit trace --peer 203.0.113.9           all from this address, from the first message on
  adit trace --session 7 --no-packets     control messages and PPP negotiation only
  adit trace alice --pcapng alice.pcapng  for Wireshark, tcpdump and `adit inspect`; packets as they are inside

Lines with < are from the client, lines with > to it. Passwords and responses to challenges are zeroed on the
server, and inner packets are decrypted. Ctrl-C ends the trace; a trace of one session ends with it.

Exit codes: 0 ended, 1 no such session or no server, 2 wrong command line.";

/// Arguments of `adit trace`.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group(ArgGroup::new("whose").required(true).args(["user", "session", "address", "peer"]))
)]
pub struct TraceArgs {
    /// A user; the session need not be there yet.
    #[arg(value_name = "USER")]
    pub user: Option<String>,

    /// The session with this number.
    #[arg(long, value_name = "NUMBER")]
    pub session: Option<u64>,

    /// The session with this address in the tunnel.
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,

    /// All sessions that come from this address, also later ones.
    #[arg(long, value_name = "IP")]
    pub peer: Option<Ipv4Addr>,

    /// Write the frames to this file as well, in pcapng format.
    #[arg(long, value_name = "FILE")]
    pub pcapng: Option<PathBuf>,

    /// Octets of each inner packet that are taken, from its beginning: 96, and all of it for a file, where
    /// nothing is said.
    #[arg(long, value_name = "NUMBER")]
    pub octets: Option<u16>,

    /// Do not show inner packets.
    #[arg(long)]
    pub no_packets: bool,

    /// Print a JSON object for each message and frame.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

impl TraceArgs {
    fn target(&self) -> TraceTarget {
        if let Some(id) = self.session {
            TraceTarget::Session(id)
        } else if let Some(address) = self.address {
            TraceTarget::Address(address)
        } else if let Some(peer) = self.peer {
            TraceTarget::Peer(peer)
        } else {
            TraceTarget::User(self.user.clone().unwrap_or_default())
        }
    }

    fn query(&self) -> TraceQuery {
        let whole = self.pcapng.as_ref().map(|_| u16::MAX);
        TraceQuery {
            of: self.target(),
            octets: self.octets.or(whole).unwrap_or(TraceQuery::head()),
        }
    }
}

/// Shows the trace until it ends.
///
/// # Errors
/// There is no such session, no server, or the file cannot be written.
pub fn run(args: &TraceArgs) -> anyhow::Result<Code> {
    let query = args.query();
    let single = matches!(query.of, TraceTarget::Session(_) | TraceTarget::Address(_));
    let capture = args.pcapng.as_ref().map(|path| {
        let file = File::create(path);
        let file = file.with_context(|| format!("cannot write the file {}", path.display()))?;
        Ok::<_, anyhow::Error>(Capture::begin(BufWriter::new(file))?)
    });
    let mut viewer = Viewer {
        capture: capture.transpose()?,
        lines: Lines::default(),
        json: args.json,
        packets: !args.no_packets,
    };
    let mut server = Conversation::open(&args.socket.control_socket)?;
    let Reply::Tracing { sessions } = server.ask(&Request::Trace(query))? else {
        return Err(unexpected());
    };
    eprintln!("adit: tracing; {sessions} sessions so far, Ctrl-C ends");
    let interrupted = end_on_signal(&server)?;
    let result = loop {
        match server.next_reply() {
            Ok(Reply::Traced(traced)) => {
                let is_end = single && traced.session.is_some();
                let is_end = is_end && matches!(traced.what, What::Ended(_));
                viewer.show(&traced)?;
                if is_end {
                    break Ok(());
                }
            }
            Ok(_) => break Err(unexpected()),
            Err(_) if interrupted.load(Ordering::Acquire) => break Ok(()),
            Err(error @ AskError::Failed { .. }) => {
                break Err(anyhow::Error::new(error).context("the server has ended the trace"));
            }
            Err(error) => break Err(error.into()),
        }
    };
    viewer.finish()?;
    result.map(|()| Code::Done)
}

/// Hangs up on SIGINT and SIGTERM, so that the file is finished; tells whether that has come.
fn end_on_signal(server: &Conversation) -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&interrupted);
    let line = server.line_to_cut()?;
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                told.store(true, Ordering::Release);
                line.cut();
            }
        })?;
    Ok(interrupted)
}

/// Where the pieces of a trace go.
struct Viewer {
    capture: Option<Capture<BufWriter<File>>>,
    lines: Lines,
    json: bool,
    packets: bool,
}

impl Viewer {
    fn show(&mut self, traced: &Traced) -> anyhow::Result<()> {
        if let Some(capture) = &mut self.capture {
            capture.write(traced)?;
        }
        if !self.packets && lines::is_packet(&traced.what) {
            return Ok(());
        }
        match self.json {
            true => print(&format!("{}\n", serde_json::to_string(traced)?)),
            false => print(&self.lines.of(traced)),
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Some(capture) = self.capture {
            let frames = capture.finish()?;
            eprintln!("adit: {frames} frames written");
        }
        Ok(())
    }
}
