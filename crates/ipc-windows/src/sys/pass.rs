//! Handles on their way from one process's table to another's, where they are numbers. Source: the
//! documentation of `DuplicateHandle` and `NtQueryObject`.
//!
//! A handle that is on its way has an [access](Mark) that no program asks for by itself. So a number
//! can be told from that of a handle that the process has for its own ends, which must be taken from
//! nobody.
#![allow(unsafe_code, reason = "a handle of another process is a number")]

use std::io;
use std::mem;
use std::os::windows::io::{
    AsHandle as _, AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle,
};
use std::ptr;

use parking_lot::Mutex;
use windows_sys::Wdk::Foundation::{NtQueryObject, ObjectBasicInformation};
use windows_sys::Win32::Foundation::{
    CompareObjectHandles, DUPLICATE_CLOSE_SOURCE, DUPLICATE_HANDLE_OPTIONS, DUPLICATE_SAME_ACCESS,
    DuplicateHandle, ERROR_INVALID_HANDLE, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ACCESS_RIGHTS, FILE_READ_ATTRIBUTES, FILE_READ_DATA, FILE_READ_EA, READ_CONTROL,
    SYNCHRONIZE,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, PROCESS_DUP_HANDLE, PROCESS_QUERY_LIMITED_INFORMATION,
};
use windows_sys::Win32::System::WindowsProgramming::PUBLIC_OBJECT_BASIC_INFORMATION;

use super::token::Token;
use super::{check, is};

/// A handle in a process's table, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// `None` for what is no handle's number. Those that stand for the caller itself are none: the
    /// process and the thread that has the number would not be meant.
    pub(crate) fn new(number: u64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        let is_one = number != 0 && number % 4 == 0 && number <= i32::MAX.unsigned_abs();
        is_one.then_some(Self(number))
    }

    pub(crate) fn number(self) -> u64 {
        self.0.into()
    }

    fn of(handle: HANDLE) -> Self {
        // Source: "Interprocess Communication Between 32-bit and 64-bit Applications": 32 bits count.
        #[allow(clippy::cast_possible_truncation, reason = "the other bits are none of a handle's")]
        Self(handle.addr() as u32)
    }

    fn handle(self) -> HANDLE {
        ptr::without_provenance_mut(usize::try_from(self.0).expect("Windows has 32 bits or more"))
    }
}

/// What a handle may do, by which it is told from others. All of it is reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A server has put it into its client's table.
    Pushed,
    /// A client has left it in its own table, for the server to take.
    Left,
    /// It has arrived.
    Received,
}

impl Mark {
    /// All are a part of `FILE_GENERIC_READ`, which whoever opens a file to read it has.
    fn access(self) -> FILE_ACCESS_RIGHTS {
        let reading = FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE;
        match self {
            Self::Pushed => reading | FILE_READ_EA,
            Self::Left => reading | READ_CONTROL,
            Self::Received => reading,
        }
    }
}

/// Another process, to put handles into and to take them from.
#[derive(Debug)]
pub(crate) struct Process(OwnedHandle);

impl Process {
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let access = PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION;
        // SAFETY: takes numbers only.
        let process = unsafe { OpenProcess(access, 0, pid) };
        if process.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just opened it, for this caller alone.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(process) }))
    }

    /// The token that it runs with.
    pub(crate) fn token(&self) -> io::Result<Token> {
        Token::of_other(self.0.as_handle())
    }

    /// Puts another handle on `file` into its table.
    pub(crate) fn push(&self, file: BorrowedHandle<'_>) -> io::Result<Slot> {
        let (source, target) = (this_process(), self.0.as_raw_handle());
        check_access(file, Mark::Pushed)?;
        // SAFETY: `file` is borrowed and stays open, and nothing is closed.
        let pushed = unsafe { duplicate(source, file.as_raw_handle(), target, Mark::Pushed, 0) }?;
        Ok(Slot::of(pushed))
    }

    /// Takes what was [left](Left) at `slot` of its table, and closes that; `None` for any other
    /// handle, or none.
    pub(crate) fn pull(&self, slot: Slot) -> io::Result<Option<OwnedHandle>> {
        // This may be that very process.
        let _lock = TAKING.lock();
        let (source, target) = (self.0.as_raw_handle(), this_process());
        if self.granted(slot)? != Some(Mark::Left.access()) {
            return Ok(None);
        }
        let options = DUPLICATE_CLOSE_SOURCE;
        // SAFETY: nobody in that process owns a handle of that access: whoever leaves one gives it
        // up, and takes it back under the lock. If another process does so without, what it loses is
        // a handle of its own that it has named for that.
        let pulled = unsafe { duplicate(source, slot.handle(), target, Mark::Received, options) }?;
        // SAFETY: the call has just made it, in this process and for this caller alone.
        Ok(Some(unsafe { OwnedHandle::from_raw_handle(pulled) }))
    }

    /// What the handle at `slot` of its table may do; `None` if there is none.
    fn granted(&self, slot: Slot) -> io::Result<Option<FILE_ACCESS_RIGHTS>> {
        let (source, target) = (self.0.as_raw_handle(), this_process());
        let mut same = ptr::null_mut();
        // SAFETY: the process is open, for `self` owns the handle; `slot` is a number in its table,
        // where nothing is closed; the result is a live local.
        let duplicated = check(unsafe {
            DuplicateHandle(
                source,
                slot.handle(),
                target,
                &raw mut same,
                0,
                0,
                DUPLICATE_SAME_ACCESS,
            )
        });
        match duplicated {
            Err(error) if is(&error, ERROR_INVALID_HANDLE) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => {
                // SAFETY: the call has just made it, in this process and for this caller alone.
                let same = unsafe { OwnedHandle::from_raw_handle(same) };
                Ok(granted_to(same.as_raw_handle()))
            }
        }
    }
}

