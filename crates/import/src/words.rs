//! Words of the files that pppd reads, by its rules.
//!
//! White space separates words; `#` begins a comment; a word, or a part of it, may stand in double or single
//! quotes; a backslash makes the next character an ordinary one.

use zeroize::Zeroizing;

/// A word.
#[derive(Clone)]
pub(crate) struct Word {
    /// It may be a secret.
    pub(crate) text: Zeroizing<String>,
    /// The line where it begins, from 1.
    pub(crate) line: usize,
    /// Whether it is the first one on its line.
    pub(crate) first: bool,
    /// Whether a backslash stood outside of quotes.
    pub(crate) escaped: bool,
}

/// All words of a text. A quote that does not end takes the rest of the text with it, as in pppd.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    let mut line = 1;
    let mut first = true;
    while let Some(&c) = rest.peek() {
        match c {
            '\n' => {
                line += 1;
                first = true;
                rest.next();
            }
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            c if is_space(c) => {
                rest.next();
            }
            _ => {
                let begin = line;
                let (text, escaped) = word(&mut rest, &mut line);
                words.push(Word {
                    text: Zeroizing::new(text),
                    line: begin,
                    first,
                    escaped,
                });
                first = false;
            }
        }
    }
    words
}

fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, line: &mut usize) -> (String, bool) {
    let mut text = String::new();
    let mut quote = None;
    let mut escaped = false;
    while let Some(&c) = rest.peek() {
        if quote.is_none() && (is_space(c) || c == '#') {
            break;
        }
        rest.next();
        if c == '\n' {
            *line += 1;
        }
        match (c, quote) {
            ('\\', _) => {
                escaped |= quote.is_none();
                match rest.next() {
                    Some('\n') => *line += 1,
                    Some(next) => text.push(next),
                    None => {}
                }
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            _ => text.push(c),
        }
    }
    (text, escaped)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text)
            .iter()
            .map(|word| word.text.to_string())
            .collect()
    }

    #[test]
    fn words_quotes_and_comments() {
        assert_eq!(
            texts("mtu 1400 # no\n\"a b\"'c' d\\ e\\\nf #x\n\n'open \n end"),
            ["mtu", "1400", "a bc", "d ef", "open \n end"]
        );
    }

    #[test]
    fn lines_are_counted() {
        let words = words("a b\n\nc \"d\ne\" f");
        let places: Vec<_> = words.iter().map(|word| (word.line, word.first)).collect();
        assert_eq!(
            places,
            [(1, true), (1, false), (3, true), (3, false), (4, false)]
        );
    }
}
