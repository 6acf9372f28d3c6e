//! The cores that this process may run on.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// In the calls below: the calling thread.
const SELF: Pid = Pid::from_raw(0);

/// The numbers of the cores that the calling thread may run on, in order.
///
/// # Errors
/// The error of the system: a machine of more than 1024 cores.
pub fn usable_cores() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(SELF)?;
    let numbers = 0..CpuSet::count();
    Ok(numbers
        .filter(|number| set.is_set(*number).unwrap_or(false))
        .collect())
}

/// Has the calling thread, and threads that it starts from now on, run on this core only.
///
/// # Errors
/// `InvalidInput` if it is not one of [`usable_cores`]; else the error of the system.
pub fn pin_current_thread(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(SELF, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_one_core_and_the_others_keep_theirs() {
        let before = usable_cores().unwrap();
        let core = *before.last().unwrap();
        std::thread::spawn(move || {
            pin_current_thread(core).unwrap();
            assert_eq!(usable_cores().unwrap(), [core]);
        })
        .join()
        .unwrap();
        assert_eq!(usable_cores().unwrap(), before);
    }

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        let refused = pin_current_thread(CpuSet::count()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let none = (0..CpuSet::count()).find(|n| !usable_cores().unwrap().contains(n));
        if let Some(none) = none {
            assert!(pin_current_thread(none).is_err());
        }
    }
}
