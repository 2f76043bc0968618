//! Looking at a descriptor that came from elsewhere.

use std::os::fd::BorrowedFd;

use rustix::fs::{self, OFlags};

use super::Result;

/// `false` for one that was opened for writing only, or only as a name (`O_PATH`).
pub(crate) fn is_open_for_reading(file: BorrowedFd<'_>) -> Result<bool> {
    let flags = fs::fcntl_getfl(file)?;
    let access = flags & OFlags::RWMODE;
    Ok((access == OFlags::RDONLY || access == OFlags::RDWR) && !is_name_only(flags))
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn is_name_only(flags: OFlags) -> bool {
    flags.contains(OFlags::PATH)
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn is_name_only(_flags: OFlags) -> bool {
    false
}

/// `true` for a file whose content the system makes up while it is read.
#[cfg(target_os = "linux")]
#[allow(clippy::useless_conversion, reason = "the field has 64 bits on some architectures only")]
pub(crate) fn is_made_up(file: BorrowedFd<'_>) -> Result<bool> {
    /// Source: `<linux/magic.h>`: proc, sysfs, debugfs, tracefs, securityfs, cgroup, cgroup2, bpf,
    /// pstore, efivarfs, selinuxfs, nsfs, pidfs; configfs and fuse's control files from their own
    /// sources.
    const MADE_UP: [i64; 15] = [
        0x9fa0,
        0x6265_6572,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
        0x0027_e0eb,
        0x6367_7270,
        0xcafe_4a11,
        0x6165_676c,
        0xde5e_81e4,
        0xf97c_ff8c,
        0x6e73_6673,
        0x5049_4446,
        0x6265_6570,
        0x6573_5543,
    ];
    // The magic numbers have 32 bits, and become negative where the field has no more.
    let magic = i64::from(fs::fstatfs(file)?.f_type) & 0xffff_ffff;
    Ok(MADE_UP.contains(&magic))
}

/// `true` for a file whose content the system makes up while it is read.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "it can fail where it must be asked")]
pub(crate) fn is_made_up(_file: BorrowedFd<'_>) -> Result<bool> {
    Ok(false)
}

/// Takes off the flags that change how reading behaves.
pub(crate) fn clear_flags(file: BorrowedFd<'_>) -> Result<()> {
    fs::fcntl_setfl(file, OFlags::empty())
}
