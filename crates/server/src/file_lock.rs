//! A lock on a file, for as long as this is.

use std::fs::{File, TryLockError};

/// Holds a lock and gives it back at its end, at once: a child that is not its own program yet has the file open
/// too, and would hold the lock for that long.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FileLock {
    /// Takes the lock of a file.
    ///
    /// # Errors
    /// Somebody else holds it, or the file system has none.
    pub(crate) fn take(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Where this fails it goes with the file.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_again_though_others_have_the_file_open() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let own = file.reopen().unwrap();
        let inherited = own.try_clone().unwrap();
        let lock = FileLock::take(own).unwrap();
        assert!(matches!(
            FileLock::take(file.reopen().unwrap()),
            Err(TryLockError::WouldBlock)
        ));
        drop(lock);
        assert!(FileLock::take(file.reopen().unwrap()).is_ok());
        drop(inherited);
    }
}
