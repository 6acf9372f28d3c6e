//! Who may have the socket: one server, however the one before it ended.

use std::fs::{self, DirBuilder, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::file_lock::FileLock;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another server has it.
    #[error(
        "another adit server runs with the control socket {}; stop it, or choose another with \
         --control-socket",
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("{} is no socket; remove it, or choose another with --control-socket", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot make the control socket {}: {source}", path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Takes the lock beside the socket that only one server can hold. It goes with the process, so unlike the
/// socket it is never stale.
pub(super) fn lock(path: &Path) -> Result<FileLock, BindError> {
    let failed = |source| BindError::Failed {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)
            .map_err(failed)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(name)
        .map_err(failed)?;
    match FileLock::take(file) {
        Ok(lock) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BindError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Removes a socket that nobody listens at. The lock is held, so no server can be about to listen.
pub(super) fn remove_stale(path: &Path) -> Result<(), BindError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(_) => return Ok(()),
    };
    let path = path.to_owned();
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket { path });
    }
    match UnixStream::connect(&path) {
        Ok(_) => Err(BindError::InUse { path }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(&path).map_err(|source| BindError::Failed { path, source })
        }
        Err(source) => Err(BindError::Failed { path, source }),
    }
}
