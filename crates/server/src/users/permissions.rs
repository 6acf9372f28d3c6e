//! Who can read a file with secrets in it.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A sentence about a file that others than its owner can read or write, if it is so.
pub(super) fn exposure(path: &Path, metadata: &Metadata) -> Option<String> {
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{0} holds secrets and others than its owner can use it (mode {mode:04o}); run `chmod 600 {0}`.",
            path.display()
        )
    })
}
