//! A whole swarm with content that nobody made for us: the toolchain's own documentation, some fifty
//! thousand files in half a gigabyte.

use std::path::{Path, PathBuf};
use std::process::Command;

use swarmlab_tests::{Missing, needs, program};

#[test]
fn the_toolchains_documentation_goes_through_a_swarm_byte_for_byte() {
    let Some(content) = needs(documentation()) else { return };
    let runs = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .args(["run", "your-own-file", "--quiet", "--content"])
        .arg(&content)
        .arg("--runs")
        .arg(runs.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("every byte of it is right"), "{said}");
}

/// At least 300 MiB in at least 1,000 files.
fn documentation() -> Result<PathBuf, Missing> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let folder = Path::new(&sysroot).join("share/doc/rust/html");
    let (files, bytes) = measure(&folder);
    if files >= 1_000 && bytes >= 300 << 20 {
        return Ok(folder);
    }
    Err(Missing("the toolchain's documentation (rustup component add rust-docs)".to_owned()))
}

fn measure(folder: &Path) -> (u64, u64) {
    let (mut files, mut bytes) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) => (files, bytes) = (files + 1, bytes + meta.len()),
                Err(_) => {}
            }
        }
    }
    (files, bytes)
}
