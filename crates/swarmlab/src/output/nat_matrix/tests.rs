//! What stands on the pages of the matrix.

use super::*;

#[test]
fn the_table_fits_a_terminal_and_explains_every_number_in_it() {
    let matrix = Matrix::play();
    let text = anstream::adapter::strip_str(&whole_matrix(&matrix)).to_string();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} wide: {line}", line.chars().count());
        assert_eq!(line, line.trim_end());
    }
    assert!(text.contains("\na open               ↔   ↔   ←1  "), "{text}");
    assert!(text.contains("\ng home               →   →   ✗1  "), "{text}");
    let numbers = matrix.cells().iter().filter_map(|cell| number(cell, &matrix.reasons()));
    for number in numbers {
        assert!(text.contains(&format!("\n{number}  ")), "{number} is not explained in\n{text}");
    }
    assert!(matrix.rows.iter().all(|place| text.contains(place.about())));
}

#[test]
fn two_places_are_told_packet_by_packet() {
    let matrix = Matrix::play();
    let cell = |row, column| {
        let found = matrix.cells().iter().find(|cell| (cell.row.name(), cell.column.name()) == (row, column));
        anstream::adapter::strip_str(&pairs_in_full(&[found.unwrap()])).to_string()
    };
    let text = cell("home", "open");
    assert!(text.starts_with("home → open  only the row can dial\n"), "{text}");
    for part in [
        "home dials open at 10.",
        " is seen as 198.18.",
        "connected: handshakes exchanged after ",
        "open dials home at 198.18.",
        "dropped at the border of who is dialled\n",
        "no-mapping: nobody inside has sent from this outside port\n",
        "open sees: timed out\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(cell("home", "home").contains("one home dials the other home at "));
    assert!(cell("home", "same-network").contains("the one dials its neighbour at "));
}

#[test]
fn page_and_picture_are_whole_and_need_nothing_from_elsewhere() {
    let matrix = Matrix::play();
    for text in [matrix_page(&matrix), matrix_svg(&matrix)] {
        let without_the_namespace = text.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "<script", "@import", "url(", " src="] {
            assert!(!without_the_namespace.contains(word), "{word}");
        }
        assert_eq!(well_formed(&text), Ok(()));
        assert!(text.contains("prefers-color-scheme: dark"));
        assert!(matrix.rows.iter().all(|place| text.contains(place.name())));
    }
}

#[test]
fn every_cell_of_the_page_leads_to_its_packets() {
    let page = matrix_page(&Matrix::play());
    let targets: Vec<&str> = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(targets.len(), 13 * 14);
    assert!(targets.iter().all(|target| page.contains(&format!(" id=\"{target}\""))));
}

/// Every tag that opens closes, in the right order.
fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<String> = Vec::new();
    let body = text.split_once("</style>").map_or(text, |(_, rest)| rest);
    for tag in body.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default().to_owned();
        if tag.starts_with('/') {
            match open.pop() {
                Some(last) if last == name => {}
                // What was open before the body.
                None if ["html", "head", "svg"].contains(&name.as_str()) => {}
                last => return Err(format!("</{name}> closes {last:?}")),
            }
        } else if !tag.ends_with('/') && name != "br" {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}")) }
}
