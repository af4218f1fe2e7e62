//! Torrents that lie, and what is said about each. The messages are pinned because people
//! read them behind "failed to read x.torrent: ".

use model::bound;
use swarmlab_metainfo::Metainfo;

use crate::bencode::{Dict, file, folder, list, number, single, text, texts, torrent};

/// What is said of this info dictionary.
fn refusal(info: &Dict) -> String {
    refusal_of_file(&torrent(info).bytes())
}

fn refusal_of_file(bytes: &[u8]) -> String {
    match Metainfo::from_bytes(bytes) {
        Err(error) => error.to_string(),
        Ok(torrent) => panic!("{torrent:?} was taken"),
    }
}

#[test]
fn what_is_no_torrent_is_refused_with_the_place() {
    let whole = torrent(&single()).bytes();
    let table: &[(&[u8], &str)] = &[
        (b"", "cut short: it ends at byte 0, in the middle of a value"),
        (b"<!DOCTYPE html>", "not bencode: byte 0 is '<', where a value should begin"),
        (b"i5e", "the file is not a dictionary"),
        (b"de", "the field \"info\" is missing"),
        (b"d4:infoi5ee", "the field \"info\" is not a dictionary"),
        (b"d4:infolee", "the field \"info\" is not a dictionary"),
        (b"d4:infode4:infodee", "wrong in the file: \"info\": duplicate field `info`"),
        (b"d4:infode8:announcei7ee", "wrong in the file: \"announce\": invalid type: integer `7`, expected text"),
        (b"d4:infode1:xi99999999999999999999ee", "not bencode: the number at byte 12 is malformed or too large"),
        (b"d99999999999999999999:xe", "not bencode: the number at byte 1 is malformed or too large"),
        (&whole[..whole.len() - 1], "cut short: it ends at byte 142, in the middle of a value"),
        (&whole[..60], "cut short: it ends at byte 60, in the middle of a value"),
        (&[&whole[..], b"\n"].concat(), "goes on behind its end at byte 143 (bytes left: 1)"),
    ];
    for (bytes, message) in table {
        assert_eq!(refusal_of_file(bytes), *message, "{}", bytes.escape_ascii());
    }
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let deep = [b"d1:x".as_slice(), &b"l".repeat(10_000), &b"e".repeat(10_000), b"e"].concat();
    assert_eq!(refusal_of_file(&deep), "nested deeper than 100 levels at byte 103");
    assert_eq!(
        refusal_of_file(&vec![b'l'; bound::TORRENT_FILE_BYTES_MAX + 1]),
        "a torrent file of 67108865 bytes is larger than the 67108864 allowed"
    );
    let wide = single().with("x", text(vec![0; bound::METADATA_BYTES_MAX]));
    assert_eq!(refusal(&wide), "its info dictionary of 33554547 bytes is larger than the 33554432 allowed");
    let files = list(vec![b"de".to_vec(); bound::FILES_MAX + 1]);
    assert_eq!(
        refusal(&single().without("length").with("files", files)),
        "wrong in the info dictionary: \"files\": more than 1000000 entries"
    );
    let names = vec!["d"; bound::PATH_DEPTH_MAX + 2];
    assert_eq!(
        refusal(&folder(&[&["a"], &names])),
        "wrong in the info dictionary: \"files\" -> \"path\": entry [1]: more than 65 entries"
    );
}

