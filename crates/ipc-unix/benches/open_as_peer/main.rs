//! What opening a file as the peer costs by each mechanism, beside the same open without a peer.
//!
//! `cargo bench --package ipc-unix --bench open_as_peer`, as root on Linux. The contenders take
//! turns within one run, so that whatever else the machine does hits all of them; medians of the
//! rounds are told, and the ratios that they are held against.

#[cfg(target_os = "linux")]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}
