//! What a secrets file means to another program and would not mean to Adit.
//!
//! The file itself stays what it is: Adit reads it in place. Only users and places are named here, never what
//! stands in a column for secrets.

use std::path::Path;

use crate::job::Job;
use crate::ledger::shown;
use crate::words::{Word, words};

/// Differences of one kind that are named one by one.
const NAMED: usize = 5;

/// Who has read the file so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// accel-ppp: the first line of a user counts, whatever its second column says; a fourth column may name
    /// a pool, a fifth one a rate.
    AccelPpp,
    /// pppd: the line with the fewest wildcards counts.
    Pppd,
}

/// One kind of difference with the places where it is.
struct Difference {
    what: &'static str,
    places: Vec<String>,
}

/// Reads the file and says where Adit understands it otherwise.
pub(crate) fn compare(job: &mut Job<'_>, path: &Path, reader: Reader) {
    let text = match job.reader.text(path) {
        Ok(text) => text,
        Err(error) => {
            return job.remark(format!(
                "{} is not compared with what Adit understands: {error}.",
                path.display()
            ));
        }
    };
    let mut differences = Vec::new();
    let lines = lines(&text);
    for (index, line) in lines.iter().enumerate() {
        let found = match reader {
            Reader::AccelPpp => accel_ppp(&lines[..index], line),
            Reader::Pppd => pppd(line),
        };
        let client = line.first().map_or("", |word| word.text.as_str());
        let number = line.first().map_or(0, |word| word.line);
        for what in found {
            note(
                &mut differences,
                what,
                format!("line {number} (`{}`)", shown(client)),
            );
        }
    }
    if reader == Reader::AccelPpp {
        hidden_comments(&text, &mut differences);
    }
    for difference in differences {
        let more = difference.places.len().saturating_sub(NAMED);
        let mut places = difference.places;
        places.truncate(NAMED);
        let mut places = places.join(", ");
        if more > 0 {
            places.push_str(&format!(" and {more} more"));
        }
        job.remark(format!(
            "{}: {}: {places}.",
            path.display(),
            difference.what
        ));
    }
}

fn note(differences: &mut Vec<Difference>, what: &'static str, place: String) {
    match differences.iter_mut().find(|other| other.what == what) {
        Some(difference) => difference.places.push(place),
        None => differences.push(Difference {
            what,
            places: vec![place],
        }),
    }
}

fn lines(text: &str) -> Vec<Vec<Word>> {
    let mut lines: Vec<Vec<Word>> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if !word.first => line.push(word),
            _ => lines.push(vec![word]),
        }
    }
    lines
}

fn accel_ppp(before: &[Vec<Word>], line: &[Word]) -> Vec<&'static str> {
    let mut found = Vec::new();
    let [client, _, _, rest @ ..] = line else {
        return vec![
            "Adit refuses the file for a line without a client, a server and a secret; accel-ppp passes over it",
        ];
    };
    if client.text.as_str() == "*" {
        found.push(
            "`*` lets every user in with this password; accel-ppp takes it for a user's name",
        );
    }
    if line.iter().any(|word| word.escaped) {
        found.push("a backslash makes the next character an ordinary one and is not part of a word; write it twice");
    }
    if before
        .iter()
        .any(|other| other.first().is_some_and(|other| other.text == client.text))
    {
        found.push("accel-ppp looks at the first line of a user only; Adit prefers one that names a server");
    }
    match rest {
        [] => found.push("a user without a fourth column may have no address; accel-ppp does not know such a user"),
        [address, ..] if address.text.as_str() == "-" => {
            found.push("`-` means no address, and the user cannot connect; in accel-ppp it means any");
        }
        [address, ..] if !is_address(&address.text) => {
            found.push("a pool in the fourth column is not taken; give the user a pool with `adit user`, or `*` here");
        }
        _ => {}
    }
    if rest.len() > 1 {
        found.push("a rate in the fifth column is not taken; give the user rates with `adit user`");
    }
    found
}

fn pppd(line: &[Word]) -> Vec<&'static str> {
    let mut found = Vec::new();
    let Some(addresses) = line.get(3..) else {
        return found;
    };
    let end = addresses.iter().position(|word| word.text.as_str() == "--");
    if end.is_some() {
        found.push("pppd's options behind `--` are not taken");
    }
    let addresses = addresses
        .get(..end.unwrap_or(addresses.len()))
        .unwrap_or_default();
    if addresses.iter().any(|word| word.text.ends_with('+')) {
        found.push("an address by the number of an interface (`+`) is not taken");
    } else if addresses
        .iter()
        .any(|word| !is_address(&word.text) && word.text.as_str() != "-")
    {
        found.push("the name of a host or a network is not taken for an address");
    }
    found
}

/// `*`, an address or a network, each perhaps behind `!`.
fn is_address(word: &str) -> bool {
    let word = word.strip_prefix('!').unwrap_or(word);
    word == "*"
        || word.parse::<std::net::Ipv4Addr>().is_ok()
        || word.parse::<ipnet::Ipv4Net>().is_ok()
}

/// accel-ppp knows comments at the start of a line only.
fn hidden_comments(text: &str, differences: &mut Vec<Difference>) {
    for (index, line) in text.lines().enumerate() {
        let outside_quotes = words(line)
            .iter()
            .map(|word| word.text.len())
            .sum::<usize>();
        let begins = line.trim_start().starts_with('#');
        if !begins && line.contains('#') && !line.contains(['"', '\'']) && outside_quotes > 0 {
            let what = "a `#` begins a comment, also at the end of a word; in accel-ppp it is part of the word unless \
                        it begins the line: put the word in quotes";
            note(differences, what, format!("line {}", index + 1));
        }
    }
}
