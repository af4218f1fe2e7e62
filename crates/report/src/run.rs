//! A run folder, read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use events::{Direction, Event, LabKey, ReadError, Record, Remote, WireLine};
use model::Time;

/// Everything that a run left behind for reading.
#[derive(Debug)]
pub struct Run {
    pub folder: PathBuf,
    /// The log, in its order: line `n` of `events.jsonl` is `records[n - 1]`.
    pub records: Vec<Record>,
    /// The recorded beginnings of connections, by who recorded (`alice~2` in its second life), then by the
    /// connection's number there.
    pub wire: BTreeMap<String, BTreeMap<u64, WireRecord>>,
}

/// The beginning of one connection, as the peer at one of its ends saw it.
#[derive(Debug)]
pub struct WireRecord {
    /// Who recorded.
    pub peer: String,
    pub conn: u64,
    /// The other side: by name where the log knows one.
    pub remote: Remote,
    /// Who dialled: [`Direction::Out`] if the peer that recorded did. `None` if the log does not tell.
    pub direction: Option<Direction>,
    /// What this peer sent.
    pub sent: Stream,
    /// What this peer received.
    pub received: Stream,
    /// All chunks of both directions, in order of time.
    pub chunks: Vec<WireLine>,
    /// What opens it, if it was encrypted and keys were logged.
    pub key: Option<LabKey>,
}

/// The recorded front of one direction.
#[derive(Debug, Default)]
pub struct Stream {
    /// Its first bytes, as they were on the wire.
    pub bytes: Vec<u8>,
    /// When the first byte crossed; `None` if none did.
    pub began: Option<Time>,
}

impl WireRecord {
    /// When its first byte crossed.
    pub fn began(&self) -> Time {
        self.chunks.first().map_or(Time::ZERO, |chunk| chunk.time)
    }
}

/// Why a run folder can't be read. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("read {path}: there is no run; `swarmlab run` makes one", path = .0.display())]
    NoRun(PathBuf),
    #[error("read {path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("read {path}: {source}", path = .path.display())]
    Read { path: PathBuf, source: ReadError },
}

impl Run {
    /// Reads the folder of a run, `runs/latest` for example.
    ///
    /// # Errors
    /// There is no log in it, or a file of it is not what it should be.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let log = folder.join("events.jsonl");
        if !log.is_file() {
            return Err(OpenError::NoRun(folder.to_owned()));
        }
        let records: Vec<Record> = read(&log, |file| events::read(file).collect())?;
        let mut wire = BTreeMap::new();
        for (peer, path) in files(&folder.join("wire"))? {
            let lines: Vec<WireLine> = read(&path, |file| events::read_wire(file).collect())?;
            let member = peer.split('~').next().unwrap_or_default();
            let connections = connections(member, lines, &records);
            wire.insert(peer, connections);
        }
        for (peer, path) in files(&folder.join("keys"))? {
            for key in read::<Vec<LabKey>>(&path, |file| events::read_keys(file).collect())? {
                if let Some(record) = wire.get_mut(&peer).and_then(|connections| connections.get_mut(&key.conn)) {
                    record.key = Some(key);
                }
            }
        }
        Ok(Self { folder: folder.to_owned(), records, wire })
    }
}

fn connections(peer: &str, lines: Vec<WireLine>, records: &[Record]) -> BTreeMap<u64, WireRecord> {
    let mut connections: BTreeMap<u64, WireRecord> = BTreeMap::new();
    for line in lines {
        let chunk = &line.chunk;
        let record = connections.entry(chunk.conn).or_insert_with(|| WireRecord {
            peer: peer.to_owned(),
            conn: chunk.conn,
            remote: Remote::Addr(chunk.remote),
            direction: None,
            sent: Stream::default(),
            received: Stream::default(),
            chunks: Vec::new(),
            key: None,
        });
        let stream = match chunk.direction {
            Direction::Out => &mut record.sent,
            Direction::In => &mut record.received,
        };
        stream.began.get_or_insert(line.time);
        // A chunk that does not follow on would put bytes in the wrong place.
        if chunk.at == stream.bytes.len() as u64 {
            stream.bytes.extend_from_slice(&chunk.bytes);
        }
        record.chunks.push(line);
    }
    let told: Vec<&Record> = records.iter().filter(|record| record.peer == peer).collect();
    for record in connections.values_mut() {
        record.name(&told);
    }
    connections
}

