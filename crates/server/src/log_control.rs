//! What can be changed about the log while the server runs.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The running server's hold on its log. The program that set the log up implements it; nothing here waits
/// for a disk.
pub trait LogControl: Send + Sync {
    /// Writes from now on what this filter lets through: as the setting `log.level`, see [`parse_filter`].
    ///
    /// # Errors
    /// A sentence that says what is wrong with the filter; the log stays as it was.
    fn set_level(&self, filter: &str) -> Result<(), String>;

    /// The filter in force.
    fn level(&self) -> String;

    /// Closes the log file and opens it anew by its name, which may be another file since: the last one was
    /// renamed. Does nothing where the log is no file.
    fn reopen(&self);
}

/// Reads a log filter: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or levels for single
/// modules and one for the rest, as `adit_ppp=trace,info`.
///
/// # Errors
/// A sentence that says what is wrong and what to write.
pub fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let refused = |directive: &str| {
        format!(
            "`{directive}` is no log level; use error, warn, info, debug, trace or off, and \
             MODULE=LEVEL for single modules, as in \"adit_ppp=trace,info\""
        )
    };
    // A bare word that is no level would count as a module, and a typing error would silence the rest.
    let misspelt = |directive: &&&str| {
        let bare = !directive.contains(['=', '[']) && !directive.starts_with("adit");
        directive.is_empty() || bare && LevelFilter::from_str(directive).is_err()
    };
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some(directive) = directives.iter().find(misspelt) {
        return Err(refused(directive));
    }
    EnvFilter::builder()
        .parse(directives.join(","))
        .map_err(|_| refused(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_and_modules() {
        for text in [
            "info",
            "TRACE",
            "off",
            "adit_ppp=trace,info",
            "adit_server",
            "warn, adit_ppp=debug",
        ] {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
        for text in ["", "inof", "info,,warn", "adit=loud", "info,everything"] {
            let problem = parse_filter(text).expect_err(text);
            assert!(problem.contains("is no log level; use error"), "{problem}");
        }
    }
}
