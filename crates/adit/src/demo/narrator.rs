//! Telling what happens, for people.

use std::fmt::Display;
use std::io::IsTerminal;

use crate::output::print;

/// Marks and colours of the lines, as the terminal can show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    mark: &'static str,
    colours: bool,
}

impl Style {
    /// What standard output can show: colours on a terminal unless NO_COLOR is set, a check mark in UTF-8.
    pub(super) fn of_stdout() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let terminal = std::io::stdout().is_terminal();
        Self::new(terminal && set("NO_COLOR").is_none(), locale.as_deref())
    }

    fn new(colours: bool, locale: Option<&str>) -> Self {
        let locale = locale.unwrap_or_default().to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let mark = if utf8 { "✓" } else { "ok" };
        Self { mark, colours }
    }

    fn done(self, what: &dyn Display) -> String {
        format!("{} {what}\n", self.paint("32", self.mark))
    }

    fn entry(self, name: &str, value: &dyn Display) -> String {
        let name = format!("{name:NAME$}");
        format!("  {}  {value}\n", self.paint("1", &name))
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colours {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Width of the longest name of a summary's entry.
const NAME: usize = "Authentication".len();

/// Prints lines as things happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Narrator(Style);

impl Narrator {
    pub(super) fn new(style: Style) -> Self {
        Self(style)
    }

    /// A line as it is.
    pub(super) fn say(self, text: &str) -> anyhow::Result<()> {
        print(&format!("{text}\n"))
    }

    /// A step that went well.
    pub(super) fn done(self, what: impl Display) -> anyhow::Result<()> {
        print(&self.0.done(&what))
    }

    /// An entry of the summary.
    pub(super) fn entry(self, name: &str, value: impl Display) -> anyhow::Result<()> {
        print(&self.0.entry(name, &value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_colours_follow_the_terminal() {
        let plain = Style::new(false, Some("C"));
        assert_eq!(plain.done(&"up"), "ok up\n");
        assert_eq!(plain.entry("MTU", &1456), "  MTU             1456\n");
        let coloured = Style::new(true, Some("en_GB.UTF-8"));
        assert_eq!(coloured.done(&"up"), "\x1b[32m✓\x1b[0m up\n");
        assert_eq!(Style::new(false, None), plain);
        assert_eq!(Style::new(false, Some("C.utf8")).mark, "✓");
    }
}
