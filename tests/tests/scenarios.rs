//! Every scenario that comes with the program, played as a person would: no lesson rots.

use std::process::Command;

use swarmlab_tests::program;

#[test]
fn every_shipped_scenario_passes_and_leaves_nothing_but_its_run_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .args(["test", "--jobs", "4", "--junit", "report.xml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let list = Command::new(program()).args(["list", "--json"]).output().unwrap();
    let names = String::from_utf8_lossy(&list.stdout);
    let names: Vec<&str> =
        names.lines().filter_map(|line| line.split("\"name\":\"").nth(1)?.split('"').next()).collect();
    assert!(names.len() >= 14, "{names:?}");
    let report = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    for name in names {
        assert!(said.contains(name), "{name} was not played:\n{said}");
        assert!(report.contains(name), "{name} is not in the report:\n{report}");
    }
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["report.xml", "runs"]);
}