impl WireRecord {
    /// Who the other side is and who dialled, by what the peer told. One that was started again counts its
    /// connections anew: of those with this number, the one meant is the last before the first byte.
    fn name(&mut self, told: &[&Record]) {
        let Some(began) = self.chunks.first().map(|chunk| chunk.time) else { return };
        for record in told {
            match &record.event {
                Event::Connected { conn, .. } if *conn == self.conn && record.time > began => return,
                Event::Connected { conn, remote, direction } if *conn == self.conn => {
                    (self.remote, self.direction) = (remote.clone(), Some(*direction));
                }
                // Who dialled in has a name from here on.
                Event::HandshakeReceived { conn, remote, .. } if *conn == self.conn => self.remote = remote.clone(),
                _ => {}
            }
        }
    }
}

/// Reads one file, or says which could not be read.
fn read<T>(path: &Path, how: impl FnOnce(BufReader<File>) -> Result<T, ReadError>) -> Result<T, OpenError> {
    let file = File::open(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    how(BufReader::new(file)).map_err(|source| OpenError::Read { path: path.to_owned(), source })
}

/// The `.jsonl` files of a folder, by the name of the member each is of. None if there is no folder.
fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, OpenError> {
    let failed = |source| OpenError::Io { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl")
            && let Some(peer) = path.file_stem().and_then(|stem| stem.to_str())
        {
            found.insert(peer.to_owned(), path.clone());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_with_its_wire_records_and_keys() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "events.jsonl",
            "{\"t\":0.1,\"peer\":\"alice\",\"ev\":\"connected\",\"conn\":1,\"remote\":\"bob\",\"direction\":\"out\"}\n",
        );
        write(
            "wire/alice.jsonl",
            "{\"t\":0.1,\"conn\":1,\"remote\":\"10.0.0.2:6881\",\"dir\":\"out\",\"at\":0,\"len\":2,\"bytes\":\"0102\"}\n\
             {\"t\":0.2,\"conn\":1,\"remote\":\"10.0.0.2:6881\",\"dir\":\"in\",\"at\":0,\"len\":1,\"bytes\":\"ff\"}\n\
             {\"t\":0.3,\"conn\":1,\"remote\":\"10.0.0.2:6881\",\"dir\":\"out\",\"at\":2,\"len\":9000,\"bytes\":\"03\"}\n",
        );
        let skey = "aa".repeat(20);
        write(
            "keys/alice.jsonl",
            &format!(
                "{{\"conn\":1,\"remote\":\"10.0.0.2:6881\",\"dialled\":true,\"secret\":\"0b\",\"skey\":\"{skey}\"}}\n"
            ),
        );
        let run = Run::open(dir.path()).unwrap();
        let record = &run.wire["alice"][&1];
        assert_eq!((record.remote.to_string(), record.direction), ("bob".to_owned(), Some(Direction::Out)));
        assert_eq!((&record.sent.bytes[..], &record.received.bytes[..]), (&[1, 2, 3][..], &[255][..]));
        assert_eq!(record.received.began, Some(Time::from_micros(200_000)));
        assert_eq!((record.chunks.len(), record.key.as_ref().unwrap().secret.as_slice()), (3, &[11][..]));
    }

    #[test]
    fn a_folder_without_a_log_is_no_run() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Run::open(dir.path()), Err(OpenError::NoRun(_))));
        std::fs::write(dir.path().join("events.jsonl"), "{}\n").unwrap();
        let error = Run::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("events.jsonl: line 1: "), "{error}");
    }
}
