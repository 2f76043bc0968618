//! The entries of a directory. Source: `GetFileInformationByHandleEx`, `FILE_FULL_DIR_INFO`.

use std::io;
use std::mem::{offset_of, size_of};
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle};

use ipc_core::files::DirectoryEntry;
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_NO_MORE_FILES};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FULL_DIR_INFO, FILE_INFO_BY_HANDLE_CLASS, FileFullDirectoryInfo,
    FileFullDirectoryRestartInfo, GetFileInformationByHandleEx,
};

use super::super::{check, is};
use super::kind;

/// Hands each entry of `directory` to `each`, from the beginning and until that returns `false`.
pub(crate) fn entries(
    directory: BorrowedHandle<'_>,
    each: &mut dyn FnMut(DirectoryEntry) -> bool,
) -> io::Result<()> {
    let mut buffer = Box::new(Buffer([0; BUFFER]));
    let mut class = FileFullDirectoryRestartInfo;
    loop {
        match fill(directory, class, &mut buffer) {
            Err(error) if is(&error, ERROR_NO_MORE_FILES) => return Ok(()),
            // A drive's top has neither `.` nor `..`, and so nothing at all when it is empty. Source:
            // Microsoft, "FindFirstFileW", Return value.
            Err(error) if is_first(class) && is(&error, ERROR_FILE_NOT_FOUND) => return Ok(()),
            filled => filled?,
        }
        if !hand_out(&buffer.0, each)? {
            return Ok(());
        }
        class = FileFullDirectoryInfo;
    }
}

fn is_first(class: FILE_INFO_BY_HANDLE_CLASS) -> bool {
    class == FileFullDirectoryRestartInfo
}

/// As the structure in it must be aligned.
#[repr(C, align(8))]
struct Buffer([u8; BUFFER]);

fn fill(
    directory: BorrowedHandle<'_>,
    class: FILE_INFO_BY_HANDLE_CLASS,
    buffer: &mut Buffer,
) -> io::Result<()> {
    let length = u32::try_from(BUFFER).expect("a constant");
    // SAFETY: `directory` is borrowed and so stays open for the call; `buffer` is borrowed alone, is
    // valid for writes of `length` bytes and aligned as the structures of this class must be.
    check(unsafe {
        GetFileInformationByHandleEx(
            directory.as_raw_handle(),
            class,
            buffer.0.as_mut_ptr().cast(),
            length,
        )
    })
}

/// Hands out the entries in `buffer`. Returns whether more are wanted.
fn hand_out(buffer: &[u8], each: &mut dyn FnMut(DirectoryEntry) -> bool) -> io::Result<bool> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a malformed directory listing");
    let mut rest = buffer;
    loop {
        let number = |at| number(rest, at).ok_or_else(malformed);
        let next = number(offset_of!(FILE_FULL_DIR_INFO, NextEntryOffset))?;
        let attributes = number(offset_of!(FILE_FULL_DIR_INFO, FileAttributes))?;
        let length = number(offset_of!(FILE_FULL_DIR_INFO, FileNameLength))? as usize;
        // Of a reparse point it is the tag. Source: [MS-FSCC] 2.4.15, `EaSize`.
        let tag = number(offset_of!(FILE_FULL_DIR_INFO, EaSize))?;
        let start = offset_of!(FILE_FULL_DIR_INFO, FileName);
        let name = rest.get(start..start + length).ok_or_else(malformed)?;
        let name = text(name);
        if name != b"." && name != b".." {
            let entry = DirectoryEntry { name, kind: Some(kind(attributes, tag)) };
            if !each(entry) {
                return Ok(false);
            }
        }
        if next == 0 {
            return Ok(true);
        }
        rest = rest.get(next as usize..).ok_or_else(malformed)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + size_of::<u32>())?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// A name as it travels: in UTF-8. Half of a surrogate pair, which is no Unicode, becomes the three
/// bytes that stand for it in no text, so that different names stay different; it cannot be asked
/// for.
fn text(name: &[u8]) -> Vec<u8> {
    let units = name.chunks_exact(2).map(|unit| u16::from_ne_bytes([unit[0], unit[1]]));
    let mut text = Vec::with_capacity(name.len());
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => {
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Err(half) => {
                let [high, low] = half.unpaired_surrogate().to_be_bytes();
                let middle = ((high & 0x0f) << 2) | (low >> 6);
                text.extend_from_slice(&[0xe0 | (high >> 4), 0x80 | middle, 0x80 | (low & 0x3f)]);
            }
        }
    }
    text
}

/// In bytes: some hundreds of entries at a time.
const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_utf_8_and_stays_different_from_others() {
        let text = |units: &[u16]| {
            text(&units.iter().flat_map(|unit| unit.to_ne_bytes()).collect::<Vec<_>>())
        };
        let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        assert_eq!(text(&utf16("naïve €😀")), "naïve €😀".as_bytes());
        assert_eq!(text(&[0x61, 0xd800, 0x62]), b"a\xed\xa0\x80b");
        assert_eq!(text(&[0xdfff]), b"\xed\xbf\xbf");
        assert!(std::str::from_utf8(&text(&[0xd800])).is_err());
    }

    #[test]
    fn a_malformed_listing_is_an_error() {
        let mut buffer = vec![0; size_of::<FILE_FULL_DIR_INFO>()];
        buffer[offset_of!(FILE_FULL_DIR_INFO, FileNameLength)] = 0xff;
        let error = hand_out(&buffer, &mut |_| true).expect_err("a name beyond the end");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        buffer[offset_of!(FILE_FULL_DIR_INFO, FileNameLength)] = 0;
        buffer[offset_of!(FILE_FULL_DIR_INFO, NextEntryOffset)] = 0xff;
        let error = hand_out(&buffer, &mut |_| true).expect_err("an entry beyond the end");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
