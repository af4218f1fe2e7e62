//! All that came of the pairs, as one table.

use std::fmt::Write;

use super::matrix::{Cell, Side};
use super::ours::Ours;
use crate::Missing;

/// The rows of one client with one setting, or why there are none.
pub type Block = (String, Result<Vec<Cell>, Missing>);

/// One row for each direction and role, one column for each of our settings. Below it, what is
/// wrong.
pub fn table(blocks: &[Block]) -> String {
    let mut out = LEGEND.to_owned();
    let columns = Ours::all();
    let _ = write!(out, "{:ROW$}", "our setting:");
    for ours in &columns {
        let _ = write!(out, "{:COLUMN$}", ours.to_string());
    }
    let mut wrong = String::new();
    for (rival, cells) in blocks {
        let _ = write!(out, "\n{rival}");
        match cells {
            Ok(cells) => rows(&mut out, &columns, cells),
            Err(why) => drop(write!(out, ": {why}")),
        }
        for cell in cells.iter().flatten() {
            if let Some(Err(why)) = &cell.came {
                let _ =
                    writeln!(wrong, "{rival}, {}, ours {}: must be {}: {why}", row(cell), cell.ours, cell.must.meeting);
            }
        }
    }
    out + "\n" + &wrong
}

fn rows(out: &mut String, columns: &[Ours], cells: &[Cell]) {
    for dials in [Side::We, Side::They] {
        for seeds in [Side::We, Side::They] {
            let row_cells: Vec<&Cell> =
                cells.iter().filter(|cell| cell.dials == dials && cell.seeds == seeds).collect();
            let Some(first) = row_cells.first() else { continue };
            let _ = write!(out, "\n  {:width$}", row(first), width = ROW - 2);
            for ours in columns {
                let cell = row_cells.iter().find(|cell| cell.ours == *ours);
                let _ = write!(out, "{:COLUMN$}", cell.map_or_else(String::new, |cell| mark(cell)));
            }
        }
    }
}

fn row(cell: &Cell) -> &'static str {
    match (cell.dials, cell.seeds) {
        (Side::We, Side::We) => "we dial, we seed",
        (Side::We, Side::They) => "we dial, they seed",
        (Side::They, Side::We) => "they dial, we seed",
        (Side::They, Side::They) => "they dial, they seed",
    }
}

fn mark(cell: &Cell) -> String {
    match (&cell.came, cell.must.meeting.settled) {
        (None, _) => "?".to_owned(),
        (Some(Err(_)), _) => "WRONG".to_owned(),
        (Some(Ok(())), _) if cell.unfinished => "not driven".to_owned(),
        (Some(Ok(())), None) => "ok-refused".to_owned(),
        (Some(Ok(())), Some(_)) => format!("ok {}{}", cell.must.meeting, if cell.again { "~" } else { "" }),
    }
}

const LEGEND: &str = "\
rc4: all encrypted; header: the handshake encrypted, then plaintext; plain: plaintext throughout.
+: the first connection was refused, this is the second. ok-refused: must not connect, and does not.
~: at the second play (one encrypted handshake of 256 with libtorrent fails by its own doing).
not driven: the first connection was refused as it must, and their second comes minutes later.
Empty: the same as another column, as who dials in plaintext offers no methods.

";

const ROW: usize = 24;

const COLUMN: usize = 17;

#[cfg(test)]
mod tests {
    use events::Cipher;

    use super::*;
    use crate::encryption::rules::Meeting;
    use crate::encryption::watch::Expected;

    #[test]
    fn a_wrong_pair_is_marked_in_its_place_and_explained_below() {
        let ours = Ours::all();
        let cell = |ours, came| Cell {
            ours,
            dials: Side::We,
            seeds: Side::They,
            must: Expected { meeting: Meeting { refused: 1, settled: Some(Cipher::Plaintext) }, fall_backs: 1 },
            unfinished: false,
            again: false,
            came: Some(came),
        };
        let cells = vec![cell(ours[0], Ok(())), cell(ours[1], Err("joined in rc4".to_owned()))];
        let table = table(&[("aria2 (force)".to_owned(), Ok(cells))]);
        let row = table.lines().find(|line| line.contains("we dial, they seed")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>()[4..], ["ok", "plain+", "WRONG"]);
        let why = "aria2 (force), we dial, they seed, ours allowed rc4: must be plain+: joined in rc4";
        assert_eq!(table.lines().last(), Some(why));
    }
}
