//! What the RFCs imply of each pair, and what is really played.

use super::*;

/// What the RFCs imply for a peer that dials from a port of its own choosing, as TCP does, and that has sent nothing from
/// the port it listens at.
fn implied(dialler: Place, dialled: Partner) -> Result<(), Reason> {
    let stop = |rule, at| Err(Reason { rule, at });
    let Partner::At(dialled) = dialled else { return implied_inside(dialler) };
    // RFC 4787 and 5382 let every packet out; only a firewall's own policy does not.
    if dialler == Place::Behind(Preset::Office) {
        return stop(Rule::PortBlocked, Border::Diallers);
    }
    match dialled {
        Place::Behind(Preset::Open) | Place::HomeForwarded => Ok(()),
        // RFC 6092, REC-33 and REC-34: nothing comes in that was not asked for.
        Place::Behind(Preset::Office) => stop(Rule::Unsolicited, Border::Dialled),
        // A mapping is made by what goes out from a port (RFC 5382, section 4), and nothing has gone out from
        // the port that listens; so filtering (REQ-3) is not even asked.
        Place::HomeBehindCgnat => stop(Rule::NoMapping, Border::DialledProvider),
        Place::Behind(_) => stop(Rule::NoMapping, Border::Dialled),
    }
}

/// To a neighbour by its outside address.
fn implied_inside(place: Place) -> Result<(), Reason> {
    let nats = place.behaviours();
    // The outside address is that of the outermost NAT: it turns the packet around (RFC 5382, REQ-8) or not.
    let at = if nats.len() > 1 { Border::DiallersProvider } else { Border::Diallers };
    match nats.last() {
        // Without a NAT the address is the neighbour's own.
        None => Ok(()),
        Some(nat) if !nat.hairpin => Err(Reason { rule: Rule::NoHairpin, at }),
        Some(_) if place == Place::HomeForwarded => Ok(()),
        Some(_) => Err(Reason { rule: Rule::NoMapping, at }),
    }
}

#[test]
fn the_table_is_what_the_rfcs_imply() {
    let matrix = Matrix::play();
    assert_eq!(matrix.cells().len(), 13 * 14);
    for cell in matrix.cells() {
        let (row, column) = (cell.row, cell.column);
        let found = |method| cell.with(method).unwrap().end.as_ref().map(|_| ()).map_err(|failure| failure.reason);
        assert_eq!(found(Method::TcpOut), implied(row, column), "{} dials {}", row.name(), column.name());
        let back = match column {
            Partner::At(place) => implied(place, Partner::At(row)),
            Partner::SameNetwork => implied(row, column),
        };
        assert_eq!(found(Method::TcpIn), back, "{} is dialled by {}", row.name(), column.name());
    }
}

#[test]
fn for_tcp_the_kind_of_nat_makes_no_difference_to_who_is_reached() {
    let matrix = Matrix::play();
    let reached_by = |dialler: Place| -> Vec<bool> {
        matrix.rows.iter().map(|&row| matrix.cell(dialler, Partner::At(row)).connects(Method::TcpOut)).collect()
    };
    let translated = |place: &&Place| !place.behaviours().is_empty();
    let mut nats = matrix.rows.iter().filter(translated);
    let first = reached_by(*nats.next().unwrap());
    assert!(nats.all(|place| reached_by(*place) == first));
}

#[test]
fn a_failed_try_shows_the_packet_and_how_it_had_been_translated_before() {
    let matrix = Matrix::play();
    let cell = matrix.cell(Place::HomeBehindCgnat, Partner::At(Place::Behind(Preset::Home)));
    let out = cell.with(Method::TcpOut).unwrap();
    let mapped = |incident: &&Incident| matches!(incident.what, What::Mapped { .. });
    let places: Vec<&str> = out.incidents.iter().filter(mapped).map(|incident| incident.place.as_str()).collect();
    assert_eq!(places, [ROW, ROW_PROVIDER], "translated twice on its way out");
    let failure = out.end.as_ref().unwrap_err();
    assert_eq!(failure.packet.to, out.told, "it came to the address that the tracker told");
    assert_eq!(failure.packet.to.port(), COLUMN_PORT);
    assert_eq!((failure.refused, failure.dialler_says.as_str()), (false, "timed out"));
}

#[test]
fn whoever_connects_has_shaken_hands_after_two_round_trips() {
    let matrix = Matrix::play();
    let took = |row, column| matrix.cell(row, column).with(Method::TcpOut).unwrap().end.clone().unwrap();
    // TCP's handshake is one, BitTorrent's the other; each crosses both borders' lines of 20 ms.
    let open = Place::Behind(Preset::Open);
    let far = took(Place::Behind(Preset::Home), Partner::At(open));
    assert!((Duration::from_millis(80)..Duration::from_millis(90)).contains(&far), "{far:?}");
    assert!(took(open, Partner::SameNetwork) < Duration::from_millis(2), "neighbours are near");
}

#[test]
fn it_is_the_same_every_time_and_every_reason_is_named_once() {
    let matrix = Matrix::play();
    assert_eq!(matrix, Matrix::play());
    let reasons = matrix.reasons();
    let rules: Vec<Rule> = reasons.iter().map(|reason| reason.rule).collect();
    for rule in [Rule::NoMapping, Rule::NoHairpin, Rule::Unsolicited, Rule::PortBlocked] {
        assert!(rules.contains(&rule), "{rules:?}");
    }
    let mut sorted = reasons.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), reasons.len());
}

#[test]
fn every_place_says_what_it_is() {
    let mut names: Vec<&str> = Place::ALL.iter().map(|place| place.name()).collect();
    assert!(Place::ALL.iter().all(|place| !place.about().is_empty() && !place.about().ends_with('.')));
    let presets = Place::ALL.iter().filter(|place| matches!(place, Place::Behind(_))).count();
    assert_eq!(presets, Preset::ALL.len(), "every preset has a row");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Place::ALL.len());
}
