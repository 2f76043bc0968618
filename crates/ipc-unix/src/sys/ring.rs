//! Opening files with credentials that were registered before: `io_uring` on Linux, for the
//! processors that its crate knows; nothing elsewhere. The crate's manifest has the same list.

#[cfg_attr(
    all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "powerpc64"
        )
    ),
    path = "ring/uring.rs"
)]
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "powerpc64"
        )
    )),
    path = "ring/absent.rs"
)]
mod system;

pub(crate) use system::{Registration, ThreadRing};
