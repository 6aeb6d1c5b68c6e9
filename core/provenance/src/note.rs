//! Checkpoints as C2SP signed notes: `c2sp.org/tlog-checkpoint`, `c2sp.org/signed-note`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tree::{Hash, sha256};

/// The longest note that is read, octets. One Ed25519 line is about 150, one ML-DSA-44 line about 3,300.
pub const MAX_NOTE: usize = 64 << 10;
/// Signature lines that are read; the specification asks for at least 16.
pub const MAX_NOTE_SIGNATURES: usize = 64;
const ED25519_TYPE: u8 = 0x01;

/// Signs checkpoints with an Ed25519 key.
pub trait Signer: Send + Sync {
    /// The C2SP key name: the log's origin. No space, no plus.
    fn name(&self) -> &str;
    /// The public key, 32 octets (RFC 8032).
    fn public_key(&self) -> [u8; 32];
    /// The signature over a message, 64 octets (RFC 8032, pure Ed25519).
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A [`Signer`] from a 32-octet seed held in memory.
pub struct Ed25519Signer {
    name: String,
    pair: Ed25519KeyPair,
}

impl Ed25519Signer {
    /// The key of a seed (RFC 8032 §5.1.5). `None` if the library refuses it.
    #[must_use]
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Option<Self> {
        Some(Self { name: name.to_owned(), pair: Ed25519KeyPair::from_seed_unchecked(seed).ok()? })
    }
}

impl Signer for Ed25519Signer {
    fn name(&self) -> &str {
        &self.name
    }

    fn public_key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        key
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

/// The key id of C2SP: the first four octets of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)`.
#[must_use]
pub fn key_id(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let mut octets = Vec::with_capacity(name.len() + 34);
    octets.extend_from_slice(name.as_bytes());
    octets.extend_from_slice(&[0x0a, ED25519_TYPE]);
    octets.extend_from_slice(public_key);
    let hash = sha256(&octets);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: String,
    /// Leaves of the log.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a signed note with a checkpoint body.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Another log's checkpoint.
    #[error("it is of another origin")]
    Origin,
    /// No line is by one of the keys that are trusted.
    #[error("no signature is by a trusted key")]
    UntrustedKey,
    /// A line names a trusted key but was not made by it.
    #[error("the signature is wrong")]
    BadSignature,
}

/// The signed note of a checkpoint: body, empty line, one Ed25519 line. Further lines may be added behind it.
#[must_use]
pub fn sign_checkpoint(origin: &str, size: u64, root: &Hash, signer: &dyn Signer) -> Vec<u8> {
    let mut note = format!("{origin}\n{size}\n{}\n", STANDARD.encode(root));
    let signature = signer.sign(note.as_bytes());
    let mut blob = [0; 68];
    blob[..4].copy_from_slice(&key_id(signer.name(), &signer.public_key()));
    blob[4..].copy_from_slice(&signature);
    note.push_str(&format!("\n\u{2014} {} {}\n", signer.name(), STANDARD.encode(blob)));
    note.into_bytes()
}

/// Reads the body of a note without looking at signatures. Returns it with the signed text and the signature lines.
pub(crate) fn parse(note: &[u8]) -> Result<(Checkpoint, &str, &str), NoteError> {
    use NoteError::Malformed;
    if note.len() > MAX_NOTE {
        return Err(Malformed("it is too long"));
    }
    let note = std::str::from_utf8(note).map_err(|_| Malformed("it is not UTF-8"))?;
    if note.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(Malformed("it has a control character"));
    }
    let at = note.rfind("\n\n").ok_or(Malformed("it has no empty line"))?;
    let (text, lines) = (&note[..=at], &note[at + 2..]);
    if !lines.ends_with('\n') {
        return Err(Malformed("the last line does not end"));
    }
    let mut body = text.lines();
    let origin = body.next().filter(|o| !o.is_empty()).ok_or(Malformed("it has no origin"))?;
    let size = body.next().ok_or(Malformed("it has no size"))?;
    let digits = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
    let size = size.parse().ok().filter(|_| digits).ok_or(Malformed("its size is no number"))?;
    let root = body.next().and_then(|r| STANDARD.decode(r).ok()).and_then(|r| r.try_into().ok()).ok_or(Malformed("its root is no hash"))?;
    Ok((Checkpoint { origin: origin.to_owned(), size, root }, text, lines))
}

/// Opens a checkpoint: one of the trusted keys must have signed it under the name of the origin. Lines of other keys are ignored.
///
/// # Errors
/// [`NoteError`]; a wrong signature of a trusted key refuses even if another trusted key's is right.
pub fn open_checkpoint(note: &[u8], origin: &str, keys: &[[u8; 32]]) -> Result<Checkpoint, NoteError> {
    let (checkpoint, text, lines) = parse(note)?;
    if checkpoint.origin != origin {
        return Err(NoteError::Origin);
    }
    let mut trusted = false;
    for (i, line) in lines.lines().enumerate() {
        if i >= MAX_NOTE_SIGNATURES {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        let line = line.strip_prefix("\u{2014} ").ok_or(NoteError::Malformed("a signature line has no dash"))?;
        let (name, blob) = line.split_once(' ').ok_or(NoteError::Malformed("a signature line has no signature"))?;
        let blob = STANDARD.decode(blob).map_err(|_| NoteError::Malformed("a signature is not base64"))?;
        let (id, signature) = blob.split_first_chunk::<4>().ok_or(NoteError::Malformed("a signature is too short"))?;
        if name != origin {
            continue;
        }
        let mut named = keys.iter().filter(|key| key_id(name, key) == *id).peekable();
        if named.peek().is_none() {
            continue;
        }
        if !named.any(|key| UnparsedPublicKey::new(&ED25519, key).verify(text.as_bytes(), signature).is_ok()) {
            return Err(NoteError::BadSignature);
        }
        trusted = true;
    }
    if trusted { Ok(checkpoint) } else { Err(NoteError::UntrustedKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "plant.example/bridge/1";

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed(ORIGIN, &[7; 32]).unwrap()
    }

    #[test]
    fn the_key_id_is_as_in_the_go_sumdb() {
        // A public known answer: the verifier key of sum.golang.org, "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8".
        let key = STANDARD.decode("Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").unwrap();
        assert_eq!(key[0], ED25519_TYPE);
        let public: [u8; 32] = key[1..].try_into().unwrap();
        assert_eq!(key_id("sum.golang.org", &public), [0x03, 0x3d, 0xe0, 0xae]);
    }

    #[test]
    fn the_example_of_the_checkpoint_specification_is_read() {
        // c2sp.org/tlog-checkpoint: its key is not published there, so it is the line of a stranger.
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa \
                    Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let (checkpoint, text, _) = parse(note.as_bytes()).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size, checkpoint.root[0]), ("example.com/behind-the-sofa", 20_852_163, 0x0a));
        assert_eq!(text.lines().count(), 3);
        assert_eq!(open_checkpoint(note.as_bytes(), "example.com/behind-the-sofa", &[[1; 32]]), Err(NoteError::UntrustedKey));
    }

    #[test]
    fn ed25519_is_rfc_8032_test_1() {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b,
            0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ];
        let signer = Ed25519Signer::from_seed("x", &seed).unwrap();
        assert_eq!(signer.public_key()[..4], [0xd7, 0x5a, 0x98, 0x01]);
        assert_eq!(signer.sign(b"")[..4], [0xe5, 0x56, 0x43, 0x00]);
    }

