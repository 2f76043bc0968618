//! The witness of acting as a peer.

use std::marker::PhantomData;

/// The witness that this code runs with the peer's rights, and on this thread.
///
/// Functions that must not run with the server's own rights ask for it, so that opening a file
/// without having become the peer does not compile:
///
/// ```
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<u32> {
/// connection.as_peer(|by| read_as(by))
/// # }
/// ```
/// ```compile_fail,E0061
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<u32> {
/// Ok(read_as()) // as nobody
/// # }
/// ```
/// ```compile_fail,E0451
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<u32> {
/// Ok(read_as(&AsPeer { this_thread_only: std::marker::PhantomData })) // by a witness of its own
/// # }
/// ```
///
/// Nor can it outlive the moment, go to another thread, or be waited with:
///
/// ```
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<()> {
/// let mut read = None;
/// connection.as_peer(|by| read = Some(read_as(by)))
/// # }
/// ```
/// ```compile_fail,E0521
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<()> {
/// let mut kept = None;
/// connection.as_peer(|by| kept = Some(by)) // it outlives the identity
/// # }
/// ```
/// ```
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<()> {
/// connection.as_peer(|by| {
///     let read = read_as(by);
///     std::thread::scope(|scope| drop(scope.spawn(|| println!("{read}"))))
/// })
/// # }
/// ```
/// ```compile_fail,E0277
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # fn serve(connection: &dyn Connection) -> ipc_core::Result<()> {
/// connection.as_peer(|by| {
///     // The other thread is still the server.
///     std::thread::scope(|scope| drop(scope.spawn(|| println!("{}", read_as(by)))))
/// })
/// # }
/// ```
/// ```compile_fail,E0728
/// # use ipc_core::{AsPeer, Connection};
/// # fn read_as(by: &AsPeer) -> u32 { 7 }
/// # async fn serve(connection: &dyn Connection) -> ipc_core::Result<u32> {
/// connection.as_peer(|by| {
///     std::future::ready(()).await; // whoever goes on with it may be another thread
///     read_as(by)
/// })
/// # }
/// ```
///
/// A closure that becomes a peer while it is one is refused when it runs ([`Error::Nested`](crate::Error::Nested)).
#[derive(Debug)]
pub struct AsPeer {
    /// Neither `Send` nor `Sync`.
    this_thread_only: PhantomData<*mut ()>,
}

impl AsPeer {
    /// For transport authors: promises that `work` runs with the peer's rights, enforced by the
    /// system, and runs it.
    ///
    /// Everything above relies on that promise; nothing else may call this.
    pub fn attest<R>(work: impl FnOnce(&AsPeer) -> R) -> R {
        work(&AsPeer { this_thread_only: PhantomData })
    }
}