/// A handle in this process's own table that is another process's to take.
#[derive(Debug)]
pub(crate) struct Left {
    slot: Slot,
    /// By which the file in the slot is known again.
    companion: OwnedHandle,
}

impl Left {
    /// Leaves another handle on `file`. From now on that is owned by nobody here.
    pub(crate) fn new(file: OwnedHandle) -> io::Result<Self> {
        let (here, source) = (this_process(), file.as_raw_handle());
        check_access(file.as_handle(), Mark::Left)?;
        // SAFETY: `file` is this function's own and stays open, and nothing is closed.
        let left = unsafe { duplicate(here, source, here, Mark::Left, 0) }?;
        Ok(Self { slot: Slot::of(left), companion: file })
    }

    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    /// `true` until it is taken.
    pub(crate) fn is_there(&self) -> bool {
        let companion = self.companion.as_raw_handle();
        // SAFETY: asks about two numbers; `companion` is open, and the other one may not be, which is
        // an answer.
        let is_same = unsafe { CompareObjectHandles(self.slot.handle(), companion) } != 0;
        is_same && granted(self.slot) == Some(Mark::Left.access())
    }
}

/// Takes it back, if nobody has taken it.
impl Drop for Left {
    fn drop(&mut self) {
        let _lock = TAKING.lock();
        if self.is_there() {
            // SAFETY: that very file with that access is what was left there; nobody here owns the
            // slot, and whoever takes it in this process holds the lock.
            drop(unsafe { OwnedHandle::from_raw_handle(self.slot.handle()) });
        }
    }
}

/// Takes what another process has pushed to `slot` of this one's table; `None` for any other handle,
/// or none.
pub(crate) fn receive(slot: Slot) -> io::Result<Option<OwnedHandle>> {
    let _lock = TAKING.lock();
    if granted(slot) != Some(Mark::Pushed.access()) {
        return Ok(None);
    }
    let (here, options) = (this_process(), DUPLICATE_CLOSE_SOURCE);
    // SAFETY: nobody here owns a handle of that access, for whoever pushes tells nobody but the one
    // who takes it, under the lock and once; so it may be closed.
    let received = unsafe { duplicate(here, slot.handle(), here, Mark::Received, options) }?;
    // SAFETY: the call has just made it, for this caller alone.
    Ok(Some(unsafe { OwnedHandle::from_raw_handle(received) }))
}

/// Whether `file` may do what another handle on it is to do: some systems let a duplicate do more.
fn check_access(file: BorrowedHandle<'_>, mark: Mark) -> io::Result<()> {
    let wanted = mark.access();
    match granted_to(file.as_raw_handle()) {
        Some(granted) if granted & wanted == wanted => Ok(()),
        _ => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is not open for reading"))
        }
    }
}

/// What the handle at `slot` of this process's table may do; `None` if there is none.
fn granted(slot: Slot) -> Option<FILE_ACCESS_RIGHTS> {
    granted_to(slot.handle())
}

/// What `handle` may do.
pub(super) fn granted_to(handle: HANDLE) -> Option<FILE_ACCESS_RIGHTS> {
    let mut found = PUBLIC_OBJECT_BASIC_INFORMATION::default();
    let length = u32::try_from(mem::size_of_val(&found)).expect("a few bytes");
    // SAFETY: a number that is no handle is an answer; `found` is a live local of the type that this
    // class has, and of the length that is passed.
    let status = unsafe {
        NtQueryObject(
            handle,
            ObjectBasicInformation,
            (&raw mut found).cast(),
            length,
            ptr::null_mut(),
        )
    };
    (status >= 0).then_some(found.GrantedAccess)
}

/// # Safety
/// Where `options` close the source, nobody owns it in its process.
unsafe fn duplicate(
    source: HANDLE,
    handle: HANDLE,
    target: HANDLE,
    mark: Mark,
    options: DUPLICATE_HANDLE_OPTIONS,
) -> io::Result<HANDLE> {
    let mut duplicate = ptr::null_mut();
    // SAFETY: both processes are open handles or stand for this process, by the callers; `handle` is
    // a number in the table of the first; the result is a live local. By this function's own promise
    // nobody misses what is closed.
    check(unsafe {
        DuplicateHandle(source, handle, target, &raw mut duplicate, mark.access(), 0, options)
    })?;
    Ok(duplicate)
}

fn this_process() -> HANDLE {
    // SAFETY: takes nothing, and answers with a constant that stands for this process.
    unsafe { GetCurrentProcess() }
}

/// Held from looking at a slot of this process until it is closed.
static TAKING: Mutex<()> = Mutex::new(());
