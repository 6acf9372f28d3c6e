//! `adit import`: writes the configuration of another PPTP server as one for Adit.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use adit_import::files::LARGEST_FILE;
use adit_import::{Files, Import, Line, Outcome, ReadError, SecretFile, options};
use adit_server::config::Config;
use anyhow::Context;
use clap::Args;
use serde_json::json;

use crate::exit::{Code, Coded};
use crate::output::print;

/// Where an imported configuration is expected to be if it is only printed.
const DIRECTORY: &str = "/etc/adit";

const EXAMPLES: &str = "\
Examples:
  adit import --accel-ppp                                 print what /etc/accel-ppp.conf says
  adit import --pptpd --output /etc/adit/adit.toml
  adit import --pptpd /srv/old/pptpd.conf --json
  adit import --options                                   print what becomes of which option

Lines that were not carried over are listed on standard error, with the reason. Secrets are never printed: they are
written to files beside the output, which only their owner can read. The other server is not touched.

Exit codes: 0 written; 1 a file could not be read or written, or Adit refuses what came of it.";

/// Arguments of `adit import`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// What to import.
    #[command(flatten)]
    pub source: Source,

    /// Write the configuration, and files with secrets beside it, instead of printing it.
    #[arg(long, value_name = "FILE", conflicts_with = "options")]
    pub output: Option<PathBuf>,

    /// Overwrite files that are there.
    #[arg(long, requires = "output")]
    pub force: bool,

    /// Print one JSON object with the configuration and the account of every line.
    #[arg(long, conflicts_with = "options")]
    pub json: bool,
}

/// What to import: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Source {
    /// Import pptpd's configuration, with the options of pppd that it names.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "/etc/pptpd.conf")]
    pub pptpd: Option<PathBuf>,

    /// Import accel-ppp's configuration.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "/etc/accel-ppp.conf")]
    pub accel_ppp: Option<PathBuf>,

    /// Print what becomes of each option of the other programs, in Markdown.
    #[arg(long)]
    pub options: bool,
}

/// Imports.
///
/// # Errors
/// The file cannot be read, or the output cannot be written, or Adit refuses what came of it.
pub fn run(args: &ImportArgs) -> anyhow::Result<Code> {
    if args.source.options {
        print(&options::markdown())?;
        return Ok(Code::Done);
    }
    let directory = directory(args.output.as_deref())?;
    let import = match (&args.source.pptpd, &args.source.accel_ppp) {
        (Some(path), _) => adit_import::pptpd(&Disk, path, &directory)?,
        (None, Some(path)) => adit_import::accel_ppp(&Disk, path, &directory)?,
        (None, None) => return Err(Coded::usage("name what to import: --pptpd or --accel-ppp")),
    };
    if let Some(output) = &args.output {
        write_files(output, &import, args.force)?;
    }
    if args.json {
        print(&format!(
            "{}\n",
            json_report(&import, args.output.is_none())
        ))?;
    } else {
        if args.output.is_none() {
            print(&import.configuration)?;
        }
        eprint!("{}", report(&import, args.output.as_deref()));
    }
    let origin = args
        .output
        .as_deref()
        .unwrap_or(Path::new("the imported configuration"));
    Config::parse(&import.configuration, &origin.display().to_string())
        .context("Adit refuses what came of the import; correct this before using it")?;
    Ok(Code::Done)
}

/// Where files with secrets are.
fn directory(output: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(output) = output else {
        return Ok(PathBuf::from(DIRECTORY));
    };
    let output = std::path::absolute(output)
        .with_context(|| format!("{} is no path for a file", output.display()))?;
    Ok(output.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Files of this machine.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let other = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::Missing,
            _ => ReadError::Other(error.to_string()),
        };
        let metadata = path.metadata().map_err(other)?;
        // Reading a pipe or a device could wait for ever.
        if !metadata.is_file() {
            return Err(ReadError::NotText);
        }
        let mut content = Vec::new();
        let file = File::open(path).map_err(other)?;
        file.take(LARGEST_FILE as u64 + 1)
            .read_to_end(&mut content)
            .map_err(other)?;
        match content.len() > LARGEST_FILE {
            true => Err(ReadError::TooLarge),
            false => Ok(content),
        }
    }
}

