//! `adit inspect`: explains a capture.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use adit_inspect::{CaptureEnd, Credentials, Inspector, Line, Summary, read_capture};
use anyhow::Context;
use clap::Args;
use serde_json::json;

use crate::exit::Code;
use crate::password;

const EXAMPLES: &str = "\
Examples:
  adit inspect trouble.pcap
  adit inspect trouble.pcapng --user alice --password-file password    decrypt as well
  adit inspect trouble.pcap --json | jq .

Capture with: tcpdump -w trouble.pcap 'tcp port 1723 or proto gre'

Exit codes: 0 everything was decoded, 1 something was not, or the file cannot be read.";

/// Arguments of `adit inspect`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    /// Capture in pcap or pcapng format.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// One JSON object per packet and finding.
    #[arg(long)]
    pub json: bool,

    /// User whose sessions are to be decrypted.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,

    /// File whose first line is the user's password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
}

/// Explains the capture on standard output.
///
/// # Errors
/// The capture cannot be read.
pub fn run(args: InspectArgs) -> anyhow::Result<Code> {
    let credentials = credentials(&args)?;
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open the capture {name}"))?;
    let mut output = Output {
        stdout: BufWriter::new(io::stdout().lock()),
        json: args.json,
    };
    let mut inspector = Inspector::new(credentials);
    let mut written = Ok(());
    let end = read_capture(file, |frame| {
        inspector.handle(frame);
        written = output.lines(&mut inspector);
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    written?;
    inspector.finish();
    output.lines(&mut inspector)?;
    let summary = inspector.summary();
    output.summary(&summary)?;
    match end.with_context(|| format!("cannot read {name} to its end"))? {
        CaptureEnd::CutShort => eprintln!("adit: {name} ends within a frame, which is left out"),
        CaptureEnd::Whole | CaptureEnd::Stopped => {}
    }
    Ok(if summary.is_clean() {
        Code::Done
    } else {
        Code::Failed
    })
}

fn credentials(args: &InspectArgs) -> anyhow::Result<Option<Credentials>> {
    match (&args.user, &args.password_file) {
        (Some(user), Some(file)) => Ok(Some(Credentials::new(user, password::from_file(file)?))),
        _ => Ok(None),
    }
}

/// Standard output, in the form that was asked for.
struct Output<W> {
    stdout: W,
    json: bool,
}

impl<W: Write> Output<W> {
    /// Writes the lines that are ready.
    fn lines(&mut self, inspector: &mut Inspector) -> io::Result<()> {
        while let Some(line) = inspector.poll_line() {
            self.line(&line)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.stdout, line)?;
            writeln!(self.stdout)
        } else {
            writeln!(self.stdout, "{line}")
        }
    }

    /// Writes what comes last.
    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        if self.json {
            writeln!(self.stdout, "{}", json!({ "summary": summary }))?;
        } else {
            write!(self.stdout, "\n{summary}")?;
        }
        self.stdout.flush()
    }
}
