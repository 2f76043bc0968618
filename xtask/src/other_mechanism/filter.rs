//! A filter of system calls.

use std::env::consts::ARCH;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::workspace::Result;

/// Has every ring that this thread would make, or a process that it starts, refused as where an
/// administrator has switched them off.
pub(crate) fn refuse_io_uring() -> Result {
    let failed = |why: seccompiler::Error| format!("cannot filter system calls: {why}");
    let target = ARCH.try_into().map_err(|why| format!("no filter for `{ARCH}`: {why}"))?;
    let refused = [(IO_URING_SETUP, Vec::new())].into_iter().collect();
    let filter =
        SeccompFilter::new(refused, SeccompAction::Allow, SeccompAction::Errno(EPERM), target);
    let program: BpfProgram =
        filter.and_then(TryInto::try_into).map_err(|why| failed(why.into()))?;
    seccompiler::apply_filter(&program).map_err(failed)
}

/// The same on every processor. Source: Linux `uapi/asm-generic/unistd.h`.
const IO_URING_SETUP: i64 = 425;

/// Source: errno(3).
const EPERM: u32 = 1;
