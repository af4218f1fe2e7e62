//! Opening an archive: its list of files is decrypted, read and checked before anything is unpacked.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use model::ByteCount;
use model::bound::FILES_MAX;
use sevenz_rust2::{ArchiveEntry, BlockDecoder};

use super::entry::Entry;
use super::envelope::{Envelope, EnvelopeError};
use super::method::{self, MethodError};
use super::probe::fill;
use crate::Password;

/// An archive whose list of files was read.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    envelope: Envelope,
    entries: Vec<Entry>,
    inner: sevenz_rust2::Archive,
    password: Secret,
    /// Some content is encrypted.
    encrypted: bool,
    /// The password is known to be right: it has opened the list of files.
    proven: bool,
}

/// Why an archive does not open. Fits after "failed to open x: ".
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What shows without the password is not right.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The names are encrypted and no password was given.
    #[error("it is encrypted: it takes a password")]
    PasswordNeeded,
    /// Every byte of the encrypted list is as it was written, so it can only be the password.
    #[error("wrong password")]
    WrongPassword,
    /// The list does not decrypt and has no checksum that would tell why.
    #[error("wrong password (or, less likely, a damaged archive: hash it against its torrent)")]
    WrongPasswordOrDamaged,
    /// A method that is not known here, or that asks for too much.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// Deriving its keys would take minutes or more: made to do harm.
    #[error("deriving its keys takes {0} million rounds: more than any honest archive")]
    Rounds(u64),
    /// More than [`FILES_MAX`] files.
    #[error("it lists {0} files: more than {FILES_MAX}")]
    TooMany(usize),
    /// The list of files contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Archive {
    /// Reads the list of files. Writes nothing.
    pub fn open(path: &Path, password: Option<&Password>) -> Result<Self, OpenError> {
        let envelope = Envelope::read(path)?;
        let mut file = File::open(path).map_err(EnvelopeError::Read)?;
        let mut proven = false;
        let mut list_is_whole = None;
        if envelope.encryption.is_some() {
            if password.is_none() {
                return Err(OpenError::PasswordNeeded);
            }
            list_is_whole = envelope.list_is_whole(&mut file).map_err(EnvelopeError::Read)?;
            if list_is_whole == Some(false) {
                return Err(OpenError::Damaged("the encrypted list of files does not fit its checksum".to_owned()));
            }
            proven = true;
        }
        let secret = Secret(password.map_or_else(sevenz_rust2::Password::empty, Password::for_7z));
        let read = sevenz_rust2::Archive::read(&mut BufReader::new(file), &secret.0);
        let inner = read.map_err(|error| not_read(error, proven, list_is_whole))?;
        let encrypted = check(&inner, envelope.length)?;
        let entries = inner.files.iter().map(Entry::read).collect();
        Ok(Self { path: path.to_owned(), envelope, entries, inner, password: secret, encrypted, proven })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What everybody can see of it.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What is in it, in its own order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of all files, unpacked.
    pub fn content(&self) -> ByteCount {
        // The sum was checked when it was opened.
        self.entries.iter().map(|entry| entry.length).sum()
    }

    /// True where contents are encrypted and no password was given.
    pub fn needs_password(&self) -> bool {
        self.encrypted && self.password.0.is_empty()
    }

    /// True where contents are encrypted but the names are not: whoever has the file reads them.
    pub fn shows_names(&self) -> bool {
        self.encrypted && self.envelope.encryption.is_none()
    }

    /// Calls `each` with the number of each entry and its content, in the order of their blocks, until
    /// it answers false. Entries without content come last. One thread, for the library's parallel
    /// decoder takes gigabytes where this takes the dictionary.
    pub(crate) fn for_each(
        &self,
        mut each: impl FnMut(usize, &mut dyn io::Read) -> Result<bool, sevenz_rust2::Error>,
    ) -> Result<(), ReadError> {
        let file = File::open(&self.path).map_err(ReadError::Io)?;
        let mut source = BufReader::with_capacity(READ_BUFFER, file);
        let mut met = vec![false; self.entries.len()];
        for block in 0..self.inner.blocks.len() {
            let decoder = BlockDecoder::new(1, block, &self.inner, &self.password.0, &mut source);
            let mut number = self.inner.stream_map.block_first_file_index[block];
            let go_on = decoder.for_each_entries(&mut |_: &ArchiveEntry, content: &mut dyn io::Read| {
                met[number] = true;
                number += 1;
                each(number - 1, content)
            });
            if !go_on.map_err(ReadError::Library)? {
                return Ok(());
            }
        }
        for number in met.iter().enumerate().filter(|(_, met)| !**met).map(|(number, _)| number) {
            if !each(number, &mut io::empty()).map_err(ReadError::Library)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where nothing has proven the password yet, tries it on the beginning of the first encrypted
    /// content. False when what comes out is not what was packed. What is only stored, and longer than
    /// [`TRIED_BYTES`], tells nothing before its end, so any password passes.
    pub(crate) fn password_fits(&self) -> bool {
        if self.proven || !self.encrypted {
            return true;
        }
        let Ok(file) = File::open(&self.path) else { return true };
        let mut source = BufReader::with_capacity(READ_BUFFER, file);
        let Some(block) = self.inner.blocks.iter().position(is_encrypted) else { return true };
        let decoder = BlockDecoder::new(1, block, &self.inner, &self.password.0, &mut source);
        let mut buffer = vec![0; TRIED_BYTES];
        let tried = decoder.for_each_entries(&mut |entry: &ArchiveEntry, content: &mut dyn io::Read| {
            let wanted = entry.size.min(TRIED_BYTES as u64) as usize;
            let read = fill(content, &mut buffer[..wanted])?;
            if read < wanted {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            // Entries without content prove nothing.
            Ok(wanted == 0)
        });
        tried.is_ok()
    }

    /// True for an entry that matches its checksum only under the right password.
    pub(crate) fn proves_password(&self, number: usize) -> bool {
        let block = self.inner.stream_map.file_block_index.get(number).copied().flatten();
        let encrypted = block.is_some_and(|block| is_encrypted(&self.inner.blocks[block]));
        encrypted && self.inner.files[number].has_crc && self.inner.files[number].size > 0
    }

    /// Number of files with content and no checksum of it.
    pub(crate) fn unchecked(&self) -> usize {
        self.inner.files.iter().filter(|file| file.size > 0 && !file.has_crc).count()
    }

    /// True when a failure to decode can only mean damage.
    pub(crate) fn password_is_proven(&self) -> bool {
        self.proven || !self.encrypted
    }
}

fn is_encrypted(block: &sevenz_rust2::Block) -> bool {
    block.coders.iter().any(|coder| method::is_aes(coder.encoder_method_id()))
}

/// Why decoding ended early.
#[derive(Debug)]
pub(crate) enum ReadError {
    Io(io::Error),
    Library(sevenz_rust2::Error),
}

/// The library's copy of the password, which its own `Debug` would print.
struct Secret(sevenz_rust2::Password);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

fn not_read(error: sevenz_rust2::Error, encrypted: bool, list_is_whole: Option<bool>) -> OpenError {
    use sevenz_rust2::Error as E;
    match error {
        E::PasswordRequired => OpenError::PasswordNeeded,
        E::Io(source, _) if !encrypted && source.kind() != io::ErrorKind::UnexpectedEof => {
            OpenError::Damaged(source.to_string())
        }
        // With the wrong key any sort of nonsense comes out, so any error may follow.
        _ if encrypted && list_is_whole == Some(true) => OpenError::WrongPassword,
        _ if encrypted => OpenError::WrongPasswordOrDamaged,
        other => OpenError::Damaged(plain(&other)),
    }
}

/// The library's words, where its `Display` shows the value's innards.
pub(crate) fn plain(error: &sevenz_rust2::Error) -> String {
    use sevenz_rust2::Error as E;
    match error {
        E::ChecksumVerificationFailed | E::NextHeaderCrcMismatch => "a checksum does not fit".to_owned(),
        E::Io(source, _) | E::MaybeBadPassword(source) => source.to_string(),
        E::Other(text) | E::Unsupported(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// What the archive asks for, before it gets any of it. Answers whether some of it is encrypted.
fn check(archive: &sevenz_rust2::Archive, length: ByteCount) -> Result<bool, OpenError> {
    if archive.files.len() > FILES_MAX {
        return Err(OpenError::TooMany(archive.files.len()));
    }
    let sizes = archive.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.size));
    if sizes.is_none_or(|sum| sum > i64::MAX as u64) {
        return Err(OpenError::Damaged("its files have more bytes than any disk".to_owned()));
    }
    let packed = archive.pack_sizes().iter().try_fold(archive.pack_pos(), |sum, size| sum.checked_add(*size));
    if packed.is_none_or(|end| end > length.0.saturating_sub(sevenz_rust2::SIGNATURE_HEADER_SIZE)) {
        return Err(OpenError::Damaged("contents lie behind its end: it is cut off".to_owned()));
    }
    let mut encrypted = false;
    let mut rounds = 0u64;
    let mut salt_before = None;
    for block in &archive.blocks {
        let mut memory = 0u64;
        for coder in &block.coders {
            let (id, properties) = (coder.encoder_method_id(), coder.properties());
            memory += method::check(id, properties)?;
            if let Some(derivation) = method::key_derivation(id, properties) {
                encrypted = true;
                // The library keeps the last key.
                if salt_before.as_ref() != Some(&derivation) {
                    rounds = rounds.saturating_add(derivation.0);
                    salt_before = Some(derivation);
                }
            }
        }
        method::check_memory(memory)?;
    }
    if rounds > ROUNDS_MAX { Err(OpenError::Rounds(rounds / 1_000_000)) } else { Ok(encrypted) }
}

/// 128 times those of an honest archive: some seconds.
const ROUNDS_MAX: u64 = 1 << 26;

const READ_BUFFER: usize = 1 << 20;

/// Bytes that a password is tried on where nothing else tells.
const TRIED_BYTES: usize = 4 << 20;
