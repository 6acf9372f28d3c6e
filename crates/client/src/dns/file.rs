use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::DnsError;

/// The first words of a file of ours, followed by the number of the process.
const MARK: &str = "# Written by adit, process ";

/// A resolv.conf with servers of ours in place of its own.
#[derive(Debug)]
pub(super) struct ReplacedFile {
    path: PathBuf,
    /// None if there was no file.
    before: Option<Vec<u8>>,
    ours: Vec<u8>,
}

impl ReplacedFile {
    /// Puts the servers into the file. What it was is kept beside it as well, so that the next run
    /// can put it back where this process is killed.
    pub(super) fn replace(
        path: &Path,
        interface: &str,
        servers: &[Ipv4Addr],
    ) -> Result<Self, DnsError> {
        let before = original(path)?;
        if let Some(before) = &before
            && let Err(error) = fs::write(backup(path), before)
        {
            // The directory may be read-only, as with a file that is mounted into a container.
            tracing::debug!("no copy of {} is kept: {error}", path.display());
        }
        let ours = content(interface, servers, before.as_deref().unwrap_or_default());
        write(path, &ours).map_err(failure("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            before,
            ours,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the former content back, unless somebody else has changed the file since.
    pub(super) fn restore(&self) -> Result<(), DnsError> {
        let now = fs::read(&self.path).map_err(failure("read", &self.path))?;
        let result = if now != self.ours {
            Err(DnsError::Changed(self.path.clone()))
        } else {
            match &self.before {
                Some(before) => write(&self.path, before),
                None => fs::remove_file(&self.path),
            }
            .map_err(failure("put back", &self.path))
        };
        if !matches!(result, Err(DnsError::File { .. })) {
            // There is none where it could not be written.
            let _ = fs::remove_file(backup(&self.path));
        }
        result
    }
}

fn failure(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DnsError {
    let path = path.to_owned();
    move |source| DnsError::File { verb, path, source }
}

fn backup(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".before-adit");
    PathBuf::from(name)
}

/// The file as nobody of us has changed it; none if there is none.
fn original(path: &Path) -> Result<Option<Vec<u8>>, DnsError> {
    let now = match fs::read(path) {
        Ok(now) => now,
        // A link that leads nowhere is somebody's who will make the file.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(None);
        }
        Err(error) => return Err(failure("read", path)(error)),
    };
    let Some(pid) = writer(&now) else {
        return Ok(Some(now));
    };
    if Path::new("/proc").join(pid.to_string()).exists() {
        return Err(DnsError::Taken {
            path: path.to_owned(),
            pid,
        });
    }
    Ok(Some(fs::read(backup(path)).unwrap_or(now)))
}

/// The process of ours that wrote a file.
fn writer(content: &[u8]) -> Option<u32> {
    let first = content.split(|octet| *octet == b'\n').next()?;
    let number = std::str::from_utf8(first).ok()?.strip_prefix(MARK)?;
    number.split(' ').next()?.parse().ok()
}

/// Our servers, and what the file says beside servers: domains and options.
fn content(interface: &str, servers: &[Ipv4Addr], before: &[u8]) -> Vec<u8> {
    let mut text = format!("{MARK}{} for the tunnel {interface}\n", std::process::id());
    for server in servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    let before = String::from_utf8_lossy(before);
    for line in before.lines() {
        let keyword = line.split_whitespace().next().unwrap_or_default();
        if matches!(keyword, "search" | "domain" | "options" | "sortlist") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.into_bytes()
}

/// Replaces the content of the file behind any links, at once where that can be: a file that is a
/// mount point of its own can only be written in place.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        other => other?,
    };
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".adit-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let replaced =
        write_beside(&target, &temporary, content).and_then(|()| fs::rename(&temporary, &target));
    if replaced.is_ok() {
        return Ok(());
    }
    // It may never have been made.
    let _ = fs::remove_file(&temporary);
    fs::write(&target, content)
}

/// A new file with the owner and the mode of `target`.
fn write_beside(target: &Path, temporary: &Path, content: &[u8]) -> io::Result<()> {
    const MODE: u32 = 0o644;
    let like = fs::metadata(target).ok();
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(temporary)?;
    if let Some(like) = like {
        chown(temporary, Some(like.uid()), Some(like.gid()))?;
        file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
    }
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::{TempDir, tempdir};

    use super::*;

    const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
    const BEFORE: &str = "# mine\nnameserver 192.0.2.53\nsearch example.com\noptions edns0\n";

    fn resolv_conf(content: &str) -> (TempDir, PathBuf) {
        let directory = tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        fs::write(&path, content).unwrap();
        (directory, path)
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn servers_are_replaced_and_put_back_and_the_rest_is_kept() {
        let (directory, path) = resolv_conf(BEFORE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let replaced = ReplacedFile::replace(&path, "adit0", &SERVERS).unwrap();
        let text = read(&path);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "nameserver 10.0.0.1",
            "nameserver 10.0.0.2",
            "search example.com",
            "options edns0",
        ];
        assert_eq!(lines, expected);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        replaced.restore().unwrap();
        assert_eq!(read(&path), BEFORE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link() {
        let (directory, target) = resolv_conf(BEFORE);
        let path = directory.path().join("link");
        symlink(&target, &path).unwrap();
        let replaced = ReplacedFile::replace(&path, "adit0", &SERVERS).unwrap();
        assert!(path.is_symlink());
        assert!(read(&target).contains("10.0.0.1"));
        replaced.restore().unwrap();
        assert!(path.is_symlink());
        assert_eq!(read(&target), BEFORE);
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_stays() {
        let (directory, path) = resolv_conf(BEFORE);
        let replaced = ReplacedFile::replace(&path, "adit0", &SERVERS).unwrap();
        fs::write(&path, "nameserver 9.9.9.9\n").unwrap();
        assert!(matches!(replaced.restore(), Err(DnsError::Changed(_))));
        assert_eq!(read(&path), "nameserver 9.9.9.9\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_not_there_is_gone_again() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        let replaced = ReplacedFile::replace(&path, "adit0", &SERVERS).unwrap();
        assert!(read(&path).contains("nameserver 10.0.0.1"));
        replaced.restore().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_left_alone() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        symlink("/nonexistent/resolv.conf", &path).unwrap();
        let refused = ReplacedFile::replace(&path, "adit0", &SERVERS);
        assert!(matches!(refused, Err(DnsError::File { .. })));
        assert!(path.is_symlink());
    }

    #[test]
    fn the_file_of_a_process_that_was_killed_is_put_back_by_the_next_one() {
        let (_directory, path) = resolv_conf(BEFORE);
        std::mem::forget(ReplacedFile::replace(&path, "adit0", &SERVERS).unwrap());
        // Beyond the greatest number of a process.
        let of_the_dead = read(&path).replace(&std::process::id().to_string(), "4194305");
        fs::write(&path, of_the_dead).unwrap();
        let replaced = ReplacedFile::replace(&path, "adit1", &SERVERS[..1]).unwrap();
        assert!(read(&path).contains("for the tunnel adit1\n"));
        assert!(!read(&path).contains("10.0.0.2"));
        replaced.restore().unwrap();
        assert_eq!(read(&path), BEFORE);
    }

    #[test]
    fn two_at_the_same_time_do_not_mix() {
        let (_directory, path) = resolv_conf(BEFORE);
        let first = ReplacedFile::replace(&path, "adit0", &SERVERS).unwrap();
        let second = ReplacedFile::replace(&path, "adit1", &SERVERS);
        assert!(matches!(second, Err(DnsError::Taken { pid, .. }) if pid == std::process::id()));
        first.restore().unwrap();
        assert_eq!(read(&path), BEFORE);
    }
}
