//! Wire records and key logs, written as JSON lines by a thread of their own: a slow disk shall not hold
//! up a handshake. A peer that outruns the thread by [`LINES_WAITING`] lines waits for it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use events::{Chunk, LabKey, WireLine};
use model::Time;

/// Where what is under glass is written. Each file is made anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlassFiles {
    /// The first bytes of each connection as they are on the wire, a [`WireLine`] a line.
    pub wire: Option<PathBuf>,
    /// What opens encrypted connections, a [`LabKey`] a line. On Unix only its owner may read the file.
    pub keys: Option<PathBuf>,
}

impl GlassFiles {
    /// What the node is to tell.
    pub(crate) fn wanted(&self) -> node::Glass {
        node::Glass { wire: self.wire.is_some(), keys: self.keys.is_some() }
    }
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct GlassWriter {
    lines: SyncSender<Line>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Line {
    Wire(WireLine),
    Key(LabKey),
}

/// Lines that may wait for the disk.
const LINES_WAITING: usize = 4096;

impl GlassWriter {
    /// Opens the files and starts the thread; `None` if no file is wanted.
    pub(crate) fn start(files: &GlassFiles) -> Result<Option<Self>, (PathBuf, io::Error)> {
        if files.wire.is_none() && files.keys.is_none() {
            return Ok(None);
        }
        let open = |path: &Option<PathBuf>, secret| {
            let open = |path: &PathBuf| create(path, secret).map_err(|error| (path.clone(), error));
            path.as_ref().map(open).transpose()
        };
        let (wire, keys) = (open(&files.wire, false)?, open(&files.keys, true)?);
        let (lines, waiting) = sync_channel(LINES_WAITING);
        let task = move || {
            if let Err(error) = write_all(&waiting, wire, keys) {
                tracing::error!("failed to write the wire record: {error}; it ends here");
            }
        };
        let thread = std::thread::Builder::new().name("glass".to_owned()).spawn(task);
        let thread = thread.map_err(|error| (files.wire.clone().unwrap_or_default(), error))?;
        Ok(Some(Self { lines, thread }))
    }

    pub(crate) fn wire(&self, time: Time, chunk: Chunk) {
        self.put(Line::Wire(WireLine { time, chunk }));
    }

    pub(crate) fn key(&self, key: LabKey) {
        self.put(Line::Key(key));
    }

    fn put(&self, line: Line) {
        let _ended = self.lines.send(line); // it said why when it ended
    }

    /// Writes what is there and ends.
    pub(crate) fn finish(self) {
        drop(self.lines);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes the wire record panicked");
        }
    }
}

type Output = BufWriter<File>;

fn write_all(lines: &Receiver<Line>, mut wire: Option<Output>, mut keys: Option<Output>) -> io::Result<()> {
    while let Ok(first) = lines.recv() {
        write(first, &mut wire, &mut keys)?;
        for line in lines.try_iter() {
            write(line, &mut wire, &mut keys)?;
        }
        // Whoever is killed next leaves whole lines behind.
        wire.as_mut().map_or(Ok(()), Output::flush)?;
        keys.as_mut().map_or(Ok(()), Output::flush)?;
    }
    Ok(())
}

fn write(line: Line, wire: &mut Option<Output>, keys: &mut Option<Output>) -> io::Result<()> {
    let (text, output) = match line {
        Line::Wire(line) => (serde_json::to_vec(&line)?, wire),
        Line::Key(key) => (serde_json::to_vec(&key)?, keys),
    };
    let Some(output) = output else { return Ok(()) };
    output.write_all(&text)?;
    output.write_all(b"\n")
}

fn create(path: &Path, secret: bool) -> io::Result<Output> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let file = options.open(path)?;
    #[cfg(unix)]
    if secret {
        // It may have been there before, open to all.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(BufWriter::new(file))
}

#[cfg(test)]
mod tests {
    use events::Direction;

    use super::*;

    #[test]
    fn lines_land_in_the_file_that_is_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let files = GlassFiles { wire: Some(dir.path().join("wire")), keys: Some(dir.path().join("keys")) };
        let writer = GlassWriter::start(&files).unwrap().unwrap();
        let remote = "127.0.0.1:1".parse().unwrap();
        let chunk = Chunk { conn: 1, remote, direction: Direction::Out, at: 0, len: 2, bytes: vec![1, 2] };
        let key = LabKey { conn: 1, remote, dialled: true, secret: vec![3; 96], skey: model::InfoHash([4; 20]) };
        writer.wire(Time::from_secs(1), chunk.clone());
        writer.key(key.clone());
        writer.finish();
        let text = |path: &Option<PathBuf>| std::fs::read(path.as_ref().unwrap()).unwrap();
        let wire: Vec<_> = events::read_wire(&text(&files.wire)[..]).map(Result::unwrap).collect();
        let keys: Vec<_> = events::read_keys(&text(&files.keys)[..]).map(Result::unwrap).collect();
        assert_eq!((wire, keys), (vec![WireLine { time: Time::from_secs(1), chunk }], vec![key]));
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let files = GlassFiles { wire: Some("/nowhere/at/all".into()), keys: None };
        assert_eq!(GlassWriter::start(&files).unwrap_err().0, PathBuf::from("/nowhere/at/all"));
        assert!(GlassWriter::start(&GlassFiles::default()).unwrap().is_none());
    }
}
