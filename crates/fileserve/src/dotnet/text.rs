//! The bytes of a text file as the text that .NET reads in them.

/// Turns the bytes of a text file into UTF-16, piece by piece, up to a limit.
///
/// A byte order mark at the beginning says that the file is UTF-8 (`EF BB BF`), UTF-16 LE (`FF FE`)
/// or UTF-16 BE (`FE FF`), and is left out. Without one it is UTF-8. What is wrong in either becomes
/// U+FFFD: in UTF-8 one for each longest beginning of a character, as Unicode recommends. Line ends
/// stay as they are.
///
/// Source: .NET, `File.ReadAllText(String)`, as its present sources have it; but `FF FE 00 00` and
/// `00 00 FE FF`, there the marks of UTF-32, have no meaning of their own here. .NET Core 3.1, which
/// the tests run, leaves out an unfinished character at the end; runtimes before .NET Core 3.0 replace
/// what is wrong by other numbers of U+FFFD.
#[derive(Debug)]
pub(super) struct TextDecoder {
    /// Known once the beginning has come.
    encoding: Option<Encoding>,
    /// The beginning of what has not come whole.
    pending: Vec<u8>,
    text: Text,
    limit: usize,
}

/// A text, or the beginning of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// UTF-16, little-endian. Only a cut can leave half of a surrogate pair, at the end.
    pub(super) utf16: Vec<u8>,
    /// Whether the file has more than fits.
    pub(super) cut: bool,
}

impl TextDecoder {
    /// Decodes up to `limit` bytes of UTF-16.
    pub(super) fn new(limit: usize) -> Self {
        Self { encoding: None, pending: Vec::new(), text: Text::default(), limit: limit & !1 }
    }

