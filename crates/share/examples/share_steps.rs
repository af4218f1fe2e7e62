//! The two halves of an encrypted share without the network, for `cargo xtask bench share`:
//!
//! ```text
//! share_steps pack FOLDER ARCHIVE LEVEL     a folder becomes ARCHIVE and ARCHIVE.torrent
//! share_steps unpack ARCHIVE FOLDER
//! ```
//! The password comes from SWARMLAB_PASSWORD.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use metainfo::{Builder, piece_length_for};
use swarmlab_share::Password;
use swarmlab_share::archive::{Archive, Level, PackOptions, Progress, Survey, UnpackOptions, pack};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let password = Password::new(std::env::var("SWARMLAB_PASSWORD")?)?;
    match args[..] {
        ["pack", folder, archive, level] => ready_to_seed(folder.as_ref(), archive.as_ref(), level.parse()?, &password),
        ["unpack", archive, folder] => {
            let archive = Archive::open(archive.as_ref(), Some(&password))?;
            archive.unpack(folder.as_ref(), &UnpackOptions::default(), &mut go_on)?;
            Ok(())
        }
        _ => Err("usage: share_steps pack FOLDER ARCHIVE LEVEL | unpack ARCHIVE FOLDER".into()),
    }
}

fn ready_to_seed(folder: &Path, archive: &Path, level: u8, password: &Password) -> Result<(), Box<dyn Error>> {
    let survey = Survey::find(folder, &mut go_on)?;
    let options = PackOptions {
        level: Level::new(level).ok_or("levels are 0 to 9")?,
        // What comes out is not known yet; pieces for what goes in are not far off.
        piece_length: Some(piece_length_for(survey.total())),
        ..PackOptions::default()
    };
    let packed = pack(&survey, archive, password, &options, &mut go_on)?;
    let pieces = packed.pieces.ok_or("the pieces were not hashed")?;
    let name = archive.file_name().and_then(|name| name.to_str()).ok_or("the archive has no name")?;
    let builder = Builder { piece_length: pieces.piece_length, ..Builder::single_file(name, packed.length.0) };
    let torrent = PathBuf::from(format!("{}.torrent", archive.display()));
    std::fs::write(torrent, builder.build(&pieces.hashes)?.to_bytes())?;
    Ok(())
}

fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
