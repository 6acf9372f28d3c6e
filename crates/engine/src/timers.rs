use std::collections::BTreeSet;
use std::time::Instant;

/// Deadlines of many owners in one queue.
///
/// An owner's entry may be earlier than what it wants: it is then woken in vain once and put back.
/// That makes the common case cheap, in which every packet moves a deadline a little further.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    queue: BTreeSet<(Instant, K)>,
}

/// An owner's place in the queue; kept by the owner.
#[derive(Debug, Default)]
pub(crate) struct Armed(Option<Instant>);

impl<K: Ord + Copy> Timers<K> {
    pub(crate) const fn new() -> Self {
        Self {
            queue: BTreeSet::new(),
        }
    }

    /// Sees to it that the owner is woken at `wanted` at the latest.
    pub(crate) fn arm(&mut self, owner: K, armed: &mut Armed, wanted: Option<Instant>) {
        let Some(wanted) = wanted else { return };
        match armed.0 {
            Some(at) if at <= wanted => return,
            Some(at) => {
                self.queue.remove(&(at, owner));
            }
            None => {}
        }
        self.queue.insert((wanted, owner));
        armed.0 = Some(wanted);
    }

    /// Takes the owner out.
    pub(crate) fn disarm(&mut self, owner: K, armed: &mut Armed) {
        if let Some(at) = armed.0.take() {
            self.queue.remove(&(at, owner));
        }
    }

    /// An owner whose time has come; its [`Armed`] is to be [`cleared`](Armed::clear).
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, _) = self.queue.first()?;
        if *at > now {
            return None;
        }
        self.queue.pop_first().map(|(_, owner)| owner)
    }

    /// When the first owner is to be woken.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }
}

impl Armed {
    /// The owner has been taken out of the queue.
    pub(crate) const fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_owner_is_woken_at_its_earliest_wish() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::new();
        let (mut one, mut two) = (Armed::default(), Armed::default());
        timers.arm(1, &mut one, Some(at(5)));
        timers.arm(2, &mut two, Some(at(4)));
        timers.arm(1, &mut one, Some(at(9)));
        timers.arm(1, &mut one, Some(at(3)));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(4)), Some(1));
        one.clear();
        assert_eq!(timers.pop_due(at(4)), Some(2));
        two.clear();
        assert_eq!(timers.pop_due(at(99)), None);
    }

    #[test]
    fn a_disarmed_owner_is_not_woken() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let mut armed = Armed::default();
        timers.arm(1, &mut armed, Some(now));
        timers.disarm(1, &mut armed);
        assert_eq!(timers.pop_due(now), None);
    }
}
