//! Reading the files that are packed: one open at a time, and none that is not what the survey found.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use model::ByteCount;

use super::pack::PackError;
use super::probe::fill;
use super::progress::{Progress, Watch};
use super::survey::{Found, Stamp, Survey};

/// What the readers of one archive share: the buffer, the count, and why it had to stop. The library
/// passes an error of a reader on as a text; the true one is kept here.
pub(crate) struct Reading<'a> {
    survey: &'a Survey,
    state: RefCell<State<'a>>,
    total: ByteCount,
}

struct State<'a> {
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    begin: usize,
    end: usize,
    done: ByteCount,
    failure: Option<PackError>,
    watch: Watch<'a>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(survey: &'a Survey, watch: Watch<'a>) -> Self {
        let state = State { buffer: vec![0; BUFFER], begin: 0, end: 0, done: ByteCount::ZERO, failure: None, watch };
        Self { survey, total: survey.total(), state: RefCell::new(state) }
    }

    /// A reader that opens its file with the first byte asked for.
    pub(crate) fn of<'r>(&'r self, found: &'r Found) -> FileReader<'r, 'a> {
        FileReader { reading: self, found, file: None, left: found.length.0, done: false }
    }

    /// Why a reader stopped, if one did.
    pub(crate) fn failure(&self) -> Option<PackError> {
        self.state.borrow_mut().failure.take()
    }
}

/// Gives exactly the bytes that the survey counted, or fails.
pub(crate) struct FileReader<'r, 'a> {
    reading: &'r Reading<'a>,
    found: &'r Found,
    file: Option<File>,
    left: u64,
    done: bool,
}

impl FileReader<'_, '_> {
    fn try_read(&mut self, bytes: &mut [u8]) -> Result<usize, PackError> {
        if self.done {
            return Ok(0);
        }
        let mut state = self.reading.state.borrow_mut();
        let state = &mut *state;
        if state.begin == state.end {
            self.refill(state)?;
        }
        let given = bytes.len().min(state.end - state.begin);
        bytes[..given].copy_from_slice(&state.buffer[state.begin..state.begin + given]);
        state.begin += given;
        Ok(given)
    }

    fn refill(&mut self, state: &mut State<'_>) -> Result<(), PackError> {
        let path = || self.reading.survey.on_disk(&self.found.path);
        let failed = |source| reading(path(), source);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::open(path()).map_err(failed)?,
        };
        if self.left == 0 {
            self.check_unchanged(&mut file)?;
            self.done = true;
            return Ok(());
        }
        let wanted = self.left.min(BUFFER as u64) as usize;
        (state.begin, state.end) = (0, fill(&mut file, &mut state.buffer[..wanted]).map_err(failed)?);
        if state.end < wanted {
            return Err(PackError::Changed(path()));
        }
        self.left -= wanted as u64;
        self.file = Some(file);
        state.done += ByteCount(wanted as u64);
        let progress = Progress { done: state.done, total: self.reading.total, current: self.found.path.as_str() };
        if (state.watch)(progress).is_break() { Err(PackError::Cancelled) } else { Ok(()) }
    }

    /// After the last byte: none more, and nobody wrote meanwhile.
    fn check_unchanged(&self, file: &mut File) -> Result<(), PackError> {
        let path = || self.reading.survey.on_disk(&self.found.path);
        let more = file.read(&mut [0]).map_err(|source| reading(path(), source))?;
        let metadata = file.metadata().map_err(|source| reading(path(), source))?;
        let same = more == 0
            && metadata.len() == self.found.length.0
            && Stamp::of(&metadata).modified == self.found.stamp.modified;
        if same { Ok(()) } else { Err(PackError::Changed(path())) }
    }
}

impl Read for FileReader<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.try_read(bytes).map_err(|failure| {
            self.reading.state.borrow_mut().failure = Some(failure);
            io::Error::other("the source failed")
        })
    }
}

fn reading(path: PathBuf, source: io::Error) -> PackError {
    match source.kind() {
        io::ErrorKind::NotFound => PackError::Vanished(path),
        _ => PackError::Read { path, source },
    }
}

/// Bytes read at a time.
const BUFFER: usize = 256 * 1024;
