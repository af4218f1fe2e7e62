//! `swarmlab archive create|list|extract|test`: the steps of an encrypted share that concern the
//! archive, each on its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use lab::describe::count;
use serde_json::{Value, json};
use share::Password;
use share::archive::{
    self, Archive, EnvelopeError, KEY_ROUNDS_POWER, Kind, Level, OpenError, PackError, PackOptions, Packed, Packing,
    PartError, Survey, SurveyError, UnpackError, UnpackOptions, Unpacked,
};

use crate::cli_archive as cli;
use crate::output::{Align, table};
use crate::password;
use crate::work::{Bar, Interrupts, files, folders, printable, roughly, say_some, stopped};

pub(crate) fn archive(verb: &cli::Archive) -> anyhow::Result<ExitCode> {
    match verb {
        cli::Archive::Create(args) => create(args),
        cli::Archive::List(args) => list(args),
        cli::Archive::Extract(args) => extract(args),
        cli::Archive::Test(args) => test(args),
    }
}

fn create(args: &cli::Create) -> anyhow::Result<ExitCode> {
    let failed = || format!("pack {}", args.path.display());
    let output = output(args)?;
    // Before the work, so that nobody comes back to a question.
    let (password, by_lot) = password_to_be(args)?;
    let level = Level::new(args.level).context("levels are 0 to 9")?;
    let options = PackOptions { level, replace: args.force, ..PackOptions::default() };
    let mut bar = Bar::new("looking", args.json, &Interrupts::listen()?);
    let survey = match Survey::find(&args.path, &mut |progress| bar.show(progress)) {
        Err(SurveyError::Cancelled) => return Ok(stopped("nothing was packed")),
        survey => survey.with_context(failed)?,
    };
    if !args.json {
        say_before(&survey, &options, &output);
    }
    bar.task("packing");
    let packed = match archive::pack(&survey, &output, &password, &options, &mut |progress| bar.show(progress)) {
        Err(PackError::Cancelled) => return Ok(stopped("the unfinished archive is gone")),
        Err(error @ (PackError::Exists(_) | PackError::Part(PartError::Left(_)))) => {
            bail!("{error}: add --force to replace it, or -o FILE to write another")
        }
        packed => packed.with_context(failed)?,
    };
    bar.finish();
    match args.json {
        true => println!("{}", packed_as_json(&packed, &survey, by_lot)),
        false => print!("{}", packed_as_text(&packed, &survey)),
    }
    if by_lot {
        hand_over(&password, args.json);
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the archive goes.
fn output(args: &cli::Create) -> anyhow::Result<PathBuf> {
    if let Some(output) = &args.output {
        return Ok(output.clone());
    }
    let name = match &args.name {
        Some(name) => name.clone(),
        None => share::code_name()?,
    };
    Ok(PathBuf::from(format!("{name}.7z")))
}

/// The password, and whether it was drawn here and has yet to be shown.
fn password_to_be(args: &cli::Create) -> anyhow::Result<(Password, bool)> {
    if args.random {
        return Ok((Password::of_characters()?, true));
    }
    if args.ask {
        return Ok((password::chosen()?, false));
    }
    match password::given(args.password.password_file.as_deref())? {
        Some(password) => {
            if args.password.password_file.is_none() {
                // It may have been set for another archive, long ago.
                anstream::eprintln!("the password is the one in {}", password::VARIABLE);
            }
            Ok((password, false))
        }
        None => Ok((Password::of_words()?, true)),
    }
}

/// What will be done, while it can still be stopped.
pub(super) fn say_before(survey: &Survey, options: &PackOptions, output: &Path) {
    let stored = if options.level == Level::STORE { survey.total() } else { survey.bytes(Packing::Store) };
    let compressed = survey.total().saturating_sub(stored);
    anstream::eprintln!(
        "{}, {} in {}: {stored} to store, {compressed} to compress, about {}",
        survey.name(),
        survey.total(),
        files(survey.files().len()),
        roughly(options.time_to_expect(survey)),
    );
    if let Ok(free) = archive::free_space(output) {
        anstream::eprintln!("{free} are free where the archive goes");
    }
    say_some("left out", survey.skipped().iter().map(ToString::to_string));
    say_some("beware", survey.trouble_elsewhere().into_iter());
}

fn packed_as_text(packed: &Packed, survey: &Survey) -> String {
    format!(
        "{}\npacked     {} in {} and {}\narchive    {} ({} bytes)\n\
         encrypted  AES-256, names too; the key takes 2^{KEY_ROUNDS_POWER} rounds of SHA-256\n",
        packed.path.display(),
        packed.content,
        files(survey.files().len()),
        folders(survey.folder_count()),
        packed.length,
        packed.length.0,
    )
}

fn packed_as_json(packed: &Packed, survey: &Survey, by_lot: bool) -> Value {
    json!({
        "archive": packed.path,
        "bytes": packed.length,
        "content-bytes": packed.content,
        "files": survey.files().len(),
        "folders": survey.folder_count(),
        "skipped": survey.skipped().iter().map(|skipped| skipped.path()).collect::<Vec<_>>(),
        "key-rounds": 1u64 << KEY_ROUNDS_POWER,
        "password": if by_lot { "drawn by lot, on standard error" } else { "given" },
    })
}

/// Shows a password by lot, this once.
pub(super) fn hand_over(password: &Password, json: bool) {
    if json {
        eprintln!("{}", password.expose());
        return;
    }
    println!("\nThe password. It is shown only this once and kept nowhere:\n\n    {}\n", password.expose());
    println!("Send it by another, end-to-end encrypted channel than the archive.");
}

fn list(args: &cli::List) -> anyhow::Result<ExitCode> {
    let archive = open(&args.archive, &args.password, false)?;
    if args.json {
        println!("{}", list_as_json(&archive));
        return Ok(ExitCode::SUCCESS);
    }
    print_list(&archive);
    Ok(ExitCode::SUCCESS)
}

/// The table of what is in an archive, and who can see it.
pub(super) fn print_list(archive: &Archive) {
    let row = |entry: &archive::Entry| {
        vec![
            entry.modified.map_or_else(String::new, lab::folder::utc),
            entry.permissions.map_or_else(String::new, |permissions| format!("{permissions:03o}")),
            if entry.kind == Kind::File { entry.length.0.to_string() } else { kind_name(entry.kind).to_owned() },
            printable(&entry.name),
            entry.path.as_ref().err().map_or_else(String::new, |why| format!("refused: {why}")),
        ]
    };
    let mut entries: Vec<&archive::Entry> = archive.entries().iter().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let rows: Vec<Vec<String>> = entries.into_iter().map(row).collect();
    let headings = [
        ("changed (UTC)", Align::Left),
        ("mode", Align::Left),
        ("bytes", Align::Right),
        ("name", Align::Left),
        ("", Align::Left),
    ];
    print!("{}", table(&headings, &rows));
    println!("\n{} in {}", archive.content(), count(rows.len() as u32, "entry").replace("entrys", "entries"));
    println!("{}", secrecy(archive));
}

fn secrecy(archive: &Archive) -> String {
    match &archive.envelope().encryption {
        Some(encryption) => {
            format!("Without the password not even the names show; the key takes 2^{} rounds.", encryption.rounds_power)
        }
        None if archive.shows_names() => {
            "Contents are encrypted, but names, sizes and dates show to everybody who has the file.".to_owned()
        }
        None => "Not encrypted: everybody who has the file can read it.".to_owned(),
    }
}

pub(super) fn list_as_json(archive: &Archive) -> Value {
    let entry = |entry: &archive::Entry| {
        json!({
            "name": entry.name,
            "kind": kind_name(entry.kind),
            "bytes": entry.length,
            "changed": entry.modified.map(lab::folder::utc),
            "mode": entry.permissions.map(|permissions| format!("{permissions:03o}")),
            "refused": entry.path.as_ref().err().map(ToString::to_string),
        })
    };
    let encryption = archive.envelope().encryption.as_ref();
    json!({
        "archive": archive.path(),
        "bytes": archive.envelope().length,
        "content-bytes": archive.content(),
        "names-hidden": encryption.is_some(),
        "key-rounds": encryption.and_then(|encryption| 1u64.checked_shl(encryption.rounds_power.into())),
        "files": archive.entries().iter().map(entry).collect::<Vec<_>>(),
    })
}

fn extract(args: &cli::Extract) -> anyhow::Result<ExitCode> {
    let archive = open(&args.archive, &args.password, true)?;
    let options = UnpackOptions { replace: args.force, most: args.growth.most };
    let mut bar = Bar::new("unpacking", args.json, &Interrupts::listen()?);
    let unpacked = match archive.unpack(&args.output, &options, &mut |progress| bar.show(progress)) {
        Err(UnpackError::Cancelled) => return Ok(stopped("what was unpacked so far is gone")),
        Err(error) => return Err(explained(error).context(format!("unpack {}", args.archive.display()))),
        Ok(unpacked) => unpacked,
    };
    bar.finish();
    match args.json {
        true => println!("{}", unpacked_as_json(&unpacked)),
        false => {
            let path = unpacked.path.as_deref().unwrap_or(&args.output);
            println!("{}", path.display());
            println!("{} in {} and {}", unpacked.content, files(unpacked.files), folders(unpacked.folders));
        }
    }
    say_doubts(&unpacked);
    if let Some(left) = &unpacked.left {
        anstream::eprintln!("what was there before could not be removed and is now {}", left.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn test(args: &cli::Test) -> anyhow::Result<ExitCode> {
    let archive = match open(&args.archive, &args.password, true) {
        Err(error) if error.downcast_ref::<OpenError>().is_some_and(is_damage) => return Ok(damaged(&error)),
        archive => archive?,
    };
    let options = UnpackOptions { most: args.growth.most, ..UnpackOptions::default() };
    let mut bar = Bar::new("testing", args.json, &Interrupts::listen()?);
    let tested = match archive.test(&options, &mut |progress| bar.show(progress)) {
        Err(UnpackError::Cancelled) => return Ok(stopped("not all was tested")),
        Err(error @ UnpackError::Damaged { .. }) => {
            bar.finish();
            return Ok(damaged(&anyhow!(error).context(format!("test {}", args.archive.display()))));
        }
        Err(error) => return Err(explained(error).context(format!("test {}", args.archive.display()))),
        Ok(tested) => tested,
    };
    bar.finish();
    match args.json {
        true => println!("{}", unpacked_as_json(&tested)),
        false => {
            let verdict = if tested.unchecked == 0 { "It is whole" } else { "What has a checksum is whole" };
            println!("{verdict}: {} in {} and {}", tested.content, files(tested.files), folders(tested.folders));
        }
    }
    say_doubts(&tested);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn is_damage(error: &OpenError) -> bool {
    matches!(
        error,
        OpenError::Damaged(_)
            | OpenError::Envelope(
                EnvelopeError::Damaged(_)
                    | EnvelopeError::CutOff { .. }
                    | EnvelopeError::Unfinished
                    | EnvelopeError::Empty
            )
    )
}

fn damaged(error: &anyhow::Error) -> ExitCode {
    anstream::eprintln!("{error:#}");
    ExitCode::from(NOT_RIGHT)
}

pub(super) fn unpacked_as_json(unpacked: &Unpacked) -> Value {
    let skipped = |(name, kind): &(String, Kind)| json!({ "name": name, "kind": kind_name(*kind) });
    json!({
        "path": unpacked.path,
        "files": unpacked.files,
        "folders": unpacked.folders,
        "content-bytes": unpacked.content,
        "unchecked": unpacked.unchecked,
        "skipped": unpacked.skipped.iter().map(skipped).collect::<Vec<_>>(),
    })
}

pub(super) fn say_doubts(unpacked: &Unpacked) {
    let skipped = unpacked.skipped.iter().map(|(name, kind)| format!("{name} is a {}", kind_name(*kind)));
    say_some("not made", skipped);
    if unpacked.unchecked > 0 {
        anstream::eprintln!(
            "{} without a checksum in the archive: whether they are whole cannot be told",
            files(unpacked.unchecked)
        );
    }
}

/// What to do about it, where the archive's error cannot know of flags.
pub(super) fn explained(error: UnpackError) -> anyhow::Error {
    match error {
        UnpackError::Exists(_) | UnpackError::Part(PartError::Left(_)) => {
            anyhow!("{error}: add --force to replace it, or -o DIR to unpack somewhere else")
        }
        UnpackError::TooLarge { .. } => anyhow!("{error}: allow more with --most, if you trust its maker"),
        other => other.into(),
    }
}

/// Opens an archive, asking for the password when it takes one: for the names, and with `contents`
/// for those too. Who is asked has three tries.
pub(super) fn open(path: &Path, from: &cli::PasswordFrom, contents: bool) -> anyhow::Result<Archive> {
    let failed = || format!("open {}", path.display());
    if let Some(password) = password::given(from.password_file.as_deref())? {
        return Archive::open(path, Some(&password)).with_context(failed);
    }
    match Archive::open(path, None) {
        Err(OpenError::PasswordNeeded) => {}
        Ok(archive) if contents && archive.needs_password() => {}
        archive => return archive.with_context(failed),
    }
    for tries_left in (0..TRIES).rev() {
        let password = password::asked("Password").with_context(failed)?;
        let opened = Archive::open(path, Some(&password));
        let why = match &opened {
            Err(error @ (OpenError::WrongPassword | OpenError::WrongPasswordOrDamaged)) => Some(error.to_string()),
            Ok(archive) if contents => archive.check_password().err().map(|error| error.to_string()),
            _ => None,
        };
        match why {
            Some(why) if tries_left > 0 => anstream::eprintln!("failed to open it: {why}"),
            _ => return opened.with_context(failed),
        }
    }
    unreachable!("the last try returns")
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Link => "link",
        Kind::Special => "special file",
        Kind::Deletion => "deletion",
    }
}

const TRIES: usize = 3;

/// Exit code of an archive that is not whole.
const NOT_RIGHT: u8 = 1;
