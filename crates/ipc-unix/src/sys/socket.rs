//! Sockets: making, binding, connecting, accepting, and moving bytes through them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
#[cfg(target_vendor = "apple")]
use std::os::fd::AsFd;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketType,
};

use super::{Errno, Result, retry_on_intr};

/// The room for a socket's path, its final NUL included. Source: unix(7), `sun_path[108]`.
#[cfg(target_os = "linux")]
pub(crate) const PATH_ROOM: usize = 108;
/// The room for a socket's path, its final NUL included. Source: `<sys/un.h>`, `sun_path[104]`.
#[cfg(not(target_os = "linux"))]
pub(crate) const PATH_ROOM: usize = 104;

/// Whether sockets that keep the bounds of messages exist here.
pub(crate) const HAS_MESSAGES: bool = cfg!(target_os = "linux");

/// The most buffers that one call may gather. Source: Linux and the BSDs, `UIO_MAXIOV`, `IOV_MAX`.
pub(crate) const MAX_PARTS: usize = 1024;

/// What a socket keeps of its sender's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: a stream of bytes.
    Stream,
    /// The bounds of each message (`SOCK_SEQPACKET`).
    Messages,
}

impl Kind {
    fn to_system(self) -> SocketType {
        match self {
            Self::Stream => SocketType::STREAM,
            Self::Messages => SocketType::SEQPACKET,
        }
    }
}

/// Whether a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It waits, as long as the socket's own timeout allows.
    Wait,
    /// It answers `AGAIN` instead.
    TryOnce,
}

/// Where a socket is bound.
#[derive(Clone, Debug)]
pub(crate) struct SocketAddress(SocketAddrUnix);

impl SocketAddress {
    pub(crate) fn path(path: &Path) -> Result<Self> {
        SocketAddrUnix::new(path).map(Self)
    }

    /// A name outside the file system, which only Linux has.
    #[cfg(target_os = "linux")]
    pub(crate) fn abstract_name(name: &[u8]) -> Result<Self> {
        SocketAddrUnix::new_abstract_name(name).map(Self)
    }

    /// A name outside the file system, which only Linux has.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn abstract_name(_name: &[u8]) -> Result<Self> {
        Err(Errno::OPNOTSUPP)
    }
}

/// A new socket, close-on-exec.
pub(crate) fn socket(kind: Kind) -> Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    let socket =
        net::socket_with(AddressFamily::UNIX, kind.to_system(), net::SocketFlags::CLOEXEC, None)?;
    #[cfg(target_vendor = "apple")]
    let socket = {
        let socket = net::socket(AddressFamily::UNIX, kind.to_system(), None)?;
        rustix::io::ioctl_fioclex(&socket)?;
        never_signal(socket.as_fd())?;
        socket
    };
    Ok(socket)
}

/// Has writes to `socket` never raise `SIGPIPE`; [`send`] sees to that itself.
#[cfg(not(target_vendor = "apple"))]
#[allow(clippy::unnecessary_wraps, reason = "it can fail where it must be asked for")]
pub(crate) fn never_signal(_socket: BorrowedFd<'_>) -> Result<()> {
    Ok(())
}

/// Has writes to `socket` never raise `SIGPIPE`.
#[cfg(target_vendor = "apple")]
pub(crate) fn never_signal(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_socket_nosigpipe(socket, true)
}

/// Gives the file that `socket` will be bound to its mode, before it exists.
///
/// `INVAL` where the system cannot do that (macOS, FreeBSD before 14.3).
pub(crate) fn set_mode_before_bind(socket: BorrowedFd<'_>, mode: u32) -> Result<()> {
    rustix::fs::fchmod(socket, super::directory::mode_of(mode))
}

pub(crate) fn bind(socket: BorrowedFd<'_>, at: &SocketAddress) -> Result<()> {
    net::bind(socket, &at.0)
}

/// Lets peers connect, or changes how many may wait to be accepted.
pub(crate) fn listen(socket: BorrowedFd<'_>, backlog: u32) -> Result<()> {
    net::listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))
}

/// Connects without waiting: `AGAIN` if too many peers wait already (Linux).
pub(crate) fn connect_at_once(socket: BorrowedFd<'_>, to: &SocketAddress) -> Result<()> {
    set_nonblocking(socket, true)?;
    retry_on_intr(|| net::connect(socket, &to.0))?;
    set_nonblocking(socket, false)
}

/// Accepts one peer without waiting: `AGAIN` if there is none. The listener must not block.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    let socket = net::accept_with(listener, net::SocketFlags::CLOEXEC)?;
    #[cfg(target_vendor = "apple")]
    let socket = {
        let socket = net::accept(listener)?;
        rustix::io::ioctl_fioclex(&socket)?;
        never_signal(socket.as_fd())?;
        // Accepted sockets inherit the listener's flag here.
        set_nonblocking(socket.as_fd(), false)?;
        socket
    };
    Ok(socket)
}

pub(crate) fn set_nonblocking(socket: BorrowedFd<'_>, on: bool) -> Result<()> {
    rustix::io::ioctl_fionbio(socket, on)
}

/// Ends both directions: wakes whoever waits on this socket, and the peer sees the end.
pub(crate) fn shut_down(socket: BorrowedFd<'_>) {
    // Fails only if the peer has gone, and then there is nobody left to tell.
    let _ = net::shutdown(socket, Shutdown::Both);
}

/// Ends the direction to the peer, behind what was written.
pub(crate) fn finish_writing(socket: BorrowedFd<'_>) -> Result<()> {
    net::shutdown(socket, Shutdown::Write)
}

