//! The manual page of the configuration file, made of the commented default configuration.

const HEAD: &str = r#".TH adit.toml 5 "" "adit VERSION" ""
.SH NAME
adit.toml \- configuration of the Adit PPTP server
.SH DESCRIPTION
The file that \fBadit serve \-\-config\fR reads, in TOML. It needs only the keys that differ from what is shown
here. A key that the server does not know is an error, which names the line and the nearest key.
\fBadit config check\fR says what is wrong with a file, or weaker than it could be; \fBadit config default\fR prints
all of this as a file. Keys marked with * are shown with an example: they are not set by default.
"#;

const TAIL: &str = r#".SH FILES
.TP
.I /etc/adit/adit.toml
The configuration of the system's service.
.SH SEE ALSO
.BR adit (1),
.BR adit\-serve (1),
.BR adit\-config (1)
"#;

/// The page in the language of man(7), for this commented default configuration.
pub(super) fn page(default: &str) -> String {
    let mut page = Page {
        text: HEAD.replace("VERSION", env!("CARGO_PKG_VERSION")),
        ..Page::default()
    };
    page.heading("Top level");
    for line in default.lines() {
        page.line(line);
    }
    page.end_entry();
    page.text + TAIL
}

#[derive(Default)]
struct Page {
    text: String,
    /// What is said about the keys that follow.
    words: Vec<String>,
    keys: Vec<String>,
}

impl Page {
    fn line(&mut self, line: &str) {
        let (commented, content) = match line.strip_prefix('#') {
            Some(comment) => (true, comment.trim_start()),
            None => (false, line),
        };
        if content.starts_with('[') && content.ends_with(']') && !content.contains(' ') {
            self.end_keys();
            // What stands before the head of a section that is commented out is about the section.
            let words = std::mem::take(&mut self.words);
            self.heading(content);
            self.words = words;
        } else if is_setting(content) {
            let mark = if commented { "*" } else { "" };
            self.keys.push(format!("{content}{mark}"));
        } else if commented {
            self.end_keys();
            self.words.push(content.to_owned());
        } else {
            self.end_entry();
        }
    }

    fn heading(&mut self, name: &str) {
        self.text.push_str(&format!(".SH \"{}\"\n", escaped(name)));
    }

    /// Ends an entry that has its keys.
    fn end_keys(&mut self) {
        if !self.keys.is_empty() {
            self.end_entry();
        }
    }

    fn end_entry(&mut self) {
        let mut macro_name = ".TP";
        for key in self.keys.drain(..) {
            self.text
                .push_str(&format!("{macro_name}\n\\fB{}\\fR\n", escaped(&key)));
            macro_name = ".TQ";
        }
        if macro_name == ".TP" && !self.words.is_empty() {
            self.text.push_str(".PP\n");
        }
        for words in self.words.drain(..) {
            self.text.push_str(&format!("{}\n", escaped(&words)));
        }
    }
}

/// Whether a line is `key = value`.
fn is_setting(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| {
        !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Text that roff takes as it is, also at the beginning of a line.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    match text.starts_with('.') {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use adit_server::config::DEFAULT_TEXT;

    use super::*;

    #[test]
    fn settings_come_with_what_is_said_about_them() {
        let default = "# About the file.\n\n# Where it\n# listens.\nlisten = []\n\n[net]\n# Two.\na = 1\nb = \"x-y\"\n# ... or\n# c = 2\n\n# More of\n# [[pools]]\n# name = \"o\"\n";
        let page = page(default);
        let body = page.split_once(".SH \"Top level\"\n").unwrap().1;
        let body = body.split_once(".SH FILES").unwrap().0;
        assert_eq!(
            body,
            ".PP\nAbout the file.\n.TP\n\\fBlisten = []\\fR\nWhere it\nlistens.\n.SH \"[net]\"\n\
             .TP\n\\fBa = 1\\fR\n.TQ\n\\fBb = \"x\\-y\"\\fR\nTwo.\n\
             .TP\n\\fBc = 2*\\fR\n\\&... or\n.SH \"[[pools]]\"\n.TP\n\\fBname = \"o\"*\\fR\nMore of\n"
        );
    }

    #[test]
    fn every_line_of_the_default_configuration_is_there() {
        let page = page(DEFAULT_TEXT);
        for line in DEFAULT_TEXT.lines() {
            let content = escaped(line.trim_start_matches(['#', ' ']));
            assert!(page.contains(&content), "{content}");
        }
    }
}
