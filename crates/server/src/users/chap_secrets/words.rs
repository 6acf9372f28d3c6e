//! Words and lines of a secrets file, by the rules that pppd has for all its option files.
//!
//! White space separates words. `#` begins a comment, at the start of a word or at its end. A word, or a
//! part of it, may stand in double or single quotes. A backslash makes the next character an ordinary one,
//! except for `\a \b \f \n \r \s \t`, `\` with up to three octal digits and `\x` with up to two hexadecimal
//! ones; before a line end it joins the next line.

use zeroize::Zeroizing;

use super::SyntaxError;

/// Octets in a word; pppd cuts longer ones.
const LONGEST: usize = 1023;

/// A word and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: Zeroizing<String>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Splits a file into lines of words; lines without words are left out.
pub(super) fn lines(file: &[u8]) -> Result<Vec<Vec<Word>>, SyntaxError> {
    let mut scanner = Scanner::new(file);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    loop {
        let newline = scanner.skip_to_word();
        if newline && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        match scanner.word()? {
            Some(word) => line.push(word),
            None => break,
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    Ok(lines)
}

struct Scanner<'a> {
    rest: &'a [u8],
    line: usize,
    column: usize,
}

impl<'a> Scanner<'a> {
    fn new(file: &'a [u8]) -> Self {
        Self {
            rest: file,
            line: 1,
            column: 1,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (&octet, rest) = self.rest.split_first()?;
        self.rest = rest;
        match octet {
            b'\n' => {
                self.line += 1;
                self.column = 1;
            }
            // Octets that continue a UTF-8 character take no column.
            0x80..=0xBF => {}
            _ => self.column += 1,
        }
        Some(octet)
    }

    /// Passes white space, comments and joined line ends; tells whether a line ended.
    fn skip_to_word(&mut self) -> bool {
        let mut newline = false;
        loop {
            match self.rest {
                [b'\\', b'\n', ..] => {
                    self.next();
                    self.next();
                }
                [b'#', ..] => {
                    while self.peek().is_some_and(|octet| octet != b'\n') {
                        self.next();
                    }
                }
                [octet, ..] if is_space(*octet) => {
                    newline |= *octet == b'\n';
                    self.next();
                }
                _ => return newline,
            }
        }
    }

    /// The word that begins here; `None` at the end of the file.
    fn word(&mut self) -> Result<Option<Word>, SyntaxError> {
        let (line, column) = (self.line, self.column);
        let at = |message| SyntaxError::new(line, column, message);
        if self.rest.is_empty() {
            return Ok(None);
        }
        // Room for the longest, so that no copy of a secret stays behind when it grows.
        let mut octets = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
        let mut quote = None;
        while let Some(octet) = self.peek() {
            if octet == b'\\' {
                self.next();
                octets.extend(self.escaped());
            } else if quote == Some(octet) {
                self.next();
                quote = None;
            } else if quote.is_none() && (octet == b'"' || octet == b'\'') {
                self.next();
                quote = Some(octet);
            } else if quote.is_none() && (is_space(octet) || octet == b'#') {
                break;
            } else {
                self.next();
                octets.push(octet);
            }
            if octets.len() > LONGEST {
                return Err(at(
                    "the word is longer than 1023 octets; is a quote missing?",
                ));
            }
        }
        if quote.is_some() {
            return Err(at("the quote that begins here does not end"));
        }
        let text = std::str::from_utf8(&octets).map_err(|_| at("the word is not in UTF-8"))?;
        let text = Zeroizing::new(text.to_owned());
        Ok(Some(Word { text, line, column }))
    }

    /// What a backslash and the characters after it stand for.
    fn escaped(&mut self) -> Option<u8> {
        match self.next()? {
            b'\n' => None,
            b'a' => Some(0x07),
            b'b' => Some(0x08),
            b'f' => Some(0x0C),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b's' => Some(b' '),
            b't' => Some(b'\t'),
            b'x' => Some(self.digits(0, 2, 16)),
            octet @ b'0'..=b'7' => Some(self.digits(octet - b'0', 2, 8)),
            octet => Some(octet),
        }
    }

    /// Adds up to `most` digits to a number; it wraps at 256 as pppd's does.
    fn digits(&mut self, first: u8, most: usize, radix: u8) -> u8 {
        let mut value = first;
        for _ in 0..most {
            let digit = self
                .peek()
                .and_then(|octet| char::from(octet).to_digit(radix.into()));
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else {
                break;
            };
            self.next();
            value = value.wrapping_mul(radix).wrapping_add(digit);
        }
        value
    }
}

/// What C's `isspace` accepts in the C locale.
fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(file: &str) -> Vec<Vec<String>> {
        let lines = lines(file.as_bytes()).unwrap();
        let text = |word: &Word| word.text.to_string();
        lines
            .iter()
            .map(|line| line.iter().map(text).collect())
            .collect()
    }

    #[test]
    fn words_comments_and_lines() {
        let file = "# a comment\n\n alice * \"s e c\" * # more\nbob\t'*' s3cret#tail\n";
        assert_eq!(
            texts(file),
            vec![vec!["alice", "*", "s e c", "*"], vec!["bob", "*", "s3cret"]]
        );
    }

    #[test]
    fn quotes_may_be_parts_and_empty() {
        assert_eq!(texts(r#"a"b c"'d"e' """#), vec![vec!["ab cd\"e", ""]]);
        assert_eq!(texts("\"#no comment\""), vec![vec!["#no comment"]]);
    }

    #[test]
    fn escapes() {
        assert_eq!(
            texts(r#"CORP\\alice \# \" \101\x42\x4g \s\t"#),
            vec![vec!["CORP\\alice", "#", "\"", "AB\u{4}g", " \t"]]
        );
        assert_eq!(texts(r#""in \"quotes\"""#), vec![vec!["in \"quotes\""]]);
        assert_eq!(texts(r"\1234"), vec![vec!["S4"]]);
    }

    #[test]
    fn backslash_joins_lines() {
        assert_eq!(
            texts("alice \\\n * sec\\\nret\nbob"),
            vec![vec!["alice", "*", "secret"], vec!["bob"]]
        );
    }

    #[test]
    fn positions_count_characters() {
        let lines = lines("ä ö\n  ü".as_bytes()).unwrap();
        let places: Vec<_> = lines
            .iter()
            .flatten()
            .map(|word| (word.line, word.column))
            .collect();
        assert_eq!(places, [(1, 1), (1, 3), (2, 3)]);
    }

    #[test]
    fn mistakes_name_their_place() {
        let message = |file: &[u8]| lines(file).unwrap_err().to_string();
        assert!(message(b"a b\n  c \"open").starts_with("2:5: the quote"));
        assert!(message(b"a \xFF").starts_with("1:3: the word is not in UTF-8"));
        assert!(message("x".repeat(1024).as_bytes()).starts_with("1:1: the word is longer"));
    }

    proptest! {
        #[test]
        fn any_octets_are_split_or_refused(file in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(lines) = lines(&file) {
                prop_assert!(lines.iter().all(|line| !line.is_empty()));
            }
        }

        #[test]
        fn quoted_words_come_back(words in prop::collection::vec("\\PC{0,20}", 1..6)) {
            let quote = |word: &String| {
                format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
            };
            let file = words.iter().map(quote).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(texts(&file), vec![words]);
        }

        #[test]
        fn octal_escapes_come_back(word in prop::collection::vec(any::<char>(), 1..20)) {
            let word: String = word.into_iter().collect();
            let file: String = word.bytes().map(|octet| format!("\\{octet:03o}")).collect();
            prop_assert_eq!(texts(&file), vec![vec![word]]);
        }
    }
}
