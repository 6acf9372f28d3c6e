//! Secrets on their way to files of their own.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A file that the configuration names and that is to be written for it, readable to its owner only.
pub struct SecretFile {
    /// Where.
    pub path: PathBuf,
    /// What it holds: the secret and a line end.
    pub content: Zeroizing<String>,
    /// The line that the secret comes from, as `FILE:LINE`.
    pub origin: String,
}

impl std::fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretFile({})", self.path.display())
    }
}

/// The files of one import.
#[derive(Debug)]
pub(crate) struct Secrets {
    directory: PathBuf,
    files: Vec<SecretFile>,
}

impl Secrets {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            files: Vec::new(),
        }
    }

    /// A file for a secret; the same one for the same secret.
    pub(crate) fn keep(&mut self, name: &str, secret: &str, origin: &str) -> PathBuf {
        let content = Zeroizing::new(format!("{secret}\n"));
        if let Some(file) = self.files.iter().find(|file| *file.content == *content) {
            return file.path.clone();
        }
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let taken = |path: &PathBuf| self.files.iter().any(|file| file.path == *path);
        let path = (1..)
            .map(|number| match number {
                1 => self.directory.join(format!("{name}.secret")),
                more => self.directory.join(format!("{name}-{more}.secret")),
            })
            .find(|path| !taken(path))
            .unwrap_or_default();
        self.files.push(SecretFile {
            path: path.clone(),
            content,
            origin: origin.to_owned(),
        });
        path
    }

    pub(crate) fn into_files(self) -> Vec<SecretFile> {
        self.files
    }
}