    /// Takes the next bytes of the file.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.decode(false);
    }

    /// `true` once nothing that follows can change anything.
    pub(super) fn is_full(&self) -> bool {
        self.text.cut
    }

    /// The text; the file has no more bytes, or none that matter.
    pub(super) fn finish(mut self) -> Text {
        self.decode(true);
        self.text
    }

    /// Decodes what is there, and keeps what is the beginning of something unless nothing follows.
    fn decode(&mut self, at_end: bool) {
        let mut bytes = std::mem::take(&mut self.pending);
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None if bytes.len() < LONGEST_MARK && !at_end => {
                self.pending = bytes;
                return;
            }
            None => {
                let (encoding, mark) = Encoding::detect(&bytes);
                self.encoding = Some(encoding);
                bytes.drain(..mark);
                encoding
            }
        };
        let kept = match encoding {
            Encoding::Utf8 => self.decode_utf8(&bytes, at_end),
            Encoding::Utf16(unit) => self.decode_utf16(&bytes, unit, at_end),
        };
        bytes.drain(..bytes.len() - kept);
        self.pending = bytes;
    }

    /// Returns how many bytes at the end are to be kept.
    fn decode_utf8(&mut self, mut bytes: &[u8], at_end: bool) -> usize {
        while !self.is_full() {
            let (valid, wrong) = match std::str::from_utf8(bytes) {
                Ok(all) => (all, None),
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    let valid = std::str::from_utf8(valid).expect("valid up to there");
                    (valid, Some((rest, error.error_len())))
                }
            };
            self.add(valid.chars());
            let Some((rest, length)) = wrong else { return 0 };
            bytes = match length {
                Some(length) => &rest[length..],
                None if at_end => &[],
                None => return rest.len(),
            };
            self.add([char::REPLACEMENT_CHARACTER]);
        }
        0
    }

    /// Returns how many bytes at the end are to be kept.
    fn decode_utf16(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16, at_end: bool) -> usize {
        let units = || bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let count = bytes.len() / 2;
        let half = bytes.len() % 2;
        let waits = !at_end && units().next_back().is_some_and(is_high_surrogate);
        let taken = count - usize::from(waits);
        let characters = char::decode_utf16(units().take(taken));
        self.add(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)));
        if at_end && half > 0 {
            self.add([char::REPLACEMENT_CHARACTER]);
        }
        bytes.len() - taken * 2
    }

    fn add(&mut self, characters: impl IntoIterator<Item = char>) {
        let Text { utf16, cut } = &mut self.text;
        for character in characters {
            for unit in character.encode_utf16(&mut [0; 2]) {
                if utf16.len() >= self.limit {
                    *cut = true;
                    return;
                }
                utf16.extend_from_slice(&unit.to_le_bytes());
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Utf8,
    /// With what makes a unit of two bytes.
    Utf16(fn([u8; 2]) -> u16),
}

impl Encoding {
    /// What a file that begins with `bytes` is, and how many of them are the mark that says so.
    fn detect(bytes: &[u8]) -> (Self, usize) {
        match bytes {
            [0xEF, 0xBB, 0xBF, ..] => (Self::Utf8, 3),
            [0xFF, 0xFE, ..] => (Self::Utf16(u16::from_le_bytes), 2),
            [0xFE, 0xFF, ..] => (Self::Utf16(u16::from_be_bytes), 2),
            _ => (Self::Utf8, 0),
        }
    }
}

fn is_high_surrogate(unit: u16) -> bool {
    (0xD800..0xDC00).contains(&unit)
}

/// In bytes.
const LONGEST_MARK: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bytes are in pieces of any size, which must not matter.
    fn text(bytes: &[u8]) -> String {
        let whole = decoded(bytes, bytes.len().max(1), usize::MAX);
        for size in [1, 2, 3, 5] {
            assert_eq!(decoded(bytes, size, usize::MAX), whole, "pieces of {size}");
        }
        assert!(!whole.cut);
        let units = whole.utf16.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        char::decode_utf16(units).map(|c| c.expect("no half pair")).collect()
    }

    fn decoded(bytes: &[u8], size: usize, limit: usize) -> Text {
        let mut decoder = TextDecoder::new(limit);
        for piece in bytes.chunks(size) {
            decoder.push(piece);
        }
        decoder.finish()
    }

    #[test]
    fn a_mark_says_what_the_file_is_and_is_left_out() {
        assert_eq!(text(b""), "");
        assert_eq!(text(b"a"), "a");
        assert_eq!(text("naïve \u{1F600}\r\n".as_bytes()), "naïve \u{1F600}\r\n");
        assert_eq!(text(b"\xef\xbb\xbfna\xc3\xafve"), "naïve");
        assert_eq!(text(b"\xff\xfea\0\xef\0\x3d\xd8\0\xde"), "a\u{ef}\u{1F600}");
        assert_eq!(text(b"\xfe\xff\0a\0\xef\xd8\x3d\xde\0"), "a\u{ef}\u{1F600}");
        for mark in [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"] {
            assert_eq!(text(mark), "");
        }
    }

    #[test]
    fn only_the_first_mark_is_one() {
        assert_eq!(text(b"\xef\xbb\xbf\xef\xbb\xbfa"), "\u{feff}a");
        assert_eq!(text(b"\xff\xfe\xff\xfea\0"), "\u{feff}a");
        assert_eq!(text(b"a\xef\xbb\xbf"), "a\u{feff}");
        assert_eq!(text(b"\xff\xfe\0\0"), "\0", "no mark of UTF-32");
    }

    #[test]
    fn what_is_wrong_becomes_a_replacement_for_each_longest_beginning() {
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(text(b"\xff"), "\u{fffd}");
        assert_eq!(text(b"\x80\x80"), "\u{fffd}\u{fffd}");
        assert_eq!(text(b"\xe2\x82"), "\u{fffd}");
        assert_eq!(text(b"\xe2\x82a"), "\u{fffd}a");
        assert_eq!(text(b"\xf0\x9f\x98"), "\u{fffd}");
        assert_eq!(text(b"\xed\xa0\x80"), "\u{fffd}\u{fffd}\u{fffd}", "a surrogate in UTF-8");
        assert_eq!(text(b"\xff\xfea\0b"), "a\u{fffd}", "half a unit");
        assert_eq!(text(b"\xff\xfe\x3d\xd8a\0"), "\u{fffd}a", "half a pair");
        assert_eq!(text(b"\xff\xfe\0\xde"), "\u{fffd}", "the other half");
        assert_eq!(text(b"\xff\xfe\x3d\xd8"), "\u{fffd}", "half a pair at the end");
        assert_eq!(text(b"\xff\xfe\x3d\xd8\0"), "\u{fffd}\u{fffd}", "and half a unit");
    }

    #[test]
    fn a_text_is_cut_at_a_whole_unit_and_only_if_there_is_more() {
        let cut = |utf16: &[u8]| Text { utf16: utf16.to_vec(), cut: true };
        let whole = |utf16: &[u8]| Text { utf16: utf16.to_vec(), cut: false };
        assert_eq!(decoded(b"ab", 1, 4), whole(b"a\0b\0"));
        assert_eq!(decoded(b"abc", 1, 4), cut(b"a\0b\0"));
        assert_eq!(decoded(b"abc", 3, 5), cut(b"a\0b\0"));
        assert_eq!(decoded(b"ab\xff", 3, 4), cut(b"a\0b\0"));
        assert_eq!(decoded("a\u{1F600}".as_bytes(), 5, 4), cut(b"a\0\x3d\xd8"), "half a pair");
        assert_eq!(decoded(b"", 1, 0), whole(b""));
        assert_eq!(decoded(b"\xef\xbb\xbf", 1, 0), whole(b""));
    }

    #[test]
    fn what_lies_behind_the_limit_takes_no_memory() {
        let mut decoder = TextDecoder::new(10);
        for _ in 0..1000 {
            decoder.push(&[b'x'; 1000]);
        }
        assert!(decoder.is_full());
        assert!(decoder.pending.is_empty());
        assert_eq!(decoder.finish().utf16.len(), 10);
    }
}
