//! "Did you mean": the known word nearest to an unknown one.

/// Adds the nearest known name to serde's message about an unknown key or value.
///
/// Serde quotes the unknown name first and every known one after it; other messages pass unchanged.
pub(super) fn explain(message: &str) -> String {
    let kind = if message.starts_with("unknown field `") {
        "key"
    } else if message.starts_with("unknown variant `") {
        "value"
    } else {
        return message.to_owned();
    };
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next() else {
        return message.to_owned();
    };
    let known: Vec<&str> = names.collect();
    match nearest(unknown, &known) {
        Some(name) => format!("unknown {kind} `{unknown}`; did you mean `{name}`?"),
        None => format!(
            "unknown {kind} `{unknown}`; known here: {}",
            known.join(", ")
        ),
    }
}

/// The known name nearest to `unknown`, unless all of them are too different to be what was meant.
fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, name) = known
        .iter()
        .map(|name| (edit_distance(unknown, name), *name))
        .min()?;
    let longest = unknown.chars().count().max(name.chars().count());
    (distance * 2 <= longest).then_some(name)
}

/// Insertions, deletions and replacements of one character that turn `a` into `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("pool", "pool"), 0);
    }

    #[test]
    fn far_names_are_listed_not_suggested() {
        assert_eq!(
            explain("unknown field `zzzzzz`, expected `a` or `b`"),
            "unknown key `zzzzzz`; known here: a, b"
        );
    }

    #[test]
    fn other_messages_pass() {
        assert_eq!(explain("invalid type: string"), "invalid type: string");
    }
}
