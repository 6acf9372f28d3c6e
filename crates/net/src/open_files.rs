//! How many files and sockets the process may hold open.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to `wanted` or to the hard limit, whichever is less, and returns what is
/// allowed then. A limit that is high enough is left as it is.
///
/// # Errors
/// The system refused to tell or to change it.
pub fn allow(wanted: u64) -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(soft);
    }
    let raised = wanted.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, raised, hard)?;
    Ok(raised)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_at_most_to_the_hard_one_and_never_lowered() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(allow(1).unwrap(), soft);
        assert_eq!(allow(soft + 1).unwrap(), (soft + 1).min(hard));
        assert_eq!(allow(u64::MAX).unwrap(), hard);
    }
}
