//! The log: where its lines go, in which form, and which of them.

mod file;

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::Arc;

use adit_server::config::{Log, LogFormat, LogTarget};
use adit_server::log_control::{LogControl, parse_filter};
use anyhow::{Context, anyhow};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::cli::{Form, LogArgs};
use file::{LogFile, Reopener};

/// Chooses log levels per module.
const VARIABLE: &str = "ADIT_LOG";
/// What begins the names of fields in the journal, where those of all programs meet.
const JOURNAL_PREFIX: &str = "ADIT";

/// The log of this process. Dropping it writes what still waits to be written.
pub(crate) struct Logging {
    control: Arc<Control>,
    _file: Option<LogFile>,
}

impl Logging {
    /// What can be changed about it from now on.
    pub(crate) fn control(&self) -> Arc<dyn LogControl> {
        Arc::<Control>::clone(&self.control)
    }
}

struct Control {
    filter: reload::Handle<EnvFilter, Registry>,
    file: Option<Reopener>,
}

impl LogControl for Control {
    fn set_level(&self, filter: &str) -> Result<(), String> {
        let filter = parse_filter(filter)?;
        let reloaded = self.filter.reload(filter);
        reloaded.map_err(|error| format!("the log level cannot be changed: {error}"))
    }

    fn level(&self) -> String {
        let text = self.filter.with_current(ToString::to_string);
        text.unwrap_or_default()
    }

    fn reopen(&self) {
        if let Some(file) = &self.file {
            file.reopen();
        }
    }
}

/// Lays what the command line and the environment say over what a configuration does.
///
/// # Errors
/// The variable ADIT_LOG holds no filter.
pub(crate) fn overruled(mut log: Log, args: &LogArgs) -> anyhow::Result<Log> {
    match args.verbose {
        0 => {}
        1 => "debug".clone_into(&mut log.level),
        _ => "trace".clone_into(&mut log.level),
    }
    match args.log_format {
        None => {}
        Some(Form::Text) => log.format = LogFormat::Human,
        Some(Form::Json) => log.format = LogFormat::Json,
    }
    if let Ok(filter) = std::env::var(VARIABLE)
        && !filter.is_empty()
    {
        parse_filter(&filter).map_err(|problem| anyhow!("the variable {VARIABLE}: {problem}"))?;
        log.level = filter;
    }
    Ok(log)
}

/// Starts to log.
///
/// # Errors
/// The file cannot be written, or there is no journal.
pub(crate) fn start(log: &Log) -> anyhow::Result<Logging> {
    let filter = parse_filter(&log.level).map_err(|problem| anyhow!("the log level: {problem}"))?;
    // Who wants everything wants to know where it comes from.
    let modules = filter.max_level_hint() == Some(LevelFilter::TRACE);
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let mut file = None;
    match &log.target {
        LogTarget::Stderr => registry
            .with(lines(log.format, modules, colours(), stderr))
            .init(),
        LogTarget::Journald => registry.with(journal()?).init(),
        LogTarget::File(path) => {
            let opened = open(path)?;
            registry
                .with(lines(log.format, modules, false, opened.writer()))
                .init();
            file = Some(opened);
        }
    }
    let control = Control {
        filter: handle,
        file: file.as_ref().map(LogFile::reopener),
    };
    Ok(Logging {
        control: Arc::new(control),
        _file: file,
    })
}

/// A layer that writes lines.
fn lines<S, W>(
    format: LogFormat,
    modules: bool,
    colours: bool,
    writer: W,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(modules);
    match format {
        LogFormat::Human => layer.with_ansi(colours).boxed(),
        LogFormat::Json => layer.json().boxed(),
    }
}

fn journal() -> anyhow::Result<tracing_journald::Layer> {
    let layer = tracing_journald::layer().context(
        "the journal of systemd cannot be reached; set target = \"stderr\" in the section [log]",
    )?;
    Ok(layer
        .with_syslog_identifier("adit".to_owned())
        .with_field_prefix(Some(JOURNAL_PREFIX.to_owned())))
}

fn open(path: &Path) -> anyhow::Result<LogFile> {
    LogFile::open(path).with_context(|| format!("cannot write the log to {}", path.display()))
}

/// Colours are for terminals, and only while NO_COLOR is unset or empty.
fn colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stderr().is_terminal() && !unwanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_goes_before_the_configuration() {
        let configured = Log {
            level: "warn".to_owned(),
            format: LogFormat::Json,
            ..Log::default()
        };
        let overruled = |verbose, log_format| {
            let args = LogArgs {
                verbose,
                log_format,
            };
            let log = overruled(configured.clone(), &args).unwrap();
            (log.level, log.format)
        };
        assert_eq!(overruled(0, None), ("warn".to_owned(), LogFormat::Json));
        assert_eq!(
            overruled(1, Some(Form::Text)),
            ("debug".to_owned(), LogFormat::Human)
        );
        assert_eq!(overruled(2, None), ("trace".to_owned(), LogFormat::Json));
    }
}