fn write_files(output: &Path, import: &Import, force: bool) -> anyhow::Result<()> {
    if !force {
        let others = import.secrets.iter().map(|secret| secret.path.as_path());
        for path in others.chain([output]) {
            anyhow::ensure!(
                !path.exists(),
                "{} is there already; remove it, or overwrite it with --force",
                path.display()
            );
        }
    }
    for secret in &import.secrets {
        write_private(&secret.path, secret.content.as_bytes(), force)?;
    }
    write_private(output, import.configuration.as_bytes(), force)
}

/// Writes a file that only its owner can read; what was there before stays whole until the new one is.
fn write_private(path: &Path, content: &[u8], force: bool) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    if !force {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(context)?;
        return file.write_all(content).with_context(context);
    }
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))
        .with_context(context)?;
    file.write_all(content).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}

fn json_report(import: &Import, with_configuration: bool) -> serde_json::Value {
    let secret = |secret: &SecretFile| json!({"path": secret.path, "origin": secret.origin});
    json!({
        "configuration": with_configuration.then_some(&import.configuration),
        "lines": import.lines,
        "remarks": import.remarks,
        "secret_files": import.secrets.iter().map(secret).collect::<Vec<_>>(),
    })
}

/// The account for people: what is lost, what differs, what needs nothing.
fn report(import: &Import, output: Option<&Path>) -> String {
    let mut lost = String::new();
    let mut differs = String::new();
    let mut needless = String::new();
    let mut carried = 0;
    for line in &import.lines {
        let text = shown(line);
        // Writing to a string cannot fail.
        match &line.outcome {
            Outcome::Unknown => {
                let _ = writeln!(lost, "  {text}\n      this import does not know it");
            }
            Outcome::NotCarried { reason } => {
                let _ = writeln!(lost, "  {text}\n      {reason}");
            }
            Outcome::NotNeeded { reason } => {
                let _ = writeln!(needless, "  {text}\n      {reason}");
            }
            Outcome::Carried { notes, .. } => {
                carried += 1;
                if !notes.is_empty() {
                    let _ = writeln!(differs, "  {text}\n      {}", notes.join("; "));
                }
            }
        }
    }
    let mut report = String::new();
    for (title, text) in [
        ("Needs nothing in Adit:", &needless),
        ("Carried over, but not quite the same:", &differs),
        ("Not carried over:", &lost),
    ] {
        if !text.is_empty() {
            let _ = writeln!(report, "{title}\n{text}");
        }
    }
    if !import.remarks.is_empty() {
        let _ = writeln!(report, "Note:");
        for remark in &import.remarks {
            let _ = writeln!(report, "  {remark}");
        }
        report.push('\n');
    }
    let _ = writeln!(
        report,
        "{carried} of {} lines carried over.",
        import.lines.len()
    );
    report.push_str(&what_next(import, output));
    report
}

fn what_next(import: &Import, output: Option<&Path>) -> String {
    let mut text = String::new();
    match output {
        Some(output) => {
            for secret in &import.secrets {
                let _ = writeln!(
                    text,
                    "wrote {} (secret of {})",
                    secret.path.display(),
                    secret.origin
                );
            }
            let path = output.display();
            let _ = writeln!(text, "wrote {path}; next: adit config check {path}");
        }
        None => {
            for secret in &import.secrets {
                let _ = writeln!(
                    text,
                    "put the secret of {} into {}, or import with --output",
                    secret.origin,
                    secret.path.display()
                );
            }
        }
    }
    text
}

fn shown(line: &Line) -> String {
    format!("{}: {}", line.place, line.text)
}
