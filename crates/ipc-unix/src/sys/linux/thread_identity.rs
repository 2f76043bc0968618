//! The identity of one thread: raw system calls, which change the calling thread alone. The C
//! library's functions of the same names change every thread, or end the process.
//! Source: nptl(7), "C library/kernel differences" in setresuid(2).
#![allow(unsafe_code, reason = "getresuid and getresgid have no safe wrapper")]

use std::io;
use std::marker::PhantomData;
use std::sync::OnceLock;

use rustix::process::{Gid, RawGid, RawUid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::switch::NOBODY;
use crate::switch::thread::{Capabilities, Ids, ThreadIdentity, ThreadState};

/// The calling thread.
#[derive(Debug)]
pub(crate) struct ThisThread {
    /// Neither `Send` nor `Sync`: it means whichever thread calls.
    this_thread_only: PhantomData<*mut ()>,
}

/// The calling thread's identity; `None` where threads have none of their own.
pub(crate) fn this_thread() -> Option<ThisThread> {
    Some(ThisThread { this_thread_only: PhantomData })
}

/// The user and group that the kernel shows for ids without a name in this user namespace.
pub(crate) fn overflow_ids() -> [u32; 2] {
    static IDS: OnceLock<[u32; 2]> = OnceLock::new();
    *IDS.get_or_init(|| {
        ["/proc/sys/kernel/overflowuid", "/proc/sys/kernel/overflowgid"].map(|setting| {
            let text = std::fs::read_to_string(setting).unwrap_or_default();
            text.trim().parse().unwrap_or(NOBODY)
        })
    })
}

impl ThreadIdentity for ThisThread {
    fn read(&self, state: &mut ThreadState) -> io::Result<()> {
        look(|| {
            state.uid = user_ids()?;
            state.gid = group_ids()?;
            read_groups(&mut state.groups)?;
            Ok(())
        })?;
        state.capabilities = self.capabilities()?;
        Ok(())
    }

    fn capabilities(&self) -> io::Result<Capabilities> {
        let mut found = Capabilities::default();
        look(|| {
            let sets = rustix::thread::capabilities(None)?;
            found = Capabilities {
                effective: sets.effective.bits(),
                permitted: sets.permitted.bits(),
                inheritable: sets.inheritable.bits(),
            };
            Ok(())
        })?;
        Ok(found)
    }

    fn set_groups(&self, groups: &[u32]) -> io::Result<()> {
        let groups: Vec<Gid> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        change(|| Ok(rustix::thread::set_thread_groups(&groups)?))
    }

    fn set_effective_gid(&self, gid: u32) -> io::Result<()> {
        change(|| Ok(rustix::thread::set_thread_res_gid(None, Gid::from_raw(gid), None)?))
    }

    fn set_effective_uid(&self, uid: u32) -> io::Result<()> {
        change(|| Ok(rustix::thread::set_thread_res_uid(None, Uid::from_raw(uid), None)?))
    }

    fn set_capabilities(&self, capabilities: Capabilities) -> io::Result<()> {
        let sets = CapabilitySets {
            effective: CapabilitySet::from_bits_retain(capabilities.effective),
            permitted: CapabilitySet::from_bits_retain(capabilities.permitted),
            inheritable: CapabilitySet::from_bits_retain(capabilities.inheritable),
        };
        change(|| Ok(rustix::thread::set_capabilities(None, sets)?))
    }
}

/// What is looked at, and what is changed: single steps, which go wrong where a test wants that.
#[cfg(test)]
use crate::testing::mishaps::{change, look};

#[cfg(not(test))]
fn look(step: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    step()
}

#[cfg(not(test))]
fn change(step: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    step()
}

fn user_ids() -> io::Result<Ids> {
    let [mut real, mut effective, mut saved]: [RawUid; 3] = [0; 3];
    // SAFETY: the three pointers are to live locals that nobody else sees; the call writes one id
    // to each and keeps none of them.
    let status = unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) };
    if status == 0 { Ok(Ids { real, effective, saved }) } else { Err(io::Error::last_os_error()) }
}

fn group_ids() -> io::Result<Ids> {
    let [mut real, mut effective, mut saved]: [RawGid; 3] = [0; 3];
    // SAFETY: the three pointers are to live locals that nobody else sees; the call writes one id
    // to each and keeps none of them.
    let status = unsafe { libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) };
    if status == 0 { Ok(Ids { real, effective, saved }) } else { Err(io::Error::last_os_error()) }
}

fn read_groups(groups: &mut Vec<u32>) -> io::Result<()> {
    let mut room = 32;
    loop {
        groups.resize(room, 0);
        let space = libc::c_int::try_from(room).unwrap_or(libc::c_int::MAX);
        // SAFETY: `groups` has `room` elements, at least `space`, and is borrowed mutably, so that
        // the call may write that many.
        let count = unsafe { libc::getgroups(space, groups.as_mut_ptr()) };
        match usize::try_from(count) {
            Ok(count) => groups.truncate(count),
            Err(_) if room < MAX_GROUPS => {
                room = MAX_GROUPS;
                continue;
            }
            Err(_) => return Err(io::Error::last_os_error()),
        }
        groups.sort_unstable();
        return Ok(());
    }
}

/// The most supplementary groups that a thread can have. Source: credentials(7), `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65_536;
