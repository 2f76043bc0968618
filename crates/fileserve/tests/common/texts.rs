//! Text files of every kind, and what a program of .NET reads in them.

/// A file, and the text in it.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
    /// The bytes end in the middle of a character. It is the last U+FFFD of the text; .NET before 6
    /// leaves it out.
    pub(crate) ends_open: bool,
}

pub(crate) fn texts() -> Vec<Text> {
    let text = |name, bytes: &[u8], text: &str| Text {
        name,
        bytes: bytes.to_vec(),
        text: text.to_owned(),
        ends_open: false,
    };
    let open = |name, bytes, content| Text { ends_open: true, ..text(name, bytes, content) };
    let plain = |name, content: &str| text(name, content.as_bytes(), content);
    let long = |name, length| plain(name, &"x".repeat(length));
    let mixed = "naïve \u{20AC} \u{1F600}\r\nline\nline\r\t\u{0}end";
    let le: Vec<u8> = mixed.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = mixed.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    vec![
        plain("empty", ""),
        plain("one byte", "a"),
        plain("na\u{ef}ve \u{20AC} \u{1F600}", mixed),
        text("utf-8 with a mark", &marked(b"\xef\xbb\xbf", mixed.as_bytes()), mixed),
        text("utf-16 le", &marked(b"\xff\xfe", &le), mixed),
        text("utf-16 be", &marked(b"\xfe\xff", &be), mixed),
        text("utf-16 without a mark", b"a\0b\0", "a\0b\0"),
        text("only a mark of utf-8", b"\xef\xbb\xbf", ""),
        text("only a mark of utf-16 le", b"\xff\xfe", ""),
        text("only a mark of utf-16 be", b"\xfe\xff", ""),
        text("a second mark", b"\xef\xbb\xbf\xef\xbb\xbfa", "\u{feff}a"),
        text("latin-1", b"na\xefve", "na\u{fffd}ve"),
        text("wrong bytes", b"\xff\x80a\xc3(\xe2\x82b", "\u{fffd}\u{fffd}a\u{fffd}(\u{fffd}b"),
        text("surrogates in utf-8", b"\xed\xa0\xbd", "\u{fffd}\u{fffd}\u{fffd}"),
        text("half a pair", b"\xff\xfe\x3d\xd8a\0\0\xde", "\u{fffd}a\u{fffd}"),
        open("an open end", b"a\xf0\x9f\x98", "a\u{fffd}"),
        open("half a unit at the end", b"\xff\xfea\0b", "a\u{fffd}"),
        open("half a pair at the end", b"\xff\xfea\0\x3d\xd8", "a\u{fffd}"),
        long("a page", 4096),
        plain("a long one of many bytes", &"\u{20AC}\r\n".repeat(10_000)),
        long("just fits", 32_767),
        long("does not fit", 32_768),
        plain("half a pair fits", &("x".repeat(32_766) + "\u{1F600} and more")),
    ]
}
