//! Transports that act wrongly, or not always, in the name of their peers. With one identity nobody
//! notices, so the suite does not: these are for tests with two.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_core::files::{Metadata, Open, RelativePath, Root};
use ipc_core::{AsPeer, Connection, Error, Result, Transport};

use crate::wrapper::{Twist, Wrapper};

/// `transport`, doing whatever it is to do as its peer with its own rights: what no transport may
/// ever do. A test that is to show that nobody is served by the server's rights must fail with it.
#[must_use]
pub fn acting_as_itself(transport: impl Transport + 'static) -> Arc<dyn Transport> {
    Arc::new(Wrapper::new(Arc::new(transport), ActsAsItself))
}

/// `transport`, failing to become its peer in one of three cases. Which ones, `seed` decides.
#[must_use]
pub fn acting_fails_at_random(
    transport: impl Transport + 'static,
    seed: u64,
) -> Arc<dyn Transport> {
    let state = Arc::new(AtomicU64::new(seed));
    Arc::new(Wrapper::new(Arc::new(transport), FailsAtRandom { state }))
}

#[derive(Clone, Debug)]
struct ActsAsItself;

impl Twist for ActsAsItself {
    fn run_as_peer(&self, _: &dyn Connection, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        falsely_attested(|by| work(by));
        Ok(())
    }

    fn open_as_peer(
        &self,
        _: &dyn Connection,
        root: &dyn Root,
        path: &RelativePath,
        how: Open,
    ) -> Result<File> {
        falsely_attested(|by| root.open(by, path, how))
    }

    fn stat_as_peer(
        &self,
        _: &dyn Connection,
        root: &dyn Root,
        path: &RelativePath,
    ) -> Result<Metadata> {
        falsely_attested(|by| root.stat(by, path))
    }
}

#[allow(clippy::disallowed_methods, reason = "a lie on purpose, for tests that must notice it")]
fn falsely_attested<R>(work: impl FnOnce(&AsPeer) -> R) -> R {
    AsPeer::attest(work)
}

#[derive(Clone, Debug)]
struct FailsAtRandom {
    state: Arc<AtomicU64>,
}

impl FailsAtRandom {
    fn perhaps(&self) -> Result<()> {
        // Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", the
        // constants of SplitMix64.
        let mut number = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        if (number ^ (number >> 31)) % 3 > 0 {
            return Ok(());
        }
        let source = io::Error::from(io::ErrorKind::ResourceBusy);
        Err(Error::SwitchFailed { step: "become the peer", source })
    }
}

impl Twist for FailsAtRandom {
    fn run_as_peer(&self, inner: &dyn Connection, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        self.perhaps()?;
        inner.run_as_peer(work)
    }

    fn open_as_peer(
        &self,
        inner: &dyn Connection,
        root: &dyn Root,
        path: &RelativePath,
        how: Open,
    ) -> Result<File> {
        self.perhaps()?;
        inner.open_as_peer(root, path, how)
    }

    fn stat_as_peer(
        &self,
        inner: &dyn Connection,
        root: &dyn Root,
        path: &RelativePath,
    ) -> Result<Metadata> {
        self.perhaps()?;
        inner.stat_as_peer(root, path)
    }
}