#[test]
fn fields_that_are_missing_or_of_the_wrong_kind_are_named() {
    let no_length = Dict::default().with("path", texts(&["b"])).bytes();
    let no_path = Dict::default().with("length", number(1)).bytes();
    let table = [
        (single().without("name"), "the field \"name\" is missing"),
        (single().without("length"), "the field \"length\" is missing"),
        (single().without("pieces"), "the field \"pieces\" is missing"),
        (single().without("piece length"), "the field \"piece length\" is missing"),
        (
            folder(&[]).with("files", list([file(1, &["a"]).bytes(), no_length])),
            "the field \"length\" of files[1] is missing",
        ),
        (folder(&[]).with("files", list([no_path])), "the path of files[0], \"\", is empty"),
        (
            single().with("length", text("5")),
            "wrong in the info dictionary: \"length\": invalid type: byte array, expected a number",
        ),
        (
            single().with("pieces", number(5)),
            "wrong in the info dictionary: \"pieces\": invalid type: integer `5`, expected text",
        ),
        (
            single().with("private", text("1")),
            "wrong in the info dictionary: \"private\": invalid type: byte array, expected a number",
        ),
        (
            folder(&[]).with("files", text("a")),
            "wrong in the info dictionary: \"files\": invalid type: byte array, expected a list",
        ),
        (
            folder(&[]).with("files", list([file(1, &["a"]).with("path", text("a")).bytes()])),
            "wrong in the info dictionary: \"files\" -> \"path\": entry [0]: invalid type: byte array, expected a list",
        ),
        (single().twice("length", number(9)), "wrong in the info dictionary: \"length\": duplicate field `length`"),
        (
            single().with("files", list([])),
            "has both \"length\" and \"files\": a torrent is one file or a folder, not both",
        ),
        (
            single().without("pieces").with("meta version", number(2)),
            "this is a torrent of version 2 only (BEP 52); version 1 or a hybrid is needed",
        ),
    ];
    for (info, message) in table {
        assert_eq!(refusal(&info), message, "{}", info.bytes().escape_ascii());
    }
}

#[test]
fn numbers_that_do_not_add_up_are_refused() {
    let lengths = |lengths: &[i64]| {
        let names = ["a", "b", "c"];
        folder(&[]).with("files", list(lengths.iter().zip(names).map(|(&n, name)| file(n, &[name]).bytes())))
    };
    let nothing = "there is nothing to share: all files together have no bytes";
    let table = [
        (single().with("length", number(0)), nothing),
        (lengths(&[]), nothing),
        (lengths(&[0, 0]), nothing),
        (single().with("length", number(-1)), "the length of files[0], -1, is negative"),
        (lengths(&[5, i64::MIN]), "the length of files[1], -9223372036854775808, is negative"),
        (
            lengths(&[i64::MAX, i64::MAX, i64::MAX]),
            "pieces of 16384 bytes are too short: more than 4194304 pieces up to files[0]",
        ),
        (
            lengths(&[1, 16_384 * i64::from(bound::PIECES_MAX)]),
            "pieces of 16384 bytes are too short: more than 4194304 pieces up to files[1]",
        ),
        (single().with("piece length", number(0)), "a piece length of 0 bytes is not between 1 and 268435456"),
        (
            single().with("piece length", number(-16_384)),
            "a piece length of -16384 bytes is not between 1 and 268435456",
        ),
        (
            single().with("piece length", number(1 << 29)),
            "a piece length of 536870912 bytes is not between 1 and 268435456",
        ),
        (
            single().with("piece length", number(i64::MAX)),
            "a piece length of 9223372036854775807 bytes is not between 1 and 268435456",
        ),
        (single().with("pieces", text([7; 39])), "the field \"pieces\" has 39 bytes, which is not a multiple of 20"),
        (single().with("pieces", text([7; 20])), "has 1 piece hashes where its files need 2"),
        (single().with("pieces", text([7; 60])), "has 3 piece hashes where its files need 2"),
        (single().with("pieces", text("")), "has 0 piece hashes where its files need 2"),
    ];
    for (info, message) in table {
        assert_eq!(refusal(&info), message, "{}", info.bytes().escape_ascii());
    }
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let table: &[(&[&str], &str)] = &[
        (&[".."], "\"..\", has a name of dots that means another folder"),
        (&["a", "..", "..", "b"], "\"a/../../b\", has a name of dots that means another folder"),
        (&["."], "\".\", has a name of dots that means another folder"),
        (&[], "\"\", is empty"),
        (&[""], "\"\", is empty"),
        (&["", "etc"], "\"/etc\", is empty"),
        (&["/etc/passwd"], "\"/etc/passwd\", has '/' inside a name"),
        (&["a/b"], "\"a/b\", has '/' inside a name"),
        (&["..\\..\\b"], "\"..\\\\..\\\\b\", has '\\\\' inside a name"),
        (&["C:\\b"], "\"C:\\\\b\", has '\\\\' inside a name"),
        (&["C:", "b"], "\"C:/b\", names a drive"),
        (&["a\0b"], "\"a\\0b\", has the control character '\\0'"),
        (&["a\u{1b}[2J"], "\"a\\u{1b}[2J\", has the control character '\\u{1b}'"),
    ];
    for (path, message) in table {
        let said = refusal(&folder(&[&["first"], path]));
        assert_eq!(said, format!("the path of files[1], {message}"), "{path:?}");
    }
    let long = "x".repeat(256);
    let said = refusal(&folder(&[&[&long]]));
    let start = "x".repeat(80);
    assert_eq!(said, format!("the path of files[0], \"{start}\"..., has a name of 256 bytes: disks hold 255"));
}

