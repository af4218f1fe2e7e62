//! Bencode as tests want it: keys in the order given, and nothing refused.

/// A string.
pub(crate) fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{}:", bytes.len()).as_bytes(), bytes].concat()
}

/// A number.
pub(crate) fn number(n: i64) -> Vec<u8> {
    format!("i{n}e").into_bytes()
}

/// A list of encoded values.
pub(crate) fn list(entries: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let entries: Vec<u8> = entries.into_iter().flatten().collect();
    [b"l", &entries[..], b"e"].concat()
}

/// A list of strings.
pub(crate) fn texts(entries: &[&str]) -> Vec<u8> {
    list(entries.iter().map(text))
}

/// A dictionary that can be taken apart.
#[derive(Clone, Default)]
pub(crate) struct Dict(Vec<(String, Vec<u8>)>);

impl Dict {
    /// Replaces a field where it stands, or adds it at the end.
    pub(crate) fn with(mut self, key: &str, value: Vec<u8>) -> Self {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
        self
    }

    /// Adds a field even when it is there.
    pub(crate) fn twice(mut self, key: &str, value: Vec<u8>) -> Self {
        self.0.push((key.to_owned(), value));
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.0.retain(|(k, _)| k != key);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let fields: Vec<u8> = self.0.iter().flat_map(|(k, v)| [text(k), v.clone()].concat()).collect();
        [b"d", &fields[..], b"e"].concat()
    }
}

/// An info dictionary of one file of 20,000 bytes in two pieces.
pub(crate) fn single() -> Dict {
    Dict::default()
        .with("length", number(20_000))
        .with("name", text("a.bin"))
        .with("piece length", number(16_384))
        .with("pieces", text([7; 40]))
}

/// An info dictionary of a folder with these files, each of 10 bytes, in one piece.
pub(crate) fn folder(paths: &[&[&str]]) -> Dict {
    let files = paths.iter().map(|path| file(10, path).bytes());
    Dict::default()
        .with("files", list(files))
        .with("name", text("folder"))
        .with("piece length", number(16_384))
        .with("pieces", text([7; 20]))
}

/// An entry of `files`.
pub(crate) fn file(length: i64, path: &[&str]) -> Dict {
    Dict::default().with("length", number(length)).with("path", texts(path))
}

/// A torrent file around an info dictionary.
pub(crate) fn torrent(info: &Dict) -> Dict {
    Dict::default().with("announce", text("udp://10.0.0.1:6969")).with("info", info.bytes())
}
