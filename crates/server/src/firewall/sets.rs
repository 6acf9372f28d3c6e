//! The table with the sets, and the scripts that change it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::Entry;
use crate::ledger::Keeper;
use crate::nft;

/// Octets of a set's name; the kernel takes 255.
const LONGEST_NAME: usize = 200;

/// Sets of groups that there may be; a RADIUS server can name any number.
const MOST_SETS: usize = 4096;

/// Addresses that failed to log in that are kept at once.
const MOST_REFUSED: usize = 65_536;

/// The set of addresses that failed to log in.
const REFUSED: &str = "refused";

/// The table `inet adit_INTERFACE`. Rules of others may live in it: what they use stays at the end, empty.
pub(super) struct Sets {
    table: String,
    /// How long an address stays in the set of refused ones, if there is one.
    refused: Option<Duration>,
    /// Sets of groups that are known to exist.
    made: BTreeSet<String>,
    /// What the sets are to hold: the set of each network.
    held: HashMap<IpNet, String>,
    /// What went wrong last, until something goes well.
    problem: Option<String>,
}

impl Sets {
    /// Makes the table, with the set of refused addresses if it is wanted, and empties what a killed predecessor
    /// has left.
    ///
    /// # Errors
    /// What nftables said.
    pub(super) fn set_up(interface: &str, refused: Option<Duration>) -> Result<Self, String> {
        let sets = Self {
            table: table_name(interface),
            refused,
            made: BTreeSet::new(),
            held: HashMap::new(),
            problem: None,
        };
        let mut script = sets.base();
        if let Some(left) = nft::list_table(&sets.table)? {
            for name in Contents::of(&left).own_sets {
                let _ = writeln!(script, "flush set {} {name}", sets.table);
            }
        }
        nft::run(&script)?;
        Ok(sets)
    }

    /// The script for what is there whoever is logged in.
    fn base(&self) -> String {
        let table = &self.table;
        let mut script = format!("add table {table}\n");
        if self.refused.is_some() {
            let _ = writeln!(
                script,
                "add set {table} {REFUSED} {{ type ipv4_addr; flags timeout; size {MOST_REFUSED}; }}"
            );
        }
        script
    }

    /// Adds what it takes to have the set of this name.
    fn make_set(&self, script: &mut String, name: &str) {
        // A client has an address and a prefix.
        let kind = match name.starts_with(V6) {
            false => "type ipv4_addr;",
            true => "type ipv6_addr; flags interval;",
        };
        let _ = writeln!(script, "add set {} {name} {{ {kind} }}", self.table);
    }

    fn element(&self, script: &mut String, verb: &str, name: &str, network: IpNet) {
        let text = match network {
            IpNet::V4(net) => net.addr().to_string(),
            IpNet::V6(net) => net.trunc().to_string(),
        };
        let _ = writeln!(script, "{verb} element {} {name} {{ {text} }}", self.table);
    }

    /// The script for these members, and what is held once it is carried out.
    fn members(
        &self,
        changes: &[(IpNet, Option<Arc<str>>)],
    ) -> (String, Vec<(IpNet, Option<String>)>) {
        let mut script = String::new();
        let mut after = Vec::new();
        let mut made = self.made.clone();
        for (network, group) in changes {
            let wanted = group.as_ref().and_then(|group| set_name(group, *network));
            let wanted = wanted.filter(|name| made.contains(name) || made.len() < MOST_SETS);
            let before = self.held.get(network);
            if before == wanted.as_ref() {
                continue;
            }
            if let Some(name) = before {
                self.element(&mut script, "delete", name, *network);
            }
            if let Some(name) = &wanted {
                if made.insert(name.clone()) {
                    self.make_set(&mut script, name);
                }
                self.element(&mut script, "add", name, *network);
            }
            after.push((*network, wanted));
        }
        (script, after)
    }

    fn take_over(&mut self, after: Vec<(IpNet, Option<String>)>) {
        for (network, name) in after {
            match name {
                Some(name) => {
                    self.made.insert(name.clone());
                    self.held.insert(network, name);
                }
                None => {
                    self.held.remove(&network);
                }
            }
        }
    }

    /// The script that adds addresses that failed to log in, or has their time begin anew.
    fn refusals(&self, changes: &[(Entry, Option<Arc<str>>)]) -> String {
        let (table, seconds) = (&self.table, self.refused.unwrap_or_default().as_secs());
        let mut script = String::new();
        for (entry, _) in changes {
            if let Entry::Refused(address) = entry {
                // An element that is there keeps its time, so it is taken away; one that is not there cannot be.
                let _ = writeln!(
                    script,
                    "add element {table} {REFUSED} {{ {address} }}\n\
                     delete element {table} {REFUSED} {{ {address} }}\n\
                     add element {table} {REFUSED} {{ {address} timeout {seconds}s }}"
                );
            }
        }
        script
    }

    /// Makes the sets of groups hold these networks and no others, whatever has become of the table.
    fn rebuild(&mut self, held: HashMap<IpNet, String>) {
        self.made.extend(held.values().cloned());
        let mut script = self.base();
        for name in &self.made {
            self.make_set(&mut script, name);
            let _ = writeln!(script, "flush set {} {name}", self.table);
        }
        for (network, name) in &held {
            self.element(&mut script, "add", name, *network);
        }
        self.held = held;
        let result = nft::run(&script);
        self.tell(result);
    }