#[test]
fn the_torrents_own_name_is_held_to_the_same_rules() {
    let table = [
        ("..", "the name \"..\" has a name of dots that means another folder"),
        (".", "the name \".\" has a name of dots that means another folder"),
        ("", "the name \"\" is empty"),
        ("/", "the name \"/\" has '/' inside a name"),
        ("a\\b", "the name \"a\\\\b\" has '\\\\' inside a name"),
        ("z:", "the name \"z:\" names a drive"),
        ("a\n", "the name \"a\\n\" has the control character '\\n'"),
    ];
    for (name, message) in table {
        assert_eq!(refusal(&single().with("name", text(name))), message);
        assert_eq!(refusal(&folder(&[&["a"]]).with("name", text(name))), message);
        let hidden = single().with("name", text("fine")).with("name.utf-8", text(name));
        assert_eq!(refusal(&hidden), message, "behind a fine name");
    }
}

#[test]
fn files_that_meet_on_disk_are_refused() {
    let same =
        |first: &str, second: &str| format!("files[0] {first} and files[1] {second} are the same file on some disks");
    let table: &[(&[&[&str]], String)] = &[
        (&[&["a"], &["a"]], same("\"a\"", "\"a\"")),
        (&[&["Readme"], &["README"]], same("\"Readme\"", "\"README\"")),
        (&[&["D", "a"], &["d", "A"]], same("\"D/a\"", "\"d/A\"")),
        (&[&["a"], &["a", "b"]], "files[0] \"a\" would have to be a folder, too, for files[1] \"a/b\"".to_owned()),
        (&[&["A", "b"], &["a"]], "files[1] \"a\" would have to be a folder, too, for files[0] \"A/b\"".to_owned()),
    ];
    for (paths, message) in table {
        assert_eq!(refusal(&folder(paths)), *message);
    }
    // On Windows both get an underscore, and show it.
    assert!(refusal(&folder(&[&["a?"], &["a*"]])).ends_with("are the same file on some disks"));
}

#[test]
fn names_that_windows_cannot_hold_get_an_underscore_there_only() {
    let paths: &[&[&str]] = &[&["CON"], &["nul.txt"], &["what?"], &["dots..."], &["C:evil"]];
    let torrent = Metainfo::from_bytes(&torrent(&folder(paths)).with("x", text("")).bytes());
    // Five files of ten bytes are one piece, as the dictionary says.
    let info = torrent.unwrap().info;
    let read: Vec<&str> = info.files().iter().map(|f| f.path.as_str()).collect();
    let expected = match cfg!(windows) {
        true => ["_CON", "_nul.txt", "what_", "dots.._", "C_evil"],
        false => ["CON", "nul.txt", "what?", "dots...", "C:evil"],
    };
    assert_eq!(read, expected);
}
