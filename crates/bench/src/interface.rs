//! What an interface has carried and dropped.

use std::fs;
use std::ops::Sub;

use adit_net::namespace::Host;
use anyhow::Context;

/// Counters of an interface since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Packets that came in.
    pub(crate) received: u64,
    /// Packets that went out.
    pub(crate) sent: u64,
    /// Packets dropped by the kernel, of both ways.
    pub(crate) dropped: u64,
}

impl Counters {
    /// Of an interface of a host.
    pub(crate) fn of(host: &Host, interface: &str) -> anyhow::Result<Self> {
        // `/sys` would show the interfaces of the namespace in which it was mounted.
        let table = host
            .run(|| fs::read_to_string("/proc/thread-self/net/dev"))?
            .context("cannot read the counters of interfaces")?;
        parse(&table, interface)
            .with_context(|| format!("the {} has no interface {interface}", host.name()))
    }
}

impl Sub for Counters {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            sent: self.sent.saturating_sub(before.sent),
            dropped: self.dropped.saturating_sub(before.dropped),
        }
    }
}

/// A line is the name, then bytes, packets, errs, drop, fifo, frame, compressed, multicast of what came in, then
/// bytes, packets, errs, drop, ... of what went out, proc_net(5).
fn parse(table: &str, interface: &str) -> Option<Counters> {
    let fields = table.lines().find_map(|line| {
        let (name, fields) = line.split_once(':')?;
        (name.trim() == interface).then_some(fields)
    })?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Counters {
        received: field(1)?,
        sent: field(9)?,
        dropped: field(3)?.saturating_add(field(11)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   10194     130    0    0    0     0          0         0    10194     130    0    0    0     0       0          0
 adit0:9000 7 0 2 0 0 0 0 8000 6 0 3 0 0 0 0
";

    #[test]
    fn counters_are_of_the_interface_asked_for() {
        let expected = Counters {
            received: 7,
            sent: 6,
            dropped: 5,
        };
        assert_eq!(parse(TABLE, "adit0"), Some(expected));
        assert_eq!(parse(TABLE, "adit"), None);
    }
}
