//! From the bytes of a file to text. Tools write UTF-8, UTF-16 and the one-octet code of western Europe.

/// How the bytes of a file were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16 with a byte order mark.
    Utf16,
    /// ISO 8859-1 or Windows-1252, as declared.
    Western,
}

/// What Windows-1252 has in 0x80 to 0x9F, where ISO 8859-1 has control characters that no text uses.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–',
    '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Reads the bytes of a file; nothing if they are no text in a known code.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<(String, Encoding)> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return String::from_utf8(rest.to_vec()).ok().map(|text| (text, Encoding::Utf8)),
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some((text.to_owned(), Encoding::Utf8));
    }
    let head = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let declaration = String::from_utf8_lossy(head).to_ascii_lowercase();
    let declaration = declaration.split("?>").next().unwrap_or_default();
    let is_western = ["iso-8859-1", "windows-1252", "cp1252", "latin1", "us-ascii"].iter().any(|name| declaration.contains(name));
    is_western.then(|| {
        let letter = |byte: &u8| match byte {
            0x80..=0x9F => WINDOWS.get(usize::from(byte - 0x80)).copied().unwrap_or(' '),
            _ => char::from(*byte),
        };
        (bytes.iter().map(letter).collect(), Encoding::Western)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<(String, Encoding)> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
    text.filter(|_| rest.is_empty()).map(|text| (text, Encoding::Utf16))
}

#[cfg(test)]
mod tests {
    use super::{Encoding, decode};

    #[test]
    fn tools_codes_are_read() {
        let utf16 = |unit: fn(u16) -> [u8; 2]| "<a>é</a>".encode_utf16().flat_map(unit);
        let le: Vec<u8> = [0xFF, 0xFE].into_iter().chain(utf16(u16::to_le_bytes)).collect();
        let be: Vec<u8> = [0xFE, 0xFF].into_iter().chain(utf16(u16::to_be_bytes)).collect();
        let western = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xE9\x80</a>".to_vec();
        for (bytes, text, encoding) in [
            ("<a>é</a>".as_bytes().to_vec(), "<a>é</a>", Encoding::Utf8),
            ([b"\xEF\xBB\xBF".as_slice(), "<a>é</a>".as_bytes()].concat(), "<a>é</a>", Encoding::Utf8),
            (le, "<a>é</a>", Encoding::Utf16),
            (be, "<a>é</a>", Encoding::Utf16),
            (western, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>é€</a>", Encoding::Western),
        ] {
            assert_eq!(decode(&bytes), Some((text.to_owned(), encoding)));
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(decode(b"<a>\xE9</a>"), None);
        assert_eq!(decode(b"\xFF\xFE<"), None);
        assert_eq!(decode(b"\xFF\xFE\x00\xD8"), None);
        assert_eq!(decode(b"PK\x03\x04\xE9\xFF"), None);
    }
}
