//! Making namespaces in a short-lived child process, which hands their descriptors to this one.
//!
//! A process with threads cannot enter a user namespace, a forked child can. Between fork and exit the
//! child makes system calls only: it neither allocates nor takes a lock, since another thread may have
//! held one at the fork.

use std::ffi::c_int;
use std::fs::{self, File};
use std::io::{self, IoSliceMut};
use std::mem::{offset_of, size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, socket,
};
use nix::unistd::{getegid, geteuid};

use crate::sys::check;

/// In which user namespace to make the others.
pub(super) enum UserNamespace {
    /// That of this process.
    Current,
    /// A new one.
    Create(IdMaps),
    /// One made before.
    Join(Arc<OwnedFd>),
}

/// Descriptors that keep the namespaces of a host alive.
pub(super) struct Namespaces {
    pub(super) net: OwnedFd,
    pub(super) user: OwnedFd,
    /// None if the machine does not allow one.
    pub(super) mount: Option<OwnedFd>,
    /// A `NETLINK_ROUTE` socket of the network namespace.
    pub(super) netlink: OwnedFd,
}

/// The lines that make this user root of a user namespace, user_namespaces(7).
pub(super) struct IdMaps {
    uid: String,
    gid: String,
}

impl IdMaps {
    pub(super) fn of_this_user() -> Self {
        Self {
            uid: format!("0 {} 1", geteuid()),
            gid: format!("0 {} 1", getegid()),
        }
    }
}

/// Makes a network namespace and, if possible, a mount namespace with its view of `/sys`.
pub(super) fn make(user: UserNamespace) -> io::Result<Namespaces> {
    let (ours, theirs) = UnixDatagram::pair()?;
    run(move || {
        match &user {
            UserNamespace::Current => {}
            UserNamespace::Create(maps) => enter_new_user_namespace(maps)?,
            UserNamespace::Join(namespace) => setns(namespace, CloneFlags::CLONE_NEWUSER)?,
        }
        unshare(CloneFlags::CLONE_NEWNET)?;
        let own_mounts = unshare(CloneFlags::CLONE_NEWNS).is_ok();
        if own_mounts {
            show_own_sys();
        }
        let net = File::open("/proc/self/ns/net")?;
        let user = File::open("/proc/self/ns/user")?;
        let mounts = File::open("/proc/self/ns/mnt")?;
        let netlink = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        let all = [
            net.as_raw_fd(),
            user.as_raw_fd(),
            netlink.as_raw_fd(),
            mounts.as_raw_fd(),
        ];
        send_descriptors(theirs.as_fd(), all, u8::from(own_mounts))
    })?;
    receive_namespaces(&ours)
}

/// Puts the calling process, which must have one thread, into a user namespace of which it is root.
pub(super) fn enter_new_user_namespace(maps: &IdMaps) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWUSER)?;
    // Without this, an unprivileged user may not write the map of groups.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", &maps.uid)?;
    fs::write("/proc/self/gid_map", &maps.gid)
}

/// Runs `body` in a forked child that does nothing else. `body` must make system calls only.
pub(super) fn run(
    mut body: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<()> {
    // The program is never executed: the child exits first.
    let mut command = Command::new("/proc/self/exe");
    // SAFETY: the closure neither allocates nor locks, as this function demands of `body`; `_exit`
    // ends the child without running anything that the parent registered.
    unsafe {
        command.pre_exec(move || {
            body()?;
            libc::_exit(0)
        });
    }
    let status = command.spawn()?.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::ErrorKind::Interrupted.into())
    }
}

/// Mounts a `/sys` that shows the links of this network namespace, for programs that look there.
fn show_own_sys() {
    let none = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    // Some containers forbid it; the host then lacks the view, and works.
    if mount(none, "/", none, private, none).is_ok() {
        let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), safe, none);
    }
}

/// Descriptors per message.
const DESCRIPTORS: usize = 4;

/// A control message with descriptors (`SCM_RIGHTS`).
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    descriptors: [RawFd; DESCRIPTORS],
}

fn send_descriptors(
    socket: BorrowedFd<'_>,
    descriptors: [RawFd; DESCRIPTORS],
    mut note: u8,
) -> io::Result<()> {
    let mut vector = libc::iovec {
        iov_base: (&raw mut note).cast(),
        iov_len: 1,
    };
    // SAFETY: C structures of integers and pointers; all zeroes is a valid value of each.
    let (mut rights, mut message) = unsafe { (zeroed::<Rights>(), zeroed::<libc::msghdr>()) };
    rights.descriptors = descriptors;
    rights.header.cmsg_level = libc::SOL_SOCKET;
    rights.header.cmsg_type = libc::SCM_RIGHTS;
    let length = offset_of!(Rights, descriptors) + size_of::<[RawFd; DESCRIPTORS]>();
    rights.header.cmsg_len = length as _;
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut rights).cast();
    message.msg_controllen = size_of::<Rights>() as _;
    // SAFETY: the message names one octet of data and one control message, both on this stack, with
    // their sizes; the kernel only reads them.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, 0) };
    check(sent as c_int).map(drop)
}

fn receive_namespaces(socket: &UnixDatagram) -> io::Result<Namespaces> {
    let mut note = [0];
    let mut parts = [IoSliceMut::new(&mut note)];
    let mut control = nix::cmsg_space!([RawFd; DESCRIPTORS]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let descriptors = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let mut owned = descriptors.unwrap_or_default().into_iter().map(own);
    let mut next = || owned.next().ok_or(io::ErrorKind::UnexpectedEof);
    let (net, user, netlink, mounts) = (next()?, next()?, next()?, next()?);
    let mount = (note == [1]).then_some(mounts);
    Ok(Namespaces {
        net,
        user,
        mount,
        netlink,
    })
}

/// Takes a descriptor that the kernel has just put into this process.
fn own(descriptor: RawFd) -> OwnedFd {
    // SAFETY: it came in an SCM_RIGHTS message a moment ago and nobody else knows of it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
