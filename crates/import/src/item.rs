//! A setting of another program, as far as its grammar goes.

use zeroize::Zeroizing;

use crate::ledger::LineId;

/// One setting.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) id: LineId,
    /// `[section]` of accel-ppp; empty elsewhere.
    pub(crate) section: String,
    pub(crate) name: String,
    /// What follows the name; it may be a secret.
    pub(crate) value: Zeroizing<String>,
    /// The whole line, for grammars that cut it in other places.
    pub(crate) raw: Zeroizing<String>,
    /// Whether the import has looked at it.
    pub(crate) taken: bool,
}

impl Item {
    /// The number that the value begins with, as C's `atoi` reads it; `None` where there is no digit.
    pub(crate) fn number(&self) -> Option<i64> {
        leading_number(&self.value)
    }

    /// Whether the value is a number other than 0.
    pub(crate) fn is_on(&self) -> bool {
        self.number().is_some_and(|number| number != 0)
    }
}

/// As C's `atoi`, but `None` where that has nothing to go by.
pub(crate) fn leading_number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let number: i64 = digits.get(..end)?.parse().ok()?;
    Some(sign * number)
}