    /// Says once what goes wrong, until something goes well.
    fn tell(&mut self, result: Result<(), String>) {
        let problem = result.err();
        if let Some(new) = &problem
            && self.problem != problem
        {
            tracing::warn!(
                "the sets of the nftables table {} are not as the sessions are: nft {new}",
                self.table
            );
        }
        self.problem = problem;
    }
}

impl Keeper<Entry, Arc<str>> for Sets {
    fn change(&mut self, changes: &[(Entry, Option<Arc<str>>)]) {
        let members = changes.iter().filter_map(|(entry, group)| match entry {
            Entry::Member(network) => Some((*network, group.clone())),
            Entry::Refused(_) => None,
        });
        let (script, after) = self.members(&members.collect::<Vec<_>>());
        self.take_over(after);
        if !script.is_empty() && nft::run(&script).is_err() {
            // Somebody has changed the table.
            self.rebuild(self.held.clone());
        }
        let script = self.refusals(changes);
        if !script.is_empty() && nft::run(&script).is_err() {
            self.rebuild(self.held.clone());
            let result = nft::run(&script);
            self.tell(result);
        }
    }

    fn renew(&mut self, all: &HashMap<Entry, Arc<str>>) {
        let members = all.iter().filter_map(|(entry, group)| match entry {
            Entry::Member(network) => Some((*network, Some(Arc::clone(group)))),
            Entry::Refused(_) => None,
        });
        self.held.clear();
        let (_, after) = self.members(&members.collect::<Vec<_>>());
        self.take_over(after);
        self.rebuild(self.held.clone());
    }

    fn undo(&mut self) {
        if let Err(problem) = remove(&self.table) {
            tracing::warn!(
                "the nftables table {} is left behind: nft {problem}",
                self.table
            );
        }
    }
}

/// The table of the sets for this interface.
pub(super) fn table_name(interface: &str) -> String {
    format!("inet adit_{}", nft::identifier(interface))
}

/// Of clients' IPv6 prefixes.
const V6: &str = "group6_";

/// The set of a group for networks of this family; none if its name were too long.
fn set_name(group: &str, network: IpNet) -> Option<String> {
    let prefix = match network {
        IpNet::V4(_) => "group_",
        IpNet::V6(_) => V6,
    };
    let name = format!("{prefix}{}", nft::identifier(group));
    (name.len() <= LONGEST_NAME).then_some(name)
}

/// What is in a table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    /// Sets with names that this server gives.
    own_sets: Vec<String>,
    /// Whether there is more: rules of somebody else.
    others: bool,
}

impl Contents {
    fn of(listed: &Value) -> Self {
        let mut contents = Self::default();
        let objects = listed["nftables"].as_array().into_iter().flatten();
        for object in objects {
            let set = object["set"]["name"].as_str();
            let is_own = |name: &&str| {
                name.starts_with("group_") || name.starts_with(V6) || *name == REFUSED
            };
            match set.filter(is_own) {
                Some(name) => contents.own_sets.push(name.to_owned()),
                None => {
                    contents.others |=
                        object.get("table").is_none() && object.get("metainfo").is_none();
                }
            }
        }
        contents
    }
}

/// Empties the sets of a table and removes what no rule of somebody else uses. There need be no such table.
///
/// # Errors
/// What nftables said.
pub(crate) fn remove(table: &str) -> Result<(), String> {
    let Some(listed) = nft::list_table(table)? else {
        return Ok(());
    };
    let contents = Contents::of(&listed);
    if !contents.others {
        return nft::run(&format!("delete table {table}\n"));
    }
    let flush = |name: &String| format!("flush set {table} {name}\n");
    nft::run(&contents.own_sets.iter().map(flush).collect::<String>())?;
    for name in &contents.own_sets {
        // A rule that uses it keeps it.
        let _ = nft::run(&format!("delete set {table} {name}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_sets_are_told_from_rules_of_others() {
        let listed = serde_json::json!({"nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"table": {"family": "inet", "name": "adit_x"}},
            {"set": {"name": "group_a", "table": "adit_x"}},
            {"set": {"name": "group6_a", "table": "adit_x"}},
            {"set": {"name": "refused", "table": "adit_x"}},
        ]});
        let mut contents = Contents::of(&listed);
        assert!(!contents.others);
        contents.own_sets.sort();
        assert_eq!(contents.own_sets, ["group6_a", "group_a", "refused"]);
        for other in [
            serde_json::json!({"set": {"name": "mine"}}),
            serde_json::json!({"chain": {"name": "forward"}}),
        ] {
            let listed = serde_json::json!({"nftables": [other]});
            let contents = Contents::of(&listed);
            assert!(contents.others && contents.own_sets.is_empty());
        }
    }

    #[test]
    fn a_group_whose_name_is_too_long_has_no_set() {
        let network: IpNet = "10.0.0.1/32".parse().unwrap();
        assert_eq!(set_name("a b", network).unwrap(), "group_a/20b");
        assert_eq!(set_name(&"x".repeat(LONGEST_NAME), network), None);
    }
}
