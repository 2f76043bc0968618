//! What a new process inherits: the named handles and no others.
#![allow(unsafe_code, reason = "the list is memory that the system lays out")]

use std::os::windows::io::RawHandle;
use std::{io, mem, ptr};

use windows_sys::Win32::System::Threading::{
    DeleteProcThreadAttributeList, InitializeProcThreadAttributeList, LPPROC_THREAD_ATTRIBUTE_LIST,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, UpdateProcThreadAttribute,
};

use super::check;

/// An attribute list with one attribute: the handles to inherit.
pub(super) struct Inherited {
    /// The list, in words for its alignment.
    list: Box<[u64]>,
    /// The list keeps a pointer to these.
    handles: Box<[RawHandle]>,
}

impl Inherited {
    /// The list of `handles`, which must be inheritable, and open when it is used.
    pub(super) fn new(handles: impl Iterator<Item = RawHandle>) -> io::Result<Self> {
        let mut length = 0;
        // SAFETY: without a list the call only tells, in a live local, how long one would be.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &raw mut length) };
        let mut list = vec![0_u64; length.div_ceil(size_of::<u64>())].into_boxed_slice();
        // SAFETY: `list` has the length that the system asked for, and is this function's own.
        check(unsafe {
            InitializeProcThreadAttributeList(list.as_mut_ptr().cast(), 1, 0, &raw mut length)
        })?;
        let mut inherited = Self { list, handles: handles.collect() };
        if !inherited.handles.is_empty() {
            inherited.set()?;
        }
        Ok(inherited)
    }

    fn set(&mut self) -> io::Result<()> {
        let list = self.as_mut_ptr();
        // SAFETY: the list is initialised, for one attribute; the handles live in a box of this
        // value, which stays where it is until the list is deleted, and have the size given.
        check(unsafe {
            UpdateProcThreadAttribute(
                list,
                0,
                PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
                self.handles.as_ptr().cast(),
                mem::size_of_val(&*self.handles),
                ptr::null_mut(),
                ptr::null(),
            )
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Valid for as long as this value.
    pub(super) fn as_mut_ptr(&mut self) -> LPPROC_THREAD_ATTRIBUTE_LIST {
        self.list.as_mut_ptr().cast()
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        // SAFETY: the list was initialised by `new`, and is used no more.
        unsafe { DeleteProcThreadAttributeList(self.as_mut_ptr()) };
    }
}