    #[test]
    fn a_note_is_text_empty_line_signature() {
        let note = sign_checkpoint(ORIGIN, 12, &[0; 32], &signer());
        let text = String::from_utf8(note.clone()).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines[..4], [ORIGIN, "12", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""]);
        assert!(lines[4].starts_with("\u{2014} plant.example/bridge/1 "));
        assert_eq!((lines.len(), lines[5]), (6, ""));
        let opened = open_checkpoint(&note, ORIGIN, &[[1; 32], signer().public_key()]).unwrap();
        assert_eq!(opened, Checkpoint { origin: ORIGIN.into(), size: 12, root: [0; 32] });
    }

    #[test]
    fn lines_of_unknown_keys_are_ignored_and_alone_are_untrusted() {
        let mut note = sign_checkpoint(ORIGIN, 12, &[0; 32], &signer());
        let stranger = Ed25519Signer::from_seed(ORIGIN, &[8; 32]).unwrap();
        assert_eq!(open_checkpoint(&note, ORIGIN, &[stranger.public_key()]), Err(NoteError::UntrustedKey));
        assert_eq!(open_checkpoint(&note, ORIGIN, &[]), Err(NoteError::UntrustedKey));
        // A cosignature of a witness, with a long signature of a type not known here.
        note.extend_from_slice(format!("\u{2014} witness.example/w {}\n", STANDARD.encode(vec![6; 2432])).as_bytes());
        assert!(open_checkpoint(&note, ORIGIN, &[signer().public_key()]).is_ok());
        assert_eq!(open_checkpoint(&note, "other", &[signer().public_key()]), Err(NoteError::Origin));
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_refused() {
        let note = sign_checkpoint(ORIGIN, 12, &[9; 32], &signer());
        for bit in 0..note.len() * 8 {
            let mut bad = note.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open_checkpoint(&bad, ORIGIN, &[signer().public_key()]).is_err(), "bit {bit}");
        }
        for cut in 0..note.len() {
            assert!(open_checkpoint(&note[..cut], ORIGIN, &[signer().public_key()]).is_err(), "cut {cut}");
        }
    }

    #[test]
    fn limits() {
        let key = [signer().public_key()];
        assert!(matches!(open_checkpoint(&vec![b'a'; MAX_NOTE + 1], ORIGIN, &key), Err(NoteError::Malformed("it is too long"))));
        let mut note = sign_checkpoint(ORIGIN, 12, &[9; 32], &signer());
        for _ in 0..MAX_NOTE_SIGNATURES {
            note.extend_from_slice("\u{2014} w AAAAAAA=\n".as_bytes());
        }
        assert_eq!(open_checkpoint(&note, ORIGIN, &key), Err(NoteError::Malformed("it has too many signatures")));
    }
}
