//! What is different about pools after a change of the configuration, in sentences.

use crate::config::{Ipv6Pool, Pool};

/// What tells of a pool.
pub(super) trait Plan: PartialEq {
    fn name(&self) -> &str;
    /// What it has to lease, as `5 addresses`.
    fn contents(&self) -> String;
    fn kind() -> &'static str;
}

impl Plan for Pool {
    fn name(&self) -> &str {
        &self.name
    }

    fn contents(&self) -> String {
        match self.leased().count() {
            1 => "1 address".to_owned(),
            count => format!("{count} addresses"),
        }
    }

    fn kind() -> &'static str {
        "pool"
    }
}

impl Plan for Ipv6Pool {
    fn name(&self) -> &str {
        &self.name
    }

    fn contents(&self) -> String {
        self.prefix.to_string()
    }

    fn kind() -> &'static str {
        "IPv6 pool"
    }
}

/// One sentence for each pool that came, changed or went.
pub(super) fn describe<P: Plan>(before: &[P], after: &[P]) -> Vec<String> {
    let kind = P::kind();
    let mut changes = Vec::new();
    for new in after {
        let (name, contents) = (new.name(), new.contents());
        match before.iter().find(|old| old.name() == name) {
            None => changes.push(format!("the {kind} \"{name}\" is new: {contents}")),
            Some(old) if old == new => {}
            Some(old) if old.contents() == contents => {
                changes.push(format!("the {kind} \"{name}\" has changed"));
            }
            Some(old) => changes.push(format!(
                "the {kind} \"{name}\" has {contents} instead of {}",
                old.contents()
            )),
        }
    }
    let gone = |old: &&P| !after.iter().any(|new| new.name() == old.name());
    for old in before.iter().filter(gone) {
        changes.push(format!("the {kind} \"{}\" is gone", old.name()));
    }
    changes
}
