//! Text files of every kind, and what a program of .NET reads in them.

/// A file, and the text in it.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
}

/// As much of a text as the protocol carries, in UTF-16 units.
pub(crate) const MOST: usize = 32_767;

pub(crate) fn texts() -> Vec<Text> {
    let text = |name, bytes: &[u8], text: &str| Text {
        name,
        bytes: bytes.to_vec(),
        text: text.to_owned(),
    };
    let plain = |name, content: &str| text(name, content.as_bytes(), content);
    let long = |name, length| plain(name, &"x".repeat(length));
    let mixed = "naïve \u{20AC} \u{1F600}\r\nline\nline\r\t\u{0}end";
    let le: Vec<u8> = mixed.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = mixed.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    vec![
        plain("empty", ""),
        plain("one byte", "a"),
        plain("utf-8", mixed),
        text("utf-8 with a mark", &marked(b"\xef\xbb\xbf", mixed.as_bytes()), mixed),
        text("utf-16 le", &marked(b"\xff\xfe", &le), mixed),
        text("utf-16 be", &marked(b"\xfe\xff", &be), mixed),
        text("utf-16 without a mark", b"a\0b\0", "a\0b\0"),
        text("only a mark of utf-8", b"\xef\xbb\xbf", ""),
        text("only a mark of utf-16 le", b"\xff\xfe", ""),
        text("only a mark of utf-16 be", b"\xfe\xff", ""),
        text("a second mark", b"\xef\xbb\xbf\xef\xbb\xbfa", "\u{feff}a"),
        text("latin-1", b"na\xefve", "na\u{fffd}ve"),
        text(
            "wrong bytes",
            b"\xff\x80a\xc3(\xe2\x82b\xf0\x9f\x98",
            "\u{fffd}\u{fffd}a\u{fffd}(\u{fffd}b\u{fffd}",
        ),
        text("surrogates in utf-8", b"\xed\xa0\xbd", "\u{fffd}\u{fffd}\u{fffd}"),
        text("half a unit", b"\xff\xfea\0b", "a\u{fffd}"),
        text("half a pair", b"\xff\xfe\x3d\xd8a\0\x3d\xd8", "\u{fffd}a\u{fffd}"),
        long("a page", 4096),
        plain("a long one of many bytes", &"\u{20AC}\r\n".repeat(10_000)),
        long("just fits", MOST),
        long("does not fit", MOST + 1),
        plain("half a pair fits", &("x".repeat(MOST - 1) + "\u{1F600} and more")),
    ]
}
