//! One host of a laboratory.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::LabError;
use super::child::{self, Namespaces};
use crate::netlink::Netlink;
use crate::sys;
use crate::sysctl;

/// Longest name of a link.
const LINK_NAME: usize = libc::IFNAMSIZ - 1;

/// A host of a [`Lab`](super::Lab): a network namespace. Clones are the same host.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    /// None if this process needs no other user namespace.
    user: Option<Arc<OwnedFd>>,
    net: OwnedFd,
    mount: Option<OwnedFd>,
    netlink: Mutex<Netlink>,
}

impl Host {
    pub(super) fn new(name: &str, user: Option<Arc<OwnedFd>>, made: Namespaces) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            user,
            net: made.net,
            mount: made.mount,
            netlink: Mutex::new(Netlink::from_socket(made.netlink)),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its links, addresses and routes.
    pub fn netlink(&self) -> MutexGuard<'_, Netlink> {
        self.0
            .netlink
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A command that will run on this host, as its root, in the current directory.
    ///
    /// The process is killed when the lab is dropped, and when the thread that spawned it ends. To run
    /// in another directory, let the program change to it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let inner = Arc::clone(&self.0);
        let parent = std::process::id();
        let mut command = Command::new(program);
        // SAFETY: between fork and exec, the closure makes system calls only: it neither allocates nor
        // locks. The descriptors are open as long as the closure holds them.
        unsafe {
            command.pre_exec(move || {
                inner.enter()?;
                sys::die_with_parent(parent)
            });
        }
        command
    }

    /// Runs `body` on this host, in a thread made for it. What `body` opens there (sockets, TUN
    /// devices) stays on this host.
    ///
    /// # Errors
    /// The process has not the rights itself, but those of a user namespace, which threads cannot
    /// enter ([`in_user_namespace`](super::in_user_namespace) helps).
    ///
    /// # Panics
    /// As `body` does.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        let on_host = || {
            let entered = setns(&self.0.net, CloneFlags::CLONE_NEWNET);
            entered
                .map(|()| body())
                .map_err(|errno| self.refused(errno.into()))
        };
        let joined = thread::scope(|scope| scope.spawn(on_host).join());
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Sets a kernel parameter of this host, such as `net.ipv4.ip_forward`.
    ///
    /// # Errors
    /// There is no such parameter, or it does not take the value.
    pub fn set_sysctl(&self, name: &str, value: &str) -> Result<(), LabError> {
        let inner = Arc::clone(&self.0);
        let (path, value) = (sysctl::path(name), value.to_owned());
        child::run(move || {
            inner.enter()?;
            fs::write(&path, &value)
        })
        .map_err(|source| sysctl::refused(name, source).into())
    }

    /// A name for a link towards the host `peer` that no link of this host has.
    pub(super) fn free_link_name(&self, peer: &str) -> String {
        let mut netlink = self.netlink();
        let legal = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let mut name: String = peer.chars().filter(legal).take(LINK_NAME - 3).collect();
        if name.is_empty() {
            name.push_str("link");
        }
        let numbered = (2..).map(|number: u8| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered.take(90));
        names
            .find(|name| netlink.link_by_name(name).is_err())
            .unwrap_or(name)
    }

    /// Device and inode of the network namespace, which `/proc/<pid>/ns/net` has as well.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        let namespace = File::from(self.0.net.try_clone().ok()?).metadata().ok()?;
        Some((namespace.dev(), namespace.ino()))
    }

    fn refused(&self, source: io::Error) -> LabError {
        LabError::Enter {
            host: self.0.name.clone(),
            source,
        }
    }
}

impl AsFd for Host {
    /// The network namespace.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.net.as_fd()
    }
}

impl Inner {
    /// Moves the calling process, which must have one thread, to this host. Makes system calls only.
    fn enter(&self) -> io::Result<()> {
        if let Some(user) = &self.user {
            setns(user, CloneFlags::CLONE_NEWUSER)?;
        }
        setns(&self.net, CloneFlags::CLONE_NEWNET)?;
        if let Some(mount) = &self.mount {
            sys::keeping_directory(|| Ok(setns(mount, CloneFlags::CLONE_NEWNS)?))?;
        }
        Ok(())
    }
}
