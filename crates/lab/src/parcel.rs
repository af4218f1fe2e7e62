//! An encrypted share on stage. The lab stands in for the people: it packs the content with a fresh
//! password, tells it to the recipients, unpacks for each of them what its program has fetched, and sends
//! the sharer home when its recipients have everything. At the end it looks at what each has, also with
//! the eyes of those who were told no password.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Event, Record};
use memchr::memmem::Finder;
use metainfo::Metainfo;
use model::{ByteCount, Time};
use scenario::{Facts, Member, Plan, Role, Told};
use share::archive::{Archive, OpenError, PackOptions, Survey, UnpackOptions};
use share::{Delivery, End, Goal, Password, Wrapping};

use crate::TRACKER_NAME;
use crate::content::Content;

/// What went into the archive, and what opens it.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// What was packed.
    original: PathBuf,
    /// The archive's name, which is the torrent's.
    name: String,
    password: Password,
    files: u64,
    bytes: ByteCount,
    archive_bytes: ByteCount,
}

/// Why it could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    #[error(transparent)]
    Survey(#[from] share::archive::SurveyError),
    #[error(transparent)]
    Pack(#[from] share::ParcelError),
    #[error(transparent)]
    Chance(#[from] share::ChanceError),
    #[error("make the folder {path}")]
    Folder { path: String, source: io::Error },
}

impl Parcel {
    /// Packs `original` into `dir/NAME.7z`; answers with the archive and its torrent, too.
    pub(crate) fn pack(
        original: &Content,
        dir: &Path,
        stem: &str,
        piece: Option<u32>,
    ) -> Result<(Self, Content, Metainfo), ParcelError> {
        let failed = |source| ParcelError::Folder { path: dir.display().to_string(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let dir = std::fs::canonicalize(dir).map_err(failed)?;
        let mut go_on = |_: share::archive::Progress| ControlFlow::Continue(());
        let survey = Survey::find(&original.path, &mut go_on)?;
        let password = Password::of_words()?;
        let name = format!("{stem}.7z");
        let wrapping = Wrapping { name: dir.join(&name), announce: Vec::new(), port: 0, replace: false };
        let options = PackOptions { piece_length: piece, ..PackOptions::default() };
        let made = share::pack(&survey, &password, &options, &wrapping, &mut go_on)?;
        let parcel = Self {
            original: original.path.clone(),
            name,
            password,
            files: survey.files().len() as u64,
            bytes: survey.total(),
            archive_bytes: made.torrent.info.total_length(),
        };
        Ok((parcel, Content { path: made.content, dir }, made.torrent))
    }

    /// What the lab tells of it at the start.
    pub(crate) fn packed(&self) -> Event {
        let Self { files, bytes, archive_bytes, .. } = *self;
        Event::Packed { archive: self.name.clone(), files, bytes, archive_bytes }
    }

    /// Opens what a recipient fetched, with the password that it was told.
    pub(crate) fn unpack(&self, member: &Member, dir: &Path) -> Event {
        let failed = |why: String| Event::UnpackFailed { archive: self.name.clone(), why };
        let other;
        let password = match member.password {
            Told::Right => &self.password,
            Told::Wrong => match Password::of_words() {
                Ok(password) => {
                    other = password;
                    &other
                }
                Err(error) => return failed(error.to_string()),
            },
        };
        let archive = match Archive::open(&dir.join(&self.name), Some(password)) {
            Ok(archive) => archive,
            Err(error) => return failed(error.to_string()),
        };
        let mut go_on = |_: share::archive::Progress| ControlFlow::Continue(());
        match archive.unpack(&unpacked(dir), &UnpackOptions::default(), &mut go_on) {
            Ok(done) => Event::Unpacked { archive: self.name.clone(), files: done.files as u64, bytes: done.content },
            Err(error) => failed(error.to_string()),
        }
    }

    /// Whether what a recipient unpacked is the original; else the first difference.
    fn compare(&self, dir: &Path) -> Result<(), String> {
        let top = self.original.file_name().unwrap_or_default();
        let theirs = unpacked(dir).join(top);
        let unreadable = |error: io::Error| format!("has what can't be compared: {error}");
        let (wanted, found) = (files_of(&self.original).map_err(unreadable)?, files_of(&theirs).map_err(unreadable)?);
        if let Some(name) = wanted.difference(&found).next() {
            return Err(format!("lacks {}", name.display()));
        }
        if let Some(name) = found.difference(&wanted).next() {
            return Err(format!("has {}, which nobody sent", name.display()));
        }
        for name in &wanted {
            if !same_bytes(&at(&self.original, name), &at(&theirs, name)).map_err(unreadable)? {
                return Err(format!("has other bytes in {}", name.display()));
            }
        }
        Ok(())
    }

    /// What can be read of the archive in `dir` by who knows its place in 7z files, but no password.
    fn learned_by_opening(&self, dir: &Path) -> Vec<String> {
        let path = dir.join(&self.name);
        let mut learned = Vec::new();
        match Archive::open(&path, None) {
            Ok(_) => learned.push("the list of files".to_owned()),
            Err(OpenError::PasswordNeeded) => {}
            // What is not whole gives nothing away, and can't be looked at.
            Err(_) => return learned,
        }
        if let Ok(guess) = Password::of_words()
            && Archive::open(&path, Some(&guess)).is_ok()
        {
            learned.push("the list of files, with any password".to_owned());
        }
        learned
    }
}

/// Looks at what everybody has in the end. `dirs` says where each member's disk is.
pub(crate) fn look(plan: &Plan, parcel: Option<&Parcel>, original: &Path, dirs: &BTreeMap<String, PathBuf>) -> Facts {
    let mut facts = Facts::default();
    let wants_sealed = |name: &str| {
        plan.checks.iter().any(|check| matches!(&check.expect, scenario::Expectation::Sealed { who } if who.has(name)))
    };
    for member in &plan.cast {
        let Some(dir) = dirs.get(&member.name) else { continue };
        if let (Role::Recipient, Some(parcel)) = (member.role, parcel) {
            facts.unpacked.insert(member.name.clone(), parcel.compare(dir));
        }
        if member.role == Role::Leech && wants_sealed(&member.name) {
            let mut learned = parcel.map(|parcel| parcel.learned_by_opening(dir)).unwrap_or_default();
            if let Ok(found) = traces(parcel.map_or(original, |parcel| &parcel.original), dir) {
                learned.extend(found);
                facts.learned.insert(member.name.clone(), learned);
            }
        }
    }
    facts
}

/// What of the original shows in the files of `dir`: in their names, or anywhere in their bytes.
fn traces(original: &Path, dir: &Path) -> io::Result<Vec<String>> {
    let mut needles: Vec<(String, Vec<u8>)> = Vec::new();
    for name in files_of(original)?.into_iter().take(TRACES_MAX) {
        let path = at(original, &name);
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file_name.chars().count() >= NAME_CHARS_MIN {
            let wide = file_name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            needles.push((format!("the name {file_name}"), wide));
            needles.push((format!("the name {file_name}"), file_name.clone().into_bytes()));
        }
        let mut begin = Vec::new();
        File::open(&path)?.take(CONTENT_SAMPLE).read_to_end(&mut begin)?;
        if begin.len() as u64 == CONTENT_SAMPLE {
            needles.push((format!("the beginning of {file_name}"), begin));
        }
    }
    let mut haystacks = Vec::new();
    for name in files_of(dir)? {
        haystacks.push(name.to_string_lossy().into_owned().into_bytes());
        haystacks.push(std::fs::read(at(dir, &name))?);
    }
    let shows = |needle: &[u8]| {
        let finder = Finder::new(needle);
        haystacks.iter().any(|bytes| finder.find(bytes).is_some())
    };
    let mut found: Vec<String> =
        needles.into_iter().filter(|(_, needle)| shows(needle)).map(|(what, _)| what).collect();
    found.dedup();
    Ok(found)
}

/// The files below a folder, or the one file with an empty path.
fn files_of(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    if root.is_file() {
        return Ok([PathBuf::new()].into());
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => folders.push(path),
                false => drop(found.insert(path)),
            }
        }
    }
    Ok(found)
}

/// The file of this name below a root that may be the file itself.
fn at(root: &Path, name: &Path) -> PathBuf {
    if name.as_os_str().is_empty() { root.to_owned() } else { root.join(name) }
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(std::fs::read(one)? == std::fs::read(other)?)
}

fn unpacked(dir: &Path) -> PathBuf {
    dir.join("unpacked")
}

/// Sharers, and whom they wait for.
#[derive(Debug, Default)]
pub(crate) struct Sharers {
    wanted: u32,
    /// By name; the fold begins with the sharer's own start.
    sharers: BTreeMap<String, Option<Delivery>>,
}

impl Sharers {
    pub(crate) fn new(plan: &Plan) -> Self {
        let of_role = |role| plan.cast.iter().filter(move |member| member.role == role);
        let wanted = of_role(Role::Recipient).count() as u32;
        Self { wanted, sharers: of_role(Role::Share).map(|member| (member.name.clone(), None)).collect() }
    }

    /// Tells of an event in which addresses are not yet names. Answers with the sharers that may go, each once, and what is
    /// to be told of it.
    pub(crate) fn hear(&mut self, record: &Record) -> Vec<(String, Event)> {
        if let Some(delivery) = self.sharers.get_mut(&record.peer) {
            if let Event::Started { peer_id, .. } = &record.event {
                *delivery = Some(Delivery::new(*peer_id, Goal { recipients: Some(self.wanted), until: None }));
            }
            if let Some(delivery) = delivery {
                delivery.handle_event(record.time, &record.event);
            }
        } else if record.peer == TRACKER_NAME {
            for delivery in self.sharers.values_mut().flatten() {
                delivery.handle_event(record.time, &record.event);
            }
        }
        self.done()
    }

    /// Time passed. Answers as [`Self::hear`].
    pub(crate) fn tick(&mut self, now: Time) -> Vec<(String, Event)> {
        self.sharers.values_mut().flatten().for_each(|delivery| delivery.handle_time(now));
        self.done()
    }

    fn done(&mut self) -> Vec<(String, Event)> {
        let mut done = Vec::new();
        for (name, sharer) in &mut self.sharers {
            if let Some(delivery) = sharer.take_if(|delivery| matches!(delivery.end(), Some(End::Well(_)))) {
                let tally = delivery.tally();
                let at_least = tally.perhaps > 0 || tally.same_address > 0;
                done.push((
                    name.clone(),
                    Event::Delivered { recipients: tally.complete, wanted: self.wanted, at_least },
                ));
            }
        }
        done
    }
}

/// Shared by the loop and the threads that unpack.
pub(crate) type SharedParcel = Option<Arc<Parcel>>;

/// Files of the original that are looked for.
const TRACES_MAX: usize = 100;
/// Shorter names can stand in noise by chance.
const NAME_CHARS_MIN: usize = 8;
/// Bytes of a file's beginning that are looked for.
const CONTENT_SAMPLE: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_gives_nothing_away_and_opens_with_its_own_password_only() {
        let stage = Stage::new();
        let (parcel, archive, torrent) =
            Parcel::pack(&stage.content(), &stage.at("archive"), "three-small-words", None).unwrap();
        assert_eq!(torrent.info.name(), "three-small-words.7z");
        let eve = stage.at("eve");
        std::fs::create_dir(&eve).unwrap();
        std::fs::copy(&archive.path, eve.join("three-small-words.7z")).unwrap();
        assert_eq!(parcel.learned_by_opening(&eve), Vec::<String>::new());
        assert_eq!(traces(&parcel.original, &eve).unwrap(), Vec::<String>::new());

        let friend = |password| {
            let mut friend = member();
            friend.password = password;
            friend
        };
        let refused = parcel.unpack(&friend(Told::Wrong), &eve);
        assert!(matches!(&refused, Event::UnpackFailed { why, .. } if why == "wrong password"), "{refused:?}");
        assert!(!unpacked(&eve).exists(), "nothing was written");
        assert!(matches!(parcel.unpack(&friend(Told::Right), &eve), Event::Unpacked { files: 2, .. }));
        assert_eq!(parcel.compare(&eve), Ok(()));
        std::fs::write(unpacked(&eve).join("holiday/picture-one.jpg"), "others").unwrap();
        assert_eq!(parcel.compare(&eve), Err("has other bytes in picture-one.jpg".to_owned()));
        std::fs::remove_file(unpacked(&eve).join("holiday/picture-one.jpg")).unwrap();
        assert_eq!(parcel.compare(&eve), Err("lacks picture-one.jpg".to_owned()));
    }

    #[test]
    fn names_and_content_in_the_clear_are_found() {
        let stage = Stage::new();
        let found = |name: &str, bytes: &[u8]| {
            let dir = stage.at("found");
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(name), bytes).unwrap();
            let found = traces(&stage.content().path, &dir).unwrap();
            std::fs::remove_dir_all(dir).unwrap();
            found
        };
        assert_eq!(found("picture-one.jpg", b""), ["the name picture-one.jpg"]);
        let wide: Vec<u8> = "secret-plan.txt".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(found("x", &wide), ["the name secret-plan.txt"]);
        assert_eq!(found("x", &[b"....", &[7; 5_000][..]].concat()), ["the beginning of picture-one.jpg"]);
        assert_eq!(found("x", &[0; 100]), Vec::<String>::new());
    }

    struct Stage(tempfile::TempDir);

    impl Stage {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("holiday")).unwrap();
            std::fs::write(dir.path().join("holiday/picture-one.jpg"), [7; 5_000]).unwrap();
            std::fs::write(dir.path().join("holiday/secret-plan.txt"), "short").unwrap();
            Self(dir)
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn content(&self) -> Content {
            Content { path: self.at("holiday"), dir: self.0.path().to_owned() }
        }
    }

    fn member() -> Member {
        let text = "scenario: 1\ntitle: T\ncontent: { size: 1 MiB, archive: true }\n\
            cast: { s: { role: share }, friend: { role: recipient } }\ncheck: [{ delivered: friend }]\n";
        scenario::parse("t", text).unwrap_or_else(|faults| panic!("{faults}")).member("friend").unwrap().clone()
    }
}