/// Sets how many bytes may be on their way to the peer, or as many as the system allows.
pub(crate) fn set_send_buffer(socket: BorrowedFd<'_>, bytes: usize) {
    // Beyond the system's limit it is refused on some systems and clamped on others.
    let _ = sockopt::set_socket_send_buffer_size(socket, bytes);
}

/// How many bytes may be on their way to the peer, as the system counts them.
pub(crate) fn send_buffer(socket: BorrowedFd<'_>) -> Result<usize> {
    sockopt::socket_send_buffer_size(socket)
}

/// What a message takes of the send buffer beside its bytes, at least. Source: Linux,
/// `unix_dgram_sendmsg`.
pub(crate) const MESSAGE_OVERHEAD: usize = 32;

/// Limits how long a waiting receive waits; `None`: for ever.
pub(crate) fn set_receive_timeout(socket: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<()> {
    sockopt::set_socket_timeout(socket, Timeout::Recv, timeout)
}

/// Receives into `buffer`. Handles that came along are closed by the system.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    patience: Patience,
) -> Result<usize> {
    retry_on_intr(|| net::recv(socket, &mut *buffer, receive_flags(patience)))
        .map(|(count, _)| count)
}

/// What one receive brought.
#[derive(Debug)]
pub(crate) struct Received {
    /// Bytes in the buffer; for a message, its length, which may be more than the buffer holds.
    pub(crate) count: usize,
    /// Whether there were more handles than this process may open.
    pub(crate) handles_lost: bool,
}

/// Receives the bytes of a stream or the whole of a message into `buffer`, and the handles that came
/// along, which are handed to `each`: all of them, for the system would close the others here and now,
/// however long that takes.
pub(crate) fn receive_with_handles(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    patience: Patience,
    each: &mut dyn FnMut(OwnedFd),
) -> Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_AT_ONCE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = receive_flags(patience) | handle_flags();
    let message = retry_on_intr(|| {
        net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)
    })?;
    let handles_lost = message.flags.contains(ReturnFlags::CTRUNC);
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(handles) = part {
            for handle in handles {
                close_on_exec(&handle)?;
                each(handle);
            }
        }
    }
    Ok(Received { count: message.bytes, handles_lost })
}

/// The most handles that travel together here.
pub(crate) const MAX_HANDLES: usize = 16;

/// The most that Linux carries. Source: unix(7), `SCM_MAX_FD`.
const MOST_AT_ONCE: usize = 253;

/// Lets nothing more come to `socket`; what has come can still be read.
pub(crate) fn finish_reading(socket: BorrowedFd<'_>) {
    // Without a peer there is nothing to finish.
    let _ = net::shutdown(socket, net::Shutdown::Read);
}

/// Receives one message into the free room of `buffer` and returns its true length, which is more
/// than `buffer` holds if its rest was cut off.
pub(crate) fn receive_message(
    socket: BorrowedFd<'_>,
    buffer: &mut Vec<u8>,
    patience: Patience,
) -> Result<usize> {
    let flags = receive_flags(patience) | truth_flags();
    retry_on_intr(|| net::recv(socket, rustix::buffer::spare_capacity(buffer), flags))
        .map(|(_, length)| length)
}

/// Sends `parts` as one, with `handles`; never raises `SIGPIPE`.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    handles: &[BorrowedFd<'_>],
    patience: Patience,
) -> Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_HANDLES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !handles.is_empty() && !control.push(SendAncillaryMessage::ScmRights(handles)) {
        return Err(Errno::INVAL);
    }
    retry_on_intr(|| net::sendmsg(socket, parts, &mut control, send_flags(patience)))
}

fn receive_flags(patience: Patience) -> RecvFlags {
    match patience {
        Patience::Wait => RecvFlags::empty(),
        Patience::TryOnce => RecvFlags::DONTWAIT,
    }
}

#[cfg(not(target_vendor = "apple"))]
fn handle_flags() -> RecvFlags {
    RecvFlags::CMSG_CLOEXEC | truth_flags()
}

#[cfg(target_vendor = "apple")]
fn handle_flags() -> RecvFlags {
    RecvFlags::empty()
}

/// Has a cut message tell its true length; without effect on a stream.
#[cfg(target_os = "linux")]
fn truth_flags() -> RecvFlags {
    RecvFlags::TRUNC
}

/// Without messages nothing can be cut.
#[cfg(not(target_os = "linux"))]
fn truth_flags() -> RecvFlags {
    RecvFlags::empty()
}

/// `MSG_CMSG_CLOEXEC` has done it.
#[cfg(not(target_vendor = "apple"))]
#[allow(clippy::unnecessary_wraps, reason = "it can fail where it must be done")]
fn close_on_exec(_handle: &OwnedFd) -> Result<()> {
    Ok(())
}

#[cfg(target_vendor = "apple")]
fn close_on_exec(handle: &OwnedFd) -> Result<()> {
    rustix::io::ioctl_fioclex(handle)
}

fn send_flags(patience: Patience) -> SendFlags {
    let wait = match patience {
        Patience::Wait => SendFlags::empty(),
        Patience::TryOnce => SendFlags::DONTWAIT,
    };
    wait | no_signal()
}

#[cfg(not(target_vendor = "apple"))]
fn no_signal() -> SendFlags {
    SendFlags::NOSIGNAL
}

/// [`never_signal`] was called for every socket instead.
#[cfg(target_vendor = "apple")]
fn no_signal() -> SendFlags {
    SendFlags::empty()
}
