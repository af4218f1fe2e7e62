//! Getting a password from its user: from a file, from the environment, from a hidden prompt. Never
//! from the command line, and never into a log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use share::Password;

/// The variable that may hold a password.
pub(crate) const VARIABLE: &str = "SWARMLAB_PASSWORD";

/// Where a program gets it from that cannot be asked.
const OTHER_WAYS: &str = "give it with --password-file or in SWARMLAB_PASSWORD";

/// What the user gave without being asked: a file, else the environment.
pub(crate) fn given(file: Option<&Path>) -> anyhow::Result<Option<Password>> {
    if let Some(path) = file {
        return from_file(path).with_context(|| format!("read the password in {}", path.display())).map(Some);
    }
    match std::env::var(VARIABLE) {
        Ok(text) => Ok(Some(Password::new(text).with_context(|| format!("use the password in {VARIABLE}"))?)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{VARIABLE} is not UTF-8"),
    }
}

/// The first line of a file, or of standard input.
fn from_file(path: &Path) -> anyhow::Result<Password> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(File::open(path)?) };
    let mut line = String::new();
    BufReader::new(source.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    // Windows editors put a mark before the text that nobody types.
    if line.starts_with('\u{feff}') {
        line.remove(0);
    }
    Ok(Password::new(line)?)
}

/// Asks for the password of something, without showing what is typed.
pub(crate) fn asked(prompt: &str) -> anyhow::Result<Password> {
    let text = rpassword::prompt_password(format!("{prompt}: "))
        .with_context(|| format!("nobody can be asked for the password here; {OTHER_WAYS}"))?;
    Ok(Password::new(text)?)
}

/// Asks for a password to be, twice, and says how strong it is.
pub(crate) fn chosen() -> anyhow::Result<Password> {
    let password = asked("Your password")?;
    let strength = password.strength();
    if strength.is_weak() {
        anstream::eprintln!(
            "That is {strength}: whoever has the archive can guess on at leisure. Six words by lot have 77."
        );
    } else {
        anstream::eprintln!("That is {strength}, as far as can be told.");
    }
    let again = asked("The same again")?;
    if again.expose() != password.expose() {
        bail!("the two are not the same");
    }
    Ok(password)
}

/// Ctrl-C was the answer.
pub(crate) fn was_interrupted(error: &anyhow::Error) -> bool {
    let is_it = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::Interrupted)
    };
    error.chain().any(is_it)
}

/// A line longer than this is no password.
const LINE_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_password_without_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (content, password) in [
            ("two words\nmore\n", "two words"),
            ("dos\r\n", "dos"),
            (" blanks ", " blanks "),
            ("\u{feff}marked\r\n", "marked"),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(from_file(&path).unwrap().expose(), password);
        }
        std::fs::write(&path, "\nsecond line").unwrap();
        assert!(from_file(&path).is_err());
        assert!(from_file(&dir.path().join("ghost")).is_err());
    }
}
